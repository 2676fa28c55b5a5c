//! Whether the daemon can do its work.

use std::sync::Arc;

use crate::api;
use crate::clock::Clock;
use crate::worker::{Phase, Status};

/// Seconds without a new ledger after which the daemon is not ready.
const STALE_LEDGER_SECONDS: i64 = 60;

/// What readiness is made of, besides the database.
#[derive(Debug)]
pub(super) struct Readiness {
    pub(super) status: Status,
    pub(super) clock: Arc<dyn Clock>,
}

impl api::Probe for Readiness {
    fn readiness(&self) -> Vec<api::Check> {
        let (ok, detail) = match self.status.phase() {
            Phase::Running => (true, "running".to_owned()),
            Phase::Starting(what) => (false, what),
            Phase::Draining => (false, "draining".to_owned()),
            Phase::Halted(why) => (false, why),
        };
        let engine = api::Check {
            name: "engine".to_owned(),
            ok,
            detail,
        };
        let age = self.status.head().map(|head| {
            let closed_at = i64::try_from(head.closed_at.0).unwrap_or(i64::MAX);
            (head.ledger, self.clock.now().unix_timestamp() - closed_at)
        });
        let horizon = match age {
            None => api::Check {
                name: "horizon".to_owned(),
                ok: false,
                detail: "no ledger is known yet".to_owned(),
            },
            Some((ledger, age)) => api::Check {
                name: "horizon".to_owned(),
                ok: age <= STALE_LEDGER_SECONDS,
                detail: format!("ledger {ledger}, closed {age} s ago"),
            },
        };
        vec![engine, horizon]
    }
}
