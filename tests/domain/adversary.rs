//! Whatever chain and network do: nothing is paid twice, nothing that landed or could still land is given up, and once the
//! network is honest again the attempt ends.

use proptest::collection::vec;
use proptest::prelude::*;
use stellar_submitter::domain::attempt::Snapshot;
use stellar_submitter::domain::intent::OnStateError;
use stellar_submitter::domain::primitives::ChainTime;
use stellar_submitter::domain::transition::{IntentEnd, Observed};

use crate::drive::Drive;
use crate::fixture::{MAX_LEDGER, SEQUENCE, SIGNED_AT, end_of, fresh, recovered, stroops};
use crate::world::{World, head_of, lie};

/// Ledgers of a run.
const RUN: u32 = 80;
/// Ledgers after the fence, or after the network became honest, in which an attempt must end: the longest pause between
/// two looks (20), and the ten between two sights of a missing account.
const MUST_END_AFTER: u32 = 36;

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
            return Ok(end_of(&settlement.intent).0);
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
