//! Events and submissions, a sentence each.

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{AttemptStory, EventStory, Happening, Story};

/// The most sentences; what lies between the first and the last of them is counted.
const MAX_SENTENCES: usize = 200;

/// What happened, the oldest first.
#[must_use]
pub fn happened(story: &Story) -> Vec<Happening> {
    let mut all: Vec<Happening> = Vec::new();
    // What was older than what is kept is missing; that it was accepted is always known.
    if story
        .events
        .first()
        .is_none_or(|first| first.kind != "intent.accepted")
    {
        all.push(Happening {
            at: story.accepted_at.clone(),
            text: "It was accepted and put on record; the events that followed are no longer all kept.".to_owned(),
        });
    }
    all.extend(story.events.iter().map(|event| Happening {
        at: event.at.clone(),
        text: sentence(event, &story.attempts),
    }));
    all.extend(story.attempts.iter().filter_map(sent));
    all.sort_by_cached_key(|one| OffsetDateTime::parse(&one.at, &Rfc3339).ok());
    shortened(all)
}

fn shortened(mut all: Vec<Happening>) -> Vec<Happening> {
    if all.len() <= MAX_SENTENCES {
        return all;
    }
    let half = MAX_SENTENCES / 2;
    let left_out = all.len() - MAX_SENTENCES;
    let last = all.split_off(all.len() - half);
    all.truncate(half);
    let at = all.last().map_or_else(String::new, |one| one.at.clone());
    all.push(Happening {
        at,
        text: format!("… {left_out} more are left out here; the events have them all."),
    });
    all.extend(last);
    all
}

/// One event.
fn sentence(event: &EventStory, attempts: &[AttemptStory]) -> String {
    let data = &event.data;
    let text = |name: &str| word(&data[name]);
    let number = text("attempt");
    match event.kind.as_str() {
        "intent.accepted" if data["by"] == "sql" => {
            "It was enqueued in SQL and is on record: from here on it cannot be lost.".to_owned()
        }
        "intent.accepted" => {
            "It was accepted and is on record: from here on it cannot be lost.".to_owned()
        }
        "attempt.signed" => {
            let bounds = attempts
                .iter()
                .find(|one| one.number.to_string() == number)
                .map_or_else(String::new, |one| {
                    format!(
                        ", sequence number {} of {}, to land {}",
                        one.sequence,
                        one.channel,
                        until(one)
                    )
                });
            format!(
                "Transaction {number} was signed and put on record before anything was sent: {}{bounds}.",
                text("hash")
            )
        }
        "attempt.bumped" => format!(
            "The fee of transaction {number} was raised to {} stroops by a fee bump around it ({}); both share its sequence number, so one of them can land.",
            text("fee"),
            text("hash")
        ),
        "attempt.landed_failed" => format!(
            "Transaction {number} was recorded in ledger {} as failed ({}{}): nothing was applied, and its sequence number is used up, so it can never be applied.",
            text("ledger"),
            text("code"),
            error_of(&number, attempts)
        ),
        "attempt.dead" => format!(
            "Transaction {number} is proven dead: {}.",
            proof(&data["proof"])
        ),
        "intent.succeeded" if data["adopted"] == true => format!(
            "Transaction {} of ledger {} carries its tag and is exactly what it asks for: it had landed before, sent by an earlier life of the records.",
            text("hash"),
            text("ledger")
        ),
        "intent.succeeded" => format!(
            "Ledger {} recorded transaction {} as successful.",
            text("ledger"),
            text("hash")
        ),
        "intent.failed" => format!("It failed: {}.", because(&data["reason"])),
        "intent.expired" => {
            "Its time was over on the chain's clock, and nothing of it had landed.".to_owned()
        }
        "intent.canceled" => "It was canceled, and nothing of it had landed.".to_owned(),
        "intent.parked" => {
            let again = match data["resume_after_seconds"].as_u64() {
                Some(seconds) => format!("it is tried again after {seconds} seconds"),
                None => "it waits for a person".to_owned(),
            };
            format!("It was parked: {}; {again}.", because(&data["reason"]))
        }
        "intent.requeued" if restored(&number, attempts) => format!(
            "Transaction {number} has brought back what was archived: the call itself comes now."
        ),
        "intent.requeued" => {
            "It was queued again: no transaction of it can land any more, so another may be signed."
                .to_owned()
        }
        "intent.cancel_requested" => {
            "Somebody canceled it; nothing more is sent, and it ends once it is proven that nothing has landed.".to_owned()
        }
        "intent.retried" => "Somebody queued it again.".to_owned(),
        other => format!("{other}."),
    }
}

/// Whether an attempt was a restoration that has landed.
fn restored(number: &str, attempts: &[AttemptStory]) -> bool {
    let mut attempts = attempts.iter();
    attempts.any(|one| one.number.to_string() == number && one.restores && one.state == "landed")
}

/// What a call failed with, where that is known.
fn error_of(number: &str, attempts: &[AttemptStory]) -> String {
    let failed = attempts
        .iter()
        .find(|one| one.number.to_string() == number)
        .and_then(|one| one.call.as_ref()?["error"].as_str());
    failed.map_or_else(String::new, |error| format!(", {error}"))
}

/// The POSTs of an attempt, together.
fn sent(attempt: &AttemptStory) -> Option<Happening> {
    let (at, _) = attempt.sent.last()?;
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for (_, answer) in &attempt.sent {
        *answers.entry(answered(answer)).or_default() += 1;
    }
    let answers: Vec<String> = answers
        .into_iter()
        .map(|(answer, times)| match times {
            1 => answer,
            times => format!("{answer} ({times} times)"),
        })
        .collect();
    let times = match attempt.sent.len() {
        1 => "once".to_owned(),
        times => format!("{times} times, always with the same sequence number"),
    };
    Some(Happening {
        at: at.clone(),
        text: format!(
            "Transaction {} was sent {times}; Horizon's answer: {}. Only a ledger's record proves anything.",
            attempt.number,
            answers.join(", ")
        ),
    })
}

fn answered(answer: &Value) -> String {
    match answer["kind"].as_str().unwrap_or_default() {
        "landed" => "it is recorded".to_owned(),
        "queued" => "it is in the network's queue".to_owned(),
        "try_again_later" => "the queue takes it later".to_owned(),
        "refused" => {
            let operations = answer["operations"].as_array();
            let failed = operations
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .find(|code| *code != "op_success");
            let code = failed
                .or_else(|| answer["inner_transaction"].as_str())
                .or_else(|| answer["transaction"].as_str());
            format!("refused with {}", code.unwrap_or("no code"))
        }
        "malformed" => "the bytes are not understood".to_owned(),
        "unknown" => format!("no answer ({})", word(&answer["what"])),
        other => other.to_owned(),
    }
}

fn proof(proof: &Value) -> String {
    let text = |name: &str| word(&proof[name]);
    match proof["kind"].as_str().unwrap_or_default() {
        "fence" => format!(
            "as of ledger {}, past its last, its channel had used sequence number {} only, and a number never falls",
            text("as_of_ledger"),
            text("channel_sequence")
        ),
        "foreign_transaction" => format!(
            "transaction {} has used its sequence number in ledger {}, and a number is used once",
            text("hash"),
            text("ledger")
        ),
        "skipped" => format!(
            "as of ledger {} its channel's number is {}, which went over the transaction's own without one, and a number never falls",
            text("as_of_ledger"),
            text("channel_sequence")
        ),
        "account_missing" => format!(
            "its channel did not exist as of ledgers {} and {}, past its last",
            text("first_ledger"),
            text("second_ledger")
        ),
        other => format!("{other} {proof}"),
    }
}

/// Until when an attempt can land.
pub(super) fn until(attempt: &AttemptStory) -> String {
    match (attempt.max_ledger, &attempt.not_after) {
        (0, None) => "at any time".to_owned(),
        (0, Some(time)) => format!("no later than {time}"),
        (ledger, _) => format!("before ledger {ledger}"),
    }
}

fn because(reason: &Value) -> String {
    let (code, detail) = (word(&reason["code"]), word(&reason["detail"]));
    if detail.is_empty() {
        code
    } else {
        format!("{code}, {detail}")
    }
}

/// A value without quotes; nothing for null.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{EventStory, sentence};
    use crate::domain::event::EVENT_TYPES;

    #[test]
    fn every_event_has_a_sentence() {
        for kind in EVENT_TYPES {
            let event = EventStory {
                at: String::new(),
                kind: kind.to_owned(),
                data: json!({"attempt": 1, "proof": {"kind": "fence"}}),
            };
            assert!(!sentence(&event, &[]).contains(kind), "{kind}");
        }
    }
}
