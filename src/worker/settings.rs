//! How the engine works: every limit with its unit.

use std::time::Duration;

use crate::domain::attempt::Terms;
use crate::domain::fee::{FeeCap, Percentile};
use crate::domain::intent::Request;
use crate::domain::primitives::{AccountId, Stroops};

/// How envelopes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitMode {
    /// `POST /transactions_async`: into core's queue.
    Async,
    /// `POST /transactions`: the answer waits for a ledger.
    Sync,
}

/// Who pays fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeePayer {
    /// The channel, out of its own lumens, in a plain envelope.
    Channel,
    /// The fee account, always in a fee bump.
    FeeAccount,
}

/// How the engine works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Names this process in the table of workers.
    pub name: String,
    /// The account whose funds move.
    pub source: AccountId,
    /// The account that pays for fee bumps.
    pub fee_account: AccountId,
    /// Who pays fees.
    pub payer: FeePayer,
    /// How envelopes are sent.
    pub submit: SubmitMode,
    /// Ledgers for which an attempt may land.
    pub validity_ledgers: u32,
    /// Ledgers from a send that was taken to the next look-up.
    pub resubmit_after: u32,
    /// Intents that are taken up in one transaction.
    pub batch: u32,
    /// Intents in flight at once.
    pub max_in_flight: usize,
    /// POSTs at once.
    pub concurrent_posts: usize,
    /// Look-ups and proofs at once.
    pub concurrent_reads: usize,
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// How often the records are looked at, whatever is announced.
    pub poll: Duration,
    /// How often a ledger that is due is asked for.
    pub ledger_poll: Duration,
    /// How long a drain waits for answers to what was sent.
    pub drain: Duration,
    /// The most that may be bid, in stroops an operation, where the intent says nothing.
    pub fee_cap: Stroops,
    /// What the first bid should beat while ledgers are full.
    pub percentile: Percentile,
    /// Channels to keep open.
    pub channels: u32,
    /// Lumens that a new channel gets.
    pub channel_starting_balance: Stroops,
    /// A channel with less than this to spend is topped up.
    pub channel_top_up_below: Stroops,
    /// Whether the source stops, too, where somebody else uses its sequence numbers.
    pub pause_source: bool,
}

/// Seconds that a ledger may take at most, for the time bound beside the ledger bound.
const SLOWEST_LEDGER_SECONDS: u64 = 10;
/// Seconds added to it: core looks a little ahead, and clocks differ.
const TIME_BOUND_MARGIN_SECONDS: u64 = 60;

impl Settings {
    /// How an intent's attempt is driven.
    #[must_use]
    pub fn terms(&self, request: &Request, parked_times: u32) -> Terms {
        Terms {
            cancel_requested: false,
            valid_until: request.valid_until,
            on_state_error: request.on_state_error,
            cap: FeeCap(request.max_fee_per_operation.unwrap_or(self.fee_cap)),
            parked_times,
        }
    }

    /// Seconds after the head's close time for which an attempt may land by its time bound.
    #[must_use]
    pub const fn validity_seconds(&self) -> u64 {
        self.validity_ledgers as u64 * SLOWEST_LEDGER_SECONDS + TIME_BOUND_MARGIN_SECONDS
    }
}
