//! Every kind of problem, in the order in which a request meets them.

use axum::http::{HeaderValue, StatusCode, header};
use uuid::Uuid;

use super::{Problem, Violation};
use crate::domain::primitives::TxHash;

/// Seconds after which a client may ask again when the database is away.
const DATABASE_RETRY_SECONDS: u32 = 2;

impl Problem {
    pub(in crate::api) fn unauthorized(detail: &str) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"stellar-submitter\"");
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "A valid API key is needed",
            detail,
        )
        .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    pub(in crate::api) fn forbidden(scope: &'static str) -> Self {
        let mut problem = Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The API key does not allow this",
            format!("the key lacks the scope {scope}"),
        );
        problem.0.body.scope = Some(scope);
        problem
    }

    pub(in crate::api) fn key_missing() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "idempotency-key-missing",
            "An Idempotency-Key is needed",
            "send the header Idempotency-Key with a value of your own for this request, the same again when you repeat it",
        )
    }

    pub(in crate::api) fn key_invalid(detail: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "idempotency-key-invalid",
            "The Idempotency-Key cannot be used",
            detail,
        )
    }

    pub(in crate::api) fn key_reused(pointer: String, intent_id: Uuid) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The Idempotency-Key belongs to another request",
            format!("the first request with this key differs at {pointer}"),
        );
        problem.0.body.pointer = Some(pointer);
        problem.0.body.intent_id = Some(intent_id);
        problem
    }

    pub(in crate::api) fn in_flight(retry_after_seconds: u32) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "request-in-flight",
            "The first request is still being answered",
            "a request with this Idempotency-Key is being answered; ask again with the same key",
        )
        .retry_after(retry_after_seconds)
    }

    pub(in crate::api) fn workflow_conflict(pointer: String, intent_id: Uuid) -> Self {
        let mut problem = Self::new(
            StatusCode::CONFLICT,
            "workflow-conflict",
            "The workflow has another intent",
            format!(
                "intent {intent_id} has the same workflow_id and method and differs at {pointer}"
            ),
        );
        problem.0.body.pointer = Some(pointer);
        problem.0.body.intent_id = Some(intent_id);
        problem
    }

    pub(in crate::api) fn landed_otherwise(hash: &TxHash) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "workflow-conflict",
            "The workflow has landed with other content",
            format!(
                "transaction {hash} carries the tag of this workflow_id and method, but not this content; nothing is sent for it again"
            ),
        )
    }

    pub(in crate::api) fn invalid(errors: Vec<Violation>) -> Self {
        let detail = match errors.as_slice() {
            [one] => {
                let place = one.pointer.as_deref().filter(|pointer| !pointer.is_empty());
                let place = place.or(one.parameter.as_deref()).or(one.header);
                format!("{} {}", place.unwrap_or("the body"), one.detail)
            }
            several => format!("{} things are wrong, see errors", several.len()),
        };
        let mut problem = Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-request",
            "The request is not valid",
            detail,
        );
        problem.0.body.errors = errors;
        problem
    }

    pub(in crate::api) fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be JSON",
            "send Content-Type: application/json",
        )
    }

    pub(in crate::api) fn no_rows() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be JSON",
            "send Content-Type: application/json with an array, or application/x-ndjson with an object a line",
        )
    }

    pub(in crate::api) fn too_many_rows(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-many-rows",
            "There are too many rows",
            format!("a bulk has at most {limit} rows; nothing was stored"),
        )
    }

    pub(in crate::api) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            format!("a body has at most {limit} bytes"),
        )
    }

    pub(in crate::api) fn uri_too_long(limit: usize) -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "uri-too-long",
            "The address is too long",
            format!("a path with its query has at most {limit} bytes"),
        )
    }

    pub(in crate::api) fn too_slow(seconds: u64) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "request-timeout",
            "The body did not arrive",
            format!("the whole body must arrive within {seconds} seconds"),
        )
    }

    pub(in crate::api) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is nothing here",
            "this path is not part of the API; /docs describes it",
        )
    }

    pub(in crate::api) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The method is not allowed here",
            "the header Allow names the methods of this path",
        )
    }

    pub(in crate::api) fn no_such_intent() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "intent-not-found",
            "There is no such intent",
            "this tenant has no intent with this id",
        )
    }

    pub(in crate::api) fn intent_final(intent_id: Uuid, status: &str) -> Self {
        let mut problem = Self::new(
            StatusCode::CONFLICT,
            "intent-final",
            "The intent is final",
            format!("the intent is {status}, and that never changes again"),
        );
        problem.0.body.intent_id = Some(intent_id);
        problem
    }

    pub(in crate::api) fn intent_not_final(intent_id: Uuid, status: &str) -> Self {
        let mut problem = Self::new(
            StatusCode::CONFLICT,
            "intent-not-final",
            "The intent is not final yet",
            format!(
                "the intent is {status}: there is a receipt once it is succeeded, failed, expired or canceled"
            ),
        );
        problem.0.body.intent_id = Some(intent_id);
        problem
    }

    pub(in crate::api) fn receipt_too_large(intent_id: Uuid, attempts: usize) -> Self {
        let mut problem = Self::new(
            StatusCode::CONFLICT,
            "receipt-too-large",
            "The receipt would be too large",
            format!(
                "more than {attempts} transactions were signed for the intent: read them from its attempts"
            ),
        );
        problem.0.body.intent_id = Some(intent_id);
        problem
    }

    pub(in crate::api) fn intent_not_parked(intent_id: Uuid, status: &str) -> Self {
        let mut problem = Self::new(
            StatusCode::CONFLICT,
            "intent-not-parked",
            "Only a parked intent can be queued again",
            match status {
                "parked" => {
                    "an attempt of the intent is not explained yet, so none other may be made"
                        .to_owned()
                }
                other => format!("the intent is {other}"),
            },
        );
        problem.0.body.intent_id = Some(intent_id);
        problem
    }

    pub(in crate::api) fn over_limit(retry_after_seconds: u32, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "Too many requests",
            detail,
        )
        .retry_after(retry_after_seconds)
    }

    pub(in crate::api) fn database_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database-unavailable",
            "The database is away",
            "nothing was answered; ask again, with the same Idempotency-Key where there was one",
        )
        .retry_after(DATABASE_RETRY_SECONDS)
    }

    pub(in crate::api) fn network_unavailable(retry_after_seconds: u32) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "network-unavailable",
            "The network cannot be asked",
            "no Horizon says what the newest ledger is; nothing was stored, ask again",
        )
        .retry_after(retry_after_seconds)
    }

    pub(in crate::api) fn timed_out() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            "The answer took too long",
            "what was asked for may have been done; ask again, with the same Idempotency-Key where there was one",
        )
        .retry_after(DATABASE_RETRY_SECONDS)
    }

    pub(in crate::api) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something is wrong on our side",
            "the request could not be answered; the server's log has more under the request id",
        )
    }
}
