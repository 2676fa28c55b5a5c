//! What every request passes: its id, a deadline, a net for panics, the rendering of problems, the log and the metrics.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use metrics::Histogram;
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

/// The most bytes of a path with its query.
const MAX_URI_BYTES: usize = 8 * 1024;

/// The longest that an answer may take: the longest wait, and time for everything around it.
const DEADLINE: Duration = MAX_WAIT.saturating_add(Duration::from_secs(40));

/// The outermost layer.
pub async fn edge(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // The pattern, never the path: a path can hold what no log should.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = || route.as_ref().map_or("unknown", MatchedPath::as_str);
    let started = Instant::now();
    // A span costs as much as a small answer, so it has the level of its one line. What goes wrong is logged below, with
    // the id.
    let span = tracing::debug_span!("request", id = %id.0);
    let too_long = uri
        .path_and_query()
        .is_some_and(|whole| whole.as_str().len() > MAX_URI_BYTES);
    let answering = async {
        if too_long {
            return Problem::uri_too_long(MAX_URI_BYTES).into_response();
        }
        next.run(request).await
    };
    let answering = AssertUnwindSafe(answering)
        .catch_unwind()
        .instrument(span.clone());
    let mut response = match tokio::time::timeout(DEADLINE, answering).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::internal()
            .because("the handler panicked")
            .into_response(),
        Err(_) => Problem::timed_out().into_response(),
    };
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        if let Some(cause) = problem.take_cause() {
            log(&problem, &cause, &id, route());
        }
        let headers = std::mem::take(response.headers_mut());
        let instance: String = uri.path().chars().take(MAX_INSTANCE).collect();
        response = problem.answer(&instance, &id.0);
        // Allow is written by the router, around the handler that made the problem.
        if let Some(allow) = headers.get(header::ALLOW) {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }
    }
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    span.in_scope(|| {
        let route = route();
        tracing::debug!(%method, route, status, ms = elapsed.as_millis(), "answered");
    });
    timing(method_label(method.as_str()), route(), status).record(elapsed.as_secs_f64());
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id.into());
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn log(problem: &Problem, cause: &str, id: &RequestId, route: &str) {
    let id = &id.0;
    if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(cause, route, request_id = %id, "a request could not be answered");
    } else {
        tracing::error!(cause, route, request_id = %id, "a request failed");
    }
}

/// An id of characters that may stand in a header and in a log.
struct RequestId(String);

impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        Self::try_from(id.0).expect("letters, digits and -_.: are visible ASCII")
    }
}

/// The client's id where it is one that can be logged, else a new one.
fn request_id(request: &Request) -> RequestId {
    let given = request.headers().get(REQUEST_ID);
    let given = given.and_then(|value| value.to_str().ok()).filter(|id| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
            && redact_seeds(id) == **id
    });
    RequestId(given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
}

/// The histogram of such answers. Looking one up in the registry makes its labels anew, so each thread keeps those it has
/// used: as many as there are routes, methods and statuses.
fn timing(method: &'static str, route: &str, status: u16) -> Histogram {
    thread_local! {
        static USED: RefCell<Vec<(&'static str, String, u16, Histogram)>> = const { RefCell::new(Vec::new()) };
    }
    USED.with_borrow_mut(|used| {
        let known = used
            .iter()
            .find(|one| one.2 == status && one.0 == method && one.1 == route);
        if let Some((_, _, _, histogram)) = known {
            return histogram.clone();
        }
        let histogram = metrics::histogram!(
            "submitter_http_request_seconds",
            "method" => method, "route" => route.to_owned(), "status" => status.to_string()
        );
        used.push((method, route.to_owned(), status, histogram.clone()));
        histogram
    })
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
