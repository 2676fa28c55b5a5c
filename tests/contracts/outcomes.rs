//! Calls that cannot succeed, and entries that were archived.

use serde_json::json;

use crate::stage::Stage;
use crate::world::{PATIENCE, account};

#[tokio::test]
async fn a_call_that_fails_when_simulated_is_not_sent() {
    let (stage, daemon) = Stage::ready(1).await;
    let client = &daemon.client;
    for (function, code, said) in [
        ("fail", "contract_error", "Error(Contract, #7)"),
        ("boom", "function_trapped", "simulated"),
        ("nothing", "contract_missing", "simulated"),
    ] {
        let id = client
            .post(&stage.call(&format!("bad-{function}"), function, &[]))
            .await;
        let intent = client.wait_for(&id, "failed", PATIENCE).await;
        assert_eq!(intent["reason"]["code"], code, "{intent}");
        let detail = intent["reason"]["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{intent}");
        assert_eq!(intent["attempt_count"], 0);
        let (status, story) = client.get(&format!("/v1/intents/{id}/explain")).await;
        assert_eq!(status, 200, "{story}");
        assert_eq!(story["reason"]["code"], code, "{story}");
        assert!(
            story["reason"]["detail"].to_string().contains(said),
            "{story}"
        );
    }
    // Somebody else must authorise: named, and nothing is sent.
    let other = stage.call("other", "inc", &[json!({"address": account("bob")})]);
    let id = client.post(&other).await;
    let intent = client.wait_for(&id, "failed", PATIENCE).await;
    assert_eq!(
        intent["reason"]["code"], "authorization_missing",
        "{intent}"
    );
    let detail = intent["reason"]["detail"].as_str().unwrap();
    assert!(detail.contains(&account("bob").to_string()), "{intent}");
    assert_eq!(stage.count().await, 0);
}

#[tokio::test]
async fn archived_entries_come_back_with_the_call() {
    let (stage, daemon) = Stage::ready(1).await;
    let client = &daemon.client;
    let id = client.post(&stage.inc("before")).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
    stage
        .control(&format!("/archive?id={}", stage.counter))
        .await;
    stage.world.ledger.pass(2).await;
    let id = client.post(&stage.inc("after")).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["result"], json!({"u32": 2}), "{intent}");
}

#[tokio::test]
async fn entries_are_restored_and_live_longer() {
    let (stage, daemon) = Stage::ready(1).await;
    let client = &daemon.client;
    let id = client.post(&stage.inc("first")).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
    let keys = json!([{"contract": stage.counter, "key": {"symbol": "COUNT"}}]);
    stage
        .control(&format!("/archive?id={}&symbol=COUNT", stage.counter))
        .await;
    stage.world.ledger.pass(2).await;
    let restore = json!({"workflow_id": "restore", "operations": [{"type": "restore_footprint", "keys": keys}]});
    let id = client.post(&restore).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["method"], "restore_footprint");
    let extend = json!({"workflow_id": "extend", "operations": [{"type": "extend_footprint_ttl", "keys": keys, "extend_to": 5000}]});
    let id = client.post(&extend).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(stage.count().await, 1);
}
