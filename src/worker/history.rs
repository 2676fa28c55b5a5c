//! Reading on the chain what was sent for us: landings that the records may not know.

use super::engine::Engine;
use crate::domain::envelope::{decode, tag_of};
use crate::domain::observation::{AccountState, Cursor, Landed, Unknown};
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};
use crate::domain::tag::Tag;
use crate::horizon::{Endpoint, Order};

/// Records of a page.
const PAGE_RECORDS: u8 = 200;
/// Ledgers before the mark from which on the fee account's history is read again.
const SPONSORED_MARGIN_LEDGERS: u32 = 100;
/// Pages of one channel's history that are read behind what is on record: two million transactions.
const MAX_TAIL_PAGES: u32 = 10_000;

impl Engine {
    /// Reads the histories of source and fee account behind what was read before: every transaction that moves the
    /// source's funds stands in its own, whichever channel it used, and every one that we sponsored in the fee account's.
    pub(super) async fn read_history(&self) -> Result<(), String> {
        let mark = self
            .store
            .history_mark()
            .await
            .map_err(|error| error.to_string())?;
        let (source, fee_account) = (self.settings.source, self.settings.fee_account);
        // First the one that leaves no mark, so that the mark of the other is never ahead of what both have shown. And from
        // somewhat before it: the page that ended it may have come from a Horizon that lags.
        if fee_account != source {
            let margin = i64::from(SPONSORED_MARGIN_LEDGERS) << 32;
            self.read_account(fee_account, mark.cursor - margin, false)
                .await?;
        }
        self.read_account(source, mark.cursor, true).await
    }

    /// Reads an account's history behind a place, and notes how far where that is the mark.
    async fn read_account(
        &self,
        account: AccountId,
        after: i64,
        marks: bool,
    ) -> Result<(), String> {
        let mut cursor = (after > 0).then_some(Cursor(after));
        let mut unknown = 0;
        let mut read: u64 = 0;
        loop {
            let endpoint = self.horizon.any();
            let page = endpoint
                .account_transactions(account, cursor, Order::Ascending, PAGE_RECORDS)
                .await
                .map_err(|unknown| failed(endpoint, &unknown))?;
            let Some(page) = page else { return Ok(()) };
            read += page.transactions.len() as u64;
            let ours: Vec<(Tag, Landed)> = page
                .transactions
                .into_iter()
                .filter_map(|landed| self.tagged(landed))
                .collect();
            cursor = page.last.or(cursor);
            unknown += self
                .store
                .record_landings(&ours, cursor.filter(|_| marks).map(|cursor| cursor.0))
                .await
                .map_err(|error| error.to_string())?;
            if read.is_multiple_of(10_000) && read > 0 {
                tracing::info!(%account, read, unknown, "the account's history is read");
            }
            if page.is_last {
                return Ok(());
            }
        }
    }

    /// A successful transaction with a tag that moves the source's funds, or that we sponsored: nobody else can have made
    /// it.
    pub(super) fn tagged(&self, landed: Landed) -> Option<(Tag, Landed)> {
        if !landed.successful {
            return None;
        }
        let (inner, bump) = decode(&landed.envelope_xdr).ok()?;
        let tag = tag_of(&inner.tx, bump.as_ref())?;
        let moves_funds = inner.tx.operations.iter().any(|operation| {
            let account = operation
                .source_account
                .as_ref()
                .unwrap_or(&inner.tx.source_account);
            AccountId::of_muxed(account) == self.settings.source
        });
        let sponsored = bump
            .is_some_and(|bump| AccountId::of_muxed(&bump.fee_source) == self.settings.fee_account);
        let ours = moves_funds || sponsored;
        ours.then_some((tag, landed))
    }

    /// Reads what each channel did behind what is on record, in its own history, and raises the idle ones to where they
    /// are. `until` is the ledger whose state must be shown at least: nothing unknown can land any more.
    ///
    /// The source account's history alone would not do: the page that ends it may come from a Horizon that lags.
    pub(super) async fn read_tails(&self, until: LedgerSeq) -> Result<(), String> {
        let rows = self.store.channels().await.map_err(|e| e.to_string())?;
        let mut accounts = Vec::with_capacity(rows.len());
        for row in &rows {
            accounts.push(row.account_id().map_err(|error| error.to_string())?);
        }
        let snapshots = self.look_at(&accounts).await;
        for (row, snapshot) in rows.iter().zip(snapshots) {
            let snapshot = snapshot?;
            if snapshot.as_of < until {
                let (account, as_of) = (snapshot.account, snapshot.as_of);
                return Err(format!(
                    "Horizon shows {account} as of ledger {as_of}, and ledger {until} is waited for"
                ));
            }
            let known = Sequence(row.sequence);
            let Some(state) = snapshot.state.filter(|state| state.sequence > known) else {
                continue;
            };
            self.read_tail(snapshot.account, known, &state).await?;
            self.store
                .raise_sequence(snapshot.account, state.sequence)
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Reads one channel's history from its newest transaction down to the sequence number that is on record.
    async fn read_tail(
        &self,
        account: AccountId,
        known: Sequence,
        state: &AccountState,
    ) -> Result<(), String> {
        let mut cursor = None;
        for _ in 0..MAX_TAIL_PAGES {
            let endpoint = self.horizon.any();
            let page = endpoint
                .account_transactions(account, cursor, Order::Descending, PAGE_RECORDS)
                .await
                .map_err(|unknown| failed(endpoint, &unknown))?;
            let newest = page.as_ref().and_then(|page| page.transactions.first());
            let used_in = state.sequence_ledger.unwrap_or(LedgerSeq(0));
            if cursor.is_none() && newest.is_none_or(|newest| newest.ledger < used_in) {
                return Err(format!(
                    "Horizon {} does not show yet what {account} did in ledger {used_in}",
                    endpoint.name()
                ));
            }
            let Some(page) = page else { return Ok(()) };
            let own = |landed: &Landed| landed.source_account == account;
            let reached = page
                .transactions
                .iter()
                .any(|landed| own(landed) && landed.sequence <= known);
            let ours: Vec<(Tag, Landed)> = page
                .transactions
                .into_iter()
                .filter(|landed| own(landed) && landed.sequence > known)
                .filter_map(|landed| self.tagged(landed))
                .collect();
            self.store
                .record_landings(&ours, None)
                .await
                .map_err(|error| error.to_string())?;
            if reached || page.is_last {
                return Ok(());
            }
            cursor = page.last;
        }
        Err(format!(
            "the history of {account} goes on beyond {MAX_TAIL_PAGES} pages"
        ))
    }
}

fn failed(endpoint: &Endpoint, unknown: &Unknown) -> String {
    format!("Horizon {}: {}", endpoint.name(), unknown.detail)
}
