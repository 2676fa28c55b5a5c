//! One comparison, as far as it has come.

mod ending;

use std::collections::{BTreeMap, BTreeSet};

use super::balance::Balances;
use super::compare::{self, Judgement, Touch};
use super::{Question, ReconcileError};
use crate::audit::history::{Page, Span};
use crate::audit::patience::result_of;
use crate::audit::{Finding, Findings};
use crate::domain::observation::{AccountSnapshot, Landed};
use crate::domain::primitives::{AccountId, LedgerSeq, NetworkId, Sequence};
use crate::horizon::Endpoint;
use crate::store::Store;
use crate::store::audit::AuditedAttempt;
use crate::store::reconciliations::ChannelMark;

/// Sentences of what was missing that are kept.
const MAX_REASONS: usize = 100;
/// Transactions with a tag and without an attempt that are kept until all intents were read.
const MAX_STRANGERS: usize = 100_000;
/// Attempts of one question.
const ATTEMPTS_PAGE: i64 = 1_000;
/// Seconds that a row must have rested before a chain that is behind it is a finding: a Horizon may lag.
const RESTED_SECONDS: f64 = 60.0;

/// A channel on the chain, and then on record.
pub struct ChannelLook {
    /// Whose.
    pub account: AccountId,
    /// On the chain.
    pub snapshot: AccountSnapshot,
    /// On record, read after that.
    pub mark: Option<ChannelMark>,
}

/// The comparison.
pub struct Run<'a> {
    store: &'a Store,
    network: NetworkId,
    question: Question<'a>,
    /// What is compared.
    pub span: Span,
    /// Of source and fee account.
    pub balances: BTreeMap<AccountId, Balances>,
    /// Channels whose lists are read.
    used: BTreeSet<AccountId>,
    idle: usize,
    /// The newest own number of each list that was compared.
    seen: BTreeMap<AccountId, Sequence>,
    strangers: BTreeMap<u64, Vec<Landed>>,
    stranger_count: usize,
    earliest_pending: Option<LedgerSeq>,
    /// Something is missing that may come.
    blocked: bool,
    reasons: Vec<String>,
    findings: Findings,
    by_kind: BTreeMap<&'static str, u64>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    transactions: u64,
    matched: u64,
    pending: u64,
    unclaimed: u64,
    unexplained: u64,
    of_others: u64,
}

impl<'a> Run<'a> {
    pub fn new(store: &'a Store, network: NetworkId, question: Question<'a>, span: Span) -> Self {
        Self {
            store,
            network,
            question,
            span,
            balances: BTreeMap::new(),
            used: BTreeSet::new(),
            idle: 0,
            seen: BTreeMap::new(),
            strangers: BTreeMap::new(),
            stranger_count: 0,
            earliest_pending: None,
            blocked: false,
            reasons: Vec::new(),
            findings: Findings::default(),
            by_kind: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Something is missing for good, and it is said.
    pub fn missing(&mut self, reason: String) {
        if self.reasons.len() < MAX_REASONS && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Something is missing that another look may show: what is done ends before it.
    fn blocked(&mut self, reason: String) {
        self.blocked = true;
        self.missing(reason);
    }

    fn find(&mut self, finding: Finding) {
        *self.by_kind.entry(finding.kind).or_default() += 1;
        self.findings.add(finding);
    }

    /// The accounts whose lists are to be read.
    pub fn to_read(&self) -> BTreeSet<AccountId> {
        let mut accounts = self.used.clone();
        accounts.insert(self.question.source);
        accounts.insert(self.question.fee_account);
        accounts
    }

    /// How many were compared.
    pub const fn transactions(&self) -> u64 {
        self.counts.transactions
    }

    /// Holds each channel's row against its state, and says which lists must be read.
    pub async fn channels(&mut self, looks: Vec<ChannelLook>) -> Result<(), ReconcileError> {
        for look in looks {
            let account = look.account;
            let Some(state) = &look.snapshot.state else {
                let detail = format!(
                    "channel {account} is on record, and does not exist as of ledger {}",
                    look.snapshot.as_of
                );
                self.find(Finding::new(compare::MISSING, detail).account(account));
                self.used.insert(account);
                continue;
            };
            if let Some(mark) = &look.mark {
                self.drift(account, state.sequence, mark, look.snapshot.as_of);
            }
            let is_idle = state
                .sequence_ledger
                .is_some_and(|used| used < self.span.first);
            if is_idle {
                self.idle += 1;
                self.behind(account, state.sequence).await?;
            } else {
                self.used.insert(account);
            }
        }
        Ok(())
    }

    fn drift(&mut self, account: AccountId, chain: Sequence, mark: &ChannelMark, as_of: LedgerSeq) {
        let explained = mark.sequence + i64::from(mark.busy);
        let detail = if chain.0 > explained {
            format!(
                "channel {account}: the chain is at sequence number {chain} as of ledger {as_of}, and the records explain it up to {explained}"
            )
        } else if chain.0 < mark.sequence && mark.idle_seconds > RESTED_SECONDS {
            format!(
                "channel {account}: the records are at sequence number {}, and the chain is at {chain} as of ledger {as_of}",
                mark.sequence
            )
        } else {
            return;
        };
        let finding = Finding::new(compare::DRIFT, detail).account(account);
        self.find(finding.ledger(as_of));
    }

    /// Attempts that landed by the records alone, with numbers behind the newest that the chain has.
    async fn behind(&mut self, account: AccountId, newest: Sequence) -> Result<(), ReconcileError> {
        let numbers = (newest, Sequence(i64::MAX));
        let ledgers = (self.span.first, self.span.last);
        let attempts = self
            .store
            .landed_attempts(account, numbers, ledgers, ATTEMPTS_PAGE)
            .await?;
        for attempt in &attempts {
            self.find(compare::not_on_chain(account, attempt));
        }
        Ok(())
    }

    /// Compares a page of a list.
    pub async fn page(&mut self, endpoint: &Endpoint, page: Page) -> Result<(), ReconcileError> {
        let account = page.account;
        for record in &page.unreadable {
            let hash = record
                .hash
                .map_or_else(|| "?".to_owned(), |hash| hash.to_string());
            self.blocked(format!(
                "a record in the list of {account} cannot be read ({hash}): {}",
                record.detail
            ));
        }
        self.account_for(endpoint, account, &page.transactions)
            .await?;
        let read = self.to_read();
        let mut judged = Vec::new();
        let mut own = Vec::new();
        for landed in page.transactions {
            let is_own = landed.source_account == account;
            // It is compared in the list of the account that lent its number.
            if !is_own && read.contains(&landed.source_account) {
                continue;
            }
            if is_own {
                own.push((landed.sequence, landed.inner_hash));
            }
            let touch = self.touch(&landed);
            // Seen in both lists, it is compared in the source's.
            let elsewhere = !is_own && account != self.question.source && self.moves_funds(&landed);
            if is_own || touch.ours && !elsewhere {
                judged.push((landed, touch, is_own));
            } else if !elsewhere {
                self.counts.of_others += 1;
            }
        }
        self.records_of(account, &own).await?;
        let hashes: Vec<Vec<u8>> = judged
            .iter()
            .map(|(landed, ..)| landed.inner_hash.0.to_vec())
            .collect();
        let attempts = self.store.audited_attempts(&hashes).await?;
        let by_hash: BTreeMap<&[u8], &AuditedAttempt> = attempts
            .iter()
            .map(|row| (row.hash.as_slice(), row))
            .collect();
        for (landed, touch, is_own) in judged {
            self.counts.transactions += 1;
            match by_hash.get(&landed.inner_hash.0[..]) {
                Some(attempt) => {
                    let judgement =
                        compare::with_attempt(self.network, attempt, &landed, self.span.last);
                    self.judged(judgement, &landed);
                }
                None => self.without_attempt(account, landed, &touch, is_own),
            }
        }
        Ok(())
    }

    /// What a page did to the account's balances.
    async fn account_for(
        &mut self,
        endpoint: &Endpoint,
        account: AccountId,
        transactions: &[Landed],
    ) -> Result<(), ReconcileError> {
        let Some(balances) = self.balances.get_mut(&account) else {
            return Ok(());
        };
        for landed in transactions {
            let result = if balances.needs_result(landed) {
                Some(result_of(endpoint, landed.inner_hash).await?)
            } else {
                None
            };
            balances.take(landed, result.as_ref());
        }
        Ok(())
    }

    /// Attempts on record as landed whose numbers lie within a page's, and that are not in it.
    async fn records_of(
        &mut self,
        account: AccountId,
        own: &[(Sequence, crate::domain::primitives::TxHash)],
    ) -> Result<(), ReconcileError> {
        let (Some((first, _)), Some((last, _))) = (own.first(), own.last()) else {
            return Ok(());
        };
        let before = self
            .seen
            .get(&account)
            .copied()
            .unwrap_or(Sequence(first.0 - 1));
        self.seen.insert(account, *last);
        let ledgers = (self.span.first, self.span.last);
        let attempts = self
            .store
            .landed_attempts(account, (before, *last), ledgers, ATTEMPTS_PAGE)
            .await?;
        for attempt in &attempts {
            let shown = own.iter().any(|(_, hash)| hash.0[..] == attempt.hash[..]);
            if !shown {
                self.find(compare::not_on_chain(account, attempt));
            }
        }
        Ok(())
    }

    fn judged(&mut self, judgement: Judgement, landed: &Landed) {
        match judgement {
            Judgement::Matched => self.counts.matched += 1,
            Judgement::Pending => {
                self.counts.pending += 1;
                let earliest = self.earliest_pending.get_or_insert(landed.ledger);
                *earliest = (*earliest).min(landed.ledger);
            }
            Judgement::Found(found) => found.into_iter().for_each(|finding| self.find(finding)),
        }
    }

    fn without_attempt(&mut self, account: AccountId, landed: Landed, touch: &Touch, is_own: bool) {
        let Some(tag) = touch.tag.filter(|_| touch.ours) else {
            self.counts.unexplained += 1;
            let on = match (is_own, self.moves_funds(&landed)) {
                (true, _) => account,
                (false, true) => self.question.source,
                (false, false) => self.question.fee_account,
            };
            let is_channel = self.used.contains(&on) && on != self.question.source;
            self.find(compare::foreign(&landed, on, is_channel));
            return;
        };
        if self.stranger_count >= MAX_STRANGERS {
            self.blocked(format!(
                "more than {MAX_STRANGERS} transactions carry tags and have no attempt on record: compare fewer ledgers at once"
            ));
            return;
        }
        self.stranger_count += 1;
        self.strangers.entry(tag.get()).or_default().push(landed);
    }

    fn touch(&self, landed: &Landed) -> Touch {
        compare::touch(landed, self.question.source, self.question.fee_account)
    }

    fn moves_funds(&self, landed: &Landed) -> bool {
        compare::moves_funds(landed, self.question.source)
    }
}
