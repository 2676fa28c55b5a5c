//! The database is lost in the middle of it, and everybody posts everything again: nobody is paid twice, nothing is lost.
//!
//! Ledger, daemons and PostgreSQL are processes. The seed draws which requests go wrong, the order in which everything is
//! posted and how what is lost comes back; it is printed. `DRILL_SEED` draws the same again, `DRILL_INTENTS` says how
//! many intents there are, and `DRILL_HARSH` by how much more goes wrong:
//!
//! ```text
//! DRILL_HARSH=3 DRILL_INTENTS=10000 cargo test --test drills -- --nocapture
//! ```
//!
//! The ledger alone is the judge.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod cluster;
mod crew;
mod lost;
mod orders;
mod outage;
mod programs;
#[path = "../crash/proxy.rs"]
#[allow(dead_code, reason = "the drills use a part of it")]
mod proxy;
mod rival;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod swapped;
mod verdict;
#[path = "../world/mod.rs"]
mod world;

use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Intents of a drill where nothing else is said.
const INTENTS: u32 = 2_000;

fn given<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().ok().expect("a number"))
}

/// The seed of this run.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = given("DRILL_SEED").unwrap_or(u64::from(now.subsec_nanos()));
        println!("DRILL_SEED={seed}");
        seed
    })
}

/// Intents of a drill.
fn intents() -> u32 {
    given("DRILL_INTENTS").unwrap_or(INTENTS)
}

/// By how much more goes wrong than usual.
fn harsh() -> f64 {
    given("DRILL_HARSH").unwrap_or(1.0)
}
