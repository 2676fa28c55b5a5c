//! A chain that tells the truth when it speaks of records, over a network that does its worst; and one that says anything.

use stellar_submitter::domain::attempt::{Head, Snapshot};
use stellar_submitter::domain::decide::Action;
use stellar_submitter::domain::observation::{Landed, LookUp, SubmitAnswer};
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::result_code::{
    OperationMeaning, OperationOutcome, TransactionCode, TransactionOutcome,
};
use stellar_submitter::domain::transition::{Evidence, Observed, SequenceUse};
use stellar_xdr::TransactionResultCode as Code;

use crate::fixture::{
    EVERY_UNKNOWN, SEQUENCE, SIGNED_AT, earlier_life, every_code, landed_with, operation_failed,
    outcome, seen, stranger, unknown,
};

/// Ledgers by which a Horizon lags at most: less than the ten between two sights of a missing account.
const MAX_LAG: u32 = 5;

/// A finite supply of decisions, all of the generator's choosing.
#[derive(Debug)]
pub struct Choices {
    bytes: Vec<u8>,
    at: usize,
}

impl Choices {
    pub fn below(&mut self, limit: usize) -> usize {
        let byte = self.bytes[self.at % self.bytes.len()];
        // Shifted at each round, so that a short supply does not repeat itself.
        let round = self.at / self.bytes.len();
        self.at += 1;
        (usize::from(byte) + round * 7) % limit
    }

    pub fn ledgers(&mut self, limit: u32) -> u32 {
        u32::try_from(self.below(limit as usize)).expect("small")
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// One closed ledger: when it closed, and the channel's sequence number after it (`None`: no such account).
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    pub ledger: u32,
    pub closed_at: u64,
    pub sequence: Option<i64>,
}

#[derive(Debug)]
pub struct World {
    pub choices: Choices,
    pub closed: Vec<Closed>,
    pub may_land: bool,
    /// The attempt's own record with which its sequence number was consumed.
    pub landed: Option<Landed>,
    /// A record of the attempt that left the number unused.
    pub ghost: Option<Landed>,
    /// Another transaction that consumed the number.
    pub other: Option<SequenceUse>,
    pub honest: bool,
}

impl World {
    pub fn new(bytes: Vec<u8>) -> Self {
        let first = Closed {
            ledger: SIGNED_AT,
            closed_at: u64::from(SIGNED_AT) * 5,
            sequence: Some(SEQUENCE - 1),
        };
        Self {
            choices: Choices { bytes, at: 0 },
            closed: vec![first],
            may_land: false,
            landed: None,
            ghost: None,
            other: None,
            honest: false,
        }
    }

    pub fn newest(&self) -> Closed {
        *self.closed.last().expect("at least one ledger")
    }

    /// The ledger as a Horizon with some lag sees it.
    pub fn view(&mut self) -> Closed {
        let lag = if self.honest {
            0
        } else {
            self.choices.below(MAX_LAG as usize + 1)
        };
        self.closed[self.closed.len().saturating_sub(1 + lag)]
    }

    pub fn close(&mut self, snapshot: &Snapshot) {
        let last = self.newest();
        let seconds = if self.choices.one_in(12) {
            40
        } else {
            1 + self.choices.below(8) as u64
        };
        let mut now = Closed {
            ledger: last.ledger + 1,
            closed_at: last.closed_at + seconds,
            sequence: last.sequence,
        };
        let plan = &snapshot.attempt.plan;
        let free = now.sequence == Some(SEQUENCE - 1);
        let in_time = now.ledger < plan.max_ledger.0
            && now.closed_at <= plan.max_time.0
            && now.closed_at >= plan.min_time.0;
        if free && in_time && self.may_land && (self.honest || self.choices.one_in(6)) {
            self.land(&mut now, snapshot);
        } else if free && !self.honest && self.choices.one_in(60) {
            self.take_over(&mut now, in_time);
        } else if !self.honest && self.other.is_none() && self.choices.one_in(90) {
            // The channel is merged away.
            now.sequence = None;
        } else if free
            && in_time
            && self.may_land
            && self.ghost.is_none()
            && self.choices.one_in(40)
        {
            let codes = [
                Code::TxBadSeq,
                Code::TxTooLate,
                Code::TxNoAccount,
                Code::TxMalformed,
            ];
            let code = self.choices.pick(&codes);
            self.ghost = Some(record(outcome(code), now, snapshot));
        }
        self.closed.push(now);
    }

    pub fn land(&mut self, now: &mut Closed, snapshot: &Snapshot) {
        let failed = |meaning| {
            operation_failed(OperationOutcome {
                code: "op_test",
                meaning,
            })
        };
        let outcome = match self.choices.below(8) {
            0 => failed(OperationMeaning::State),
            1 => failed(OperationMeaning::Permanent),
            2 => outcome(Code::TxBadAuth),
            3 => outcome(Code::TxBadSponsorship),
            _ => outcome(Code::TxSuccess),
        };
        self.landed = Some(record(outcome, *now, snapshot));
        now.sequence = Some(SEQUENCE);
    }

    /// Somebody else, or an earlier life of ours, uses the sequence number.
    ///
    /// The validity of an earlier life's envelopes is over before this one signs anything, so at the latest in time with it.
    pub fn take_over(&mut self, now: &mut Closed, in_time: bool) {
        let own = match self.choices.below(4) {
            0 if in_time => Some(earlier_life(Code::TxSuccess)),
            1 if in_time => Some(earlier_life(Code::TxFailed)),
            _ => None,
        };
        let hash = own
            .as_ref()
            .map_or(TxHash([0x44; 32]), |own| own.inner_hash);
        self.other = Some(SequenceUse {
            hash,
            ledger: LedgerSeq(now.ledger),
            own,
        });
        now.sequence = Some(SEQUENCE + self.choices.below(3) as i64);
    }

    pub fn seen_landed(&self, view: Closed) -> Option<Landed> {
        [&self.landed, &self.ghost]
            .into_iter()
            .flatten()
            .find(|landed| landed.ledger.0 <= view.ledger)
            .cloned()
    }

    pub fn answer(&mut self, action: Action) -> Observed {
        let silent = !self.honest && self.choices.one_in(4);
        match action {
            Action::Wait => panic!("waiting asks nothing"),
            Action::Submit | Action::Bump(_) => {
                self.may_land = true;
                Observed::Answered(self.submitted())
            }
            Action::LookUp | Action::Prove if silent => {
                let kind = self.choices.pick(&EVERY_UNKNOWN);
                Observed::LookedUp(LookUp::Unknown(unknown(kind)))
            }
            Action::LookUp => {
                let view = self.view();
                let found = self.seen_landed(view);
                Observed::LookedUp(found.map_or(LookUp::Absent, |it| LookUp::Landed(Box::new(it))))
            }
            Action::Prove => Observed::Evidence(Box::new(self.evidence())),
        }
    }

    pub fn submitted(&mut self) -> SubmitAnswer {
        let view = self.view();
        if let Some(landed) = self.seen_landed(view).filter(|landed| landed.successful) {
            return SubmitAnswer::Landed(Box::new(landed));
        }
        if self.honest {
            return SubmitAnswer::Queued { duplicate: false };
        }
        match self.choices.below(6) {
            0 => SubmitAnswer::Queued { duplicate: true },
            1 => SubmitAnswer::TryAgainLater,
            2 => SubmitAnswer::Unknown(unknown(self.choices.pick(&EVERY_UNKNOWN))),
            3 => SubmitAnswer::Malformed("cut by a proxy".to_owned()),
            _ => SubmitAnswer::Refused(any_outcome(&mut self.choices)),
        }
    }

    /// As it is gathered: the account first, the hashes and the history only where the number was used.
    pub fn evidence(&mut self) -> Evidence {
        let view = self.view();
        let mut evidence = seen(view.ledger, view.sequence);
        if view.sequence.is_none_or(|sequence| sequence < SEQUENCE) {
            return evidence;
        }
        let hidden = !self.honest && self.choices.one_in(3);
        evidence.found = self.seen_landed(view).map(Box::new);
        if evidence.found.is_none() && !hidden {
            evidence.used_by = self
                .other
                .clone()
                .filter(|other| other.ledger.0 <= view.ledger);
        }
        evidence
    }

    pub fn paid(&self) -> bool {
        let own = self.landed.as_ref().is_some_and(|landed| landed.successful);
        let adopted = self.other.as_ref().and_then(|other| other.own.as_ref());
        own || adopted.is_some_and(|landed| landed.successful)
    }

    /// Whether the attempt could be applied in any ledger to come.
    pub fn can_still_land(&self, snapshot: &Snapshot) -> bool {
        let now = self.newest();
        let plan = &snapshot.attempt.plan;
        now.sequence == Some(SEQUENCE - 1)
            && now.ledger + 1 < plan.max_ledger.0
            && now.closed_at < plan.max_time.0
    }
}

pub fn record(outcome: TransactionOutcome, now: Closed, snapshot: &Snapshot) -> Landed {
    Landed {
        ledger: LedgerSeq(now.ledger),
        closed_at: ChainTime(now.closed_at),
        inner_hash: snapshot.attempt.inner_hash,
        sequence: Sequence(SEQUENCE),
        ..*landed_with(outcome)
    }
}

pub fn any_outcome(choices: &mut Choices) -> TransactionOutcome {
    let code = choices.pick(&every_code());
    let inner = choices
        .one_in(3)
        .then(|| TransactionCode::Known(choices.pick(&every_code())));
    let meanings = [
        OperationMeaning::Success,
        OperationMeaning::Permanent,
        OperationMeaning::State,
        OperationMeaning::Market,
        OperationMeaning::Contract,
    ];
    let count = choices.below(3);
    let operations = (0..count)
        .map(|_| OperationOutcome {
            code: "op_test",
            meaning: choices.pick(&meanings),
        })
        .collect();
    let code = if choices.one_in(15) {
        TransactionCode::Unrecognised
    } else {
        TransactionCode::Known(code)
    };
    TransactionOutcome {
        code,
        inner,
        fee_charged: choices.pick(&[0, -1, 101, 201, 1_000, 20_000, 20_001, i64::MAX, i64::MIN]),
        operations,
    }
}

pub fn head_of(closed: Closed) -> Head {
    Head {
        ledger: LedgerSeq(closed.ledger),
        closed_at: ChainTime(closed.closed_at),
    }
}

/// An answer of a network that says anything, even of records.
pub fn lie(world: &mut World, action: Action, snapshot: &Snapshot) -> Observed {
    let now = world.newest();
    let ledgers = world.choices.ledgers(40);
    let any_landed = |world: &mut World| {
        let mut landed = record(any_outcome(&mut world.choices), now, snapshot);
        landed.successful = world.choices.one_in(2);
        if world.choices.one_in(5) {
            landed.inner_hash = TxHash([0x55; 32]);
        }
        if world.choices.one_in(5) {
            landed.sequence = Sequence(SEQUENCE + 1);
        }
        Box::new(landed)
    };
    match action {
        Action::Wait => panic!("waiting asks nothing"),
        Action::Submit | Action::Bump(_) if world.choices.one_in(20) => {
            Observed::Answered(SubmitAnswer::Landed(any_landed(world)))
        }
        Action::Submit | Action::Bump(_) => Observed::Answered(world.submitted()),
        Action::LookUp if world.choices.one_in(10) => {
            Observed::LookedUp(LookUp::Landed(any_landed(world)))
        }
        Action::LookUp => world.answer(Action::LookUp),
        Action::Prove => {
            let states = [None, Some(SEQUENCE - 1), Some(SEQUENCE), Some(SEQUENCE + 9)];
            let state = world.choices.pick(&states);
            let mut evidence = seen(now.ledger - 20 + ledgers, state);
            if world.choices.one_in(5) {
                evidence.found = Some(any_landed(world));
            }
            if world.choices.one_in(5) {
                let own = world.choices.one_in(2).then(|| any_landed(world));
                let hash = own
                    .as_ref()
                    .map_or(TxHash([0x66; 32]), |own| own.inner_hash);
                evidence.used_by = Some(SequenceUse {
                    hash,
                    ledger: LedgerSeq(now.ledger),
                    own,
                });
            }
            if world.choices.one_in(10) {
                evidence.snapshot.account = stranger();
            }
            Observed::Evidence(Box::new(evidence))
        }
    }
}
