//! Calls that fail in a ledger though they ran when simulated: simulated and built again, three times.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rpc::Mood;
use crate::stage::Stage;
use crate::world::{PATIENCE, account, eventually};

/// Four attempts that must be proven dead take so long.
const LIMIT: Duration = Duration::from_secs(180);

fn states(attempts: &[Value]) -> Vec<&str> {
    let states = attempts.iter();
    states.map(|one| one["state"].as_str().unwrap()).collect()
}

fn codes(attempts: &[Value]) -> Vec<&str> {
    let codes = attempts.iter();
    codes
        .map(|one| one["landed"]["code"].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn of_two_transfers_that_one_balance_allows_one_succeeds() {
    let (stage, daemon) = Stage::ready(2).await;
    let (client, ledger) = (&daemon.client, &stage.world.ledger);
    ledger.fund(account("bob")).await;
    ledger.set(json!({"stalled": true})).await;
    let transfer = |workflow: &str| {
        json!({"workflow_id": workflow, "operations": [
            {"type": "token_transfer", "asset": "native", "to": account("bob"), "amount": "6000"},
        ]})
    };
    let mut ids = Vec::new();
    for workflow in ["first", "second"] {
        let id = client.post(&transfer(workflow)).await;
        stage.submitted(&daemon, &id, 1).await;
        ids.push(id);
    }
    ledger.set(json!({"stalled": false})).await;
    let ended = client.wait_until_final(&ids, PATIENCE).await;
    let (paid, failed): (Vec<_>, Vec<_>) =
        ended.iter().partition(|one| one["status"] == "succeeded");
    assert_eq!((paid.len(), failed.len()), (1, 1), "{ended:?}");
    let (paid, failed) = (paid[0], failed[0]);
    // It trapped in the ledger; simulated again it fails, and is not sent again.
    let id = failed["id"].as_str().unwrap();
    let attempts = client.attempts(id).await;
    assert_eq!(codes(&attempts), ["op_function_trapped"], "{attempts:?}");
    assert_eq!(attempts[0]["call"]["error"], "Error(Contract, #10)");
    assert_eq!(failed["reason"]["code"], "contract_error", "{failed}");
    let detail = failed["reason"]["detail"].as_str().unwrap();
    assert!(detail.contains("Error(Contract, #10)"), "{failed}");
    ledger.pass(15).await;
    let (_, bob) = ledger
        .horizon(&format!("/accounts/{}", account("bob")))
        .await;
    assert_eq!(bob["balances"][0]["balance"], "16000.0000000");

    // What came of both is told: the error of one, the event of the other.
    let (_, told) = client.get(&format!("/v1/intents/{id}/explain")).await;
    assert_eq!(told["call"]["error"], "Error(Contract, #10)", "{told}");
    assert_eq!(told["call"]["result"], Value::Null);
    assert!(
        told["happened"]
            .to_string()
            .contains("op_function_trapped, Error(Contract, #10)")
    );
    let id = paid["id"].as_str().unwrap();
    let (_, told) = client.get(&format!("/v1/intents/{id}/explain")).await;
    let event = &told["call"]["events"][0];
    assert_eq!(event["topics"][0], json!({"symbol": "transfer"}), "{told}");
    assert_eq!(event["topics"][2], json!({"address": account("bob")}));
    assert_eq!(event["data"], json!({"i128": "60000000000"}));
    assert_eq!(event["contract"], paid["operations"][0]["contract"]);
}

#[tokio::test]
async fn what_is_archived_between_simulation_and_ledger_is_simulated_again() {
    let (stage, daemon) = Stage::ready(2).await;
    let (client, ledger) = (&daemon.client, &stage.world.ledger);
    let id = client.post(&stage.inc("before")).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
    ledger.set(json!({"stalled": true})).await;
    let id = client.post(&stage.inc("between")).await;
    stage.submitted(&daemon, &id, 1).await;
    stage
        .control(&format!("/archive?id={}&symbol=COUNT", stage.counter))
        .await;
    ledger.set(json!({"stalled": false})).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["result"], json!({"u32": 2}), "{intent}");
    let attempts = client.attempts(&id).await;
    assert_eq!(codes(&attempts)[0], "op_entry_archived", "{attempts:?}");
    assert_eq!(states(&attempts), ["landed_failed", "landed"]);
    ledger.pass(15).await;
    assert_eq!(stage.count().await, 2);
}

/// Simulations are this wrong, for ever: after three more attempts it fails with this code, and nothing has counted.
async fn fails_after_four(mood: Mood, ends: &str, code: &str) {
    let (stage, daemon, rpc) = Stage::with_rpc(2).await;
    let client = &daemon.client;
    rpc.is(mood);
    let id = client.post(&stage.inc("never")).await;
    let intent = client.wait_for(&id, "failed", LIMIT).await;
    assert_eq!(intent["reason"]["code"], code, "{intent}");
    assert_eq!(intent["attempt_count"], 4, "{intent}");
    let attempts = client.attempts(&id).await;
    assert_eq!(states(&attempts), [ends; 4], "{attempts:?}");
    stage.world.ledger.pass(15).await;
    assert_eq!(stage.count().await, 0);
}

/// Simulations are this wrong once: the second attempt counts.
async fn succeeds_at_second(mood: Mood, ends: &str, code: &str) {
    let (stage, daemon, rpc) = Stage::with_rpc(2).await;
    let client = &daemon.client;
    rpc.is(mood);
    stage.world.ledger.set(json!({"stalled": true})).await;
    let id = client.post(&stage.inc("later")).await;
    eventually("it was sent", PATIENCE, async || {
        let attempts = client.attempts(&id).await;
        let sent = attempts.first()?["submissions"].as_array()?;
        (!sent.is_empty()).then_some(())
    })
    .await;
    rpc.is(Mood::Honest);
    stage.world.ledger.set(json!({"stalled": false})).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["result"], json!({"u32": 1}), "{intent}");
    let attempts = client.attempts(&id).await;
    assert_eq!(states(&attempts), [ends, "landed"], "{attempts:?}");
    assert_eq!(codes(&attempts)[0], code, "{attempts:?}");
    stage.world.ledger.pass(15).await;
    assert_eq!(stage.count().await, 1);
}

const FEW_INSTRUCTIONS: Mood = Mood::Instructions(40);
/// Pays for what is declared, but not for rent and events.
const LOW_FEE: Mood = Mood::Fee(53);
/// Does not even pay for what is declared.
const NO_FEE: Mood = Mood::Fee(20);

#[tokio::test]
async fn too_few_instructions_for_ever_fail() {
    fails_after_four(
        FEW_INSTRUCTIONS,
        "landed_failed",
        "op_resource_limit_exceeded",
    )
    .await;
}

#[tokio::test]
async fn too_few_instructions_once_are_simulated_again() {
    succeeds_at_second(
        FEW_INSTRUCTIONS,
        "landed_failed",
        "op_resource_limit_exceeded",
    )
    .await;
}

#[tokio::test]
async fn too_little_refundable_fee_for_ever_fails() {
    fails_after_four(LOW_FEE, "landed_failed", "op_insufficient_refundable_fee").await;
}

#[tokio::test]
async fn too_little_refundable_fee_once_is_simulated_again() {
    succeeds_at_second(LOW_FEE, "landed_failed", "op_insufficient_refundable_fee").await;
}

#[tokio::test]
async fn invalid_resources_for_ever_are_proven_dead_four_times() {
    fails_after_four(NO_FEE, "dead", "tx_soroban_invalid").await;
}

#[tokio::test]
async fn invalid_resources_once_are_proven_dead_first() {
    succeeds_at_second(NO_FEE, "dead", "").await;
}
