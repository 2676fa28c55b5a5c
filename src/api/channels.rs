//! GET /v1/channels: the accounts that supply sequence numbers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Shared;
use super::auth::{Admin, Caller};
use super::intents::view::utc;
use super::page::Page;
use super::problem::{Problem, ProblemBody};
use super::query::Query;

/// A channel account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Channel)]
pub struct ChannelBody {
    /// `G…`.
    account: String,
    /// `source` or `channel`.
    kind: String,
    /// `index` of m/44'/148'/index'; null for a source account.
    sep5_index: Option<i32>,
    /// The newest sequence number that is known to be used.
    sequence: String,
    /// `open`, `paused` or `lost`.
    state: String,
    /// Why it is not open.
    reason: Option<String>,
    /// The intent whose open attempt uses it.
    busy_with: Option<Uuid>,
    /// Last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// The accounts that supply sequence numbers
///
/// All of them, the source accounts first: as many as the configuration keeps.
#[utoipa::path(
    get, path = "/v1/channels", operation_id = "listChannels", tag = "operation",
    security(("api_key" = ["admin"])),
    responses(
        (status = 200, description = "Every channel.", body = Page<ChannelBody>),
        (status = 400, description = "`invalid-request`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn channels(
    _: Caller<Admin>,
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Json<Page<ChannelBody>>, Problem> {
    Query::read(uri.query(), &[]).end()?;
    let rows = shared.store.channels().await?;
    let items = rows.into_iter().map(|row| ChannelBody {
        account: row.account,
        kind: row.kind,
        sep5_index: row.sep5_index,
        sequence: row.sequence.to_string(),
        state: row.state,
        reason: row.reason,
        busy_with: row.busy_with,
        updated_at: utc(row.updated_at),
    });
    Ok(Json(Page {
        items: items.collect(),
        next: None,
    }))
}
