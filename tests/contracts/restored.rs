//! Servers that want archived entries restored by a transaction of its own, before the call.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stellar_submitter::domain::primitives::AccountId;
use stellar_submitter::signer::{ChannelSeed, Keyring, Signer as _};
use stellar_xdr::{Limits, ReadXdr as _, TransactionEnvelope, WriteXdr as _};

use crate::rpc::{Mood, Rpc};
use crate::stage::Stage;
use crate::world::ledger::PASSPHRASE;
use crate::world::{CHANNEL_SEED, Daemon, PATIENCE, eventually, key};

/// The counter is archived, and what is simulated wants it restored first.
async fn archived(stage: &Stage) {
    stage
        .world
        .ledger
        .set(json!({"restore_preamble": true}))
        .await;
    stage
        .control(&format!("/archive?id={}", stage.counter))
        .await;
    stage.world.ledger.pass(1).await;
}

/// A restoration and then the call have landed for this intent, and nothing else, each once.
async fn restored_then_called(stage: &Stage, daemon: &Daemon, id: &str) {
    let client = &daemon.client;
    let intent = client.wait_for(id, "succeeded", PATIENCE).await;
    assert_eq!(intent["result"], json!({"u32": 1}), "{intent}");
    assert_eq!(intent["attempt_count"], 2, "{intent}");
    let attempts = client.attempts(id).await;
    let told: Vec<_> = attempts
        .iter()
        .map(|one| (&one["state"], &one["soroban"]["restores"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("landed"), &json!(true)),
            (&json!("landed"), &json!(false))
        ]
    );
    assert!(attempts[0]["landed"]["ledger"].as_u64() < attempts[1]["landed"]["ledger"].as_u64());
    assert_eq!(intent["transaction"]["hash"], attempts[1]["hash"]);
    stage.world.ledger.pass(15).await;
    assert_eq!(stage.count().await, 1);
    // Both carry the tag, and the ledger has no third.
    let tagged = tagged(stage, &attempts, &intent["tag"]).await;
    let kinds: Vec<_> = tagged
        .iter()
        .map(|one| one["operations"][0]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["restore_footprint", "invoke_host_function"]);
    stage.proven(daemon, id).await;
}

/// What the ledger has with this tag, of the channels of these attempts.
async fn tagged(stage: &Stage, attempts: &[Value], tag: &Value) -> Vec<Value> {
    let mut channels: Vec<_> = attempts
        .iter()
        .map(|one| one["channel"].as_str().unwrap())
        .collect();
    channels.sort_unstable();
    channels.dedup();
    let mut all = Vec::new();
    for channel in channels {
        let truth = stage.world.ledger.truth(channel.parse().unwrap()).await;
        all.extend(truth.into_iter().filter(|one| one["tag"] == *tag));
    }
    all.sort_by_key(|one| one["ledger"].as_u64());
    all
}

#[tokio::test]
async fn what_is_archived_is_restored_by_an_attempt_before_the_call() {
    let (stage, daemon) = Stage::ready(2).await;
    archived(&stage).await;
    let id = daemon.client.post(&stage.inc("restored")).await;
    restored_then_called(&stage, &daemon, &id).await;
    stage.reconciled();
    let (status, told) = daemon
        .client
        .get(&format!("/v1/intents/{id}/explain"))
        .await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["call"]["result"], json!({"u32": 1}), "{told}");
    assert!(
        told["happened"].to_string().contains("brought back"),
        "{told}"
    );
    let safe = told["safe_because"].as_str().unwrap();
    assert!(
        safe.contains("only brought archived entries back"),
        "{told}"
    );
}

#[tokio::test]
async fn a_daemon_that_is_killed_while_the_restoration_waits_calls_after_it() {
    let (stage, mut daemon) = Stage::ready(2).await;
    archived(&stage).await;
    stage.world.ledger.set(json!({"stalled": true})).await;
    let id = daemon.client.post(&stage.inc("killed")).await;
    stage.submitted(&daemon, &id, 1).await;
    daemon.process.kill();
    stage.world.ledger.set(json!({"stalled": false})).await;
    stage.world.ledger.pass(2).await;
    let daemon = Daemon::start_ready(&stage.world.setup).await;
    restored_then_called(&stage, &daemon, &id).await;
    stage.reconciled();
}

#[tokio::test]
async fn a_daemon_that_is_killed_between_restoration_and_call_calls_once() {
    let (stage, mut daemon, rpc) = Stage::with_rpc(2).await;
    archived(&stage).await;
    stage.world.ledger.set(json!({"stalled": true})).await;
    let id = daemon.client.post(&stage.inc("between")).await;
    stage.submitted(&daemon, &id, 1).await;
    // Nothing can be simulated when it has landed.
    rpc.is(Mood::Silent);
    stage.world.ledger.set(json!({"stalled": false})).await;
    eventually("the restoration is on record", PATIENCE, async || {
        let attempts = daemon.client.attempts(&id).await;
        (attempts[0]["state"] == "landed").then_some(())
    })
    .await;
    daemon.process.kill();
    assert_eq!(stage.count().await, 0);
    rpc.is(Mood::Honest);
    let daemon = Daemon::start_ready(&stage.world.setup).await;
    restored_then_called(&stage, &daemon, &id).await;
    stage.reconciled();
}

/// The records are lost when the restoration has landed; then simulations are like this. Returns a daemon that does not know
/// yet what has landed, and what is to be posted again.
async fn lost_between(stage: &Stage, mut daemon: Daemon, rpc: &Rpc, then: Mood) -> (Daemon, Value) {
    archived(stage).await;
    stage.world.ledger.set(json!({"stalled": true})).await;
    let body = stage.inc("lost");
    let id = daemon.client.post(&body).await;
    stage.submitted(&daemon, &id, 1).await;
    rpc.is(Mood::Silent);
    stage.world.ledger.set(json!({"stalled": false})).await;
    stage.world.ledger.pass(2).await;
    daemon.process.kill();
    stage.world.database.lose().await;
    rpc.is(then);
    (Daemon::start(&stage.world.setup).await, body)
}

#[tokio::test]
async fn records_that_are_lost_between_restoration_and_call_call_once() {
    let (stage, daemon, rpc) = Stage::with_rpc(2).await;
    let (daemon, body) = lost_between(&stage, daemon, &rpc, Mood::Honest).await;
    let id = daemon.client.post_until_accepted(&body, true).await;
    restored_then_called(&stage, &daemon, &id).await;
}

#[tokio::test]
async fn a_restoration_that_is_known_again_does_not_keep_its_call_from_being_posted() {
    let (stage, daemon, rpc) = Stage::with_rpc(2).await;
    let (mut daemon, body) = lost_between(&stage, daemon, &rpc, Mood::Honest).await;
    daemon.wait_until_ready().await;
    let id = daemon.client.post(&body).await;
    restored_then_called(&stage, &daemon, &id).await;
}

#[tokio::test]
async fn a_restoration_that_the_records_lost_does_not_keep_its_call_from_failing() {
    let (stage, daemon, rpc) = Stage::with_rpc(2).await;
    let (daemon, body) = lost_between(&stage, daemon, &rpc, Mood::Failing).await;
    let id = daemon.client.post_until_accepted(&body, true).await;
    let intent = daemon.client.wait_for(&id, "failed", PATIENCE).await;
    assert_eq!(intent["reason"]["code"], "contract_error", "{intent}");
    assert_eq!(intent["attempt_count"], 1, "{intent}");
    assert_eq!(stage.count().await, 0);
}

/// Another restoration with the sequence number of this one (an envelope, base64), bidding a stroop more, signed by channel and
/// source: what an earlier life sent, whose records are lost.
fn another(envelope: &str) -> String {
    let TransactionEnvelope::Tx(mut other) =
        TransactionEnvelope::from_xdr_base64(envelope, Limits::none()).unwrap()
    else {
        panic!("a plain envelope was sent");
    };
    other.tx.fee += 1;
    let network: [u8; 32] = Sha256::digest(PASSPHRASE.as_bytes()).into();
    let hash = other.tx.hash(network).unwrap();
    let channels = ChannelSeed::parse(CHANNEL_SEED).unwrap();
    let ring = Keyring::new(None);
    let source = ring.add(&key("source"));
    let channel = AccountId::of_muxed(&other.tx.source_account);
    for index in 0..2 {
        ring.add(&channels.channel(index).unwrap());
    }
    let signatures = [channel, source].map(|one| ring.sign(one, &hash).unwrap());
    other.signatures = signatures.to_vec().try_into().unwrap();
    TransactionEnvelope::Tx(other)
        .to_xdr_base64(Limits::none())
        .unwrap()
}

#[tokio::test]
async fn a_restoration_of_an_earlier_life_with_an_attempts_number_is_not_taken_for_the_call() {
    let (stage, mut daemon) = Stage::ready(2).await;
    let ledger = &stage.world.ledger;
    archived(&stage).await;
    ledger.faults(json!({"never_land": 1.0})).await;
    let id = daemon.client.post(&stage.inc("earlier")).await;
    stage.submitted(&daemon, &id, 1).await;
    let attempts = daemon.client.attempts(&id).await;
    daemon.process.kill();
    ledger.faults(json!({})).await;
    let other = another(attempts[0]["envelope_xdr"].as_str().unwrap());
    let (status, landed) = ledger.submit(&other).await;
    assert_eq!(status, 200, "{landed}");
    let daemon = Daemon::start_ready(&stage.world.setup).await;
    let intent = daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["result"], json!({"u32": 1}), "{intent}");
    let attempts = daemon.client.attempts(&id).await;
    let told: Vec<_> = attempts
        .iter()
        .map(|one| (&one["state"], &one["soroban"]["restores"]))
        .collect();
    let (landed_as, dead) = (json!("landed"), json!("dead"));
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(told, [(&dead, &yes), (&landed_as, &yes), (&landed_as, &no)]);
    assert_eq!(attempts[0]["death_proof"]["hash"], landed["hash"]);
    assert_eq!(attempts[1]["hash"], landed["hash"]);
    assert_eq!(intent["transaction"]["hash"], attempts[2]["hash"]);
    ledger.pass(15).await;
    assert_eq!(stage.count().await, 1);
    stage.proven(&daemon, &id).await;
    stage.reconciled();
}

#[tokio::test]
async fn a_call_that_is_canceled_while_its_restoration_waits_is_not_made() {
    let (stage, daemon) = Stage::ready(1).await;
    let client = &daemon.client;
    archived(&stage).await;
    stage.world.ledger.set(json!({"stalled": true})).await;
    let id = client.post(&stage.inc("unwanted")).await;
    stage.submitted(&daemon, &id, 1).await;
    let (status, canceled) = client.change(&id, "cancel").await;
    assert_eq!(status, 202, "{canceled}");
    stage.world.ledger.set(json!({"stalled": false})).await;
    let intent = client.wait_for(&id, "canceled", PATIENCE).await;
    assert_eq!(client.attempts(&id).await[0]["state"], "landed");
    // What landed is not the call.
    assert_eq!(intent["transaction"], Value::Null, "{intent}");
    stage.world.ledger.pass(5).await;
    assert_eq!(stage.count().await, 0);
    stage.proven(&daemon, &id).await;
    stage.reconciled();
}
