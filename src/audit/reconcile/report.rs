//! The report of a comparison, for programs; the command line draws a table of it.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use super::balance::BalanceReport;
use crate::audit::Findings;
use crate::domain::primitives::LedgerSeq;
use crate::store::reconciliations::{Held, NewRun};

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Records and chain say the same, as far as was looked, and nothing was missing.
    Clean,
    /// They do not.
    Findings,
    /// Nothing was found, but not everything could be seen.
    Incomplete,
}

impl Status {
    /// As programs read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Findings => "findings",
            Self::Incomplete => "incomplete",
        }
    }
}

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What it came to.
    pub status: Status,
    /// Who was asked: host and port.
    pub horizon: String,
    /// The first ledger that was compared.
    pub from_ledger: LedgerSeq,
    /// The last one.
    pub to_ledger: LedgerSeq,
    /// Everything up to here is compared and settled; the next comparison begins behind it. Null where nothing is.
    pub watermark: Option<LedgerSeq>,
    /// Whether nothing was missing in what was read.
    pub complete: bool,
    /// What was missing, a sentence each.
    pub incomplete: Vec<String>,
    /// Accounts whose lists were read: source, fee account, and channels that were used in these ledgers.
    pub accounts: usize,
    /// Channels of which the state alone said that they were not used.
    pub idle_channels: usize,
    /// Transactions of ours that were compared.
    pub transactions: u64,
    /// Of these, the records say the same.
    pub matched: u64,
    /// Of these, just landed, and about to be settled.
    pub pending: u64,
    /// Of these, with a tag of no intent.
    pub unclaimed: u64,
    /// Of these, explained by nothing: somebody else uses a key.
    pub unexplained: u64,
    /// Transactions in the lists that none of our keys has signed: somebody paid to us.
    pub of_others: u64,
    /// Findings of each kind.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// The findings.
    pub findings: Findings,
    /// Balances of source and fee account.
    pub balances: Vec<BalanceReport>,
    /// What the next account of balances begins with.
    #[serde(skip)]
    pub held: BTreeMap<String, (u32, Held)>,
}

impl Report {
    /// Whether there is something to look at.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        matches!(self.status, Status::Clean)
    }

    /// As it is put on record.
    ///
    /// # Errors
    /// None in practice: everything in it can be written as JSON.
    pub fn to_run(&self, started_at: OffsetDateTime) -> Result<NewRun, serde_json::Error> {
        let items = self.findings.items.iter();
        let found = items.map(|finding| {
            let all = serde_json::to_value(finding)?;
            Ok((finding.kind.to_owned(), finding.detail.clone(), all))
        });
        Ok(NewRun {
            started_at,
            watermark: self.watermark,
            complete: self.complete,
            findings: self.findings.count,
            balances: self.held.clone(),
            report: serde_json::to_value(self)?,
            found: found.collect::<Result<_, serde_json::Error>>()?,
        })
    }
}
