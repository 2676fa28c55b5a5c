//! Servers that stall, cut, lie, redirect and refuse: nothing of it may look like a fact.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer, Unknown, UnknownKind};
use stellar_submitter::domain::primitives::TxHash;
use stellar_submitter::domain::soroban::Nonce;
use stellar_submitter::rpc::{MAX_BODY_BYTES, NetworkError, Rpc, RpcOptions};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::capture::{Capture, PASSPHRASE, named};

/// Answers `getNetwork` as recorded, and everything else in a way of its own: (method, id) → answer.
struct Server<F>(F);

impl<F: Fn(&str, u64) -> ResponseTemplate + Send + Sync> Respond for Server<F> {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let (method, id) = (
            asked["method"].as_str().unwrap(),
            asked["id"].as_u64().unwrap(),
        );
        if method == "getNetwork" {
            return with_id(&named("get-network"), id);
        }
        (self.0)(method, id)
    }
}

/// A recorded answer, under this id.
fn with_id(capture: &Capture, id: u64) -> ResponseTemplate {
    let mut body = capture.response.body.clone();
    body["id"] = json!(id);
    ResponseTemplate::new(200).set_body_json(body)
}

async fn serve(respond: impl Respond + 'static) -> (MockServer, Rpc) {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::method("POST"))
        .respond_with(respond)
        .mount(&server)
        .await;
    let rpc = pool(&[&server.uri()]);
    (server, rpc)
}

fn pool(urls: &[&str]) -> Rpc {
    Rpc::new(&RpcOptions {
        urls: urls.iter().map(|url| url.parse().unwrap()).collect(),
        passphrase: PASSPHRASE.to_owned(),
        requests_per_hour: 0,
        deadline: Duration::from_secs(5),
    })
    .unwrap()
}

fn envelope() -> Vec<u8> {
    STANDARD.decode(named("send-pending").posted()).unwrap()
}

fn hash() -> TxHash {
    let hash = named("get-transaction-success").request.params["hash"].clone();
    hash.as_str().unwrap().parse().unwrap()
}

/// What a submission, a look-up and a simulation make of it: all three must know nothing.
async fn nothing(rpc: &Rpc) -> Vec<Unknown> {
    let endpoint = rpc.any();
    let sent = match endpoint.send(&envelope()).await {
        SubmitAnswer::Unknown(unknown) => unknown,
        other => panic!("taken for an answer: {other:?}"),
    };
    let found = match endpoint.transaction(hash()).await.look_up {
        LookUp::Unknown(unknown) => unknown,
        other => panic!("taken for a fact: {other:?}"),
    };
    let simulated = endpoint.simulate(&envelope()).await.unwrap_err();
    vec![sent, found, simulated]
}

async fn assert_nothing(respond: impl Respond + 'static, kind: UnknownKind, words: &str) {
    let (_server, rpc) = serve(respond).await;
    for unknown in nothing(&rpc).await {
        assert_eq!(unknown.kind, kind, "{}", unknown.detail);
        assert!(unknown.detail.contains(words), "{}", unknown.detail);
    }
}

#[tokio::test]
async fn as_recorded_it_is_believed() {
    let respond = Server(|method: &str, id| {
        let name = match method {
            "sendTransaction" => "send-pending",
            "getTransaction" => "get-transaction-success",
            "simulateTransaction" => "simulate-again-inc",
            "getLatestLedger" => "get-latest-ledger",
            "getLedgerEntries" => "get-ledger-entries-nonce",
            other => panic!("{other}"),
        };
        with_id(&named(name), id)
    });
    let (_server, rpc) = serve(respond).await;
    let endpoint = rpc.any();
    assert_eq!(endpoint.check_network().await.unwrap().protocol_version, 24);
    assert_eq!(endpoint.latest_ledger().await.unwrap().ledger.0, 1324);
    assert_eq!(
        endpoint.send(&envelope()).await,
        SubmitAnswer::Queued { duplicate: false }
    );
    let found = endpoint.transaction(hash()).await;
    assert!(matches!(found.look_up, LookUp::Landed(_)));
    endpoint.simulate(&envelope()).await.unwrap();
    // The nonce that was used, of the account that used it.
    let nonce = Nonce::of_account(crate::capture::source(), 0x7123_4567_f4ae_45a2);
    let used = endpoint.nonces(&[nonce]).await.unwrap();
    assert_eq!(
        (used.as_of.0, used.entries[0].live_until.unwrap().0),
        (1327, 2045)
    );
}

#[tokio::test]
async fn another_network_is_refused_before_anything_else_is_asked() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::method("POST"))
        .respond_with(|request: &Request| {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(asked["method"], "getNetwork", "nothing else is asked");
            let network = json!({"passphrase": "Another Network", "protocolVersion": 24});
            let body = json!({"jsonrpc": "2.0", "id": asked["id"], "result": network});
            ResponseTemplate::new(200).set_body_json(body)
        })
        .mount(&server)
        .await;
    let rpc = pool(&[&server.uri()]);
    for unknown in nothing(&rpc).await {
        assert_eq!(unknown.kind, UnknownKind::Lying);
        assert!(
            unknown.detail.contains("another network"),
            "{}",
            unknown.detail
        );
    }
    let error = rpc.any().check_network().await.unwrap_err();
    assert!(matches!(&error, NetworkError::Other { .. }));
    let text = error.to_string();
    assert!(
        text.contains("Another Network") && text.contains(PASSPHRASE),
        "{text}"
    );
}

#[tokio::test]
async fn the_answer_to_another_request_is_refused() {
    let respond = Server(|_: &str, id| with_id(&named("send-pending"), id + 1));
    assert_nothing(respond, UnknownKind::Lying, "another request").await;
}

#[tokio::test]
async fn what_is_not_json_is_refused_without_being_quoted() {
    let respond = Server(|_: &str, _| ResponseTemplate::new(200).set_body_string("<html>S3CRET"));
    assert_nothing(respond, UnknownKind::Unparsable, "line 1").await;
    let (_server, rpc) = serve(Server(|_: &str, _| {
        ResponseTemplate::new(200).set_body_string("<html>S3CRET")
    }))
    .await;
    for unknown in nothing(&rpc).await {
        assert!(!unknown.detail.contains("S3CRET"), "{}", unknown.detail);
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let respond = Server(|_: &str, _| {
        ResponseTemplate::new(200).set_body_bytes(vec![b' '; MAX_BODY_BYTES + 1])
    });
    assert_nothing(respond, UnknownKind::Lying, "more than").await;
}

#[tokio::test]
async fn errors_of_the_server_prove_nothing() {
    for (code, kind) in [
        (-32603, UnknownKind::ServerError),
        (-32601, UnknownKind::BadRequest),
        (-32000, UnknownKind::ServerError),
    ] {
        let respond = Server(move |_: &str, id| {
            let error = json!({"code": code, "message": "no\nsuch luck"});
            let body = json!({"jsonrpc": "2.0", "id": id, "error": error});
            ResponseTemplate::new(200).set_body_json(body)
        });
        assert_nothing(respond, kind, "no such luck").await;
    }
    let neither = Server(|_: &str, id| {
        ResponseTemplate::new(200).set_body_json(json!({"jsonrpc": "2.0", "id": id}))
    });
    assert_nothing(neither, UnknownKind::Unparsable, "neither").await;
}

#[tokio::test]
async fn other_statuses_prove_nothing() {
    for (status, kind) in [
        (400, UnknownKind::BadRequest),
        (404, UnknownKind::BadRequest),
        (500, UnknownKind::ServerError),
        (503, UnknownKind::Unavailable),
        (504, UnknownKind::Timeout),
        (302, UnknownKind::Unparsable),
    ] {
        // With the body of a success: the status decides.
        let respond = Server(move |_: &str, id| {
            let mut body = named("send-pending").response.body;
            body["id"] = json!(id);
            ResponseTemplate::new(status)
                .insert_header("location", "http://127.0.0.1:1/")
                .set_body_json(body)
        });
        assert_nothing(respond, kind, &status.to_string()).await;
    }
}

#[tokio::test]
async fn a_rate_limit_pauses_the_server() {
    let respond =
        Server(|_: &str, _| ResponseTemplate::new(429).insert_header("retry-after", "30"));
    let (_server, rpc) = serve(respond).await;
    let unknown = rpc.any().simulate(&envelope()).await.unwrap_err();
    assert_eq!(unknown.kind, UnknownKind::RateLimited);
    assert_eq!(unknown.retry_after, Some(Duration::from_secs(30)));
    let unknown = rpc.any().simulate(&envelope()).await.unwrap_err();
    assert_eq!(unknown.kind, UnknownKind::Budget, "not asked again");
}

/// The recorded answer of this name with a change.
async fn changed(name: &'static str, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Rpc2 {
    let respond = Server(move |_: &str, id| {
        let mut body = named(name).response.body;
        change(&mut body["result"]);
        body["id"] = json!(id);
        ResponseTemplate::new(200).set_body_json(body)
    });
    let (server, rpc) = serve(respond).await;
    Rpc2 {
        _server: server,
        rpc,
    }
}

struct Rpc2 {
    _server: MockServer,
    rpc: Rpc,
}

#[tokio::test]
async fn another_transaction_than_asked_for_is_a_lie() {
    let other = "ab".repeat(32);
    let claimed = other.clone();
    let lie = changed("send-pending", move |result| {
        result["hash"] = json!(claimed)
    })
    .await;
    match lie.rpc.any().send(&envelope()).await {
        SubmitAnswer::Unknown(unknown) => assert_eq!(unknown.kind, UnknownKind::Lying),
        other => panic!("{other:?}"),
    }
    let sac = named("get-transaction-sac-transfer").response.body["result"].clone();
    for change in [
        ("txHash", json!(other)),
        // Its envelope has another hash.
        ("envelopeXdr", sac["envelopeXdr"].clone()),
        ("status", json!("FAILED")),
        // It is not closed yet.
        ("ledger", json!(9_999_999)),
        ("ledger", json!(0)),
    ] {
        let (field, value) = change;
        let lie = changed("get-transaction-success", move |result| {
            result[field] = value.clone();
        })
        .await;
        match lie.rpc.any().transaction(hash()).await.look_up {
            LookUp::Unknown(unknown) => {
                assert_eq!(
                    unknown.kind,
                    UnknownKind::Lying,
                    "{field}: {}",
                    unknown.detail
                );
            }
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn half_an_answer_is_none() {
    for (name, field) in [
        ("simulate-again-inc", "transactionData"),
        ("simulate-again-inc", "minResourceFee"),
    ] {
        let half = changed(name, move |result| {
            result.as_object_mut().unwrap().remove(field);
        })
        .await;
        let unknown = half.rpc.any().simulate(&envelope()).await.unwrap_err();
        assert_eq!(unknown.kind, UnknownKind::Unparsable);
        assert!(unknown.detail.contains(field), "{}", unknown.detail);
    }
    let half = changed("get-transaction-success", |result| {
        result.as_object_mut().unwrap().remove("resultXdr");
    })
    .await;
    let found = half.rpc.any().transaction(hash()).await;
    assert!(matches!(found.look_up, LookUp::Unknown(_)));
    let odd = changed("send-pending", |result| result["status"] = json!("FINE")).await;
    let answer = odd.rpc.any().send(&envelope()).await;
    assert!(matches!(answer, SubmitAnswer::Unknown(_)));
}

#[tokio::test]
async fn where_one_server_fails_the_next_is_asked() {
    let good = Server(|_: &str, id| with_id(&named("simulate-again-inc"), id));
    let (server, _) = serve(good).await;
    // Nobody listens there.
    let rpc = pool(&["http://127.0.0.1:1/", &server.uri()]);
    let mut failed = 0;
    for _ in 0..4 {
        failed += usize::from(rpc.any().simulate(&envelope()).await.is_err());
    }
    assert!(
        failed <= 1,
        "{failed} failed: the one that fails is not preferred"
    );
}
