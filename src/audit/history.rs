//! What an account took part in, out of Horizon's history, in the ledger's order, and whether anything of it is missing.
//!
//! A list of Horizon's is not trusted to be whole: pages are skipped, replicas lag, old ledgers are reaped without a word. So
//! the account's own sequence numbers are followed through it, from the transaction before the span to the one behind it or
//! to the account's state.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc;

use super::numbers::Numbers;
use super::patience::Patience;
use crate::domain::observation::{
    AccountSnapshot, Cursor, Landed, TransactionPage, Unknown, UnknownKind, Unreadable,
};
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};
use crate::domain::result_code::SequenceEffect;
use crate::horizon::{Endpoint, Order};

/// Records of a page; each tried where the one before is too many bytes.
const PAGE_RECORDS: [u8; 3] = [200, 50, 10];
/// Pages before the span in which the account's own transaction before it is looked for.
const MAX_PAGES_BEFORE: u32 = 5;
/// Pages behind the span in which the account's next own transaction is looked for.
const MAX_PAGES_BEYOND: u32 = 5;
/// Pages of one account: two hundred million transactions.
const MAX_PAGES: u32 = 1_000_000;
/// Looks at a state that is older than the span's end, before that is an error.
const STATE_LOOKS: u32 = 8;
/// Between two of those.
const STATE_PAUSE: Duration = Duration::from_secs(1);

/// The ledgers that are looked at, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: LedgerSeq,
    /// The last.
    pub last: LedgerSeq,
}

/// Why a history could not be read. Nothing is proven then, nor refuted.
#[derive(Clone, Debug, Error)]
pub enum HistoryError {
    /// Older ledgers are gone.
    #[error(
        "{endpoint} keeps ledgers from {elder} on (its elder ledger), and not back to {first}: begin there, or ask a Horizon with more history"
    )]
    Reaped {
        /// Who.
        endpoint: String,
        /// Its oldest ledger.
        elder: LedgerSeq,
        /// The first that was asked for.
        first: LedgerSeq,
    },
    /// It has not come so far.
    #[error(
        "{endpoint} has ledgers up to {latest} (its latest ledger), and not yet to {last}: end there, or ask later"
    )]
    NotYet {
        /// Who.
        endpoint: String,
        /// Its newest ledger.
        latest: LedgerSeq,
        /// The last that was asked for.
        last: LedgerSeq,
    },
    /// No answer that says anything.
    #[error("{endpoint} did not answer what was asked ({what}): {}", .unknown.detail)]
    Silent {
        /// Who.
        endpoint: String,
        /// What was asked.
        what: &'static str,
        /// What happened instead.
        unknown: Unknown,
    },
    /// The list goes on and on.
    #[error("the history of {0} does not end after {MAX_PAGES} pages")]
    Endless(AccountId),
    /// Whoever took the pages is gone.
    #[error("the reading was given up")]
    GivenUp,
}

/// What was read of an account, a page of it.
#[derive(Debug)]
pub struct Page {
    /// Whose list.
    pub account: AccountId,
    /// Its transactions within the span, in the ledger's order.
    pub transactions: Vec<Landed>,
    /// Records that could not be read, which may lie in the span.
    pub unreadable: Vec<Unreadable>,
    /// The ledger that was reached.
    pub reached: LedgerSeq,
}

/// How the end of a list was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The account's next transaction behind the span was seen.
    Followed,
    /// The account's state has the last number that was seen.
    State,
    /// By the word of Horizon: its list went on behind the span.
    Word,
    /// This Horizon knows no such account.
    NoHistory,
}

/// A list that was read to its end.
#[derive(Debug)]
pub struct Listing {
    /// Whose.
    pub account: AccountId,
    /// Its sequence numbers.
    pub numbers: Numbers,
    /// Transactions within the span.
    pub transactions: u64,
    /// How the end was found.
    pub end: End,
}

/// Reads what an account took part in within a span, a page at a time, each handed to `sink`. `elder` is the oldest ledger
/// that this Horizon has.
///
/// # Errors
/// [`HistoryError`] where any part of it got no answer.
pub async fn read(
    endpoint: &Endpoint,
    account: AccountId,
    span: Span,
    elder: LedgerSeq,
    sink: mpsc::Sender<Page>,
) -> Result<Listing, HistoryError> {
    let reading = Reading {
        endpoint,
        account,
        span,
    };
    // First: what it says is used must then be in the list.
    let state = reading.state().await?;
    let (before, whole_from) = reading.before(elder).await?;
    let mut numbers = Numbers::after(account, before, whole_from);
    let mut listing = reading.pages(&mut numbers, &state, &sink).await?;
    reading.judge_end(&mut listing, &mut numbers, &state);
    Ok(Listing {
        account,
        numbers,
        transactions: listing.transactions,
        end: listing.end,
    })
}

/// What the list itself told.
struct Read {
    transactions: u64,
    end: End,
    /// It went on behind the span.
    beyond: bool,
}

struct Reading<'a> {
    endpoint: &'a Endpoint,
    account: AccountId,
    span: Span,
}

impl Reading<'_> {
    /// The account's state, no older than the span's end.
    async fn state(&self) -> Result<AccountSnapshot, HistoryError> {
        let mut patience = Patience::new(self.endpoint, "the account's state");
        let mut looks = 0;
        loop {
            match self.endpoint.account(self.account).await {
                Ok(snapshot) if snapshot.as_of >= self.span.last => return Ok(snapshot),
                Ok(snapshot) => {
                    looks += 1;
                    if looks >= STATE_LOOKS {
                        return Err(HistoryError::NotYet {
                            endpoint: self.endpoint.name().to_owned(),
                            latest: snapshot.as_of,
                            last: self.span.last,
                        });
                    }
                    tokio::time::sleep(STATE_PAUSE).await;
                }
                Err(unknown) => patience.after(unknown).await?,
            }
        }
    }

    /// The number of the account's newest own transaction before the span, where there is one in history; and the ledger
    /// from which on all of its own transactions are seen.
    async fn before(
        &self,
        elder: LedgerSeq,
    ) -> Result<(Option<Sequence>, LedgerSeq), HistoryError> {
        let unknown = (None, self.span.first);
        let mut cursor = Some(place(self.span.first));
        for _ in 0..MAX_PAGES_BEFORE {
            let page = match self.page(cursor, Order::Descending).await {
                Ok(page) => page,
                Err(HistoryError::Silent { unknown: gone, .. })
                    if gone.kind == UnknownKind::Gone =>
                {
                    return Ok(unknown);
                }
                Err(error) => return Err(error),
            };
            let Some(page) = page else { return Ok(unknown) };
            // A record that could not be read may be newer than any that could.
            if !page.unreadable.is_empty() {
                return Ok(unknown);
            }
            let own = page.transactions.iter().find(|landed| {
                landed.source_account == self.account && landed.ledger < self.span.first
            });
            if let Some(own) = own {
                // One that failed may have left its number unused: then nothing is known.
                let consumed =
                    own.successful || own.outcome.sequence_effect() == SequenceEffect::Consumed;
                return Ok((consumed.then_some(own.sequence), self.span.first));
            }
            if page.is_last {
                return Ok((None, elder));
            }
            cursor = page.last;
        }
        Ok(unknown)
    }

    async fn pages(
        &self,
        numbers: &mut Numbers,
        state: &AccountSnapshot,
        sink: &mpsc::Sender<Page>,
    ) -> Result<Read, HistoryError> {
        let mut read = Read {
            transactions: 0,
            end: End::Word,
            beyond: false,
        };
        let mut cursor = Some(place(self.span.first));
        let mut pages_beyond = 0;
        for _ in 0..MAX_PAGES {
            let Some(page) = self.page(cursor, Order::Ascending).await? else {
                read.end = End::NoHistory;
                return Ok(read);
            };
            cursor = page.last.or(cursor);
            let reached = cursor.map_or(self.span.first, ledger_of);
            let is_last = page.is_last;
            let mut within = Vec::with_capacity(page.transactions.len());
            let mut followed = false;
            for landed in page.transactions {
                if landed.ledger > self.span.last {
                    read.beyond = true;
                    let sure = landed.successful
                        || landed.outcome.sequence_effect() == SequenceEffect::Consumed;
                    if !followed && sure && landed.source_account == self.account {
                        let used = numbers.used;
                        numbers.take(&landed);
                        numbers.used = used;
                        followed = true;
                    }
                } else if landed.ledger >= self.span.first {
                    numbers.take(&landed);
                    within.push(landed);
                }
            }
            read.transactions += within.len() as u64;
            let page = Page {
                account: self.account,
                transactions: within,
                unreadable: page.unreadable,
                reached: reached.min(self.span.last),
            };
            sink.send(page).await.map_err(|_| HistoryError::GivenUp)?;
            if followed {
                read.end = End::Followed;
                return Ok(read);
            }
            pages_beyond += u32::from(read.beyond);
            let enough =
                read.beyond && (self.is_settled(state) || pages_beyond >= MAX_PAGES_BEYOND);
            if is_last || enough {
                return Ok(read);
            }
        }
        Err(HistoryError::Endless(self.account))
    }

    /// Whether the account's state tells of the span's end: its newest number was used no later.
    fn is_settled(&self, state: &AccountSnapshot) -> bool {
        let state = state.state.as_ref();
        state
            .and_then(|state| state.sequence_ledger)
            .is_some_and(|ledger| ledger <= self.span.last)
    }

    /// Compares the end of the list with the account's state.
    fn judge_end(&self, read: &mut Read, numbers: &mut Numbers, state: &AccountSnapshot) {
        if read.end != End::Word {
            return;
        }
        let Some(account) = &state.state else { return };
        let settled = self.is_settled(state);
        // Read to its very end, or the state is no newer than the span: then the list must have its number.
        if settled || !read.beyond {
            let before_span = account
                .sequence_ledger
                .is_none_or(|ledger| ledger < self.span.first);
            if numbers.current().is_none() && !before_span {
                // Nothing of it was shown at all, and it was used within the span, or behind it.
                let before = Some(Sequence(account.sequence.0 - 1));
                *numbers = Numbers::after(self.account, before, self.span.first);
            }
            numbers.end(
                account.sequence,
                account.sequence_ledger.unwrap_or(state.as_of),
            );
            read.end = End::State;
        }
    }

    async fn page(
        &self,
        cursor: Option<Cursor>,
        order: Order,
    ) -> Result<Option<TransactionPage>, HistoryError> {
        let mut patience = Patience::new(self.endpoint, "the account's transactions");
        let [mut limit, smaller @ ..] = PAGE_RECORDS;
        let mut smaller = smaller.into_iter();
        loop {
            let page = self
                .endpoint
                .account_transactions(self.account, cursor, order, limit)
                .await;
            match page {
                Ok(page) => return Ok(page),
                // Perhaps more bytes than are read at once.
                Err(unknown) if unknown.kind == UnknownKind::Lying && smaller.len() > 0 => {
                    limit = smaller.next().unwrap_or(limit);
                }
                Err(unknown) => patience.after(unknown).await?,
            }
        }
    }
}

/// The place before everything of a ledger.
fn place(ledger: LedgerSeq) -> Cursor {
    Cursor(i64::from(ledger.0) << 32)
}

fn ledger_of(cursor: Cursor) -> LedgerSeq {
    LedgerSeq(u32::try_from(cursor.0 >> 32).unwrap_or(u32::MAX))
}
