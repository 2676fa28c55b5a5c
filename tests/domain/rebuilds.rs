//! When a contract operation is simulated and built again, how often, and what follows a restoration.

use std::sync::Arc;

use stellar_submitter::domain::attempt::{Snapshot, Verdict};
use stellar_submitter::domain::observation::SubmitAnswer;
use stellar_submitter::domain::primitives::ChainTime;
use stellar_submitter::domain::result_code::{OperationMeaning, OperationOutcome};
use stellar_submitter::domain::transition::{AttemptEnd, IntentEnd, Observed, Transition};
use stellar_xdr::TransactionResultCode as Code;

use crate::contracts::soroban;
use crate::fixture::{
    MAX_LEDGER, SEQUENCE, SIGNED_AT, end_of, head, landed, landed_with, operation_failed, proof,
    recovered, refused, seen, settle, take,
};

/// An attempt of a contract call.
fn calling(number: u32) -> Snapshot {
    let mut snapshot = recovered();
    snapshot.attempt.number = number;
    snapshot.attempt.plan.soroban = Some(Arc::new(soroban(true, "w-1")));
    snapshot
}

/// An attempt that only brings archived entries back.
fn restoring() -> Snapshot {
    let mut snapshot = calling(1);
    let mut plan = soroban(false, "w-1");
    plan.restores = true;
    snapshot.attempt.plan.soroban = Some(Arc::new(plan));
    snapshot
}

/// A call that failed in its ledger.
fn trapped() -> OperationOutcome {
    OperationOutcome {
        code: "op_function_trapped",
        meaning: OperationMeaning::Contract,
    }
}

fn failed_in_ledger() -> Observed {
    Observed::InLedger(landed_with(operation_failed(trapped())))
}

/// Where it goes when it never landed, past its fence.
fn dead(snapshot: &mut Snapshot) -> IntentEnd {
    let evidence = proof(seen(MAX_LEDGER, Some(SEQUENCE - 1)));
    settle(snapshot, evidence, head(MAX_LEDGER)).intent
}

#[test]
fn a_restoration_that_landed_is_followed_by_its_call_unless_somebody_canceled() {
    for (mut snapshot, canceled, end) in [
        (restoring(), false, IntentEnd::Requeued),
        (restoring(), true, IntentEnd::Canceled),
        // The call itself is done, and a cancel comes too late for it.
        (calling(1), false, IntentEnd::Succeeded),
        (calling(1), true, IntentEnd::Succeeded),
    ] {
        snapshot.terms.cancel_requested = canceled;
        let observed = Observed::InLedger(landed(Code::TxSuccess));
        let settlement = settle(&mut snapshot, observed, head(SIGNED_AT + 3));
        assert_eq!(settlement.intent, end, "canceled: {canceled}");
        assert!(matches!(settlement.attempt, AttemptEnd::Landed(_)));
    }
}

#[test]
fn a_call_that_failed_in_its_ledger_is_built_again_three_times_and_then_fails() {
    for (number, built_again) in [(1, true), (2, true), (3, true), (4, false), (5, false)] {
        let mut snapshot = calling(number);
        let settlement = settle(&mut snapshot, failed_in_ledger(), head(SIGNED_AT + 3));
        assert!(matches!(settlement.attempt, AttemptEnd::LandedFailed(_)));
        if built_again {
            assert_eq!(settlement.intent, IntentEnd::Requeued, "attempt {number}");
            continue;
        }
        let IntentEnd::Failed(reason) = settlement.intent else {
            panic!("attempt {number}: {:?}", settlement.intent);
        };
        assert_eq!(reason.code, "op_function_trapped");
        assert!(reason.detail.contains("operation 0"), "{}", reason.detail);
        assert!(reason.retryable, "another simulation may say otherwise");
    }
}

#[test]
fn resources_that_core_refuses_are_simulated_again_three_times_once_the_attempt_is_dead() {
    let failed = ("failed", "tx_soroban_invalid".to_owned());
    let requeued = ("requeued", String::new());
    for (number, end) in [
        (1, &requeued),
        (3, &requeued),
        (4, &failed),
        (u32::MAX, &failed),
    ] {
        let mut snapshot = calling(number);
        let now = head(SIGNED_AT + 3);
        // A refusal alone ends nothing.
        let transition = take(&mut snapshot, refused(Code::TxSorobanInvalid), now);
        assert_eq!(transition, Transition::Learned, "attempt {number}");
        assert_eq!(end_of(&dead(&mut snapshot)), *end, "attempt {number}");
    }
}

#[test]
fn what_a_refusal_says_of_a_call_is_kept_for_the_time_after_its_death() {
    let outcome = operation_failed(trapped());
    for (number, built_again) in [(3, true), (4, false)] {
        let mut snapshot = calling(number);
        let observed = Observed::Answered(SubmitAnswer::Refused(outcome.clone()));
        take(&mut snapshot, observed, head(SIGNED_AT + 3));
        let verdict = snapshot.progress.verdict.clone();
        assert_eq!(
            verdict == Some(Verdict::Rebuild),
            built_again,
            "{verdict:?}"
        );
        let end = if built_again { "requeued" } else { "failed" };
        assert_eq!(end_of(&dead(&mut snapshot)).0, end, "attempt {number}");
    }
}

#[test]
fn what_calls_no_contract_is_not_simulated_again() {
    let mut payment = recovered();
    let settlement = settle(&mut payment, failed_in_ledger(), head(SIGNED_AT + 3));
    assert_eq!(
        end_of(&settlement.intent),
        ("failed", "op_function_trapped".to_owned())
    );
    let mut payment = recovered();
    let observed = refused(Code::TxSorobanInvalid);
    take(&mut payment, observed, head(SIGNED_AT + 3));
    assert_eq!(
        end_of(&dead(&mut payment)),
        ("failed", "tx_soroban_invalid".to_owned())
    );
}

#[test]
fn a_call_whose_time_is_over_is_not_built_again() {
    let now = head(SIGNED_AT + 3);
    // The bound is inclusive.
    for (late, end) in [(0, IntentEnd::Requeued), (1, IntentEnd::Expired)] {
        let mut snapshot = calling(1);
        snapshot.terms.valid_until = Some(ChainTime(now.closed_at.0 - late));
        let settlement = settle(&mut snapshot, failed_in_ledger(), now);
        assert_eq!(settlement.intent, end);
    }
    let mut canceled = calling(1);
    canceled.terms.cancel_requested = true;
    let settlement = settle(&mut canceled, failed_in_ledger(), now);
    assert_eq!(settlement.intent, IntentEnd::Canceled);
}
