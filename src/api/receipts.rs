//! Who signs receipts, and GET /v1/receipts/key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Shared;
use super::auth::{Caller, Read};
use super::problem::{Problem, ProblemBody};
use super::query::Query;
use crate::domain::primitives::AccountId;
use crate::domain::receipt::FORMAT;

/// Signs a digest with Ed25519.
pub type SignDigest = dyn Fn(&[u8; 32]) -> [u8; 64] + Send + Sync;

/// What signs receipts. The key itself is elsewhere.
#[derive(Clone)]
pub struct Receipts {
    /// The network's passphrase.
    pub network: String,
    /// Whose signature it is.
    pub public_key: AccountId,
    /// Signs with it.
    pub sign: Arc<SignDigest>,
    /// The time.
    pub now: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

/// The key that signs receipts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptKey)]
pub struct KeyBody {
    /// Its address, `G…`, as it stands in receipts.
    public_key: String,
    /// The same in hexadecimal digits.
    public_key_hex: String,
    /// The signature's kind: `Ed25519`.
    algorithm: &'static str,
    /// The receipts' format.
    format: &'static str,
}

/// The key that signs receipts
///
/// Keep it somewhere else than the receipts: a receipt is worth what is known of its key.
#[utoipa::path(
    get, path = "/v1/receipts/key", operation_id = "getReceiptKey", tag = "intents",
    security(("api_key" = ["intents:read"])),
    responses(
        (status = 200, description = "The public key.", body = KeyBody),
        (status = 400, description = "`invalid-request`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn key(
    _: Caller<Read>,
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Json<KeyBody>, Problem> {
    Query::read(uri.query(), &[]).end()?;
    let key = shared.receipts.public_key;
    Ok(Json(KeyBody {
        public_key: key.to_string(),
        public_key_hex: hex::encode(key.0),
        algorithm: "Ed25519",
        format: FORMAT,
    }))
}
