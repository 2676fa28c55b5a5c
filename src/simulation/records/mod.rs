//! Records in memory that stand in for Postgres: the same promises, checked by the same tests (`tests/records`).
//!
//! Each method does all its work at once, in one critical section, as a statement does. Only what waits in Postgres for a
//! row that an open claim holds waits here. Nothing depends on chance: two runs are equal.

mod accept;
mod attempts;
mod bound;
mod channels;
mod claim;
mod data;
mod draft;
mod leases;
mod network;
mod rows;
mod settle;
mod state;
mod waiting;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::primitives::AccountId;
use crate::store::StoreError;
use crate::store::attempts::{AttemptRow, SubmissionRow};
use crate::store::intents::{Change, IntentRow};
use crate::worker::records::{Records, Right};
use bound::Bound;
use claim::{Found, OpenClaim};
use data::Data;
use state::State;

/// The records. Clones are the same records.
#[derive(Clone)]
pub struct MemoryRecords(Arc<Shared>);

struct Shared {
    /// When `started` was.
    base: OffsetDateTime,
    started: Instant,
    state: Mutex<State>,
    /// An open claim has ended.
    released: Notify,
}

/// The data as they were: a backup, or how far a replica was.
#[derive(Clone, Debug)]
pub struct Snapshot(Data);

impl Snapshot {
    /// Nothing: the database is lost.
    #[must_use]
    pub fn empty() -> Self {
        Self(Data::default())
    }
}

impl fmt::Debug for MemoryRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.act(|state, _| fmt::Debug::fmt(state, f))
    }
}

impl MemoryRecords {
    /// Empty records whose clock shows `base_unix_seconds` now, and goes as tokio's does.
    #[must_use]
    pub fn new(base_unix_seconds: i64) -> Self {
        let base = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::seconds(base_unix_seconds));
        Self(Arc::new(Shared {
            base,
            started: Instant::now(),
            state: Mutex::default(),
            released: Notify::new(),
        }))
    }

    /// Does something at once, at the database's time.
    fn act<T>(&self, work: impl FnOnce(&mut State, OffsetDateTime) -> T) -> T {
        let state = self.0.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let now = self.elapsed() + Duration::seconds(state.clock_offset);
        work(&mut state, now)
    }

    /// Does something as soon as no open claim holds what it changes.
    async fn act_when_free<T>(
        &self,
        is_held: impl Fn(&State) -> bool + Send,
        work: impl FnOnce(&mut State, OffsetDateTime) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let connections = self.act(|state, _| state.connections);
        let mut work = Some(work);
        loop {
            // Made before it is looked, so that no release is missed.
            let released = self.0.released.notified();
            let done = self.act(|state, now| {
                state.check_connection(connections)?;
                if is_held(state) {
                    return Ok(None);
                }
                work.take().map(|work| work(state, now)).transpose()
            })?;
            if let Some(done) = done {
                return Ok(done);
            }
            released.await;
        }
    }

    /// The right time, whatever the database's clock says: by tokio's clock, in whole microseconds as columns have it.
    #[must_use]
    pub fn elapsed(&self) -> OffsetDateTime {
        let elapsed = self.0.started.elapsed().as_micros();
        self.0.base + Duration::microseconds(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }

    fn release(&self, claim: u64) {
        self.act(|state, _| state.held.remove(&claim));
        self.0.released.notify_waiters();
    }

    /// The time by the database's clock.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.act(|_, now| now)
    }

    /// Whether everything of ours on the chain is known to be on record.
    #[must_use]
    pub fn are_explained(&self) -> bool {
        self.act(|state, _| state.is_explained())
    }

    /// The ledger before which nothing is signed, if there is one.
    #[must_use]
    pub fn quarantine_until(&self) -> Option<i64> {
        self.act(|state, _| state.data.network.as_ref()?.quarantine_until)
    }

    /// Sets the database's clock: by so many seconds it is wrong from now on.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.act(|state, _| state.clock_offset = seconds);
    }

    /// The data as they are.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.act(|state, _| Snapshot(state.data.clone()))
    }

    /// The database was restored or failed over: the data are as they were, and at another home; connections are cut.
    pub fn restore(&self, snapshot: &Snapshot) {
        self.act(|state, _| {
            state.cut();
            state.home += 1;
            state.data = snapshot.0.clone();
        });
        self.0.released.notify_waiters();
    }

    /// Whether the daemons have written nothing yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.act(|state, _| state.data.network.is_none())
    }

    /// The ledger that they remember, and its hash, by which a network that begins anew is told from the one they knew.
    #[must_use]
    pub fn anchor(&self) -> Option<(u32, [u8; 32])> {
        self.act(|state, _| {
            let (number, hash, _) = state.data.network.as_ref()?.anchor?;
            Some((u32::try_from(number).ok()?, hash))
        })
    }

    /// Whether a transaction is on record: as an attempt, or as what has landed without one.
    #[must_use]
    pub fn knows(&self, hash: &[u8; 32]) -> bool {
        self.act(|state, _| {
            let mut attempts = state.data.attempts.values();
            attempts.any(|attempt| attempt.hash == *hash) || state.data.landings.contains_key(hash)
        })
    }

    /// Whether a transaction is on record as one that can never land.
    #[must_use]
    pub fn is_dead(&self, hash: &[u8; 32]) -> bool {
        self.act(|state, _| {
            let mut attempts = state.data.attempts.values();
            attempts.any(|attempt| attempt.hash == *hash && attempt.death_proof.is_some())
        })
    }

    /// The database was restarted: connections are cut, open claims are undone, the right to explain has ended.
    pub fn restart(&self) {
        self.act(|state, _| state.cut());
        self.0.released.notify_waiters();
    }

    /// What tells this database from the one that its data may have been copied from.
    #[must_use]
    pub fn database_identity(&self) -> String {
        self.act(|state, _| format!("memory/{}", state.home))
    }

    /// Which of several idle channels a claim takes is left open by the SQL. From now on these first, then the others in the
    /// order of their accounts.
    pub fn prefer_channels(&self, accounts: &[AccountId]) {
        let accounts = accounts.iter().map(ToString::to_string).collect();
        self.act(|state, _| state.preferred = accounts);
    }

    /// Enqueues an intent as a user's SQL does; the same body again is the same intent.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where there is one of that workflow with another body, or the body has no method.
    pub fn enqueue(
        &self,
        tenant: &str,
        workflow_id: &str,
        body: &Value,
    ) -> Result<Uuid, StoreError> {
        let id = self.new_id();
        self.act(|state, now| state.enqueue(now, id, (tenant, workflow_id), body))
    }

    /// A user's wish to cancel, as [`crate::store::Store::cancel`] has it.
    ///
    /// # Errors
    /// [`StoreError::Away`] where connections were cut while it waited for a claim.
    pub async fn cancel(&self, tenant: &str, id: Uuid) -> Result<Change, StoreError> {
        self.act_when_free(
            |state| state.holds_intent(id),
            |state, now| state.cancel(now, tenant, id),
        )
        .await
    }

    /// Every intent, in the order of acceptance.
    #[must_use]
    pub fn intents(&self) -> Vec<IntentRow> {
        self.act(|state, _| {
            let mut intents: Vec<_> = state.data.intents.values().collect();
            intents.sort_by_key(|intent| intent.seq);
            intents.into_iter().map(|intent| intent.row()).collect()
        })
    }

    /// The accounts that are not to be used, and why.
    pub fn paused(&self) -> Vec<(String, Option<String>)> {
        self.act(|state, _| {
            let rows = state.channels().into_iter();
            rows.filter(|row| row.state != "open")
                .map(|row| (row.account, row.reason))
                .collect()
        })
    }

    /// Every attempt of an intent, the oldest first.
    #[must_use]
    pub fn attempts_of(&self, id: Uuid) -> Vec<AttemptRow> {
        self.act(|state, _| {
            let attempts = state.data.attempts_of(id);
            attempts.map(|attempt| attempt.as_ref().clone()).collect()
        })
    }

    /// An intent's events, the oldest first: type and particulars.
    #[must_use]
    pub fn events_of(&self, id: Uuid) -> Vec<(String, Value)> {
        self.act(|state, _| {
            let events = state.data.events.iter();
            let theirs = events.filter(|event| event.intent_id == id);
            theirs
                .map(|event| (event.kind.to_owned(), event.data.clone()))
                .collect()
        })
    }

    /// What was answered to each POST of an intent's envelopes, the oldest first.
    #[must_use]
    pub fn submissions_of(&self, id: Uuid) -> Vec<SubmissionRow> {
        self.act(|state, _| {
            let submissions = state.data.submissions.iter();
            let theirs = submissions.filter(|submission| submission.0 == id);
            theirs.map(|submission| submission.1.clone()).collect()
        })
    }

    /// The constraints that statements would have broken; each was refused.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.act(|state, _| state.violations.clone())
    }

    /// A claim, held.
    fn open(&self, worker: Uuid, found: &Found) -> Box<OpenClaim> {
        Box::new(OpenClaim {
            records: self.clone(),
            worker,
            claim: found.claim,
            connections: found.connections,
            began: found.began,
        })
    }
}

/// The right to explain the chain. It ends with its connection, however that ends.
struct Explaining {
    records: MemoryRecords,
    number: u64,
    connection: Bound,
}

#[async_trait]
impl Right for Explaining {
    fn records(&self) -> Arc<dyn Records> {
        Arc::new(self.connection.clone())
    }

    async fn end(self: Box<Self>) {
        drop(self);
    }
}

impl Drop for Explaining {
    fn drop(&mut self) {
        self.records.act(|state, _| {
            if state.explaining == Some(self.number) {
                state.explaining = None;
            }
        });
    }
}
