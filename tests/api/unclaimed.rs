//! What has landed although the records lost its intent: whoever posts the workflow again is answered with that.

use reqwest::Method;
use serde_json::{Value, json};
use stellar_submitter::domain::envelope::{self, Plan};
use stellar_submitter::domain::intent::{self, Accounts};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops,
};
use stellar_xdr::TransactionEnvelope;

use crate::server::{OTHER_SOURCE, SOURCE, Server, payment, send};

const TENANT: &str = "acme";

/// A landing of this body's on record, as reading the chain leaves it.
async fn landing(server: &Server, body: &Value) -> String {
    let accounts = Accounts {
        default_source: AccountId([SOURCE; 32]),
        other_sources: vec![AccountId([OTHER_SOURCE; 32])],
        contracts: None,
    };
    let request = intent::read(body, &accounts).unwrap();
    let key = request.key(TENANT);
    let network = NetworkId::of("Standalone Network ; February 2017");
    let plan = Plan {
        channel: AccountId([7; 32]),
        sequence: Sequence(77),
        min_time: ChainTime(0),
        max_time: ChainTime(2_000_000_000),
        max_ledger: LedgerSeq(900),
        base_fee: Stroops::new(100).unwrap(),
        soroban: None,
    };
    let tx = envelope::build(&request, key.tag(network), &plan);
    let hash = envelope::inner_hash(&tx, network);
    let bytes = envelope::encode(&TransactionEnvelope::Tx(envelope::attach(tx, Vec::new())));
    let landed = json!({
        "hash": hash, "fee_bump_hash": null, "ledger": 800, "closed_at": "2026-01-01T00:00:00Z", "successful": true,
        "fee_charged": "100", "channel": AccountId([7; 32]), "sequence": "77",
    });
    sqlx::query("insert into submitter.landings (hash, tag, ledger, landed, envelope) values ($1, $2, 800, $3, $4)")
        .bind(hash.0.to_vec())
        .bind(key.tag(network).to_i64())
        .bind(landed)
        .bind(bytes)
        .execute(&server.database.pool)
        .await
        .unwrap();
    hash.to_string()
}

#[tokio::test]
async fn a_workflow_that_has_landed_is_answered_with_its_transaction() {
    let server = Server::start().await;
    let body = payment("w", "12.50");
    let hash = landing(&server, &body).await;
    let answer = server.post("k", &payment("w", "12.5")).await;
    let intent = answer.intent(200);
    assert!(answer.replayed());
    assert_eq!(intent["status"], "succeeded");
    assert_eq!(intent["transaction"]["hash"], hash);
    assert_eq!(intent["transaction"]["ledger"], 800);
    // The key has that answer from now on, and the intent is one.
    let again = server.post("k", &body).await;
    assert_eq!(again.intent(200)["id"], intent["id"]);
    let other = server.post("k-2", &body).await;
    assert_eq!(other.intent(200)["id"], intent["id"]);
    let conflict = server.post("k-3", &payment("w", "13")).await;
    let problem = conflict.problem(409, "workflow-conflict");
    assert_eq!(problem["intent_id"], intent["id"]);
    // Others are accepted as ever.
    server
        .post("k-4", &payment("w-2", "12.5"))
        .await
        .intent(202);
}

#[tokio::test]
async fn what_has_landed_with_other_content_is_refused_and_leaves_the_right_one_its_place() {
    let server = Server::start().await;
    let hash = landing(&server, &payment("w", "12.5")).await;
    let answer = server.post("k", &payment("w", "13")).await;
    let problem = answer.problem(409, "workflow-conflict");
    assert!(problem["detail"].as_str().unwrap().contains(&hash));
    let (count,): (i64,) = sqlx::query_as("select count(*) from submitter.intents")
        .fetch_one(&server.database.pool)
        .await
        .unwrap();
    assert_eq!(count, 0, "nothing is on record for it");
    // Not even the key.
    let right = server.post("k", &payment("w", "12.5")).await;
    assert_eq!(right.intent(200)["transaction"]["hash"], hash);
}

#[tokio::test]
async fn a_bulk_is_answered_row_by_row() {
    let server = Server::start().await;
    let hash = landing(&server, &payment("landed", "1")).await;
    landing(&server, &payment("otherwise", "1")).await;
    let rows = json!([
        payment("new", "1"),
        payment("landed", "1"),
        payment("otherwise", "2"),
        payment("new-2", "1")
    ]);
    let request = server.request(Method::POST, "/v1/intents/bulk");
    let answer = send(request.json(&rows)).await.json();
    let statuses: Vec<i64> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["status"].as_i64().unwrap())
        .collect();
    assert_eq!(statuses, [202, 200, 409, 202]);
    let id = answer["items"][1]["id"].as_str().unwrap();
    let intent = server.get(&format!("/v1/intents/{id}")).await.json();
    assert_eq!(intent["transaction"]["hash"], hash);
}
