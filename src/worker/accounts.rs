//! The accounts: the source must exist, channels are made and topped up by intents of our own, and everything of ours
//! that the chain has and the records have not is explained before anything is signed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::engine::start::Start;
use super::engine::{Engine, Input};
use crate::domain::asset::{Asset, Destination};
use crate::domain::envelope::{decode, tag_of};
use crate::domain::intent::{Content, OnStateError, Request};
use crate::domain::memo::Memo;
use crate::domain::observation::{AccountSnapshot, Cursor, Landed, Unknown};
use crate::domain::operation::{MAX_OPERATIONS, Operation};
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence, Stroops};
use crate::domain::tag::Tag;
use crate::horizon::{Horizon, Order};
use crate::store::accept::{Accepted, Lane, NewIntent};
use crate::store::{Store, StoreError};

/// The tenant of our own intents. Users' tenants come from API keys and never have this name.
pub const SYSTEM_TENANT: &str = "system";
/// Indexes in a row that must never have existed before the search for channels ends.
const GAP: u32 = 20;
/// Channels that are looked for at most.
const MAX_CHANNELS: u32 = 10_000;
/// Records of a page of history.
const PAGE_RECORDS: u8 = 200;
/// Why a channel is paused whose key is not held.
const NO_KEY: &str = "no key is held for it: accounts.channel_seed gives another account";
/// Ledgers before the head that are read again: another Horizon may lag.
const EXPLAINED_MARGIN_LEDGERS: u32 = 100;
/// Between two looks at the channels' lumens.
const BALANCES_EVERY: Duration = Duration::from_secs(1800);
/// Tries of one batch of new channels, each with a workflow of its own.
const MAX_ENSURE_TRIES: u32 = 100;
/// An account's first sequence number is the ledger of its creation times this.
const SEQUENCES_PER_LEDGER: i64 = 1 << 32;

/// What became of making channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnsureReport {
    /// Channels that are wanted.
    pub wanted: u32,
    /// Channels that can be used.
    pub open: u32,
}

/// The channels that are still to be made.
#[derive(Debug, Default)]
pub(super) struct Ensure {
    done: bool,
    /// Batches that were asked for: their intent, and the channels it makes.
    pending: Vec<(Uuid, Vec<u32>)>,
}

impl Engine {
    /// Makes sure that the source exists, and that everything of ours on the chain is explained.
    pub(super) async fn open_accounts(&mut self) -> Result<(), Start> {
        let source = self.settings.source;
        let wait = |what: String| Start::Wait(what);
        let store = |error: StoreError| Start::Wait(error.to_string());
        let snapshot = self.account(source).await.map_err(wait)?;
        let Some(state) = snapshot.state else {
            return Err(Start::Wait(format!(
                "the source account {source} does not exist on this network (ledger {}): fund it",
                snapshot.as_of
            )));
        };
        self.derive_keys().await.map_err(store)?;
        let head = self.head.map_or(LedgerSeq(0), |header| header.sequence);
        let quarantined = self
            .store
            .history_mark()
            .await
            .map_err(store)?
            .quarantine_until;
        if quarantined.is_none() {
            self.look_for_earlier_life(state.sequence, head).await?;
        }
        self.wait_out_quarantine(head).await?;
        // Everything up to here is explained: a later reading of the history need not begin before it.
        let explained = i64::from(head.0.saturating_sub(EXPLAINED_MARGIN_LEDGERS)) << 32;
        self.store
            .record_landings(&[], Some(explained))
            .await
            .map_err(store)?;
        self.has_channels = self.count_channels().await.map_err(store)? > 0;
        Ok(())
    }

    /// Where the chain has something of ours that the records do not explain, its history is read, and nothing is signed
    /// until every envelope of that earlier life is past its bounds.
    async fn look_for_earlier_life(
        &self,
        source_sequence: Sequence,
        head: LedgerSeq,
    ) -> Result<(), Start> {
        let store = |error: StoreError| Start::Wait(error.to_string());
        let until = head.plus(self.settings.validity_ledgers + 1);
        if !self.store.channels().await.map_err(store)?.is_empty() {
            let drifted = self.drifted().await.map_err(Start::Wait)?;
            if !drifted.is_empty() {
                tracing::warn!(
                    channels = drifted.len(),
                    "the chain is ahead of the records: its history is read before anything is signed"
                );
                self.store.quarantine(Some(until)).await.map_err(store)?;
            }
            return Ok(());
        }
        let found = self.find_channels().await?;
        self.read_history().await.map_err(Start::Wait)?;
        let landings = self.store.count_landings().await.map_err(store)?;
        if !found.is_empty() || landings > 0 {
            tracing::warn!(
                channels = found.len(),
                landings,
                "the records are empty, but the chain has transactions of an earlier life"
            );
            // Before any row that makes the records look complete: a crash in between must not lose this.
            self.store.quarantine(Some(until)).await.map_err(store)?;
        }
        for (account, index, sequence) in &found {
            let index = i32::try_from(*index).unwrap_or(i32::MAX);
            self.store
                .add_channel(*account, Some(index), *sequence)
                .await
                .map_err(store)?;
        }
        self.store
            .add_channel(self.settings.source, None, source_sequence)
            .await
            .map_err(store)
    }

    /// Envelopes that a submitter signed whose records are lost may land until their bounds have passed.
    async fn wait_out_quarantine(&mut self, head: LedgerSeq) -> Result<(), Start> {
        let store = |error: StoreError| Start::Wait(error.to_string());
        let mark = self.store.history_mark().await.map_err(store)?;
        let Some(until) = mark.quarantine_until else {
            return Ok(());
        };
        if head < until {
            return Err(Start::Wait(format!(
                "the records do not explain what is on the chain: nothing is signed before ledger {until} (now {head}), since envelopes of an earlier life may still land"
            )));
        }
        self.read_history().await.map_err(Start::Wait)?;
        for (account, sequence) in self.drifted().await.map_err(Start::Wait)? {
            self.store
                .raise_sequence(account, sequence)
                .await
                .map_err(store)?;
        }
        self.store.quarantine(None).await.map_err(store)?;
        Ok(())
    }

    /// Makes the keys of all channels on record ready; one whose account the seed does not give is paused.
    pub(super) async fn derive_keys(&self) -> Result<(), StoreError> {
        for row in self.store.channels().await? {
            let Some(index) = row.sep5_index.and_then(|index| u32::try_from(index).ok()) else {
                continue;
            };
            let account = row.account_id()?;
            let held = self.keys.channel(index) == Some(account);
            if !held && row.state == "open" {
                tracing::error!(channel = %account, index, "no key is held for a channel: is it the same accounts.channel_seed?");
                self.store.pause_channel(account, Some(NO_KEY)).await?;
            } else if held && row.reason.as_deref() == Some(NO_KEY) {
                self.store.pause_channel(account, None).await?;
            }
        }
        Ok(())
    }

    async fn account(&self, account: AccountId) -> Result<AccountSnapshot, String> {
        let endpoint = self.horizon.any();
        let failed = |unknown: Unknown| format!("Horizon {}: {}", endpoint.name(), unknown.detail);
        endpoint.account(account).await.map_err(failed)
    }

    async fn count_channels(&self) -> Result<usize, StoreError> {
        let rows = self.store.channels().await?;
        Ok(rows
            .iter()
            .filter(|row| row.kind == "channel" && row.state == "open")
            .count())
    }

    /// Finds channels of an earlier life by their SEP-5 indexes.
    async fn find_channels(&self) -> Result<Vec<(AccountId, u32, Sequence)>, Start> {
        let mut found = Vec::new();
        let mut missing = 0;
        for index in 0..MAX_CHANNELS {
            let Some(account) = self.keys.channel(index) else {
                break;
            };
            let snapshot = self.account(account).await.map_err(Start::Wait)?;
            match snapshot.state {
                Some(state) => {
                    missing = 0;
                    found.push((account, index, state.sequence));
                }
                None => missing += 1,
            }
            if missing >= GAP {
                break;
            }
        }
        Ok(found)
    }

    /// Idle channels whose sequence number on the chain is beyond the records, and busy ones beyond their attempt.
    ///
    /// The chain is read before the records: what another daemon does meanwhile is on record before it is on the chain.
    async fn drifted(&self) -> Result<Vec<(AccountId, Sequence)>, String> {
        let failed = |error: StoreError| error.to_string();
        let mut chain = HashMap::new();
        for row in self.store.channels().await.map_err(failed)? {
            let account = row.account_id().map_err(failed)?;
            if let Some(state) = self.account(account).await?.state {
                chain.insert(account, state.sequence);
            }
        }
        let mut drifted = Vec::new();
        for row in self.store.channels().await.map_err(failed)? {
            let account = row.account_id().map_err(failed)?;
            let explained = row.sequence + i64::from(row.busy_with.is_some());
            if let Some(sequence) = chain
                .get(&account)
                .filter(|sequence| sequence.0 > explained)
            {
                drifted.push((account, *sequence));
            }
        }
        Ok(drifted)
    }

    /// Reads the source account's history behind what was read before: every transaction that moves its funds stands
    /// there, whichever channel it used. Returns how many of ours the records did not know.
    pub(super) async fn read_history(&self) -> Result<u64, String> {
        let mark = self
            .store
            .history_mark()
            .await
            .map_err(|error| error.to_string())?;
        let mut cursor = (mark.cursor > 0).then_some(Cursor(mark.cursor));
        let mut unknown = 0;
        let mut read: u64 = 0;
        loop {
            let endpoint = self.horizon.any();
            let page = endpoint
                .account_transactions(self.settings.source, cursor, Order::Ascending, PAGE_RECORDS)
                .await
                .map_err(|error| format!("Horizon {}: {}", endpoint.name(), error.detail))?;
            let Some(page) = page else { return Ok(unknown) };
            read += page.transactions.len() as u64;
            let ours: Vec<(Tag, Landed)> = page
                .transactions
                .into_iter()
                .filter_map(|landed| self.tagged(landed))
                .collect();
            cursor = page.last.or(cursor);
            unknown += self
                .store
                .record_landings(&ours, cursor.map(|cursor| cursor.0))
                .await
                .map_err(|error| error.to_string())?;
            if read.is_multiple_of(10_000) && read > 0 {
                tracing::info!(read, unknown, "the source account's history is read");
            }
            if page.is_last {
                return Ok(unknown);
            }
        }
    }

    /// A successful transaction with a tag that moves the source's funds, so that nobody else can have made it.
    fn tagged(&self, landed: Landed) -> Option<(Tag, Landed)> {
        if !landed.successful {
            return None;
        }
        let (inner, bump) = decode(&landed.envelope_xdr).ok()?;
        let tag = tag_of(&inner.tx, bump.as_ref())?;
        let ours = inner.tx.operations.iter().any(|operation| {
            let account = operation
                .source_account
                .as_ref()
                .unwrap_or(&inner.tx.source_account);
            AccountId::of_muxed(account) == self.settings.source
        });
        ours.then_some((tag, landed))
    }

    /// Makes the channels that are wanted, by intents of our own: they land exactly once like any other.
    pub(super) async fn ensure_channels(&mut self) -> Result<(), StoreError> {
        if self.ensure.done {
            return Ok(());
        }
        self.settle_pending().await?;
        if !self.ensure.pending.is_empty() {
            return Ok(());
        }
        let rows = self.store.channels().await?;
        self.has_channels = rows
            .iter()
            .any(|row| row.kind == "channel" && row.state == "open");
        let known: HashSet<i32> = rows.iter().filter_map(|row| row.sep5_index).collect();
        let missing: Vec<u32> = (0..self.settings.channels)
            .filter(|index| !known.contains(&i32::try_from(*index).unwrap_or(i32::MAX)))
            .collect();
        if missing.is_empty() {
            self.ensure.done = true;
            return Ok(());
        }
        for batch in missing.chunks(MAX_OPERATIONS) {
            self.ask_for(batch).await?;
        }
        Ok(())
    }

    /// Asks for a batch of channels by an intent of our own.
    async fn ask_for(&mut self, batch: &[u32]) -> Result<(), StoreError> {
        let mut operations = Vec::with_capacity(batch.len());
        let mut asked = Vec::with_capacity(batch.len());
        for index in batch {
            let Some(account) = self.keys.channel(*index) else {
                continue;
            };
            // One that exists (an earlier try, another life) needs no making.
            if let Ok(AccountSnapshot {
                state: Some(state), ..
            }) = self.account(account).await
            {
                let index = i32::try_from(*index).unwrap_or(i32::MAX);
                self.store
                    .add_channel(account, Some(index), state.sequence)
                    .await?;
                continue;
            }
            asked.push(*index);
            operations.push(Operation::CreateAccount {
                destination: account,
                starting_balance: self.settings.channel_starting_balance,
            });
        }
        if operations.is_empty() {
            return Ok(());
        }
        let content: String = operations
            .iter()
            .map(|operation| operation.to_json().to_string())
            .collect();
        let digest = hex::encode(&Sha256::digest(content.as_bytes())[..8]);
        for number in 1..=MAX_ENSURE_TRIES {
            let workflow = format!("channels/{digest}/{number}");
            let request = self.own_request(workflow, "create_account", operations.clone());
            let row = self.accept_own(request).await?;
            if matches!(row.1.as_str(), "failed" | "expired" | "canceled") {
                continue;
            }
            self.ensure.pending.push((row.0, asked));
            return Ok(());
        }
        tracing::error!("channels could not be made in {MAX_ENSURE_TRIES} tries");
        self.ensure.done = true;
        Ok(())
    }

    /// Takes over channels whose making has ended.
    async fn settle_pending(&mut self) -> Result<(), StoreError> {
        let mut still = Vec::new();
        for (intent, batch) in std::mem::take(&mut self.ensure.pending) {
            let row = self.store.intent(SYSTEM_TENANT, intent).await?;
            let Some(row) = row else { continue };
            match row.status.as_str() {
                "succeeded" => {
                    let ledger = row.transaction.as_ref().and_then(|t| t["ledger"].as_i64());
                    for index in batch {
                        let (Some(account), Some(ledger)) = (self.keys.channel(index), ledger)
                        else {
                            continue;
                        };
                        let index = i32::try_from(index).unwrap_or(i32::MAX);
                        let sequence = Sequence(ledger * SEQUENCES_PER_LEDGER);
                        self.store
                            .add_channel(account, Some(index), sequence)
                            .await?;
                    }
                    tracing::info!(%intent, "channels are made");
                    self.has_channels = true;
                }
                "failed" | "expired" | "canceled" => {
                    tracing::warn!(%intent, reason = ?row.reason, "channels could not be made; it is tried again");
                }
                _ => still.push((intent, batch)),
            }
        }
        self.ensure.pending = still;
        Ok(())
    }

    /// Tops a channel up that cannot pay its fee, once for each sequence number.
    pub(super) async fn top_up(
        &self,
        channel: AccountId,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        let source = self.settings.source;
        if channel == source {
            return Ok(());
        }
        let operation = Operation::Payment {
            destination: Destination(channel.plain()),
            asset: Asset::NATIVE,
            amount: self.settings.channel_starting_balance,
        };
        let workflow = format!("top-up/{channel}/{sequence}");
        let request = self.own_request(workflow, "payment", vec![operation]);
        self.accept_own(request).await?;
        Ok(())
    }

    fn own_request(
        &self,
        workflow_id: String,
        method: &str,
        operations: Vec<Operation>,
    ) -> Request {
        Request {
            workflow_id,
            method: method.to_owned(),
            source: self.settings.source,
            content: Content::Operations(operations),
            memo: Memo::None,
            not_before: None,
            valid_until: None,
            ordering_key: None,
            on_state_error: OnStateError::Fail,
            max_fee_per_operation: None,
            metadata: None,
        }
    }

    /// Accepts an intent of our own; returns its id and status, new or not.
    async fn accept_own(&self, request: Request) -> Result<(Uuid, String), StoreError> {
        let tag = request.key(SYSTEM_TENANT).tag(self.network);
        let new = NewIntent {
            id: Uuid::now_v7(),
            tenant: SYSTEM_TENANT.to_owned(),
            tag,
            lane: Lane::System,
            request,
            key: None,
        };
        let accepted = self.store.accept(&[new]).await?;
        match accepted.into_iter().next() {
            Some(Accepted::New(row) | Accepted::Existing(row)) => Ok((row.id, row.status)),
            Some(Accepted::KeyTaken) | None => Err(StoreError::Corrupt {
                table: "intents",
                what: "an intent without an idempotency key was refused for its key".to_owned(),
            }),
        }
    }
}

/// Looks at the channels' lumens from time to time, and tells the engine which are short, until the engine is gone.
pub(super) async fn watch_balances(
    store: Store,
    horizon: Arc<Horizon>,
    below: Stroops,
    engine: mpsc::Sender<Input>,
) {
    let mut ticks = tokio::time::interval(BALANCES_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = engine.closed() => return,
        }
        let rows = match store.channels().await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "the channels' balances could not be looked at");
                continue;
            }
        };
        for row in rows
            .iter()
            .filter(|row| row.kind == "channel" && row.state == "open")
        {
            let Ok(account) = row.account_id() else {
                continue;
            };
            let Ok(AccountSnapshot {
                state: Some(state), ..
            }) = horizon.any().account(account).await
            else {
                continue;
            };
            if state.native_balance < below
                && engine
                    .send(Input::Short(account, state.sequence))
                    .await
                    .is_err()
            {
                return;
            }
        }
    }
}

/// How many channels are wanted and can be used.
///
/// # Errors
/// [`StoreError`].
pub async fn ensure_report(store: &Store, wanted: u32) -> Result<EnsureReport, StoreError> {
    let rows = store.channels().await?;
    let open = rows
        .iter()
        .filter(|row| row.kind == "channel" && row.state == "open")
        .count();
    Ok(EnsureReport {
        wanted,
        open: u32::try_from(open).unwrap_or(u32::MAX),
    })
}
