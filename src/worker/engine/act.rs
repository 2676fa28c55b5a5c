//! Acting on what was decided: at most one thing at a time for each intent, each in a task that answers by message.

use std::sync::Arc;

use uuid::Uuid;

use super::super::reconcile::{self, Question};
use super::super::submit::{Answered, submit};
use super::{Engine, Input};
use crate::domain::attempt::Bump;
use crate::domain::decide::{Action, next};
use crate::domain::envelope;
use crate::domain::primitives::{LedgerSeq, Stroops};
use crate::domain::transition::sent;
use crate::signer::Signer as _;
use crate::store::StoreError;

impl Engine {
    /// Asks what to do about each, and does it.
    pub(in crate::worker) async fn act_on(&mut self, intents: &[Uuid]) {
        for intent in intents {
            self.act(*intent).await;
        }
    }

    async fn act(&mut self, intent: Uuid) {
        if self.draining || self.is_halted() {
            return;
        }
        let Some(head) = self.head_now() else { return };
        let Some(flight) = self.flights.get(&intent) else {
            return;
        };
        if flight.busy || flight.settled.is_some() {
            return;
        }
        match next(&flight.snapshot, head) {
            Action::Wait => {}
            Action::Submit => self.send(intent),
            Action::Bump(fee) => {
                if self.bump(intent, fee).await {
                    self.send(intent);
                }
            }
            Action::LookUp => self.look_up(intent),
            Action::Prove => self.prove(intent),
        }
    }

    /// Sends the newest envelope, which is on record.
    fn send(&mut self, intent: Uuid) {
        let (Some(head), pace) = (self.head_now(), self.pace()) else {
            return;
        };
        let Some(flight) = self.flights.get_mut(&intent) else {
            return;
        };
        debug_assert!(!flight.busy, "one thing at a time");
        flight.busy = true;
        sent(&mut flight.snapshot, head, pace);
        let (bytes, hash) = (flight.newest_envelope(), flight.newest_hash());
        let number = flight.snapshot.attempt.number;
        let (horizon, posts, mailbox) = (
            Arc::clone(&self.horizon),
            Arc::clone(&self.posts),
            self.mailbox.clone(),
        );
        let mode = self.settings.submit;
        tokio::spawn(async move {
            let _permit = posts
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let answer = submit(&horizon, mode, &bytes).await;
            let answered = Box::new(Answered { hash, answer });
            let _ = mailbox
                .send(Input::Answered(intent, number, answered))
                .await;
        });
    }

    fn look_up(&mut self, intent: Uuid) {
        let Some(flight) = self.flights.get_mut(&intent) else {
            return;
        };
        flight.busy = true;
        let (hash, number) = (
            flight.snapshot.attempt.inner_hash,
            flight.snapshot.attempt.number,
        );
        let (horizon, reads, mailbox) = (
            Arc::clone(&self.horizon),
            Arc::clone(&self.reads),
            self.mailbox.clone(),
        );
        tokio::spawn(async move {
            let _permit = reads
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let found = Box::new(horizon.any().transaction(hash).await);
            let _ = mailbox.send(Input::LookedUp(intent, number, found)).await;
        });
    }

    /// Looks up everything that may have been sent.
    pub(in crate::worker) fn look_all_up(&mut self) {
        if self.draining || self.is_halted() {
            return;
        }
        let waiting: Vec<Uuid> = self
            .flights
            .iter()
            .filter(|(_, flight)| {
                flight.snapshot.progress.maybe_sent && !flight.busy && flight.settled.is_none()
            })
            .map(|(intent, _)| *intent)
            .collect();
        for intent in waiting {
            self.look_up(intent);
        }
    }

    fn prove(&mut self, intent: Uuid) {
        let Some(flight) = self.flights.get_mut(&intent) else {
            return;
        };
        flight.busy = true;
        let number = flight.snapshot.attempt.number;
        let question = Question::of(flight);
        let (horizon, reads, mailbox) = (
            Arc::clone(&self.horizon),
            Arc::clone(&self.reads),
            self.mailbox.clone(),
        );
        let network = self.network;
        tokio::spawn(async move {
            let _permit = reads
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let evidence = Box::new(reconcile::gather(&horizon, network, &question).await);
            let _ = mailbox.send(Input::Proved(intent, number, evidence)).await;
        });
    }

    /// Signs a fee bump of the same inner transaction and puts it on record; `false` where it must not be sent.
    async fn bump(&mut self, intent: Uuid, fee: Stroops) -> bool {
        let Some(head) = self.head_now() else {
            return false;
        };
        let Some(flight) = self.flights.get_mut(&intent) else {
            return false;
        };
        let fee_account = self.settings.fee_account;
        let Ok((inner, _)) = envelope::decode(&flight.plain) else {
            tracing::error!(%intent, "an envelope on record cannot be decoded");
            return false;
        };
        let bump = envelope::fee_bump(inner, fee_account, flight.key.tag(self.network), fee);
        let hash = envelope::fee_bump_hash(&bump, self.network);
        let signature = match self.keys.sign(fee_account, &hash.0) {
            Ok(signature) => signature,
            Err(error) => {
                tracing::error!(%intent, %error, "a fee bump cannot be signed");
                flight.snapshot.progress.idle_until = LedgerSeq(head.ledger.0 + 1);
                return false;
            }
        };
        let bytes = envelope::encode(&envelope::sign_fee_bump(bump, vec![signature]));
        let number = flight.snapshot.attempt.number;
        let record = Bump { hash, fee };
        match self
            .store
            .add_fee_bump(self.worker, intent, number, &record, &bytes)
            .await
        {
            Ok(()) => {
                tracing::info!(workflow_id = %flight.key.workflow_id, %intent, %hash, fee = fee.get(), "the bid is raised by a fee bump");
                flight.snapshot.attempt.bumps.push(record);
                flight.bumped = Some(Arc::new(bytes));
                true
            }
            Err(StoreError::LeaseLost(_)) => {
                self.drop_flight(intent);
                false
            }
            Err(error) => {
                // Whether it is on record is not known: load the attempt again, with its bumps.
                tracing::warn!(%intent, %error, "a fee bump could not be put on record");
                self.drop_flight(intent);
                self.out_of_step = true;
                false
            }
        }
    }

    /// Asks for fee statistics.
    pub(in crate::worker) fn ask_fees(&self) {
        let (horizon, mailbox) = (Arc::clone(&self.horizon), self.mailbox.clone());
        tokio::spawn(async move {
            if let Ok(stats) = horizon.any().fee_stats().await {
                let _ = mailbox.send(Input::Fees(stats)).await;
            }
        });
    }

    pub(in crate::worker) fn drop_flight(&mut self, intent: Uuid) {
        if let Some(flight) = self.flights.remove(&intent) {
            self.watched.remove(&flight.snapshot.attempt.inner_hash);
        }
    }
}
