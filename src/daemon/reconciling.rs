//! The comparison of records and chain, from time to time: by one daemon of all that share a database.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::tasks::Ticks;
use crate::audit::reconcile::{Begin, Begun, Question, Report, Status as Outcome, reconcile_once};
use crate::clock::{Clock as _, SystemClock};
use crate::config::ReconcileConfig;
use crate::domain::primitives::AccountId;
use crate::horizon::Horizon;
use crate::store::Store;
use crate::worker::{Phase, Status};

/// Looks for whether one is due, at least.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Findings of one comparison that are logged one by one.
const MAX_LOGGED: usize = 20;

/// What it needs.
pub(super) struct Reconciler {
    pub(super) store: Store,
    pub(super) horizon: Arc<Horizon>,
    pub(super) status: Status,
    pub(super) passphrase: String,
    pub(super) source: AccountId,
    pub(super) fee_account: AccountId,
    pub(super) config: ReconcileConfig,
}

impl Reconciler {
    /// Compares whenever it is due, until it is told to stop.
    pub(super) async fn run(self, stopped: watch::Receiver<bool>) {
        let Some(interval) = self.config.interval else {
            return;
        };
        let begun = Instant::now();
        let mut ticks = Ticks::every(interval.min(LOOK_EVERY), stopped);
        while ticks.next().await {
            // Before that the records are known to be behind, and afterwards the chain is another one.
            if self.status.phase() == Phase::Running {
                self.look(interval, begun).await;
            }
        }
    }

    async fn look(&self, interval: Duration, begun: Instant) {
        // The first one waits: a start has enough to ask Horizon for.
        let due = match self.store.last_reconciliation().await {
            Ok(None) => begun.elapsed() >= interval,
            Ok(Some(last)) => last.age_seconds >= interval.as_secs_f64(),
            Err(error) => {
                tracing::warn!(%error, "whether the records are to be compared with the chain is not known");
                return;
            }
        };
        if !due {
            return;
        }
        let question = Question {
            passphrase: &self.passphrase,
            source: self.source,
            fee_account: self.fee_account,
            begin: Begin::Mark,
        };
        let now = Begun {
            at: SystemClock.now(),
            unless_within: Some(interval),
            keep: self.config.keep_runs,
        };
        let endpoint = self.horizon.any();
        match reconcile_once(endpoint, &self.store, question, now, &|_| {}).await {
            Ok(Some(report)) => tell(&report),
            Ok(None) => {}
            Err(error) => {
                metrics::counter!("submitter_reconciliation_failures_total").increment(1);
                tracing::warn!(%error, "the records could not be compared with the chain; it is tried again");
            }
        }
    }
}

/// Says what it came to, in the log and in metrics.
fn tell(report: &Report) {
    for (kind, count) in &report.by_kind {
        metrics::counter!("submitter_reconciliation_findings_total", "kind" => *kind)
            .increment(*count);
    }
    let (from, to) = (report.from_ledger, report.to_ledger);
    match report.status {
        Outcome::Clean => {
            let (matched, pending) = (report.matched, report.pending);
            tracing::info!(%from, %to, matched, pending, "records and chain agree");
        }
        Outcome::Incomplete => {
            let why = report.incomplete.join("; ");
            tracing::warn!(%from, %to, why, "records and chain could not be compared completely");
        }
        Outcome::Findings => {
            let findings = report.findings.count;
            tracing::error!(%from, %to, findings, "records and chain differ");
            for finding in report.findings.items.iter().take(MAX_LOGGED) {
                tracing::error!(kind = finding.kind, detail = %finding.detail, "records and chain differ in this");
            }
        }
    }
}
