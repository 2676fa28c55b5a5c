//! What the engine says of itself, for readiness, metrics and people.

use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::attempt::Head;

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

#[derive(Clone, Debug)]
struct Inner {
    phase: Phase,
    head: Option<Head>,
    in_flight: usize,
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
        let is = |halted: bool| f64::from(u8::from(halted));
        metrics::gauge!("submitter_engine_running").set(is(phase == Phase::Running));
        metrics::gauge!("submitter_engine_halted").set(is(matches!(phase, Phase::Halted(_))));
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
