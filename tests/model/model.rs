//! What each thing that happens changes. A worker's decisions are the domain's own; ledger, network and records are abstract.

use std::sync::Arc;

use stateright::{Model, Property};
use stellar_submitter::domain::attempt::Progress;
use stellar_submitter::domain::decide::{self, Action as Decision};
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer, Unknown, UnknownKind};
use stellar_submitter::domain::primitives::LedgerSeq;
use stellar_submitter::domain::transition::{
    AttemptEnd, Evidence, IntentEnd, Observed, Settlement, Transition, absorb, sent,
};
use stellar_xdr::TransactionResultCode as Code;

use crate::action::{Action, Answer};
use crate::facts::{self, PACE};
use crate::property;
use crate::records::{close, follow, forget, orphan, persist, record_attempt, remember, take_over};
use crate::setting::{Bug, Setting};
use crate::state::{Attempt, Landing, Phase, Picked, State};

/// The submitter within a setting's bounds.
#[derive(Clone)]
pub struct Submitter {
    pub setting: Arc<Setting>,
}

impl Model for Submitter {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.setting)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = self.after(last, action);
        state.let_idle_follow();
        (state != *last).then(|| state.with_workers_in_order())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all(&self.setting)
    }
}

impl Submitter {
    pub fn new(setting: Setting) -> Self {
        Self {
            setting: Arc::new(setting),
        }
    }

    /// The state after something has happened.
    pub fn after(&self, last: &State, action: Action) -> State {
        let mut state = last.clone();
        match action {
            Action::Close(entries) => close(&mut state, entries, &self.setting),
            Action::Follow(worker) => follow(&mut state, worker),
            Action::Pick(worker, intent, channel) => {
                let sequence = state.channel(channel).recorded + 1;
                state.worker_mut(worker).picked = Some(Picked {
                    intent,
                    channel,
                    sequence,
                });
                if !self.setting.split_claim {
                    self.sign(&mut state, worker);
                }
            }
            Action::Sign(worker) => self.sign(&mut state, worker),
            Action::Persist(worker) => persist(&mut state, worker),
            Action::Act(worker, intent, answer) => self.act(&mut state, worker, intent, answer),
            Action::Scan(worker, intent) => self.scan(&mut state, worker, intent),
            Action::Crash(worker) => {
                state.left.crashes -= 1;
                orphan(&mut state, worker);
                forget(&mut state, worker);
            }
            Action::EndLease(worker) => {
                state.left.leases -= 1;
                orphan(&mut state, worker);
                state.worker_mut(worker).leased = false;
            }
            Action::Notice(worker) => forget(&mut state, worker),
            Action::TakeOver(worker, intent) => take_over(&mut state, worker, intent),
            Action::Cancel(intent) => {
                state.left.cancels -= 1;
                let record = &mut state.intents[usize::from(intent)];
                record.cancel = true;
                if matches!(record.phase, Phase::Queued | Phase::Parked) {
                    record.phase = Phase::Canceled;
                }
            }
            Action::Resume(intent) => state.intents[usize::from(intent)].phase = Phase::Queued,
        }
        state
    }

    /// Signs what was picked and puts it on record, if the records still allow it.
    fn sign(&self, state: &mut State, worker: u8) {
        let bug = self.setting.bug;
        let Some(picked) = state.worker_mut(worker).picked.take() else {
            return;
        };
        if !state.worker(worker).leased {
            return forget(state, worker);
        }
        let signed = state.worker(worker).head;
        let record = state.intents[usize::from(picked.intent)];
        let until = self.setting.valid_until.filter(|_| picked.intent == 0);
        if record.phase == Phase::Queued && until.is_some_and(|until| signed > until) {
            state.intents[usize::from(picked.intent)].phase = Phase::Expired;
            return;
        }
        let open = |test: &dyn Fn(&Attempt) -> bool| {
            let mut open = state.attempts.iter().filter(|attempt| attempt.open);
            open.any(test)
        };
        let second_of_intent = open(&|other| other.intent == picked.intent);
        let second_of_number =
            open(&|other| other.channel == picked.channel && other.sequence == picked.sequence);
        let allowed = record.phase == Phase::Queued
            && !second_of_intent
            && state.channel(picked.channel).busy.is_none()
            && state.channel(picked.channel).recorded + 1 == picked.sequence;
        let allowed = match bug {
            Bug::NoUniqueIndex => !record.phase.is_final(),
            Bug::ReleaseChannelEarly => allowed,
            _ => allowed && !second_of_number,
        };
        if !allowed || state.attempts.len() >= self.setting.attempts {
            return;
        }
        let first = bug == Bug::SendBeforePersist;
        let number = u8::try_from(state.attempts.len()).expect("few");
        state.attempts.push(Attempt {
            intent: picked.intent,
            channel: picked.channel,
            sequence: picked.sequence,
            signed,
            bump: false,
            open: !first,
            sent: first,
            bump_sent: false,
        });
        if first {
            state.worker_mut(worker).unwritten = Some(number);
        } else {
            record_attempt(state, worker, number, Progress::fresh());
        }
    }

    /// Does what `next` says, and takes the answer in.
    fn act(&self, state: &mut State, worker: u8, intent: u8, answer: Answer) {
        let Some(mind) = state.mind(worker, intent).cloned() else {
            return;
        };
        let attempt = mind.attempt;
        let head = facts::head(&self.setting, state.worker(worker).head);
        let mut snapshot = facts::snapshot(&self.setting, state, intent, &mind);
        let posts = decide::next(&snapshot, head) == Decision::Submit;
        if posts {
            sent(&mut snapshot, head, PACE);
            let row = &mut state.attempts[usize::from(attempt)];
            if mind.bumped {
                row.bump_sent = true;
            } else {
                row.sent = true;
            }
            if self.setting.bug == Bug::ReleaseChannelEarly {
                let channel = usize::from(row.channel);
                state.channels[channel].busy = None;
            }
        }
        let landing = state.user_of(attempt).copied();
        let bug = self.setting.bug;
        let observed = match answer {
            Answer::Recorded => {
                // A bump goes on record before it is sent, for the holder of the lease alone.
                let holds = state.intents[usize::from(intent)].phase
                    == Phase::InFlight(attempt, Some(worker));
                if !holds {
                    return forget(state, worker);
                }
                state.attempts[usize::from(attempt)].bump = true;
                let mut mind = mind;
                mind.bumped = true;
                return remember(state, worker, intent, mind, snapshot.progress);
            }
            Answer::Silence if bug == Bug::RebuildOnTimeout => death(state, attempt),
            Answer::BadSequence if bug == Bug::BadSequenceIsDeath => death(state, attempt),
            Answer::Absent if bug == Bug::TrustAbsence => death(state, attempt),
            Answer::Refused if bug == Bug::RefusalIsFailure => {
                let outcome = facts::outcome(false);
                let answered = Observed::Answered(SubmitAnswer::Refused(outcome));
                absorb(&mut snapshot, answered, head, PACE).expect("about this attempt");
                death(state, attempt)
            }
            Answer::Silence => Observed::Answered(SubmitAnswer::Unknown(Unknown {
                kind: UnknownKind::Timeout,
                status: Some(504),
                detail: String::new(),
                retry_after: None,
            })),
            Answer::LowBid => Observed::Answered(SubmitAnswer::Refused(facts::refused(
                Code::TxInsufficientFee,
            ))),
            Answer::BadSequence => {
                Observed::Answered(SubmitAnswer::Refused(facts::refused(Code::TxBadSeq)))
            }
            Answer::Absent => Observed::LookedUp(LookUp::Absent),
            Answer::Refused => Observed::Answered(SubmitAnswer::Refused(facts::outcome(false))),
            Answer::Landed => {
                let Some(landing) = landing else { return };
                let landed = facts::landed(&self.setting, state, attempt, &landing);
                // A POST is told a failure as it is told a refusal.
                match (posts, landing.success) {
                    (true, true) => Observed::Answered(SubmitAnswer::Landed(landed)),
                    (true, false) => Observed::Answered(SubmitAnswer::Refused(landed.outcome)),
                    (false, _) => Observed::LookedUp(LookUp::Landed(landed)),
                }
            }
            Answer::Evidence(as_of, found, user) => self.evidence(
                state,
                attempt,
                facts::evidence(state, attempt, as_of),
                landing,
                (found, user),
            ),
        };
        state.left.bad_sequences -= u8::from(answer == Answer::BadSequence);
        state.left.refusals -= u8::from(answer == Answer::Refused);
        let is_death = matches!(
            (bug, answer),
            (Bug::RebuildOnTimeout, Answer::Silence)
                | (Bug::BadSequenceIsDeath, Answer::BadSequence)
                | (Bug::TrustAbsence, Answer::Absent)
                | (Bug::RefusalIsFailure, Answer::Refused)
        );
        if is_death || bug == Bug::NoFence {
            // As if every fence had been passed long ago.
            snapshot.attempt.plan.max_ledger = LedgerSeq(1);
        }
        let transition = absorb(&mut snapshot, observed, head, PACE).expect("about this attempt");
        match transition {
            Transition::Settled(settlement) => {
                self.settle(state, worker, intent, attempt, &settlement)
            }
            Transition::Learned | Transition::Unexplained(_) => {
                remember(state, worker, intent, mind, snapshot.progress);
            }
        }
    }

    /// Adds to the channel's state what the history shows.
    fn evidence(
        &self,
        state: &State,
        attempt: u8,
        mut evidence: Evidence,
        landing: Option<Landing>,
        (found, user): (bool, bool),
    ) -> Observed {
        if let Some(landing) = landing {
            let record = || facts::landed(&self.setting, state, attempt, &landing);
            let ours = landing.attempt == Some(attempt);
            if found && ours {
                evidence.found = Some(record());
            } else if user {
                let intent = state.attempt(attempt).intent;
                let hashes_lost = self.setting.bug == Bug::ForgetOlderHashes && ours;
                let rebuilt = landing.attempt.is_some() || self.setting.bug == Bug::AdoptByTag;
                let own = (landing.tag == intent && rebuilt).then(record);
                evidence.used_by = Some(if hashes_lost {
                    facts::foreign_use(&landing)
                } else {
                    facts::sequence_use(&landing, own)
                });
            }
        }
        Observed::Evidence(Box::new(evidence))
    }

    /// A ledger that was read whole settles what it holds.
    fn scan(&self, state: &mut State, worker: u8, intent: u8) {
        let Some(mind) = state.mind(worker, intent).cloned() else {
            return;
        };
        let landing = state.landing_of(mind.attempt).copied();
        let Some(landing) = landing.filter(|_| self.is_shown(state, mind.attempt, mind.bumped))
        else {
            return;
        };
        let head = facts::head(&self.setting, state.worker(worker).head);
        let mut snapshot = facts::snapshot(&self.setting, state, intent, &mind);
        let landed = facts::landed(&self.setting, state, mind.attempt, &landing);
        match absorb(&mut snapshot, Observed::InLedger(landed), head, PACE) {
            Ok(Transition::Settled(settlement)) => {
                self.settle(state, worker, intent, mind.attempt, &settlement);
            }
            other => panic!("a landing settles: {other:?}"),
        }
    }

    /// Puts an end on record: attempt, intent and channel together, for the holder of the lease alone.
    fn settle(
        &self,
        state: &mut State,
        worker: u8,
        intent: u8,
        attempt: u8,
        settlement: &Settlement,
    ) {
        let record = state.intents[usize::from(intent)];
        let holds = record.phase == Phase::InFlight(attempt, Some(worker));
        let blind = self.setting.bug == Bug::NoLeaseToken && !record.phase.is_final();
        if !holds && !blind {
            return forget(state, worker);
        }
        for row in &mut state.attempts {
            row.open &= row.intent != intent;
        }
        let channel = usize::from(state.attempt(attempt).channel);
        let channel = &mut state.channels[channel];
        if channel.busy == Some(intent) {
            channel.busy = None;
        }
        if let Some(sequence) = settlement.channel_sequence {
            let sequence = u8::try_from(sequence.0).expect("small");
            channel.recorded = channel.recorded.max(sequence);
        }
        let phase = match settlement.intent {
            IntentEnd::Succeeded => Phase::Succeeded,
            IntentEnd::Failed(_) => Phase::Failed,
            IntentEnd::Expired => Phase::Expired,
            IntentEnd::Canceled => Phase::Canceled,
            IntentEnd::Parked { .. } | IntentEnd::Requeued if record.cancel => Phase::Canceled,
            IntentEnd::Parked { .. } => Phase::Parked,
            IntentEnd::Requeued => Phase::Queued,
        };
        debug_assert!(
            phase != Phase::Succeeded || !matches!(settlement.attempt, AttemptEnd::LandedFailed(_))
        );
        state.intents[usize::from(intent)].phase = phase;
        state.worker_mut(worker).minds[usize::from(intent)] = None;
    }
}

/// The observation by which a mistaken worker calls an attempt dead: its sequence number is unused, long after the fence.
fn death(state: &State, attempt: u8) -> Observed {
    let row = state.attempt(attempt);
    Observed::Evidence(Box::new(facts::account(
        row.channel,
        row.sequence - 1,
        facts::ledger(state.now),
    )))
}
