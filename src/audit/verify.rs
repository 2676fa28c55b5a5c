//! At most one success a tag, each recognised: out of the ledger's history alone, and then against the records.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use thiserror::Error;
use tokio::sync::mpsc;

use super::findings::{Finding, Findings};
use super::history::{self, End, HistoryError, Listing, Page, Span};
use super::patience::covers;
use super::records::{Found, Records};
use super::report::{AccountReport, Report};
use super::tally::{Sighting, Tally};
use crate::domain::envelope::decode;
use crate::domain::observation::Landed;
use crate::domain::primitives::{AccountId, LedgerSeq, NetworkId};
use crate::domain::soroban_plan::is_restoration;
use crate::domain::tag::Tag;
use crate::domain::tagged::tag_by;
use crate::horizon::Endpoint;
use crate::store::{Store, StoreError};

/// Accounts that are read at once.
const ACCOUNTS_AT_ONCE: usize = 4;
/// Pages that wait to be judged.
const PAGES_AHEAD: usize = 8;
/// The most accounts: every channel that there can be, and more sources than anybody has.
const MAX_ACCOUNTS: usize = 20_000;

/// What is asked.
pub struct Question<'a> {
    /// Whose transactions.
    pub accounts: BTreeSet<AccountId>,
    /// In which ledgers.
    pub span: Span,
    /// Whether channels are read too that were not given and carry our tags.
    pub follow: bool,
    /// The network's passphrase.
    pub passphrase: &'a str,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// An account's list has come to a ledger.
    Ledger(AccountId, LedgerSeq),
    /// So many accounts are to be read, so many more than before.
    Accounts(usize),
    /// So many records were read.
    Records(u64),
    /// So many intents were compared.
    Intents(u64),
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The records cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too much at once.
    #[error("more than {MAX_ACCOUNTS} accounts")]
    TooManyAccounts,
}

/// What a landed transaction is to the accounts.
struct Judged {
    tag: Option<Tag>,
    /// One of the accounts has signed it: it used its number, moved its funds or paid its fee.
    ours: bool,
    /// The account that lent its number, where it looks like a channel of ours.
    channel: Option<AccountId>,
    /// It does nothing but bring archived entries back.
    restores: bool,
}

/// Reads the history, and judges it.
///
/// # Errors
/// [`VerifyError`] where any part of it could not be read.
pub async fn verify(
    endpoint: &Endpoint,
    question: Question<'_>,
    store: Option<&Store>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, VerifyError> {
    let elder = covers(endpoint, question.span).await?.elder;
    let network = NetworkId::of(question.passphrase);
    let mut auditor = Auditor {
        known: question.accounts.clone(),
        found: BTreeSet::new(),
        follow: question.follow,
        tally: Tally::default(),
        violations: Findings::default(),
        unproven: Findings::default(),
        notes: Findings::default(),
        of_others: 0,
        read: 0,
        records: store.map(|store| Records::new(store, network)),
    };
    let mut reports = Vec::new();
    let mut waiting = question.accounts.clone();
    while !waiting.is_empty() {
        if auditor.known.len() > MAX_ACCOUNTS {
            return Err(VerifyError::TooManyAccounts);
        }
        progress(Progress::Accounts(waiting.len()));
        let batch = std::mem::take(&mut waiting);
        let listings = auditor
            .round(endpoint, question.span, elder, batch, progress)
            .await?;
        for listing in listings {
            let found = !question.accounts.contains(&listing.account);
            auditor.judge_list(&listing);
            reports.push(AccountReport::new(&listing, found));
        }
        waiting = std::mem::take(&mut auditor.found);
    }
    // What was reaped while it was read may be missing in what was read.
    covers(endpoint, question.span).await?;
    auditor.tally.compact();
    if auditor.records.is_some() {
        auditor.against_records(question.span, progress).await?;
    }
    Ok(auditor.report(endpoint, &question, reports))
}

struct Auditor<'a> {
    /// Every account that is read, given or found.
    known: BTreeSet<AccountId>,
    /// Found, and not read yet.
    found: BTreeSet<AccountId>,
    follow: bool,
    tally: Tally,
    violations: Findings,
    unproven: Findings,
    notes: Findings,
    of_others: u64,
    read: u64,
    records: Option<Records<'a>>,
}

impl Auditor<'_> {
    /// Reads some accounts, a few at once, and judges each page as it comes.
    async fn round(
        &mut self,
        endpoint: &Endpoint,
        span: Span,
        elder: LedgerSeq,
        batch: BTreeSet<AccountId>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<Listing>, VerifyError> {
        let (sink, mut pages) = mpsc::channel::<Page>(PAGES_AHEAD);
        let read = async move {
            let lists = stream::iter(batch)
                .map(|account| history::read(endpoint, account, span, elder, sink.clone()))
                .buffer_unordered(ACCOUNTS_AT_ONCE);
            lists
                .try_collect::<Vec<_>>()
                .await
                .map_err(VerifyError::from)
        };
        let judge = async {
            while let Some(page) = pages.recv().await {
                progress(Progress::Ledger(page.account, page.reached));
                self.page(page).await?;
                progress(Progress::Records(self.read));
            }
            Ok::<_, VerifyError>(())
        };
        let (mut listings, ()) = futures_util::future::try_join(read, judge).await?;
        listings.sort_by_key(|listing| listing.account);
        Ok(listings)
    }

    async fn page(&mut self, page: Page) -> Result<(), VerifyError> {
        for record in page.unreadable {
            let hash = record
                .hash
                .map_or_else(|| "?".to_owned(), |hash| hash.to_string());
            let detail = format!(
                "a record in the list of {} cannot be read ({hash}): {}",
                page.account, record.detail
            );
            self.unproven.add(Finding::new("unreadable", detail));
        }
        let mut successes = Vec::new();
        for landed in page.transactions {
            self.read += 1;
            let judged = self.judge(&landed);
            if !judged.ours {
                self.of_others += 1;
                continue;
            }
            self.note_channel(&judged, &landed);
            self.tally
                .note(Sighting::of(&landed, judged.tag, judged.restores));
            // In the list of the account that lent its number it will be seen again.
            let elsewhere = landed.source_account != page.account
                && self.known.contains(&landed.source_account);
            match judged.tag {
                None => self.without_tag(&landed),
                Some(tag) if landed.successful && !elsewhere && self.records.is_some() => {
                    successes.push((tag, landed));
                }
                Some(_) => {}
            }
        }
        if let Some(records) = self.records.as_mut().filter(|_| !successes.is_empty()) {
            let found = Found {
                violations: &mut self.violations,
                unproven: &mut self.unproven,
                notes: &mut self.notes,
            };
            records.landed(successes, found).await?;
        }
        Ok(())
    }

    fn judge(&self, landed: &Landed) -> Judged {
        let by_envelope =
            self.known.contains(&landed.source_account) || self.known.contains(&landed.fee_account);
        // A version 0 envelope is never one of ours, and has no muxed accounts.
        let Ok((inner, bump)) = decode(&landed.envelope_xdr) else {
            return Judged {
                tag: None,
                ours: by_envelope,
                channel: None,
                restores: false,
            };
        };
        let moves = inner.tx.operations.iter().any(|operation| {
            let source = operation.source_account.as_ref();
            source.is_some_and(|source| self.known.contains(&AccountId::of_muxed(source)))
        });
        let tag = tag_by(&inner.tx, bump.as_ref(), |account| {
            self.known.contains(&account)
        });
        Judged {
            tag,
            ours: by_envelope || moves,
            // Whoever else carries a tag moves its own funds: a transaction that was given signed.
            channel: (moves && tag.is_some() && landed.successful).then_some(landed.source_account),
            restores: is_restoration(&inner.tx),
        }
    }

    /// A channel that was not given: what it did elsewhere belongs to the proof.
    fn note_channel(&mut self, judged: &Judged, landed: &Landed) {
        let Some(channel) = judged
            .channel
            .filter(|channel| !self.known.contains(channel))
        else {
            return;
        };
        if self.follow {
            self.known.insert(channel);
            self.found.insert(channel);
            return;
        }
        let detail = format!(
            "{channel} lent its sequence numbers (ledger {}) and is not among the accounts: what else it did is not known",
            landed.ledger
        );
        if self
            .notes
            .items
            .iter()
            .all(|note| !note.detail.starts_with(&channel.to_string()))
        {
            self.notes
                .add(Finding::new("channel_not_read", detail.clone()));
            self.unproven.add(Finding::new("channel_not_read", detail));
        }
    }

    fn without_tag(&mut self, landed: &Landed) {
        let hash = landed.inner_hash;
        let what = format!(
            "transaction {hash} of {} (ledger {}, sequence {}) carries no tag",
            landed.source_account, landed.ledger, landed.sequence
        );
        if landed.successful {
            let detail = format!(
                "{what} and succeeded: no intent asked for it. Somebody else uses the keys of these accounts"
            );
            let finding = Finding::new("unknown_success", detail);
            self.violations
                .add(finding.transaction(hash).ledger(landed.ledger));
        } else {
            let detail =
                format!("{what} and failed: somebody else uses the keys of these accounts");
            let finding = Finding::new("unknown_failure", detail);
            self.notes
                .add(finding.transaction(hash).ledger(landed.ledger));
        }
    }

    /// What an account's numbers say of its list.
    fn judge_list(&mut self, listing: &Listing) {
        let account = listing.account;
        if listing.end == End::NoHistory {
            let detail =
                format!("this Horizon has no history of {account}: is it the right account?");
            self.unproven.add(Finding::new("no_history", detail));
        }
        for gap in &listing.numbers.gaps {
            let detail = if gap.last < gap.first {
                format!(
                    "the sequence numbers of {account} go back before ledger {}, from {} to {}",
                    gap.before_ledger,
                    gap.first.0 - 1,
                    gap.last.0 + 1
                )
            } else {
                format!(
                    "sequence numbers {} to {} of {account} were used before ledger {}, and no transaction is shown that did: a skipped page, or history that is gone",
                    gap.first, gap.last, gap.before_ledger
                )
            };
            let finding = Finding::new("gap", detail);
            self.unproven.add(finding.ledger(gap.before_ledger));
        }
        let more = listing.numbers.gap_count - listing.numbers.gaps.len() as u64;
        self.unproven.count += more;
    }

    async fn against_records(
        &mut self,
        span: Span,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), VerifyError> {
        let Some(records) = &mut self.records else {
            return Ok(());
        };
        let found = Found {
            violations: &mut self.violations,
            unproven: &mut self.unproven,
            notes: &mut self.notes,
        };
        let so_far = |count| progress(Progress::Intents(count));
        records
            .intents(&self.tally, span, &self.known, found, so_far)
            .await?;
        Ok(())
    }

    fn report(
        mut self,
        endpoint: &Endpoint,
        question: &Question<'_>,
        accounts: Vec<AccountReport>,
    ) -> Report {
        let violations = &mut self.violations;
        let counts = self.tally.count(|tag, of_one| {
            let each: Vec<String> = of_one
                .iter()
                .map(|one| format!("{}… in ledger {}", one.beginning(), one.ledger()))
                .collect();
            let detail = format!(
                "tag {tag} has landed {} times: {}",
                each.len(),
                each.join(", ")
            );
            violations.add(Finding::new("landed_twice", detail).tag(tag));
        });
        Report {
            verdict: Report::judge(&self.violations, &self.unproven),
            network: question.passphrase.to_owned(),
            horizon: endpoint.name().to_owned(),
            from_ledger: question.span.first,
            to_ledger: question.span.last,
            accounts,
            counts,
            of_others: self.of_others,
            database: self.records.map(|records| records.report),
            violations: self.violations,
            unproven: self.unproven,
            notes: self.notes,
        }
    }
}
