//! Whatever fails at any moment, nothing lands twice, nothing accepted is lost, and nothing is told that is not so.
//!
//! Daemons, PostgreSQL and the ledger are processes, and between them are proxies. Everything that strikes them is drawn from a seed, which is printed.
//! `CRASH_SEED` draws the same again; the processes themselves run as they like. `CRASH_KILLS` says how many blows fall, 200 where nothing is said:
//!
//! ```text
//! CRASH_KILLS=10000 cargo test --test crash -- --nocapture whatever_fails
//! ```
//!
//! The ledger alone is the judge. It is never killed: it lives in memory, and another ledger is another network.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod blow;
mod cluster;
mod disk;
mod early;
mod fleet;
mod half_open;
mod proxy;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
#[path = "../world/mod.rs"]
mod world;

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use blow::{Blow, Kind};
use fleet::Errors;
use site::Tally;

/// Blows of a run where nothing else is said.
const KILLS: u64 = 200;
/// Worlds that live beside each other.
const WORLDS: usize = 4;

/// Errors that nothing which happens here excuses. What is away comes back; what is refused, or answered 500, is a mistake of ours or an error that we take
/// for one.
const MISTAKES: [&str; 2] = ["the database refused", "a request failed"];

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect(name))
}

/// The seed of this run.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = number("CRASH_SEED").unwrap_or(u64::from(now.subsec_nanos()));
        println!("CRASH_SEED={seed}");
        seed
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nobody_is_paid_twice_and_nothing_is_lost() {
    let kills = usize::try_from(number("CRASH_KILLS").unwrap_or(KILLS)).unwrap();
    let least = blow::least();
    assert!(
        kills >= least,
        "CRASH_KILLS must be {least} or more, for each kind to come"
    );
    let (seed, begun) = (seed(), Instant::now());
    println!("CRASH_KILLS={kills}");
    let blows = blow::draw(seed, kills);
    let worlds = (0..WORLDS).map(|world| {
        let mine: Vec<Blow> = blows.iter().skip(world).step_by(WORLDS).copied().collect();
        let seed = seed.wrapping_add(world as u64);
        let here = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || here.block_on(site::live(seed, mine)))
    });
    let worlds: Vec<_> = worlds.collect();
    let mut tally = Tally::new();
    let mut errors = Errors::new();
    for (number, world) in worlds.into_iter().enumerate() {
        let outcome = world.await.unwrap();
        println!(
            "world {number}: {:?}, {} of them built more than once, settled in {:.1?}",
            outcome.ends, outcome.rebuilt, outcome.settled_in
        );
        for (error, count) in outcome.errors {
            *errors.entry(error).or_default() += count;
        }
        for (kind, count) in outcome.tally {
            *tally.entry(kind).or_default() += count;
        }
    }
    println!("errors that daemons told of:");
    for (error, count) in &errors {
        println!("  {count} times {error}");
        for mistake in MISTAKES {
            assert!(!error.contains(mistake), "{error}");
        }
    }
    println!(
        "{kills} blows in {:.0?}; what came of them:",
        begun.elapsed()
    );
    for kind in Kind::all() {
        let struck = blows.iter().filter(|blow| blow.kind == kind).count();
        let happened = tally.get(&kind).copied().unwrap_or(0);
        println!("  {kind:?}: struck {struck} times, happened {happened} times");
        let skipped = kind == Kind::DiskFull && !disk::may_be_mounted();
        assert!(
            happened > 0 || skipped,
            "{kind:?} never happened: nothing was tested of it"
        );
    }
}
