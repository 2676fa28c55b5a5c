//! What a contract operation's transaction carries beyond its operation: resources, their fee, and who authorised it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use stellar_xdr as xdr;
use xdr::{Limits, ReadXdr, WriteXdr};

use super::intent::Request;
use super::operation::ContractOperation;
use super::primitives::AccountId;
use super::soroban::auth::{address_of, credentials, nonce};
use super::tag::Tag;

/// The most bytes of each part that is read: no transaction is larger.
const MAX_BYTES: usize = 128 * 1024;

/// The part of a plan that a simulation gave. On record with the attempt, before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SorobanPlan {
    /// Footprint, resources and the fee for them, margins included.
    pub data: xdr::SorobanTransactionData,
    /// Signed authorisations, the source's own first.
    pub auth: Vec<xdr::SorobanAuthorizationEntry>,
    /// The attempt only brings archived entries back; the call itself is the next attempt's.
    pub restores: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    data: String,
    auth: Vec<String>,
    restores: bool,
}

impl SorobanPlan {
    /// The fee for resources, in stroops.
    #[must_use]
    pub const fn resource_fee(&self) -> i64 {
        self.data.resource_fee
    }

    /// As the records have it.
    ///
    /// # Panics
    /// Never: what was read or simulated encodes.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let stored = Stored {
            data: encode(&self.data),
            auth: self.auth.iter().map(encode).collect(),
            restores: self.restores,
        };
        serde_json::to_value(stored).expect("strings and a boolean")
    }

    /// Read back; `None` where it is none.
    #[must_use]
    pub fn from_json(value: &serde_json::Value) -> Option<Self> {
        let stored = Stored::deserialize(value).ok()?;
        let auth: Option<Vec<_>> = stored.auth.iter().map(|entry| decode(entry)).collect();
        Some(Self {
            data: decode(&stored.data)?,
            auth: auth?,
            restores: stored.restores,
        })
    }

    /// The authorisations with the tag as the nonce of the first of `source`'s: a plan that has another nonce there is of another
    /// intent, and builds to another hash.
    #[must_use]
    pub fn tagged_auth(&self, source: AccountId, tag: Tag) -> Vec<xdr::SorobanAuthorizationEntry> {
        let mut auth = self.auth.clone();
        let own = auth
            .iter_mut()
            .filter_map(|entry| own_credentials(entry, source));
        for (index, credentials) in own.enumerate() {
            credentials.nonce = nonce(tag, index);
        }
        auth
    }

    /// Whether the ledger itself takes the call once only: the source's authorisation has a nonce, and it is one that we set.
    #[must_use]
    pub fn has_nonce_of(&self, source: AccountId) -> bool {
        let own = address_of(source);
        let mut nonces = self.auth.iter().filter_map(with_own_nonce);
        nonces.any(|credentials| credentials.address == own)
    }
}

fn encode(value: &impl WriteXdr) -> String {
    BASE64.encode(value.to_xdr(Limits::none()).expect("what was read encodes"))
}

fn decode<T: ReadXdr>(text: &str) -> Option<T> {
    let bytes = BASE64.decode(text).ok()?;
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let limits = Limits {
        depth: 100,
        len: bytes.len(),
    };
    T::from_xdr(bytes, limits).ok()
}

/// Whose signature an authorisation carries; `None` for the transaction's own source.
#[must_use]
pub const fn signer(entry: &xdr::SorobanAuthorizationEntry) -> Option<&xdr::ScAddress> {
    match credentials(entry) {
        Some(credentials) => Some(&credentials.address),
        None => None,
    }
}

/// The credentials of an authorisation that one address gives alone: its nonce is that address's to set.
const fn with_own_nonce(
    entry: &xdr::SorobanAuthorizationEntry,
) -> Option<&xdr::SorobanAddressCredentials> {
    match &entry.credentials {
        xdr::SorobanCredentials::Address(credentials)
        | xdr::SorobanCredentials::AddressV2(credentials) => Some(credentials),
        xdr::SorobanCredentials::SourceAccount
        | xdr::SorobanCredentials::AddressWithDelegates(_) => None,
    }
}

/// The credentials of an account's own authorisation, where the entry is one.
pub fn own_credentials(
    entry: &mut xdr::SorobanAuthorizationEntry,
    account: AccountId,
) -> Option<&mut xdr::SorobanAddressCredentials> {
    let own = address_of(account);
    match &mut entry.credentials {
        xdr::SorobanCredentials::Address(credentials)
        | xdr::SorobanCredentials::AddressV2(credentials)
            if credentials.address == own =>
        {
            Some(credentials)
        }
        xdr::SorobanCredentials::SourceAccount
        | xdr::SorobanCredentials::Address(_)
        | xdr::SorobanCredentials::AddressV2(_)
        | xdr::SorobanCredentials::AddressWithDelegates(_) => None,
    }
}

/// Whether a call carries an account's own authorisation.
#[must_use]
pub fn authorized_by(body: &xdr::OperationBody, account: AccountId) -> bool {
    let xdr::OperationBody::InvokeHostFunction(call) = body else {
        return false;
    };
    let own = address_of(account);
    call.auth.iter().any(|entry| signer(entry) == Some(&own))
}

/// The tag that a call carries as a nonce: that of the first authorisation, where an account has signed it.
#[must_use]
pub fn nonce_tag(body: &xdr::OperationBody) -> Option<Tag> {
    signed_nonce_tag(body).map(|(_, tag)| tag)
}

/// The same, and the account that has signed it.
#[must_use]
pub fn signed_nonce_tag(body: &xdr::OperationBody) -> Option<(AccountId, Tag)> {
    let xdr::OperationBody::InvokeHostFunction(call) = body else {
        return None;
    };
    let credentials = with_own_nonce(call.auth.first()?)?;
    match &credentials.address {
        xdr::ScAddress::Account(xdr::AccountId(xdr::PublicKey::PublicKeyTypeEd25519(key))) => {
            Some((AccountId(key.0), Tag::from_i64(credentials.nonce)?))
        }
        _ => None,
    }
}

/// Whether a transaction brings archived entries back, and does nothing else.
#[must_use]
pub fn is_restoration(transaction: &xdr::Transaction) -> bool {
    let restores = |operation: &xdr::Operation| {
        matches!(operation.body, xdr::OperationBody::RestoreFootprint(_))
    };
    !transaction.operations.is_empty() && transaction.operations.iter().all(restores)
}

/// Whether a transaction only brings archived entries back for the call that this request asks for: not its success.
#[must_use]
pub fn only_restores(request: &Request, transaction: &xdr::Transaction) -> bool {
    let asked = matches!(request.contract(), Some(ContractOperation::Restore { .. }));
    request.contract().is_some() && !asked && is_restoration(transaction)
}
