//! A chain that tells the truth when it speaks of records, over a network that does its worst; and one that says anything.
//!
//! Whatever happens: nothing is paid twice, nothing that landed or could still land is given up, and once the network is
//! honest again the attempt ends.

use proptest::collection::vec;
use proptest::prelude::*;
use stellar_submitter::domain::attempt::{Head, Snapshot};
use stellar_submitter::domain::decide::Action;
use stellar_submitter::domain::intent::OnStateError;
use stellar_submitter::domain::observation::{Landed, LookUp, SubmitAnswer};
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::result_code::{
    OperationMeaning, OperationOutcome, TransactionCode, TransactionOutcome,
};
use stellar_submitter::domain::transition::{Evidence, IntentEnd, Observed, SequenceUse};
use stellar_xdr::TransactionResultCode as Code;

use crate::drive::Drive;
use crate::fixture::{
    EVERY_UNKNOWN, MAX_LEDGER, SEQUENCE, SIGNED_AT, earlier_life, every_code, fresh, landed_with,
    operation_failed, outcome, recovered, seen, stroops, unknown,
};

/// Ledgers by which a Horizon lags at most: less than the ten between two sights of a missing account.
const MAX_LAG: u32 = 5;
/// Ledgers of a run.
const RUN: u32 = 80;
/// Ledgers after the fence, or after the network became honest, in which an attempt must end: the longest pause between
/// two looks (20), and the ten between two sights of a missing account.
const MUST_END_AFTER: u32 = 36;

/// A finite supply of decisions, all of the generator's choosing.
#[derive(Debug)]
struct Choices {
    bytes: Vec<u8>,
    at: usize,
}

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        let byte = self.bytes[self.at % self.bytes.len()];
        // Shifted at each round, so that a short supply does not repeat itself.
        let round = self.at / self.bytes.len();
        self.at += 1;
        (usize::from(byte) + round * 7) % limit
    }

    fn ledgers(&mut self, limit: u32) -> u32 {
        u32::try_from(self.below(limit as usize)).expect("small")
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// One closed ledger: when it closed, and the channel's sequence number after it (`None`: no such account).
#[derive(Clone, Copy, Debug)]
struct Closed {
    ledger: u32,
    closed_at: u64,
    sequence: Option<i64>,
}

#[derive(Debug)]
struct World {
    choices: Choices,
    closed: Vec<Closed>,
    may_land: bool,
    /// The attempt's own record with which its sequence number was consumed.
    landed: Option<Landed>,
    /// A record of the attempt that left the number unused.
    ghost: Option<Landed>,
    /// Another transaction that consumed the number.
    other: Option<SequenceUse>,
    honest: bool,
}

impl World {
    fn new(bytes: Vec<u8>) -> Self {
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

    fn newest(&self) -> Closed {
        *self.closed.last().expect("at least one ledger")
    }

    /// The ledger as a Horizon with some lag sees it.
    fn view(&mut self) -> Closed {
        let lag = if self.honest {
            0
        } else {
            self.choices.below(MAX_LAG as usize + 1)
        };
        self.closed[self.closed.len().saturating_sub(1 + lag)]
    }

    fn close(&mut self, snapshot: &Snapshot) {
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

    fn land(&mut self, now: &mut Closed, snapshot: &Snapshot) {
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
    fn take_over(&mut self, now: &mut Closed, in_time: bool) {
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

    fn seen_landed(&self, view: Closed) -> Option<Landed> {
        [&self.landed, &self.ghost]
            .into_iter()
            .flatten()
            .find(|landed| landed.ledger.0 <= view.ledger)
            .cloned()
    }

    fn answer(&mut self, action: Action) -> Observed {
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

    fn submitted(&mut self) -> SubmitAnswer {
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
    fn evidence(&mut self) -> Evidence {
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

    fn paid(&self) -> bool {
        let own = self.landed.as_ref().is_some_and(|landed| landed.successful);
        let adopted = self.other.as_ref().and_then(|other| other.own.as_ref());
        own || adopted.is_some_and(|landed| landed.successful)
    }

    /// Whether the attempt could be applied in any ledger to come.
    fn can_still_land(&self, snapshot: &Snapshot) -> bool {
        let now = self.newest();
        let plan = &snapshot.attempt.plan;
        now.sequence == Some(SEQUENCE - 1)
            && now.ledger + 1 < plan.max_ledger.0
            && now.closed_at < plan.max_time.0
    }
}

fn record(outcome: TransactionOutcome, now: Closed, snapshot: &Snapshot) -> Landed {
    Landed {
        ledger: LedgerSeq(now.ledger),
        closed_at: ChainTime(now.closed_at),
        inner_hash: snapshot.attempt.inner_hash,
        sequence: Sequence(SEQUENCE),
        ..*landed_with(outcome)
    }
}

fn any_outcome(choices: &mut Choices) -> TransactionOutcome {
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

#[derive(Clone, Debug)]
struct Setting {
    snapshot: Snapshot,
    cancel_at: Option<u32>,
    honest_from: u32,
}

fn setting() -> impl Strategy<Value = Setting> {
    let start = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let terms = (
        proptest::option::of(5_000..5_200_u64),
        any::<bool>(),
        100..100_000_i64,
        1..=3_u32,
    );
    let bounds = (5_010..5_300_u64, 5_000..5_040_u64, any::<bool>());
    let times = (proptest::option::of(SIGNED_AT..MAX_LEDGER + 20), 0..40_u32);
    (start, terms, bounds, times).prop_map(
        |(
            (was_sent, sponsored, presigned, park),
            (until, bumped, cap, operations),
            bounds,
            times,
        )| {
            let mut snapshot = if was_sent { recovered() } else { fresh() };
            let (max_time, min_time, early) = bounds;
            let attempt = &mut snapshot.attempt;
            attempt.operations = operations;
            attempt.plain_fee = stroops(100 * i64::from(operations));
            attempt.sponsored = sponsored || presigned;
            attempt.presigned = presigned;
            attempt.plan.min_time = ChainTime(if early { 0 } else { min_time });
            attempt.plan.max_time = ChainTime(until.map_or(max_time, |until| until.min(max_time)));
            let terms = &mut snapshot.terms;
            terms.cap.0 = stroops(cap);
            terms.valid_until = until.filter(|_| !presigned).map(ChainTime);
            terms.parked_times = u32::from(bumped);
            if park {
                terms.on_state_error = OnStateError::Park;
            }
            let (cancel_at, honest_after) = times;
            Setting {
                snapshot,
                cancel_at,
                honest_from: SIGNED_AT + honest_after,
            }
        },
    )
}

fn head_of(closed: Closed) -> Head {
    Head {
        ledger: LedgerSeq(closed.ledger),
        closed_at: ChainTime(closed.closed_at),
    }
}

/// How a run ended, in a word, so that a test can see that every end occurs.
fn run(setting: Setting, bytes: Vec<u8>) -> Result<&'static str, TestCaseError> {
    let mut world = World::new(bytes);
    // What a process before this one sent may land too.
    world.may_land = setting.snapshot.progress.maybe_sent;
    let mut drive = Drive::new(setting.snapshot);
    let mut head = head_of(world.newest());
    loop {
        let now = world.newest();
        world.honest = now.ledger >= setting.honest_from;
        if setting.cancel_at == Some(now.ledger) {
            drive.snapshot.terms.cancel_requested = true;
        }
        // The head that we follow lags as well, and never goes back.
        let lag = if world.honest {
            0
        } else {
            world.choices.below(3)
        };
        let followed = head_of(world.closed[world.closed.len().saturating_sub(1 + lag)]);
        let news = followed.ledger > head.ledger;
        head = if news { followed } else { head };
        // A ledger that was read whole shows what it holds.
        let landed = world
            .landed
            .clone()
            .filter(|landed| landed.ledger == head.ledger);
        if let Some(landed) = landed.filter(|_| news && (world.honest || world.choices.one_in(2))) {
            drive.observe(Observed::InLedger(Box::new(landed)), head);
        }
        if drive.settlement.is_none() {
            drive.ledger(head, |action, _| world.answer(action));
        }
        if let Some(settlement) = &drive.settlement {
            let succeeded = settlement.intent == IntentEnd::Succeeded;
            prop_assert_eq!(
                succeeded,
                world.paid(),
                "{:?} though paid is {}: {:?}",
                settlement.intent,
                world.paid(),
                world
            );
            if !succeeded {
                prop_assert!(
                    !world.can_still_land(&drive.snapshot),
                    "{:?} though it can still land: {:?}",
                    settlement,
                    world
                );
            }
            return Ok(crate::fixture::end_of(&settlement.intent).0);
        }
        let waited = now
            .ledger
            .saturating_sub(setting.honest_from.max(MAX_LEDGER));
        // A record that left the number unused, beside somebody else's use of it: a person must look.
        let for_people = world.ghost.is_some() && now.sequence.is_some_and(|it| it >= SEQUENCE);
        if for_people && drive.unexplained.is_some() {
            return Ok("unexplained");
        }
        prop_assert!(
            waited < MUST_END_AFTER + u32::from(for_people) * MUST_END_AFTER,
            "no end at ledger {}: {:?} in {:?}",
            now.ledger,
            drive.snapshot,
            world
        );
        prop_assert!(now.ledger < SIGNED_AT + RUN + 60);
        world.close(&drive.snapshot);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_paid_twice_or_given_up_while_it_can_land(
        setting in setting(), bytes in vec(any::<u8>(), 64..400),
    ) {
        run(setting, bytes)?;
    }

    #[test]
    fn whatever_is_said_the_rules_hold(
        setting in setting(), bytes in vec(any::<u8>(), 64..400),
    ) {
        // Here even records lie: every step is held against the rules by the drive itself.
        let mut world = World::new(bytes);
        let mut drive = Drive::new(setting.snapshot);
        for _ in 0..RUN {
            let head = head_of(world.newest());
            if setting.cancel_at == Some(head.ledger.0) {
                drive.snapshot.terms.cancel_requested = true;
            }
            let done = drive.ledger(head, |action, snapshot| lie(&mut world, action, snapshot));
            if done {
                break;
            }
            world.close(&drive.snapshot);
        }
    }
}

fn lie(world: &mut World, action: Action, snapshot: &Snapshot) -> Observed {
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
                evidence.snapshot.account = crate::fixture::stranger();
            }
            Observed::Evidence(Box::new(evidence))
        }
    }
}

#[test]
fn every_end_occurs() {
    // A run that never parks, say, would prove nothing about parking.
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (setting(), vec(any::<u8>(), 64..400));
    let mut ends = std::collections::BTreeMap::new();
    for _ in 0..4_000 {
        let (setting, bytes) = strategy.new_tree(&mut runner).expect("a value").current();
        *ends
            .entry(run(setting, bytes).expect("the rules hold"))
            .or_insert(0) += 1;
    }
    for end in [
        "succeeded",
        "failed",
        "expired",
        "canceled",
        "parked",
        "requeued",
        "unexplained",
    ] {
        assert!(
            ends.get(end).is_some_and(|count| *count >= 5),
            "{end}: {ends:?}"
        );
    }
}
