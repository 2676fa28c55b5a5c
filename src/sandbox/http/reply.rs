//! Answers with Horizon's headers.

use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::sandbox::horizon::problem::Problem;

/// Says after which ledger a state is.
const LATEST_LEDGER: HeaderName = HeaderName::from_static("latest-ledger");
/// Says which fault made an answer; no Horizon has it.
const SANDBOX_FAULT: HeaderName = HeaderName::from_static("x-sandbox-fault");
/// Nothing of Horizon's may be cached.
pub const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache, no-store, max-age=0");

/// An answer of Horizon's.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    body: String,
    is_problem: bool,
    latest_ledger: Option<u32>,
    fault: Option<&'static str>,
}

impl Reply {
    /// 200 with a resource.
    pub fn ok(body: Value) -> Self {
        Self::hal(200, body)
    }

    /// A resource with another status.
    pub fn hal(status: u16, body: Value) -> Self {
        // Without the detour of `Display`, which costs half as much again.
        Self::written(status, serde_json::to_string(&body).unwrap_or_default())
    }

    /// 200 with a resource that is JSON already.
    pub fn text(body: String) -> Self {
        Self::written(200, body)
    }

    fn written(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            is_problem: false,
            latest_ledger: None,
            fault: None,
        }
    }

    /// The state after a ledger.
    pub fn after_ledger(mut self, ledger: u32) -> Self {
        self.latest_ledger = Some(ledger);
        self
    }

    /// An answer that a fault has made, and what is really so.
    pub fn by_fault(mut self, what: &'static str) -> Self {
        self.fault = Some(what);
        self
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        Self {
            is_problem: true,
            ..Self::hal(problem.status(), problem.body())
        }
    }
}

impl From<Result<Value, Problem>> for Reply {
    fn from(result: Result<Value, Problem>) -> Self {
        result.map_or_else(Self::from, Self::ok)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, NO_CACHE);
        if self.is_problem {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json; charset=utf-8"),
            );
            headers.insert(VARY, HeaderValue::from_static("Origin"));
        } else {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/hal+json; charset=utf-8"),
            );
            headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if let Some(ledger) = self.latest_ledger {
            headers.insert(LATEST_LEDGER, ledger.into());
        }
        if let Some(fault) = self.fault {
            headers.insert(SANDBOX_FAULT, HeaderValue::from_static(fault));
        }
        response
    }
}
