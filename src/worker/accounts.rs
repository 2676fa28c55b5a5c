//! The accounts: the source must exist, and everything of ours that the chain has and the records have not is explained
//! before anything is signed.

use super::drift::pass_over_foreign;
use super::engine::Engine;
use super::engine::start::Start;
use super::history::Reader;
use super::look::derive_keys;
use super::records::Records;
use crate::domain::attempt::{Head, MISSING_LEDGERS};
use crate::domain::observation::AccountSnapshot;
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};
use crate::store::StoreError;
use crate::store::network::Anchor;

/// Why a channel is paused that has gone while an earlier life was waited for.
pub const GONE: &str = "the account does not exist any more";
/// Ledgers before the head that are read again: another Horizon may lag.
const EXPLAINED_MARGIN_LEDGERS: u32 = 100;
/// Ledgers that a Horizon which tells us the newest may be behind: whoever signed before us may have known a newer one.
pub(super) const LAG_LEDGERS: u32 = 10;

fn quarantined(until: LedgerSeq, head: LedgerSeq) -> String {
    format!(
        "the records do not explain what is on the chain: nothing is signed before ledger {until} (now {head}), since envelopes of an earlier life may still land"
    )
}

/// What the records say of an earlier life when its traces on the chain are looked for.
#[derive(Clone, Copy)]
struct Before {
    /// They have its channels.
    known: bool,
    /// They were elsewhere.
    moved: bool,
    /// Everything on the chain was explained by them.
    explained: bool,
    /// What is older need not be read.
    since: Option<LedgerSeq>,
    /// Ledgers that an operator said must be waited for at least.
    recovery_window: u32,
}

impl Engine {
    /// Makes sure that the source exists, and that everything of ours on the chain is explained.
    ///
    /// All of it under one right: the ledger that is the newest when it begins is of the time of these records, and nothing
    /// that is found out is written into others.
    pub(super) async fn open_accounts(&mut self, anchor: Option<Anchor>) -> Result<(), Start> {
        let Some(right) = self.store.begin_explaining().await? else {
            let what = "another daemon compares the records with the chain";
            return Err(Start::Wait(what.to_owned()));
        };
        let explained = self.explain(&*right.records(), anchor).await;
        right.end().await;
        explained
    }

    /// The records are about one source account: what another one did is not explained by them.
    async fn check_source(&self, records: &dyn Records) -> Result<(), Start> {
        let rows = records.channels().await?;
        let own = self.settings.source.to_string();
        let other = rows
            .iter()
            .find(|row| row.kind == "source" && row.account != own);
        match other {
            Some(other) if !rows.iter().any(|row| row.account == own) => Err(Start::Halt(format!(
                "the records belong to the source account {}, but {own} is configured: give it a database of its own",
                other.account
            ))),
            _ => Ok(()),
        }
    }

    async fn explain(
        &mut self,
        records: &dyn Records,
        anchor: Option<Anchor>,
    ) -> Result<(), Start> {
        let moved = records.note_database().await?;
        if moved {
            tracing::warn!(
                "the records have been restored, or their database was failed over: they may lack what they once knew"
            );
        }
        let doubts = records.history_mark().await?.doubts;
        let header = self.newest_ledger(anchor).await?;
        // Before the accounts are looked at: with many, that takes longer than a ledger may be old.
        let behind = self.check_age(&header);
        self.head = Some(header);
        self.status.set_head(Head::of(&header));
        let head = header.sequence;
        let source = self.settings.source;
        let snapshot = self.account(source, head).await.map_err(Start::Wait)?;
        if snapshot.state.is_none() {
            return Err(Start::Wait(format!(
                "the source account {source} does not exist on this network (ledger {}): fund it",
                snapshot.as_of
            )));
        }
        derive_keys(records, &self.keys).await?;
        self.check_source(records).await?;
        let mark = records.history_mark().await?;
        // The source is put on record last: without it, whoever began to explain has not come to the end.
        let rows = records.channels().await?;
        let known = rows.iter().any(|row| row.kind == "source");
        if mark.quarantine_until.is_none() || !known {
            let before = Before {
                known,
                // Noted by whoever began to explain: it may not have come far.
                moved: moved || mark.recovery_window > 0,
                explained: mark.explained,
                since: mark.since,
                recovery_window: mark.recovery_window,
            };
            self.look_for_earlier_life(records, &snapshot, head, behind, before)
                .await?;
        }
        self.wait_out_quarantine(records, head).await?;
        // Everything up to here is explained: a later reading of the history need not begin before it.
        let explained = i64::from(head.0.saturating_sub(EXPLAINED_MARGIN_LEDGERS)) << 32;
        records.record_landings(&[], Some(explained)).await?;
        if !records.note_explained(doubts).await? {
            let what = "the records moved while they were compared with the chain";
            return Err(Start::Wait(what.to_owned()));
        }
        Ok(())
    }

    /// Where the chain may have something of ours that the records do not explain, its history is read, and nothing is
    /// signed until every envelope of that earlier life is past its bounds.
    async fn look_for_earlier_life(
        &self,
        records: &dyn Records,
        source: &AccountSnapshot,
        head: LedgerSeq,
        behind: Result<u32, Start>,
        before: Before,
    ) -> Result<(), Start> {
        let known = before.known;
        // Whoever signed last may have known a ledger that is not shown yet.
        let until = |behind: u32| {
            let window = self.settings.validity_ledgers + 1 + LAG_LEDGERS.max(behind);
            head.plus(window.max(before.recovery_window))
        };
        if known && before.explained {
            let drifted = self.drifted(records, head).await.map_err(Start::Wait)?;
            let reader = self.reader(before.since);
            if drifted.is_empty() || pass_over_foreign(records, &reader, &drifted).await? {
                return Ok(());
            }
            tracing::warn!(
                channels = drifted.len(),
                "the chain is ahead of the records: its history is read before anything is signed"
            );
            records.quarantine(Some(until(behind?))).await?;
            return Ok(());
        }
        // By an old state everything looks unused though it has landed: records that were lost would be taken for new ones, and
        // nothing be waited for.
        let until = until(behind?);
        let found = self.find_channels(head).await?;
        let reader = self.reader(before.since);
        if known {
            reader.read_new(records).await.map_err(Start::Wait)?;
        } else {
            reader
                .read_all(records, source, &found)
                .await
                .map_err(Start::Wait)?;
        }
        let landings = records.count_landings().await?;
        if known || before.moved || !found.is_empty() || landings > 0 {
            tracing::warn!(
                channels = found.len(),
                landings,
                "the records may lack what an earlier life of this submitter has sent"
            );
            // Before any row that makes the records look complete: a crash in between must not lose this.
            records.quarantine(Some(until)).await?;
        }
        for channel in found
            .iter()
            .filter(|channel| channel.snapshot.state.is_some())
        {
            let index = i32::try_from(channel.index).unwrap_or(i32::MAX);
            // Nothing of it is known yet: its history is read once no more can come.
            records
                .add_channel(channel.snapshot.account, Some(index), Sequence(0))
                .await?;
        }
        let explained = source.state.as_ref().map_or(0, |state| state.sequence.0);
        records
            .add_channel(source.account, None, Sequence(explained))
            .await?;
        Ok(())
    }

    /// While nothing but ledgers is waited for, the newest one is all that is asked for. Anything else than that, and all is
    /// looked at again.
    pub(super) async fn still_quarantined(&mut self) -> Result<Option<String>, Start> {
        let (Some(until), Some(seen)) = (self.quarantined_until.take(), self.head) else {
            return Ok(None);
        };
        if self.store.history_mark().await?.quarantine_until != Some(until) {
            return Ok(None);
        }
        match self.horizon.any().latest_ledger().await {
            Ok(Some(newest)) if seen.sequence <= newest.sequence && newest.sequence < until => {
                self.quarantined_until = Some(until);
                self.head = Some(newest);
                self.status.set_head(Head::of(&newest));
                Ok(Some(quarantined(until, newest.sequence)))
            }
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Envelopes that a submitter signed whose records are lost may land until their bounds have passed. Then what they
    /// did is read: in the source account's history, and for the last of it in each channel's own.
    async fn wait_out_quarantine(
        &mut self,
        records: &dyn Records,
        head: LedgerSeq,
    ) -> Result<(), Start> {
        let mark = records.history_mark().await?;
        let Some(until) = mark.quarantine_until else {
            return Ok(());
        };
        if head < until {
            self.quarantined_until = Some(until);
            return Err(Start::Wait(quarantined(until, head)));
        }
        let reader = self.reader(mark.since);
        reader.read_new(records).await.map_err(Start::Wait)?;
        self.read_tails(records, &reader, until)
            .await
            .map_err(Start::Wait)?;
        records.quarantine(None).await?;
        Ok(())
    }

    /// Puts a channel on record that an earlier life has used, once everything is known that it did.
    pub(super) async fn explain_channel(
        &self,
        snapshot: &AccountSnapshot,
        index: i32,
    ) -> Result<(), StoreError> {
        let Some(right) = self.store.begin_explaining().await? else {
            return Ok(());
        };
        let records = right.records();
        let explained = self.read_channel(&*records, snapshot).await;
        let sequence = snapshot.state.as_ref().map(|state| state.sequence);
        if let (Ok(()), Some(sequence)) = (&explained, sequence) {
            records
                .add_channel(snapshot.account, Some(index), sequence)
                .await?;
        }
        right.end().await;
        if let Err(why) = explained {
            tracing::warn!(channel = %snapshot.account, %why, "a channel of an earlier life cannot be used yet");
        }
        Ok(())
    }

    async fn read_channel(
        &self,
        records: &dyn Records,
        snapshot: &AccountSnapshot,
    ) -> Result<(), String> {
        let mark = records.history_mark().await;
        let reader = self.reader(mark.map_err(|error| error.to_string())?.since);
        reader.read_down(records, snapshot, None).await
    }

    async fn account(
        &self,
        account: AccountId,
        since: LedgerSeq,
    ) -> Result<AccountSnapshot, String> {
        let mut snapshots = self.look_at(&[account], since).await;
        snapshots
            .pop()
            .unwrap_or_else(|| Err("nothing was answered".to_owned()))
    }

    /// Reads what each channel did behind what is on record, in its own history, and raises the idle ones to where they
    /// are. `until` is the ledger whose state must be shown at least: nothing unknown can land any more.
    ///
    /// The source account's history alone would not do: the page that ends it may come from a Horizon that lags.
    async fn read_tails(
        &mut self,
        records: &dyn Records,
        reader: &Reader,
        until: LedgerSeq,
    ) -> Result<(), String> {
        let rows = records.channels().await.map_err(|e| e.to_string())?;
        let mut accounts = Vec::with_capacity(rows.len());
        for row in &rows {
            accounts.push(row.account_id().map_err(|error| error.to_string())?);
        }
        let snapshots = self.look_at(&accounts, until).await;
        for (row, snapshot) in rows.iter().zip(snapshots) {
            let snapshot = snapshot?;
            let known = Some(Sequence(row.sequence)).filter(|known| known.0 > 0);
            reader.read_down(records, &snapshot, known).await?;
            match &snapshot.state {
                Some(state) => {
                    self.gone_since.remove(&snapshot.account);
                    let raised = records.raise_sequence(snapshot.account, state.sequence);
                    raised.await.map_err(|error| error.to_string())?;
                    if row.reason.as_deref() == Some(GONE) {
                        let opened = records.pause_channel(snapshot.account, None);
                        opened.await.map_err(|error| error.to_string())?;
                    }
                }
                // A Horizon that builds its state anew shows no account for a while, and one look proves nothing.
                None if row.kind == "source" || !self.is_gone_for_long(&snapshot) => {
                    let (account, as_of) = (snapshot.account, snapshot.as_of);
                    return Err(format!(
                        "Horizon does not show {account} as of ledger {as_of}, and it was there before"
                    ));
                }
                // It was there when it was found, and has gone since.
                None if known.is_none() => {
                    let paused = records.pause_channel(snapshot.account, Some(GONE));
                    paused.await.map_err(|error| error.to_string())?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Whether an account was not there ten ledgers ago, and is not now.
    fn is_gone_for_long(&mut self, snapshot: &AccountSnapshot) -> bool {
        let first = self.gone_since.entry(snapshot.account);
        let first = *first.or_insert(snapshot.as_of);
        snapshot.as_of >= first.plus(MISSING_LEDGERS)
    }
}
