//! Acting on what was decided: at most one thing at a time for each intent, each in a task that answers by message.

use std::sync::Arc;

use uuid::Uuid;

use super::super::bump::{BumpOrder, Bumped, Bumping};
use super::super::reconcile::{self, Question};
use super::super::submit::Answered;
use super::{Engine, Input};
use crate::domain::decide::{Action, next};
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
        if flight.busy || flight.settled.is_some() {
            return;
        }
        match next(&flight.snapshot, head) {
            Action::Wait => {}
            Action::Submit => self.send(intent),
            Action::Bump(fee) => {
                if let Some(flight) = self.flights.get_mut(&intent) {
                    flight.busy = true;
                    let number = flight.snapshot.attempt.number;
                    self.due_bumps.push((intent, number, fee));
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
        let ways = self.ways();
        self.spawn_within(&self.posts, move || async move {
            let answer = ways.submit(&bytes).await;
            Input::Answered(intent, number, Box::new(Answered { hash, answer }))
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
            Input::LookedUp(intent, number, Box::new(found))
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
        let (horizon, network) = (Arc::clone(&self.horizon), self.network);
        self.spawn_within(&self.reads, move || async move {
            let evidence = reconcile::gather(&horizon, network, &question).await;
            Input::Proved(intent, number, Box::new(evidence))
        });
    }

    /// Has the fee bumps that are due signed and put on record.
    pub(in crate::worker) fn start_bumps(&mut self) {
        if self.beside.bumping || self.due_bumps.is_empty() {
            return;
        }
        let end = self.due_bumps.len().min(BUMP_BATCH);
        let mut orders = Vec::with_capacity(end);
        for (intent, number, fee) in self.due_bumps.drain(..end) {
            let flight = self.flights.get_mut(&intent);
            let Some(flight) = flight.filter(|flight| flight.snapshot.attempt.number == number)
            else {
                continue;
            };
            if flight.settled.is_some() {
                flight.busy = false;
                continue;
            }
            orders.push(BumpOrder {
                intent,
                number,
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
        for new in bumped.on_record {
            let intent = new.intent_id;
            let Some(flight) = self.flights.get_mut(&intent) else {
                continue;
            };
            if flight.snapshot.attempt.number != new.number {
                continue;
            }
            flight.busy = false;
            let hash = new.bump.hash;
            tracing::info!(workflow_id = %flight.key.workflow_id, %intent, %hash, fee = new.bump.fee.get(), "the bid is raised by a fee bump");
            flight.snapshot.attempt.bumps.push(new.bump);
            flight.bumped = Some(Arc::new(new.envelope));
            if flight.settled.is_none() && !self.draining && !self.is_halted() {
                self.send(intent);
            }
        }
        for (intent, number) in bumped.unsigned {
            let next = self.head_now().map(|head| head.ledger.plus(1));
            let flight = self.flights.get_mut(&intent);
            let flight = flight.filter(|flight| flight.snapshot.attempt.number == number);
            if let (Some(flight), Some(next)) = (flight, next) {
                flight.busy = false;
                flight.snapshot.progress.idle_until = next;
            }
        }
        for (intent, number) in bumped.lost {
            self.drop_attempt(intent, number);
        }
        if !bumped.unclear.is_empty() {
            // Whether they are on record is not known: load the attempts again, with their bumps.
            self.out_of_step = true;
            for (intent, number) in bumped.unclear {
                self.drop_attempt(intent, number);
            }
        }
        self.start_bumps();
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
