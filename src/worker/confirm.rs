//! Following the ledger: each closed ledger is read once and settles everything in flight that it holds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::engine::Input;
use super::flight::Watched;
use super::scan;
use crate::domain::observation::{Landed, LedgerHeader, Unknown};
use crate::domain::primitives::LedgerSeq;
use crate::horizon::{Endpoint, Horizon};

/// Ledgers behind the newest from which on we jump to it: what landed between is found by look-ups.
const CATCH_UP_LEDGERS: u32 = 50;
/// Ledgers after which we ask for the newest: whoever reads more slowly than they close falls behind for ever.
const LEDGERS_BEFORE_JUMP: u32 = 20;
/// Ledgers behind the newest from which on we jump to it then: by an older one no death is proven.
const FAR_BEHIND_LEDGERS: u32 = 20;
/// Misses of a due ledger after which we ask for the newest.
const MISSES_BEFORE_JUMP: u32 = 20;

/// Share of a ledger's time after which the next one is first asked for.
const EARLY_SHARE: f64 = 0.6;
/// Seconds that are waited at most before a ledger is asked for.
const MAX_WAIT_SECONDS: f64 = 5.0;

/// A ledger that has closed.
#[derive(Debug)]
pub struct ClosedLedger {
    /// Its header.
    pub header: LedgerHeader,
    /// What it holds of what is in flight. `None`: it was not read, because looking hashes up costs less, or it failed.
    pub landed: Option<Vec<(Uuid, Landed)>>,
}

/// Follows the ledger from `from` on, until the engine is gone.
pub(super) async fn follow(
    horizon: Arc<Horizon>,
    watched: Watched,
    from: LedgerHeader,
    poll: Duration,
    engine: mpsc::Sender<Input>,
) {
    let mut last = from;
    let (mut misses, mut read) = (0, 0);
    let mut pace = LedgerPace::default();
    loop {
        tokio::time::sleep_until(pace.due).await;
        let asked = horizon.any();
        match next_header(&horizon, asked, &last, &mut misses, &mut read).await {
            Ok(Some((endpoint, header))) if header.sequence < last.sequence => {
                let why = reset_by_time(endpoint, &header, last.sequence);
                let _ = engine.send(Input::NetworkReset(why)).await;
                return;
            }
            Ok(Some((endpoint, header))) => {
                // Only who has waited for a ledger knows that it is the newest.
                let at_tip = std::mem::take(&mut misses) > 0;
                let follows = header.sequence == last.sequence.plus(1);
                if follows && header.previous != last.hash {
                    let why = format!(
                        "ledger {} does not follow on the ledger {} that was seen before: the network was reset, or {} serves another",
                        header.sequence,
                        last.sequence,
                        endpoint.name()
                    );
                    let _ = engine.send(Input::NetworkReset(why)).await;
                    return;
                }
                read += 1;
                if at_tip {
                    pace.closed(&last, &header);
                }
                last = header;
                let landed = scan::read(endpoint, &header, &watched).await;
                if engine
                    .send(Input::Ledger(ClosedLedger { header, landed }))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Ok(None) => tokio::time::sleep(poll).await,
            Err(unknown) => {
                tracing::debug!(endpoint = asked.name(), detail = %unknown.detail, "no ledger header");
                let pause = unknown.retry_after.unwrap_or(poll).max(poll);
                tokio::time::sleep(pause).await;
            }
        }
        if engine.is_closed() {
            return;
        }
    }
}

/// When the next ledger is due: asking much earlier only costs requests.
struct LedgerPace {
    due: Instant,
}

impl Default for LedgerPace {
    fn default() -> Self {
        Self {
            due: Instant::now(),
        }
    }
}

impl LedgerPace {
    /// Waits for the larger part of the time that the last ledger took, by the chain's own clock.
    fn closed(&mut self, before: &LedgerHeader, header: &LedgerHeader) {
        let ledgers = u64::from(header.sequence.0.saturating_sub(before.sequence.0)).max(1);
        let seconds = header.closed_at.0.saturating_sub(before.closed_at.0) / ledgers;
        // Close times are whole seconds: below two they say little, and the poll alone sets the pace.
        let wait = if seconds < 2 {
            0.0
        } else {
            (seconds as f64 * EARLY_SHARE).min(MAX_WAIT_SECONDS)
        };
        self.due = Instant::now() + Duration::from_secs_f64(wait);
    }
}

/// How a network betrays that it was reset before it has come as far as it was.
pub(super) fn reset_by_time(endpoint: &Endpoint, newest: &LedgerHeader, seen: LedgerSeq) -> String {
    format!(
        "the newest ledger of {} is {}, but ledger {seen} was seen before and closed earlier: the network was reset, and no proof about it is good any more",
        endpoint.name(),
        newest.sequence
    )
}

/// The ledger after `last`; or the newest where we are far behind, or where it has a lower number and closed later, which
/// no chain of `last` can have.
async fn next_header<'a>(
    horizon: &'a Horizon,
    asked: &'a Endpoint,
    last: &LedgerHeader,
    misses: &mut u32,
    read: &mut u32,
) -> Result<Option<(&'a Endpoint, LedgerHeader)>, Unknown> {
    let has_read = *read >= LEDGERS_BEFORE_JUMP;
    let has_missed = *misses >= MISSES_BEFORE_JUMP;
    if has_read || has_missed {
        *read = 0;
        if has_missed {
            *misses = 0;
        }
        let far = if has_read {
            FAR_BEHIND_LEDGERS
        } else {
            CATCH_UP_LEDGERS
        };
        let telling = |newest: &LedgerHeader| {
            newest.sequence > last.sequence.plus(far)
                || newest.sequence < last.sequence && newest.closed_at > last.closed_at
        };
        // One of several may stand still, or not answer; whoever has come as far as we have tells.
        for endpoint in horizon.beginning_with(asked) {
            match endpoint.latest_ledger().await {
                Ok(Some(newest)) if telling(&newest) => return Ok(Some((endpoint, newest))),
                Ok(Some(newest)) if newest.sequence >= last.sequence => break,
                Ok(_) | Err(_) => {}
            }
        }
    }
    let header = asked.ledger(last.sequence.plus(1)).await;
    if !matches!(header, Ok(Some(_))) {
        *misses += 1;
    }
    header.map(|header| header.map(|header| (asked, header)))
}
