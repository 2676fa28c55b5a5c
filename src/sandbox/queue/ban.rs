//! Envelopes that are not taken for some ledgers: applied, evicted, aged out, or found invalid.

use std::collections::{HashSet, VecDeque};

/// For how many ledgers an envelope stays banned.
pub const BAN_LEDGERS: usize = 10;

/// The banned envelopes, by the hash of their bytes, the newest ledger's first.
pub struct Bans(VecDeque<HashSet<[u8; 32]>>);

impl Default for Bans {
    fn default() -> Self {
        Self((0..BAN_LEDGERS).map(|_| HashSet::new()).collect())
    }
}

impl Bans {
    /// Bans an envelope from now on.
    pub fn add(&mut self, full_hash: [u8; 32]) {
        if let Some(newest) = self.0.front_mut() {
            newest.insert(full_hash);
        }
    }

    /// Whether an envelope is banned.
    pub fn contains(&self, full_hash: &[u8; 32]) -> bool {
        self.0.iter().any(|ledger| ledger.contains(full_hash))
    }

    /// A ledger has closed.
    pub fn shift(&mut self) {
        self.0.pop_back();
        self.0.push_front(HashSet::new());
    }
}
