//! One state of the whole: the ledger, what the network may still deliver, the records, and what each worker believes.

use std::hash::{Hash, Hasher};

use stellar_submitter::domain::attempt::{Progress, Verdict};
use stellar_submitter::domain::primitives::LedgerSeq;

use crate::setting::Setting;

/// What is on record of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Queued,
    /// With its open attempt and the worker that owns it; `None` once that worker's lease has ended.
    InFlight(u8, Option<u8>),
    Parked,
    Succeeded,
    Failed,
    Expired,
    Canceled,
}

impl Phase {
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::InFlight(..) | Self::Parked => false,
            Self::Succeeded | Self::Failed | Self::Expired | Self::Canceled => true,
        }
    }
}

/// An intent as it is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    pub phase: Phase,
    pub cancel: bool,
}

/// A transaction in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Landing {
    /// Ours, or a stranger's.
    pub attempt: Option<u8>,
    /// The intent that its tag names.
    pub tag: u8,
    /// Whether the fee bump carried it.
    pub bump: bool,
    pub step: u8,
    pub success: bool,
}

/// A channel: its record, and its account on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    /// The newest sequence number that the records know to be used.
    pub recorded: u8,
    /// The intent that uses it.
    pub busy: Option<u8>,
    /// What used its sequence numbers 1, 2, …
    pub landed: Vec<Landing>,
}

impl Channel {
    /// The account's sequence number as of a step.
    pub fn sequence_at(&self, step: u8) -> u8 {
        let landed = self.landed.iter().filter(|landing| landing.step <= step);
        u8::try_from(landed.count()).expect("few")
    }
}

/// A signed transaction. That it exists is a fact, whether or not it stands on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub intent: u8,
    pub channel: u8,
    pub sequence: u8,
    /// The step of the head with which it was signed.
    pub signed: u8,
    /// Its fee bump is on record.
    pub bump: bool,
    /// On record as neither landed nor dead.
    pub open: bool,
    /// The plain envelope was sent: the network may deliver it whenever it likes, or never.
    pub sent: bool,
    /// The same of the fee bump.
    pub bump_sent: bool,
}

/// What a worker knows of an attempt beyond the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known(pub Progress);

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Progress {
            maybe_sent,
            sends,
            first_sent,
            resend_at,
            absent_at,
            idle_until,
            fee_too_low,
            verdict,
            check_account,
            unexplained_since,
            missing_since,
        } = &self.0;
        (maybe_sent, sends, first_sent, resend_at, absent_at).hash(state);
        (idle_until, fee_too_low, check_account).hash(state);
        (unexplained_since, missing_since).hash(state);
        match verdict {
            None => 0.hash(state),
            Some(Verdict::Rebuild) => 1.hash(state),
            Some(Verdict::Fail(reason)) => (2, &reason.code).hash(state),
            Some(Verdict::Park(reason)) => (3, &reason.code).hash(state),
        }
    }
}

impl Known {
    /// Forgets differences that decide nothing any more: ledgers that have passed count alike.
    pub fn forget_passed(&mut self, head: LedgerSeq) {
        /// Long ago.
        const PASSED: LedgerSeq = LedgerSeq(1);
        /// Ledgers after which a send counts as aged out.
        const AGED_OUT: u32 = 5;
        let progress = &mut self.0;
        progress.sends = progress.sends.min(2);
        for at in [&mut progress.resend_at, &mut progress.idle_until] {
            if *at <= head {
                *at = LedgerSeq(0);
            }
        }
        if progress
            .first_sent
            .is_some_and(|at| at.plus(AGED_OUT) <= head)
        {
            progress.first_sent = Some(PASSED);
        }
        if progress.absent_at.is_some_and(|at| at.plus(1) < head) {
            progress.absent_at = Some(PASSED);
        }
    }
}

/// An attempt in a worker's hands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mind {
    pub attempt: u8,
    pub canceled: bool,
    pub bumped: bool,
    pub known: Known,
}

/// What a worker read in order to take an intent up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Picked {
    pub intent: u8,
    pub channel: u8,
    pub sequence: u8,
}

/// A worker's memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    /// The step that it has followed the ledger to.
    pub head: u8,
    /// Whether its lease holds. It does not know when that ends.
    pub leased: bool,
    pub picked: Option<Picked>,
    /// Sent, and not on record yet (only by mistake).
    pub unwritten: Option<u8>,
    pub minds: Vec<Option<Mind>>,
}

/// What may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    pub crashes: u8,
    pub leases: u8,
    pub failures: u8,
    pub bad_sequences: u8,
    pub refusals: u8,
    pub cancels: u8,
    pub strangers: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Steps that the ledger has advanced.
    pub now: u8,
    pub intents: Vec<Intent>,
    pub channels: Vec<Channel>,
    pub attempts: Vec<Attempt>,
    pub workers: Vec<Worker>,
    pub left: Left,
}

/// Workers of every run.
pub const WORKERS: u8 = 2;

impl State {
    pub fn first(setting: &Setting) -> Self {
        let worker = Worker {
            head: 0,
            leased: true,
            picked: None,
            unwritten: None,
            minds: vec![None; usize::from(setting.intents)],
        };
        let intent = Intent {
            phase: Phase::Queued,
            cancel: false,
        };
        let channel = Channel {
            recorded: 0,
            busy: None,
            landed: Vec::new(),
        };
        Self {
            now: 0,
            intents: vec![intent; usize::from(setting.intents)],
            channels: vec![channel; usize::from(setting.channels)],
            attempts: Vec::new(),
            workers: vec![worker; usize::from(WORKERS)],
            left: Left {
                crashes: setting.crashes,
                leases: setting.lost_leases,
                failures: setting.failures,
                bad_sequences: setting.bad_sequences,
                refusals: setting.refusals,
                cancels: setting.cancels,
                strangers: setting.strangers,
            },
        }
    }

    pub fn attempt(&self, attempt: u8) -> &Attempt {
        &self.attempts[usize::from(attempt)]
    }

    pub fn worker(&self, worker: u8) -> &Worker {
        &self.workers[usize::from(worker)]
    }

    pub fn worker_mut(&mut self, worker: u8) -> &mut Worker {
        &mut self.workers[usize::from(worker)]
    }

    pub fn mind(&self, worker: u8, intent: u8) -> Option<&Mind> {
        self.worker(worker).minds[usize::from(intent)].as_ref()
    }

    pub fn channel(&self, channel: u8) -> &Channel {
        &self.channels[usize::from(channel)]
    }

    /// What used an attempt's sequence number, if something has.
    pub fn user_of(&self, attempt: u8) -> Option<&Landing> {
        let Attempt {
            channel, sequence, ..
        } = *self.attempt(attempt);
        self.channel(channel).landed.get(usize::from(sequence) - 1)
    }

    /// Where an attempt stands in the ledger, if it does.
    pub fn landing_of(&self, attempt: u8) -> Option<&Landing> {
        self.user_of(attempt)
            .filter(|landing| landing.attempt == Some(attempt))
    }

    /// How often an intent's own transactions have succeeded.
    pub fn successes(&self, intent: u8) -> usize {
        let landed = self.channels.iter().flat_map(|channel| &channel.landed);
        landed
            .filter(|landing| landing.attempt.is_some() && landing.tag == intent && landing.success)
            .count()
    }

    /// A worker with nothing in its hands decides nothing by an old head, nor by a lease that has ended: it follows, and
    /// begins another life, at once.
    pub fn let_idle_follow(&mut self) {
        for worker in &mut self.workers {
            let in_hands = worker.minds.iter().any(Option::is_some);
            if !in_hands && worker.picked.is_none() && worker.unwritten.is_none() {
                worker.head = self.now;
                worker.leased = true;
            }
        }
    }

    /// Two workers are alike: of two states that differ in their names alone, one stands for both.
    pub fn with_workers_in_order(mut self) -> Self {
        let place = |state: &Self, worker: u8| {
            let mut hasher = std::hash::DefaultHasher::new();
            state.worker(worker).hash(&mut hasher);
            for intent in &state.intents {
                matches!(intent.phase, Phase::InFlight(_, Some(owner)) if owner == worker)
                    .hash(&mut hasher);
            }
            hasher.finish()
        };
        if place(&self, 0) > place(&self, 1) {
            self.workers.swap(0, 1);
            for intent in &mut self.intents {
                if let Phase::InFlight(_, Some(owner)) = &mut intent.phase {
                    *owner = 1 - *owner;
                }
            }
        }
        self
    }
}
