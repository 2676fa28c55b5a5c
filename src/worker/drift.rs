//! Accounts that have gone on without the records.

use std::collections::HashMap;

use super::engine::Engine;
use super::engine::start::Start;
use super::history::Reader;
use super::records::Records;
use crate::domain::observation::AccountSnapshot;
use crate::domain::primitives::{LedgerSeq, Sequence};
use crate::store::StoreError;

/// An account that has gone on without the records.
pub(super) struct Drifted {
    snapshot: AccountSnapshot,
    /// As far as they explain it.
    explained: Sequence,
    /// How far it is.
    sequence: Sequence,
}

/// Where nothing that was used is ours, somebody else uses these accounts, and the records lack nothing for it: how far they are
/// explained is put on record. `false`: something may be ours, or that could not be told.
pub(super) async fn pass_over_foreign(
    records: &dyn Records,
    reader: &Reader,
    drifted: &[Drifted],
) -> Result<bool, Start> {
    let mut foreign = Vec::new();
    for one in drifted {
        match reader.foreign(&one.snapshot, one.explained).await {
            Ok(Some(theirs)) => foreign.extend(theirs),
            Ok(None) => return Ok(false),
            Err(why) => {
                tracing::warn!(account = %one.snapshot.account, %why, "what used an account could not be read");
                return Ok(false);
            }
        }
    }
    for landed in &foreign {
        reader.name_foreign(landed);
    }
    for one in drifted {
        let account = one.snapshot.account;
        tracing::warn!(%account, on_record = %one.explained, on_chain = %one.sequence, "somebody else used the account: its numbers are passed over");
        records.raise_sequence(account, one.sequence).await?;
    }
    Ok(true)
}

impl Engine {
    /// Idle channels whose sequence number on the chain is beyond the records, and busy ones beyond their attempt; up to where
    /// the chain was compared with the records they are explained, though their attempt has not ended yet.
    ///
    /// The chain is read before the records: what another daemon does meanwhile is on record before it is on the chain. And as of
    /// this ledger at least: an older state looks like the records, whatever has landed since.
    pub(super) async fn drifted(
        &self,
        records: &dyn Records,
        since: LedgerSeq,
    ) -> Result<Vec<Drifted>, String> {
        let failed = |error: StoreError| error.to_string();
        let mut accounts = Vec::new();
        for row in records.channels().await.map_err(failed)? {
            accounts.push(row.account_id().map_err(failed)?);
        }
        let mut chain = HashMap::new();
        for snapshot in self.look_at(&accounts, since).await {
            let snapshot = snapshot?;
            if let Some(sequence) = snapshot.state.as_ref().map(|state| state.sequence) {
                chain.insert(snapshot.account, (snapshot, sequence));
            }
        }
        let mut drifted = Vec::new();
        for row in records.channels().await.map_err(failed)? {
            let account = row.account_id().map_err(failed)?;
            let explained = row.sequence + i64::from(row.busy_with.is_some());
            let explained = explained.max(row.explained_sequence);
            if let Some((snapshot, sequence)) = chain.remove(&account)
                && sequence.0 > explained
            {
                drifted.push(Drifted {
                    snapshot,
                    explained: Sequence(explained),
                    sequence,
                });
            }
        }
        Ok(drifted)
    }
}
