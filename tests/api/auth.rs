//! Keys, tenants and scopes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use reqwest::Method;
use stellar_submitter::api::{self, KEY_CACHE_TTL, Settings};
use tower::ServiceExt;
use uuid::Uuid;

use crate::server::{ACME, Ready, Server, payment, send};

#[tokio::test]
async fn without_a_key_nothing_but_the_public_pages_is_answered() {
    let server = Server::start().await;
    let get = |path: &str| server.client.get(format!("{}{path}", server.base));
    for path in [
        "/v1/intents",
        "/v1/events",
        "/v1/channels",
        "/v1/reconciliation",
        "/metrics",
        "/v1/intents/x",
    ] {
        let answer = send(get(path)).await;
        answer.problem(401, "unauthorized");
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer")
        );
    }
    // Who may not ask learns nothing about the rest of the request.
    let post = server.client.post(format!("{}/v1/intents", server.base));
    send(post.body("x")).await.problem(401, "unauthorized");
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        "bearer nobody",
        ACME,
        "Bearer é",
    ] {
        let request = get("/v1/intents").header("authorization", value);
        send(request).await.problem(401, "unauthorized");
    }
    let twice = get("/v1/intents").bearer_auth(ACME).bearer_auth("other");
    send(twice).await.problem(401, "unauthorized");
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs/", "/"] {
        assert_eq!(send(get(path)).await.status, 200, "{path}");
    }
    let lower = get("/v1/intents").header("authorization", format!("bearer {ACME}"));
    assert_eq!(send(lower).await.status, 200);
}

#[tokio::test]
async fn each_scope_allows_its_own_and_the_missing_one_is_named() {
    let server = Server::start().await;
    for (key, scope) in [
        ("sk_r", "intents:read"),
        ("sk_w", "intents:write"),
        ("sk_a", "admin"),
    ] {
        server
            .store
            .add_api_key(Uuid::now_v7(), "acme", scope, key, &[scope])
            .await
            .unwrap();
    }
    let id = server.accepted("w").await;
    let calls = [
        (Method::GET, "/v1/intents".to_owned(), "intents:read"),
        (Method::GET, format!("/v1/intents/{id}"), "intents:read"),
        (
            Method::GET,
            format!("/v1/intents/{id}/attempts"),
            "intents:read",
        ),
        (
            Method::GET,
            format!("/v1/intents/{id}/events"),
            "intents:read",
        ),
        (Method::GET, "/v1/events".to_owned(), "intents:read"),
        (Method::POST, "/v1/intents".to_owned(), "intents:write"),
        (
            Method::POST,
            format!("/v1/intents/{id}/retry"),
            "intents:write",
        ),
        (
            Method::POST,
            format!("/v1/intents/{id}/cancel"),
            "intents:write",
        ),
        (Method::GET, "/v1/channels".to_owned(), "admin"),
        (Method::GET, "/v1/reconciliation".to_owned(), "admin"),
        (Method::GET, "/metrics".to_owned(), "admin"),
    ];
    for (method, path, needed) in calls {
        for (key, scope) in [
            ("sk_r", "intents:read"),
            ("sk_w", "intents:write"),
            ("sk_a", "admin"),
        ] {
            let request = server
                .client
                .request(method.clone(), format!("{}{path}", server.base));
            let answer = send(request.bearer_auth(key)).await;
            if scope == needed {
                assert_ne!(answer.status, 403, "{method} {path} with {scope}");
                assert_ne!(answer.status, 401, "{method} {path} with {scope}");
            } else {
                let problem = answer.problem(403, "forbidden");
                assert_eq!(problem["scope"], needed);
                assert!(problem["detail"].as_str().unwrap().contains(needed));
            }
        }
    }
}

#[tokio::test]
async fn a_revoked_key_ends_within_the_time_that_is_promised() {
    let server = Server::start().await;
    let id = Uuid::now_v7();
    let add = server
        .store
        .add_api_key(id, "acme", "short", "sk_short", &["intents:read"]);
    add.await.unwrap();
    let ask = || {
        send(
            server
                .client
                .get(format!("{}/v1/intents", server.base))
                .bearer_auth("sk_short"),
        )
    };
    assert_eq!(ask().await.status, 200);
    assert!(server.store.revoke_api_key(id).await.unwrap());
    assert_eq!(KEY_CACHE_TTL, Duration::from_secs(5));
    tokio::time::sleep(KEY_CACHE_TTL + Duration::from_millis(200)).await;
    ask().await.problem(401, "unauthorized");
}

#[tokio::test]
async fn the_development_key_is_good_on_this_machine_alone() {
    let settings = Settings {
        dev_key: Some("sk_dev".to_owned()),
        ..Settings::default()
    };
    let server = Server::start_with(settings, Arc::new(Ready(true))).await;
    let posting = || {
        server
            .client
            .post(format!("{}/v1/intents", server.base))
            .bearer_auth("sk_dev")
            .header("idempotency-key", "k")
            .json(&payment("w", "1"))
    };
    send(posting()).await.intent(202);
    let tenant: (String,) = sqlx::query_as("select tenant from submitter.intents")
        .fetch_one(&server.database.pool)
        .await
        .unwrap();
    assert_eq!(tenant.0, "default");
    for path in ["/v1/channels", "/v1/intents", "/metrics"] {
        let request = server.client.get(format!("{}{path}", server.base));
        assert_eq!(send(request.bearer_auth("sk_dev")).await.status, 200);
    }
    // A proxy on this machine speaks for others.
    for name in ["forwarded", "x-forwarded-for"] {
        let answer = send(posting().header(name, "for=203.0.113.7")).await;
        answer.problem(401, "unauthorized");
    }
    // The peer's address decides, not what it says.
    let settings = Settings {
        dev_key: Some("sk_dev".to_owned()),
        ..Settings::default()
    };
    let router = api::router(server.app(settings, Arc::new(Ready(true))));
    for (peer, status) in [
        ("127.0.0.1:5000", 200),
        ("127.9.9.9:5000", 200),
        ("[::1]:5000", 200),
        ("[::ffff:127.0.0.1]:5000", 200),
        ("203.0.113.7:5000", 401),
        ("10.0.0.1:5000", 401),
        ("[2001:db8::1]:5000", 401),
        ("0.0.0.0:5000", 401),
    ] {
        let peer: SocketAddr = peer.parse().unwrap();
        let request = Request::get("/v1/intents")
            .header("authorization", "Bearer sk_dev")
            .extension(ConnectInfo(peer))
            .body(Body::empty())
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{peer}");
    }
    // Where it is not configured it is a key like any other, and unknown.
    let plain = Server::start().await;
    let request = plain.client.get(format!("{}/v1/intents", plain.base));
    send(request.bearer_auth("sk_dev"))
        .await
        .problem(401, "unauthorized");
}
