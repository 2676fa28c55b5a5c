//! POST /v1/intents/bulk: many intents in one request, each with a result of its own.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use uuid::Uuid;

use super::asked::intent;
use super::one::json;
use super::post::difference;
use super::request::NewIntentBody;
use super::rows::{Media, Row, split};
use crate::api::acceptor::Outcome;
use crate::api::auth::{Caller, Write};
use crate::api::problem::{Problem, ProblemBody, to_text};
use crate::api::query::Query;
use crate::api::{Shared, body, idempotency_key};
use crate::store::accept::{Accepted, NewIntent};

/// The path that this file answers.
pub const PATH: &str = "/v1/intents/bulk";

/// Bulks that are taken at the same time; more are refused with 429. With the limit on a body it bounds what they hold.
pub const AT_ONCE: usize = 4;

/// Mistakes of one row that are named.
const MAX_ERRORS: usize = 10;

/// Rows of one commit.
const CHUNK: usize = 1_000;

/// Chunks that are read before the one that is being written is on record.
const CHUNKS_AHEAD: usize = 1;

/// Seconds after which a client may ask again when too many bulks are taken at the same time.
const RETRY_SECONDS: u32 = 1;

/// What became of a bulk.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkResult)]
pub struct BulkBody {
    /// Rows that are new intents.
    accepted: usize,
    /// Rows whose intent existed already.
    existing: usize,
    /// Rows that were refused.
    refused: usize,
    /// What became of each row, in their order.
    items: Vec<BulkItem>,
}

/// What became of one row.
#[derive(Serialize, ToSchema)]
pub struct BulkItem {
    /// The row's place, from 0; empty lines do not count.
    index: usize,
    /// 202: accepted. 200: the same intent existed already. Else as of a single post, with its problem.
    #[schema(minimum = 200, maximum = 599)]
    status: u16,
    /// The intent's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// The business workflow, where the row is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<String>,
    /// What of that workflow, where the row is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// `true`: it existed already.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    /// Why the row was refused. Its pointers lead into the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProblemBody>)]
    problem: Option<Box<RawValue>>,
}

/// Accept many intents
///
/// A bad row harms no other. Accepted rows are on record once this is answered, in their order; on the ledger each is at most
/// once, however often the bulk is posted: a row is the same intent as any other with its `workflow_id` and method.
#[utoipa::path(
    post, path = PATH, operation_id = "createIntents", tag = "intents",
    security(("api_key" = ["intents:write"])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Not needed, and without effect: each row is known by its workflow_id and method. It must be valid where it is given."),
    ),
    request_body(description = "At most 10,000 intents: an array, or one object a line (empty lines are skipped).", content(
        (Vec<NewIntentBody> = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 200, description = "A result for each row.", body = BulkBody),
        (status = 400, description = "`invalid-request`: no array of JSON values. `idempotency-key-invalid`. Nothing is stored.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "`request-timeout`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`, `too-many-rows`. Nothing is stored.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests` (with Retry-After): too many bulks at once, or more rows than a tenant may post a second. Nothing is stored.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn bulk(
    caller: Caller<Write>,
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    Query::read(uri.query(), &[]).end()?;
    idempotency_key::read(&headers)?;
    let media = Media::of(&headers)?;
    let Ok(permit) = Arc::clone(&shared.bulks).try_acquire_owned() else {
        body::discard(&headers, body).await;
        let detail = format!("{AT_ONCE} bulks are being taken already");
        return Err(Problem::over_limit(RETRY_SECONDS, detail));
    };
    // Held while either the body or what becomes of it is there, also where nobody waits for the answer any more.
    let held = Arc::new(permit);
    let permit = Arc::clone(&held);
    let limit = shared.settings.max_bulk_body_bytes;
    let bytes = body::bytes(&headers, body, limit).await?;
    let (sender, mut chunks) = mpsc::channel(CHUNKS_AHEAD);
    let reader = Arc::clone(&shared);
    let reading = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        read(&reader, &caller.tenant, media, &bytes, &sender)
    });
    let mut result = BulkBody {
        accepted: 0,
        existing: 0,
        refused: 0,
        items: Vec::new(),
    };
    let mut away = None;
    while let Some(chunk) = chunks.recv().await {
        write(&shared, chunk, &mut away, &mut result).await;
    }
    reading
        .await
        .unwrap_or_else(|error| Err(Problem::internal().because(error)))?;
    let answer = json(to_text(&result));
    drop(held);
    Ok(answer)
}

/// A row that was read.
type Read = Result<Arc<NewIntent>, Problem>;

/// Reads all rows and hands them on in chunks; ends early where nobody takes them any more.
///
/// # Errors
/// What is wrong with the bulk as a whole, before the first row is handed on.
fn read(
    shared: &Shared,
    tenant: &Arc<str>,
    media: Media,
    body: &Bytes,
    chunks: &mpsc::Sender<Vec<Read>>,
) -> Result<(), Problem> {
    let rows = split(media, body)?;
    shared.posts.count(tenant, rows.len())?;
    for chunk in rows.chunks(CHUNK) {
        let read: Vec<Read> = chunk
            .iter()
            .map(|row| {
                let read = read_row(shared, tenant, row);
                read.map_err(|problem| problem.with_fewer_errors(MAX_ERRORS))
            })
            .collect();
        if chunks.blocking_send(read).is_err() {
            break;
        }
    }
    Ok(())
}

fn read_row(shared: &Shared, tenant: &str, row: &Row<'_>) -> Read {
    let limit = shared.settings.max_body_bytes;
    if row.bytes() > limit {
        return Err(Problem::too_large(limit));
    }
    Ok(Arc::new(intent(shared, tenant, &row.parse()?)?))
}

/// Puts a chunk on record and notes what became of its rows. Once the database is `away`, no more is tried: what comes later
/// in the order must not be accepted before what came earlier.
async fn write(
    shared: &Shared,
    chunk: Vec<Read>,
    away: &mut Option<Problem>,
    result: &mut BulkBody,
) {
    let intents: Vec<Arc<NewIntent>> = chunk
        .iter()
        .filter_map(|row| row.as_ref().ok().cloned())
        .collect();
    let outcomes = match away {
        Some(problem) => intents.iter().map(|_| Err(problem.clone())).collect(),
        None if intents.is_empty() => Vec::new(),
        None => shared.acceptor.accept_batch(&intents).await,
    };
    let mut outcomes = outcomes.into_iter();
    for row in chunk {
        let index = result.items.len();
        let item = match row {
            Err(problem) => BulkItem::refused(index, None, &problem),
            Ok(intent) => {
                let outcome = outcomes.next().unwrap_or_else(|| Err(Problem::internal()));
                if let Err(problem) = &outcome
                    && problem.status() == StatusCode::SERVICE_UNAVAILABLE
                {
                    *away = Some(problem.clone());
                }
                BulkItem::of(shared, index, &intent, outcome)
            }
        };
        match item.status {
            202 => result.accepted += 1,
            200 => result.existing += 1,
            _ => result.refused += 1,
        }
        result.items.push(item);
    }
}

impl BulkItem {
    fn of(shared: &Shared, index: usize, intent: &NewIntent, outcome: Outcome) -> Self {
        match outcome {
            Ok(Accepted::New(_)) => Self::known(index, StatusCode::ACCEPTED, intent, intent.id),
            Ok(Accepted::Existing(row)) => {
                match difference(shared, &intent.request.to_json(), &row) {
                    None => Self {
                        replayed: Some(true),
                        ..Self::known(index, StatusCode::OK, intent, row.id)
                    },
                    Some(pointer) => {
                        let problem = Problem::workflow_conflict(pointer, row.id);
                        Self::refused(index, Some(intent), &problem)
                    }
                }
            }
            // It has no key.
            Ok(Accepted::KeyTaken) => Self::refused(index, Some(intent), &Problem::internal()),
            Err(problem) => Self::refused(index, Some(intent), &problem),
        }
    }

    fn known(index: usize, status: StatusCode, intent: &NewIntent, id: Uuid) -> Self {
        Self {
            index,
            status: status.as_u16(),
            id: Some(id),
            workflow_id: Some(intent.request.workflow_id.clone()),
            method: Some(intent.request.method.clone()),
            replayed: None,
            problem: None,
        }
    }

    fn refused(index: usize, intent: Option<&NewIntent>, problem: &Problem) -> Self {
        let document = RawValue::from_string(problem.document(PATH));
        Self {
            index,
            status: problem.status().as_u16(),
            id: None,
            workflow_id: intent.map(|intent| intent.request.workflow_id.clone()),
            method: intent.map(|intent| intent.request.method.clone()),
            replayed: None,
            problem: Some(document.expect("a problem's document is always JSON")),
        }
    }
}
