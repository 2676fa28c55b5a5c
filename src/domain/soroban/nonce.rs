//! The nonces of a call: each is used once, and a used one says that the call ran, in whoever's transaction.

use std::fmt;

use stellar_xdr as xdr;

use super::auth::{address_of, credentials, nonce_key};
use crate::domain::intent::Request;
use crate::domain::operation::ContractOperation;
use crate::domain::primitives::AccountId;
use crate::domain::tag::Tag;

/// The nonce of an authorisation, and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// Who authorises.
    pub address: xdr::ScAddress,
    /// The number.
    pub number: i64,
}

impl Nonce {
    /// The nonce of a classic account's authorisation.
    #[must_use]
    pub const fn of_account(account: AccountId, number: i64) -> Self {
        Self {
            address: address_of(account),
            number,
        }
    }

    /// The nonce of an authorisation; `None` where it is by being the source, which has none.
    #[must_use]
    pub fn of(entry: &xdr::SorobanAuthorizationEntry) -> Option<Self> {
        let signed = credentials(entry)?;
        Some(Self {
            address: signed.address.clone(),
            number: signed.nonce,
        })
    }

    /// The ledger key under which it stands once it is used.
    #[must_use]
    pub fn key(&self) -> xdr::LedgerKey {
        nonce_key(&self.address, self.number)
    }

    /// Whether a transaction carries the authorisation.
    #[must_use]
    pub fn is_in(&self, transaction: &xdr::Transaction) -> bool {
        transaction.operations.iter().any(|operation| {
            let xdr::OperationBody::InvokeHostFunction(call) = &operation.body else {
                return false;
            };
            let mut entries = call.auth.iter();
            entries.any(|entry| Self::of(entry).as_ref() == Some(self))
        })
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with the nonce {}", self.address, self.number)
    }
}

/// The nonces that a call of this request uses: the source's first, which is the tag, and those of what others signed.
#[must_use]
pub fn nonces(request: &Request, tag: Tag) -> Vec<Nonce> {
    let own = request
        .authorizes_by_entry()
        .then(|| Nonce::of_account(request.source, tag.to_i64()));
    let authorization = request
        .contract()
        .and_then(ContractOperation::authorization);
    let supplied = authorization.map_or(&[][..], |authorization| &authorization.entries);
    own.into_iter()
        .chain(supplied.iter().filter_map(Nonce::of))
        .collect()
}
