//! What users may ask of an intent: to cancel it, to try it again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::one::json;
use super::view::IntentBody;
use super::{Named, find};
use crate::api::auth::{Caller, Write};
use crate::api::problem::{Problem, ProblemBody, to_text};
use crate::api::query::Query;
use crate::api::{Shared, body};
use crate::store::intents::{Change, IntentRow};

/// Cancel an intent
///
/// At once where it is queued or parked. In flight no more is sent, and it is final once it is proven whether it landed.
#[utoipa::path(
    post, path = "/v1/intents/{id}/cancel", operation_id = "cancelIntent", tag = "intents",
    security(("api_key" = ["intents:write"])),
    params(("id" = String, Path, description = "The intent's id.")),
    responses(
        (status = 200, description = "Canceled.", body = IntentBody),
        (status = 202, description = "In flight: no more is sent, and it is final once that is proven.", body = IntentBody),
        (status = 400, description = "`invalid-request`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`intent-not-found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`intent-final`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn cancel(
    caller: Caller<Write>,
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    Query::read(uri.query(), &[]).end()?;
    body::none(&headers, body).await?;
    let id = find(&shared, &caller.tenant, &id).await?.id;
    let change = shared.store.cancel(&caller.tenant, id).await?;
    announce(&shared, change);
    let row = find(&shared, &caller.tenant, &id.to_string()).await?;
    changed(&shared, change, row, |row| {
        Problem::intent_final(row.id, &row.status)
    })
}

/// Queue a parked intent again now
#[utoipa::path(
    post, path = "/v1/intents/{id}/retry", operation_id = "retryIntent", tag = "intents",
    security(("api_key" = ["intents:write"])),
    params(("id" = String, Path, description = "The intent's id.")),
    responses(
        (status = 200, description = "Queued.", body = IntentBody),
        (status = 400, description = "`invalid-request`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`intent-not-found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`intent-not-parked`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn retry(
    caller: Caller<Write>,
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    Query::read(uri.query(), &[]).end()?;
    body::none(&headers, body).await?;
    let id = find(&shared, &caller.tenant, &id).await?.id;
    let change = shared.store.retry(&caller.tenant, id).await?;
    announce(&shared, change);
    let row = find(&shared, &caller.tenant, &id.to_string()).await?;
    changed(&shared, change, row, |row| {
        Problem::intent_not_parked(row.id, &row.status)
    })
}

/// Tells the engines of a change that they have to act on.
fn announce(shared: &Shared, change: Change) {
    match change {
        Change::Done | Change::Pending => shared.announcer.announce(),
        Change::NotAllowed | Change::Missing => {}
    }
}

fn changed(
    shared: &Shared,
    change: Change,
    row: IntentRow,
    refused: impl FnOnce(&IntentRow) -> Problem,
) -> Result<Response, Problem> {
    let status = match change {
        Change::Done => StatusCode::OK,
        Change::Pending => StatusCode::ACCEPTED,
        Change::NotAllowed => return Err(refused(&row)),
        Change::Missing => return Err(Problem::no_such_intent()),
    };
    let body = to_text(&IntentBody::new(shared, row)?);
    Ok((status, json(body)).into_response())
}
