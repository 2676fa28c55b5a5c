//! Records and chain compared both ways, what stops, and what an operator says to it: our program as people run it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod alerts;
mod findings;
mod operator;
mod recovery;

#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;

use std::time::Duration;

use serde_json::Value;
use stellar_submitter::signer::{ChannelSeed, SecretKey};

use world::hand::Hand;
use world::{CHANNEL_SEED, Daemon, LEDGER_SECONDS, Setup, World, account};

/// The longest that a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// The key of a channel of the tests' seed.
pub fn channel(index: u32) -> SecretKey {
    ChannelSeed::parse(CHANNEL_SEED)
        .unwrap()
        .channel(index)
        .unwrap()
}

/// A world with so many channels, whose daemon compares nothing by itself.
pub async fn quiet(channels: u32) -> (World, Daemon) {
    quiet_with(channels, &[]).await
}

/// The same, with flags for the ledger.
pub async fn quiet_with(channels: u32, flags: &[&str]) -> (World, Daemon) {
    let flags = [&["--ledger-seconds", LEDGER_SECONDS], flags].concat();
    let mut world = World::new(&flags).await;
    world.setup.set("RECONCILE__INTERVAL_SECONDS", "0");
    world.setup.channels(channels);
    tokio::join!(
        world.ledger.fund(account("source")),
        world.ledger.fund(account("bob"))
    );
    let daemon = Daemon::start_ready(&world.setup).await;
    (world, daemon)
}

/// Runs a command with `--json`; returns its exit status, its answer and everything that it wrote.
pub fn run(setup: &Setup, args: &[&str]) -> (i32, Value, String) {
    let args = [args, &["--json"]].concat();
    let mut process = setup.spawn(&args);
    let status = process.wait(COMMAND_LIMIT);
    let log = process.log();
    let begin = log.find('{').unwrap_or(log.len());
    let begin = log.find('[').unwrap_or(log.len()).min(begin);
    let mut values = serde_json::Deserializer::from_str(&log[begin..]).into_iter::<Value>();
    let answer = values.next().and_then(Result::ok).unwrap_or_default();
    (status.code().unwrap(), answer, log)
}

/// Uses the next sequence number of a key's account by hand, for a payment of a stroop; returns the hash.
pub async fn by_hand(world: &World, key: SecretKey) -> String {
    let sequence = world.ledger.sequence(key.account()).await + 1;
    let hand = Hand::payment(key, sequence, account("bob"), 1);
    let (status, answer) = world.ledger.submit(&hand.envelope()).await;
    assert_eq!(status, 200, "{answer}");
    hand.hash()
}

/// A metric's value, by everything before it on its line.
pub async fn metric(daemon: &Daemon, name: &str) -> Option<f64> {
    let (status, text) = daemon.client.get("/metrics").await;
    assert_eq!(status, 200, "{text}");
    let text = text.as_str().unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}
