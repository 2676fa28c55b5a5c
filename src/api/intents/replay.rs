//! A request whose idempotency key is on record: its answer again, or why there is none.

use std::borrow::Cow;

use axum::http::StatusCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::asked::Asked;
use super::post::{Reply, late_answer};
use super::view::{IntentBody, normal_form};
use crate::api::Shared;
use crate::api::problem::{Problem, to_text};
use crate::domain::intent::first_difference_of_forms;
use crate::store::StoreError;
use crate::store::idempotency::KeyRow;
use crate::store::intents::IntentRow;

/// The most seconds after which a client is asked to come back: most answers come long before their lock ends.
const MAX_RETRY_SECONDS: i32 = 5;

/// What became of a repetition.
pub enum Replay {
    /// It is answered.
    Reply(Reply),
    /// The key has ended, or somebody else has taken it over: begin again.
    Gone,
}

/// Answers a request whose key is taken.
///
/// # Errors
/// 422 for another request, 409 while the first is being answered.
pub async fn replay(shared: &Shared, asked: &Asked) -> Result<Replay, Problem> {
    let Some(asked_key) = asked.key() else {
        return Ok(Replay::Gone);
    };
    let key = asked_key.key.as_str();
    let Some(row) = shared.store.idempotency_key(&asked.tenant, key).await? else {
        return Ok(Replay::Gone);
    };
    let intent = shared.store.intent(&asked.tenant, row.intent_id).await?;
    let intent = intent.ok_or_else(|| StoreError::Corrupt {
        table: "idempotency_keys",
        what: format!("intent {} is not there", row.intent_id),
    })?;
    if row.fingerprint != asked_key.fingerprint
        && let Some(pointer) = difference(shared, asked, &row, &intent)
    {
        return Err(Problem::key_reused(pointer, row.intent_id));
    }
    match (row.status, row.locked_seconds) {
        (Some(status), _) => stored(shared, status, row.response, &intent).map(Replay::Reply),
        (None, Some(seconds)) if seconds > 0 => {
            let after = seconds.clamp(1, MAX_RETRY_SECONDS).unsigned_abs();
            Err(Problem::in_flight(after))
        }
        // Whoever began to answer is gone, or will not finish: the intent is on record, so its answer can be given.
        (None, _) => {
            let within = asked.answered_within();
            if !shared
                .store
                .take_over_key(&asked.tenant, key, within)
                .await?
            {
                return Ok(Replay::Gone);
            }
            let seconds = asked.wait.unwrap_or(0);
            let answering = Box::pin(late_answer(shared, asked, row.intent_id, seconds));
            Ok(Replay::Reply(answering.await?))
        }
    }
}

/// Where the request differs from the key's first; none for equal ones that are merely written in another way.
fn difference(shared: &Shared, asked: &Asked, row: &KeyRow, intent: &IntentRow) -> Option<String> {
    let first = match &row.request {
        Some(first) => Some(Cow::Borrowed(first)),
        None => normal_form(shared, intent),
    };
    match first {
        Some(first) => first_difference_of_forms(&asked.form(), &first),
        None => Some(String::new()),
    }
}

fn stored(
    shared: &Shared,
    status: i16,
    response: Option<String>,
    intent: &IntentRow,
) -> Result<Reply, Problem> {
    let corrupt = || StoreError::Corrupt {
        table: "idempotency_keys",
        what: format!("{status} is no status"),
    };
    let code = u16::try_from(status).map_err(|_| corrupt())?;
    let body = match response {
        Some(body) => body,
        None => to_text(&IntentBody::new(
            shared,
            intent.as_accepted(not_before(intent)),
        )?),
    };
    Ok(Reply {
        status: StatusCode::from_u16(code).map_err(|_| corrupt())?,
        body,
        intent_id: intent.id,
        replayed: true,
        waited: None,
    })
}

fn not_before(intent: &IntentRow) -> Option<OffsetDateTime> {
    let text = intent.request.as_ref()?.get("not_before")?.as_str()?;
    OffsetDateTime::parse(text, &Rfc3339).ok()
}
