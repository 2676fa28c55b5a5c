//! A source account that cannot pay for its channels until somebody funds it, and ledgers that are smaller than all of them.

use serde_json::json;

use crate::world::hand::Hand;
use crate::world::{Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, key, payment};

/// What friendbot gives, in stroops.
const FUNDED: i64 = 100_000_000_000;
/// Ledgers in which a daemon that does not wait would try again each time.
const LEDGERS: u64 = 40;

async fn pay(world: &World, from: &str, to: &str, stroops: i64) {
    let sequence = world.ledger.sequence(account(from)).await + 1;
    let hand = Hand::payment(key(from), sequence, account(to), stroops);
    let (status, answer) = world.ledger.submit(&hand.envelope()).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn channels_are_made_once_they_can_be_paid_for() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    world
        .setup
        .channels(2)
        .set("ACCOUNTS__CHANNEL_STARTING_BALANCE", "6000");
    let mut daemon = Daemon::start(&world.setup).await;
    daemon.wait_until_ready().await;
    let could_not = "channels could not be made";
    eventually("it says so", PATIENCE, async || {
        daemon.process.log().contains(could_not).then_some(())
    })
    .await;
    world.ledger.pass(LEDGERS).await;
    let tries = daemon.process.log().matches(could_not).count();
    assert!(tries <= 3, "{tries} tries in {LEDGERS} ledgers");
    pay(&world, "bob", "source", FUNDED / 2).await;
    let client = daemon.client.clone();
    eventually("the channels are made", PATIENCE, async || {
        (client.open_channels().await >= 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_channel_is_topped_up_once_the_source_can_pay_for_it() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    // Its reserve, and fees for two payments.
    world
        .setup
        .channels(1)
        .set("ACCOUNTS__CHANNEL_STARTING_BALANCE", "1.0000250")
        .set("ACCOUNTS__CHANNEL_TOP_UP_BELOW", "0.0000001");
    let daemon = Daemon::start_ready(&world.setup).await;
    // What is left is enough for payments, and not for a top-up.
    let left = 15_000_000;
    let (_, state) = world
        .ledger
        .horizon(&format!("/accounts/{}", account("source")))
        .await;
    let balance = state["balances"][0]["balance"].as_str().unwrap();
    let stroops: i64 = balance.replace('.', "").parse().unwrap();
    pay(&world, "source", "bob", stroops - left).await;
    let mut posted = Vec::new();
    for number in 1..=4 {
        let body = payment(&format!("short-{number}"), account("bob"), number);
        posted.push(daemon.client.post(&body).await);
    }
    eventually("a top-up has failed", PATIENCE, async || {
        let log = daemon.process.log();
        let mut lines = log.lines();
        let said = |line: &str| line.contains("top-up/") && line.contains("op_underfunded");
        lines.any(said).then_some(())
    })
    .await;
    world.ledger.pass(LEDGERS).await;
    pay(&world, "bob", "source", FUNDED / 2).await;
    for id in &posted {
        daemon.client.wait_for(id, "succeeded", PATIENCE).await;
    }
}

#[tokio::test]
async fn a_ledger_that_is_smaller_than_all_channels_takes_them_in_parts() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.set(json!({"max_tx_set_size": 10})).await;
    world.setup.channels(12);
    Daemon::start_ready(&world.setup).await;
}
