//! `run` alone, with a handful of variables: nothing else is to be done by hand.

use std::time::Duration;

use crate::world::{Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, payment};

async fn lands_some(world: &World, daemon: &Daemon, count: u32) {
    let mut posted = Vec::new();
    for number in 1..=count {
        let body = payment(&format!("first-{number}"), account("bob"), number);
        posted.push((daemon.client.post(&body).await, body));
    }
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, PATIENCE).await;
    world.audit().each_once(&daemon.client, &posted).await;
}

#[tokio::test]
async fn an_empty_database_and_a_funded_source_are_enough() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    world.setup.channels(3);
    let mut daemon = Daemon::start_ready(&world.setup).await;
    let channels = daemon.client.channels().await;
    assert_eq!(
        channels.len(),
        4,
        "the source and three channels: {channels:?}"
    );
    lands_some(&world, &daemon, 12).await;

    // Started again it makes no more, and works on.
    assert!(daemon.terminate().success());
    let truth = world.ledger.truth(account("source")).await.len();
    let daemon = Daemon::start_ready(&world.setup).await;
    world.ledger.pass(4).await;
    assert_eq!(world.ledger.truth(account("source")).await.len(), truth);
    assert_eq!(daemon.client.channels().await.len(), 4);
}

#[tokio::test]
async fn without_channels_the_source_is_its_own() {
    let (world, daemon) = World::ready(0).await;
    world.ledger.fund(account("bob")).await;
    lands_some(&world, &daemon, 4).await;
    for transaction in world.audit().paid().await.into_values().flatten() {
        assert_eq!(transaction["source_account"], account("source").to_string());
    }
}

#[tokio::test]
async fn an_unfunded_source_is_named_and_waited_for() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.setup.channels(2);
    let mut daemon = Daemon::start(&world.setup).await;
    let source = account("source").to_string();
    let said = eventually("readiness names the source", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains(&source).then_some(said)
    })
    .await;
    assert!(said.contains("fund"), "it says what to do: {said}");
    assert_eq!(daemon.client.readiness().await.0, 503);

    // What is posted meanwhile is kept, and done once there are funds.
    world.ledger.fund(account("bob")).await;
    let body = payment("early", account("bob"), 1);
    let id = daemon.client.post(&body).await;
    world.ledger.pass(2).await;
    assert_eq!(daemon.client.intent(&id).await["status"], "queued");
    world.ledger.fund(account("source")).await;
    daemon.wait_until_ready().await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    world.audit().each_once(&daemon.client, &[(id, body)]).await;
}

#[tokio::test]
async fn a_horizon_that_is_away_at_the_start_is_waited_for() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    let address = world.ledger.url.strip_prefix("http://").unwrap().to_owned();
    world.ledger.process.kill();
    let mut daemon = Daemon::start(&world.setup).await;
    let said = eventually("readiness names Horizon", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains(&address).then_some(said)
    })
    .await;
    assert_eq!(daemon.client.readiness().await.0, 503, "{said}");

    world.ledger =
        crate::world::Ledger::listen(&address, &["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    daemon.wait_until_ready().await;
}

#[tokio::test]
async fn work_is_taken_up_at_once_however_slow_the_ledgers_are() {
    // Close times are whole seconds: with faster ledgers the chain's clock would run ahead.
    let world = World::new(&["--ledger-seconds", "1"]).await;
    tokio::join!(
        world.ledger.fund(account("source")),
        world.ledger.fund(account("bob"))
    );
    let daemon = Daemon::start_ready(&world.setup).await;
    // The chain's clock falls behind the wall's, as it always does between two ledgers of five seconds.
    world.ledger.set(serde_json::json!({"stalled": true})).await;
    eventually("the chain's clock is behind", PATIENCE, async || {
        let wall = time::OffsetDateTime::now_utc().unix_timestamp();
        (world.ledger.clock().await + 1 < wall).then_some(())
    })
    .await;
    let id = daemon
        .client
        .post(&payment("soon", account("bob"), 1))
        .await;
    daemon
        .client
        .wait_for(&id, "in_flight", Duration::from_secs(3))
        .await;
}
