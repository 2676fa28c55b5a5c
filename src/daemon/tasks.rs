//! What runs beside the engine and the API.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio::time::Interval;

use crate::api;
use crate::audit::reconcile::KINDS;
use crate::store::{Store, StoreError};
use crate::worker::Waker;

/// Between two tries to hear announcements.
const LISTEN_RETRY: Duration = Duration::from_secs(2);
/// Between two purges of expired idempotency keys.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// Between two looks at the partitions.
const PARTITIONS_EVERY: Duration = Duration::from_secs(3600);
/// Between two updates of the gauges.
const GAUGES_EVERY: Duration = Duration::from_secs(5);

/// Ends when it is told to stop.
pub(super) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Comes at once, and then again and again until it is told to stop: never in the middle of what is done in between.
pub(super) struct Ticks {
    interval: Interval,
    stopped: watch::Receiver<bool>,
}

impl Ticks {
    pub(super) fn every(period: Duration, stopped: watch::Receiver<bool>) -> Self {
        Self {
            interval: tokio::time::interval(period),
            stopped,
        }
    }

    /// Waits for the next; `false` once there is none.
    pub(super) async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interval.tick() => true,
            () = until(self.stopped.clone()) => false,
        }
    }
}

/// Wakes the engine when new work is announced; polling finds it as well, only later.
pub(super) async fn listen(store: Store, waker: Waker, stopped: watch::Receiver<bool>) {
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        let mut wakes = match store.listen().await {
            Ok(wakes) => wakes,
            Err(error) => {
                tracing::warn!(%error, "announcements cannot be heard; new work is found by polling");
                tokio::select! {
                    () = tokio::time::sleep(LISTEN_RETRY) => continue,
                    () = &mut stop => return,
                }
            }
        };
        loop {
            tokio::select! {
                heard = wakes.next() => match heard {
                    Ok(()) => waker.wake(),
                    Err(error) => {
                        tracing::warn!(%error, "announcements are not heard any more");
                        tokio::time::sleep(LISTEN_RETRY).await;
                        break;
                    }
                },
                () = &mut stop => return,
            }
        }
    }
}

/// Forgets what has expired.
pub(super) async fn purge(store: Store, stopped: watch::Receiver<bool>) {
    let mut ticks = Ticks::every(PURGE_EVERY, stopped);
    while ticks.next().await {
        match api::purge_expired_keys(&store).await {
            Ok(purged) => tracing::debug!(?purged, "expired idempotency keys are purged"),
            Err(error) => tracing::warn!(%error, "expired idempotency keys could not be purged"),
        }
        if let Err(error) = store.forget_workers().await {
            tracing::warn!(%error, "old workers could not be forgotten");
        }
    }
}

/// Makes partitions before their time, and drops those that are older than is asked for.
pub(super) async fn partitions(store: Store, days: Option<u32>, stopped: watch::Receiver<bool>) {
    let mut ticks = Ticks::every(PARTITIONS_EVERY, stopped);
    while ticks.next().await {
        match store.make_partitions().await {
            Ok(0) => {}
            Ok(made) => tracing::info!(made, "partitions of months are made"),
            Err(error) => {
                tracing::warn!(%error, "partitions could not be made; rows that need one go to the default one")
            }
        }
        let Some(days) = days else { continue };
        if let Err(error) = drop_older_than(&store, days).await {
            tracing::warn!(%error, "old events and submissions could not be dropped; they are tried again in an hour");
        }
    }
}

async fn drop_older_than(store: &Store, days: u32) -> Result<(), StoreError> {
    for partition in store.partitions_older_than(days).await? {
        if store.drop_partition(&partition).await? {
            let (name, bytes) = (&partition.name, partition.bytes);
            tracing::info!(partition = %name, bytes, "a month that is older than retention.events_days is dropped");
        }
    }
    Ok(())
}

/// Counts what is open, for metrics.
pub(super) async fn gauges(
    store: Store,
    metrics: Option<PrometheusHandle>,
    stopped: watch::Receiver<bool>,
) {
    let mut ticks = Ticks::every(GAUGES_EVERY, stopped);
    while ticks.next().await {
        // Without it histograms grow while nobody reads them.
        if let Some(metrics) = &metrics {
            metrics.run_upkeep();
        }
        let counted = count(&store).await;
        if let Err(error) = &counted {
            tracing::debug!(%error, "the gauges could not be brought up to date");
        }
        metrics::gauge!("submitter_database_up").set(f64::from(u8::from(counted.is_ok())));
    }
}

async fn count(store: &Store) -> Result<(), StoreError> {
    for (status, count) in store.open_counts().await? {
        metrics::gauge!("submitter_open_intents", "status" => status).set(count as f64);
    }
    for (kind, state, count) in store.channel_counts().await? {
        metrics::gauge!("submitter_channels", "kind" => kind, "state" => state).set(count as f64);
    }
    if let Some(state) = store.recovery_state().await? {
        metrics::gauge!("submitter_records_explained").set(f64::from(u8::from(state.explained)));
        let until = state.quarantine_until.map_or(0, |ledger| ledger.0);
        metrics::gauge!("submitter_quarantine_until_ledger").set(f64::from(until));
    }
    let Some(last) = store.last_reconciliation().await? else {
        return Ok(());
    };
    metrics::gauge!("submitter_reconciliation_age_seconds").set(last.age_seconds);
    metrics::gauge!("submitter_reconciliation_complete").set(f64::from(u8::from(last.complete)));
    if let Some(watermark) = last.watermark {
        metrics::gauge!("submitter_reconciliation_watermark_ledger").set(watermark as f64);
    }
    for kind in KINDS {
        let found = last.report["by_kind"][kind].as_u64().unwrap_or(0);
        metrics::gauge!("submitter_reconciliation_findings", "kind" => kind).set(found as f64);
    }
    Ok(())
}
