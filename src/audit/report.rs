//! The report of a verification, for programs; the command line draws a table of it.

use serde::{Serialize, Serializer};

use super::findings::Findings;
use super::history::{End, Listing};
use super::numbers::{Gap, Start};
use super::tally::Counts;
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At most one success a tag, each recognised, and nothing is missing.
    Proven,
    /// Nothing speaks against it, but something is missing.
    NotProven,
    /// It does not hold.
    Violated,
}

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The network's passphrase.
    pub network: String,
    /// Who was asked: host and port.
    pub horizon: String,
    /// The first ledger.
    pub from_ledger: LedgerSeq,
    /// The last ledger.
    pub to_ledger: LedgerSeq,
    /// What was read of each account.
    pub accounts: Vec<AccountReport>,
    /// Transactions of ours, each counted once.
    pub counts: Counts,
    /// Transactions in the lists that none of the accounts has signed: somebody paid to them.
    pub of_others: u64,
    /// Against the records; null where no database was given.
    pub database: Option<DatabaseReport>,
    /// What must not be.
    pub violations: Findings,
    /// What keeps it from being proven.
    pub unproven: Findings,
    /// What is worth knowing.
    pub notes: Findings,
}

/// What was read of an account.
#[derive(Debug, Serialize)]
pub struct AccountReport {
    /// Whose.
    pub account: AccountId,
    /// Not given, but found to carry our tags.
    pub found: bool,
    /// Transactions in its list.
    pub transactions: u64,
    /// Of these, its own: each used one of its sequence numbers.
    pub own: u64,
    /// Its newest used sequence number that was seen.
    #[serde(serialize_with = "maybe_as_text")]
    pub newest_sequence: Option<Sequence>,
    /// How it is known that nothing is missing at the beginning.
    pub start: Start,
    /// How it is known that nothing is missing at the end: `followed`, `state`, or `word` for Horizon's word alone.
    pub end: &'static str,
    /// Sequence numbers that no transaction shown has used.
    pub gaps: Vec<Gap>,
    /// How many such gaps there are.
    pub gap_count: u64,
}

/// Against the records.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct DatabaseReport {
    /// Successes that were rebuilt from their intent to the same hash.
    pub rebuilt: u64,
    /// Intents that were looked at.
    pub intents: u64,
    /// Of these, succeeded within the ledgers, their transaction being there.
    pub succeeded: u64,
    /// Of these, final and not succeeded, and not on the ledger.
    pub never_landed: u64,
    /// Of these, succeeded in other ledgers.
    pub other_ledgers: u64,
    /// Of these, succeeded by accounts that were not read.
    pub other_accounts: u64,
    /// Of these, not final yet.
    pub open: u64,
}

impl AccountReport {
    /// Of a list that was read.
    #[must_use]
    pub fn new(listing: &Listing, found: bool) -> Self {
        let numbers = &listing.numbers;
        Self {
            account: listing.account,
            found,
            transactions: listing.transactions,
            own: numbers.used,
            newest_sequence: numbers.current(),
            start: numbers.start,
            end: match listing.end {
                End::Followed => "followed",
                End::State => "state",
                End::Word => "word",
                End::NoHistory => "no_history",
            },
            gaps: numbers.gaps.clone(),
            gap_count: numbers.gap_count,
        }
    }
}

impl Report {
    /// The verdict that follows from what was found.
    #[must_use]
    pub const fn judge(violations: &Findings, unproven: &Findings) -> Verdict {
        if !violations.is_empty() {
            Verdict::Violated
        } else if !unproven.is_empty() {
            Verdict::NotProven
        } else {
            Verdict::Proven
        }
    }
}

/// 64-bit numbers are strings in our JSON.
pub(super) fn as_text<S: Serializer>(number: &Sequence, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
fn maybe_as_text<S: Serializer>(
    number: &Option<Sequence>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.collect_str(number),
        None => serializer.serialize_none(),
    }
}
