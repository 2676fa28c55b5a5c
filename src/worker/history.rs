//! Reading on the chain what was sent for us: landings that the records may not know, and what used the channels' sequence
//! numbers.

mod pages;

use std::sync::Arc;

use super::engine::Engine;
use super::look::Found;
use super::records::Records;
use super::status::{Reading, Status};
use crate::domain::continuity::{Continuity, Gap};
use crate::domain::envelope::{decode, tag_of};
use crate::domain::observation::{AccountSnapshot, AccountState, Cursor, Landed, TransactionPage};
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};
use crate::domain::soroban_plan::authorized_by;
use crate::domain::tag::Tag;
use crate::domain::tagged::tag_by;
use crate::horizon::{Horizon, Order};
use crate::store::StoreError;

/// Records of a page.
const PAGE_RECORDS: u8 = 200;
/// Ledgers before the mark from which on the fee account's history is read again.
const SPONSORED_MARGIN_LEDGERS: u32 = 100;
/// Pages of one account's history that are read down from its newest: two hundred million transactions.
const MAX_PAGES: u32 = 1_000_000;
/// A Horizon whose history begins here or earlier has all of it.
const FIRST_LEDGERS: LedgerSeq = LedgerSeq(2);

/// Reads histories, and puts on record what in them is ours.
#[derive(Clone)]
pub(super) struct Reader {
    horizon: Arc<Horizon>,
    source: AccountId,
    fee_account: AccountId,
    status: Status,
    /// Where an operator said so: what is older is not looked for.
    since: Option<LedgerSeq>,
}

impl Engine {
    /// Somebody who reads histories back to a ledger, or all of them.
    pub(super) fn reader(&self, since: Option<LedgerSeq>) -> Reader {
        Reader {
            horizon: Arc::clone(&self.horizon),
            source: self.settings.source,
            fee_account: self.settings.fee_account,
            status: self.status.clone(),
            since,
        }
    }
}

impl Reader {
    /// Reads the histories of source and fee account behind what was read before: every transaction that moves the
    /// source's funds stands in its own, whichever channel it used, and every one that we sponsored in the fee account's.
    pub(super) async fn read_new(&self, records: &dyn Records) -> Result<(), String> {
        let mark = records.history_mark().await;
        let after = mark.map_err(|error| error.to_string())?.cursor;
        // First the one that leaves no mark, so that the mark of the other is never ahead of what both have shown. And from
        // somewhat before it: the page that ended it may have come from a Horizon that lags.
        if self.fee_account != self.source {
            let margin = i64::from(SPONSORED_MARGIN_LEDGERS) << 32;
            self.read_on(records, self.fee_account, after - margin, false)
                .await?;
        }
        self.read_on(records, self.source, after, true).await
    }

    /// Reads everything that was ever sent for us, where nothing is on record: what the source account did and what moved its
    /// funds, what the fee account paid for, and what channels did that are gone since. Those that are there are read once
    /// nothing more of an earlier life can come.
    pub(super) async fn read_all(
        &self,
        records: &dyn Records,
        source: &AccountSnapshot,
        channels: &[Found],
    ) -> Result<(), String> {
        if self.fee_account != self.source {
            self.read_on(records, self.fee_account, 0, false).await?;
        }
        let gone = channels
            .iter()
            .filter(|channel| channel.snapshot.state.is_none());
        for channel in gone {
            self.read_down(records, &channel.snapshot, None).await?;
        }
        self.read_down(records, source, None).await
    }

    /// Whether an account has ever done anything.
    pub(super) async fn has_history(&self, account: AccountId) -> Result<bool, String> {
        let page = self.page(account, None, Order::Descending, None).await?;
        Ok(page.is_some_and(|page| page.records > 0))
    }

    /// Reads an account's history behind a place, and notes how far where that is the mark.
    async fn read_on(
        &self,
        records: &dyn Records,
        account: AccountId,
        after: i64,
        marks: bool,
    ) -> Result<(), String> {
        let bound = self.since.map_or(0, |since| i64::from(since.0) << 32);
        let after = after.max(bound);
        if after > 0 || !self.begins_here(account).await? {
            self.check_reach(LedgerSeq(u32::try_from(after >> 32).unwrap_or(0)))
                .await?;
        }
        let mut cursor = (after > 0).then_some(Cursor(after));
        let newest = self.status.head().map_or(LedgerSeq(0), |head| head.ledger);
        let mut reading = Reading::of(account, newest);
        loop {
            let mut page = self.page(account, cursor, Order::Ascending, None).await?;
            if page.as_ref().is_none_or(|page| page.is_last) {
                // A Horizon that is behind ends too early.
                page = self
                    .page(account, cursor, Order::Ascending, Some(newest))
                    .await?;
            }
            let Some(page) = page else { return Ok(()) };
            cursor = page.last.or(cursor);
            let is_last = page.is_last;
            let ours = self.ours(&mut reading, page, |_| true);
            reading.unknown += records
                .record_landings(&ours, cursor.filter(|_| marks).map(|cursor| cursor.0))
                .await
                .map_err(|error| error.to_string())?;
            self.status.set_reading(Some(&reading));
            if is_last {
                self.status.set_reading(None);
                return Ok(());
            }
        }
    }

    /// Reads an account's own transactions from the newest down to the sequence number that is on record, or all of them
    /// where none is, and puts on record what is ours. None can be passed over: the numbers leave no room.
    ///
    /// Of the source account all that moves its funds is put on record, whoever's sequence number it used.
    pub(super) async fn read_down(
        &self,
        records: &dyn Records,
        snapshot: &AccountSnapshot,
        known: Option<Sequence>,
    ) -> Result<(), String> {
        let account = snapshot.account;
        let mut continuity = match &snapshot.state {
            Some(state) => Continuity::below(account, state.sequence),
            None => Continuity::of_gone(account),
        };
        let reached =
            |continuity: &Continuity| known.is_some_and(|known| continuity.reaches(known));
        if reached(&continuity) {
            return Ok(());
        }
        let whole = known.is_none() && account == self.source;
        let mut reading = Reading::of(account, self.oldest(known, snapshot.state.as_ref()));
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let Some(page) = self.page_down(snapshot, cursor, whole).await? else {
                return self.check_end(&continuity, account).await;
            };
            let mut own = Vec::with_capacity(page.transactions.len());
            let mut ended = false;
            for landed in &page.transactions {
                ended =
                    self.since.is_some_and(|since| landed.ledger < since) || reached(&continuity);
                if ended {
                    break;
                }
                let is_own = continuity.take(landed).map_err(|gap| in_gap(&gap))?;
                if is_own {
                    self.name_foreign(landed);
                }
                own.push(is_own);
            }
            ended |= reached(&continuity);
            let is_last = page.is_last;
            cursor = page.last.or(cursor);
            let mut of_account = own.into_iter();
            let ours = self.ours(&mut reading, page, |_| {
                of_account.next().is_some_and(|own| own || whole)
            });
            reading.unknown += records
                .record_landings(&ours, None)
                .await
                .map_err(|error| error.to_string())?;
            self.status.set_reading(Some(&reading));
            if ended || is_last {
                self.status.set_reading(None);
            }
            if ended {
                return Ok(());
            }
            if is_last {
                return self.check_end(&continuity, account).await;
            }
        }
        Err(format!(
            "the history of {account} goes on beyond {MAX_PAGES} pages"
        ))
    }

    /// The ledger down to which a history is read: an account's first sequence number, or the one that is known, tells roughly
    /// when.
    fn oldest(&self, known: Option<Sequence>, state: Option<&AccountState>) -> LedgerSeq {
        let sequence = known.or_else(|| state.map(|state| state.sequence));
        let began = sequence.map_or(0, |sequence| sequence.0 >> 32);
        let began = LedgerSeq(u32::try_from(began).unwrap_or(0));
        self.since.unwrap_or(began).max(began)
    }

    /// Explains what channels have used and the records have not, as they were seen. The records are read only now: what another
    /// daemon did meanwhile was on record before it was on the chain.
    pub(super) async fn explain_drift(
        &self,
        store: &dyn Records,
        seen: Vec<AccountSnapshot>,
    ) -> Result<(), String> {
        let failed = |error: StoreError| error.to_string();
        let rows = store.channels().await.map_err(failed)?;
        let mut drifted = Vec::new();
        for snapshot in seen {
            let account = snapshot.account.to_string();
            let row = rows.iter().find(|row| row.account == account);
            let sequence = snapshot.state.as_ref().map(|state| state.sequence);
            // One that is in use is explained by its attempt.
            if let (Some(row), Some(sequence)) = (row, sequence)
                && row.busy_with.is_none()
                && sequence.0 > row.sequence
            {
                drifted.push((snapshot, Sequence(row.sequence), sequence));
            }
        }
        if drifted.is_empty() {
            return Ok(());
        }
        let Some(right) = store.begin_explaining().await.map_err(failed)? else {
            return Ok(());
        };
        let records = right.records();
        let explained = self.explain_all(&*records, &drifted).await;
        right.end().await;
        explained
    }

    async fn explain_all(
        &self,
        records: &dyn Records,
        drifted: &[(AccountSnapshot, Sequence, Sequence)],
    ) -> Result<(), String> {
        let mark = records.history_mark().await;
        let reader = Self {
            since: mark.map_err(|error| error.to_string())?.since,
            ..self.clone()
        };
        for (snapshot, known, sequence) in drifted {
            tracing::error!(channel = %snapshot.account, on_record = %known, on_chain = %sequence, "somebody else uses a channel: what used it is read");
            reader.read_down(records, snapshot, Some(*known)).await?;
            let raised = records.raise_sequence(snapshot.account, *sequence).await;
            raised.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What is ours on a page, of what `wanted` says of each.
    fn ours(
        &self,
        reading: &mut Reading,
        page: TransactionPage,
        mut wanted: impl FnMut(&Landed) -> bool,
    ) -> Vec<(Tag, Landed)> {
        reading.read(&page);
        let account = reading.account;
        let all = page.transactions.into_iter();
        let wanted = all.filter(|landed| wanted(landed));
        let tagged = wanted.filter_map(|landed| self.tagged(landed, account));
        tagged.collect()
    }

    /// A transaction with a tag that moves the source's funds, or that we sponsored: nobody else can have made it. A call that
    /// the source authorised by an entry is ours where it used a number of the account that is read: anybody can copy an
    /// entry off the network.
    pub(super) fn tagged(&self, landed: Landed, account: AccountId) -> Option<(Tag, Landed)> {
        let (inner, bump) = decode(&landed.envelope_xdr).ok()?;
        let our = |account| account == self.source || account == self.fee_account;
        let tag = tag_by(&inner.tx, bump.as_ref(), our)?;
        let moves_funds = inner.tx.operations.iter().any(|operation| {
            let named = operation.source_account.as_ref();
            AccountId::of_muxed(named.unwrap_or(&inner.tx.source_account)) == self.source
        });
        let sponsored =
            bump.is_some_and(|bump| AccountId::of_muxed(&bump.fee_source) == self.fee_account);
        let called = landed.source_account == account
            && (inner.tx.operations.iter())
                .any(|operation| authorized_by(&operation.body, self.source));
        let ours = moves_funds || sponsored || called;
        ours.then_some((tag, landed))
    }

    /// A transaction that a channel's key has signed and that carries no tag is not ours.
    pub(super) fn name_foreign(&self, landed: &Landed) {
        if landed.source_account == self.source {
            return;
        }
        let tagged = decode(&landed.envelope_xdr)
            .ok()
            .is_some_and(|(inner, bump)| tag_of(&inner.tx, bump.as_ref()).is_some());
        if !tagged {
            let (channel, hash, ledger) = (landed.source_account, landed.inner_hash, landed.ledger);
            tracing::error!(%channel, foreign = %hash, %ledger, "a second writer uses a channel: a foreign transaction took a sequence number");
            metrics::counter!("submitter_foreign_transactions_total", "on" => "channel")
                .increment(1);
        }
    }
}

fn in_gap(gap: &Gap) -> String {
    format!("{gap}: another Horizon may show them, or this one later; nothing is signed until then")
}
