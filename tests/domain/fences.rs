//! The proof of death by the bounds, at the exact ledger and second.

use stellar_submitter::domain::attempt::{Attempt, Head};
use stellar_submitter::domain::decide::{Action, next};
use stellar_submitter::domain::envelope::Plan;
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, Sequence};
use stellar_submitter::domain::transition::{AttemptEnd, DeathProof, IntentEnd, Transition};

use crate::fixture::{
    MAX_LEDGER, MAX_TIME, SEQUENCE, attempt, head, proof, recovered, seen, settle, take,
};

fn at(ledger: u32, closed_at: u64) -> Head {
    Head {
        ledger: LedgerSeq(ledger),
        closed_at: ChainTime(closed_at),
    }
}

#[test]
fn the_ledger_bound_is_exclusive() {
    let attempt = attempt();
    for (ledger, passed) in [
        (0, false),
        (MAX_LEDGER - 3, false),
        (MAX_LEDGER - 2, false),
        (MAX_LEDGER - 1, true),
        (MAX_LEDGER, true),
        (u32::MAX, true),
    ] {
        assert_eq!(
            attempt.ledger_fence_passed(LedgerSeq(ledger)),
            passed,
            "{ledger}"
        );
        assert_eq!(attempt.is_overdue(at(ledger, 0)), passed, "{ledger}");
    }
}

#[test]
fn the_time_bound_is_inclusive_and_needs_a_state_as_new_as_the_ledger_that_passed_it() {
    let mut attempt = attempt();
    attempt.plan.max_ledger = LedgerSeq(0);
    for (closed_at, passed) in [
        (MAX_TIME - 1, false),
        (MAX_TIME, false),
        (MAX_TIME + 1, true),
    ] {
        let head = at(50, closed_at);
        assert_eq!(attempt.is_overdue(head), passed, "{closed_at}");
        // An older state does not show what the ledgers up to the bound did.
        assert!(!attempt.fence_passed(LedgerSeq(49), head), "{closed_at}");
        assert_eq!(
            attempt.fence_passed(LedgerSeq(50), head),
            passed,
            "{closed_at}"
        );
        assert_eq!(
            attempt.fence_passed(LedgerSeq(51), head),
            passed,
            "{closed_at}"
        );
    }
}

#[test]
fn a_bound_of_zero_is_none() {
    let bounded = attempt();
    let by_time = Attempt {
        plan: Plan {
            max_ledger: LedgerSeq(0),
            ..bounded.plan.clone()
        },
        ..bounded.clone()
    };
    assert!(!by_time.ledger_fence_passed(LedgerSeq(u32::MAX)));
    assert!(!by_time.is_overdue(at(u32::MAX, MAX_TIME)));
    let by_ledger = Attempt {
        plan: Plan {
            max_time: ChainTime(0),
            ..bounded.plan.clone()
        },
        ..bounded
    };
    assert!(!by_ledger.time_fence_passed(at(1, u64::MAX)));
    assert!(!by_ledger.is_overdue(at(MAX_LEDGER - 2, u64::MAX)));
}

#[test]
fn an_unused_number_behind_the_fence_is_death() {
    let mut snapshot = recovered();
    let head = head(MAX_LEDGER - 1);
    assert_eq!(next(&snapshot, head), Action::Prove);
    let evidence = proof(seen(MAX_LEDGER - 1, Some(SEQUENCE - 1)));
    let settlement = settle(&mut snapshot, evidence, head);
    let expected = AttemptEnd::Dead(DeathProof::Fence {
        as_of: LedgerSeq(MAX_LEDGER - 1),
        sequence: Sequence(SEQUENCE - 1),
        closed_at: Some(head.closed_at),
    });
    assert_eq!(settlement.attempt, expected);
    assert_eq!(settlement.intent, IntentEnd::Requeued);
    assert_eq!(settlement.channel_sequence, Some(Sequence(SEQUENCE - 1)));
    assert!(!settlement.channel_lost);
}

#[test]
fn a_state_from_before_the_fence_proves_nothing_however_new_the_head_is() {
    for as_of in [0, MAX_LEDGER - 12, MAX_LEDGER - 2] {
        let mut snapshot = recovered();
        let head = head(MAX_LEDGER + 40);
        let evidence = proof(seen(as_of, Some(SEQUENCE - 1)));
        assert_eq!(
            take(&mut snapshot, evidence, head),
            Transition::Learned,
            "{as_of}"
        );
        assert_eq!(
            next(&snapshot, head),
            Action::Wait,
            "not asked twice in one ledger"
        );
        assert_eq!(
            next(&snapshot, crate::fixture::head(MAX_LEDGER + 41)),
            Action::Prove
        );
    }
}

#[test]
fn a_state_from_behind_the_fence_proves_though_the_head_is_not_there_yet() {
    let mut snapshot = recovered();
    snapshot.progress.check_account = true;
    let evidence = proof(seen(MAX_LEDGER - 1, Some(SEQUENCE - 1)));
    let settlement = settle(&mut snapshot, evidence, head(MAX_LEDGER - 5));
    assert!(matches!(
        settlement.attempt,
        AttemptEnd::Dead(DeathProof::Fence { .. })
    ));
}

#[test]
fn a_ledger_far_ahead_of_the_one_that_was_followed_proves_nothing() {
    for (lead, sequence) in [
        (21, Some(SEQUENCE - 1)),
        (1_000_000, Some(SEQUENCE - 1)),
        (21, None),
    ] {
        let mut snapshot = recovered();
        snapshot.progress.check_account = true;
        let head = head(MAX_LEDGER - 10);
        let evidence = proof(seen(MAX_LEDGER - 10 + lead, sequence));
        let transition = take(&mut snapshot, evidence, head);
        assert_eq!(transition, Transition::Learned, "{lead} {sequence:?}");
        assert_eq!(next(&snapshot, head), Action::Wait);
        assert_eq!(
            next(&snapshot, crate::fixture::head(MAX_LEDGER - 9)),
            Action::Prove,
            "it is asked again"
        );
    }
    // As far as replicas may differ, it counts.
    let mut snapshot = recovered();
    let evidence = proof(seen(MAX_LEDGER + 10, Some(SEQUENCE - 1)));
    settle(&mut snapshot, evidence, head(MAX_LEDGER - 10));
}

#[test]
fn a_number_far_below_is_as_unused_as_the_one_before() {
    for sequence in [0, 1, SEQUENCE - 2] {
        let mut snapshot = recovered();
        let evidence = proof(seen(MAX_LEDGER, Some(sequence)));
        let settlement = settle(&mut snapshot, evidence, head(MAX_LEDGER));
        assert_eq!(settlement.channel_sequence, Some(Sequence(sequence)));
    }
}

#[test]
fn a_used_number_is_no_death_by_the_fence() {
    for sequence in [SEQUENCE, SEQUENCE + 1, i64::MAX] {
        let mut snapshot = recovered();
        let evidence = proof(seen(MAX_LEDGER + 100, Some(sequence)));
        let transition = take(&mut snapshot, evidence, head(MAX_LEDGER + 100));
        assert_eq!(transition, Transition::Learned, "{sequence}");
    }
}

#[test]
fn the_time_fence_alone_proves_too() {
    let mut snapshot = recovered();
    let late = at(MAX_LEDGER - 5, MAX_TIME + 1);
    assert_eq!(next(&snapshot, late), Action::Prove);
    let evidence = proof(seen(MAX_LEDGER - 6, Some(SEQUENCE - 1)));
    assert_eq!(take(&mut snapshot, evidence, late), Transition::Learned);
    let evidence = proof(seen(MAX_LEDGER - 5, Some(SEQUENCE - 1)));
    let settlement = settle(&mut snapshot, evidence, late);
    assert!(matches!(
        settlement.attempt,
        AttemptEnd::Dead(DeathProof::Fence { .. })
    ));
}
