//! Taking observations in, and putting what they change on record.

use std::collections::HashSet;

use uuid::Uuid;

use super::super::reconcile::Gathered;
use super::super::submit::{Answered, answer_json};
use super::Engine;
use crate::domain::event::settlement_events;
use crate::domain::observation::{Landed, LookUp, SubmitAnswer, Unknown};
use crate::domain::result_code::TransactionMeaning;
use crate::domain::transition::{
    AttemptEnd, DeathProof, IntentEnd, Observed, Settlement, Transition, absorb,
};
use crate::store::StoreError;
use crate::store::attempts::NewSubmission;
use crate::store::settle::NewSettlement;

/// Answers that are kept in memory while the database is away; older ones are forgotten: they are for people only.
const MAX_UNRECORDED_SUBMISSIONS: usize = 50_000;
/// Rows of one statement.
const RECORD_BATCH: usize = 1_000;

impl Engine {
    pub(in crate::worker) fn answered(&mut self, intent: Uuid, number: u32, answered: Answered) {
        let Answered { hash, answer } = answered;
        if self.submissions.len() < MAX_UNRECORDED_SUBMISSIONS {
            let answer = answer_json(&answer);
            self.submissions.push(NewSubmission {
                intent_id: intent,
                number,
                hash,
                answer,
            });
        }
        if let SubmitAnswer::Refused(outcome) = &answer {
            tracing::debug!(%intent, %hash, code = outcome.code_name(), "a submission was refused, which proves nothing");
        }
        let short = matches!(&answer, SubmitAnswer::Refused(outcome)
            if outcome.meaning() == TransactionMeaning::FeeAccountShort);
        if short && let Some(flight) = self.flights.get(&intent) {
            let plan = flight.snapshot.attempt.plan;
            tracing::warn!(%intent, channel = %plan.channel, "the account that pays the fee is short of lumens");
            if flight.snapshot.attempt.bumps.is_empty() {
                self.short.push((plan.channel, plan.sequence));
            }
        }
        self.observe(intent, number, Observed::Answered(answer), true);
    }

    /// Tops up the channels that turned out short.
    pub(in crate::worker) async fn top_up_short(&mut self) {
        for (channel, sequence) in std::mem::take(&mut self.short) {
            if let Err(error) = self.top_up(channel, sequence).await {
                tracing::warn!(%channel, %error, "a top-up could not be asked for");
            }
        }
    }

    pub(in crate::worker) fn looked_up(&mut self, intent: Uuid, number: u32, found: LookUp) {
        self.observe(intent, number, Observed::LookedUp(found), true);
    }

    pub(in crate::worker) fn in_ledger(&mut self, intent: Uuid, landed: Landed) {
        let Some(flight) = self.flights.get(&intent) else {
            return;
        };
        let number = flight.snapshot.attempt.number;
        self.observe(intent, number, Observed::InLedger(Box::new(landed)), false);
    }

    pub(in crate::worker) async fn proved(
        &mut self,
        intent: Uuid,
        number: u32,
        gathered: Result<Gathered, Unknown>,
    ) {
        let (observed, foreign) = match gathered {
            Ok(gathered) => (
                Observed::Evidence(Box::new(gathered.evidence)),
                gathered.foreign,
            ),
            Err(unknown) => (Observed::LookedUp(LookUp::Unknown(unknown)), None),
        };
        let unexplained = self.observe(intent, number, observed, true);
        self.explain_foreign(intent, foreign).await;
        let Some(reason) = unexplained else { return };
        tracing::error!(%intent, detail = %reason.detail, "a used sequence number is unexplained: intent and channel stop");
        if let Err(error) = self
            .store
            .park_unexplained(self.worker, intent, &reason)
            .await
        {
            tracing::warn!(%intent, %error, "an intent could not be parked");
        }
    }

    /// A foreign transaction on a channel may be ours of an earlier life: what landed is read before anything is built
    /// again for this intent. Where that fails, the proof is gathered again.
    async fn explain_foreign(&mut self, intent: Uuid, landed: Option<Box<Landed>>) {
        let Some(flight) = self.flights.get_mut(&intent) else {
            return;
        };
        let foreign = flight.settled.as_ref().is_some_and(|settled| {
            matches!(
                settled.settlement.attempt,
                AttemptEnd::Dead(DeathProof::Foreign { .. })
            )
        });
        if !foreign {
            return;
        }
        if let Err(error) = self.read_foreign(landed).await {
            tracing::warn!(%intent, %error, "the history could not be read; the proof is gathered again");
            let next = self.head_now().map(|head| head.ledger.plus(1));
            if let (Some(flight), Some(next)) = (self.flights.get_mut(&intent), next) {
                flight.settled = None;
                flight.snapshot.progress.idle_until = next;
                self.settled.retain(|settled| *settled != intent);
            }
        }
    }

    async fn read_foreign(&self, landed: Option<Box<Landed>>) -> Result<(), String> {
        // The one that was seen is put on record itself: the history may come from a Horizon that lags.
        let seen: Vec<_> = landed
            .and_then(|landed| self.tagged(*landed))
            .into_iter()
            .collect();
        self.store
            .record_landings(&seen, None)
            .await
            .map_err(|error| error.to_string())?;
        self.read_history().await
    }

    /// Takes one observation in. Returns the reason where the sequence number stays unexplained.
    fn observe(
        &mut self,
        intent: Uuid,
        number: u32,
        observed: Observed,
        answers_action: bool,
    ) -> Option<crate::domain::reason::Reason> {
        let (head, pace) = (self.head_now()?, self.pace());
        let flight = self.flights.get_mut(&intent)?;
        if flight.snapshot.attempt.number != number {
            return None;
        }
        if answers_action {
            flight.busy = false;
        }
        if flight.settled.is_some() {
            return None;
        }
        match absorb(&mut flight.snapshot, observed, head, pace) {
            Ok(Transition::Learned) => None,
            Ok(Transition::Settled(settlement)) => {
                let events = settlement_events(number, &settlement);
                note(&flight.key.workflow_id, intent, &settlement);
                flight.settled = Some(Box::new(NewSettlement {
                    intent_id: intent,
                    number,
                    settlement: *settlement,
                    events,
                }));
                self.settled.push(intent);
                None
            }
            Ok(Transition::Unexplained(reason)) => Some(reason),
            Err(impossible) => {
                tracing::error!(%intent, workflow_id = %flight.key.workflow_id, error = %impossible, "an observation that cannot be; nothing is concluded from it");
                flight.snapshot.progress.idle_until = head.ledger.plus(1);
                None
            }
        }
    }

    /// Puts answers and settlements on record. Returns whether channels became free.
    pub(in crate::worker) async fn record(&mut self) -> bool {
        self.record_submissions().await;
        let settled = std::mem::take(&mut self.settled);
        let mut freed = false;
        for ids in settled.chunks(RECORD_BATCH) {
            let batch: Vec<NewSettlement> = ids
                .iter()
                .filter_map(|id| self.flights.get(id)?.settled.as_deref().cloned())
                .collect();
            match self.store.settle(self.worker, &batch).await {
                Ok(done) => {
                    count(&batch, &done);
                    if done.len() < ids.len() {
                        tracing::warn!(
                            lost = ids.len() - done.len(),
                            "some settlements are no longer ours to make"
                        );
                    }
                    freed = true;
                    // Those that were not done are no longer ours: whoever has them will settle them.
                    for id in ids {
                        self.drop_flight(*id);
                    }
                }
                // One that is refused must not hold up the others.
                Err(StoreError::Refused(error)) if ids.len() > 1 => {
                    tracing::error!(%error, settlements = ids.len(), "a batch of settlements was refused; each is tried alone");
                    freed |= self.record_each(&batch).await;
                }
                Err(error) => {
                    tracing::warn!(%error, settlements = batch.len(), "settlements could not be put on record; they are kept");
                    self.settled.extend_from_slice(ids);
                }
            }
        }
        freed
    }

    async fn record_each(&mut self, batch: &[NewSettlement]) -> bool {
        let mut freed = false;
        for new in batch {
            match self
                .store
                .settle(self.worker, std::slice::from_ref(new))
                .await
            {
                Ok(done) => {
                    count(std::slice::from_ref(new), &done);
                    self.drop_flight(new.intent_id);
                    freed = true;
                }
                Err(error) => {
                    tracing::error!(intent = %new.intent_id, %error, "a settlement could not be put on record; it is kept");
                    self.settled.push(new.intent_id);
                }
            }
        }
        freed
    }

    async fn record_submissions(&mut self) {
        while !self.submissions.is_empty() {
            let end = self.submissions.len().min(RECORD_BATCH);
            let done = self
                .store
                .record_submissions(&self.submissions[..end])
                .await;
            match done {
                Ok(()) => {
                    self.submissions.drain(..end);
                }
                Err(StoreError::Away(error)) => {
                    tracing::warn!(%error, "answers could not be put on record; they are kept");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "answers cannot be put on record; they are dropped");
                    self.submissions.drain(..end);
                }
            }
        }
    }

    /// Learns which intents were canceled.
    pub(in crate::worker) async fn note_cancellations(&mut self) {
        if self.flights.is_empty() {
            return;
        }
        match self.store.canceled_intents(self.worker).await {
            Ok(canceled) => {
                for intent in canceled {
                    if let Some(flight) = self.flights.get_mut(&intent) {
                        flight.snapshot.terms.cancel_requested = true;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cancellations could not be read"),
        }
    }
}

fn note(workflow_id: &str, intent: Uuid, settlement: &Settlement) {
    match (&settlement.attempt, &settlement.intent) {
        (AttemptEnd::Dead(DeathProof::Foreign { hash, ledger }), end)
            if !matches!(end, IntentEnd::Succeeded) =>
        {
            tracing::error!(%workflow_id, %intent, foreign = %hash, %ledger, "a second writer uses a channel: a foreign transaction took the sequence number");
        }
        (_, IntentEnd::Parked { reason, .. } | IntentEnd::Failed(reason)) => {
            tracing::warn!(%workflow_id, %intent, code = %reason.code, detail = %reason.detail, "the intent did not succeed");
        }
        (attempt, end) => {
            tracing::debug!(%workflow_id, %intent, ?attempt, ?end, "settled");
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
