//! Payers who sign with ids of their own: an id is no tag, whatever workflow's it may be.

use std::time::Duration;

use serde_json::{Value, json};
use stellar_submitter::domain::primitives::NetworkId;
use stellar_submitter::domain::tag::Tag;

use crate::world::hand::Hand;
use crate::world::ledger::PASSPHRASE;
use crate::world::{Daemon, PATIENCE, World, account, key, payment};

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

fn tag(workflow: &str) -> Tag {
    Tag::derive(NetworkId::of(PASSPHRASE), "default", workflow, "payment")
}

/// A payment to bob that ann has signed as this id of hers.
async fn signed_by_ann(world: &World, id: u64) -> (Value, String) {
    let sequence = world.ledger.sequence(account("ann")).await + 1;
    let mut hand = Hand::payment(key("ann"), sequence, account("bob"), 123);
    hand.id = Some(id);
    hand.max_time = u64::try_from(world.ledger.clock().await).unwrap() + 600;
    let body = json!({"workflow_id": "sponsored", "transaction_xdr": hand.envelope()});
    (body, hand.hash())
}

/// The receipt, the records and the ledger say the same.
async fn proven(world: &World, daemon: &Daemon, id: &str) {
    daemon.client.stands(id).await;
    let args = ["verify", "--horizon", &world.ledger.url, "--database"];
    succeeds(world, &args);
}

fn succeeds(world: &World, args: &[&str]) {
    let mut process = world.setup.spawn(args);
    let status = process.wait(COMMAND_LIMIT);
    assert!(status.success(), "{args:?}: {}", process.log());
}

#[tokio::test]
async fn what_a_payer_signed_as_an_id_is_its_workflows_also_when_the_records_are_lost() {
    let (world, mut daemon) = World::ready(1).await;
    for name in ["ann", "bob"] {
        world.ledger.fund(account(name)).await;
    }
    // It is the tag of somebody else's workflow.
    let (body, hash) = signed_by_ann(&world, tag("other").get()).await;
    let id = daemon.client.post(&body).await;
    let intent = daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["transaction"]["hash"], hash);
    proven(&world, &daemon, &id).await;
    succeeds(&world, &["reconcile", "--full"]);

    daemon.process.kill();
    world.database.lose().await;
    let daemon = Daemon::start_ready(&world.setup).await;
    // Whose tag it is has not been paid.
    let other = payment("other", account("bob"), 7);
    let other = daemon.client.post(&other).await;
    daemon.client.wait_for(&other, "succeeded", PATIENCE).await;
    // And the workflow of which it was is answered with it.
    let (status, again) = daemon.client.try_post("again", &body).await.unwrap();
    assert_eq!(status, 200, "{again}");
    assert_eq!(again["transaction"]["hash"], hash);
    let id = again["id"].as_str().unwrap();
    for id in [id, &other] {
        proven(&world, &daemon, id).await;
    }
}
