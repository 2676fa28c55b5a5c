//! Authorisations that somebody copies off the network, and uses in a transaction of their own.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stellar_submitter::signer::{Keyring, Signer as _};
use stellar_xdr::{
    Limits, Preconditions, ReadXdr as _, SequenceNumber, TransactionEnvelope, WriteXdr as _,
};

use crate::stage::Stage;
use crate::world::ledger::PASSPHRASE;
use crate::world::{Daemon, PATIENCE, account, eventually, key};

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

/// The envelope of an intent's first attempt, once it was sent.
async fn sent(daemon: &Daemon, id: &str) -> String {
    eventually("it was sent", PATIENCE, async || {
        let attempts = daemon.client.attempts(id).await;
        let sent = attempts.first()?;
        (sent["state"] == "submitted").then(|| sent["envelope_xdr"].as_str().unwrap().to_owned())
    })
    .await
}

/// It is parked, and the reason names the transaction in which it ran.
async fn parked_naming(daemon: &Daemon, id: &str, hash: &str) -> Value {
    let intent = daemon.client.wait_for(id, "parked", PATIENCE).await;
    assert_eq!(intent["reason"]["code"], "nonce_used_elsewhere", "{intent}");
    let detail = intent["reason"]["detail"].as_str().unwrap();
    assert!(detail.contains(hash), "{hash}: {intent}");
    assert!(detail.contains(&account("source").to_string()), "{intent}");
    intent
}

#[tokio::test]
async fn an_authorisation_that_was_copied_and_landed_first_is_named() {
    let (stage, daemon) = Stage::ready(1).await;
    let (client, ledger) = (&daemon.client, &stage.world.ledger);
    ledger.fund(account("thief")).await;
    ledger
        .faults(json!({"delay_ledgers": {"rate": 1.0, "max": 3}}))
        .await;
    ledger.set(json!({"stalled": true})).await;
    let id = client.post(&stage.inc("overtaken")).await;
    let envelope = sent(&daemon, &id).await;
    ledger.faults(json!({})).await;
    let next = ledger.sequence(account("thief")).await + 1;
    let copy = copied(&envelope, next);
    let (status, queued) = ledger.queue(&copy).await;
    assert_eq!(status, 201, "{queued}");
    ledger.set(json!({"stalled": false})).await;
    let hash = queued["hash"].as_str().unwrap();
    let intent = parked_naming(&daemon, &id, hash).await;
    // Ours landed too, and failed.
    let attempts = client.attempts(&id).await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    assert_eq!(attempts[0]["state"], "landed_failed");
    assert_eq!(attempts[0]["call"]["error"], "Error(Auth, ExistingValue)");
    // Whoever queues it again, or cancels it, hears the same: it ran.
    for change in ["retry", "cancel"] {
        let (status, body) = client.change(&id, change).await;
        assert!(status == 200 || status == 202, "{body}");
        ledger.pass(4).await;
        let again = parked_naming(&daemon, &id, hash).await;
        assert_eq!(again["attempt_count"], intent["attempt_count"]);
    }
    assert_eq!(stage.count().await, 1);
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
    let envelope = sent(&daemon, &id).await;
    let (status, canceled) = client.change(&id, "cancel").await;
    assert_eq!(status, 202, "{canceled}");
    ledger.faults(json!({})).await;
    let next = ledger.sequence(account("thief")).await + 1;
    let (status, landed) = ledger.submit(&copied(&envelope, next)).await;
    assert_eq!(status, 200, "{landed}");
    assert_eq!(stage.count().await, 1);
    // It is not reported as canceled: the call ran, and in whose transaction is said.
    parked_naming(&daemon, &id, landed["hash"].as_str().unwrap()).await;
    ledger.pass(5).await;
    assert_eq!(stage.count().await, 1);
}
