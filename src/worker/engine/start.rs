//! Starting, and starting again: the same way after a crash, a lost lease or an unclear commit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::super::confirm::reset_by_time;
use super::super::flight::Flight;
use super::super::lease;
use super::super::status::Phase;
use super::super::{confirm, top_up};
use super::{Engine, EngineError};
use crate::domain::attempt::{Progress, Snapshot};
use crate::domain::intent;
use crate::domain::observation::{LedgerHeader, UnknownKind};
use crate::horizon::{Endpoint, NetworkError};
use crate::store::StoreError;
use crate::store::attempts::BumpRow;
use crate::store::network::Anchor;

/// Between two tries to start.
const START_RETRY: Duration = Duration::from_millis(500);
/// The longest time between two tries: whoever waits asks public Horizons too.
const MAX_START_RETRY: Duration = Duration::from_secs(3);
/// Intents that are taken over or loaded in one statement.
const LOAD_BATCH: i64 = 1_000;

impl Engine {
    /// Waits for everything that is needed; `false` where it was stopped meanwhile.
    pub(super) async fn start(
        &mut self,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<bool, EngineError> {
        let mut pause = START_RETRY;
        loop {
            match self.try_start().await {
                Ok(()) => break,
                Err(Start::Wait(what)) => self.status.set_phase(Phase::Starting(what)),
                Err(Start::Halt(why)) => {
                    self.status.set_phase(Phase::Halted(why));
                    // The process lives on, so that people can ask it what is wrong.
                    let _ = stop.wait_for(|stop| *stop).await;
                    return Ok(false);
                }
                Err(Start::Fatal(error)) => return Err(error),
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => pause = (pause * 3 / 2).min(MAX_START_RETRY),
                changed = stop.changed() => if changed.is_err() || *stop.borrow() { return Ok(false) },
            }
        }
        self.begin_again().await;
        tokio::spawn(top_up::watch(
            Arc::clone(&self.store),
            Arc::clone(&self.horizon),
            self.reader(None),
            self.settings.channel_top_up_below,
            self.mailbox.clone(),
        ));
        self.status.set_phase(Phase::Running);
        Ok(true)
    }

    async fn try_start(&mut self) -> Result<(), Start> {
        if let Some(what) = self.still_quarantined().await? {
            return Err(Start::Wait(what));
        }
        // The chain first: records are tied only to a network that a Horizon has named.
        self.check_network().await?;
        let anchor = match self.store.tie_to_network(&self.passphrase).await {
            Ok(anchor) => anchor,
            Err(error @ StoreError::OtherNetwork { .. }) => return Err(Start::Fatal(error.into())),
            Err(error) => return Err(error.into()),
        };
        self.open_accounts(anchor).await?;
        let header = self
            .head
            .expect("explaining the chain begins with its newest ledger");
        self.fees = self.horizon.any().fee_stats().await.ok();
        self.explained_at = header.sequence;
        self.store.move_anchor(&header).await?;
        // Another daemon may have noted a ledger since that this chain does not have: then it is another one.
        let noted = self.store.tie_to_network(&self.passphrase).await?;
        if noted != anchor && noted.is_none_or(|noted| noted.hash != header.hash) {
            self.newest_ledger(noted).await?;
        }
        tokio::spawn(confirm::follow(
            Arc::clone(&self.horizon),
            self.watched.clone(),
            header,
            self.settings.ledger_poll,
            self.mailbox.clone(),
        ));
        Ok(())
    }

    async fn check_network(&self) -> Result<(), Start> {
        match self.horizon.any().check_network().await {
            Ok(_) => Ok(()),
            Err(error @ NetworkError::Other { .. }) => Err(Start::Halt(error.to_string())),
            Err(error @ NetworkError::Unknown { .. }) => Err(Start::Wait(error.to_string())),
        }
    }

    /// The newest ledger of a Horizon that serves our chain and has come as far as we had. One that stands still is passed over
    /// where another one goes on.
    pub(in crate::worker) async fn newest_ledger(
        &mut self,
        anchor: Option<Anchor>,
    ) -> Result<LedgerHeader, Start> {
        let horizon = Arc::clone(&self.horizon);
        let first = horizon.any();
        let Some(anchor) = anchor else {
            let newest = newest_of(first).await?;
            let newest = self.furthest(first, newest).await;
            self.check_progress(newest)?;
            return Ok(newest);
        };
        let mut best: Option<LedgerHeader> = None;
        let mut refused = None;
        for endpoint in horizon.beginning_with(first) {
            let newest = self.newest_of_chain(endpoint, anchor).await;
            match newest.and_then(|newest| self.check_progress(newest).map(|()| newest)) {
                Ok(newest) => {
                    if best.is_none_or(|best| best.sequence < newest.sequence) {
                        best = Some(newest);
                    }
                    if self.check_age(&newest).is_ok() {
                        break;
                    }
                }
                Err(Start::Wait(what)) => refused = refused.or(Some(what)),
                Err(other) => return Err(other),
            }
        }
        best.ok_or_else(|| Start::Wait(refused.unwrap_or_default()))
    }

    /// The newest ledger of this one, if it serves the chain of the anchor and has come as far.
    async fn newest_of_chain(
        &self,
        endpoint: &Endpoint,
        anchor: Anchor,
    ) -> Result<LedgerHeader, Start> {
        let wait = |detail: String| waits_for(endpoint, &detail);
        let newest = newest_of(endpoint).await?;
        if newest.sequence < anchor.ledger && newest.closed_at > anchor.closed_at {
            return Err(Start::Halt(reset_by_time(endpoint, &newest, anchor.ledger)));
        }
        if newest.sequence < anchor.ledger {
            // A replica that lags, or a network that was reset: an old ledger tells them apart.
            return Err(wait(format!(
                "its newest ledger is {}, but ledger {} was seen before",
                newest.sequence, anchor.ledger
            )));
        }
        match endpoint.ledger(anchor.ledger).await {
            Ok(Some(header)) if header.hash == anchor.hash => Ok(newest),
            Ok(Some(_)) => Err(Start::Halt(format!(
                "ledger {} is not the one that was seen before: the network was reset, and no proof about it is good any more",
                anchor.ledger
            ))),
            Ok(None) => Err(wait(format!(
                "it does not show ledger {} any more",
                anchor.ledger
            ))),
            Err(unknown) => {
                // Reaped, if its history begins later: the outage was longer. The sequence numbers still prove. That an answer
                // says so is not enough: by another chain's ledgers nothing is ever dead.
                let is_reaped = unknown.kind == UnknownKind::Gone
                    && endpoint
                        .root()
                        .await
                        .is_ok_and(|status| status.elder > anchor.ledger);
                is_reaped
                    .then_some(newest)
                    .ok_or_else(|| wait(unknown.detail))
            }
        }
    }

    /// The newest ledger that any Horizon shows; `asked` has shown `newest`. Records that remember none cannot tell one that
    /// stands still, which does not show what an earlier life has sent: of several Horizons another may.
    async fn furthest(&self, asked: &Endpoint, mut newest: LedgerHeader) -> LedgerHeader {
        for endpoint in self.horizon.beginning_with(asked).skip(1) {
            if let Ok(Some(shown)) = endpoint.latest_ledger().await
                && shown.sequence > newest.sequence
            {
                newest = shown;
            }
        }
        newest
    }

    /// Begins a life of this worker: a lease of its own, and nothing in flight.
    async fn begin_life(&mut self) -> Result<(), EngineError> {
        self.forget_flights();
        self.worker = Uuid::nil();
        // Where the database's clock was set back, the lease that was lost may look good again: nobody must renew it.
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
        let worker = self.store.new_id();
        let seconds = self.settings.lease.as_secs_f64();
        self.store
            .begin_lease(worker, &self.settings.name, seconds)
            .await?;
        self.worker = worker;
        self.out_of_step = true;
        let keeper = tokio::spawn(lease::keep(
            Arc::clone(&self.store),
            self.worker,
            self.settings.lease,
            self.mailbox.clone(),
        ));
        self.keeper = Some(keeper.abort_handle());
        Ok(())
    }

    /// Somebody else may have our work now: forget it, and begin again.
    pub(in crate::worker) async fn lease_lost(&mut self, worker: Uuid) {
        if worker != self.worker {
            return;
        }
        tracing::warn!(%worker, "the lease is lost; a new life begins");
        self.begin_again().await;
    }

    /// Tries to begin a new life; where the database is away, the next tick tries again.
    pub(super) async fn begin_again(&mut self) {
        if let Err(error) = self.begin_life().await {
            tracing::warn!(%error, "no new lease yet");
        }
    }

    /// Whether it is time to look for work that nobody drives any more.
    pub(super) fn orphans_due(&mut self) -> bool {
        let now = tokio::time::Instant::now();
        if now < self.next_orphans {
            return false;
        }
        self.next_orphans = now + self.settings.lease / 3;
        true
    }

    /// Takes over what nobody drives, and loads what the records say is ours.
    pub(super) async fn catch_up(&mut self) {
        if self.worker.is_nil() || self.is_halted() {
            return;
        }
        let room = self
            .settings
            .max_in_flight
            .saturating_sub(self.flights.len());
        let limit = i64::try_from(room).unwrap_or(LOAD_BATCH).min(LOAD_BATCH);
        let taken = match self.store.take_over(self.worker, limit).await {
            Ok(ids) => ids,
            Err(error) => {
                // Whether they are ours now is not known: what is ours is read again.
                self.out_of_step = true;
                tracing::warn!(%error, "orphans could not be taken over");
                return;
            }
        };
        let more = limit > 0 && i64::try_from(taken.len()) == Ok(limit);
        if !taken.is_empty() {
            tracing::info!(count = taken.len(), "intents in flight are taken over");
        }
        let mut unknown = match self.store.owned_ids(self.worker).await {
            Ok(owned) => owned,
            Err(error) => {
                self.out_of_step = true;
                tracing::warn!(%error, "what is in flight could not be read");
                return;
            }
        };
        unknown.retain(|id| !self.flights.contains_key(id));
        // What was put on record a moment ago is about to be heard of. What was not heard of since the last time was lost on
        // the way, or its commit was seen late.
        let (step, strays) = (self.out_of_step, std::mem::take(&mut self.strays));
        let taken: BTreeSet<Uuid> = taken.into_iter().collect();
        let lost = |id: &Uuid| step || strays.contains(id) || taken.contains(id);
        let (ids, rest): (Vec<Uuid>, Vec<Uuid>) = unknown.into_iter().partition(lost);
        self.strays.extend(rest);
        match self.load(&ids).await {
            Ok(()) => self.out_of_step = more,
            Err(error) => {
                self.out_of_step = true;
                tracing::warn!(%error, "what is in flight could not be loaded");
                return;
            }
        }
        self.act_on(&ids);
    }

    /// Loads attempts that may have been sent.
    async fn load(&mut self, ids: &[Uuid]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let intents = self.store.owned_intents(self.worker, ids).await?;
        let attempts = self.store.open_attempts(ids).await?;
        let bumps = self.store.fee_bumps(ids).await?;
        for owned in intents {
            let Some(row) = attempts.iter().find(|row| row.intent_id == owned.id) else {
                tracing::error!(intent = %owned.id, "an intent in flight has no open attempt");
                continue;
            };
            let request = owned.request.as_ref().map(intent::read_stored);
            let Some(Ok(request)) = request else {
                tracing::error!(intent = %owned.id, "an intent in flight cannot be read");
                continue;
            };
            let own: Vec<BumpRow> = bumps
                .iter()
                .filter(|bump| bump.intent_id == owned.id && bump.number == row.number)
                .cloned()
                .collect();
            let attempt = row.to_attempt(&own)?;
            let parked = u32::try_from(owned.parked_times).unwrap_or(0);
            let mut terms = self.settings.terms(&request, parked);
            terms.cancel_requested = owned.cancel_requested;
            self.watched.add(attempt.inner_hash, owned.id);
            self.flights.insert(
                owned.id,
                Box::new(Flight {
                    key: request.key(&owned.tenant),
                    request: Arc::new(request),
                    snapshot: Snapshot {
                        terms,
                        attempt,
                        progress: Progress::recovered(),
                    },
                    plain: Arc::new(row.envelope.clone()),
                    bumped: own.last().map(|bump| Arc::new(bump.envelope.clone())),
                    errand: None,
                    inquired: false,
                    settled: None,
                }),
            );
        }
        Ok(())
    }
}

fn waits_for(endpoint: &Endpoint, detail: &str) -> Start {
    Start::Wait(format!("Horizon {}: {detail}", endpoint.name()))
}

async fn newest_of(endpoint: &Endpoint) -> Result<LedgerHeader, Start> {
    match endpoint.latest_ledger().await {
        Ok(Some(newest)) => Ok(newest),
        Ok(None) => Err(waits_for(endpoint, "it has no ledger yet")),
        Err(unknown) => Err(waits_for(endpoint, &unknown.detail)),
    }
}

impl From<StoreError> for Start {
    fn from(error: StoreError) -> Self {
        Self::Wait(error.to_string())
    }
}

/// Why the engine has not started.
pub(in crate::worker) enum Start {
    /// Something is missing that may come.
    Wait(String),
    /// The chain is not ours: a person must look.
    Halt(String),
    /// It can never work like this.
    Fatal(EngineError),
}
