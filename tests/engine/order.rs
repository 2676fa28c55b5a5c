//! Ordering keys: one at a time, in the order of acceptance.

use serde_json::{Value, json};

use crate::world::{Daemon, PATIENCE, World, account, eventually, payment};

fn keyed(workflow: &str, to: &str, number: u32) -> Value {
    let mut body = payment(workflow, account(to), number);
    body["ordering_key"] = json!("one-by-one");
    body["on_state_error"] = json!("park");
    body
}

/// The ledgers in which they landed, in the order of acceptance.
async fn ledgers(daemon: &Daemon, posted: &[(String, Value)]) -> Vec<u64> {
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    let ended = daemon.client.wait_until_final(&ids, PATIENCE).await;
    ended
        .iter()
        .map(|intent| intent["transaction"]["ledger"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn ten_land_in_the_order_of_acceptance_also_when_one_is_parked() {
    let (world, daemon) = World::ready(4).await;
    world.ledger.fund(account("bob")).await;
    let mut posted = Vec::new();
    for number in 1..=10 {
        let to = if number == 4 { "late" } else { "bob" };
        let body = keyed(&format!("ordered-{number}"), to, number);
        posted.push((daemon.client.post(&body).await, body));
    }
    daemon
        .client
        .wait_for(&posted[3].0, "parked", PATIENCE)
        .await;
    world.ledger.pass(6).await;
    for (id, body) in &posted[4..] {
        let intent = daemon.client.intent(id).await;
        assert_eq!(
            intent["status"], "queued",
            "{body} has overtaken a parked one: {intent}"
        );
    }
    world.ledger.fund(account("late")).await;
    daemon.client.change(&posted[3].0, "retry").await;
    let order = ledgers(&daemon, &posted).await;
    assert!(
        order.is_sorted_by(|a, b| a < b),
        "landed in ledgers {order:?}"
    );
    world.audit().each_once(&daemon.client, &posted).await;
}

#[tokio::test]
async fn one_that_was_accepted_late_still_waits_for_who_is_in_flight() {
    let (world, daemon) = World::ready(3).await;
    world.ledger.fund(account("bob")).await;
    // Its place in the order is taken before the other's, and becomes visible after it.
    let early = keyed("early", "bob", 1);
    let mut transaction = world.database.pool.begin().await.unwrap();
    let (early_id,): (uuid::Uuid,) =
        sqlx::query_as("select submitter.enqueue_intent('default', 'early', $1)")
            .bind(&early)
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
    world.ledger.set(json!({"stalled": true})).await;
    let late = keyed("late", "bob", 2);
    let late_id = daemon.client.post(&late).await;
    daemon
        .client
        .wait_for(&late_id, "in_flight", PATIENCE)
        .await;
    transaction.commit().await.unwrap();
    let early_id = early_id.to_string();
    eventually("the daemon has read it", PATIENCE, async || {
        let row: (bool,) =
            sqlx::query_as("select request is not null from submitter.intents where id = $1::uuid")
                .bind(&early_id)
                .fetch_one(&world.database.pool)
                .await
                .unwrap();
        row.0.then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(
        daemon.client.intent(&early_id).await["status"],
        "queued",
        "two of one key are in flight"
    );
    world.ledger.set(json!({"stalled": false})).await;
    let posted = [(late_id, late), (early_id, early)];
    let order = ledgers(&daemon, &posted).await;
    assert!(order[0] < order[1], "landed in ledgers {order:?}");
    world.audit().each_once(&daemon.client, &posted).await;
}
