//! Whether the daemon lives, is ready, and how it does.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::{Admin, Caller};
use super::{Check, Shared};

/// How long the database may take to answer.
const DATABASE_PATIENCE: Duration = Duration::from_secs(2);

/// That the process answers.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether it can do its work.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// `ready` or `not_ready`.
    status: &'static str,
    /// What that was made of.
    checks: Vec<Check>,
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/healthz", operation_id = "getHealth", tag = "operation",
    responses((status = 200, description = "It does.", body = Health)),
)]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether intents can be accepted and landed
#[utoipa::path(
    get, path = "/readyz", operation_id = "getReadiness", tag = "operation",
    responses(
        (status = 200, description = "Ready.", body = Readiness),
        (status = 503, description = "Not ready; the checks say why.", body = Readiness),
    ),
)]
pub async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let mut checks = vec![database(&shared).await];
    checks.extend(shared.probe.readiness());
    let ready = checks.iter().all(|check| check.ok);
    let (code, status) = if ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    (code, Json(Readiness { status, checks })).into_response()
}

async fn database(shared: &Shared) -> Check {
    let asked = tokio::time::timeout(DATABASE_PATIENCE, shared.store.ping()).await;
    let ok = matches!(asked, Ok(Ok(())));
    Check {
        name: "database".to_owned(),
        ok,
        detail: if ok { "answers" } else { "does not answer" }.to_owned(),
    }
}

/// Metrics for Prometheus
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "operation",
    security(("api_key" = ["admin"])),
    responses((status = 200, description = "The metrics as text.", body = String, content_type = "text/plain")),
)]
pub async fn metrics(_: Caller<Admin>, State(shared): State<Arc<Shared>>) -> Response {
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    let mut response = (shared.render_metrics)().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}
