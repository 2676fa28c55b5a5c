//! What an account did behind a sequence number that is on record, in its own history, without a gap.

use thiserror::Error;

use super::history::HistoryError;
use super::numbers::Numbers;
use super::patience::{look, page};
use super::reconcile::compare::touch;
use crate::domain::observation::{Cursor, Landed};
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};
use crate::domain::tag::Tag;
use crate::horizon::{Endpoint, Order};

/// Records of a page.
const PAGE_RECORDS: u8 = 200;
/// Pages that are read: a hundred thousand transactions, kept in memory until all are there.
const MAX_PAGES: u32 = 500;

/// Why a channel's tail is not explained.
#[derive(Debug, Error)]
pub enum TailError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It does not exist.
    #[error("{account} does not exist as of ledger {as_of}")]
    Missing {
        /// Whose.
        account: AccountId,
        /// As of which ledger.
        as_of: LedgerSeq,
    },
    /// Numbers are used by nothing that is shown.
    #[error(
        "sequence numbers of {account} behind {known} were used as of ledger {as_of}, and not every transaction that did is shown: try again, or name a Horizon with more history"
    )]
    Unexplained {
        /// Whose.
        account: AccountId,
        /// What is on record.
        known: Sequence,
        /// As of which ledger.
        as_of: LedgerSeq,
    },
}

/// What an account did.
#[derive(Debug)]
pub struct Tail {
    /// The newest number that it has used.
    pub sequence: Sequence,
    /// As of which ledger.
    pub as_of: LedgerSeq,
    /// Its own transactions behind what is on record, the oldest first.
    pub transactions: Vec<Landed>,
}

impl Tail {
    /// Those that are ours by their tags.
    #[must_use]
    pub fn ours(&self, source: AccountId, fee_account: AccountId) -> Vec<(Tag, Landed)> {
        let tagged = self.transactions.iter().filter_map(|landed| {
            let touch = touch(landed, source, fee_account);
            let tag = touch.tag.filter(|_| touch.ours)?;
            Some((tag, landed.clone()))
        });
        tagged.collect()
    }
}

/// Reads it.
///
/// # Errors
/// [`TailError`] where any of its numbers is explained by nothing.
pub async fn read(
    endpoint: &Endpoint,
    account: AccountId,
    known: Sequence,
) -> Result<Tail, TailError> {
    let snapshot = look(endpoint, account).await?;
    let as_of = snapshot.as_of;
    let Some(state) = snapshot.state else {
        return Err(TailError::Missing { account, as_of });
    };
    let mut tail = Tail {
        sequence: state.sequence,
        as_of,
        transactions: Vec::new(),
    };
    if state.sequence <= known {
        return Ok(tail);
    }
    let mut cursor: Option<Cursor> = None;
    'pages: for _ in 0..MAX_PAGES {
        let shown = page(endpoint, account, cursor, Order::Descending, PAGE_RECORDS).await?;
        let Some(page) = shown else { break };
        for landed in page.transactions {
            if landed.source_account != account {
                continue;
            }
            if landed.sequence <= known {
                break 'pages;
            }
            tail.transactions.push(landed);
        }
        if page.is_last {
            break;
        }
        cursor = page.last;
    }
    tail.transactions.reverse();
    let mut numbers = Numbers::after(account, Some(known), LedgerSeq(0));
    for landed in &tail.transactions {
        numbers.take(landed);
    }
    numbers.end(state.sequence, as_of);
    if numbers.gap_count > 0 {
        return Err(TailError::Unexplained {
            account,
            known,
            as_of,
        });
    }
    Ok(tail)
}
