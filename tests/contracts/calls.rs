//! Normal, duplicate, conflicting, retried and resumed calls.

use serde_json::json;

use crate::stage::Stage;
use crate::world::{Daemon, PATIENCE, account};

#[tokio::test]
async fn a_call_runs_once_and_says_what_it_returned() {
    let (stage, daemon) = Stage::ready(2).await;
    let client = &daemon.client;
    let id = client.post(&stage.inc("call-1")).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["method"], "inc", "{intent}");
    assert_eq!(intent["result"], json!({"u32": 1}), "{intent}");
    assert_eq!(stage.count().await, 1);
    // The tag is the nonce, and the envelope is plain: nothing else was needed.
    let attempts = client.attempts(&id).await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    assert_eq!(attempts[0]["fee_bumps"], json!([]));
    assert!(attempts[0]["soroban"]["data"].is_string(), "{attempts:?}");
    let channel = attempts[0]["channel"].as_str().unwrap().parse().unwrap();
    let truth = stage.world.ledger.truth(channel).await;
    let landed = truth
        .iter()
        .find(|item| item["hash"] == attempts[0]["hash"]);
    let nonces = &landed.unwrap()["operations"][0]["nonces"];
    assert_eq!(
        nonces[0]["nonce"].to_string().trim_matches('"'),
        intent["tag"]
    );
    assert_eq!(nonces[0]["address"], account("source").to_string());

    // The same again is the same intent; another argument is a conflict; another method is another call.
    let (status, again) = client
        .try_post("other-key", &stage.inc("call-1"))
        .await
        .unwrap();
    assert_eq!((status, &again["id"]), (200, &intent["id"]));
    let other = stage.call("call-1", "inc", &[json!({"address": account("bob")})]);
    let (status, problem) = client.try_post("third-key", &other).await.unwrap();
    assert_eq!(status, 409, "{problem}");
    assert!(
        problem.to_string().contains("/operations/0/args/0/address"),
        "{problem}"
    );
    let tick = stage.call("call-1", "tick", &[]);
    let (status, other) = client.try_post("fourth-key", &tick).await.unwrap();
    assert_eq!(status, 202, "{other}");
    let id = other["id"].as_str().unwrap();
    client.wait_for(id, "succeeded", PATIENCE).await;
    assert_eq!(stage.count().await, 2);
}

#[tokio::test]
async fn a_call_without_authorisation_goes_in_a_fee_bump() {
    let (stage, daemon) = Stage::ready(2).await;
    let client = &daemon.client;
    let mut ids = Vec::new();
    for number in 1..=3 {
        let body = stage.call(&format!("tick-{number}"), "tick", &[]);
        ids.push(client.post(&body).await);
    }
    for id in &ids {
        let intent = client.wait_for(id, "succeeded", PATIENCE).await;
        assert!(
            intent["transaction"]["fee_bump_hash"].is_string(),
            "{intent}"
        );
        assert!(intent["result"]["u32"].is_u64(), "{intent}");
        let channel = intent["transaction"]["channel"].as_str().unwrap();
        let truth = stage.world.ledger.truth(channel.parse().unwrap()).await;
        assert!(
            truth
                .iter()
                .any(|item| item["tag"].to_string().trim_matches('"') == intent["tag"])
        );
    }
    assert_eq!(stage.count().await, 3);
}

#[tokio::test]
async fn the_source_may_be_its_own_channel_or_authorise_by_being_the_source() {
    let (stage, daemon) = Stage::ready(0).await;
    let client = &daemon.client;
    let id = client.post(&stage.inc("own")).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
    let mut body = stage.inc("by-source");
    body["operations"][0]["auth"] = json!("source_account");
    let id = client.post(&body).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert!(
        intent["transaction"]["fee_bump_hash"].is_string(),
        "{intent}"
    );
    assert_eq!(stage.count().await, 2);
}

#[tokio::test]
async fn what_was_enqueued_in_sql_is_called_and_resumed_after_a_restart() {
    let (stage, mut daemon) = Stage::ready(2).await;
    stage.world.ledger.faults(json!({"never_land": 1.0})).await;
    let body = stage.inc("resumed");
    let id: (uuid::Uuid,) =
        sqlx::query_as("select submitter.enqueue_intent('default', 'resumed', $1)")
            .bind(&body)
            .fetch_one(&stage.world.database.pool)
            .await
            .unwrap();
    let id = id.0.to_string();
    crate::world::eventually("it was sent", PATIENCE, async || {
        let attempts = daemon.client.attempts(&id).await;
        (attempts.first()?["state"] == "submitted").then_some(())
    })
    .await;
    daemon.process.kill();
    stage.world.ledger.faults(json!({})).await;
    let daemon = Daemon::start_ready(&stage.world.setup).await;
    let intent = daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["method"], "inc");
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn without_a_stellar_rpc_a_call_is_refused_at_once() {
    let mut stage = Stage::new(0).await;
    stage.world.setup.set("RPC__URL", "");
    let daemon = Daemon::start_ready(&stage.world.setup).await;
    let (status, problem) = daemon
        .client
        .try_post("k", &stage.inc("none"))
        .await
        .unwrap();
    assert_eq!(status, 400, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/operations/0/type");
    assert!(problem.to_string().contains("Stellar RPC"), "{problem}");
    let body = stage.inc("none");
    let id: (uuid::Uuid,) =
        sqlx::query_as("select submitter.enqueue_intent('default', 'none', $1)")
            .bind(&body)
            .fetch_one(&stage.world.database.pool)
            .await
            .unwrap();
    let intent = daemon
        .client
        .wait_for(&id.0.to_string(), "failed", PATIENCE)
        .await;
    assert_eq!(intent["reason"]["code"], "invalid_intent", "{intent}");
    assert_eq!(stage.count().await, 0);
}
