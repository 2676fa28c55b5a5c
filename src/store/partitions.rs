//! The partitions of the tables that only grow, one a month: made before their time, dropped whole when they are old.

use std::time::Duration;

use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Store, StoreError};

/// Months for which partitions are made ahead: for so long no daemon need run.
const MONTHS_AHEAD: i32 = 3;
/// Months of rows that are moved out of a default partition at once.
const MAX_EARLY_MONTHS: i64 = 24;
/// The longest time that rows are kept for, in days, if not for ever: a hundred years. No record is older.
const MAX_DAYS: u32 = 36_500;
/// How long a change of partitions waits for those who use the table. Others wait behind it.
const LOCK_TIMEOUT: &str = "250ms";
/// How often a change is tried, and the time between for those who waited.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Partition {
    /// The table that it is of: `events` or `submissions`.
    pub parent: String,
    /// Its own name.
    pub name: String,
    /// From when its rows are.
    pub starts_at: OffsetDateTime,
    /// They are older than this.
    pub ends_at: OffsetDateTime,
    /// What it takes on disk, with its indexes.
    pub bytes: i64,
}

/// A change of partitions.
#[derive(Clone, Copy)]
enum Change {
    /// Of the parent that is named, for the month of a time.
    Make,
    /// Of the one that is named, if it ended before a time.
    Drop,
}

impl Store {
    /// Makes the partitions of this month and the next ones, and of those whose rows had to do without; returns how many.
    ///
    /// # Errors
    /// [`StoreError`]; of which [`StoreError::is_locked_out`] is somebody who used a table all the time. What was made
    /// until then stays.
    pub async fn make_partitions(&self) -> Result<u32, StoreError> {
        let missing: Vec<(String, OffsetDateTime)> = sqlx::query_as(
            "with months as (
               select parent, (date_trunc('month', now() at time zone 'utc') + month * interval '1 month') at time zone 'utc' as month
               from unnest(array['events', 'submissions']) parent, generate_series(0, $1) month
               union (select distinct 'events', date_trunc('month', at at time zone 'utc') at time zone 'utc'
                 from submitter.events_default limit $2)
               union (select distinct 'submissions', date_trunc('month', answered_at at time zone 'utc') at time zone 'utc'
                 from submitter.submissions_default limit $2))
             select parent, month from months m
             where not exists (select from submitter.partitions p
               where p.parent = m.parent and p.starts_at <= m.month and p.ends_at > m.month)
             order by month, parent",
        )
        .bind(MONTHS_AHEAD)
        .bind(MAX_EARLY_MONTHS)
        .fetch_all(&self.pool)
        .await?;
        let mut made = 0;
        for (parent, month) in missing {
            made += u32::from(self.change(Change::Make, &parent, month).await?);
        }
        Ok(made)
    }

    /// The partitions whose time was over so many days ago, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn partitions_older_than(&self, days: u32) -> Result<Vec<Partition>, StoreError> {
        let rows = sqlx::query_as(
            "select parent, name, starts_at, ends_at, bytes from submitter.partitions
             where ends_at <= now() - make_interval(hours => 24 * $1) order by ends_at, parent",
        )
        .bind(i32::try_from(days.min(MAX_DAYS)).expect("a hundred years of days fit"));
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Drops a partition; `false` where it is gone already.
    ///
    /// # Errors
    /// As of [`Store::make_partitions`].
    pub async fn drop_partition(&self, partition: &Partition) -> Result<bool, StoreError> {
        let (name, ends_at) = (&partition.name, partition.ends_at);
        self.change(Change::Drop, name, ends_at).await
    }

    /// Makes a change, again and again where the table is in use: each time those who write wait for a moment only.
    async fn change(
        &self,
        change: Change,
        name: &str,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        for _ in 1..TRIES {
            match self.change_once(change, name, at).await {
                Err(error) if error.is_locked_out() || error.is_deadlock() => {}
                done => return done,
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.change_once(change, name, at).await
    }

    async fn change_once(
        &self,
        change: Change,
        name: &str,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("select set_config('lock_timeout', $1, true)")
            .bind(LOCK_TIMEOUT)
            .execute(&mut *tx)
            .await?;
        let done: bool = sqlx::query_scalar(match change {
            Change::Make => "select submitter.make_partition($1, $2)",
            Change::Drop => "select submitter.drop_partition($1, $2)",
        })
        .bind(name)
        .bind(at)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done)
    }
}
