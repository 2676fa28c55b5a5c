//! What consumers are told of an ending, in which order, and with what.

use serde_json::json;
use stellar_submitter::domain::event::{EVENT_TYPES, settlement_events};
use stellar_submitter::domain::primitives::{LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::reason::Reason;
use stellar_submitter::domain::transition::{AttemptEnd, DeathProof, IntentEnd, Settlement};
use stellar_xdr::TransactionResultCode as Code;

use crate::fixture::{INNER, channel, landed};

fn settlement(attempt: AttemptEnd, intent: IntentEnd) -> Settlement {
    Settlement {
        attempt,
        intent,
        channel_sequence: None,
        adopted: None,
        channel_lost: false,
    }
}

fn dead() -> AttemptEnd {
    AttemptEnd::Dead(DeathProof::Fence {
        as_of: LedgerSeq(1_012),
        sequence: Sequence(76),
        closed_at: None,
    })
}

#[test]
fn a_success_is_one_event_with_the_transaction() {
    let events = settlement_events(
        3,
        &settlement(
            AttemptEnd::Landed(landed(Code::TxSuccess)),
            IntentEnd::Succeeded,
        ),
    );
    let [event] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(event.kind, "intent.succeeded");
    assert_eq!(
        event.data,
        json!({
            "hash": INNER, "fee_bump_hash": null, "ledger": 1_002, "successful": true, "fee_charged": "100",
            "channel": channel(), "sequence": "77", "code": "tx_success",
        })
    );
}

#[test]
fn what_an_earlier_life_landed_is_the_transaction_that_succeeded() {
    let mut adopting = settlement(dead(), IntentEnd::Succeeded);
    adopting.adopted = Some(landed(Code::TxSuccess));
    let events = settlement_events(3, &adopting);
    assert_eq!(events[0].kind, "attempt.dead");
    assert_eq!(events[1].data["hash"], json!(INNER));
}

#[test]
fn the_attempts_end_comes_before_the_intents() {
    let reason = Reason::new("op_underfunded", "t", "d", true);
    let reason_json =
        json!({"code": "op_underfunded", "title": "t", "detail": "d", "retryable": true});
    let ends = [
        (
            IntentEnd::Failed(reason.clone()),
            "intent.failed",
            json!({"reason": reason_json}),
        ),
        (IntentEnd::Expired, "intent.expired", json!({})),
        (IntentEnd::Canceled, "intent.canceled", json!({})),
        (
            IntentEnd::Parked {
                reason,
                resume_after: Some(60),
            },
            "intent.parked",
            json!({"reason": reason_json, "resume_after_seconds": 60}),
        ),
        (
            IntentEnd::Requeued,
            "intent.requeued",
            json!({"attempt": 3}),
        ),
    ];
    for (end, kind, data) in ends {
        let failed = AttemptEnd::LandedFailed(landed(Code::TxFailed));
        for (attempt, before) in [(failed, "attempt.landed_failed"), (dead(), "attempt.dead")] {
            let events = settlement_events(3, &settlement(attempt, end.clone()));
            let kinds: Vec<&str> = events.iter().map(|event| event.kind).collect();
            assert_eq!(kinds, [before, kind]);
            assert_eq!(events[0].data["attempt"], 3);
            assert_eq!(events[1].data, data);
            assert!(kinds.iter().all(|kind| EVENT_TYPES.contains(kind)));
        }
    }
}

#[test]
fn a_death_is_told_with_its_proof() {
    let proofs = [
        (
            DeathProof::Fence {
                as_of: LedgerSeq(1_012),
                sequence: Sequence(76),
                closed_at: None,
            },
            json!({"kind": "fence", "as_of_ledger": 1_012, "channel_sequence": "76", "ledger_closed_at": null}),
        ),
        (
            DeathProof::Foreign {
                hash: TxHash([0x44; 32]),
                ledger: LedgerSeq(1_003),
            },
            json!({"kind": "foreign_transaction", "hash": TxHash([0x44; 32]), "ledger": 1_003}),
        ),
        (
            DeathProof::Skipped {
                as_of: LedgerSeq(1_003),
                sequence: Sequence(90),
            },
            json!({"kind": "skipped", "as_of_ledger": 1_003, "channel_sequence": "90"}),
        ),
        (
            DeathProof::AccountMissing {
                first: LedgerSeq(1_013),
                second: LedgerSeq(1_023),
            },
            json!({"kind": "account_missing", "first_ledger": 1_013, "second_ledger": 1_023}),
        ),
    ];
    for (proof, expected) in proofs {
        let events =
            settlement_events(1, &settlement(AttemptEnd::Dead(proof), IntentEnd::Requeued));
        assert_eq!(events[0].data, json!({"attempt": 1, "proof": expected}));
    }
}
