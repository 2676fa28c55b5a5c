//! What every answer has: problems for wrong paths and methods, request ids, a net for panics; and health.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use stellar_submitter::api::{Check, Probe, Settings};

use crate::server::{Ready, Server, payment, send};

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems_too() {
    let server = Server::start().await;
    for path in [
        "/v2/intents",
        "/v1",
        "/v1/intents/",
        "/v1/intents/x/receipts",
        "/%00",
    ] {
        let problem = server.get(path).await.problem(404, "not-found");
        assert_eq!(problem["instance"], path);
    }
    for (method, path, allow) in [
        (Method::DELETE, "/v1/intents", "GET,HEAD,POST"),
        (Method::PUT, "/v1/intents/x", "GET,HEAD"),
        (Method::GET, "/v1/intents/x/cancel", "POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
    ] {
        let answer = send(server.request(method, path)).await;
        answer.problem(405, "method-not-allowed");
        let mut allowed: Vec<&str> = answer
            .header("allow")
            .unwrap()
            .split(',')
            .map(str::trim)
            .collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{path}");
    }
    let long = format!("/{}", "x".repeat(5000));
    let problem = server.get(&long).await.problem(404, "not-found");
    assert_eq!(problem["instance"].as_str().unwrap().len(), 256);
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let server = Server::start().await;
    let own = server.request(Method::GET, "/healthz");
    let answer = send(own.header("x-request-id", "order-7:1.a_b")).await;
    assert_eq!(answer.header("x-request-id"), Some("order-7:1.a_b"));
    let first = server.get("/v1/nothing").await;
    let second = server.get("/healthz").await;
    let id = first.header("x-request-id").unwrap();
    assert!(!id.is_empty());
    assert_ne!(Some(id), second.header("x-request-id"));
    for bad in ["a b", "<script>", "", &"x".repeat(129)] {
        let answer = send(
            server
                .request(Method::GET, "/healthz")
                .header("x-request-id", bad),
        )
        .await;
        let given = answer.header("x-request-id").unwrap();
        assert_ne!(given, bad);
        given.parse::<uuid::Uuid>().unwrap();
    }
    assert_eq!(second.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(second.header("cache-control"), Some("no-store"));
}

struct Broken;

impl Probe for Broken {
    fn readiness(&self) -> Vec<Check> {
        panic!("the probe broke with secret-detail");
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing_but_its_request() {
    let server = Server::start_with(Settings::default(), Arc::new(Broken)).await;
    let request = server.request(Method::GET, "/readyz");
    let answer = send(request.header("x-request-id", "find-me")).await;
    let problem = answer.problem(500, "internal");
    assert_eq!(problem["request_id"], "find-me");
    assert!(!answer.text.contains("secret-detail"));
    // And the server lives on.
    assert_eq!(server.get("/healthz").await.json(), json!({"status": "ok"}));
    server.post("k", &payment("w", "1")).await.intent(202);
}

#[tokio::test]
async fn a_row_that_cannot_be_is_our_failure_and_tells_nothing() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    server
        .sql(format!(
            "update submitter.intents set status = 'parked', due_at = null, reason = '{{\"secret-detail\": 1}}' where id = '{id}'"
        ))
        .await;
    let answer = server.get(&format!("/v1/intents/{id}")).await;
    let problem = answer.problem(500, "internal");
    assert_eq!(
        problem["request_id"].as_str(),
        answer.header("x-request-id")
    );
    assert!(!answer.text.contains("secret-detail") && !answer.text.contains("column"));
}

#[tokio::test]
async fn readiness_is_what_the_checks_say() {
    let server = Server::start().await;
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 200);
    let expected = json!({"status": "ready", "checks": [
        {"name": "database", "ok": true, "detail": "answers"},
        {"name": "horizon", "ok": true, "detail": "as the test says"},
    ]});
    assert_eq!(ready.json(), expected);
    let lagging = Server::start_with(Settings::default(), Arc::new(Ready(false))).await;
    let answer = lagging.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["status"], "not_ready");
    assert_eq!(answer.json()["checks"][1]["ok"], false);
}

#[tokio::test]
async fn the_pages_are_whole_and_load_nothing_from_elsewhere() {
    let server = Server::start().await;
    let home = server.get("/").await;
    assert!(
        home.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(home.text.contains("href=\"/docs/\""));
    let docs = server.get("/docs").await;
    assert!(docs.text.contains("swagger-ui"), "/docs leads to the page");
    let script = server.get("/docs/swagger-initializer.js").await;
    assert!(script.text.contains("/openapi.json"), "{}", script.text);
    for page in [&home.text, &docs.text, &script.text] {
        for elsewhere in [
            "src=\"http",
            "href=\"http",
            "src=\"//",
            "validator.swagger.io",
        ] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }
    let bundle = server.get("/docs/swagger-ui-bundle.js").await;
    assert!(bundle.status == 200 && bundle.text.len() > 100_000);
    let metrics = server.get("/metrics").await;
    assert_eq!(metrics.text, "# a metric\nup 1\n");
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    assert_eq!(
        server.get("/openapi.json").await.json()["openapi"],
        Value::from("3.1.0")
    );
}
