//! Every key of a submitter: those that were given, and the channels', derived as they are needed.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use stellar_xdr::DecoratedSignature;

use super::{ChannelSeed, LocalKeys, SecretKey, SignError, Signer};
use crate::domain::primitives::AccountId;

/// Given keys, and the channels' by their seed.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: LocalKeys,
    seed: Option<ChannelSeed>,
    /// The seed gives keys below this index only.
    bound: Option<u32>,
    derived: RwLock<HashMap<u32, AccountId>>,
}

impl Keyring {
    /// A ring with a channel seed, or without.
    #[must_use]
    pub fn new(seed: Option<ChannelSeed>) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// A ring whose seed gives the first `channels` keys and no more.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn bounded(seed: ChannelSeed, channels: u32) -> Self {
        Self {
            bound: Some(channels),
            ..Self::new(Some(seed))
        }
    }

    /// Adds a key, and says whose it is.
    pub fn add(&self, key: &SecretKey) -> AccountId {
        self.keys.add(key)
    }

    /// The account of a channel of the seed, by SEP-5 index, its key made ready; `None` without a seed.
    pub fn channel(&self, index: u32) -> Option<AccountId> {
        if self.bound.is_some_and(|bound| index >= bound) {
            return None;
        }
        let known = self
            .derived
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&index)
            .copied();
        if known.is_some() {
            return known;
        }
        let key = self.seed.as_ref()?.channel(index).ok()?;
        let account = self.keys.add(&key);
        self.derived
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(index, account);
        Some(account)
    }
}

impl Signer for Keyring {
    fn sign(&self, account: AccountId, hash: &[u8; 32]) -> Result<DecoratedSignature, SignError> {
        self.keys.sign(account, hash)
    }

    fn holds(&self, account: AccountId) -> bool {
        self.keys.holds(account)
    }
}
