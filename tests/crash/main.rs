//! Kill -9 of the daemon at any moment: nothing lands twice, nothing accepted is lost.
//!
//! `CRASH_SEED` replays the moments of a run, `CRASH_KILLS` raises how many there are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use serde_json::json;
use world::daemon::Daemon;
use world::{World, account, payment};

/// Kills of a run where nothing else is said.
const KILLS: usize = 20;
/// Intents for each kill.
const INTENTS_PER_KILL: u32 = 12;
/// The longest between a start and its kill, in milliseconds: from the migration to full work.
const LONGEST_LIFE_MS: u64 = 2_500;
/// How long everything may take to become final, once nobody is killed any more.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

fn seed_and_kills() -> (u64, usize) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    let seed = number("CRASH_SEED", u64::from(now));
    let kills = usize::try_from(number("CRASH_KILLS", KILLS as u64)).unwrap();
    println!("CRASH_SEED={seed} CRASH_KILLS={kills}");
    (seed, kills)
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_pay_nobody_twice_and_lose_nothing() {
    let (seed, kills) = seed_and_kills();
    let mut random = ChaCha8Rng::seed_from_u64(seed);

    let mut world = World::new(&["--ledger-seconds", world::LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    let port = support::free_port();
    world
        .setup
        .channels(8)
        .set("API__LISTEN", &format!("127.0.0.1:{port}"));
    world
        .ledger
        .faults(json!({
            "seed": seed % 1000, "lose_answer_after": 0.1, "lose_answer_before": 0.05, "answer_504": 0.05, "answer_503": 0.05,
            "late_bad_seq": 0.05, "never_land": 0.05, "delay_ledgers": {"rate": 0.1, "max": 6}, "cut_body": 0.02,
            "read_lag_ledgers": 2
        }))
        .await;

    // The first life begins with the migration and the making of channels, and may end within them.
    let mut daemon = Daemon::start(&world.setup).await;
    let count = INTENTS_PER_KILL * u32::try_from(kills).unwrap();
    let (accepted, killing) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(true)),
    );
    let poster = {
        let (client, accepted, killing) = (
            daemon.client.clone(),
            Arc::clone(&accepted),
            Arc::clone(&killing),
        );
        let mut pauses = ChaCha8Rng::seed_from_u64(seed ^ 1);
        tokio::spawn(async move {
            let mut posted = Vec::new();
            for number in 1..=count {
                let body = payment(&format!("crash-{number}"), account("bob"), number);
                posted.push((
                    client.post_until_accepted(&body, number % 5 == 0).await,
                    body,
                ));
                accepted.fetch_add(1, Ordering::Relaxed);
                // Spread over the kills, so that each finds something at every stage.
                if killing.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(pauses.random_range(0..150))).await;
                }
            }
            posted
        })
    };
    for kill in 1..=kills {
        let life = Duration::from_millis(random.random_range(0..LONGEST_LIFE_MS));
        tokio::time::sleep(life).await;
        daemon.process.kill();
        println!(
            "kill {kill} after {life:?}, {} accepted",
            accepted.load(Ordering::Relaxed)
        );
        daemon = Daemon::start(&world.setup).await;
    }
    killing.store(false, Ordering::Relaxed);
    let posted = poster.await.unwrap();
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, SETTLE_LIMIT).await;
    world.ledger.faults(json!({})).await;
    // Past every fence: whatever was still on its way has had its chance to do harm.
    world.ledger.pass(14).await;
    world.audit().each_once(&daemon.client, &posted).await;
    assert!(daemon.terminate().success(), "{}", daemon.process.log());
}

/// Kills before the daemon is ready for the first time.
const EARLY_KILLS: u32 = 12;
/// The longest of these lives, in milliseconds: migration, making of channels, first work.
const LONGEST_EARLY_LIFE_MS: u64 = 1_500;

#[tokio::test(flavor = "multi_thread")]
async fn kills_while_it_migrates_and_makes_its_channels_do_no_harm() {
    let (seed, _) = seed_and_kills();
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 2);
    let mut world = World::new(&["--ledger-seconds", world::LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    world.setup.channels(6);
    for kill in 1..=EARLY_KILLS {
        // More and more time, so that each stage is met.
        let most = LONGEST_EARLY_LIFE_MS * u64::from(kill) / u64::from(EARLY_KILLS);
        let life = Duration::from_millis(random.random_range(0..=most));
        let mut process = world.setup.spawn(&["run"]);
        tokio::time::sleep(life).await;
        assert!(
            process.ended().is_none(),
            "after {kill} kills: {}",
            process.log()
        );
        process.kill();
    }
    let daemon = Daemon::start_ready(&world.setup).await;
    let mut posted = Vec::new();
    for number in 1..=12 {
        let body = payment(&format!("early-{number}"), account("bob"), number);
        posted.push((daemon.client.post(&body).await, body));
    }
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, SETTLE_LIMIT).await;
    world.ledger.pass(14).await;
    world.audit().each_once(&daemon.client, &posted).await;
    // The channels were made once each, with one starting balance each.
    let truth = world.ledger.truth(account("source")).await;
    let made = truth.iter().filter(|transaction| {
        let operation = &transaction["operations"][0];
        transaction["successful"] == true
            && operation["type"] == "create_account"
            && operation["source"] == account("source").to_string()
    });
    let made: usize = made
        .map(|tx| tx["operations"].as_array().unwrap().len())
        .sum();
    assert_eq!(made, 6, "{truth:#?}");
}

/// Daemons of the fleet.
const FLEET: usize = 3;
/// What happens to the fleet before it is left alone.
const BLOWS: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_is_killed_and_frozen_at_random_pays_nobody_twice() {
    let (seed, _) = seed_and_kills();
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 3);
    let mut world = World::new(&["--ledger-seconds", world::LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    world.setup.channels(6);
    let mut fleet = vec![Daemon::start_ready(&world.setup).await];
    while fleet.len() < FLEET {
        fleet.push(Daemon::start(&world.setup).await);
    }
    world
        .ledger
        .faults(json!({
            "seed": seed % 1000, "lose_answer_after": 0.2, "answer_504": 0.1, "never_land": 0.15,
            "delay_ledgers": {"rate": 0.3, "max": 10}, "read_lag_ledgers": 3
        }))
        .await;
    let mut posted = Vec::new();
    let mut frozen = [false; FLEET];
    for blow in 1..=BLOWS {
        for _ in 0..6 {
            let number = u32::try_from(posted.len()).unwrap() + 1;
            let body = payment(&format!("fleet-{number}"), account("bob"), number);
            let awake = (0..FLEET)
                .find(|index| !frozen[(blow + index) % FLEET])
                .unwrap();
            let client = &fleet[(blow + awake) % FLEET].client;
            posted.push((
                client.post_until_accepted(&body, number % 4 == 0).await,
                body,
            ));
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..900))).await;
        let victim = random.random_range(0..FLEET);
        // One is always awake, or nobody would take the next posts.
        let others_sleep = frozen.iter().filter(|asleep| **asleep).count() >= FLEET - 1;
        match (frozen[victim], random.random_range(0..2)) {
            (true, _) => {
                fleet[victim].process.signal_now(Signal::CONT);
                frozen[victim] = false;
            }
            (false, 0) if !others_sleep => {
                fleet[victim].process.signal_now(Signal::STOP);
                frozen[victim] = true;
            }
            (false, _) => {
                fleet[victim].process.kill();
                fleet[victim] = Daemon::start(&world.setup).await;
            }
        }
    }
    for (daemon, asleep) in fleet.iter().zip(frozen) {
        if asleep {
            daemon.process.signal_now(Signal::CONT);
        }
    }
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    fleet[0].client.wait_until_final(&ids, SETTLE_LIMIT).await;
    world.ledger.faults(json!({})).await;
    world.ledger.pass(14).await;
    world.audit().each_once(&fleet[0].client, &posted).await;
}
