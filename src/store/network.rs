//! Which chain the records are about.

use super::{Store, StoreError, bytes32, ledger, to_timestamp, unsigned};
use crate::domain::observation::LedgerHeader;
use crate::domain::primitives::{ChainTime, LedgerSeq};

/// A ledger that was seen on the chain: if it is not there any more, the chain is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its number.
    pub ledger: LedgerSeq,
    /// Its hash.
    pub hash: [u8; 32],
    /// When it closed.
    pub closed_at: ChainTime,
}

impl Store {
    /// Ties the records to a network, or checks that they are tied to it; returns the newest anchor.
    ///
    /// # Errors
    /// [`StoreError::OtherNetwork`].
    pub async fn tie_to_network(&self, passphrase: &str) -> Result<Option<Anchor>, StoreError> {
        type Row = (String, Option<i64>, Option<Vec<u8>>, Option<i64>);
        let (recorded, anchor, hash, closed_at): Row = sqlx::query_as(
            "with tied as (
               insert into submitter.network (passphrase) values ($1) on conflict (one) do nothing
               returning passphrase, anchor_ledger, anchor_hash, anchor_closed_at)
             select passphrase, anchor_ledger, anchor_hash, extract(epoch from anchor_closed_at)::bigint from tied
             union all
             select passphrase, anchor_ledger, anchor_hash, extract(epoch from anchor_closed_at)::bigint
             from submitter.network limit 1",
        )
        .bind(passphrase)
        .fetch_one(&self.pool)
        .await?;
        if recorded != passphrase {
            return Err(StoreError::OtherNetwork {
                recorded,
                configured: passphrase.to_owned(),
            });
        }
        match (anchor, hash) {
            (Some(number), Some(hash)) => Ok(Some(Anchor {
                ledger: ledger("network", number)?,
                hash: bytes32("network", &hash)?,
                closed_at: ChainTime(unsigned("network", closed_at.unwrap_or(0))?),
            })),
            _ => Ok(None),
        }
    }

    /// Moves the anchor forward.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_anchor(&self, header: &LedgerHeader) -> Result<(), StoreError> {
        sqlx::query(
            "update submitter.network set anchor_ledger = $1, anchor_hash = $2, anchor_closed_at = $3, updated_at = now()
             where anchor_ledger is null or anchor_ledger < $1",
        )
        .bind(i64::from(header.sequence.0))
        .bind(header.hash.to_vec())
        .bind(to_timestamp(header.closed_at))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
