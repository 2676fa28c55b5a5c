//! The records and the chain, compared both ways, from a ledger that is done to the newest.
//!
//! Everything is asked of one Horizon. Its lists are read with failed transactions, and each account's own sequence numbers
//! are followed through them ([`super::history`]), so that a page that was skipped, or ledgers that are gone, are noticed: then
//! the report is incomplete, and says why.

pub mod balance;
pub mod compare;
mod report;
mod run;

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use thiserror::Error;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use self::balance::{Balances, held};
use self::run::{ChannelLook, Run};
use super::history::{self, HistoryError, Listing, Page, Span};
use super::patience::{covers, look};
use crate::domain::observation::AccountSnapshot;
use crate::domain::primitives::{AccountId, LedgerSeq, NetworkId};
use crate::horizon::Endpoint;
use crate::store::reconciliations::Mark;
use crate::store::{Store, StoreError};

pub use compare::KINDS;
pub use report::{Report, Status};

/// Accounts that are looked at, and read, at once.
const ACCOUNTS_AT_ONCE: usize = 4;
/// Pages that wait to be compared.
const PAGES_AHEAD: usize = 8;
/// Looks until source and fee account are seen after the same ledger, and its history is there.
const STEADY_LOOKS: u32 = 10;
/// Between two of those.
const STEADY_PAUSE: Duration = Duration::from_millis(500);

/// Where a comparison begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Behind what is done; the first time, where the records begin.
    Mark,
    /// At a ledger.
    Ledger(LedgerSeq),
    /// At the oldest ledger that Horizon has.
    Full,
}

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The network's passphrase.
    pub passphrase: &'a str,
    /// The account whose funds move.
    pub source: AccountId,
    /// The account that pays for fee bumps.
    pub fee_account: AccountId,
    /// Where it begins.
    pub begin: Begin,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many accounts are to be read.
    Accounts(usize),
    /// An account was read.
    Read,
    /// So many transactions were compared.
    Compared(u64),
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The records cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The report cannot be written.
    #[error("the report cannot be written: {0}")]
    Report(#[from] serde_json::Error),
    /// Two states of one ledger could not be had.
    #[error(
        "{0} does not show source and fee account after one ledger: it may be several that differ; try again"
    )]
    Unsteady(String),
}

/// Compares. Where any part of it could not be read, nothing is said.
async fn reconcile(
    endpoint: &Endpoint,
    store: &Store,
    question: Question<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, ReconcileError> {
    let mark = store.reconciliation_mark().await?;
    let (last, snapshots) = steady(endpoint, &question).await?;
    let elder = reached(endpoint, last).await?;
    let (first, reaped) = first(endpoint, store, &question, &mark, (elder, last)).await?;
    let span = Span { first, last };
    let mut run = Run::new(store, NetworkId::of(question.passphrase), question, span);
    if let Some(reaped) = reaped {
        run.missing(reaped);
    }
    for snapshot in snapshots {
        let account = snapshot.account;
        let end = (last, snapshot.state.as_ref().map(held).unwrap_or_default());
        let start = mark.balances.get(&account.to_string()).cloned();
        // Only where everything since then is read.
        let start = start
            .filter(|(ledger, _)| question.begin != Begin::Full && first.0 <= ledger + 1)
            .map(|(ledger, held)| (LedgerSeq(ledger), held));
        run.balances
            .insert(account, Balances::new(account, start, end));
    }
    let looks = look_at_channels(endpoint, store).await?;
    run.channels(looks).await?;
    if first <= last {
        progress(Progress::Accounts(run.to_read().len()));
        let listings = read(endpoint, &mut run, elder, progress).await?;
        for listing in &listings {
            run.end_of(listing).await?;
        }
        // What was reaped while it was read may be missing in what was read.
        covers(endpoint, span).await?;
    }
    run.finish(endpoint.name(), mark.watermark).await
}

/// Source and fee account, seen after the same ledger.
async fn steady(
    endpoint: &Endpoint,
    question: &Question<'_>,
) -> Result<(LedgerSeq, Vec<AccountSnapshot>), ReconcileError> {
    for _ in 0..STEADY_LOOKS {
        let source = look(endpoint, question.source).await?;
        let as_of = source.as_of;
        if question.fee_account == question.source {
            return Ok((as_of, vec![source]));
        }
        let fee = look(endpoint, question.fee_account).await?;
        if fee.as_of == as_of {
            return Ok((as_of, vec![source, fee]));
        }
        tokio::time::sleep(STEADY_PAUSE).await;
    }
    Err(ReconcileError::Unsteady(endpoint.name().to_owned()))
}

/// Waits until a Horizon's history has a ledger; returns the oldest that it has.
async fn reached(endpoint: &Endpoint, last: LedgerSeq) -> Result<LedgerSeq, HistoryError> {
    let span = Span {
        first: LedgerSeq(u32::MAX),
        last,
    };
    let mut looks = 0;
    loop {
        match covers(endpoint, span).await {
            Ok(status) => return Ok(status.elder),
            Err(HistoryError::NotYet { .. }) if looks < STEADY_LOOKS => {
                looks += 1;
                tokio::time::sleep(STEADY_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The first ledger to be compared, and what is missing before it.
async fn first(
    endpoint: &Endpoint,
    store: &Store,
    question: &Question<'_>,
    mark: &Mark,
    (elder, last): (LedgerSeq, LedgerSeq),
) -> Result<(LedgerSeq, Option<String>), ReconcileError> {
    let wanted = match question.begin {
        Begin::Full => elder,
        Begin::Ledger(ledger) if ledger < elder => {
            return Err(ReconcileError::History(HistoryError::Reaped {
                endpoint: endpoint.name().to_owned(),
                elder,
                first: ledger,
            }));
        }
        Begin::Ledger(ledger) => ledger,
        Begin::Mark => match mark.watermark {
            Some(done) => done.plus(1),
            None => store
                .first_recorded_ledger()
                .await?
                .map_or(last, |before| before.plus(1)),
        },
    };
    if wanted >= elder {
        return Ok((wanted, None));
    }
    let reason = format!(
        "ledgers {wanted} to {} are gone from {}: what landed in them was not compared",
        elder.0.saturating_sub(1),
        endpoint.name()
    );
    Ok((elder, Some(reason)))
}

/// Each channel on the chain, and then on record: what the daemon does meanwhile is on record before it is on the chain.
async fn look_at_channels(
    endpoint: &Endpoint,
    store: &Store,
) -> Result<Vec<ChannelLook>, ReconcileError> {
    let rows = store.channels().await?;
    let asked = rows
        .into_iter()
        .filter(|row| row.kind == "channel" && row.state != "lost");
    let mut looks: Vec<ChannelLook> = stream::iter(asked)
        .map(|row| async move {
            let account = row.account_id()?;
            let snapshot = look(endpoint, account).await?;
            Ok::<_, ReconcileError>(ChannelLook {
                account,
                snapshot,
                mark: None,
            })
        })
        .buffer_unordered(ACCOUNTS_AT_ONCE)
        .try_collect()
        .await?;
    let marks = store.channel_marks().await?;
    for seen in &mut looks {
        let name = seen.account.to_string();
        seen.mark = marks.iter().find(|mark| mark.account == name).cloned();
    }
    looks.sort_by_key(|seen| seen.account);
    Ok(looks)
}

/// Reads the lists, a few at once, and compares each page as it comes.
async fn read(
    endpoint: &Endpoint,
    run: &mut Run<'_>,
    elder: LedgerSeq,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<Listing>, ReconcileError> {
    let (sink, mut pages) = mpsc::channel::<Page>(PAGES_AHEAD);
    let (accounts, span) = (run.to_read(), run.span);
    let lists = async move {
        stream::iter(accounts)
            .map(|account| {
                let list = history::read(endpoint, account, span, elder, sink.clone());
                async move {
                    let list = list.await;
                    progress(Progress::Read);
                    list
                }
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .try_collect::<Vec<_>>()
            .await
            .map_err(ReconcileError::from)
    };
    let compare = async {
        while let Some(page) = pages.recv().await {
            run.page(endpoint, page).await?;
            progress(Progress::Compared(run.transactions()));
        }
        Ok::<_, ReconcileError>(())
    };
    let (mut listings, ()) = futures_util::future::try_join(lists, compare).await?;
    listings.sort_by_key(|listing| listing.account);
    Ok(listings)
}

/// Compares, unless another process does, and puts the report on record.
///
/// # Errors
/// [`ReconcileError`]; nothing is put on record then.
pub async fn reconcile_once(
    endpoint: &Endpoint,
    store: &Store,
    question: Question<'_>,
    begun: Begun,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Option<Report>, ReconcileError> {
    let Some(right) = store.begin_reconciling().await? else {
        return Ok(None);
    };
    // Somebody else may have made one just now.
    let made = match begun.unless_within {
        Some(interval) => store.reconciled_within(interval).await,
        None => Ok(false),
    };
    let outcome = match made {
        Ok(true) => Ok(None),
        Ok(false) => compare(endpoint, store, question, begun, progress)
            .await
            .map(Some),
        Err(error) => Err(error.into()),
    };
    right.end().await;
    outcome
}

/// When a comparison is made, and how many are kept.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// Now.
    pub at: OffsetDateTime,
    /// Not if another began less than so long ago.
    pub unless_within: Option<Duration>,
    /// How many are kept.
    pub keep: u32,
}

async fn compare(
    endpoint: &Endpoint,
    store: &Store,
    question: Question<'_>,
    begun: Begun,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, ReconcileError> {
    let report = reconcile(endpoint, store, question, progress).await?;
    let run = report.to_run(begun.at)?;
    store.record_reconciliation(&run, begun.keep).await?;
    Ok(report)
}
