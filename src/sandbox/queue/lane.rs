//! The transactions of one kind that wait, by what they bid.

use std::collections::BTreeMap;

use super::Bid;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::load::Load;

/// Where a transaction stands: worst bid first; among equal bids by hash, which nobody can choose.
type Rank = (Bid, [u8; 32]);

/// Those that compete for the same room.
#[derive(Default)]
pub struct Lane {
    /// Worst first.
    pub ranks: BTreeMap<Rank, AccountKey>,
    /// All of them together.
    pub load: Load,
    /// The last bid that had to go since a ledger has closed.
    pub evicted: Option<Bid>,
}

impl Lane {
    /// One more.
    pub fn add(&mut self, frame: &Frame) {
        self.ranks.insert(rank(frame), frame.source());
        self.load = self.load.plus(Load::of(frame));
    }

    /// One less.
    pub fn remove(&mut self, frame: &Frame) {
        self.ranks.remove(&rank(frame));
        self.load = self.load.minus(Load::of(frame));
    }
}

fn rank(frame: &Frame) -> Rank {
    (Bid::of(frame), frame.full_hash())
}
