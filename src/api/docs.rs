//! The API's description, generated from the code, and the page that shows it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::{PROBLEM_JSON, ProblemBody};
use super::{Shared, channels, events, health, intents, receipts, reconciliation};

#[derive(OpenApi)]
#[openapi(
    info(title = "stellar-submitter", description = "Lands Stellar transactions exactly as asked, at most once each, whatever fails.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    tags(
        (name = "intents", description = "Durable business requests: on the ledger once, or not at all."),
        (name = "events", description = "Everything that became of intents."),
        (name = "operation", description = "For those who run the daemon."),
    ),
    components(schemas(ProblemBody)),
)]
struct Description;

/// The problems that every operation which asks for a key can answer with.
const KEYED: [(&str, &str); 4] = [
    (
        "401",
        "`unauthorized`: no API key, or one that is unknown or revoked",
    ),
    ("403", "`forbidden`: the key lacks the scope"),
    (
        "500",
        "`internal`: the server's log has more under `request_id`",
    ),
    (
        "503",
        "`database-unavailable`, `timeout` (with Retry-After)",
    ),
];

/// Every route and its description. A route that is not made here is not described, and the tests find it.
pub fn routes() -> (Router<Arc<Shared>>, utoipa::openapi::OpenApi) {
    let (router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(intents::post::post, intents::list::list))
        .routes(routes!(intents::bulk::bulk))
        .routes(routes!(intents::preview::preview))
        .routes(routes!(intents::one::one))
        .routes(routes!(intents::attempts::attempts))
        .routes(routes!(intents::timeline::timeline))
        .routes(routes!(intents::receipt::receipt))
        .routes(routes!(intents::explain::explanation))
        .routes(routes!(intents::change::cancel))
        .routes(routes!(intents::change::retry))
        .routes(routes!(receipts::key))
        .routes(routes!(events::events))
        .routes(routes!(channels::channels))
        .routes(routes!(reconciliation::reconciliation))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi))
        .routes(routes!(home))
        .split_for_parts();
    let components = description.components.get_or_insert_default();
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("api_key", key);
    for (name, schema) in &mut components.schemas {
        if !MAY_LACK_FIELDS.contains(&name.as_str()) {
            require_all(name, schema);
        }
    }
    for item in description.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            describe_problems(operation);
        }
    }
    (router, description)
}

/// What we answer has every field, null or not; only these may lack some: what is posted (and comes back), rows of
/// a bulk, and problems.
const MAY_LACK_FIELDS: [&str; 6] = [
    "NewIntent",
    "Memo",
    "Claimant",
    "Problem",
    "Violation",
    "BulkItem",
];

/// Fields that only contract operations have: (schema, field).
const ONLY_OF_CONTRACTS: [(&str, &str); 3] = [
    ("Intent", "result"),
    ("Attempt", "soroban"),
    ("Attempt", "call"),
];

fn require_all(name: &str, schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema {
        let names = object.properties.keys();
        let always = names.filter(|field| !ONLY_OF_CONTRACTS.contains(&(name, field.as_str())));
        object.required = always.cloned().collect();
    }
}

fn describe_problems(operation: &mut Operation) {
    if operation.security.is_none() {
        return;
    }
    for (status, text) in KEYED {
        let body = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description(text)
            .content(PROBLEM_JSON, body)
            .build();
        let responses = &mut operation.responses.responses;
        responses.insert(status.to_owned(), response.into());
    }
}

/// The page under /docs, which shows `/openapi.json` and loads nothing from elsewhere.
pub fn page() -> Router<Arc<Shared>> {
    let config = Config::from("/openapi.json")
        .validator_url("none")
        .try_it_out_enabled(true);
    SwaggerUi::new("/docs").config(config).into()
}

/// This description
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "getDescription", tag = "operation",
    responses((status = 200, description = "The API in OpenAPI 3.1.", body = Object)),
)]
pub async fn openapi(State(shared): State<Arc<Shared>>) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, JSON)], shared.description.clone()).into_response()
}

/// What this is
#[utoipa::path(
    get, path = "/", operation_id = "getHome", tag = "operation",
    responses((status = 200, description = "A page for people.", body = String, content_type = "text/html")),
)]
pub async fn home() -> Html<&'static str> {
    Html(include_str!("home.html"))
}
