//! What an account's state, the clock and people do to an intent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Daemon, PATIENCE, World, account, payment};

/// The least ledgers after which nothing that was signed can land any more, with some to spare.
const PAST_THE_FENCE: u64 = 16;

async fn post(daemon: &Daemon, body: Value) -> (String, Value) {
    (daemon.client.post(&body).await, body)
}

fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    body[name] = value.into();
    body
}

#[tokio::test]
async fn a_state_error_fails_and_says_which() {
    let (world, daemon) = World::ready(3).await;
    world.ledger.fund(account("bob")).await;
    let source = account("source");
    let missing = post(&daemon, payment("no-destination", account("nobody"), 1)).await;
    let mut body = payment("underfunded", account("bob"), 2);
    body["operations"][0]["amount"] = json!("123456789");
    let poor = post(&daemon, body).await;
    let mut body = payment("no-trust", account("bob"), 3);
    body["operations"][0]["asset"] = json!(format!("TEST:{source}"));
    let untrusted = post(&daemon, body).await;
    let mut body = payment("no-line", account("bob"), 4);
    body["operations"][0]["asset"] = json!(format!("TEST:{}", account("bob")));
    let lineless = post(&daemon, body).await;

    let mut all = Vec::new();
    for ((id, body), code) in [
        (missing, "op_no_destination"),
        (poor, "op_underfunded"),
        (untrusted, "op_no_trust"),
        (lineless, "op_src_no_trust"),
    ] {
        let intent = daemon.client.wait_for(&id, "failed", PATIENCE).await;
        assert_eq!(intent["reason"]["code"], code, "{intent}");
        assert_eq!(intent["reason"]["retryable"], true, "{intent}");
        assert_eq!(
            intent["transaction"]["successful"], false,
            "the recorded failure: {intent}"
        );
        all.push((id, body));
    }
    world.ledger.pass(PAST_THE_FENCE).await;
    world
        .audit()
        .each(&daemon.client, &all, &["failed"; 4])
        .await;
}

#[tokio::test]
async fn a_permanent_error_fails_and_undoes_the_rest() {
    let (world, daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    // Even where it would be parked: no change of any state can make it succeed.
    let body = json!({
        "workflow_id": "twice", "on_state_error": "park",
        "operations": [
            {"type": "payment", "destination": account("bob"), "asset": "native", "amount": "1"},
            {"type": "create_account", "destination": account("bob"), "starting_balance": "2"},
        ],
    });
    let id = daemon.client.post(&body).await;
    let intent = daemon.client.wait_for(&id, "failed", PATIENCE).await;
    assert_eq!(intent["reason"]["code"], "op_already_exists", "{intent}");
    assert_eq!(intent["reason"]["retryable"], false);
    assert!(
        intent["reason"]["detail"]
            .as_str()
            .unwrap()
            .contains("operation 1"),
        "{intent}"
    );
    assert!(world.audit().paid().await.is_empty());
}

#[tokio::test]
async fn what_is_parked_succeeds_by_itself_or_when_told_to() {
    let (world, daemon) = World::ready(2).await;
    let alone = with(
        payment("alone", account("late"), 1),
        "on_state_error",
        "park",
    );
    let alone = post(&daemon, alone).await;
    let told = with(
        payment("told", account("later"), 2),
        "on_state_error",
        "park",
    );
    let told = post(&daemon, told).await;
    for (id, _) in [&alone, &told] {
        let intent = daemon.client.wait_for(id, "parked", PATIENCE).await;
        assert_eq!(intent["reason"]["code"], "op_no_destination", "{intent}");
        assert!(intent["next_action_at"].is_string(), "{intent}");
    }
    world.ledger.fund(account("later")).await;
    let (status, body) = daemon.client.change(&told.0, "retry").await;
    assert_eq!((status, &body["status"]), (200, &json!("queued")), "{body}");
    daemon
        .client
        .wait_for(&told.0, "succeeded", Duration::from_secs(6))
        .await;

    world.ledger.fund(account("late")).await;
    daemon
        .client
        .wait_for(&alone.0, "succeeded", PATIENCE)
        .await;
    let (status, body) = daemon.client.change(&alone.0, "retry").await;
    assert_eq!(status, 409, "{body}");
    world
        .audit()
        .each_once(&daemon.client, &[alone, told])
        .await;
}

#[tokio::test]
async fn a_parked_intent_expires_or_is_canceled() {
    let (world, daemon) = World::ready(2).await;
    let until = world.ledger.in_seconds(25).await;
    let over = with(
        payment("over", account("nobody"), 1),
        "on_state_error",
        "park",
    );
    let over = post(&daemon, with(over, "valid_until", until)).await;
    let unwanted = with(
        payment("unwanted", account("nobody"), 2),
        "on_state_error",
        "park",
    );
    let unwanted = post(&daemon, unwanted).await;
    daemon
        .client
        .wait_for(&unwanted.0, "parked", PATIENCE)
        .await;
    let (status, body) = daemon.client.change(&unwanted.0, "cancel").await;
    assert_eq!(
        (status, &body["status"]),
        (200, &json!("canceled")),
        "{body}"
    );
    daemon.client.wait_for(&over.0, "expired", PATIENCE).await;
    // Now it could be paid, and must not be.
    world.ledger.fund(account("nobody")).await;
    world.ledger.pass(PAST_THE_FENCE).await;
    let all = [over, unwanted];
    world
        .audit()
        .each(&daemon.client, &all, &["expired", "canceled"])
        .await;
}

#[tokio::test]
async fn what_expires_never_lands_afterwards() {
    let (world, daemon) = World::ready(4).await;
    world.ledger.fund(account("bob")).await;
    // Held back by the network for longer than they are valid: each could land at any moment.
    world
        .ledger
        .faults(json!({"seed": 3, "delay_ledgers": {"rate": 1.0, "max": 10}}))
        .await;
    let mut all = Vec::new();
    for number in 1..=12 {
        let until = world.ledger.in_seconds(6).await;
        let body = payment(&format!("short-{number}"), account("bob"), number);
        all.push(post(&daemon, with(body, "valid_until", until)).await);
    }
    let past = with(
        payment("past", account("bob"), 99),
        "valid_until",
        "2020-01-01T00:00:00Z",
    );
    let past = post(&daemon, past).await;
    let ids: Vec<String> = all.iter().map(|(id, _)| id.clone()).collect();
    let ended = daemon.client.wait_until_final(&ids, PATIENCE).await;
    let statuses: Vec<&str> = ended
        .iter()
        .map(|intent| intent["status"].as_str().unwrap())
        .collect();
    assert!(
        statuses.contains(&"expired"),
        "none was held back long enough: {statuses:?}"
    );
    assert!(
        statuses
            .iter()
            .all(|status| ["expired", "succeeded"].contains(status)),
        "{statuses:?}"
    );
    let past_intent = daemon.client.wait_for(&past.0, "expired", PATIENCE).await;
    assert_eq!(past_intent["attempt_count"], 0, "{past_intent}");
    world.ledger.pass(PAST_THE_FENCE).await;
    let statuses = [statuses.as_slice(), &["expired"]].concat();
    all.push(past);
    world.audit().each(&daemon.client, &all, &statuses).await;
}

#[tokio::test]
async fn nothing_lands_before_its_time() {
    let (world, daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    let from = world.ledger.in_seconds(20).await;
    let late = with(
        payment("late", account("bob"), 1),
        "not_before",
        from.clone(),
    );
    let late = post(&daemon, late).await;
    // It does not keep others waiting.
    let soon = post(&daemon, payment("soon", account("bob"), 2)).await;
    daemon.client.wait_for(&soon.0, "succeeded", PATIENCE).await;
    let intent = daemon.client.wait_for(&late.0, "succeeded", PATIENCE).await;
    assert!(
        intent["transaction"]["closed_at"].as_str().unwrap() >= from.as_str(),
        "{from}: {intent}"
    );
    world.audit().each_once(&daemon.client, &[late, soon]).await;
}

#[tokio::test]
async fn a_queued_intent_is_canceled_at_once() {
    let (world, daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    let far = with(
        payment("far", account("bob"), 1),
        "not_before",
        "2099-01-01T00:00:00Z",
    );
    let far = post(&daemon, far).await;
    let (status, body) = daemon.client.change(&far.0, "cancel").await;
    assert_eq!(
        (status, &body["status"]),
        (200, &json!("canceled")),
        "{body}"
    );
    let (status, body) = daemon.client.change(&far.0, "cancel").await;
    assert_eq!(status, 409, "{body}");
    world
        .audit()
        .each(&daemon.client, &[far], &["canceled"])
        .await;
}

/// Waits until an intent's first attempt was sent and answered.
async fn was_sent(daemon: &Daemon, id: &str) {
    daemon.client.wait_for(id, "in_flight", PATIENCE).await;
    crate::world::eventually("it was sent", PATIENCE, async || {
        let sent = daemon.client.attempts(id).await;
        (!sent[0]["submissions"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn in_flight_it_is_canceled_only_once_that_is_proven() {
    let (world, daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    world.ledger.set(json!({"stalled": true})).await;
    // One is in core's queue, and will land. One was forgotten by the network, and never will.
    let lands = post(&daemon, payment("lands", account("bob"), 1)).await;
    // In flight is on record before the send: the fault must not meet this one's.
    was_sent(&daemon, &lands.0).await;
    world
        .ledger
        .faults(json!({"seed": 1, "never_land": 1.0}))
        .await;
    let lost = post(&daemon, payment("lost", account("bob"), 2)).await;
    was_sent(&daemon, &lost.0).await;
    world.ledger.faults(json!({})).await;
    for (id, _) in [&lands, &lost] {
        let (status, body) = daemon.client.change(id, "cancel").await;
        assert_eq!(
            (status, &body["status"]),
            (202, &json!("in_flight")),
            "{body}"
        );
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (id, _) in [&lands, &lost] {
        let intent = daemon.client.intent(id).await;
        assert_eq!(
            intent["status"], "in_flight",
            "nothing is proven while no ledger closes: {intent}"
        );
    }
    world.ledger.set(json!({"stalled": false})).await;
    daemon
        .client
        .wait_for(&lands.0, "succeeded", PATIENCE)
        .await;
    daemon.client.wait_for(&lost.0, "canceled", PATIENCE).await;
    let sent = daemon.client.attempts(&lost.0).await;
    assert_eq!(sent.len(), 1, "canceled and built again: {sent:?}");
    assert_eq!(sent[0]["death_proof"]["kind"], "fence", "{sent:?}");
    world.ledger.pass(PAST_THE_FENCE).await;
    world
        .audit()
        .each(&daemon.client, &[lands, lost], &["succeeded", "canceled"])
        .await;
}
