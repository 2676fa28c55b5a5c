//! What runs beside the engine and the API.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::api;
use crate::store::Store;
use crate::worker::Waker;

/// Between two tries to hear announcements.
const LISTEN_RETRY: Duration = Duration::from_secs(2);
/// Between two purges of expired idempotency keys.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// Between two updates of the gauges.
const GAUGES_EVERY: Duration = Duration::from_secs(5);

/// Ends when it is told to stop.
pub(super) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
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
    let mut ticks = tokio::time::interval(PURGE_EVERY);
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut stop => return,
        }
        match api::purge_expired_keys(&store).await {
            Ok(purged) => tracing::debug!(?purged, "expired idempotency keys are purged"),
            Err(error) => tracing::warn!(%error, "expired idempotency keys could not be purged"),
        }
        if let Err(error) = store.forget_workers().await {
            tracing::warn!(%error, "old workers could not be forgotten");
        }
    }
}

/// Counts what is open, for metrics.
pub(super) async fn gauges(
    store: Store,
    metrics: Option<PrometheusHandle>,
    stopped: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(GAUGES_EVERY);
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut stop => return,
        }
        // Without it histograms grow while nobody reads them.
        if let Some(metrics) = &metrics {
            metrics.run_upkeep();
        }
        if let Ok(counts) = store.open_counts().await {
            for (status, count) in counts {
                metrics::gauge!("submitter_open_intents", "status" => status).set(count as f64);
            }
        }
    }
}
