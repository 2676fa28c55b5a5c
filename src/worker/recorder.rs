//! Putting on record what has ended and what was answered, beside the engine.

use std::collections::HashSet;

use uuid::Uuid;

use super::records::Records;
use crate::domain::transition::IntentEnd;
use crate::store::StoreError;
use crate::store::attempts::NewSubmission;
use crate::store::settle::NewSettlement;

/// What became of a batch of settlements.
#[derive(Debug)]
pub(super) struct Recorded {
    /// The life of the worker that asked.
    pub worker: Uuid,
    /// Attempts that are no longer this worker's: settled, or lost to another.
    pub ended: Vec<(Uuid, u32)>,
    /// Attempts whose settlement is still to be put on record.
    pub kept: Vec<(Uuid, u32)>,
}

/// Puts settlements on record.
pub(super) async fn settle(
    store: &dyn Records,
    worker: Uuid,
    batch: Vec<NewSettlement>,
) -> Recorded {
    let mut recorded = Recorded {
        worker,
        ended: Vec::new(),
        kept: Vec::new(),
    };
    match store.settle(worker, &batch).await {
        Ok(done) => {
            count(&batch, &done);
            if done.len() < batch.len() {
                tracing::warn!(
                    lost = batch.len() - done.len(),
                    "some settlements are no longer ours to make"
                );
            }
            recorded.ended = batch.iter().map(attempt).collect();
        }
        // One that is refused must not hold up the others.
        Err(StoreError::Refused(error)) if batch.len() > 1 => {
            tracing::error!(%error, settlements = batch.len(), "a batch of settlements was refused; each is tried alone");
            for new in &batch {
                settle_one(store, new, &mut recorded).await;
            }
        }
        Err(error) => {
            if matches!(error, StoreError::Refused(_)) {
                refused(&error);
            }
            tracing::warn!(%error, settlements = batch.len(), "settlements could not be put on record; they are kept");
            recorded.kept = batch.iter().map(attempt).collect();
        }
    }
    recorded
}

async fn settle_one(store: &dyn Records, new: &NewSettlement, recorded: &mut Recorded) {
    let batch = std::slice::from_ref(new);
    match store.settle(recorded.worker, batch).await {
        Ok(done) => {
            count(batch, &done);
            recorded.ended.push(attempt(new));
        }
        Err(error) => {
            tracing::warn!(intent = %new.intent_id, "its settlement is not on record");
            refused(&error);
            recorded.kept.push(attempt(new));
        }
    }
}

/// The database will not have it: a person must look why.
fn refused(error: &StoreError) {
    tracing::error!(%error, "a settlement could not be put on record; it is kept");
    metrics::counter!("submitter_settlements_refused_total").increment(1);
}

const fn attempt(new: &NewSettlement) -> (Uuid, u32) {
    (new.intent_id, new.number)
}

/// Puts answers on record; returns those that are to be tried again.
pub(super) async fn note(store: &dyn Records, batch: Vec<NewSubmission>) -> Vec<NewSubmission> {
    match store.record_submissions(&batch).await {
        Ok(()) => Vec::new(),
        Err(StoreError::Away(error)) => {
            tracing::warn!(%error, "answers could not be put on record; they are kept");
            batch
        }
        Err(error) => {
            tracing::error!(%error, answers = batch.len(), "answers cannot be put on record; they are dropped");
            Vec::new()
        }
    }
}

fn count(batch: &[NewSettlement], done: &[Uuid]) {
    let done: HashSet<&Uuid> = done.iter().collect();
    for new in batch {
        if !done.contains(&new.intent_id) {
            continue;
        }
        let end = match new.settlement.intent {
            IntentEnd::Succeeded => "succeeded",
            IntentEnd::Failed(_) => "failed",
            IntentEnd::Expired => "expired",
            IntentEnd::Canceled => "canceled",
            IntentEnd::Parked { .. } => "parked",
            IntentEnd::Requeued => "requeued",
        };
        metrics::counter!("submitter_settlements_total", "end" => end).increment(1);
    }
}
