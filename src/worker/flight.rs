//! What is in flight: the attempts that this process drives, found by intent and by hash.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use uuid::Uuid;

use crate::domain::attempt::Snapshot;
use crate::domain::intent::{IntentKey, Request};
use crate::domain::primitives::TxHash;
use crate::store::settle::NewSettlement;

/// One intent in flight.
#[derive(Clone, Debug)]
pub struct Flight {
    /// Its key.
    pub key: IntentKey,
    /// What it asks for.
    pub request: Arc<Request>,
    /// What decides about it.
    pub snapshot: Snapshot,
    /// The plain envelope, XDR.
    pub plain: Arc<Vec<u8>>,
    /// The newest fee bump's envelope, XDR.
    pub bumped: Option<Arc<Vec<u8>>>,
    /// What is being asked or sent for it; one thing at a time.
    pub errand: Option<Errand>,
    /// It has ended, and what is still to be known of that is being asked.
    pub inquired: bool,
    /// It is settled, and that is still to be put on record.
    pub settled: Option<Box<NewSettlement>>,
}

/// Something that is asked, sent or put on record for an attempt in flight.
///
/// A flight may be dropped and loaded again while the answer is on its way: what was asked for the earlier one tells nothing of
/// whether the later one still waits for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    /// For which intent.
    pub intent: Uuid,
    /// For which of its attempts.
    pub attempt: u32,
    /// No two errands of an engine have the same.
    pub serial: u64,
}

impl Flight {
    /// The envelope to send: the newest, for it bids the most.
    #[must_use]
    pub fn newest_envelope(&self) -> Arc<Vec<u8>> {
        Arc::clone(self.bumped.as_ref().unwrap_or(&self.plain))
    }

    /// That envelope's hash.
    #[must_use]
    pub fn newest_hash(&self) -> TxHash {
        let attempt = &self.snapshot.attempt;
        attempt
            .bumps
            .last()
            .map_or(attempt.inner_hash, |bump| bump.hash)
    }
}

/// The inner hashes in flight, shared with the follower of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Watched(Arc<RwLock<HashMap<TxHash, Uuid>>>);

impl Watched {
    /// Watches for a hash.
    pub fn add(&self, hash: TxHash, intent: Uuid) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(hash, intent);
    }

    /// Ends that.
    pub fn remove(&self, hash: &TxHash) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(hash);
    }

    /// The intent that has this inner hash.
    #[must_use]
    pub fn intent(&self, hash: &TxHash) -> Option<Uuid> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(hash)
            .copied()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
