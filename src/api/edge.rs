//! What every request passes: its id, a deadline, a net for panics, the rendering of problems, the log and the metrics.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use super::prefer::MAX_WAIT;
use super::problem::{Problem, redact_seeds};

/// A request's id, taken from the client or given by us.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of a client's request id; a longer one is replaced.
const MAX_REQUEST_ID: usize = 128;

/// The most characters of a path that a problem repeats.
const MAX_INSTANCE: usize = 256;

/// The longest that an answer may take: the longest wait, and time for everything around it.
const DEADLINE: Duration = MAX_WAIT.saturating_add(Duration::from_secs(40));

/// The outermost layer.
pub async fn edge(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let instance: String = request.uri().path().chars().take(MAX_INSTANCE).collect();
    let method = request.method().clone();
    // The pattern, never the path: a path can hold what no log should.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str)
        .to_owned();
    let started = Instant::now();
    let span = tracing::info_span!("request", id = %id);
    let answering = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(span.clone());
    let mut response = match tokio::time::timeout(DEADLINE, answering).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            span.in_scope(|| tracing::error!(%route, "the handler panicked"));
            Problem::internal().into_response()
        }
        Err(_) => Problem::timed_out().into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = std::mem::take(response.headers_mut());
        response = problem.answer(&instance, &id);
        // Allow is written by the router, around the handler that made the problem.
        if let Some(allow) = headers.get(header::ALLOW) {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    span.in_scope(|| {
        tracing::debug!(%method, %route, status, ms = elapsed.as_millis(), "answered");
    });
    metrics::histogram!("submitter_http_request_seconds", "method" => method_label(method.as_str()), "route" => route, "status" => status.to_string())
        .record(elapsed.as_secs_f64());
    response
}

/// The client's id where it is one that can be logged, else a new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID);
    given
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (1..=MAX_REQUEST_ID).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
                && redact_seeds(id) == **id
        })
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// A label from a set that clients cannot grow.
const fn method_label(method: &str) -> &'static str {
    match method.as_bytes() {
        b"GET" => "GET",
        b"POST" => "POST",
        b"HEAD" => "HEAD",
        _ => "other",
    }
}
