//! A world for the daemon: a ledger, a database, daemons as processes, a client, and an auditor who believes only the ledger.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

pub mod audit;
pub mod daemon;
pub mod faults;
pub mod hand;
pub mod ledger;
pub mod relay;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stellar_submitter::domain::primitives::AccountId;
use stellar_submitter::signer::SecretKey;

pub use audit::Audit;
pub use daemon::{Daemon, Setup};
pub use ledger::Ledger;

use crate::support::{TestDatabase, empty_database};

/// The seed of every channel in the tests: SEP-5's first test vector.
pub const CHANNEL_SEED: &str =
    "illness spike retreat truth genius clock brain pass fit cave bargain toe";
/// Seconds between ledgers.
pub const LEDGER_SECONDS: &str = "0.25";
/// The longest that anything may take that needs a handful of ledgers.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often something is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A key of play money, the same in every run.
pub fn key(name: &str) -> SecretKey {
    use sha2::{Digest, Sha256};
    SecretKey::from_bytes(Sha256::digest(format!("test {name}").as_bytes()).into())
}

/// Its account.
pub fn account(name: &str) -> AccountId {
    key(name).account()
}

/// Looks until there is something; fails the test when there is nothing in time.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// A ledger, a database and what a daemon needs to know of both. The source account is not funded yet.
pub struct World {
    pub ledger: Ledger,
    pub database: TestDatabase,
    pub setup: Setup,
}

impl World {
    /// With flags for the ledger.
    pub async fn new(flags: &[&str]) -> Self {
        let (ledger, database) = tokio::join!(Ledger::start(flags), empty_database());
        let setup = Setup::new(&ledger, &database.url);
        Self {
            ledger,
            database,
            setup,
        }
    }

    /// With a funded source, so many channels, and a daemon that is ready.
    pub async fn ready(channels: u32) -> (Self, Daemon) {
        let mut world = Self::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
        world.ledger.fund(account("source")).await;
        world.setup.channels(channels);
        let daemon = Daemon::start_ready(&world.setup).await;
        (world, daemon)
    }

    /// An auditor of the source account.
    pub fn audit(&self) -> Audit<'_> {
        Audit::new(&self.ledger, account("source"))
    }
}

/// A payment that no other test intent equals: its amount says which it is.
pub fn payment(workflow: &str, to: AccountId, number: u32) -> Value {
    json!({
        "workflow_id": workflow,
        "operations": [{
            "type": "payment",
            "destination": to,
            "asset": "native",
            "amount": amount(number),
        }],
    })
}

/// 1 to 99,999 hundred-thousandths of a lumen.
pub fn amount(number: u32) -> String {
    assert!((1..100_000).contains(&number));
    format!("0.{number:05}")
}
