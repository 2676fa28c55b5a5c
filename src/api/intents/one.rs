//! GET /v1/intents/{id}.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::view::IntentBody;
use super::{Named, find};
use crate::api::Shared;
use crate::api::auth::{Caller, Read};
use crate::api::problem::{Problem, ProblemBody, to_text};
use crate::api::query::Query;

/// Bytes of a body's hash that are its tag: two versions of one intent never share 16.
const ETAG_BYTES: usize = 16;

/// One intent
#[utoipa::path(
    get, path = "/v1/intents/{id}", operation_id = "getIntent", tag = "intents",
    security(("api_key" = ["intents:read"])),
    params(
        ("id" = String, Path, description = "The intent's id."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the version that is known already."),
    ),
    responses(
        (status = 200, description = "The intent as it is now.", body = IntentBody, headers(("ETag" = String, description = "This version of the intent."))),
        (status = 304, description = "It is still the version that If-None-Match names."),
        (status = 400, description = "`invalid-request`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`intent-not-found`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn one(
    caller: Caller<Read>,
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::read(uri.query(), &[]).end()?;
    let row = find(&shared, &caller.tenant, &id).await?;
    let body = to_text(&IntentBody::new(&shared, row)?);
    let hash = Sha256::digest(body.as_bytes());
    let tag = format!("\"{}\"", hex::encode(&hash[..ETAG_BYTES]));
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|value| value.to_str().is_ok_and(|list| names(list, &tag)));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json(body)
    };
    let tag = HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are visible ASCII");
    response.headers_mut().insert(header::ETAG, tag);
    // It may be kept, and must be asked about before it is used.
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
}

/// Whether a list of entity tags names this one; weakly, as If-None-Match compares.
fn names(list: &str, tag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// An answer of JSON.
pub fn json(body: String) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
