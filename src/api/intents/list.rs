//! GET /v1/intents.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::view::IntentBody;
use crate::api::Shared;
use crate::api::auth::{Caller, Read};
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::query::Query;
use crate::domain::asset::Destination;
use crate::domain::primitives::{AccountId, TxHash};
use crate::store::intents::{IntentFilter, IntentRow};

const PARAMETERS: [&str; 9] = [
    "workflow_id",
    "method",
    "status",
    "source",
    "destination",
    "hash",
    "created_after",
    "limit",
    "cursor",
];

const STATUSES: [&str; 7] = [
    "queued",
    "in_flight",
    "parked",
    "succeeded",
    "failed",
    "expired",
    "canceled",
];

/// Intents, the newest first
#[utoipa::path(
    get, path = "/v1/intents", operation_id = "listIntents", tag = "intents",
    security(("api_key" = ["intents:read"])),
    params(
        ("workflow_id" = Option<String>, Query, description = "Exactly this workflow.", min_length = 1, max_length = 255),
        ("method" = Option<String>, Query, description = "Exactly this method.", min_length = 1, max_length = 255),
        ("status" = Option<super::view::Status>, Query, description = "Exactly this status."),
        ("source" = Option<String>, Query, description = "Exactly this source account, `G…`.", pattern = "^G[A-Z2-7]{55}$"),
        ("destination" = Option<String>, Query, description = "This account (`G…`, or the one below `M…`) receives by one of the operations.", pattern = "^(G[A-Z2-7]{55}|M[A-Z2-7]{68})$"),
        ("hash" = Option<String>, Query, description = "One of its transactions or fee bumps has this hash.", pattern = "^[0-9a-f]{64}$"),
        ("created_after" = Option<String>, Query, description = "Accepted after this time, RFC 3339.", format = DateTime),
        ("limit" = Option<u16>, Query, description = "Items of a page, 1 to 200; 50 where it is not given.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", pattern = "^[A-Za-z0-9_-]{22}$"),
    ),
    responses(
        (status = 200, description = "A page of the tenant's intents.", body = Page<IntentBody>),
        (status = 400, description = "`invalid-request`, naming the parameter", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn list(
    caller: Caller<Read>,
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Json<Page<IntentBody>>, Problem> {
    let mut query = Query::read(uri.query(), &PARAMETERS);
    let filter = filter(&mut query);
    let limit = query.limit();
    query.end()?;
    let rows = shared
        .store
        .intents(&caller.tenant, &filter, i64::from(limit) + 1)
        .await?;
    let page = Page::of(rows, limit, cursor, |row| IntentBody::new(&shared, row));
    Ok(Json(Page {
        items: page.items.into_iter().collect::<Result<_, _>>()?,
        next: page.next,
    }))
}

fn filter(query: &mut Query) -> IntentFilter {
    let status = query.raw("status");
    if status
        .as_ref()
        .is_some_and(|status| !STATUSES.contains(&status.as_str()))
    {
        query.refuse("status", format!("must be one of {}", STATUSES.join(", ")));
    }
    let created_after = query.raw("created_after").and_then(|text| {
        let time = OffsetDateTime::parse(&text, &Rfc3339).ok();
        if time.is_none() {
            query.refuse(
                "created_after",
                "is not a time in RFC 3339, such as 2026-11-22T12:00:00Z (in a URL + is written %2B)",
            );
        }
        time
    });
    let before = query.raw("cursor").and_then(|text| {
        let before = position(&text);
        if before.is_none() {
            query.refuse("cursor", "is not one that was given out here");
        }
        before
    });
    IntentFilter {
        workflow_id: query.text("workflow_id"),
        method: query.text("method"),
        status,
        source: query
            .parsed::<AccountId>("source")
            .map(|account| account.to_string()),
        destination: query
            .parsed::<Destination>("destination")
            .map(|destination| AccountId::of_muxed(&destination.0).to_string()),
        hash: query.parsed::<TxHash>("hash").map(|hash| hash.0),
        created_after,
        before,
    }
}

fn cursor(row: &IntentRow) -> String {
    BASE64URL.encode(row.id.as_bytes())
}

fn position(cursor: &str) -> Option<Uuid> {
    Uuid::from_slice(&BASE64URL.decode(cursor).ok()?).ok()
}
