//! GET /v1/intents/{id}/attempts: every transaction that was built for an intent, and every POST of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::view::utc;
use super::{Named, find};
use crate::api::Shared;
use crate::api::auth::{Caller, Read};
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::query::Query;
use crate::store::attempts::{AttemptRow, BumpRow, SubmissionRow};

/// The most submissions that are shown of one attempt, the newest.
const MAX_SUBMISSIONS: i64 = 100;

/// One inner transaction and its life.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptBody {
    /// 1 for the intent's first.
    number: i32,
    /// `signed`, `submitted`, `landed`, `landed_failed` or `dead`.
    #[schema(value_type = AttemptState)]
    state: String,
    /// The account whose sequence number it uses.
    channel: String,
    /// Which.
    sequence: String,
    /// When it may land.
    bounds: Bounds,
    /// The hash of the inner transaction.
    hash: String,
    /// The plain envelope, XDR in base64.
    envelope_xdr: String,
    /// The plain envelope's whole fee, in stroops.
    fee: String,
    /// The newest ledger when it was signed.
    signed_at_ledger: i64,
    /// Its fee bumps, in order.
    fee_bumps: Vec<BumpBody>,
    /// Its POSTs and their answers, the newest hundred, the oldest first.
    submissions: Vec<SubmissionBody>,
    /// The recorded transaction.
    #[schema(value_type = Option<Object>)]
    landed: Option<Value>,
    /// Of a contract operation: what it declares (`data`) and who authorised it (`auth`), XDR in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, required = false)]
    soroban: Option<Value>,
    /// Of a landed call: what it returned (`result`), the error that it failed with, and its events, XDR in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, required = false)]
    call: Option<Value>,
    /// Why it can never land.
    #[schema(value_type = Option<Object>)]
    death_proof: Option<Value>,
    /// Signed and on record.
    #[schema(format = DateTime)]
    created_at: String,
    /// Landed or dead since.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

/// Where an attempt is. The last three are final.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the column's values for the document")]
pub enum AttemptState {
    Signed,
    Submitted,
    Landed,
    LandedFailed,
    Dead,
}

/// When a transaction may land.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bounds {
    /// Not in a ledger that closes earlier.
    #[schema(format = DateTime)]
    not_before: Option<String>,
    /// Not in a ledger that closes later.
    #[schema(format = DateTime)]
    not_after: Option<String>,
    /// Not in this ledger or a later one.
    before_ledger: Option<i64>,
}

/// A fee bump.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FeeBump)]
pub struct BumpBody {
    /// Its hash, the outer one.
    hash: String,
    /// Its whole fee, in stroops.
    fee: String,
    /// XDR in base64.
    envelope_xdr: String,
    /// Signed and on record.
    #[schema(format = DateTime)]
    created_at: String,
}

/// One POST of one envelope.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Submission)]
pub struct SubmissionBody {
    /// The hash of the envelope that was sent.
    hash: String,
    /// When the answer came, or was given up on.
    #[schema(format = DateTime)]
    answered_at: String,
    /// What was answered.
    #[schema(value_type = Value)]
    answer: Value,
}

/// An intent's attempts, the oldest first
///
/// With every envelope that was signed, every submission with its answer, and how each ended.
#[utoipa::path(
    get, path = "/v1/intents/{id}/attempts", operation_id = "listAttempts", tag = "intents",
    security(("api_key" = ["intents:read"])),
    params(
        ("id" = String, Path, description = "The intent's id."),
        ("limit" = Option<u16>, Query, description = "Items of a page, 1 to 200; 50 where it is not given.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", pattern = "^[0-9]{1,9}$"),
    ),
    responses(
        (status = 200, description = "A page of its attempts.", body = Page<AttemptBody>),
        (status = 400, description = "`invalid-request`, naming the parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`intent-not-found`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn attempts(
    caller: Caller<Read>,
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    uri: Uri,
) -> Result<Json<Page<AttemptBody>>, Problem> {
    let mut query = Query::read(uri.query(), &["limit", "cursor"]);
    let limit = query.limit();
    let after = i32::try_from(query.number("cursor"));
    if after.is_err() {
        query.refuse("cursor", "is not one that was given out here");
    }
    query.end()?;
    let id = find(&shared, &caller.tenant, &id).await?.id;
    let after = after.unwrap_or(i32::MAX);
    let store = &shared.store;
    let rows = store
        .attempts_after(id, after, i64::from(limit) + 1)
        .await?;
    let numbers: Vec<i32> = rows.iter().map(|row| row.number).collect();
    let bumps = store.fee_bumps(&[id]).await?;
    let submissions = store.submissions(id, &numbers, MAX_SUBMISSIONS).await?;
    let cursor = |row: &AttemptRow| row.number.to_string();
    Ok(Json(Page::of(rows, limit, cursor, |row| {
        AttemptBody::new(row, &bumps, &submissions)
    })))
}

impl AttemptBody {
    fn new(row: AttemptRow, bumps: &[BumpRow], submissions: &[SubmissionRow]) -> Self {
        let fee_bumps = bumps
            .iter()
            .filter(|bump| bump.number == row.number)
            .map(|bump| BumpBody {
                hash: hex::encode(&bump.hash),
                fee: bump.fee.to_string(),
                envelope_xdr: BASE64.encode(&bump.envelope),
                created_at: utc(bump.created_at),
            });
        let submissions = submissions
            .iter()
            .filter(|submission| submission.number == row.number)
            .map(|submission| SubmissionBody {
                hash: hex::encode(&submission.hash),
                answered_at: utc(submission.answered_at),
                answer: submission.answer.clone(),
            });
        let submissions: Vec<SubmissionBody> = submissions.collect();
        // That it was sent is told by its submissions alone.
        let sent = row.state == "signed" && !submissions.is_empty();
        let state = if sent {
            "submitted".to_owned()
        } else {
            row.state
        };
        Self {
            number: row.number,
            state,
            channel: row.channel,
            sequence: row.sequence.to_string(),
            bounds: Bounds {
                not_before: bound(row.min_time),
                not_after: bound(row.max_time),
                before_ledger: (row.max_ledger > 0).then_some(row.max_ledger),
            },
            hash: hex::encode(&row.hash),
            envelope_xdr: BASE64.encode(&row.envelope),
            fee: row.plain_fee.to_string(),
            signed_at_ledger: row.signed_at_ledger,
            fee_bumps: fee_bumps.collect(),
            submissions,
            landed: row.landed,
            soroban: row.soroban,
            call: row.call,
            death_proof: row.death_proof,
            created_at: utc(row.created_at),
            ended_at: row.ended_at.map(utc),
        }
    }
}

/// A time bound; 0 is none, and so is one that no calendar can write.
fn bound(seconds: i64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.filter(|_| seconds > 0).map(utc)
}
