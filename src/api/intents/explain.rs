//! GET /v1/intents/{id}/explain: where an intent is and why, in plain words.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::utc;
use super::{Named, find};
use crate::api::Shared;
use crate::api::auth::{Caller, Read};
use crate::api::problem::{Problem, ProblemBody};
use crate::api::query::Query;
use crate::domain::explain::{
    AttemptStory, CallEvent, CallExplained, EventStory, Explanation, Happening, ReasonExplained,
    Status, Story, explain,
};
use crate::domain::reason::Reason;
use crate::store::StoreError;
use crate::store::attempts::{AttemptRow, SubmissionRow};
use crate::store::intents::IntentRow;

/// The most attempts that are told of.
const MAX_ATTEMPTS: i64 = 1000;
/// The most events that are told of.
const MAX_EVENTS: i64 = 1000;
/// The most submissions that are told of an attempt.
const MAX_SUBMISSIONS: i64 = 100;
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An intent, explained.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub struct ExplanationBody {
    /// Its id.
    id: String,
    /// The business workflow.
    workflow_id: String,
    /// What of it.
    method: String,
    /// Where it is.
    #[schema(value_type = super::view::Status)]
    status: String,
    /// One sentence.
    summary: String,
    /// What happened, the oldest first.
    happened: Vec<HappeningBody>,
    /// What a contract call came to: of its newest recorded transaction; null where that is not known.
    call: Option<CallBody>,
    /// Why it is where it is.
    reason: Option<ExplainedReasonBody>,
    /// What it waits for; null where it is final.
    waits_for: Option<String>,
    /// Why nothing is paid twice, or reported wrongly.
    safe_because: String,
    /// What comes next.
    next: String,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Happening)]
pub struct HappeningBody {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// What.
    text: String,
}

/// What a contract call came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplainedCall)]
pub struct CallBody {
    /// The attempt that it was.
    attempt: u32,
    /// What it returned (a value of SEP-51); null where it failed.
    #[schema(value_type = Option<Value>)]
    result: Option<Value>,
    /// The error that it failed with, such as `Error(Contract, #7)`.
    error: Option<String>,
    /// Events of the contracts, the oldest first; the newest 20 of those that are kept.
    events: Vec<CallEventBody>,
    /// How many were kept before these.
    events_left_out: usize,
}

/// An event of a contract.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContractEvent)]
pub struct CallEventBody {
    /// The contract.
    contract: Option<String>,
    /// Its topics (values of SEP-51).
    #[schema(value_type = Vec<Value>)]
    topics: Vec<Value>,
    /// What it says (a value of SEP-51).
    #[schema(value_type = Value)]
    data: Value,
}

/// What a reason means.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplainedReason)]
pub struct ExplainedReasonBody {
    /// The code.
    code: String,
    /// What it means.
    means: String,
    /// About this case.
    detail: String,
    /// What can be done.
    what_to_do: String,
}

/// An intent in plain words
///
/// What happened, what it waits for, what makes it safe, and what comes next; as text where `Accept` asks for `text/plain`. The words may change; programs read the intent itself.
#[utoipa::path(
    get, path = "/v1/intents/{id}/explain", operation_id = "explainIntent", tag = "intents",
    security(("api_key" = ["intents:read"])),
    params(
        ("id" = String, Path, description = "The intent's id."),
        ("Accept" = Option<String>, Header, description = "`text/plain` for text."),
    ),
    responses(
        (status = 200, description = "The explanation.", content((ExplanationBody = "application/json"), (String = "text/plain"))),
        (status = 400, description = "`invalid-request`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`intent-not-found`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn explanation(
    caller: Caller<Read>,
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::read(uri.query(), &[]).end()?;
    let row = find(&shared, &caller.tenant, &id).await?;
    let explained = explain(&story(&shared, row).await?);
    let wants_text = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(prefers_text);
    if wants_text {
        return Ok(([(header::CONTENT_TYPE, TEXT)], explained.to_text()).into_response());
    }
    Ok(Json(ExplanationBody::from(explained)).into_response())
}

/// Whether the first kind of an Accept header that we have is text.
fn prefers_text(accept: &str) -> bool {
    let kinds = accept
        .split(',')
        .filter_map(|kind| kind.split(';').next())
        .map(str::trim);
    let first = kinds
        .into_iter()
        .find(|kind| matches!(*kind, "text/plain" | "text/*" | "application/json" | "*/*"));
    first.is_some_and(|kind| kind.starts_with("text/"))
}

async fn story(shared: &Shared, row: IntentRow) -> Result<Story, Problem> {
    let store = &shared.store;
    let attempts = store.attempts_after(row.id, 0, MAX_ATTEMPTS).await?;
    let numbers: Vec<i32> = attempts.iter().map(|one| one.number).collect();
    let submissions = store.submissions(row.id, &numbers, MAX_SUBMISSIONS).await?;
    let events = store
        .intent_events(&row.tenant, row.id, 0, MAX_EVENTS)
        .await?;
    let status = Status::parse(&row.status).ok_or_else(|| corrupt(row.id, &row.status))?;
    let form = |name: &str| {
        let form = row.request.as_ref()?;
        form[name].as_str().map(str::to_owned)
    };
    let now = (shared.receipts.now)();
    let reason: Option<Reason> = row
        .reason
        .clone()
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| corrupt(row.id, &error.to_string()))?;
    Ok(Story {
        id: row.id.to_string(),
        status,
        cancel_requested: row.cancel_requested,
        reason,
        due_at: row.due_at.filter(|due| *due > now).map(utc),
        ordering_key: form("ordering_key"),
        valid_until: form("valid_until"),
        accepted_at: utc(row.created_at),
        attempts: attempts
            .into_iter()
            .map(|one| attempt(one, &submissions))
            .collect(),
        events: events
            .into_iter()
            .map(|event| EventStory {
                at: utc(event.at),
                kind: event.kind,
                data: event.data,
            })
            .collect(),
        explained: store.is_explained().await?,
        transaction: row.transaction,
        workflow_id: row.workflow_id,
        method: row.method,
    })
}

fn corrupt(intent: Uuid, what: &str) -> Problem {
    StoreError::Corrupt {
        table: "intents",
        what: format!("{intent}: {what}"),
    }
    .into()
}

fn attempt(row: AttemptRow, submissions: &[SubmissionRow]) -> AttemptStory {
    let sent = submissions
        .iter()
        .filter(|one| one.number == row.number)
        .map(|one| (utc(one.answered_at), one.answer.clone()));
    let not_after = OffsetDateTime::from_unix_timestamp(row.max_time)
        .ok()
        .filter(|_| row.max_time > 0);
    AttemptStory {
        number: u32::try_from(row.number).unwrap_or(0),
        sequence: row.sequence.to_string(),
        max_ledger: row.max_ledger,
        not_after: not_after.map(utc),
        presigned: row.presigned,
        restores: row
            .soroban
            .as_ref()
            .is_some_and(|soroban| soroban["restores"] == true),
        sent: sent.collect(),
        call: row.call,
        channel: row.channel,
        state: row.state,
    }
}

impl From<Explanation> for ExplanationBody {
    fn from(explained: Explanation) -> Self {
        Self {
            id: explained.id,
            workflow_id: explained.workflow_id,
            method: explained.method,
            status: explained.status,
            summary: explained.summary,
            happened: explained.happened.into_iter().map(Into::into).collect(),
            call: explained.call.map(Into::into),
            reason: explained.reason.map(Into::into),
            waits_for: explained.waits_for,
            safe_because: explained.safe_because,
            next: explained.next,
        }
    }
}

impl From<Happening> for HappeningBody {
    fn from(one: Happening) -> Self {
        Self {
            at: one.at,
            text: one.text,
        }
    }
}

impl From<CallExplained> for CallBody {
    fn from(call: CallExplained) -> Self {
        Self {
            attempt: call.attempt,
            result: call.result,
            error: call.error,
            events: call.events.into_iter().map(Into::into).collect(),
            events_left_out: call.events_left_out,
        }
    }
}

impl From<CallEvent> for CallEventBody {
    fn from(event: CallEvent) -> Self {
        Self {
            contract: event.contract,
            topics: event.topics,
            data: event.data,
        }
    }
}

impl From<ReasonExplained> for ExplainedReasonBody {
    fn from(reason: ReasonExplained) -> Self {
        Self {
            code: reason.code,
            means: reason.means,
            detail: reason.detail,
            what_to_do: reason.what_to_do,
        }
    }
}
