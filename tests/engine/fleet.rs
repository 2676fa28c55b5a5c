//! Several daemons on one database, of which some die, sleep or are told to go.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{
    CHANNEL_SEED, Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, payment,
};

/// The lease of the tests' daemons, in seconds.
const LEASE: u64 = 3;

async fn world_of_two(channels: u32) -> (World, Daemon, Daemon) {
    let (world, first) = World::ready(channels).await;
    world.ledger.fund(account("bob")).await;
    let second = Daemon::start_ready(&world.setup).await;
    (world, first, second)
}

async fn post(daemon: &Daemon, numbers: std::ops::RangeInclusive<u32>) -> Vec<(String, Value)> {
    let mut posted = Vec::new();
    for number in numbers {
        let body = payment(&format!("fleet-{number}"), account("bob"), number);
        posted.push((daemon.client.post(&body).await, body));
    }
    posted
}

fn ids(posted: &[(String, Value)]) -> Vec<String> {
    posted.iter().map(|(id, _)| id.clone()).collect()
}

/// How many intents a daemon has brought to their end itself.
async fn settled_by(daemon: &Daemon) -> f64 {
    let (_, text) = daemon.client.get("/metrics").await;
    let text = text.as_str().unwrap();
    text.lines()
        .filter(|line| line.starts_with("submitter_settlements_total"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// How many open attempts each live worker holds.
async fn held(world: &World) -> Vec<i64> {
    let rows: Vec<(i64,)> = sqlx::query_as(
        "select count(i.id) from submitter.workers w join submitter.intents i on i.owner = w.id
         where w.lease_until > now() group by w.id",
    )
    .fetch_all(&world.database.pool)
    .await
    .unwrap();
    rows.into_iter().map(|(count,)| count).collect()
}

#[tokio::test]
async fn three_share_the_work() {
    let (world, first, second) = world_of_two(4).await;
    let third = Daemon::start_ready(&world.setup).await;
    let mut posted = Vec::new();
    // Ledger by ledger, whoever is first takes what is there.
    for round in 0..8 {
        for (number, daemon) in [&first, &second, &third].into_iter().enumerate() {
            let start = 1 + round * 9 + u32::try_from(number).unwrap() * 3;
            posted.extend(post(daemon, start..=start + 2).await);
        }
        world.ledger.pass(1).await;
    }
    first.client.wait_until_final(&ids(&posted), PATIENCE).await;
    world.audit().each_once(&second.client, &posted).await;
    let shares = [
        settled_by(&first).await,
        settled_by(&second).await,
        settled_by(&third).await,
    ];
    let working = shares.iter().filter(|share| **share > 0.0).count();
    assert!(working >= 2, "who did how much: {shares:?}");
}

#[tokio::test]
async fn the_work_of_one_that_was_killed_is_finished_within_a_lease() {
    let (world, mut first, second) = world_of_two(6).await;
    world.ledger.set(json!({"stalled": true})).await;
    let posted = post(&second, 1..=6).await;
    eventually("all are in flight", PATIENCE, async || {
        (held(&world).await.iter().sum::<i64>() == 6).then_some(())
    })
    .await;
    // Whoever has them: one of the two dies, then the other, and a third finds everything.
    first.process.kill();
    let mut second = second;
    second.process.kill();
    let third = Daemon::start_ready(&world.setup).await;
    eventually(
        "the leases are over and the work is taken over",
        Duration::from_secs(LEASE + 5),
        async || (held(&world).await == [6]).then_some(()),
    )
    .await;
    world.ledger.set(json!({"stalled": false})).await;
    third.client.wait_until_final(&ids(&posted), PATIENCE).await;
    world.ledger.pass(14).await;
    world.audit().each_once(&third.client, &posted).await;
}

#[tokio::test]
async fn one_that_slept_past_its_lease_pays_nothing_twice() {
    let (world, first, second) = world_of_two(6).await;
    // Answers get lost, so there is something to send again when it wakes up.
    world
        .ledger
        .faults(json!({"seed": 5, "lose_answer_after": 0.3, "never_land": 0.4}))
        .await;
    let mut posted = post(&second, 1..=12).await;
    first.process.signal_now(Signal::STOP);
    posted.extend(post(&second, 13..=24).await);
    tokio::time::sleep(Duration::from_secs(LEASE + 2)).await;
    first.process.signal_now(Signal::CONT);
    posted.extend(post(&first, 25..=30).await);
    first.client.wait_until_final(&ids(&posted), PATIENCE).await;
    world.ledger.faults(json!({})).await;
    world.ledger.pass(14).await;
    world.audit().each_once(&first.client, &posted).await;
    assert!(
        first.process.log().contains("the lease is lost"),
        "it never slept past its lease"
    );
}

#[tokio::test]
async fn told_to_go_it_ends_what_it_began_and_leaves_no_lease() {
    let (world, mut daemon) = World::ready(4).await;
    world.ledger.fund(account("bob")).await;
    world
        .ledger
        .faults(json!({"seed": 2, "slow_body_ms": 300}))
        .await;
    let posted = post(&daemon, 1..=12).await;
    let status = daemon.terminate();
    assert!(status.success(), "{status}");
    let (live,): (i64,) =
        sqlx::query_as("select count(*) from submitter.workers where lease_until > now()")
            .fetch_one(&world.database.pool)
            .await
            .unwrap();
    assert_eq!(live, 0, "a lease is left behind");
    world.ledger.faults(json!({})).await;
    let next = Daemon::start_ready(&world.setup).await;
    next.client.wait_until_final(&ids(&posted), PATIENCE).await;
    world.ledger.pass(14).await;
    world.audit().each_once(&next.client, &posted).await;
}

#[tokio::test]
async fn two_that_want_different_numbers_of_channels_agree() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    let mut more = world.setup.clone();
    world.setup.channels(3);
    more.channels(5);
    let (first, second) = tokio::join!(
        Daemon::start_ready(&world.setup),
        Daemon::start_ready(&more)
    );
    eventually("five channels", PATIENCE, async || {
        let channels = first.client.channels().await;
        let open = channels
            .iter()
            .filter(|channel| channel["kind"] == "channel" && channel["state"] == "open");
        (open.count() == 5).then_some(())
    })
    .await;
    let mut posted = post(&first, 1..=6).await;
    posted.extend(post(&second, 7..=12).await);
    first.client.wait_until_final(&ids(&posted), PATIENCE).await;
    world.audit().each_once(&first.client, &posted).await;
    // Each channel was made once: a creation that failed is no harm, a second account would be.
    let truth = world.ledger.truth(account("source")).await;
    let mut made: Vec<String> = truth
        .iter()
        .filter(|transaction| transaction["successful"] == true)
        .flat_map(|transaction| transaction["operations"].as_array().unwrap().clone())
        .filter(|operation| {
            operation["type"] == "create_account"
                && operation["source"] == account("source").to_string()
        })
        .map(|operation| operation["destination"].as_str().unwrap().to_owned())
        .collect();
    made.sort();
    let all = made.len();
    made.dedup();
    assert_eq!((all, made.len()), (5, 5));
}

#[tokio::test]
async fn channels_of_another_seed_are_paused_and_not_used() {
    let (mut world, mut daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    let old: Vec<Value> = daemon
        .client
        .channels()
        .await
        .into_iter()
        .filter(|c| c["kind"] == "channel")
        .collect();
    assert!(daemon.terminate().success());
    world
        .setup
        .set("ACCOUNTS__CHANNEL_SEED", &"c0ffee00".repeat(8));
    let mut daemon = Daemon::start(&world.setup).await;
    daemon.wait_until_ready().await;
    let posted = post(&daemon, 1..=3).await;
    daemon
        .client
        .wait_until_final(&ids(&posted), PATIENCE)
        .await;
    world.audit().each_once(&daemon.client, &posted).await;
    for channel in daemon.client.channels().await {
        if old.iter().any(|old| old["account"] == channel["account"]) {
            assert_eq!(channel["state"], "paused", "{channel}");
            assert!(
                channel["reason"]
                    .as_str()
                    .unwrap()
                    .contains("accounts.channel_seed"),
                "{channel}"
            );
        }
    }
    for transaction in world.audit().paid().await.into_values().flatten() {
        let used = &transaction["source_account"];
        assert!(
            old.iter().all(|channel| channel["account"] != *used),
            "{transaction}"
        );
    }

    // With the right seed they work again.
    assert!(daemon.terminate().success());
    world.setup.set("ACCOUNTS__CHANNEL_SEED", CHANNEL_SEED);
    Daemon::start_ready(&world.setup).await;
}
