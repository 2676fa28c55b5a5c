//! Taking observations in, and putting what they change on record.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::contracts::Contracts;
use super::super::flight::Errand;
use super::super::inquire::{Inquired, Inquiry};
use super::super::nonces::Nonces;
use super::super::reconcile::Gathered;
use super::super::recorder::{self, Recorded};
use super::super::submit::{Answered, answer_json};
use super::{Engine, Input};
use crate::domain::observation::{Landed, LookUp, SubmitAnswer, Unknown};
use crate::domain::primitives::LedgerSeq;
use crate::domain::result_code::TransactionMeaning;
use crate::domain::soroban::nonce::nonces;
use crate::domain::transition::{
    AttemptEnd, DeathProof, IntentEnd, Observed, Settlement, Transition, absorb,
};
use crate::store::attempts::NewSubmission;
use crate::store::settle::NewSettlement;

/// Answers that are kept in memory while the database is away; older ones are forgotten: they are for people only.
const MAX_UNRECORDED_SUBMISSIONS: usize = 50_000;
/// Until what could not be put on record is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Settlements of one statement.
const SETTLE_BATCH: usize = 500;
/// Answers of one statement.
const SUBMISSIONS_BATCH: usize = 2_000;
/// Answers that are put on record at once; fewer wait for the next tick.
const SUBMISSIONS_WORTH_A_COMMIT: usize = 500;

impl Engine {
    pub(in crate::worker) fn answered(&mut self, errand: Errand, answered: Answered) {
        let Answered { hash, answer } = answered;
        let intent = errand.intent;
        if self.submissions.len() < MAX_UNRECORDED_SUBMISSIONS {
            let answer = answer_json(&answer);
            self.submissions.push(NewSubmission {
                intent_id: intent,
                number: errand.attempt,
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
            let plan = &flight.snapshot.attempt.plan;
            tracing::warn!(%intent, channel = %plan.channel, "the account that pays the fee is short of lumens");
            metrics::counter!("submitter_fee_account_short_total").increment(1);
            if flight.snapshot.attempt.bumps.is_empty() {
                self.short.push((plan.channel, plan.sequence));
            }
        }
        self.observe(intent, Some(errand), Observed::Answered(answer));
    }

    /// Tops up the channels that turned out short.
    pub(in crate::worker) async fn top_up_short(&mut self) {
        for (channel, sequence) in std::mem::take(&mut self.short) {
            if let Err(error) = self.top_up(channel, sequence).await {
                tracing::warn!(%channel, %error, "a top-up could not be asked for");
            }
        }
    }

    pub(in crate::worker) fn looked_up(&mut self, errand: Errand, found: LookUp) {
        #[cfg(feature = "simulation")]
        let found = match found {
            LookUp::Landed(landed)
                if !landed.successful
                    && crate::defect::is_made(crate::defect::Defect::IgnoreFailedTransactions) =>
            {
                LookUp::Absent
            }
            found => found,
        };
        self.observe(errand.intent, Some(errand), Observed::LookedUp(found));
    }

    pub(in crate::worker) fn in_ledger(&mut self, intent: Uuid, landed: Landed) {
        #[cfg(feature = "simulation")]
        if crate::defect::is_made(crate::defect::Defect::ForgetOlderHashes)
            && self.flights.get(&intent).is_some_and(|flight| {
                landed.fee_bump_hash.unwrap_or(landed.inner_hash) != flight.newest_hash()
            })
        {
            return;
        }
        self.observe(intent, None, Observed::InLedger(Box::new(landed)));
    }

    pub(in crate::worker) async fn proved(
        &mut self,
        errand: Errand,
        gathered: Result<Gathered, Unknown>,
    ) {
        let intent = errand.intent;
        let (observed, foreign) = match gathered {
            Ok(gathered) => (
                Observed::Evidence(Box::new(gathered.evidence)),
                gathered.foreign,
            ),
            Err(unknown) => (Observed::LookedUp(LookUp::Unknown(unknown)), None),
        };
        let unexplained = self.observe(intent, Some(errand), observed);
        self.explain_foreign(intent, foreign).await;
        let Some(reason) = unexplained else { return };
        tracing::error!(%intent, detail = %reason.detail, "a used sequence number is unexplained: intent and channel stop");
        metrics::counter!("submitter_unexplained_sequences_total").increment(1);
        if let Err(error) = self
            .store
            .park_unexplained(self.worker, intent, &reason)
            .await
        {
            tracing::warn!(%intent, %error, "an intent could not be parked");
        }
    }

    /// Takes one observation in, which answers an errand or comes unasked. Returns the reason where the sequence number stays
    /// unexplained.
    fn observe(
        &mut self,
        intent: Uuid,
        answers: Option<Errand>,
        observed: Observed,
    ) -> Option<crate::domain::reason::Reason> {
        let (head, pace) = (self.head_now()?, self.pace());
        let flight = self.flights.get_mut(&intent)?;
        if answers.is_some() {
            if flight.errand != answers {
                return None;
            }
            flight.errand = None;
        }
        if flight.settled.is_some() || flight.inquired {
            return None;
        }
        match absorb(&mut flight.snapshot, observed, head, pace) {
            Ok(Transition::Learned) => None,
            Ok(Transition::Settled(settlement)) => {
                let asks = flight.request.contract().is_some() && Inquiry::is_needed(&settlement);
                match self.contracts.clone().filter(|_| asks) {
                    Some(contracts) => self.inquire(contracts, intent, *settlement, head.ledger),
                    None => self.settle(intent, *settlement, None),
                }
                None
            }
            Ok(Transition::Unexplained(reason)) => Some(reason),
            Err(impossible) => {
                tracing::error!(%intent, workflow_id = %flight.key.workflow_id, error = %impossible, "an observation that cannot be; nothing is concluded from it");
                metrics::counter!("submitter_impossible_observations_total").increment(1);
                flight.snapshot.progress.idle_until = head.ledger.plus(1);
                None
            }
        }
    }

    /// An attempt has ended, which is still to be put on record.
    fn settle(&mut self, intent: Uuid, settlement: Settlement, call: Option<serde_json::Value>) {
        let Some(flight) = self.flights.get_mut(&intent) else {
            return;
        };
        let number = flight.snapshot.attempt.number;
        note(&flight.key.workflow_id, intent, &settlement);
        flight.settled = Some(Box::new(NewSettlement {
            intent_id: intent,
            number,
            settlement,
            call,
        }));
        self.settled.push((intent, number));
    }

    /// Asks what is still to be known of a call that has ended.
    fn inquire(
        &mut self,
        contracts: Arc<dyn Contracts>,
        intent: Uuid,
        settlement: Settlement,
        head: LedgerSeq,
    ) {
        let (network, horizon) = (self.network, Arc::clone(&self.horizon));
        let Some((errand, flight)) = self.begin(intent) else {
            return;
        };
        flight.inquired = true;
        let inquiry = Inquiry {
            asked: Nonces { contracts, horizon },
            settlement,
            nonces: nonces(&flight.request, flight.key.tag(network)),
            head,
        };
        self.spawn_within(&self.reads, move || async move {
            Input::Inquired(errand, Box::new(inquiry.run().await))
        });
    }

    /// What was still to be known of a call that has ended is known, or not yet.
    pub(in crate::worker) fn inquired(&mut self, errand: Errand, inquired: Inquired) {
        let next = self.head_now().map(|head| head.ledger.plus(1));
        let Some(flight) = self.end(errand) else {
            return;
        };
        flight.inquired = false;
        match inquired.settlement {
            Some(settlement) => self.settle(errand.intent, *settlement, inquired.call),
            // Whether its nonce was used is not known: it is looked at again.
            None => {
                if let Some(next) = next {
                    flight.snapshot.progress.idle_until = next;
                }
            }
        }
    }

    /// Hands settlements and answers over to be put on record; a few answers wait for more of them, or for `all`.
    pub(in crate::worker) fn record(&mut self, all: bool) {
        self.record_submissions(all || self.draining);
        let paused = Instant::now() < self.beside.settle_after;
        if self.beside.settling || self.settled.is_empty() || paused {
            return;
        }
        let end = self.settled.len().min(SETTLE_BATCH);
        let mut batch: Vec<NewSettlement> = Vec::with_capacity(end);
        for (id, number) in self.settled.drain(..end) {
            let flight = self.flights.get(&id);
            let settled = flight.and_then(|flight| flight.settled.as_deref());
            batch.extend(settled.filter(|new| new.number == number).cloned());
        }
        if batch.is_empty() {
            return;
        }
        self.beside.settling = true;
        let (store, worker) = (Arc::clone(&self.store), self.worker);
        self.spawn(async move { Input::Recorded(recorder::settle(&*store, worker, batch).await) });
    }

    /// Settlements were put on record, or not.
    pub(in crate::worker) fn recorded(&mut self, recorded: Recorded) {
        self.beside.settling = false;
        if recorded.worker != self.worker {
            return;
        }
        if !recorded.ended.is_empty() {
            self.fed();
        }
        // Those that were not done are no longer ours: whoever has them will settle them.
        for (id, number) in recorded.ended {
            self.drop_attempt(id, number);
        }
        if !recorded.kept.is_empty() {
            self.beside.settle_after = Instant::now() + RETRY_AFTER;
            self.settled.extend(recorded.kept);
        }
    }

    fn record_submissions(&mut self, all: bool) {
        let due = self.submissions.len() >= SUBMISSIONS_WORTH_A_COMMIT || all;
        let paused = Instant::now() < self.beside.note_after;
        if self.beside.noting || self.submissions.is_empty() || !due || paused {
            return;
        }
        self.beside.noting = true;
        let end = self.submissions.len().min(SUBMISSIONS_BATCH);
        let batch: Vec<NewSubmission> = self.submissions.drain(..end).collect();
        let store = Arc::clone(&self.store);
        self.spawn(async move { Input::Noted(recorder::note(&*store, batch).await) });
    }

    /// Answers were put on record; those that were not are kept, as long as there is room.
    pub(in crate::worker) fn noted(&mut self, kept: Vec<NewSubmission>) {
        self.beside.noting = false;
        if !kept.is_empty() {
            self.beside.note_after = Instant::now() + RETRY_AFTER;
        }
        if self.submissions.len() + kept.len() <= MAX_UNRECORDED_SUBMISSIONS {
            self.submissions.extend(kept);
        }
    }
}

fn note(workflow_id: &str, intent: Uuid, settlement: &Settlement) {
    match (&settlement.attempt, &settlement.intent) {
        (AttemptEnd::Dead(DeathProof::Foreign { hash, ledger }), end)
            if !matches!(end, IntentEnd::Succeeded) =>
        {
            tracing::warn!(%workflow_id, %intent, foreign = %hash, %ledger, "a foreign transaction took the sequence number of an attempt, which is dead");
        }
        (_, IntentEnd::Parked { reason, .. } | IntentEnd::Failed(reason)) => {
            tracing::warn!(%workflow_id, %intent, code = %reason.code, detail = %reason.detail, "the intent did not succeed");
        }
        (attempt, end) => {
            tracing::debug!(%workflow_id, %intent, ?attempt, ?end, "settled");
        }
    }
}
