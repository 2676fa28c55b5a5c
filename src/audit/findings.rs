//! What was found: violations of the promise, what keeps it from being proven, and what is only worth knowing.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::domain::primitives::{LedgerSeq, TxHash};
use crate::domain::tag::Tag;

/// The most findings that are kept of each class; more are counted.
const MAX_KEPT: usize = 1000;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Stable, for programs.
    pub kind: &'static str,
    /// For people: who, where, and what follows.
    pub detail: String,
    /// The tag that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The transaction that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// The ledger that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<u32>,
    /// The intent that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
}

impl Finding {
    /// A finding of a kind.
    #[must_use]
    pub fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            tag: None,
            transaction: None,
            ledger: None,
            intent: None,
        }
    }

    /// About a tag.
    #[must_use]
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tag = Some(tag.to_string());
        self
    }

    /// About a transaction.
    #[must_use]
    pub fn transaction(mut self, hash: TxHash) -> Self {
        self.transaction = Some(hash.to_string());
        self
    }

    /// About a ledger.
    #[must_use]
    pub const fn ledger(mut self, ledger: LedgerSeq) -> Self {
        self.ledger = Some(ledger.0);
        self
    }

    /// About an intent.
    #[must_use]
    pub fn intent(mut self, intent: impl ToString) -> Self {
        self.intent = Some(intent.to_string());
        self
    }
}

/// Findings of one class, each once.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// How many there are. Beyond those that are kept, one that was seen twice counts twice.
    pub count: u64,
    /// The first thousand.
    pub items: BTreeSet<Finding>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        if self.items.len() >= MAX_KEPT {
            self.count += u64::from(!self.items.contains(&finding));
        } else if self.items.insert(finding) {
            self.count += 1;
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}
