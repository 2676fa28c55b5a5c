//! The tag: 63 bits of the intent's key, inside every transaction that is built for it.

use std::fmt;

use sha2::{Digest, Sha256};
use stellar_xdr::MuxedAccount;

use super::primitives::NetworkId;

/// What a later version of the derivation must change, so that two never meet.
const DOMAIN_SEPARATOR: &[u8] = b"stellar-submitter/v1";

/// 63 bits, never 0, that say on the chain which intent a transaction belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u64);

impl Tag {
    /// The tag of `(tenant, workflow_id, method)` on a network.
    #[must_use]
    pub fn derive(network: NetworkId, tenant: &str, workflow_id: &str, method: &str) -> Self {
        Self::from_digest(digest(network, tenant, workflow_id, method))
    }

    /// The tag in a SHA-256 digest: its first eight bytes without the top bit, and 1 in place of 0.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let bits = u64::from_be_bytes([a, b, c, d, e, f, g, h]) & (u64::MAX >> 1);
        Self(if bits == 0 { 1 } else { bits })
    }

    /// The tag that a muxed id may be: `None` where its top bit is set or it is 0.
    #[must_use]
    pub const fn from_muxed_id(id: u64) -> Option<Self> {
        if id == 0 || id > u64::MAX >> 1 {
            None
        } else {
            Some(Self(id))
        }
    }

    /// The tag that an account is written with, where it is muxed.
    #[must_use]
    pub const fn of_account(account: &MuxedAccount) -> Option<Self> {
        match account {
            MuxedAccount::Ed25519(_) => None,
            MuxedAccount::MuxedEd25519(muxed) => Self::from_muxed_id(muxed.id),
        }
    }

    /// The number, as it stands in a muxed account.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as a signed integer, for columns that know no other.
    #[must_use]
    pub const fn to_i64(self) -> i64 {
        self.0 as i64
    }

    /// The tag in such a column.
    #[must_use]
    pub const fn from_i64(value: i64) -> Option<Self> {
        if value <= 0 {
            None
        } else {
            Some(Self(value as u64))
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn digest(network: NetworkId, tenant: &str, workflow_id: &str, method: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(DOMAIN_SEPARATOR);
    hash.update(network.0);
    for part in [tenant, workflow_id, method] {
        // A length before each part: without it ("ab","c") and ("a","bc") would have one tag.
        let length =
            u32::try_from(part.len()).expect("the parts of a key are at most 255 characters");
        hash.update(length.to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}
