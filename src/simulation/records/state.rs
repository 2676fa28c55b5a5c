//! The tables, and what lives beside them: locks, connections, and where the database is.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;
use uuid::Uuid;

use super::data::{Data, Intent};
use crate::store::StoreError;

/// Everything, behind one lock.
#[derive(Debug, Default)]
pub(super) struct State {
    pub data: Data,
    /// Which home of the records this is: another one after each failover.
    pub home: u64,
    /// Rises when all connections are cut.
    pub connections: u64,
    /// Rows that open claims hold, by claim.
    pub held: BTreeMap<u64, Held>,
    /// Who has the right to explain the chain.
    pub explaining: Option<u64>,
    /// The newest number of a claim or a right.
    pub numbers: u64,
    /// The newest id's number.
    pub ids: u64,
    /// Seconds by which the database's clock is wrong.
    pub clock_offset: i64,
    /// Channels that are taken before others.
    pub preferred: Vec<String>,
    /// Constraints that a statement would have broken.
    pub violations: Vec<String>,
}

/// What a claim holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub intents: BTreeSet<Uuid>,
    pub channels: BTreeSet<String>,
}

impl State {
    /// A number that no claim and no right had.
    pub const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Whether an open claim holds an intent.
    pub fn holds_intent(&self, id: Uuid) -> bool {
        self.held.values().any(|held| held.intents.contains(&id))
    }

    /// Whether an open claim holds a channel.
    pub fn holds_channel(&self, account: &str) -> bool {
        let holds = |held: &Held| held.channels.contains(account);
        self.held.values().any(holds)
    }

    /// Whether everything of ours on the chain is known to be on record.
    pub fn is_explained(&self) -> bool {
        self.data.network.as_ref().is_some_and(|network| {
            network.explained && network.quarantine_until.is_none() && network.database == self.home
        })
    }

    /// Cuts all connections: what was open is undone, and who had the right to explain has it no more.
    pub fn cut(&mut self) {
        self.connections += 1;
        self.held.clear();
        self.explaining = None;
    }

    /// Refuses those who connected before all connections were cut.
    pub fn check_connection(&self, connections: u64) -> Result<(), StoreError> {
        if self.connections == connections {
            Ok(())
        } else {
            Err(StoreError::cut())
        }
    }

    /// Whether an intent is this worker's, whose lease is good.
    pub fn is_owner(&self, intent: &Intent, worker: Uuid, now: OffsetDateTime) -> bool {
        intent.owner == Some(worker) && self.data.is_alive(worker, now)
    }

    /// The lease must be good, and the records at home.
    pub fn hold_lease(&self, worker: Uuid, now: OffsetDateTime) -> Result<(), StoreError> {
        let unchecked = crate::defect::is_made(crate::defect::Defect::NoLeaseToken);
        if !unchecked && !self.data.is_alive(worker, now) {
            return Err(StoreError::LeaseLost(worker));
        }
        if self.is_explained() {
            Ok(())
        } else {
            Err(StoreError::Moved)
        }
    }
}
