//! Facts for consumers, in the order in which they became so.

use std::time::Duration;

use serde_json::Value;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError};

/// How often writers that were seen are looked for again.
const WRITERS_POLL: Duration = Duration::from_millis(10);

/// An event on record.
#[derive(Clone, Debug, FromRow)]
pub struct EventRow {
    /// Its number: rises, with gaps.
    pub id: i64,
    /// When.
    pub at: OffsetDateTime,
    /// Whose.
    pub intent_id: Uuid,
    /// Its type.
    pub kind: String,
    /// Its particulars.
    pub data: Value,
}

impl Store {
    /// An intent's events after one, the oldest first; what was older than what is kept is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intent_events(
        &self,
        tenant: &str,
        intent: Uuid,
        after: i64,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query_as(
            "select id, at, intent_id, kind, data from submitter.events
             where intent_id = $2 and tenant = $1 and id > $3
               -- Only in the months in which it lived; a day more at each end for clocks that are set.
               and at >= (select least(created_at, updated_at) - interval '1 day' from submitter.intents where id = $2)
               and at <= (select case when finished_at is null then 'infinity' else updated_at + interval '1 day' end
                          from submitter.intents where id = $2)
             order by id limit $4",
        )
        .bind(tenant)
        .bind(intent)
        .bind(after)
        .bind(limit);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// A tenant's events after one and up to another, the oldest first; of these kinds where any are given. One that
    /// is not kept any more may be named: it goes on with those that are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(
        &self,
        tenant: &str,
        (after, up_to): (i64, i64),
        kinds: Option<&[String]>,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query_as(
            "select id, at, intent_id, kind, data from submitter.events
             where tenant = $1 and id > $2 and id <= $3 and ($4::text[] is null or kind = any ($4))
             order by id limit $5",
        )
        .bind(tenant)
        .bind(after)
        .bind(up_to)
        .bind(kinds)
        .bind(limit);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// An event number up to which no event can appear any more, so that a reader who goes on from there misses none;
    /// `None` where transactions that may have taken a smaller one are still open after `patience`.
    ///
    /// Numbers are taken when an event is written, and seen when its transaction commits: in another order. A writer holds a
    /// lock on the table from before it takes its first number until after its commit is visible.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settled_event(&self, patience: Duration) -> Result<Option<i64>, StoreError> {
        let newest: i64 = sqlx::query_scalar(
            "select case when is_called then last_value else 0 end from submitter.events_id_seq",
        )
        .fetch_one(&self.pool)
        .await?;
        let mut writers: Vec<String> = sqlx::query_scalar(
            "select virtualtransaction from pg_locks
             where locktype = 'relation' and relation = 'submitter.events'::regclass and mode = 'RowExclusiveLock'
               and database = (select oid from pg_database where datname = current_database())",
        )
        .fetch_all(&self.pool)
        .await?;
        let polls = patience.as_millis() / WRITERS_POLL.as_millis();
        for _ in 0..polls {
            if writers.is_empty() {
                return Ok(Some(newest));
            }
            tokio::time::sleep(WRITERS_POLL).await;
            writers = sqlx::query_scalar(
                "select virtualtransaction from pg_locks
                 where locktype = 'relation' and relation = 'submitter.events'::regclass and mode = 'RowExclusiveLock'
                   and database = (select oid from pg_database where datname = current_database())
                   and virtualtransaction = any ($1)",
            )
            .bind(&writers)
            .fetch_all(&self.pool)
            .await?;
        }
        Ok(writers.is_empty().then_some(newest))
    }
}
