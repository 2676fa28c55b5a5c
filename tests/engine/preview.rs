//! What is previewed is what the ledger then says, and a preview leaves nothing behind.

use std::time::Duration;

use serde_json::{Value, json};
use stellar_xdr::{Limits, ReadXdr as _, TransactionEnvelope};

use crate::world::{PATIENCE, World, account, payment};

fn codes(preview: &Value) -> Vec<&str> {
    let findings = preview["findings"].as_array().unwrap();
    let codes = findings.iter();
    codes
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_found_is_what_the_ledger_says_then() {
    let (world, daemon) = World::ready(3).await;
    let client = &daemon.client;
    for name in ["bob", "issuer"] {
        world.ledger.fund(account(name)).await;
    }
    let (source, bob) = (account("source"), account("bob"));
    let with = |workflow: &str, operations: Value| json!({"workflow_id": workflow, "operations": operations});
    let of_source = format!("TEST:{source}");
    let of_issuer = format!("TEST:{}", account("issuer"));
    let pay = |asset: &str, amount: &str| json!({"type": "payment", "destination": bob, "asset": asset, "amount": amount});
    let create = |name: &str, balance: &str| json!({"type": "create_account", "destination": account(name), "starting_balance": balance});
    let bad = [
        (
            "no-destination",
            json!([{"type": "payment", "destination": account("nobody"), "asset": "native", "amount": "1"}]),
            "op_no_destination",
            "/operations/0/destination",
        ),
        (
            "poor",
            json!([pay("native", "1"), pay("native", "123456789")]),
            "op_underfunded",
            "/operations/1",
        ),
        (
            "no-trust",
            json!([pay(&of_source, "1")]),
            "op_no_trust",
            "/operations/0/asset",
        ),
        (
            "no-line",
            json!([{"type": "payment", "destination": account("issuer"), "asset": of_issuer, "amount": "1"}]),
            "op_src_no_trust",
            "/operations/0/asset",
        ),
        (
            "exists",
            json!([create("bob", "5")]),
            "op_already_exists",
            "/operations/0/destination",
        ),
        (
            "low",
            json!([create("late", "0.5")]),
            "op_low_reserve",
            "/operations/0/starting_balance",
        ),
        (
            "no-issuer",
            json!([{"type": "change_trust", "asset": format!("TEST:{}", account("nobody"))}]),
            "op_no_issuer",
            "/operations/0/asset",
        ),
    ];
    for (workflow, operations, code, pointer) in bad {
        let body = with(workflow, operations);
        let (status, preview) = client.preview(&body).await;
        assert_eq!(status, 200, "{preview}");
        assert_eq!(preview["ready"], false, "{preview}");
        let found = preview["findings"].as_array().unwrap();
        let found = found.iter().find(|finding| finding["code"] == code);
        let found = found.unwrap_or_else(|| panic!("{workflow}: {preview}"));
        assert_eq!(found["pointer"], pointer, "{preview}");
        assert_eq!(found["severity"], "error");
        let id = client.post(&body).await;
        let intent = client.wait_for(&id, "failed", PATIENCE).await;
        assert_eq!(intent["reason"]["code"], code, "{workflow}: {intent}");
    }
    // One operation may live on what the one before it made.
    let good = with(
        "made-and-paid",
        json!([
            create("new", "2"),
            {"type": "payment", "destination": account("new"), "asset": "native", "amount": "1"},
            {"type": "change_trust", "asset": of_issuer},
        ]),
    );
    let (_, preview) = client.preview(&good).await;
    assert_eq!(preview["ready"], true, "{preview}");
    assert_eq!(codes(&preview), Vec::<&str>::new());
    let id = client.post(&good).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
}

#[tokio::test]
async fn a_preview_builds_what_is_sent_and_leaves_nothing() {
    let (world, daemon) = World::ready(1).await;
    let client = &daemon.client;
    world.ledger.fund(account("bob")).await;
    let body = payment("once", account("bob"), 7);
    let (status, preview) = client.preview(&body).await;
    assert_eq!(status, 200, "{preview}");
    assert_eq!(preview["ready"], true, "{preview}");
    assert_eq!(preview["existing"], Value::Null);
    assert_eq!(
        preview["operations"][0]["amount"],
        body["operations"][0]["amount"]
    );
    assert_eq!(preview["fee"]["resources"], "0");
    assert_eq!(preview["fee"]["fee_bump"], false);
    let draft = &preview["transaction"];
    let xdr = draft["envelope_xdr"].as_str().unwrap();
    let TransactionEnvelope::Tx(envelope) =
        TransactionEnvelope::from_xdr_base64(xdr, Limits::none()).unwrap()
    else {
        panic!("{preview}");
    };
    assert!(envelope.signatures.is_empty(), "it is not signed");
    assert_eq!(preview["fee"]["total"], envelope.tx.fee.to_string());

    // Nothing is on record, and nothing comes onto the ledger.
    let (_, page) = client.get("/v1/intents?workflow_id=once").await;
    assert_eq!(page["items"], json!([]));
    world.ledger.pass(3).await;
    assert!(world.audit().paid().await.is_empty());

    let id = client.post(&body).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["tag"], preview["tag"]);
    assert_eq!(intent["transaction"]["channel"], draft["channel"]);
    assert_eq!(intent["transaction"]["sequence"], draft["sequence"]);

    let (_, again) = client.preview(&body).await;
    assert_eq!(again["existing"]["id"], id.as_str());
    assert_eq!(again["existing"]["status"], "succeeded");
    assert_eq!(again["existing"]["differs_at"], Value::Null);
    let mut other = body;
    other["operations"][0]["amount"] = json!("8");
    let (_, other) = client.preview(&other).await;
    assert_eq!(other["existing"]["differs_at"], "/operations/0/amount");
    assert_eq!(other["ready"], false);
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let (mut world, daemon) = World::ready(1).await;
    let client = &daemon.client;
    let bad = json!({"workflow_id": "w", "operations": [{"type": "payment", "amount": "-1"}]});
    let (status, problem) = client.preview(&bad).await;
    assert_eq!(status, 400, "{problem}");
    assert!(problem["errors"].as_array().unwrap().len() > 1, "{problem}");
    world.ledger.process.kill();
    let body = payment("w", account("bob"), 1);
    let asked = tokio::time::timeout(Duration::from_secs(30), client.preview(&body));
    let (status, problem) = asked.await.unwrap();
    assert_eq!(status, 503, "{problem}");
    assert_eq!(
        problem["type"],
        "urn:stellar-submitter:problem:network-unavailable"
    );
}
