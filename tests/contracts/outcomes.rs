//! Calls that cannot succeed, and entries that were archived.

use serde_json::json;
use sha2::{Digest as _, Sha256};
use stellar_submitter::signer::{Keyring, Signer as _};
use stellar_xdr::{
    Limits, Preconditions, ReadXdr as _, SequenceNumber, TransactionEnvelope, WriteXdr as _,
};

use crate::stage::Stage;
use crate::world::ledger::PASSPHRASE;
use crate::world::{Daemon, PATIENCE, account, eventually, key};

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

/// Somebody's transaction of their own, with the authorisation out of this envelope (base64).
fn copied(envelope: &str, sequence: i64) -> String {
    let TransactionEnvelope::Tx(mut copy) =
        TransactionEnvelope::from_xdr_base64(envelope, Limits::none()).unwrap()
    else {
        panic!("a plain envelope was copied");
    };
    let ring = Keyring::new(None);
    let thief = ring.add(&key("thief"));
    copy.tx.source_account = thief.plain();
    copy.tx.seq_num = SequenceNumber(sequence);
    copy.tx.cond = Preconditions::None;
    let network: [u8; 32] = Sha256::digest(PASSPHRASE.as_bytes()).into();
    let signature = ring.sign(thief, &copy.tx.hash(network).unwrap()).unwrap();
    copy.signatures = vec![signature].try_into().unwrap();
    TransactionEnvelope::Tx(copy)
        .to_xdr_base64(Limits::none())
        .unwrap()
}

#[tokio::test]
async fn an_authorisation_that_was_copied_off_the_network_is_noticed() {
    let mut stage = Stage::new(1).await;
    stage.world.setup.set("ENGINE__VALIDITY_LEDGERS", "40");
    let daemon = Daemon::start_ready(&stage.world.setup).await;
    let (client, ledger) = (&daemon.client, &stage.world.ledger);
    ledger.fund(account("thief")).await;
    ledger.faults(json!({"never_land": 1.0})).await;
    let id = client.post(&stage.inc("copied")).await;
    let envelope = eventually("it was sent", PATIENCE, async || {
        let attempts = client.attempts(&id).await;
        let sent = attempts.first()?;
        (sent["state"] == "submitted").then(|| sent["envelope_xdr"].as_str().unwrap().to_owned())
    })
    .await;
    let (status, canceled) = client.change(&id, "cancel").await;
    assert_eq!(status, 202, "{canceled}");
    ledger.faults(json!({})).await;
    let next = ledger.sequence(account("thief")).await + 1;
    let (status, landed) = ledger.submit(&copied(&envelope, next)).await;
    assert_eq!(status, 200, "{landed}");
    assert_eq!(stage.count().await, 1);
    // It is not reported as canceled: the call ran.
    let intent = client.wait_for(&id, "parked", PATIENCE).await;
    assert_eq!(intent["reason"]["code"], "nonce_used_elsewhere", "{intent}");
    stage.world.ledger.pass(5).await;
    assert_eq!(stage.count().await, 1);
}
