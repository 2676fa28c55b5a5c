//! Leases, and what is whose.

use time::OffsetDateTime;
use uuid::Uuid;

use super::data::{Intent, span};
use super::draft::Draft;
use super::state::State;
use crate::store::StoreError;
use crate::store::settle::OwnedIntent;

impl State {
    pub fn begin_lease(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        seconds: f64,
    ) -> Result<(), StoreError> {
        if self.data.workers.contains_key(&worker) {
            let what = format!("workers_pkey: {worker}");
            self.violations.push(what.clone());
            return Err(StoreError::refusal(what));
        }
        self.data.workers.insert(worker, now + span(seconds));
        Ok(())
    }

    pub fn renew_lease(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        seconds: f64,
    ) -> Result<(), StoreError> {
        match self.data.workers.get_mut(&worker) {
            Some(until) if *until > now => {
                *until = now + span(seconds);
                Ok(())
            }
            Some(_) | None => Err(StoreError::LeaseLost(worker)),
        }
    }

    pub fn end_lease(&mut self, now: OffsetDateTime, worker: Uuid) {
        if let Some(until) = self.data.workers.get_mut(&worker) {
            *until = (*until).min(now);
        }
    }

    pub fn take_over(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        limit: i64,
    ) -> Result<Vec<Uuid>, StoreError> {
        let mut draft = Draft::default();
        if self.data.is_alive(worker, now) {
            let orphaned = |intent: &&Intent| {
                intent
                    .owner
                    .is_some_and(|owner| owner != worker && !self.data.is_alive(owner, now))
            };
            let intents = self.data.intents.values().map(AsRef::as_ref);
            let orphans = intents
                .filter(orphaned)
                .filter(|intent| !self.holds_intent(intent.id));
            draft.intents = orphans.take(count(limit)).cloned().collect();
        }
        for intent in &mut draft.intents {
            intent.owner = Some(worker);
            intent.updated_at = now;
        }
        let taken = draft.intents.iter().map(|intent| intent.id).collect();
        self.put(draft)?;
        Ok(taken)
    }

    /// A worker's intents.
    fn owned(&self, worker: Uuid) -> impl Iterator<Item = &Intent> {
        let intents = self.data.intents.values().map(AsRef::as_ref);
        intents.filter(move |intent| intent.owner == Some(worker))
    }

    pub fn owned_ids(&self, worker: Uuid) -> Vec<Uuid> {
        self.owned(worker).map(|intent| intent.id).collect()
    }

    pub fn owned_intents(&self, worker: Uuid, intents: &[Uuid]) -> Vec<OwnedIntent> {
        let wanted = self
            .owned(worker)
            .filter(|intent| intents.contains(&intent.id));
        let owned = wanted.map(|intent| OwnedIntent {
            id: intent.id,
            tenant: intent.tenant.clone(),
            request: intent.request.as_deref().cloned(),
            cancel_requested: intent.cancel_requested,
            parked_times: intent.parked_times,
        });
        owned.collect()
    }

    pub fn canceled_intents(&self, worker: Uuid) -> Vec<Uuid> {
        let canceled = self
            .owned(worker)
            .filter(|intent| intent.cancel_requested && intent.finished_at.is_none());
        canceled.map(|intent| intent.id).collect()
    }
}

/// A limit as a number of rows.
pub(super) fn count(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(0)
}
