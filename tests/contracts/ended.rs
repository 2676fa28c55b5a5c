//! Calls that are canceled, or whose time is over, after they had attempts: only when their nonce was looked up.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rpc::{Mood, Rpc};
use crate::stage::Stage;
use crate::world::{Daemon, PATIENCE, account, eventually};

/// How long something must not happen.
const WHILE: Duration = Duration::from_secs(3);

/// A call that has failed in a ledger and is queued again, while nothing is answered about contracts.
async fn queued_again(stage: &Stage, daemon: &Daemon, rpc: &Rpc, valid_for: Option<i64>) -> String {
    let (client, ledger) = (&daemon.client, &stage.world.ledger);
    rpc.is(Mood::Instructions(40));
    ledger.set(json!({"stalled": true})).await;
    let mut body = stage.inc("ended");
    if let Some(seconds) = valid_for {
        body["valid_until"] = ledger.in_seconds(seconds).await.into();
    }
    let id = client.post(&body).await;
    stage.submitted(daemon, &id, 1).await;
    rpc.is(Mood::Silent);
    ledger.set(json!({"stalled": false})).await;
    eventually("it is queued again", PATIENCE, async || {
        let intent = client.intent(&id).await;
        (intent["status"] == "queued").then_some(())
    })
    .await;
    assert_eq!(client.attempts(&id).await[0]["state"], "landed_failed");
    id
}

/// It is not ended as long as nobody says whether its nonce was used, and then it is.
async fn ends(stage: &Stage, daemon: &Daemon, rpc: &Rpc, id: &str, status: &str) -> Value {
    let client = &daemon.client;
    tokio::time::sleep(WHILE).await;
    assert_eq!(client.intent(id).await["status"], "queued");
    rpc.is(Mood::Honest);
    let intent = client.wait_for(id, status, PATIENCE).await;
    assert_eq!(intent["attempt_count"], 1, "{intent}");
    assert_eq!(intent["reason"]["code"], status, "{intent}");
    stage.world.ledger.pass(15).await;
    assert_eq!(stage.count().await, 0);
    stage.proven(daemon, id).await;
    intent
}

#[tokio::test]
async fn a_call_that_is_canceled_after_an_attempt_ends_when_its_nonce_is_known() {
    let (stage, daemon, rpc) = Stage::with_rpc(1).await;
    let id = queued_again(&stage, &daemon, &rpc, None).await;
    let (status, canceled) = daemon.client.change(&id, "cancel").await;
    assert_eq!(status, 202, "{canceled}");
    ends(&stage, &daemon, &rpc, &id, "canceled").await;
}

#[tokio::test]
async fn a_call_whose_time_is_over_after_an_attempt_ends_when_its_nonce_is_known() {
    let (stage, daemon, rpc) = Stage::with_rpc(1).await;
    let id = queued_again(&stage, &daemon, &rpc, Some(20)).await;
    let ledger = &stage.world.ledger;
    let over = ledger.clock().await + 25;
    eventually("its time is over", PATIENCE, async || {
        (ledger.clock().await > over).then_some(())
    })
    .await;
    ends(&stage, &daemon, &rpc, &id, "expired").await;
}

#[tokio::test]
async fn a_parked_call_that_had_an_attempt_is_canceled() {
    let (stage, daemon) = Stage::ready(2).await;
    let (client, ledger) = (&daemon.client, &stage.world.ledger);
    ledger.fund(account("bob")).await;
    ledger.set(json!({"stalled": true})).await;
    let mut ids = Vec::new();
    for workflow in ["first", "second"] {
        let body = json!({"workflow_id": workflow, "on_state_error": "park", "operations": [
            {"type": "token_transfer", "asset": "native", "to": account("bob"), "amount": "6000"},
        ]});
        let id = client.post(&body).await;
        stage.submitted(&daemon, &id, 1).await;
        ids.push(id);
    }
    ledger.set(json!({"stalled": false})).await;
    let parked = eventually("one of them is parked", PATIENCE, async || {
        for id in &ids {
            let intent = client.intent(id).await;
            if intent["status"] == "parked" {
                return Some(intent);
            }
        }
        None
    })
    .await;
    assert_eq!(parked["reason"]["code"], "contract_error", "{parked}");
    assert_eq!(parked["attempt_count"], 1, "{parked}");
    let id = parked["id"].as_str().unwrap();
    let (status, canceled) = client.change(id, "cancel").await;
    assert_eq!(status, 202, "{canceled}");
    client.wait_for(id, "canceled", PATIENCE).await;
    ledger.pass(15).await;
    let path = format!("/accounts/{}", account("bob"));
    let (_, bob) = ledger.horizon(&path).await;
    assert_eq!(bob["balances"][0]["balance"], "16000.0000000");
}
