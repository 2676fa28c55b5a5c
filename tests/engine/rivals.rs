//! A second writer on a channel, and a chain that is no longer the one that it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::http::StatusCode;
use serde_json::{Value, json};
use stellar_submitter::signer::ChannelSeed;

use crate::world::hand::{Hand, operation};
use crate::world::relay::{Answer, changing};
use crate::world::{
    CHANNEL_SEED, Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, key, payment,
};

/// Answers about ledgers that are not true.
const FALSE_ANSWERS: usize = 2;
/// What a daemon says that finds more on the chain than the records explain.
const AHEAD: &str = "the chain is ahead of the records";

fn channel(index: u32) -> stellar_submitter::signer::SecretKey {
    ChannelSeed::parse(CHANNEL_SEED)
        .unwrap()
        .channel(index)
        .unwrap()
}

async fn intrude(world: &World, index: u32) {
    intrude_as(world, index, None).await;
}

/// With an id it may be ours, by its looks.
async fn intrude_as(world: &World, index: u32, id: Option<u64>) {
    let key = channel(index);
    let sequence = world.ledger.sequence(key.account()).await + 1;
    let hand = Hand {
        id,
        ..Hand::payment(key, sequence, account("bob"), 1)
    };
    let (status, answer) = world.ledger.submit(&hand.envelope()).await;
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

#[tokio::test]
async fn what_somebody_else_did_with_idle_accounts_holds_up_no_start() {
    let (mut world, mut daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    assert!(daemon.terminate().success());
    // Its owner pays from the source by hand, and somebody has the key of the channel.
    let sequence = world.ledger.sequence(account("source")).await + 1;
    let by_hand = Hand::payment(key("source"), sequence, account("bob"), 1);
    let (status, answer) = world.ledger.submit(&by_hand.envelope()).await;
    assert_eq!(status, 200, "{answer}");
    intrude(&world, 0).await;
    world.setup.set("ENGINE__VALIDITY_LEDGERS", "700");
    let mut daemon = Daemon::start(&world.setup).await;
    daemon.wait_until_ready().await;
    let log = daemon.process.log();
    assert!(!log.contains(AHEAD), "{log}");
    assert_eq!(
        log.matches("its numbers are passed over").count(),
        2,
        "{log}"
    );
    assert_eq!(
        log.matches("a second writer uses a channel").count(),
        1,
        "{log}"
    );
    let posted = post(&daemon, 1..=2).await;
    let ids: Vec<String> = posted.into_iter().map(|(id, _)| id).collect();
    daemon.client.wait_until_final(&ids, PATIENCE).await;
    for id in &ids {
        assert_eq!(daemon.client.intent(id).await["status"], "succeeded");
    }
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
        intrude_as(&world, 0, Some(7)).await;
    }
    // It waits until nothing unknown can land, reads what has, and cannot end the attempt.
    let mut setup = world.setup.clone();
    let url = changing(&world.ledger.url, |target, answer| {
        if target.starts_with("/transactions/") {
            answer.set(StatusCode::SERVICE_UNAVAILABLE, &json!({}));
        }
    })
    .await;
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
async fn an_old_state_of_a_channel_does_not_hide_what_it_did() {
    let (mut world, mut daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    assert!(daemon.terminate().success());
    let key = channel(0).account().to_string();
    let path = format!("/accounts/{key}");
    let answer = reqwest::get(format!("{}{path}", world.ledger.url)).await;
    let answer = answer.unwrap();
    let as_of = answer.headers()["latest-ledger"].clone();
    let state: Value = answer.json().await.unwrap();
    intrude_as(&world, 0, Some(7)).await;
    // A Horizon that shows the channel as it was before.
    let is_old = Arc::new(AtomicBool::new(true));
    let shows = Arc::clone(&is_old);
    let url = changing(&world.ledger.url, move |target, answer| {
        if target == path && shows.load(Ordering::Relaxed) {
            answer.set(StatusCode::OK, &state);
            answer.headers.insert("latest-ledger", as_of.clone());
        }
    })
    .await;
    world.setup.set("HORIZON__URLS", &url);
    let mut daemon = Daemon::start(&world.setup).await;
    let said = eventually("it says what it waits for", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("as of ledger").then_some(said)
    })
    .await;
    assert!(said.contains(&key), "{said}");
    is_old.store(false, Ordering::Relaxed);
    daemon.wait_until_ready().await;
    assert!(
        daemon.process.log().contains(AHEAD),
        "{}",
        daemon.process.log()
    );
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
    is_reset_during_an_outage(|_| ()).await;
}

#[tokio::test]
async fn an_answer_that_a_ledger_is_gone_hides_no_reset() {
    let says = |answer: &mut Answer| {
        let kind = "https://stellar.org/horizon-errors/before_history";
        answer.set(StatusCode::GONE, &json!({"type": kind, "status": 410}));
    };
    is_reset_during_an_outage(says).await;
}

/// The network is reset while nobody looks, and the ledger that was seen last is asked for: for a while it is answered like this.
async fn is_reset_during_an_outage(says: fn(&mut Answer)) {
    let (mut world, mut daemon) = World::ready(1).await;
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
    let answers = Arc::new(AtomicUsize::new(0));
    let url = changing(&world.ledger.url, move |target, answer| {
        let is_ledger = target.starts_with("/ledgers/");
        if is_ledger && answers.fetch_add(1, Ordering::Relaxed) < FALSE_ANSWERS {
            says(answer);
        }
    })
    .await;
    world.setup.set("HORIZON__URLS", &url);
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
