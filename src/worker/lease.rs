//! Keeping the lease: renewed once for the whole worker, well before it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::engine::Input;
use super::records::Records;
use crate::store::StoreError;

/// Renewals within one lease: two may fail.
const RENEWALS_PER_LEASE: u32 = 3;

/// Renews until the lease is lost or the engine is gone.
pub(super) async fn keep(
    store: Arc<dyn Records>,
    worker: Uuid,
    lease: Duration,
    engine: mpsc::Sender<Input>,
) {
    let mut ticks = tokio::time::interval(lease / RENEWALS_PER_LEASE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {}
            () = engine.closed() => return,
        }
        match store.renew_lease(worker, lease.as_secs_f64()).await {
            Ok(()) => {}
            Err(StoreError::LeaseLost(_)) => {
                let _ = engine.send(Input::LeaseLost(worker)).await;
                return;
            }
            Err(error) => tracing::warn!(%error, "the lease could not be renewed"),
        }
    }
}
