//! Looking at accounts: their states, and channels that an earlier life of ours has left on the chain.

use std::sync::Arc;

use super::engine::Engine;
use super::engine::start::Start;
use super::records::Records;
use super::tries::Tries;
use crate::domain::observation::AccountSnapshot;
use crate::domain::primitives::{AccountId, LedgerSeq};
use crate::horizon::Horizon;
use crate::signer::Keyring;
use crate::store::StoreError;

/// Accounts that are looked at at once.
const CONCURRENT_READS: usize = 16;
/// Indexes in a row that must never have existed before the search for channels ends.
const GAP: u32 = 20;
/// Channels that are looked for at most.
const MAX_CHANNELS: u32 = 10_000;
/// Why a channel is paused whose key is not held.
pub const NO_KEY: &str = "no key is held for it: accounts.channel_seed gives another account";

/// A channel of an earlier life.
pub(super) struct Found {
    /// Its SEP-5 index.
    pub index: u32,
    /// As it is now, or that it is gone.
    pub snapshot: AccountSnapshot,
}

impl Engine {
    /// The states of accounts after this ledger or a later one, in their order, a few asked for at once.
    pub(super) async fn look_at(
        &self,
        accounts: &[AccountId],
        since: LedgerSeq,
    ) -> Vec<Result<AccountSnapshot, String>> {
        look_at(&self.horizon, accounts, since).await
    }

    /// Finds channels of an earlier life by their SEP-5 indexes. One that was merged away still has its history.
    pub(super) async fn find_channels(&self, since: LedgerSeq) -> Result<Vec<Found>, Start> {
        let mut found = Vec::new();
        let mut missing = 0;
        for first in (0..MAX_CHANNELS).step_by(CONCURRENT_READS) {
            let indexes = first..first.saturating_add(CONCURRENT_READS as u32);
            let accounts: Vec<AccountId> = indexes
                .clone()
                .map_while(|index| self.keys.channel(index))
                .collect();
            for (index, snapshot) in indexes.zip(self.look_at(&accounts, since).await) {
                let snapshot = snapshot.map_err(Start::Wait)?;
                let was = snapshot.state.is_some()
                    || self
                        .reader(None)
                        .has_history(snapshot.account)
                        .await
                        .map_err(Start::Wait)?;
                if was {
                    missing = 0;
                    found.push(Found { index, snapshot });
                } else {
                    missing += 1;
                }
            }
            if missing >= GAP || accounts.len() < CONCURRENT_READS {
                break;
            }
        }
        Ok(found)
    }
}

/// The states of accounts after this ledger or a later one, in their order, a few asked for at once.
pub(super) async fn look_at(
    horizon: &Arc<Horizon>,
    accounts: &[AccountId],
    since: LedgerSeq,
) -> Vec<Result<AccountSnapshot, String>> {
    let mut snapshots = Vec::with_capacity(accounts.len());
    for chunk in accounts.chunks(CONCURRENT_READS) {
        let asked: Vec<_> = chunk
            .iter()
            .map(|account| tokio::spawn(look(Arc::clone(horizon), *account, since)))
            .collect();
        for answer in asked {
            let answer = answer.await;
            snapshots.push(answer.unwrap_or_else(|error| Err(error.to_string())));
        }
    }
    snapshots
}

/// Makes the keys of all channels on record ready; one whose account the seed does not give is paused.
pub(super) async fn derive_keys(store: &dyn Records, keys: &Keyring) -> Result<(), StoreError> {
    for row in store.channels().await? {
        let Some(index) = row.sep5_index.and_then(|index| u32::try_from(index).ok()) else {
            continue;
        };
        let account = row.account_id()?;
        let held = keys.channel(index) == Some(account);
        if !held && row.state == "open" {
            tracing::error!(channel = %account, index, "no key is held for a channel: is it the same accounts.channel_seed?");
            store.pause_channel(account, Some(NO_KEY)).await?;
        } else if held && row.reason.as_deref() == Some(NO_KEY) {
            store.pause_channel(account, None).await?;
        }
    }
    Ok(())
}

/// An account's state. Where a budget or a rate limit says when to ask again, it is asked again then: many channels are
/// more than a public Horizon answers at once.
async fn look(
    horizon: Arc<Horizon>,
    account: AccountId,
    since: LedgerSeq,
) -> Result<AccountSnapshot, String> {
    let mut tries = Tries::default();
    loop {
        let endpoint = horizon.any();
        match endpoint.account(account).await {
            Ok(snapshot) if snapshot.as_of >= since => return Ok(snapshot),
            Ok(snapshot) => {
                tries
                    .behind(endpoint, account, snapshot.as_of, since)
                    .await?;
            }
            Err(unknown) => tries.again(endpoint, &unknown).await?,
        }
    }
}
