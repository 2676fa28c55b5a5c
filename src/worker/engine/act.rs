//! Acting on what was decided: at most one thing at a time for each intent, each in a task that answers by message.

use std::sync::Arc;

use uuid::Uuid;

use super::super::bump::{BumpOrder, Bumped, Bumping};
use super::super::flight::{Errand, Flight};
use super::super::reconcile::{self, Question};
use super::super::submit::Answered;
use super::{Engine, Input};
use crate::domain::decide::{Action, next};
use crate::domain::primitives::TxHash;
use crate::domain::transition::sent;

/// Fee bumps that are signed and put on record together.
const BUMP_BATCH: usize = 500;

impl Engine {
    /// Asks what to do about each, and does it.
    pub(in crate::worker) fn act_on(&mut self, intents: &[Uuid]) {
        for intent in intents {
            self.act(*intent);
        }
        self.start_bumps();
    }

    fn act(&mut self, intent: Uuid) {
        if self.draining || self.is_halted() {
            return;
        }
        let Some(head) = self.head_now() else { return };
        let Some(flight) = self.flights.get(&intent) else {
            return;
        };
        if flight.errand.is_some() || flight.settled.is_some() {
            return;
        }
        match next(&flight.snapshot, head) {
            Action::Wait => {}
            Action::Submit => self.send(intent),
            Action::Bump(fee) => {
                if let Some((errand, _)) = self.begin(intent) {
                    self.due_bumps.push((errand, fee));
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
        let Some((errand, flight)) = self.begin(intent) else {
            return;
        };
        sent(&mut flight.snapshot, head, pace);
        let (bytes, hash) = (flight.newest_envelope(), flight.newest_hash());
        let ways = self.ways();
        self.spawn_within(&self.posts, move || async move {
            let answer = ways.submit(&bytes).await;
            Input::Answered(errand, Box::new(Answered { hash, answer }))
        });
    }

    fn look_up(&mut self, intent: Uuid) {
        let Some((errand, flight)) = self.begin(intent) else {
            return;
        };
        let hash = flight.snapshot.attempt.inner_hash;
        #[cfg(feature = "simulation")]
        let hash = if crate::defect::is_made(crate::defect::Defect::ForgetOlderHashes) {
            flight.newest_hash()
        } else {
            hash
        };
        let since = flight.snapshot.attempt.signed_at;
        let head = self.head.map_or(since, |header| header.sequence);
        let ways = self.ways();
        self.spawn_within(&self.reads, move || async move {
            let found = ways.look_up(hash, since, head).await;
            Input::LookedUp(errand, Box::new(found))
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
                flight.snapshot.progress.maybe_sent
                    && flight.errand.is_none()
                    && flight.settled.is_none()
            })
            .map(|(intent, _)| *intent)
            .collect();
        for intent in waiting {
            self.look_up(intent);
        }
    }

    fn prove(&mut self, intent: Uuid) {
        let Some((errand, flight)) = self.begin(intent) else {
            return;
        };
        let question = Question::of(flight);
        let (horizon, network) = (Arc::clone(&self.horizon), self.network);
        self.spawn_within(&self.reads, move || async move {
            let evidence = reconcile::gather(&horizon, network, &question).await;
            Input::Proved(errand, Box::new(evidence))
        });
    }

    /// Has the fee bumps that are due signed and put on record.
    pub(in crate::worker) fn start_bumps(&mut self) {
        if self.beside.bumping || self.due_bumps.is_empty() {
            return;
        }
        let end = self.due_bumps.len().min(BUMP_BATCH);
        let mut orders = Vec::with_capacity(end);
        for (errand, fee) in self.due_bumps.drain(..end) {
            let flight = self.flights.get_mut(&errand.intent);
            let Some(flight) = flight.filter(|flight| flight.errand == Some(errand)) else {
                continue;
            };
            if flight.settled.is_some() {
                flight.errand = None;
                continue;
            }
            orders.push(BumpOrder {
                errand,
                plain: Arc::clone(&flight.plain),
                tag: flight.key.tag(self.network),
                fee,
            });
        }
        if orders.is_empty() {
            return;
        }
        self.beside.bumping = true;
        let bumping = Bumping {
            store: Arc::clone(&self.store),
            keys: Arc::clone(&self.keys),
            network: self.network,
            fee_account: self.settings.fee_account,
            worker: self.worker,
        };
        self.spawn(async move { Input::Bumped(bumping.run(orders).await) });
    }

    /// Fee bumps are on record, and are sent; or not.
    pub(in crate::worker) fn bumped(&mut self, bumped: Bumped) {
        self.beside.bumping = false;
        if bumped.worker != self.worker {
            return;
        }
        for (errand, new) in bumped.on_record {
            let intent = errand.intent;
            let Some(flight) = self.end(errand) else {
                self.learn_of_bump(errand, new.bump.hash);
                continue;
            };
            let hash = new.bump.hash;
            tracing::info!(workflow_id = %flight.key.workflow_id, %intent, %hash, fee = new.bump.fee.get(), "the bid is raised by a fee bump");
            flight.snapshot.attempt.bumps.push(new.bump);
            flight.bumped = Some(Arc::new(new.envelope));
            if flight.settled.is_none() && !self.draining && !self.is_halted() {
                self.send(intent);
            }
        }
        for errand in bumped.unsigned {
            let next = self.head_now().map(|head| head.ledger.plus(1));
            if let (Some(flight), Some(next)) = (self.end(errand), next) {
                flight.snapshot.progress.idle_until = next;
            }
        }
        // Those that are no longer ours; and where it is not known whether they are on record, the attempts are loaded again,
        // with their bumps.
        self.out_of_step |= !bumped.unclear.is_empty();
        for errand in bumped.lost.into_iter().chain(bumped.unclear) {
            self.drop_attempt(errand.intent, errand.attempt);
        }
        self.start_bumps();
    }

    /// A fee bump is on record that was ordered for a flight which was dropped since. One that was loaded before that knows nothing
    /// of it, and would order it again.
    fn learn_of_bump(&mut self, errand: Errand, hash: TxHash) {
        let Some(flight) = self.flights.get(&errand.intent) else {
            return;
        };
        let attempt = &flight.snapshot.attempt;
        let known = attempt.bumps.iter().any(|bump| bump.hash == hash);
        if attempt.number == errand.attempt && !known {
            self.out_of_step = true;
            self.drop_flight(errand.intent);
        }
    }

    /// Begins an errand for an intent in flight. What was asked before and not answered yet is no longer waited for.
    pub(super) fn begin(&mut self, intent: Uuid) -> Option<(Errand, &mut Flight)> {
        let flight = self.flights.get_mut(&intent)?;
        self.errands += 1;
        let errand = Errand {
            intent,
            attempt: flight.snapshot.attempt.number,
            serial: self.errands,
        };
        flight.errand = Some(errand);
        Some((errand, flight))
    }

    /// Ends an errand; the flight that waited for it, if it still does.
    pub(super) fn end(&mut self, errand: Errand) -> Option<&mut Flight> {
        let flight = self.flights.get_mut(&errand.intent)?;
        if flight.errand != Some(errand) {
            return None;
        }
        flight.errand = None;
        Some(flight)
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

    /// Drops a flight, unless another attempt has taken its place.
    pub(in crate::worker) fn drop_attempt(&mut self, intent: Uuid, number: u32) {
        let flight = self.flights.get(&intent);
        if flight.is_some_and(|flight| flight.snapshot.attempt.number == number) {
            self.drop_flight(intent);
        }
    }

    pub(in crate::worker) fn drop_flight(&mut self, intent: Uuid) {
        if let Some(flight) = self.flights.remove(&intent) {
            self.watched.remove(&flight.snapshot.attempt.inner_hash);
        }
    }
}
