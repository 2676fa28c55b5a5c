//! The records may lack what they once knew: that is seen, said by hand, and ended.

use std::time::Duration;

use sqlx::FromRow;

use super::bounded::within;
use super::network::Explaining;
use super::{Store, StoreError};
use crate::domain::primitives::LedgerSeq;

/// Times that the right to explain is asked for, and the pause between: daemons that wait have it for moments only.
const EXPLAINING_TRIES: u32 = 20;
const EXPLAINING_PAUSE: Duration = Duration::from_millis(500);

/// Whether the records explain everything of ours on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryState {
    /// Everything of ours on the chain is explained, and the database is where it was then.
    pub explained: bool,
    /// Nothing is signed before this ledger.
    pub quarantine_until: Option<LedgerSeq>,
    /// The database is the one that it was when a daemon last started.
    pub same_database: bool,
    /// An operator said so: the window, in ledgers.
    pub window: Option<u32>,
    /// An operator said so: nothing of an earlier life lies before this ledger.
    pub since: Option<LedgerSeq>,
}

impl RecoveryState {
    /// Why nothing is signed, in a sentence; `None` where something may be.
    #[must_use]
    pub fn why_waiting(&self) -> Option<String> {
        if let Some(until) = self.quarantine_until {
            return Some(format!(
                "the records may lack what is on the chain: nothing is signed before ledger {until}"
            ));
        }
        if !self.same_database {
            return Some(
                "the records have been restored, or their database was failed over: a daemon explains the chain at its start"
                    .to_owned(),
            );
        }
        (!self.explained).then(|| {
            "not everything on the chain is explained yet: a daemon does that at its start"
                .to_owned()
        })
    }
}

#[derive(FromRow)]
struct Row {
    explained: bool,
    quarantine_until: Option<i64>,
    same_database: bool,
    recovery_window: Option<i64>,
    history_since: Option<i64>,
}

impl Store {
    /// What is known of the records' completeness; `None` before the first start of a daemon.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recovery_state(&self) -> Result<Option<RecoveryState>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "select submitter.is_explained() as explained, quarantine_until,
                    database = submitter.database_identity() as same_database, recovery_window, history_since
             from submitter.network",
        )
        .fetch_optional(&self.pool)
        .await?;
        let ledger = |value: Option<i64>| value.map(|value| super::ledger("network", value));
        row.map(|row| {
            Ok(RecoveryState {
                explained: row.explained,
                quarantine_until: ledger(row.quarantine_until).transpose()?,
                same_database: row.same_database,
                window: row
                    .recovery_window
                    .and_then(|window| u32::try_from(window).ok()),
                since: ledger(row.history_since).transpose()?,
            })
        })
        .transpose()
    }

    /// Puts on record that the records may lack what an earlier life of theirs has sent: nothing is signed, and nothing is
    /// ended as if it had never landed, until a daemon has waited out `window` ledgers and explained the chain. Returns
    /// whether there were records to say it of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recover(
        &self,
        window: Option<u32>,
        since: Option<LedgerSeq>,
    ) -> Result<bool, StoreError> {
        let right = self.right_to_explain().await?;
        let said = right.records().say_incomplete(window, since).await;
        right.end().await;
        said
    }

    /// Whoever compares the records with the chain just now would end that by saying that all is explained.
    async fn right_to_explain(&self) -> Result<Explaining, StoreError> {
        for _ in 0..EXPLAINING_TRIES {
            if let Some(right) = self.begin_explaining().await? {
                return Ok(right);
            }
            tokio::time::sleep(EXPLAINING_PAUSE).await;
        }
        Err(StoreError::BeingExplained)
    }

    async fn say_incomplete(
        &self,
        window: Option<u32>,
        since: Option<LedgerSeq>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update submitter.network set explained = false, quarantine_until = null, recovery_window = $1, history_since = coalesce($2, history_since),
               doubts = doubts + 1, updated_at = now()",
        )
        .bind(window.map(i64::from))
        .bind(since.map(|ledger| i64::from(ledger.0)))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// How many daemons live.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_workers(&self) -> Result<i64, StoreError> {
        let (count,): (i64,) =
            sqlx::query_as("select count(*) from submitter.workers where lease_until > now()")
                .fetch_one(&self.pool)
                .await?;
        Ok(count)
    }

    /// The newest ledger in which an account was made whose sequence numbers are on record; `None` where none are. An account
    /// that is made later has numbers that are not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_birth(&self) -> Result<Option<LedgerSeq>, StoreError> {
        let (born,): (Option<i64>,) =
            sqlx::query_as("select max(sequence >> 32) from submitter.attempts")
                .fetch_one(&self.pool)
                .await?;
        born.map(|born| super::ledger("attempts", born)).transpose()
    }

    /// Takes the records over to a new chain of the same passphrase: the anchor, the places that were read to, and the
    /// channels' sequence numbers are of a chain that is gone. Intents, attempts and landings stay: what was paid counts as
    /// paid. Everything is as with records that may lack something; returns whether there were records.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn accept_network_reset(&self) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let network = sqlx::query(
            "update submitter.network set anchor_ledger = null, anchor_hash = null, anchor_closed_at = null, history_cursor = 0,
               explained = false, quarantine_until = null, recovery_window = null, history_since = null, doubts = doubts + 1,
               updated_at = now()",
        );
        let done = within(network.execute(&mut *tx)).await?;
        for sql in [
            "delete from submitter.channels",
            "update submitter.reconciliations set watermark = null, balances = '{}'",
        ] {
            within(sqlx::query(sql).execute(&mut *tx)).await?;
        }
        within(tx.commit()).await?;
        Ok(done.rows_affected() > 0)
    }
}
