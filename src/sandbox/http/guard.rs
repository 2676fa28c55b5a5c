//! What every request to Horizon passes: capacity, rate limit, Accept, and the faults of its body.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use futures_util::stream;

use super::connection::Link;
use super::reply::{NO_CACHE, Reply};
use crate::sandbox::faults::Draw;
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::node::Node;
use crate::sandbox::rate_limit::Allowance;

/// The largest answer that can be slowed or cut, in bytes; pages of 200 are far smaller.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Time for the first half to leave before the connection is cut.
const CUT_PAUSE: Duration = Duration::from_millis(20);

/// The way in and out of every route of Horizon.
pub async fn guard(
    State(node): State<Arc<Node>>,
    ConnectInfo(link): ConnectInfo<Link>,
    mut request: Request,
    next: Next,
) -> Response {
    let Ok(_permit) = Arc::clone(&node.capacity).try_acquire_owned() else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "Server capacity exceeded.\n",
        )
            .into_response();
    };
    let now = node.clock().now_millis();
    let allowance = node
        .limiter()
        .map(|mut limiter| limiter.check(link.peer.ip(), now));
    let events = wants_only_events(request.headers());
    let mut response = if allowance.is_some_and(|allowance| !allowance.allowed) {
        Reply::from(Problem::rate_limited()).into_response()
    } else if is_acceptable(request.headers()) {
        let draw = node.draw();
        request.extensions_mut().insert(draw);
        with_body_faults(next.run(request).await, draw).await
    } else {
        Reply::from(Problem::not_acceptable()).into_response()
    };
    let headers = response.headers_mut();
    if let Some(allowance) = allowance.filter(|_| !events) {
        put_allowance(headers, allowance);
    }
    headers.entry(CACHE_CONTROL).or_insert(NO_CACHE);
    headers
        .entry(VARY)
        .or_insert(HeaderValue::from_static("Origin"));
    response
}

/// Whether the client takes JSON or events; who says nothing takes everything.
fn is_acceptable(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()) else {
        return true;
    };
    let known = [
        "application/json",
        "application/hal+json",
        "application/*",
        "*/*",
        "text/event-stream",
    ];
    accept
        .split(',')
        .filter_map(|range| range.split(';').next())
        .any(|range| known.contains(&range.trim()))
}

fn wants_only_events(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|a| a.contains("text/event-stream"))
}

fn put_allowance(headers: &mut HeaderMap, allowance: Allowance) {
    headers.insert(
        HeaderName::from_static("x-ratelimit-limit"),
        allowance.limit.into(),
    );
    headers.insert(
        HeaderName::from_static("x-ratelimit-remaining"),
        allowance.remaining.into(),
    );
    headers.insert(
        HeaderName::from_static("x-ratelimit-reset"),
        allowance.reset_seconds.into(),
    );
    if !allowance.allowed {
        headers.insert(RETRY_AFTER, allowance.retry_after_seconds.into());
    }
}

/// Sends the body in two halves, or only the first one.
async fn with_body_faults(response: Response, draw: Draw) -> Response {
    let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str()
            .is_ok_and(|kind| kind.starts_with("text/event-stream"))
    });
    if is_stream || (draw.slow_body_ms == 0 && !draw.cut_body) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_ANSWER_BYTES).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.insert(CONTENT_LENGTH, bytes.len().into());
    let half = bytes.len() / 2;
    let pause = Duration::from_millis(draw.slow_body_ms).max(if draw.cut_body {
        CUT_PAUSE
    } else {
        Duration::ZERO
    });
    let (first, second) = (bytes.slice(..half), bytes.slice(half..));
    let rest = stream::once(async move {
        tokio::time::sleep(pause).await;
        if draw.cut_body {
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        } else {
            Ok(second)
        }
    });
    let first = stream::once(async move { Ok::<Bytes, io::Error>(first) });
    Response::from_parts(parts, Body::from_stream(first.chain(rest)))
}
