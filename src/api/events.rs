//! GET /v1/events: everything that became of a tenant's intents.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Shared;
use super::auth::{Caller, Read};
use super::intents::view::utc;
use super::page::Page;
use super::problem::{Problem, ProblemBody};
use super::query::Query;
use crate::domain::event::EVENT_TYPES;
use crate::store::events::EventRow;

/// How long a reader waits for transactions that are writing events.
const PATIENCE: Duration = Duration::from_millis(500);

/// One fact about an intent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// Its number: rises, with gaps.
    id: String,
    /// `intent.…` or `attempt.…`.
    #[serde(rename = "type")]
    kind: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Which intent.
    intent_id: Uuid,
    /// Its particulars.
    #[schema(value_type = Object)]
    data: Value,
}

impl From<EventRow> for EventBody {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id.to_string(),
            kind: row.kind,
            at: utc(row.at),
            intent_id: row.intent_id,
            data: row.data,
        }
    }
}

/// All events of a tenant, the oldest first
///
/// A reader who always goes on after the last event that it saw misses none that is still kept (`retention.events_days`) and sees none twice. `next` is null where there
/// is nothing more now.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "listEvents", tag = "events",
    security(("api_key" = ["intents:read"])),
    params(
        ("after" = Option<String>, Query, description = "The id of the last event that was seen.", pattern = "^[0-9]{1,18}$"),
        ("types" = Option<String>, Query, description = "Only these types, with commas between."),
        ("limit" = Option<u16>, Query, description = "Items of a page, 1 to 200; 50 where it is not given.", minimum = 1, maximum = 200),
    ),
    responses(
        (status = 200, description = "A page of events.", body = Page<EventBody>),
        (status = 400, description = "`invalid-request`, naming the parameter", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn events(
    caller: Caller<Read>,
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Json<Page<EventBody>>, Problem> {
    let mut query = Query::read(uri.query(), &["after", "types", "limit"]);
    let (limit, after) = (query.limit(), query.number("after"));
    let kinds = kinds(&mut query);
    query.end()?;
    let up_to = settled(&shared).await?;
    let rows = shared
        .store
        .events(
            &caller.tenant,
            (after, up_to),
            kinds.as_deref(),
            i64::from(limit) + 1,
        )
        .await?;
    let cursor = |row: &EventRow| row.id.to_string();
    Ok(Json(Page::of(rows, limit, cursor, EventBody::from)))
}

/// Up to where nothing can appear any more; where that takes too long to find, up to where it was known to be so before.
async fn settled(shared: &Shared) -> Result<i64, Problem> {
    let known = &shared.settled_event;
    let found = shared.store.settled_event(PATIENCE).await?;
    if let Some(found) = found {
        known.fetch_max(found, Ordering::Relaxed);
    }
    Ok(known.load(Ordering::Relaxed))
}

fn kinds(query: &mut Query) -> Option<Vec<String>> {
    let list = query.raw("types")?;
    let kinds: Vec<String> = list.split(',').map(str::to_owned).collect();
    if kinds
        .iter()
        .any(|kind| !EVENT_TYPES.contains(&kind.as_str()))
    {
        let detail = format!(
            "must name some of {}, with commas between",
            EVENT_TYPES.join(", ")
        );
        query.refuse("types", detail);
    }
    Some(kinds)
}
