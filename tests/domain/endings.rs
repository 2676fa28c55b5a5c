//! Where an intent goes: after each recorded result, after death, when canceled, when its time is over, when nobody can sign
//! again.

use stellar_submitter::domain::attempt::{Snapshot, Verdict};
use stellar_submitter::domain::decide::{Action, next};
use stellar_submitter::domain::intent::OnStateError;
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer};
use stellar_submitter::domain::primitives::{ChainTime, Sequence};
use stellar_submitter::domain::reason::Reason;
use stellar_submitter::domain::result_code::{
    OperationMeaning, OperationOutcome, SequenceEffect, TransactionCode, TransactionOutcome,
    operation_outcome,
};
use stellar_submitter::domain::transition::{
    AttemptEnd, DeathProof, IntentEnd, Observed, Transition,
};
use stellar_xdr::TransactionResultCode as Code;

use crate::codes::every_operation_result;
use crate::fixture::{
    MAX_LEDGER, SEQUENCE, SIGNED_AT, end_of, every_code, found, fresh, head, landed, landed_with,
    operation_failed, outcome, presigned, proof, recovered, seen, settle, stroops, take,
};

fn in_ledger(code: Code) -> Observed {
    Observed::InLedger(landed(code))
}

fn dead(snapshot: &mut Snapshot) -> IntentEnd {
    let evidence = proof(seen(MAX_LEDGER, Some(SEQUENCE - 1)));
    let settlement = settle(snapshot, evidence, head(MAX_LEDGER));
    assert!(matches!(
        settlement.attempt,
        AttemptEnd::Dead(DeathProof::Fence { .. })
    ));
    settlement.intent
}

#[test]
fn a_recorded_success_is_success_whoever_tells() {
    for code in [Code::TxSuccess, Code::TxFeeBumpInnerSuccess] {
        let tellers = [
            Observed::Answered(SubmitAnswer::Landed(landed(code))),
            Observed::LookedUp(LookUp::Landed(landed(code))),
            in_ledger(code),
            proof(found(SIGNED_AT + 2, Some(SEQUENCE), landed(code))),
        ];
        for observed in tellers {
            let mut snapshot = recovered();
            // Whatever was thought before: canceled, judged hopeless, past its time.
            snapshot.terms.cancel_requested = true;
            snapshot.terms.valid_until = Some(ChainTime(1));
            snapshot.progress.verdict = Some(Verdict::Rebuild);
            let settlement = settle(&mut snapshot, observed, head(MAX_LEDGER + 9));
            assert_eq!(settlement.intent, IntentEnd::Succeeded);
            assert_eq!(settlement.attempt, AttemptEnd::Landed(landed(code)));
            assert_eq!(settlement.channel_sequence, Some(Sequence(SEQUENCE)));
        }
    }
}

/// What follows a failure that is recorded with this code, once its sequence number is known to be consumed by it, or the
/// attempt is known to be dead.
const fn after(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::TxFailed => ("failed", "tx_failed"),
        Code::TxFeeBumpInnerFailed => ("failed", "tx_fee_bump_inner_failed"),
        Code::TxSuccess => ("failed", "tx_success"),
        Code::TxFeeBumpInnerSuccess => ("failed", "tx_fee_bump_inner_success"),
        Code::TxMissingOperation => ("failed", "tx_missing_operation"),
        Code::TxMalformed => ("failed", "tx_malformed"),
        Code::TxNotSupported => ("failed", "tx_not_supported"),
        Code::TxBadSponsorship => ("failed", "tx_bad_sponsorship"),
        Code::TxInternalError => ("failed", "tx_internal_error"),
        Code::TxSorobanInvalid => ("failed", "tx_soroban_invalid"),
        Code::TxBadAuth => ("parked", "tx_bad_auth"),
        Code::TxBadAuthExtra => ("parked", "tx_bad_auth_extra"),
        Code::TxInsufficientBalance => ("parked", "tx_insufficient_balance"),
        Code::TxFrozenKeyAccessed => ("parked", "tx_frozen_key_accessed"),
        Code::TxTooEarly
        | Code::TxTooLate
        | Code::TxBadSeq
        | Code::TxNoAccount
        | Code::TxInsufficientFee
        | Code::TxBadMinSeqAgeOrGap => ("requeued", ""),
    }
}

fn failed_with(code: Code) -> Observed {
    let mut record = landed(code);
    record.successful = false;
    Observed::InLedger(record)
}

#[test]
fn each_recorded_code_ends_the_attempt_only_where_the_number_is_consumed() {
    for code in every_code() {
        let (end, reason) = after(code);
        let expected = (end, reason.to_owned());
        let effect = outcome(code).sequence_effect();
        let mut snapshot = recovered();
        let head_now = head(SIGNED_AT + 3);
        let transition = take(&mut snapshot, failed_with(code), head_now);
        if effect == SequenceEffect::Consumed {
            let Transition::Settled(settlement) = transition else {
                panic!("{code:?} does not settle");
            };
            assert_eq!(end_of(&settlement.intent), expected, "{code:?}");
            assert!(matches!(settlement.attempt, AttemptEnd::LandedFailed(_)));
            assert_eq!(settlement.channel_sequence, Some(Sequence(SEQUENCE)));
            continue;
        }
        assert_eq!(transition, Transition::Learned, "{code:?}");
        assert_eq!(
            next(&snapshot, head_now),
            Action::Prove,
            "the account is asked"
        );

        // Unused: it may still be applied, so nothing ends before the fence; then it is dead.
        let mut alive = snapshot.clone();
        let mut record = landed(code);
        record.successful = false;
        let unused = found(SIGNED_AT + 3, Some(SEQUENCE - 1), record.clone());
        assert_eq!(
            take(&mut alive, proof(unused), head_now),
            Transition::Learned
        );
        for ledger in SIGNED_AT + 4..MAX_LEDGER - 1 {
            let action = next(&alive, head(ledger));
            assert!(
                matches!(action, Action::Wait | Action::LookUp),
                "{code:?}: {action:?}"
            );
        }
        assert_eq!(end_of(&dead(&mut alive)), expected, "{code:?}");

        // Used: by the record itself where its code leaves that open, else by something that is not known yet.
        let used = found(SIGNED_AT + 3, Some(SEQUENCE), record);
        match (effect, take(&mut snapshot, proof(used), head_now)) {
            (SequenceEffect::Unsure, Transition::Settled(settlement)) => {
                assert_eq!(end_of(&settlement.intent), expected, "{code:?}");
            }
            (SequenceEffect::Unused, Transition::Learned) => {
                let action = next(&snapshot, head(SIGNED_AT + 4));
                assert_eq!(
                    action,
                    Action::Prove,
                    "{code:?}: it goes on asking who used it"
                );
            }
            (effect, transition) => panic!("{code:?}: {effect:?} gave {transition:?}"),
        }
    }
}

#[test]
fn a_result_that_does_not_decode_is_for_a_person() {
    let mut record = landed(Code::TxFailed);
    record.outcome = TransactionOutcome::unrecognised();
    let mut snapshot = recovered();
    let observed = Observed::InLedger(record.clone());
    assert_eq!(
        take(&mut snapshot, observed, head(SIGNED_AT + 3)),
        Transition::Learned
    );
    let evidence = proof(found(SIGNED_AT + 3, Some(SEQUENCE), record));
    let settlement = settle(&mut snapshot, evidence, head(SIGNED_AT + 3));
    assert_eq!(
        end_of(&settlement.intent),
        ("parked", "tx_unrecognised".to_owned())
    );
    let IntentEnd::Parked { resume_after, .. } = settlement.intent else {
        panic!("parked");
    };
    assert_eq!(resume_after, None, "never tried again by itself");
}

#[test]
fn each_recorded_operation_code_leads_where_the_table_says() {
    let mut counted = 0;
    for result in every_operation_result() {
        let operation = operation_outcome(&result);
        if operation.meaning == OperationMeaning::Success {
            continue;
        }
        for choice in [OnStateError::Fail, OnStateError::Park] {
            let mut snapshot = recovered();
            snapshot.terms.on_state_error = choice;
            let record = landed_with(operation_failed(operation));
            let settlement = settle(
                &mut snapshot,
                Observed::InLedger(record),
                head(SIGNED_AT + 3),
            );
            let waits = matches!(
                operation.meaning,
                OperationMeaning::State | OperationMeaning::Market
            );
            let end = if waits && choice == OnStateError::Park {
                "parked"
            } else {
                "failed"
            };
            assert_eq!(end_of(&settlement.intent), (end, operation.code.to_owned()));
            counted += 1;
        }
    }
    assert!(counted > 300, "only {counted} cases");
}

#[test]
fn the_first_operation_that_failed_decides() {
    let of = |code, meaning| OperationOutcome { code, meaning };
    let record = landed_with(TransactionOutcome {
        operations: vec![
            of("op_success", OperationMeaning::Success),
            of("op_underfunded", OperationMeaning::State),
            of("op_malformed", OperationMeaning::Permanent),
        ],
        ..outcome(Code::TxFailed)
    });
    let mut snapshot = recovered();
    let settlement = settle(
        &mut snapshot,
        Observed::InLedger(record),
        head(SIGNED_AT + 3),
    );
    let IntentEnd::Failed(reason) = settlement.intent else {
        panic!("failed");
    };
    assert_eq!(reason.code, "op_underfunded");
    assert!(reason.detail.contains("operation 1"));
    assert!(reason.retryable);
}

#[test]
fn the_inner_code_of_a_failed_fee_bump_decides() {
    for inner in every_code() {
        let mut record = landed_with(TransactionOutcome {
            inner: Some(TransactionCode::Known(inner)),
            ..outcome(Code::TxFeeBumpInnerFailed)
        });
        record.successful = false;
        let mut of_bump = recovered();
        let mut plain = recovered();
        let head = head(SIGNED_AT + 3);
        let by_bump = take(&mut of_bump, Observed::InLedger(record), head);
        let by_itself = take(&mut plain, failed_with(inner), head);
        match (by_bump, by_itself) {
            (Transition::Learned, Transition::Learned) => {
                assert_eq!(of_bump.progress.verdict, plain.progress.verdict);
            }
            (Transition::Settled(a), Transition::Settled(b)) => {
                assert_eq!(end_of(&a.intent), end_of(&b.intent));
            }
            (a, b) => panic!("{inner:?}: {a:?} but {b:?}"),
        }
    }
}

#[test]
fn death_without_a_reason_is_followed_by_a_rebuild() {
    assert_eq!(dead(&mut fresh()), IntentEnd::Requeued);
    assert_eq!(dead(&mut recovered()), IntentEnd::Requeued);
    let mut late = recovered();
    late.progress.verdict = Some(Verdict::Rebuild);
    assert_eq!(dead(&mut late), IntentEnd::Requeued);
}

#[test]
fn a_verdict_is_carried_out_after_death_alone() {
    let reason = |retryable| Reason::new("why", "Why", "because", retryable);
    let mut failed = recovered();
    failed.progress.verdict = Some(Verdict::Fail(reason(false)));
    assert_eq!(dead(&mut failed), IntentEnd::Failed(reason(false)));
    let mut parked = recovered();
    parked.progress.verdict = Some(Verdict::Park(reason(true)));
    let expected = IntentEnd::Parked {
        reason: reason(true),
        resume_after: Some(10),
    };
    assert_eq!(dead(&mut parked), expected);
    let mut for_people = recovered();
    for_people.progress.verdict = Some(Verdict::Park(reason(false)));
    let expected = IntentEnd::Parked {
        reason: reason(false),
        resume_after: None,
    };
    assert_eq!(dead(&mut for_people), expected);
}

#[test]
fn a_parked_intent_is_tried_again_later_and_later() {
    let waits = [10, 20, 40, 80, 160, 320, 600, 600];
    let far = [(100, 600), (u32::MAX, 600)];
    let near = (0..).zip(waits);
    for (parked_times, expected) in near.chain(far) {
        let mut snapshot = recovered();
        snapshot.terms.on_state_error = OnStateError::Park;
        snapshot.terms.parked_times = parked_times;
        let record = landed_with(operation_failed(OperationOutcome {
            code: "op_no_trust",
            meaning: OperationMeaning::State,
        }));
        let settlement = settle(
            &mut snapshot,
            Observed::InLedger(record),
            head(SIGNED_AT + 3),
        );
        let IntentEnd::Parked { resume_after, .. } = settlement.intent else {
            panic!("parked");
        };
        assert_eq!(resume_after, Some(expected), "after {parked_times}");
    }
}

#[test]
fn a_canceled_intent_ends_as_canceled_once_it_is_proven() {
    let mut never_sent = fresh();
    never_sent.terms.cancel_requested = true;
    let mut sent = recovered();
    sent.terms.cancel_requested = true;
    let mut judged = sent.clone();
    judged.progress.verdict = Some(Verdict::Fail(Reason::new("why", "Why", "because", false)));
    let mut late = sent.clone();
    late.terms.valid_until = Some(ChainTime(1));
    for mut snapshot in [never_sent, sent.clone(), judged, late] {
        for ledger in SIGNED_AT..MAX_LEDGER - 1 {
            let action = next(&snapshot, head(ledger));
            assert!(
                matches!(action, Action::Wait | Action::LookUp),
                "{action:?}"
            );
        }
        assert_eq!(dead(&mut snapshot), IntentEnd::Canceled);
    }
    for code in every_code() {
        if outcome(code).sequence_effect() != SequenceEffect::Consumed {
            continue;
        }
        let settlement = settle(&mut sent.clone(), in_ledger(code), head(SIGNED_AT + 3));
        assert_eq!(settlement.intent, IntentEnd::Canceled, "{code:?}");
    }
}

#[test]
fn valid_until_is_the_last_second_that_counts() {
    let until = head(MAX_LEDGER).closed_at;
    for (late, end) in [(0, "requeued"), (1, "expired")] {
        let mut snapshot = recovered();
        snapshot.terms.valid_until = Some(ChainTime(until.0 - late));
        assert_eq!(end_of(&dead(&mut snapshot)).0, end);
        let mut parked = recovered();
        parked.terms.valid_until = Some(ChainTime(until.0 - late));
        parked.terms.on_state_error = OnStateError::Park;
        let operation = OperationOutcome {
            code: "op_no_trust",
            meaning: OperationMeaning::State,
        };
        let record = landed_with(operation_failed(operation));
        let settlement = settle(&mut parked, Observed::InLedger(record), head(MAX_LEDGER));
        let end = if late == 0 { "parked" } else { "expired" };
        assert_eq!(end_of(&settlement.intent).0, end);
        let mut again = recovered();
        again.terms.valid_until = Some(ChainTime(until.0 - late));
        let settlement = settle(
            &mut again,
            in_ledger(Code::TxBadMinSeqAgeOrGap),
            head(MAX_LEDGER),
        );
        let end = if late == 0 { "requeued" } else { "expired" };
        assert_eq!(end_of(&settlement.intent).0, end);
    }
    // A permanent failure is told as what it is, and an expired one that landed has landed.
    let mut snapshot = recovered();
    snapshot.terms.valid_until = Some(ChainTime(1));
    let settlement = settle(
        &mut snapshot,
        in_ledger(Code::TxBadSponsorship),
        head(MAX_LEDGER),
    );
    assert_eq!(end_of(&settlement.intent).0, "failed");
}

#[test]
fn a_presigned_transaction_has_one_attempt() {
    for (verdict, code) in [
        (None, "transaction_too_late"),
        (Some(Verdict::Rebuild), "transaction_too_late"),
        (
            Some(Verdict::Fail(Reason::new("why", "Why", "because", true))),
            "why",
        ),
        (
            Some(Verdict::Park(Reason::new("why", "Why", "because", true))),
            "why",
        ),
    ] {
        let mut snapshot = presigned();
        snapshot.progress.verdict = verdict;
        let IntentEnd::Failed(reason) = dead(&mut snapshot) else {
            panic!("failed");
        };
        assert_eq!(reason.code, code);
        assert!(!reason.retryable, "nobody can sign it again");
    }
    for code in every_code() {
        for choice in [OnStateError::Fail, OnStateError::Park] {
            let mut snapshot = presigned();
            snapshot.terms.on_state_error = choice;
            let mut record = landed(code);
            record.successful = false;
            let evidence = proof(found(MAX_LEDGER, Some(SEQUENCE), record.clone()));
            if outcome(code).sequence_effect() == SequenceEffect::Unused {
                assert_eq!(
                    take(&mut snapshot, evidence, head(MAX_LEDGER)),
                    Transition::Learned
                );
                continue;
            }
            let settlement = settle(&mut snapshot, evidence, head(MAX_LEDGER));
            assert_eq!(end_of(&settlement.intent).0, "failed", "{code:?}");
        }
    }
    for result in every_operation_result() {
        let operation = operation_outcome(&result);
        if operation.meaning == OperationMeaning::Success {
            continue;
        }
        let mut snapshot = presigned();
        snapshot.terms.on_state_error = OnStateError::Park;
        let record = landed_with(operation_failed(operation));
        let settlement = settle(
            &mut snapshot,
            Observed::InLedger(record),
            head(SIGNED_AT + 3),
        );
        assert_eq!(
            end_of(&settlement.intent),
            ("failed", operation.code.to_owned())
        );
    }
}

#[test]
fn a_presigned_transaction_above_the_cap_is_never_sent_and_says_so() {
    let mut snapshot = presigned();
    snapshot.attempt.bumps.clear();
    snapshot.attempt.plain_fee = stroops(10_001);
    for ledger in SIGNED_AT..MAX_LEDGER - 1 {
        assert_eq!(next(&snapshot, head(ledger)), Action::Wait);
    }
    assert_eq!(
        end_of(&dead(&mut snapshot)),
        ("failed", "fee_above_cap".to_owned())
    );
}
