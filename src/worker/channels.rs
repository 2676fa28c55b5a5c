//! Channels: made and topped up by intents of our own, which land exactly once like any other.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::engine::{Engine, Input};
use super::records::Records;
use super::top_up::{MAX_TRY_AGAIN, TopUp, try_again};
use crate::domain::intent::{Content, OnStateError, Request};
use crate::domain::memo::Memo;
use crate::domain::operation::{MAX_OPERATIONS, Operation};
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};
use crate::store::StoreError;
use crate::store::accept::{Accepted, Lane, NewIntent};

/// The tenant of our own intents. Users' tenants come from API keys and never have this name.
pub const SYSTEM_TENANT: &str = "system";
/// Until channels are looked at again that an earlier life has used.
const UNEXPLAINED_AGAIN: Duration = Duration::from_secs(10);
/// Tries of one batch of new channels, or of one top-up, each with a workflow of its own.
pub(super) const MAX_TRIES: u32 = 1_000;
/// Each transaction takes no more than this part of a ledger: one that fills it never gets its turn.
const LEDGER_SHARE: usize = 2;
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
    /// Batches that were asked for.
    pending: Vec<Pending>,
    /// Batches that failed one after another.
    failures: u32,
    /// Nothing is tried before.
    not_before: Option<tokio::time::Instant>,
    /// What was asked for more than once for channels that are short.
    pub(super) top_ups: BTreeMap<AccountId, TopUp>,
}

/// A batch of channels that was asked for.
#[derive(Debug)]
struct Pending {
    intent: Uuid,
    channels: Vec<u32>,
    /// The newest ledger then: what lands later makes accounts that nobody has used before.
    asked_at: LedgerSeq,
}

/// Whether an intent of our own is to be asked for under another name.
pub(super) fn has_ended_in_vain(status: &str) -> bool {
    matches!(status, "failed" | "expired" | "canceled")
}

impl Ensure {
    fn waits(&self) -> bool {
        let now = tokio::time::Instant::now();
        self.not_before.is_some_and(|at| now < at)
    }
}

impl Engine {
    /// Makes the channels that are wanted, by intents of our own: they land exactly once like any other.
    pub(super) async fn ensure_channels(&mut self) -> Result<(), StoreError> {
        if self.ensure.done || self.ensure.waits() {
            return Ok(());
        }
        self.settle_pending().await?;
        if !self.ensure.pending.is_empty() || self.ensure.waits() {
            return Ok(());
        }
        let rows = self.store.channels().await?;
        let known: HashSet<i32> = rows.iter().filter_map(|row| row.sep5_index).collect();
        let missing: Vec<u32> = (0..self.settings.channels)
            .filter(|index| !known.contains(&i32::try_from(*index).unwrap_or(i32::MAX)))
            .collect();
        if missing.is_empty() {
            self.ensure.done = true;
            return Ok(());
        }
        let ledger = self.head.map_or(u32::MAX, |head| head.max_tx_set_size);
        let share = usize::try_from(ledger).unwrap_or(MAX_OPERATIONS) / LEDGER_SHARE;
        for batch in missing.chunks(share.clamp(1, MAX_OPERATIONS)) {
            self.ask_for(batch).await?;
        }
        Ok(())
    }

    /// Asks for a batch of channels by an intent of our own.
    async fn ask_for(&mut self, batch: &[u32]) -> Result<(), StoreError> {
        let mut operations = Vec::with_capacity(batch.len());
        let mut asked = Vec::with_capacity(batch.len());
        let known = batch
            .iter()
            .filter_map(|index| Some((*index, self.keys.channel(*index)?)));
        let (indexes, accounts): (Vec<u32>, Vec<AccountId>) = known.unzip();
        let snapshots = self.look_at(&accounts, LedgerSeq(0)).await;
        let all_seen = snapshots.iter().all(Result::is_ok);
        for ((index, account), snapshot) in indexes.into_iter().zip(accounts).zip(snapshots) {
            // One that exists (an earlier try, another life) needs no making.
            if let Ok(snapshot) = snapshot
                && let Some(state) = &snapshot.state
            {
                let index = i32::try_from(index).unwrap_or(i32::MAX);
                if state.sequence.0 % SEQUENCES_PER_LEDGER == 0 {
                    self.store
                        .add_channel(account, Some(index), state.sequence)
                        .await?;
                } else {
                    // What cannot be explained now is not asked for with every tick.
                    self.ensure.not_before = Some(tokio::time::Instant::now() + UNEXPLAINED_AGAIN);
                    self.explain_channel(&snapshot, index).await?;
                }
                continue;
            }
            asked.push(index);
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
        for number in 1..=MAX_TRIES {
            let workflow = format!("channels/{digest}/{number}");
            let request = self.own_request(workflow, "create_account", operations.clone());
            let row = self.accept_own(request).await?;
            // One that succeeded, and whose channels are not there, was of a chain that is gone.
            let gone = row.1 == "succeeded" && all_seen;
            if gone || has_ended_in_vain(&row.1) {
                continue;
            }
            self.ensure.pending.push(Pending {
                intent: row.0,
                channels: asked,
                asked_at: self
                    .status
                    .head()
                    .map_or(LedgerSeq(u32::MAX), |head| head.ledger),
            });
            return Ok(());
        }
        tracing::error!("channels could not be made in {MAX_TRIES} tries");
        self.ensure.not_before = Some(tokio::time::Instant::now() + MAX_TRY_AGAIN);
        Ok(())
    }

    /// Takes over channels whose making has ended.
    async fn settle_pending(&mut self) -> Result<(), StoreError> {
        let mut still = Vec::new();
        for pending in std::mem::take(&mut self.ensure.pending) {
            let intent = pending.intent;
            let row = self.store.intent(SYSTEM_TENANT, intent).await?;
            let Some(row) = row else { continue };
            match row.status.as_str() {
                "succeeded" => {
                    let ledger = row.transaction.as_ref().and_then(|t| t["ledger"].as_u64());
                    let ledger = ledger.and_then(|ledger| u32::try_from(ledger).ok());
                    let Some(ledger) = ledger.map(LedgerSeq) else {
                        continue;
                    };
                    let left = self.take_over_made(&pending, ledger).await?;
                    self.ensure.failures = 0;
                    if left.is_empty() {
                        tracing::info!(%intent, "channels are made");
                    } else {
                        still.push(Pending {
                            channels: left,
                            ..pending
                        });
                    }
                }
                status if has_ended_in_vain(status) => {
                    self.ensure.failures = self.ensure.failures.saturating_add(1);
                    let wait = try_again(self.ensure.failures);
                    self.ensure.not_before = Some(tokio::time::Instant::now() + wait);
                    tracing::warn!(%intent, reason = ?row.reason, wait_seconds = wait.as_secs(), "channels could not be made; it is tried again");
                }
                _ => still.push(pending),
            }
        }
        self.ensure.pending = still;
        Ok(())
    }

    /// Puts channels on record that were made in this ledger; returns those of which nothing is known yet.
    ///
    /// Made by a transaction of an earlier life, which the records did not know, they may have been used since, or be gone.
    async fn take_over_made(
        &mut self,
        pending: &Pending,
        ledger: LedgerSeq,
    ) -> Result<Vec<u32>, StoreError> {
        let fresh = Sequence(i64::from(ledger.0) * SEQUENCES_PER_LEDGER);
        let known = pending.channels.iter();
        let known = known.filter_map(|index| Some((*index, self.keys.channel(*index)?)));
        let (indexes, accounts): (Vec<u32>, Vec<AccountId>) = known.unzip();
        if ledger > pending.asked_at {
            for (index, account) in indexes.into_iter().zip(accounts) {
                let index = i32::try_from(index).unwrap_or(i32::MAX);
                self.store.add_channel(account, Some(index), fresh).await?;
            }
            return Ok(Vec::new());
        }
        let mut left = Vec::new();
        let snapshots = self.look_at(&accounts, LedgerSeq(0)).await;
        for (index, snapshot) in indexes.into_iter().zip(snapshots) {
            match snapshot {
                Ok(snapshot) if snapshot.as_of >= ledger => {
                    // One that is gone is asked for anew.
                    let Some(state) = &snapshot.state else {
                        continue;
                    };
                    let number = i32::try_from(index).unwrap_or(i32::MAX);
                    if state.sequence == fresh {
                        self.store
                            .add_channel(snapshot.account, Some(number), fresh)
                            .await?;
                    } else {
                        self.explain_channel(&snapshot, number).await?;
                    }
                }
                Ok(_) | Err(_) => left.push(index),
            }
        }
        // What cannot be explained now is not asked for with every tick.
        self.ensure.not_before = Some(tokio::time::Instant::now() + UNEXPLAINED_AGAIN);
        Ok(left)
    }

    pub(super) fn own_request(
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
    pub(super) async fn accept_own(&self, request: Request) -> Result<(Uuid, String), StoreError> {
        let tag = request.key(SYSTEM_TENANT).tag(self.network);
        let new = NewIntent {
            id: self.store.new_id(),
            tenant: SYSTEM_TENANT.to_owned(),
            tag,
            lane: Lane::System,
            form: request.to_text(),
            request,
            key: None,
        };
        let accepted = self.store.accept(&[&new]).await?;
        match accepted.into_iter().next() {
            Some(Accepted::New(_)) => {
                // Where the inbox is full, the next tick finds it.
                let _ = self.mailbox.try_send(Input::Wake);
                Ok((new.id, "queued".to_owned()))
            }
            Some(Accepted::Existing(row)) => Ok((row.id, row.status)),
            Some(Accepted::KeyTaken) | None => Err(StoreError::Corrupt {
                table: "intents",
                what: "an intent without an idempotency key was refused for its key".to_owned(),
            }),
        }
    }
}

/// How many channels are wanted and can be used.
///
/// # Errors
/// [`StoreError`].
pub async fn ensure_report(store: &dyn Records, wanted: u32) -> Result<EnsureReport, StoreError> {
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
