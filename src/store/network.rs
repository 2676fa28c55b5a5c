//! Which chain the records are about.

use super::bounded::BoundedPool;
use super::{Store, StoreError, bytes32, ledger, to_timestamp, unsigned};
use crate::domain::observation::LedgerHeader;
use crate::domain::primitives::{ChainTime, LedgerSeq};

/// The advisory lock of who explains the chain ("explain" in ASCII).
const EXPLAINING: i64 = 0x0065_7870_6c61_696e;

/// The right to explain the chain. It ends with its connection, however that ends.
///
/// What it finds is put on record over that same connection: where the database was restored, failed over or swapped
/// meanwhile, the connection is gone, and nothing that was concluded about the old records is said of the new ones.
pub struct Explaining(Store);

impl Explaining {
    /// The records, over its own connection.
    #[must_use]
    pub const fn records(&self) -> &Store {
        &self.0
    }

    /// Gives it back.
    pub async fn end(self) {
        self.0.pool.close().await;
    }
}

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
               insert into submitter.network (passphrase, database) values ($1, submitter.database_identity())
               on conflict (one) do nothing
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

    /// Checks that the records may be about a network: they are, or they are about none yet.
    ///
    /// # Errors
    /// [`StoreError::OtherNetwork`].
    pub async fn may_be_of(&self, passphrase: &str) -> Result<(), StoreError> {
        let recorded: Option<(String,)> =
            sqlx::query_as("select passphrase from submitter.network")
                .fetch_optional(&self.pool)
                .await?;
        match recorded {
            Some((recorded,)) if recorded != passphrase => Err(StoreError::OtherNetwork {
                recorded,
                configured: passphrase.to_owned(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Notes where the records are at home now. Returns whether they were elsewhere before: then they may lack what they
    /// once knew, and count as not explained. A quarantine that they bring along was another's: it may be over, when what they
    /// lack can still land. That they moved stays noted, as a window for envelopes of an earlier life, until all is explained: whoever
    /// noted it may die first. Leases that they bring along are ended: whoever had one knows things that these records do not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_database(&self) -> Result<bool, StoreError> {
        let (moved,): (bool,) = sqlx::query_as(
            "with moved as (
               update submitter.network set database = submitter.database_identity(), explained = false, quarantine_until = null,
                 recovery_window = coalesce(recovery_window, 1), doubts = doubts + 1, updated_at = now()
               where database <> submitter.database_identity() returning database),
             ended as (
               update submitter.workers set lease_until = now() where lease_until > now() and exists (select from moved))
             select exists (select from moved)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(moved)
    }

    /// Notes that everything of ours on the chain is explained, by whoever began when there were so many doubts. Returns whether
    /// it is: not where another one was noted meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_explained(&self, doubts: i64) -> Result<bool, StoreError> {
        let (explained,): (bool,) = sqlx::query_as(
            "with noted as (
               update submitter.network set explained = true, recovery_window = null, updated_at = now()
               where not explained and doubts = $1 returning explained)
             select exists (select from noted) or coalesce((select explained and doubts = $1 from submitter.network), false)",
        )
        .bind(doubts)
        .fetch_one(&self.pool)
        .await?;
        Ok(explained)
    }

    /// Takes the right to explain the chain, which one daemon has at a time; `None` where another has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_explaining(&self) -> Result<Option<Explaining>, StoreError> {
        // A connection of its own: it is held for longer than a pool can spare one.
        let options = self.pool().connect_options();
        let own = Self {
            pool: BoundedPool::of_one(options.as_ref().clone()),
        };
        let (taken,): (bool,) = sqlx::query_as("select pg_try_advisory_lock($1)")
            .bind(EXPLAINING)
            .fetch_one(&own.pool)
            .await?;
        if taken {
            return Ok(Some(Explaining(own)));
        }
        own.pool.close().await;
        Ok(None)
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
