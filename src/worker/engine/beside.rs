//! What runs beside the engine on the records, at most one of each kind, so that nobody who was answered waits for a disk:
//! rounds of taking up, settlements, answers, fee bumps.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

use super::super::calls::{MAX_PLANNED, Preparation, Prepared};
use super::super::flight::Flight;
use super::super::prepare::{InFlight, Round, Taken};
use super::super::sign::Signing;
use super::super::status::Phase;
use super::{Engine, Input};
use crate::domain::observation::LedgerHeader;
use crate::domain::primitives::LedgerSeq;
use crate::store::StoreError;

/// Between the beginnings of two rounds: what is announced, or becomes idle, meanwhile is taken up together. After a rest
/// the first is taken up at once.
const ROUND_EVERY: Duration = Duration::from_millis(100);

/// Between two looks for contract intents to simulate.
const SIMULATE_EVERY: Duration = Duration::from_millis(100);
/// The same, after somebody did not answer.
const SIMULATE_AFTER_SILENCE: Duration = Duration::from_secs(1);
/// Ledgers for which a plan is good.
const PLAN_LEDGERS: u32 = 8;

/// What is under way.
#[derive(Debug)]
pub(super) struct Beside {
    /// A round of taking up.
    taking_up: bool,
    /// Another is wanted.
    wanted: bool,
    /// The next one does not begin earlier.
    pub next_round: Instant,
    /// No channel was idle when the last one ended: announcements change nothing.
    starved: bool,
    /// Contract intents are simulated.
    simulating: bool,
    /// The next ones are not simulated earlier.
    next_simulation: Instant,
    /// Settlements are put on record.
    pub settling: bool,
    /// Answers are put on record.
    pub noting: bool,
    /// Fee bumps are signed and put on record.
    pub bumping: bool,
    /// After a failure, settlements are not tried again earlier.
    pub settle_after: Instant,
    /// Nor are answers.
    pub note_after: Instant,
}

impl Beside {
    pub(super) fn new() -> Self {
        Self {
            taking_up: false,
            wanted: false,
            next_round: Instant::now(),
            starved: false,
            simulating: false,
            next_simulation: Instant::now(),
            settling: false,
            noting: false,
            bumping: false,
            settle_after: Instant::now(),
            note_after: Instant::now(),
        }
    }

    /// Nothing is under way.
    pub(super) const fn is_idle(&self) -> bool {
        !(self.taking_up || self.simulating || self.settling || self.noting || self.bumping)
    }
}

impl Engine {
    /// New work was announced.
    pub(super) fn woken(&mut self) {
        if !self.beside.starved {
            self.want_round();
        }
    }

    /// Channels became idle.
    pub(super) fn fed(&mut self) {
        self.beside.starved = false;
        self.want_round();
    }

    /// A round of taking up is wanted.
    pub(super) fn want_round(&mut self) {
        self.beside.wanted = true;
    }

    /// Whether a round is to begin as soon as it may.
    pub(super) fn wants_round(&self) -> bool {
        self.beside.wanted && !self.beside.taking_up && self.may_take_up()
    }

    /// Whether anything new may be begun.
    pub(super) fn may_take_up(&self) -> bool {
        !self.draining && !self.worker.is_nil() && self.status.phase() == Phase::Running
    }

    /// Runs a task whose answer the engine waits for. One that panics ends the engine: it would else wait for ever.
    pub(super) fn spawn(&self, task: impl Future<Output = Input> + Send + 'static) {
        let mailbox = self.mailbox.clone();
        tokio::spawn(async move {
            let answer = AssertUnwindSafe(task).catch_unwind().await;
            let _ = mailbox.send(answer.unwrap_or(Input::Panicked)).await;
        });
    }

    /// The same, as soon as one of so many permits is free. The task is made only then, and in a place of its own: while
    /// thousands wait, each is no more than what it will be made of.
    pub(super) fn spawn_within<F>(
        &self,
        permits: &Arc<Semaphore>,
        task: impl FnOnce() -> F + Send + 'static,
    ) where
        F: Future<Output = Input> + Send + 'static,
    {
        let permits = Arc::clone(permits);
        self.spawn(async move {
            let _permit = permits
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            Box::pin(task()).await
        });
    }

    /// Begins a round of taking up.
    pub(super) fn take_up(&mut self) {
        let Some(header) = self.head else { return };
        self.beside.wanted = false;
        self.beside.taking_up = true;
        self.beside.next_round = Instant::now() + ROUND_EVERY;
        let room = self
            .settings
            .max_in_flight
            .saturating_sub(self.flights.len());
        let mut in_flight = InFlight::default();
        self.flights
            .values()
            .for_each(|flight| in_flight.add(flight));
        self.drop_stale_calls(header.sequence);
        let round = Round {
            store: Arc::clone(&self.store),
            signing: self.signing(header),
            worker: self.worker,
            room,
            in_flight,
            stop: self.claims.clone(),
            engine: self.mailbox.clone(),
        };
        self.spawn(round.run());
    }

    /// Attempts are on record. Those of a life that has ended are for whoever takes them over.
    pub(super) fn prepared(
        &mut self,
        worker: Uuid,
        flights: Vec<(Uuid, Flight)>,
        touched: &mut Vec<Uuid>,
    ) {
        if worker != self.worker || self.is_halted() {
            return;
        }
        for (id, flight) in flights {
            let number = flight.snapshot.attempt.number;
            if let Some(other) = self.flights.get(&id) {
                // Loaded from the records in between: what is known of that one holds of this one.
                if other.snapshot.attempt.number >= number {
                    continue;
                }
                // Settled, and the news of that is still on its way.
                self.drop_flight(id);
            }
            self.calls.remove(&id);
            self.watched.add(flight.snapshot.attempt.inner_hash, id);
            self.flights.insert(id, Box::new(flight));
            touched.push(id);
        }
    }

    /// Everything that attempts are made of now.
    fn signing(&self, header: LedgerHeader) -> Arc<Signing> {
        Arc::new(Signing {
            keys: Arc::clone(&self.keys),
            network: self.network,
            accounts: self.accounts.clone(),
            settings: Arc::clone(&self.settings),
            header,
            fees: self.fees,
            calls: Arc::new(self.calls.clone()),
        })
    }

    /// Forgets plans that are too old: state moves on, and signatures expire.
    fn drop_stale_calls(&mut self, now: LedgerSeq) {
        self.calls
            .retain(|_, call| now <= call.simulated_at.plus(PLAN_LEDGERS));
    }

    /// Has contract intents simulated that are due.
    fn simulate(&mut self) {
        let early = Instant::now() < self.beside.next_simulation;
        if self.beside.simulating || early || self.calls.len() >= MAX_PLANNED {
            return;
        }
        let (Some(header), true) = (self.head, self.may_take_up()) else {
            return;
        };
        self.beside.simulating = true;
        let preparation = Preparation {
            store: Arc::clone(&self.store),
            contracts: self.contracts.clone(),
            horizon: Arc::clone(&self.horizon),
            margin: self.margin,
            signing: self.signing(header),
            worker: self.worker,
            known: self.calls.keys().copied().collect(),
        };
        self.spawn(preparation.run());
    }

    /// Contract intents were simulated.
    pub(super) fn planned(&mut self, prepared: Prepared) {
        self.beside.simulating = false;
        let pause = if prepared.wait {
            SIMULATE_AFTER_SILENCE
        } else {
            SIMULATE_EVERY
        };
        self.beside.next_simulation = Instant::now() + pause;
        if prepared.worker != self.worker || self.is_halted() {
            return;
        }
        if !prepared.planned.is_empty() {
            self.calls.extend(prepared.planned);
            self.want_round();
        }
    }

    /// A round has ended.
    pub(super) async fn taken_up(&mut self, worker: Uuid, outcome: Result<Taken, StoreError>) {
        self.beside.taking_up = false;
        match outcome {
            Ok(taken) => {
                self.beside.starved = taken.starved;
                if taken.contracts {
                    self.simulate();
                }
            }
            Err(StoreError::LeaseLost(_)) => self.lease_lost(worker).await,
            Err(StoreError::Moved) => self.moved = true,
            Err(error) => {
                // A claim whose commit is unclear may have left attempts on record: load them.
                self.out_of_step = true;
                tracing::warn!(%error, "nothing could be taken up");
            }
        }
    }

    /// Moves the anchor to a ledger.
    pub(super) fn move_anchor(&self, header: LedgerHeader) {
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Err(error) = store.move_anchor(&header).await {
                tracing::warn!(%error, "the anchor could not be moved");
            }
        });
    }

    /// Asks which intents in flight were canceled. The answer comes always, and what is in flight is acted on only then.
    pub(super) fn ask_for_cancellations(&self) {
        if self.flights.is_empty() {
            return;
        }
        let (store, worker) = (Arc::clone(&self.store), self.worker);
        self.spawn(async move {
            let canceled = store
                .canceled_intents(worker)
                .await
                .unwrap_or_else(|error| {
                    tracing::warn!(%error, "cancellations could not be read");
                    Vec::new()
                });
            Input::Canceled(canceled)
        });
    }

    pub(super) fn note_canceled(&mut self, canceled: &[Uuid]) {
        for intent in canceled {
            if let Some(flight) = self.flights.get_mut(intent) {
                flight.snapshot.terms.cancel_requested = true;
            }
        }
    }
}
