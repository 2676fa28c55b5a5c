//! A second writer on a channel, and a chain that is no longer the one that it was.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use stellar_submitter::signer::ChannelSeed;

use crate::world::hand::{Hand, operation};
use crate::world::relay::{Answer, serve};
use crate::world::{
    CHANNEL_SEED, Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, ledger, payment,
};

/// What a daemon says that finds more on the chain than the records explain.
const AHEAD: &str = "the chain is ahead of the records";

fn channel(index: u32) -> stellar_submitter::signer::SecretKey {
    ChannelSeed::parse(CHANNEL_SEED)
        .unwrap()
        .channel(index)
        .unwrap()
}

async fn intrude(world: &World, index: u32) {
    let key = channel(index);
    let sequence = world.ledger.sequence(key.account()).await + 1;
    let (status, answer) = world
        .ledger
        .submit(&Hand::payment(key, sequence, account("bob"), 1).envelope())
        .await;
    assert_eq!(status, 200, "{answer}");
}

async fn post(daemon: &Daemon, numbers: std::ops::RangeInclusive<u32>) -> Vec<(String, Value)> {
    let mut posted = Vec::new();
    for number in numbers {
        let body = payment(&format!("rival-{number}"), account("bob"), number);
        posted.push((daemon.client.post(&body).await, body));
    }
    posted
}

async fn finish(world: &World, daemon: &Daemon, posted: &[(String, Value)]) {
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, PATIENCE).await;
    world.ledger.pass(14).await;
    world.audit().each_once(&daemon.client, posted).await;
}

#[tokio::test]
async fn a_second_writer_on_a_channel_is_survived() {
    let (world, daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    // While the channels are idle, and while they are in use.
    intrude(&world, 0).await;
    let mut posted = post(&daemon, 1..=4).await;
    for _ in 0..3 {
        let key = channel(1);
        let sequence = world.ledger.sequence(key.account()).await + 1;
        world
            .ledger
            .queue(&Hand::payment(key, sequence, account("bob"), 1).envelope())
            .await;
        let start = u32::try_from(posted.len()).unwrap() + 1;
        posted.extend(post(&daemon, start..=start + 1).await);
        world.ledger.pass(1).await;
    }
    finish(&world, &daemon, &posted).await;
}

#[tokio::test]
async fn a_second_writer_during_an_outage_is_survived() {
    let (world, mut daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    // In flight, forgotten by the network, and then the channel goes on without us.
    world
        .ledger
        .faults(json!({"seed": 1, "never_land": 1.0}))
        .await;
    let posted = post(&daemon, 1..=2).await;
    for (id, _) in &posted {
        daemon.client.wait_for(id, "in_flight", PATIENCE).await;
    }
    daemon.process.kill();
    world.ledger.faults(json!({})).await;
    for _ in 0..3 {
        intrude(&world, 0).await;
    }
    // The channel that others use may have stopped by then.
    let mut daemon = Daemon::start(&world.setup).await;
    daemon.wait_until_ready().await;
    finish(&world, &daemon, &posted).await;
}

/// A Horizon before the real one that finds no transaction by its hash.
async fn finds_no_transaction(horizon: &str) -> String {
    async fn pass(
        State((client, horizon)): State<(reqwest::Client, String)>,
        request: Request,
    ) -> Response {
        if request.uri().path().starts_with("/transactions/") {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        Answer::of(&client, &horizon, request).await.pass_on()
    }
    let state = (ledger::client(), horizon.to_owned());
    serve(axum::Router::new().fallback(pass).with_state(state)).await
}

#[tokio::test]
async fn what_is_explained_of_a_channel_in_use_is_not_waited_for_again() {
    let (world, mut daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    world
        .ledger
        .faults(json!({"seed": 1, "never_land": 1.0}))
        .await;
    let posted = post(&daemon, 1..=1).await;
    let (id, _) = &posted[0];
    daemon.client.wait_for(id, "in_flight", PATIENCE).await;
    daemon.process.kill();
    world.ledger.faults(json!({})).await;
    for _ in 0..3 {
        intrude(&world, 0).await;
    }
    // It waits until nothing unknown can land, reads what has, and cannot end the attempt.
    let mut setup = world.setup.clone();
    let url = finds_no_transaction(&world.ledger.url).await;
    setup.set("HORIZON__URLS", &url);
    let mut first = Daemon::start(&setup).await;
    first.wait_until_ready().await;
    assert!(
        first.process.log().contains(AHEAD),
        "{}",
        first.process.log()
    );
    assert_eq!(first.client.intent(id).await["status"], "in_flight");
    // All is explained: another daemon need not wait, and the first goes on.
    let mut second = Daemon::start(&setup).await;
    second.wait_until_ready().await;
    assert!(
        !second.process.log().contains(AHEAD),
        "{}",
        second.process.log()
    );
    assert!(first.process.ended().is_none(), "{}", first.process.log());
    assert_eq!(first.client.readiness().await.0, 200);
    drop((first, second));
    let daemon = Daemon::start(&world.setup).await;
    finish(&world, &daemon, &posted).await;
}

#[tokio::test]
async fn where_the_last_channel_is_gone_the_source_takes_its_place() {
    let (world, daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    let key = channel(0);
    let sequence = world.ledger.sequence(key.account()).await + 1;
    let merge = Hand {
        operations: vec![operation(stellar_xdr::OperationBody::AccountMerge(
            account("bob").plain(),
        ))],
        ..Hand::payment(key, sequence, account("bob"), 1)
    };
    let (status, answer) = world.ledger.submit(&merge.envelope()).await;
    assert_eq!(status, 200, "{answer}");
    let posted = post(&daemon, 1..=3).await;
    finish(&world, &daemon, &posted).await;
    for transaction in world.audit().paid().await.into_values().flatten() {
        assert_eq!(transaction["source_account"], account("source").to_string());
    }
    let channels = daemon.client.channels().await;
    let lost = channels
        .iter()
        .find(|channel| channel["kind"] == "channel")
        .unwrap();
    // Its last transaction was a second writer's, which stops it as well.
    assert!(
        lost["state"] == "lost" || lost["state"] == "paused",
        "{lost}"
    );
    assert!(lost["reason"].is_string(), "{lost}");
}

#[tokio::test]
async fn a_network_that_was_reset_halts_the_daemon_which_sends_nothing() {
    let (world, daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    let posted = post(&daemon, 1..=3).await;
    finish(&world, &daemon, &posted).await;
    world.ledger.reset().await;
    // The same accounts exist on the new chain, so that whatever is sent would land.
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    let said = eventually("the daemon halts", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("reset").then_some(said)
    })
    .await;
    assert_eq!(daemon.client.readiness().await.0, 503, "{said}");
    let late = post(&daemon, 4..=6).await;
    world.ledger.pass(16).await;
    for (id, _) in &late {
        assert_eq!(daemon.client.intent(id).await["status"], "queued");
    }
    assert!(
        world.audit().paid().await.is_empty(),
        "something was sent to the new chain"
    );

    // Started again it still knows.
    drop(daemon);
    let daemon = Daemon::start(&world.setup).await;
    eventually("it halts again", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("reset").then_some(())
    })
    .await;
    world.ledger.pass(4).await;
    assert!(
        world.audit().paid().await.is_empty(),
        "something was sent to the new chain"
    );
}

#[tokio::test]
async fn a_reset_during_an_outage_is_seen_at_the_start() {
    let (world, mut daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    world.ledger.pass(12).await;
    daemon.process.kill();
    world
        .ledger
        .set(json!({"seconds": LEDGER_SECONDS.parse::<f64>().unwrap()}))
        .await;
    world.ledger.reset().await;
    world.ledger.fund(account("source")).await;
    // Long after the ledger that was seen last, so that nothing but its hash tells.
    world.ledger.close(200).await;
    let daemon = Daemon::start(&world.setup).await;
    let said = eventually("the daemon halts", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("reset").then_some(said)
    })
    .await;
    assert_eq!(daemon.client.readiness().await.0, 503, "{said}");
}

#[tokio::test]
async fn a_reset_is_seen_long_before_the_new_chain_is_as_long_as_the_old_one() {
    // The chain's clock must be the wall's: faster ledgers run ahead of it.
    let world = World::new(&["--ledger-seconds", "1"]).await;
    world.ledger.fund(account("source")).await;
    let daemon = Daemon::start_ready(&world.setup).await;
    world.ledger.pass(10).await;
    let before = world.ledger.head().await;
    world.ledger.reset().await;
    eventually("the daemon halts", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("reset").then_some(())
    })
    .await;
    let now = world.ledger.head().await;
    assert!(
        now < before,
        "seen only at ledger {now}, when the old chain had {before}"
    );
}
