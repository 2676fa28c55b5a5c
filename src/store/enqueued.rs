//! Intents that were enqueued in SQL, and are read by the daemon.

use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::{Store, StoreError, to_timestamp};

/// An intent that was enqueued in SQL and not yet read.
#[derive(Clone, Debug, FromRow)]
pub struct Unread {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: String,
    /// What was enqueued; `None` where it is larger than [`MAX_ENQUEUED_BYTES`].
    pub enqueued: Option<Value>,
}

/// The largest body that is read, as PostgreSQL writes it.
pub const MAX_ENQUEUED_BYTES: i64 = 1 << 20;
/// How much is read in one go, beyond a first one.
pub const MAX_UNREAD_BYTES: i64 = 16 << 20;

impl Store {
    /// Intents that were enqueued in SQL and not yet read: at most `limit`, and [`MAX_UNREAD_BYTES`] together.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unread(&self, limit: i64) -> Result<Vec<Unread>, StoreError> {
        let rows = sqlx::query_as(
            "select id, tenant, case when bytes <= $2 then enqueued end as enqueued
             from (select *, sum(least(bytes, $2)) over (order by seq) as together
                   from (select id, tenant, seq, enqueued, octet_length(enqueued::text) as bytes from submitter.intents
                         where status = 'queued' and request is null and finished_at is null order by seq limit $1) waiting) waiting
             where together - least(bytes, $2) < $3 order by seq",
        )
        .bind(limit)
        .bind(MAX_ENQUEUED_BYTES)
        .bind(MAX_UNREAD_BYTES);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Records what an enqueued intent asks for, once it was read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_request(
        &self,
        id: Uuid,
        tag: crate::domain::tag::Tag,
        request: &crate::domain::intent::Request,
    ) -> Result<(), StoreError> {
        let presigned = matches!(
            request.content,
            crate::domain::intent::Content::Presigned(_)
        );
        let destinations: Vec<String> = request
            .destinations()
            .iter()
            .map(ToString::to_string)
            .collect();
        sqlx::query(
            "update submitter.intents set request = $2, tag = $3, source = $4, presigned = $5, destinations = $6,
               contract = submitter.is_contract($2),
               ordering_key = $7, due_at = coalesce($8, due_at), valid_until = $9, updated_at = now()
             where id = $1 and status = 'queued' and request is null",
        )
        .bind(id)
        .bind(request.to_json())
        .bind(tag.to_i64())
        .bind(request.source.to_string())
        .bind(presigned)
        .bind(destinations)
        .bind(&request.ordering_key)
        .bind(request.not_before.map(to_timestamp))
        .bind(request.valid_until.map(to_timestamp))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
