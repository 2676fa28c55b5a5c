//! What a sandbox is started with.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::clock::Clock;
use super::faults::Faults;
use super::ledger::genesis::{BASE_FEE_STROOPS, Genesis, MAX_TX_SET_OPERATIONS};
use super::rate_limit::RateLimit;

/// The network that a sandbox is when nothing is said.
pub const DEFAULT_PASSPHRASE: &str = "Standalone Network ; February 2017";
/// How long a POST waits before it is answered 504: Horizon's own, which cannot be set there.
const SUBMISSION_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests at once: Horizon's default.
const MAX_CONCURRENT_REQUESTS: usize = 1000;
/// Transactions of history kept when nothing is said: about 1 GB of them.
const HISTORY_TRANSACTIONS: usize = 1_000_000;
/// The shortest and the longest time between ledgers, in seconds.
const LEDGER_SECONDS: std::ops::RangeInclusive<f64> = 0.01..=3600.0;

/// When ledgers close.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each so many seconds.
    Every(Duration),
    /// When told to.
    Manual,
}

/// Why a number of seconds is no pace.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{0} is neither \"manual\" nor a number of seconds from 0.01 to 3600")]
pub struct PaceError(pub String);

impl Pace {
    /// From seconds, fractions allowed.
    pub fn from_seconds(seconds: f64) -> Result<Self, PaceError> {
        if LEDGER_SECONDS.contains(&seconds) {
            Ok(Self::Every(Duration::from_secs_f64(seconds)))
        } else {
            Err(PaceError(seconds.to_string()))
        }
    }
}

impl FromStr for Pace {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "manual" {
            return Ok(Self::Manual);
        }
        Self::from_seconds(text.parse().map_err(|_| PaceError(text.to_owned()))?)
    }
}

/// Settings of a sandbox; all but the first five are for tests that want an unusual Horizon.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 for any.
    pub listen: SocketAddr,
    /// Names the network.
    pub passphrase: String,
    /// When ledgers close.
    pub pace: Pace,
    /// The most operations a ledger.
    pub max_tx_set_size: u32,
    /// What goes wrong.
    pub faults: Faults,
    /// The minimum fee an operation, in stroops.
    pub base_fee: i64,
    /// Where the time comes from.
    pub clock: Clock,
    /// How long a POST waits for its ledger.
    pub submission_timeout: Duration,
    /// None for no limit.
    pub rate_limit: Option<RateLimit>,
    /// Ledgers of history kept; none for all of them.
    pub history_retention: Option<u32>,
    /// Transactions of history kept, in whole ledgers.
    pub history_transactions: usize,
    /// Horizon is always so many ledgers behind its core, besides what faults say.
    pub horizon_lag_ledgers: u32,
    /// Beyond so many ledgers behind, history is refused with 503; 0 for never.
    pub history_stale_threshold: u32,
    /// Beyond so many requests at once, 503.
    pub max_concurrent_requests: usize,
    /// The first ledger; none for a root account that owns everything.
    pub genesis: Option<Genesis>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            passphrase: DEFAULT_PASSPHRASE.to_owned(),
            pace: Pace::Every(Duration::from_secs(1)),
            max_tx_set_size: MAX_TX_SET_OPERATIONS,
            faults: Faults::default(),
            base_fee: BASE_FEE_STROOPS,
            clock: Clock::default(),
            submission_timeout: SUBMISSION_TIMEOUT,
            rate_limit: None,
            history_retention: None,
            history_transactions: HISTORY_TRANSACTIONS,
            horizon_lag_ledgers: 0,
            history_stale_threshold: 0,
            max_concurrent_requests: MAX_CONCURRENT_REQUESTS,
            genesis: None,
        }
    }
}
