//! Errors as problem documents (RFC 9457).

mod kinds;
mod redaction;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::fields::FieldError;
use crate::store::StoreError;

pub(super) use redaction::redact_seeds;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What begins the type of every problem.
const TYPE_PREFIX: &str = "urn:stellar-submitter:problem:";

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
    /// What went wrong on our side: for the log alone.
    cause: Option<String>,
}

impl Problem {
    /// The same with at most so many of its errors named.
    #[must_use]
    pub(super) fn with_fewer_errors(mut self, limit: usize) -> Self {
        self.0.body.errors.truncate(limit);
        self
    }

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
            cause: None,
        }))
    }

    /// Says for the log what went wrong.
    pub(super) fn because(mut self, cause: impl ToString) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// What the log is to say of it; a second look finds nothing.
    pub(super) fn take_cause(&mut self) -> Option<String> {
        self.0.cause.take()
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    fn retry_after(self, seconds: u32) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
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
    /// The client is told no more than what to do; the log gets the rest.
    fn from(error: StoreError) -> Self {
        let problem = match error {
            StoreError::Away(_) => Self::database_unavailable(),
            _ => Self::internal(),
        };
        problem.because(error)
    }
}

/// A value as JSON.
pub(super) fn to_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain structures of strings and numbers are always JSON")
}
