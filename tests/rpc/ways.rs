//! Envelopes and look-ups over Stellar RPC, alone and beside Horizon: what is posted lands exactly once, in one attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::capture::PASSPHRASE;
use crate::world::faults::{self, LIMIT, everything};
use crate::world::relay::{Answer, serve};
use crate::world::{Daemon, LEDGER_SECONDS, World, account, ledger};

/// Intents of each case.
const INTENTS: u32 = 12;

/// What stands between the daemon and Horizon does with a submission.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// It is answered 503, and not passed on.
    Shut,
    /// It is passed on, and the answer is lost.
    Swallows,
}

#[derive(Clone)]
struct Proxy {
    horizon: String,
    client: reqwest::Client,
    gate: Gate,
    posts: Arc<AtomicU32>,
}

/// A Horizon whose reads work, and whose submissions do not; returns its URL, and how many were tried.
async fn broken_horizon(horizon: &str, gate: Gate) -> (String, Arc<AtomicU32>) {
    let proxy = Proxy {
        horizon: horizon.to_owned(),
        client: ledger::client(),
        gate,
        posts: Arc::default(),
    };
    let posts = Arc::clone(&proxy.posts);
    let app = axum::Router::new().fallback(pass).with_state(proxy);
    let url = serve(app).await;
    (url, posts)
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let is_post = request.method() == Method::POST;
    if is_post {
        proxy.posts.fetch_add(1, Ordering::Relaxed);
        if proxy.gate == Gate::Shut {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    let answer = Answer::of(&proxy.client, &proxy.horizon, request).await;
    if is_post {
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    answer.pass_on()
}

async fn world(submit: &str) -> World {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    let rpc = format!("{}/rpc", world.ledger.url);
    world
        .setup
        .channels(4)
        .set("RPC__URL", &rpc)
        .set("RPC__SUBMIT", submit);
    world
}

/// Posts payments, waits for them, and reads the ledger. Each must have taken one attempt where `one_attempt`.
async fn lands_once(world: &World, daemon: &Daemon, faults: Value, one_attempt: bool) {
    let ids = faults::land_once(world, daemon, faults, "way", INTENTS).await;
    for id in ids.iter().filter(|_| one_attempt) {
        assert_eq!(daemon.client.attempts(id).await.len(), 1, "{id}");
    }
}

#[tokio::test]
async fn by_stellar_rpc_alone() {
    let mut world = world("rpc").await;
    let (horizon, posts) = broken_horizon(&world.ledger.url, Gate::Shut).await;
    world.setup.set("HORIZON__URLS", &horizon);
    let daemon = Daemon::start_ready(&world.setup).await;
    lands_once(&world, &daemon, json!({}), true).await;
    assert_eq!(posts.load(Ordering::Relaxed), 0, "Horizon was sent nothing");
}

#[tokio::test]
async fn by_stellar_rpc_where_horizon_takes_nothing() {
    let mut world = world("both").await;
    let (horizon, posts) = broken_horizon(&world.ledger.url, Gate::Shut).await;
    world.setup.set("HORIZON__URLS", &horizon);
    let daemon = Daemon::start_ready(&world.setup).await;
    lands_once(&world, &daemon, json!({}), true).await;
    assert!(posts.load(Ordering::Relaxed) > 0, "Horizon was tried first");
}

#[tokio::test]
async fn over_both_ways_where_horizon_takes_it_and_says_nothing() {
    let mut world = world("both").await;
    let (horizon, posts) = broken_horizon(&world.ledger.url, Gate::Swallows).await;
    world.setup.set("HORIZON__URLS", &horizon);
    let daemon = Daemon::start_ready(&world.setup).await;
    lands_once(&world, &daemon, json!({}), true).await;
    assert!(posts.load(Ordering::Relaxed) > 0, "Horizon was tried first");
}

#[tokio::test]
async fn everything_at_once_by_stellar_rpc() {
    let world = world("rpc").await;
    let daemon = Daemon::start_ready(&world.setup).await;
    lands_once(&world, &daemon, everything(21), false).await;
}

#[tokio::test]
async fn everything_at_once_over_both_ways() {
    let world = world("both").await;
    let daemon = Daemon::start_ready(&world.setup).await;
    let faults = json!({
        "seed": 22, "lose_answer_after": 0.3, "lose_answer_before": 0.2, "answer_504": 0.2, "answer_503": 0.2,
        "late_bad_seq": 0.3, "delay_ledgers": {"rate": 0.3, "max": 6}, "cut_body": 0.1, "read_lag_ledgers": 3
    });
    lands_once(&world, &daemon, faults, false).await;
}

#[tokio::test]
async fn a_server_of_another_network_is_refused_at_the_start_and_by_doctor() {
    let mut world = world("both").await;
    let mut doctor = world.setup.spawn(&["doctor"]);
    let ended = doctor.wait(LIMIT);
    let log = doctor.log();
    assert!(
        log.contains("stellar rpc 127.0.0.1") && log.contains("instructions"),
        "{ended} {log}"
    );

    let other = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::method("POST"))
        .respond_with(|request: &wiremock::Request| {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let network = json!({"passphrase": "Another Network", "protocolVersion": 24});
            let body = json!({"jsonrpc": "2.0", "id": asked["id"], "result": network});
            wiremock::ResponseTemplate::new(200).set_body_json(body)
        })
        .mount(&other)
        .await;
    world.setup.set("RPC__URL", &other.uri());
    for command in ["run", "doctor"] {
        let mut process = world.setup.spawn(&[command]);
        let ended = process.wait(LIMIT);
        let log = process.log();
        assert!(!ended.success(), "{command}: {log}");
        assert!(
            log.contains("Another Network") && log.contains(PASSPHRASE),
            "{command}: {log}"
        );
    }
}
