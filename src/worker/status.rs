//! What the engine says of itself, for readiness, metrics and people.

use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::attempt::Head;
use crate::domain::observation::TransactionPage;
use crate::domain::primitives::{AccountId, LedgerSeq};

/// Transactions between two lines in the log.
const LOG_EVERY: u64 = 10_000;

/// What the engine is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for something that it needs, and says what.
    Starting(String),
    /// It works.
    Running,
    /// It sends nothing more and waits for answers.
    Draining,
    /// It has stopped for a reason that a person must look at: no proof is good any more.
    Halted(String),
}

/// How far an account's history is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whose.
    pub account: AccountId,
    /// Transactions that were read.
    pub transactions: u64,
    /// The ledger of the first and of the last that was.
    pub ledgers: Option<(LedgerSeq, LedgerSeq)>,
    /// The ledger with which it is all read.
    pub to: LedgerSeq,
    /// Those of ours that were not on record.
    pub unknown: u64,
}

impl Reading {
    /// Nothing yet.
    pub(super) const fn of(account: AccountId, to: LedgerSeq) -> Self {
        Self {
            account,
            transactions: 0,
            ledgers: None,
            to,
            unknown: 0,
        }
    }

    /// A page was read.
    pub(super) fn read(&mut self, page: &TransactionPage) {
        let before = self.transactions / LOG_EVERY;
        self.transactions += u64::from(page.records);
        if let (Some(first), Some(last)) = (page.transactions.first(), page.transactions.last()) {
            let begun = self.ledgers.map_or(first.ledger, |(first, _)| first);
            self.ledgers = Some((begun, last.ledger));
        }
        if self.transactions / LOG_EVERY > before {
            let at = self.ledgers.map_or(0, |(_, at)| at.0);
            tracing::info!(account = %self.account, read = self.transactions, ledger = at, to = self.to.0, unknown = self.unknown, "the account's history is read");
        }
    }

    /// Ledgers that are behind it, and all that there are.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let Some((first, at)) = self.ledgers else {
            return (0, 1);
        };
        let all = first.0.abs_diff(self.to.0).max(1);
        let done = first.0.abs_diff(at.0).min(all);
        (u64::from(done), u64::from(all))
    }
}

#[derive(Clone, Debug)]
struct Inner {
    phase: Phase,
    head: Option<Head>,
    in_flight: usize,
    reading: Option<Reading>,
}

/// The engine's state, shared.
#[derive(Clone, Debug)]
pub struct Status(Arc<RwLock<Inner>>);

impl Default for Status {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Inner {
            phase: Phase::Starting("the engine has not begun".to_owned()),
            head: None,
            in_flight: 0,
            reading: None,
        })))
    }
}

impl Status {
    fn write(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// What it is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .phase
            .clone()
    }

    /// The newest ledger that it knows.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).head
    }

    /// How many intents it drives.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .in_flight
    }

    /// What history is read now, and how far.
    #[must_use]
    pub fn reading(&self) -> Option<Reading> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .reading
            .clone()
    }

    pub(super) fn set_reading(&self, reading: Option<&Reading>) {
        self.write(|inner| inner.reading = reading.cloned());
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        let before = self.phase();
        if before == phase {
            return;
        }
        match &phase {
            // The same reason at a later ledger is no news.
            Phase::Starting(what) if is_like(&before, what) => {
                tracing::debug!(waiting_for = %what, "the engine is not ready yet");
            }
            Phase::Starting(what) => {
                tracing::info!(waiting_for = %what, "the engine is not ready yet")
            }
            Phase::Running => tracing::info!("the engine runs"),
            Phase::Draining => tracing::info!("the engine drains"),
            Phase::Halted(why) => tracing::error!(reason = %why, "the engine has halted"),
        }
        self.write(|inner| inner.phase = phase);
    }

    pub(super) fn set_head(&self, head: Head) {
        self.write(|inner| inner.head = Some(head));
        metrics::gauge!("submitter_ledger_head").set(f64::from(head.ledger.0));
    }

    pub(super) fn set_in_flight(&self, count: usize) {
        self.write(|inner| inner.in_flight = count);
        metrics::gauge!("submitter_in_flight").set(count as f64);
    }
}

/// Whether a phase before had the same reason, but for its numbers.
fn is_like(before: &Phase, what: &str) -> bool {
    let words = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "");
    matches!(before, Phase::Starting(other) if words(other) == words(what))
}
