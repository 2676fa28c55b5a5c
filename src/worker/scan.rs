//! Reading a closed ledger once, for everything in flight that it holds.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

use super::flight::Watched;
use crate::domain::observation::{Cursor, Landed, LedgerHeader, TransactionPage};
use crate::domain::primitives::LedgerSeq;
use crate::horizon::Endpoint;

/// Records that Horizon gives in one page.
const PAGE_RECORDS: u32 = 200;
/// Pages that are read of one ledger at most: beyond any ledger there is.
const MAX_PAGES: u32 = 1_000;
/// Pages that are asked for at once.
const PAGES_AT_ONCE: usize = 4;
/// Tries to read a page before its ledger counts as not read; then hashes are looked up instead.
const PAGE_TRIES: u32 = 3;

/// What a ledger holds of what is in flight; `None` where it was not read, because looking each hash up takes fewer
/// requests, or because it failed.
pub(super) async fn read(
    endpoint: &Endpoint,
    header: &LedgerHeader,
    watched: &Watched,
) -> Option<Vec<(Uuid, Landed)>> {
    let waiting = u32::try_from(watched.len()).unwrap_or(u32::MAX);
    let pages = header.transactions.div_ceil(PAGE_RECORDS);
    if waiting == 0 || pages == 0 {
        return Some(Vec::new());
    }
    if waiting < pages || pages > MAX_PAGES {
        return None;
    }
    match side_by_side(endpoint, header, pages, watched).await {
        Some(found) => Some(found),
        None => one_by_one(endpoint, header.sequence, watched).await,
    }
}

/// The place after a ledger's first so many transactions, by SEP-35: ledger, order of application from 1, operation.
fn place(ledger: LedgerSeq, transactions: u32) -> Cursor {
    Cursor((i64::from(ledger.0) << 32) | (i64::from(transactions) << 12))
}

/// Reads all pages at the places where they must begin. `None` where one does not end at the place where the next begins:
/// then something may lie between them.
async fn side_by_side(
    endpoint: &Endpoint,
    header: &LedgerHeader,
    pages: u32,
    watched: &Watched,
) -> Option<Vec<(Uuid, Landed)>> {
    let ledger = header.sequence;
    let page = |number: u32| async move {
        let begin = number * PAGE_RECORDS;
        let end = header.transactions.min(begin + PAGE_RECORDS);
        let after = (begin > 0).then(|| place(ledger, begin));
        let page = page(endpoint, ledger, after, watched).await?;
        let whole = page.records == end - begin && page.last == Some(place(ledger, end));
        whole.then(|| ours(page, watched)).flatten().ok_or(())
    };
    let found: Result<Vec<Vec<_>>, ()> = stream::iter((0..pages).map(page))
        .buffered(PAGES_AT_ONCE)
        .try_collect()
        .await;
    found
        .ok()
        .map(|found| found.into_iter().flatten().collect())
}

/// Reads the pages after each other, each from where the one before ended.
async fn one_by_one(
    endpoint: &Endpoint,
    ledger: LedgerSeq,
    watched: &Watched,
) -> Option<Vec<(Uuid, Landed)>> {
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = page(endpoint, ledger, cursor, watched).await.ok()?;
        let (is_last, last) = (page.is_last, page.last);
        found.extend(ours(page, watched)?);
        if is_last {
            return Some(found);
        }
        cursor = last;
    }
    None
}

async fn page(
    endpoint: &Endpoint,
    ledger: LedgerSeq,
    after: Option<Cursor>,
    watched: &Watched,
) -> Result<TransactionPage, ()> {
    let wanted = |hash: &_| watched.intent(hash).is_some();
    for _ in 0..PAGE_TRIES {
        if let Ok(Some(page)) = endpoint.ledger_transactions(ledger, after, &wanted).await {
            return Ok(page);
        }
    }
    Err(())
}

/// What a page holds of what is in flight; `None` where a record that could not be read may be one of it: then each is
/// looked up.
fn ours(page: TransactionPage, watched: &Watched) -> Option<Vec<(Uuid, Landed)>> {
    if !page.unreadable.is_empty() {
        return None;
    }
    let landed = page.transactions.into_iter();
    #[cfg(feature = "simulation")]
    let landed = landed.filter(|landed| {
        landed.successful
            || !crate::defect::is_made(crate::defect::Defect::IgnoreFailedTransactions)
    });
    let ours = landed.filter_map(|landed| Some((watched.intent(&landed.inner_hash)?, landed)));
    Some(ours.collect())
}
