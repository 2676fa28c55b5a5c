//! Errors as problem documents (RFC 9457).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::fields::FieldError;
use crate::store::StoreError;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What begins the type of every problem.
const TYPE_PREFIX: &str = "urn:stellar-submitter:problem:";

/// Seconds after which a client may ask again when the database is away.
const DATABASE_RETRY_SECONDS: u32 = 2;

/// The characters of a secret key as text.
const SEED_CHARACTERS: usize = 56;

/// One thing that is wrong with a request, and where: in the body, in a query parameter or in a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// JSON pointer into the body (RFC 6901); empty for the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The request header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<&'static str>,
    /// What is wrong. Never repeats what may be a secret.
    pub detail: String,
}

impl Violation {
    pub(super) fn body(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            parameter: None,
            header: None,
            detail: detail.into(),
        }
    }

    pub(super) fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: Some(name.into()),
            header: None,
            detail: detail.into(),
        }
    }

    pub(super) fn header(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: None,
            header: Some(name),
            detail: detail.into(),
        }
    }
}

impl From<FieldError> for Violation {
    fn from(error: FieldError) -> Self {
        Self::body(error.pointer, error.detail)
    }
}

/// A problem document.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `urn:stellar-submitter:problem:CODE`; the code is stable, for programs.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:stellar-submitter:problem:[a-z-]+$")]
    kind: String,
    /// A few words, the same for every problem of the type.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence about this case.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// Everything that is wrong with the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Violation>,
    /// The first field that differs, as a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// The intent that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    intent_id: Option<Uuid>,
    /// The scope that the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    /// To be named to whoever reads the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// Why a request was not answered as asked. Boxed: it is the error of nearly every function here.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    body: ProblemBody,
    headers: HeaderMap,
}

impl Problem {
    fn new(status: StatusCode, code: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            body: ProblemBody {
                kind: format!("{TYPE_PREFIX}{code}"),
                title,
                status: status.as_u16(),
                detail: detail.into(),
                instance: String::new(),
                errors: Vec::new(),
                pointer: None,
                intent_id: None,
                scope: None,
                request_id: None,
            },
            headers: HeaderMap::new(),
        }))
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    fn retry_after(self, seconds: u32) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(super) fn unauthorized(detail: &str) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"stellar-submitter\"");
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "A valid API key is needed",
            detail,
        )
        .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    pub(super) fn forbidden(scope: &'static str) -> Self {
        let mut problem = Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The API key does not allow this",
            format!("the key lacks the scope {scope}"),
        );
        problem.0.body.scope = Some(scope);
        problem
    }

    pub(super) fn key_missing() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "idempotency-key-missing",
            "An Idempotency-Key is needed",
            "send the header Idempotency-Key with a value of your own for this request, the same again when you repeat it",
        )
    }

    pub(super) fn key_invalid(detail: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "idempotency-key-invalid",
            "The Idempotency-Key cannot be used",
            detail,
        )
    }

    pub(super) fn key_reused(pointer: String, intent_id: Uuid) -> Self {
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

    pub(super) fn in_flight(retry_after_seconds: u32) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "request-in-flight",
            "The first request is still being answered",
            "a request with this Idempotency-Key is being answered; ask again with the same key",
        )
        .retry_after(retry_after_seconds)
    }

    pub(super) fn workflow_conflict(pointer: String, intent_id: Uuid) -> Self {
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

    pub(super) fn invalid(errors: Vec<Violation>) -> Self {
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

    pub(super) fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be JSON",
            "send Content-Type: application/json",
        )
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            format!("a body has at most {limit} bytes"),
        )
    }

    pub(super) fn too_slow(seconds: u64) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "request-timeout",
            "The body did not arrive",
            format!("the whole body must arrive within {seconds} seconds"),
        )
    }

    pub(super) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is nothing here",
            "this path is not part of the API; /docs describes it",
        )
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The method is not allowed here",
            "the header Allow names the methods of this path",
        )
    }

    pub(super) fn no_such_intent() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "intent-not-found",
            "There is no such intent",
            "this tenant has no intent with this id",
        )
    }

    pub(super) fn intent_final(intent_id: Uuid, status: &str) -> Self {
        let mut problem = Self::new(
            StatusCode::CONFLICT,
            "intent-final",
            "The intent is final",
            format!("the intent is {status}, and that never changes again"),
        );
        problem.0.body.intent_id = Some(intent_id);
        problem
    }

    pub(super) fn intent_not_parked(intent_id: Uuid, status: &str) -> Self {
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

    pub(super) fn over_limit(retry_after_seconds: u32, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "Too many requests",
            detail,
        )
        .retry_after(retry_after_seconds)
    }

    pub(super) fn database_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database-unavailable",
            "The database is away",
            "nothing was answered; ask again, with the same Idempotency-Key where there was one",
        )
        .retry_after(DATABASE_RETRY_SECONDS)
    }

    pub(super) fn timed_out() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            "The answer took too long",
            "what was asked for may have been done; ask again, with the same Idempotency-Key where there was one",
        )
        .retry_after(DATABASE_RETRY_SECONDS)
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something is wrong on our side",
            "the request could not be answered; the server's log has more under the request id",
        )
    }

    pub(super) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The document, as it is answered for a path.
    pub(super) fn document(&self, instance: &str) -> String {
        let mut body = self.0.body.clone();
        instance.clone_into(&mut body.instance);
        redact_seeds(&to_text(&body))
    }

    /// The whole answer for a path; a failure of ours names the request.
    pub(super) fn answer(mut self, instance: &str, request_id: &str) -> Response {
        if self.0.status.is_server_error() {
            self.0.body.request_id = Some(request_id.to_owned());
        }
        let text = self.document(instance);
        let mut response = (self.0.status, text).into_response();
        response.headers_mut().extend(self.0.headers);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}

impl IntoResponse for Problem {
    /// Without a body: the edge knows the path and the request, and writes it.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    /// Logs what is wrong, and tells the client no more than what to do.
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Away(_)) {
            tracing::warn!(%error, "the database is away");
            return Self::database_unavailable();
        }
        tracing::error!(%error, "the store failed");
        Self::internal()
    }
}

/// A value as JSON.
pub(super) fn to_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain structures of strings and numbers are always JSON")
}

/// Takes out everything that looks like a secret key: clients paste them into the strangest places, field names and paths too.
fn redact_seeds(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (token, after) = rest.split_at(word);
        out.push_str(if looks_like_a_seed(token) {
            "[secret key]"
        } else {
            token
        });
        let gap = after
            .find(|letter: char| letter.is_ascii_alphanumeric())
            .unwrap_or(after.len());
        let (other, next) = after.split_at(gap);
        out.push_str(other);
        rest = next;
    }
    out
}

fn looks_like_a_seed(token: &str) -> bool {
    token.len() == SEED_CHARACTERS
        && token.starts_with('S')
        && token
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::redact_seeds;

    #[test]
    fn seeds_are_taken_out_wherever_they_stand_and_addresses_stay() {
        let seed = format!("S{}", "A".repeat(55));
        let address = format!("G{}", "A".repeat(55));
        let text = format!("{{\"/{seed}\": \"{address} {seed}\"}}");
        let expected = format!("{{\"/[secret key]\": \"{address} [secret key]\"}}");
        assert_eq!(redact_seeds(&text), expected);
        assert_eq!(redact_seeds(&seed), "[secret key]");
        assert_eq!(redact_seeds("é/ü"), "é/ü");
    }
}
