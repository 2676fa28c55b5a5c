//! What would become of an intent that was taken up now: nothing of it is stored, and nothing is promised.

mod findings;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use stellar_xdr as xdr;

use super::attempt::Attempt;
use super::observation::AccountState;
use super::primitives::{AccountId, LedgerSeq, Stroops};
use super::soroban::Need;

pub use findings::{accounts, findings, payer_findings};

/// What was found out.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The newest ledger when it was made.
    pub as_of: LedgerSeq,
    /// The transaction as it would be built, where it could be.
    pub draft: Option<Draft>,
    /// What a contract operation does by its simulation, where it runs.
    pub call: Option<CallPreview>,
    /// What speaks against its success, or could not be looked at.
    pub findings: Vec<Finding>,
}

/// A transaction that is neither signed nor on record. Another channel, and so another hash, may be used when it is taken up.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The attempt that it would be.
    pub attempt: Attempt,
    /// Its envelope in XDR, without signatures of ours.
    pub envelope: Vec<u8>,
    /// What is offered for it at first, in stroops, resource fee and fee bump included.
    pub fee: Stroops,
    /// The most that may ever be bid, in stroops an operation.
    pub cap: Stroops,
    /// Who pays the fee.
    pub payer: AccountId,
}

impl Draft {
    /// What a ledger charges for it at least, in stroops: its own smallest fee, and the resources.
    #[must_use]
    pub fn least_fee(&self, base_fee: Stroops) -> i64 {
        let operations = i64::from(self.attempt.operations) + i64::from(self.attempt.sponsored);
        let bid = base_fee.get().saturating_mul(operations);
        bid.saturating_add(self.attempt.plan.resource_fee())
    }
}

/// What a contract operation asks for and gives.
#[derive(Clone, Debug)]
pub struct CallPreview {
    /// What guards it.
    pub need: Need,
    /// Archived entries must be restored by a transaction before it.
    pub restores_before: bool,
    /// What it returns.
    pub value: Option<xdr::ScVal>,
    /// What contracts say while it runs; no diagnostic events.
    pub events: Arc<[xdr::ContractEvent]>,
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As the ledger stands, the transaction would not succeed.
    Error,
    /// It could not be looked at.
    Unknown,
}

/// Something that speaks against success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// A word for programs: the result code that the ledger would give, where there is one.
    pub code: String,
    /// Where in the request, as a JSON pointer; empty for the whole.
    pub pointer: String,
    /// About this case, for people.
    pub detail: String,
}

/// What is known of an account.
#[derive(Clone, Debug)]
pub enum Sight {
    /// It exists.
    There(Box<AccountState>),
    /// It does not.
    Absent,
    /// It could not be looked at.
    Unknown,
}

/// What is known of each account that was looked at.
pub type Sights = BTreeMap<AccountId, Sight>;

impl Finding {
    /// One that speaks against success.
    #[must_use]
    pub fn error(code: &str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.to_owned(),
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }

    /// One about what could not be looked at.
    #[must_use]
    pub fn unknown(code: &str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Unknown,
            ..Self::error(code, pointer, detail)
        }
    }
}
