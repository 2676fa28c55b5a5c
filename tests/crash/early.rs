//! Kills before the daemon is ready for the first time: while it migrates, and while it makes its channels.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::world::{self, Daemon, World, account, payment};

/// How long everything may take to become final, once nobody is killed any more.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
/// Kills before the daemon is ready for the first time.
const EARLY_KILLS: u32 = 12;
/// The longest of these lives, in milliseconds: migration, making of channels, first work.
const LONGEST_EARLY_LIFE_MS: u64 = 1_500;

#[tokio::test(flavor = "multi_thread")]
async fn kills_while_it_migrates_and_makes_its_channels_do_no_harm() {
    let seed = crate::seed();
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
