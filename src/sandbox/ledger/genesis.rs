//! What a ledger starts from.

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

use super::account::{Account, AccountKey, ClaimableBalance};

/// All lumens there are, in stroops.
pub const TOTAL_COINS: i64 = 1_000_000_000_000_000_000;
/// Protocol 24: what the recorded network spoke.
pub const PROTOCOL_VERSION: u32 = 24;
/// Half a lumen.
pub const BASE_RESERVE_STROOPS: i64 = 5_000_000;
/// The minimum an operation.
pub const BASE_FEE_STROOPS: i64 = 100;
/// Operations a ledger: what a standalone network is usually set to, and enough for load tests of 1000 a second.
pub const MAX_TX_SET_OPERATIONS: u32 = 1000;

/// The first state: an account that owns everything, or whatever a test puts there.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Names the network.
    pub passphrase: String,
    /// Number of the first ledger.
    pub ledger: u32,
    /// Its close time, Unix seconds.
    pub close_time: u64,
    /// Tells chains of one passphrase apart: their hashes differ.
    pub chain: u64,
    /// The accounts of the first ledger.
    pub accounts: Vec<(AccountKey, Account)>,
    /// The claimable balances of the first ledger.
    pub claimables: Vec<([u8; 32], ClaimableBalance)>,
    /// Stroops an operation, at least.
    pub base_fee: i64,
    /// Stroops a subentry.
    pub base_reserve: i64,
    /// The most operations a ledger.
    pub max_tx_set_size: u32,
}

impl Genesis {
    /// A network of its own, on which the root account owns all lumens.
    pub fn standalone(passphrase: &str, close_time: u64) -> Self {
        let root = AccountKey(root_key(passphrase).verifying_key().to_bytes());
        Self {
            passphrase: passphrase.to_owned(),
            ledger: 1,
            close_time,
            chain: 0,
            accounts: vec![(root, Account::new(TOTAL_COINS, 0))],
            claimables: Vec::new(),
            base_fee: BASE_FEE_STROOPS,
            base_reserve: BASE_RESERVE_STROOPS,
            max_tx_set_size: MAX_TX_SET_OPERATIONS,
        }
    }
}

/// SHA-256 of the passphrase: the network's id.
pub fn network_id(passphrase: &str) -> [u8; 32] {
    Sha256::digest(passphrase.as_bytes()).into()
}

/// The key of the root account: the network's id as a seed, as on every Stellar network.
pub fn root_key(passphrase: &str) -> SigningKey {
    SigningKey::from_bytes(&network_id(passphrase))
}
