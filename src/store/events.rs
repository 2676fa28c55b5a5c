//! Facts for consumers, in the order in which they became so.

use serde_json::Value;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError};

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
    /// An intent's events, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intent_events(
        &self,
        tenant: &str,
        intent: Uuid,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query_as(
            "select id, at, intent_id, kind, data from submitter.events
             where intent_id = $2 and tenant = $1 order by id limit $3",
        )
        .bind(tenant)
        .bind(intent)
        .bind(limit);
        Ok(rows.fetch_all(&self.pool).await?)
    }
}
