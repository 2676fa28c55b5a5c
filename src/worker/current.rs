//! Whether what a Horizon shows is of now. Where the records do not explain the chain, whoever shows an old state hides what an
//! earlier life has done since.

use std::sync::Arc;

use super::accounts::LAG_LEDGERS;
use super::engine::Engine;
use super::engine::start::Start;
use crate::clock::Clock;
use crate::domain::observation::LedgerHeader;

/// How long ago the newest ledger may have closed by this machine's clock, in seconds: as long as that many ledgers take.
const MAX_AGE_SECONDS: i64 = LAG_LEDGERS as i64 * 5;

impl Engine {
    /// The same engine, which takes the time of day from this clock.
    #[must_use]
    pub fn timed_by(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Refuses a ledger that is much older than what any Horizon has shown to this engine before.
    pub(super) fn check_progress(&mut self, newest: LedgerHeader) -> Result<(), Start> {
        let seen = self.newest.unwrap_or(newest);
        // A network that begins anew has low numbers and late times; whether it is ours is for others to say.
        let is_same = newest.closed_at <= seen.closed_at;
        if is_same && newest.sequence.plus(LAG_LEDGERS) < seen.sequence {
            return Err(Start::Wait(format!(
                "Horizon shows ledger {} as its newest, but ledger {} was seen before",
                newest.sequence, seen.sequence
            )));
        }
        let is_ahead = !is_same || newest.sequence > seen.sequence;
        self.newest = Some(if is_ahead { newest } else { seen });
        Ok(())
    }

    /// Refuses a newest ledger that closed long ago by the clock of this machine; returns how many ledgers may have closed since:
    /// each closes at a later second than the one before it. A clock that is wrong makes it wait, too: that it is right is never a
    /// proof, but there is nothing else by which a Horizon that stands still alone can be told.
    pub(super) fn check_age(&self, newest: &LedgerHeader) -> Result<u32, Start> {
        let closed = i64::try_from(newest.closed_at.0).unwrap_or(i64::MAX);
        let age = self.clock.now().unix_timestamp().saturating_sub(closed);
        if age <= MAX_AGE_SECONDS {
            return Ok(u32::try_from(age).unwrap_or(0));
        }
        Err(Start::Wait(format!(
            "the newest ledger that Horizon shows, {}, closed {age} s ago: it is behind, the network stands still, or the clock of \
             this machine is wrong; the records do not explain what is on the chain, and nothing begins on an old state",
            newest.sequence
        )))
    }
}
