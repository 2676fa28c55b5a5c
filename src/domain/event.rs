//! Facts for consumers: what became of an intent, in the order in which it became so.

use serde_json::{Value, json};

use super::observation::Landed;
use super::transition::{AttemptEnd, DeathProof, IntentEnd, Settlement};

/// One fact about an intent.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its type: `intent.…` or `attempt.…`.
    pub kind: &'static str,
    /// Its particulars.
    pub data: Value,
}

/// Every type of event.
pub const EVENT_TYPES: [&str; 13] = [
    "intent.accepted",
    "intent.succeeded",
    "intent.failed",
    "intent.expired",
    "intent.canceled",
    "intent.parked",
    "intent.requeued",
    "intent.cancel_requested",
    "intent.retried",
    "attempt.signed",
    "attempt.bumped",
    "attempt.landed_failed",
    "attempt.dead",
];

/// What a landing tells consumers.
#[must_use]
pub fn landed_json(landed: &Landed) -> Value {
    json!({
        "hash": landed.inner_hash,
        "fee_bump_hash": landed.fee_bump_hash,
        "ledger": landed.ledger,
        "successful": landed.successful,
        "fee_charged": landed.fee_charged.get().to_string(),
        "channel": landed.source_account,
        "sequence": landed.sequence.to_string(),
        "code": landed.outcome.code_name(),
    })
}

/// A death proof for consumers.
#[must_use]
pub fn proof_json(proof: &DeathProof) -> Value {
    match proof {
        DeathProof::Fence { as_of, sequence } => {
            json!({"kind": "fence", "as_of_ledger": as_of, "channel_sequence": sequence.to_string()})
        }
        DeathProof::Foreign { hash, ledger } => {
            json!({"kind": "foreign_transaction", "hash": hash, "ledger": ledger})
        }
        DeathProof::Skipped { as_of, sequence } => {
            json!({"kind": "skipped", "as_of_ledger": as_of, "channel_sequence": sequence.to_string()})
        }
        DeathProof::AccountMissing { first, second } => {
            json!({"kind": "account_missing", "first_ledger": first, "second_ledger": second})
        }
    }
}

/// The events of a settlement, the attempt's before the intent's.
#[must_use]
pub fn settlement_events(number: u32, settlement: &Settlement) -> Vec<Event> {
    let mut events = Vec::with_capacity(2);
    match &settlement.attempt {
        // The intent's own event says it all.
        AttemptEnd::Landed(_) => {}
        AttemptEnd::LandedFailed(landed) => {
            let mut data = landed_json(landed);
            data["attempt"] = json!(number);
            events.push(Event {
                kind: "attempt.landed_failed",
                data,
            });
        }
        AttemptEnd::Dead(proof) => events.push(Event {
            kind: "attempt.dead",
            data: json!({"attempt": number, "proof": proof_json(proof)}),
        }),
    }
    let (kind, data) = match &settlement.intent {
        IntentEnd::Succeeded => {
            let data = settlement
                .decided_by()
                .map_or_else(|| json!({}), landed_json);
            ("intent.succeeded", data)
        }
        IntentEnd::Failed(reason) => ("intent.failed", json!({"reason": reason})),
        IntentEnd::Expired => ("intent.expired", json!({})),
        IntentEnd::Canceled => ("intent.canceled", json!({})),
        IntentEnd::Parked {
            reason,
            resume_after,
        } => (
            "intent.parked",
            json!({"reason": reason, "resume_after_seconds": resume_after}),
        ),
        IntentEnd::Requeued => ("intent.requeued", json!({"attempt": number})),
    };
    events.push(Event { kind, data });
    events
}
