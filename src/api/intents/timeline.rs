//! GET /v1/intents/{id}/events: what became of an intent, in the order in which it became so.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::{Named, find};
use crate::api::Shared;
use crate::api::auth::{Caller, Read};
use crate::api::events::EventBody;
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::query::Query;

/// An intent's events, the oldest first
#[utoipa::path(
    get, path = "/v1/intents/{id}/events", operation_id = "listIntentEvents", tag = "intents",
    security(("api_key" = ["intents:read"])),
    params(
        ("id" = String, Path, description = "The intent's id."),
        ("limit" = Option<u16>, Query, description = "Items of a page, 1 to 200; 50 where it is not given.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", pattern = "^[0-9]{1,18}$"),
    ),
    responses(
        (status = 200, description = "A page of its events.", body = Page<EventBody>),
        (status = 400, description = "`invalid-request`, naming the parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`intent-not-found`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn timeline(
    caller: Caller<Read>,
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    uri: Uri,
) -> Result<Json<Page<EventBody>>, Problem> {
    let mut query = Query::read(uri.query(), &["limit", "cursor"]);
    let (limit, after) = (query.limit(), query.number("cursor"));
    query.end()?;
    let intent = find(&shared, &caller.tenant, &id).await?;
    let rows = shared
        .store
        .intent_events(&caller.tenant, intent.id, after, i64::from(limit) + 1)
        .await?;
    let cursor = |row: &crate::store::events::EventRow| row.id.to_string();
    Ok(Json(Page::of(rows, limit, cursor, EventBody::from)))
}
