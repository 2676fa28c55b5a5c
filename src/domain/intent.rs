//! An intent: what a user asks for, read into types, in its normal form, compared field by field.

mod compare;
mod form;
mod presigned;
mod read;
mod secrets;

use std::fmt;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use compare::{first_difference, first_difference_of_forms};
pub use presigned::Presigned;
pub use read::{Accounts, read, read_stored};

use super::memo::Memo;
use super::operation::{ContractOperation, Credentials, Operation};
use super::primitives::{AccountId, ChainTime, NetworkId, Stroops};
use super::tag::Tag;

/// The most characters of a workflow id, a method, a tenant or an ordering key.
pub const MAX_NAME_CHARACTERS: usize = 255;
/// The most bytes of an intent's metadata, as JSON.
pub const MAX_METADATA_BYTES: usize = 4096;

/// Who an intent belongs to and what it is called: unique for ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IntentKey {
    /// Whose it is.
    pub tenant: String,
    /// The business workflow.
    pub workflow_id: String,
    /// What of that workflow.
    pub method: String,
}

impl IntentKey {
    /// The tag that every transaction of this intent carries.
    #[must_use]
    pub fn tag(&self, network: NetworkId) -> Tag {
        Tag::derive(network, &self.tenant, &self.workflow_id, &self.method)
    }
}

/// What an account's state at the wrong moment (no trustline, no funds) does to an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStateError {
    /// It fails.
    Fail,
    /// It is parked, and tried again until it is no longer valid.
    Park,
}

/// What an intent puts on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Operations of which we build transactions.
    Operations(Vec<Operation>),
    /// A transaction that is signed already: its hash is the attempt.
    Presigned(Box<Presigned>),
}

/// What a user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The business workflow.
    pub workflow_id: String,
    /// What of that workflow.
    pub method: String,
    /// Whose funds move.
    pub source: AccountId,
    /// What goes onto the ledger.
    pub content: Content,
    /// The user's memo.
    pub memo: Memo,
    /// Not in a ledger that closes earlier.
    pub not_before: Option<ChainTime>,
    /// Not in a ledger that closes later.
    pub valid_until: Option<ChainTime>,
    /// One at a time among those with the same key, in the order of acceptance.
    pub ordering_key: Option<String>,
    /// What a state error does.
    pub on_state_error: OnStateError,
    /// The most that may be bid, in stroops an operation; the configured cap where absent.
    pub max_fee_per_operation: Option<Stroops>,
    /// The user's own object.
    pub metadata: Option<Value>,
}

/// Writes a chain time as RFC 3339.
#[must_use]
pub fn rfc3339(at: ChainTime) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| at.0.to_string())
}

impl OnStateError {
    /// As users write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Park => "park",
        }
    }
}

impl fmt::Display for OnStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Request {
    /// The fields of the normal form, in the order in which differences are looked for.
    pub const FIELDS: [&'static str; 12] = [
        "workflow_id",
        "method",
        "source",
        "operations",
        "transaction_xdr",
        "memo",
        "not_before",
        "valid_until",
        "ordering_key",
        "on_state_error",
        "max_fee_per_operation",
        "metadata",
    ];

    /// The intent's key for a tenant.
    #[must_use]
    pub fn key(&self, tenant: &str) -> IntentKey {
        IntentKey {
            tenant: tenant.to_owned(),
            workflow_id: self.workflow_id.clone(),
            method: self.method.clone(),
        }
    }

    /// Its operation on contracts, which stands alone, where it has one.
    #[must_use]
    pub fn contract(&self) -> Option<&ContractOperation> {
        match &self.content {
            Content::Operations(operations) => match operations.as_slice() {
                [Operation::Contract(operation)] => Some(operation),
                _ => None,
            },
            Content::Presigned(_) => None,
        }
    }

    /// Whether its transaction calls a contract: then neither memo nor muxed accounts are allowed in it (protocol 25).
    #[must_use]
    pub fn calls_contract(&self) -> bool {
        self.contract()
            .is_some_and(|operation| operation.authorization().is_some())
    }

    /// Whether its source signs an authorisation of a call, and not the call's transaction.
    #[must_use]
    pub fn authorizes_by_entry(&self) -> bool {
        let authorization = self.contract().and_then(ContractOperation::authorization);
        authorization.is_some_and(|auth| auth.credentials == Credentials::Address)
    }

    /// How many operations its transaction has.
    #[must_use]
    pub fn operation_count(&self) -> u32 {
        let count = match &self.content {
            Content::Operations(operations) => operations.len(),
            Content::Presigned(presigned) => presigned.operation_count(),
        };
        u32::try_from(count).expect("a transaction has at most 100 operations")
    }

    /// Everybody who receives by it, for lists that are filtered by destination.
    #[must_use]
    pub fn destinations(&self) -> Vec<AccountId> {
        let mut all = match &self.content {
            Content::Operations(operations) => operations
                .iter()
                .filter_map(Operation::destination)
                .collect(),
            Content::Presigned(_) => Vec::new(),
        };
        all.sort_unstable();
        all.dedup();
        all
    }
}
