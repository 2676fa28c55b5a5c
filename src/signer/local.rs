//! Keys in this process's memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use ed25519_dalek::{Signer as _, SigningKey};
use stellar_xdr::{DecoratedSignature, Signature};

use super::secret_key::SecretKey;
use super::{SignError, Signer};
use crate::domain::primitives::AccountId;

/// The keys that were given, each made ready once. They are zeroed when dropped.
#[derive(Default)]
pub struct LocalKeys {
    keys: RwLock<HashMap<AccountId, SigningKey>>,
}

impl LocalKeys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key, and says whose it is. Channels may be added while others sign.
    pub fn add(&self, key: &SecretKey) -> AccountId {
        let signing = key.signing_key();
        let account = AccountId(signing.verifying_key().to_bytes());
        self.keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(account, signing);
        account
    }
}

impl Signer for LocalKeys {
    fn sign(&self, account: AccountId, hash: &[u8; 32]) -> Result<DecoratedSignature, SignError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys
            .get(&account)
            .ok_or(SignError::UnknownAccount(account))?;
        let bytes = key.sign(hash).to_bytes();
        Ok(DecoratedSignature {
            hint: account.hint(),
            signature: Signature(
                bytes
                    .to_vec()
                    .try_into()
                    .expect("64 bytes are what a signature may have"),
            ),
        })
    }

    fn holds(&self, account: AccountId) -> bool {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.contains_key(&account)
    }
}

impl fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "LocalKeys({} keys, redacted)", keys.len())
    }
}
