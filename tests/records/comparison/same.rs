//! What counts as the same: everything, but that a time may be a little later in one of the two.

use std::fmt::Debug;

use serde_json::Value;
use stellar_submitter::store::StoreError;
use stellar_submitter::store::accept::Accepted;
use stellar_submitter::store::attempts::AttemptRow;
use stellar_submitter::store::channels::ChannelRow;
use stellar_submitter::store::intents::IntentRow;
use time::{Duration, OffsetDateTime};

use crate::book::Rows;

/// By how much two clocks that are read one after the other may differ, where the machine has much to do.
const NEAR: Duration = Duration::seconds(4);

/// One thing as text, and the times in it.
#[derive(Debug)]
pub struct Told {
    pub text: String,
    pub times: Vec<Option<OffsetDateTime>>,
}

/// An answer without times.
pub fn plain(answer: impl Debug) -> Told {
    Told {
        text: format!("{answer:?}"),
        times: Vec::new(),
    }
}

/// An answer, or what kind of error it was.
pub fn answer<T>(result: Result<T, StoreError>, told: impl FnOnce(T) -> Told) -> Told {
    match result {
        Ok(value) => told(value),
        Err(error) => plain(match error {
            StoreError::Away(_) => "away".to_owned(),
            StoreError::Refused(_) => "refused".to_owned(),
            other => other.to_string(),
        }),
    }
}

/// What kind of answer it is.
pub fn kind(told: &Told) -> &'static str {
    match told.text.as_str() {
        "\"refused\"" => "refused",
        "\"away\"" => "away",
        "()" | "[]" | "0" | "false" | "None" => "nothing",
        text if text.starts_with("\"the lease") => "lease lost",
        text if text.starts_with("\"the database is not") => "moved",
        _ => "something",
    }
}

pub fn accepted(all: Vec<Accepted>) -> Told {
    let mut told = plain("");
    for one in all {
        match one {
            Accepted::New(at) => {
                told.text.push_str(" new");
                told.times.push(Some(at));
            }
            Accepted::Existing(row) => {
                let row = intent(&row);
                told.text.push_str(&row.text);
                told.times.extend(row.times);
            }
            Accepted::KeyTaken => told.text.push_str(" taken"),
        }
    }
    told
}

pub fn intent(row: &IntentRow) -> Told {
    Told {
        times: vec![
            row.due_at,
            Some(row.created_at),
            Some(row.updated_at),
            row.finished_at,
        ],
        text: format!(
            "intent {} {} {} {:?} {:?} {} {} {} {:?} {:?}",
            row.id,
            row.workflow_id,
            row.status,
            row.tag,
            row.source,
            json(row.request.as_ref()),
            row.cancel_requested,
            row.attempt_count,
            row.reason,
            row.transaction,
        ),
    }
}

pub fn attempt(row: &AttemptRow) -> Told {
    let mut plain = row.clone();
    plain.created_at = OffsetDateTime::UNIX_EPOCH;
    plain.ended_at = None;
    Told {
        times: vec![Some(row.created_at), row.ended_at],
        text: format!("{plain:?}"),
    }
}

pub fn channel(row: &ChannelRow) -> Told {
    let mut plain = row.clone();
    plain.updated_at = OffsetDateTime::UNIX_EPOCH;
    Told {
        times: vec![Some(row.updated_at)],
        text: format!("{plain:?}"),
    }
}

/// Everything on record, a line a row.
pub fn rows(rows: &Rows) -> Vec<Told> {
    let mut told: Vec<Told> = rows.intents.iter().map(intent).collect();
    told.extend(rows.attempts.iter().map(attempt));
    told.extend(rows.bumps.iter().map(|row| Told {
        times: vec![Some(row.created_at)],
        text: format!(
            "bump {} {} {} {:?} {} {:?}",
            row.intent_id, row.number, row.ordinal, row.hash, row.fee, row.envelope
        ),
    }));
    told.extend(rows.events.iter().map(plain));
    told.extend(rows.submissions.iter().map(plain));
    told
}

fn json(value: Option<&Value>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

/// Fails where the two differ.
pub fn check(what: &str, postgres: &Told, memory: &Told) {
    let near = |(one, other): (&Option<OffsetDateTime>, &Option<OffsetDateTime>)| match (one, other)
    {
        (Some(one), Some(other)) => (*one - *other).abs() < NEAR,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let times = postgres.times.len() == memory.times.len()
        && postgres.times.iter().zip(&memory.times).all(near);
    assert!(
        postgres.text == memory.text && times,
        "{what}\npostgres: {postgres:?}\n  memory: {memory:?}"
    );
}
