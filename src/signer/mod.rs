//! Custody: who signs. Keys in this process now; a KMS or a vault stands behind the same trait.

mod keyring;
mod local;
mod secret_key;
pub mod sep5;

use stellar_xdr::DecoratedSignature;
use thiserror::Error;

pub use keyring::Keyring;
pub use local::LocalKeys;
pub use secret_key::{SecretKey, SecretKeyError};
pub use sep5::{ChannelSeed, SeedError};

use crate::domain::primitives::AccountId;

/// Signs hashes for accounts. The same account and hash must always give the same signature (Ed25519 does), so that a
/// rebuilt envelope is the same bytes.
pub trait Signer: Send + Sync {
    /// The signature of this hash with the key of this account, and its hint.
    ///
    /// # Errors
    /// [`SignError::UnknownAccount`] where the key is not held.
    fn sign(&self, account: AccountId, hash: &[u8; 32]) -> Result<DecoratedSignature, SignError>;

    /// Whether the key of this account is held.
    fn holds(&self, account: AccountId) -> bool;
}

/// Why there is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignError {
    /// Nobody gave us that key.
    #[error("no key is held for {0}")]
    UnknownAccount(AccountId),
}
