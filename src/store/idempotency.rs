//! Idempotency keys: STARTED, then COMPLETED with the answer that every repetition gets.

use std::time::Duration;

use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::{Store, StoreError};

/// A key on record.
#[derive(Clone, Debug, FromRow)]
pub struct KeyRow {
    /// SHA-256 of the request's normal form.
    pub fingerprint: Vec<u8>,
    /// The request, where it is not the intent's own.
    pub request: Option<Value>,
    /// The intent that it is about.
    pub intent_id: Uuid,
    /// The stored status; null while it is started.
    pub status: Option<i16>,
    /// The stored body, JSON; null: the intent as it was accepted.
    pub response: Option<String>,
    /// Whole seconds until a started one may be taken over, at least 0.
    pub locked_seconds: Option<i32>,
}

/// An answer to be stored under a key.
#[derive(Clone, Debug)]
pub struct StoredAnswer<'a> {
    /// Whose key.
    pub tenant: &'a str,
    /// The key.
    pub key: &'a str,
    /// SHA-256 of the request's normal form.
    pub fingerprint: [u8; 32],
    /// The request, where it is not the intent's own.
    pub request: Option<Value>,
    /// The intent that it is about.
    pub intent_id: Uuid,
    /// HTTP status.
    pub status: i16,
    /// The body, JSON; it comes back byte for byte.
    pub response: &'a str,
    /// After how long it may be forgotten.
    pub keep_for: Duration,
}

impl Store {
    /// The key, unless it has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn idempotency_key(
        &self,
        tenant: &str,
        key: &str,
    ) -> Result<Option<KeyRow>, StoreError> {
        let row = sqlx::query_as(
            "select fingerprint, request, intent_id, status, response::text as response,
                    ceil(greatest(0, extract(epoch from locked_until - now())))::int as locked_seconds
             from submitter.idempotency_keys where tenant = $1 and key = $2 and expires_at > now()",
        )
        .bind(tenant)
        .bind(key);
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// Takes over a started key whose process is gone; `false` where somebody else was quicker or it is not over yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_over_key(
        &self,
        tenant: &str,
        key: &str,
        answered_within: Duration,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update submitter.idempotency_keys set locked_until = now() + make_interval(secs => $3)
             where tenant = $1 and key = $2 and state = 'started' and locked_until <= now()",
        )
        .bind(tenant)
        .bind(key)
        .bind(answered_within.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Completes a started key with its answer; `false` where somebody else has completed it already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn complete_key(
        &self,
        tenant: &str,
        key: &str,
        status: i16,
        response: &str,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update submitter.idempotency_keys set state = 'completed', status = $3, response = $4::text::json, locked_until = null
             where tenant = $1 and key = $2 and state = 'started'",
        )
        .bind(tenant)
        .bind(key)
        .bind(status)
        .bind(response)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Stores the answer to a request that made no intent; where the key is taken, that answer stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn store_answer(&self, answer: &StoredAnswer<'_>) -> Result<(), StoreError> {
        sqlx::query(
            "insert into submitter.idempotency_keys
               (tenant, key, fingerprint, request, intent_id, state, status, response, expires_at)
             values ($1, $2, $3, $4, $5, 'completed', $6, $7::text::json, now() + make_interval(secs => $8)) on conflict (tenant, key) do nothing",
        )
        .bind(answer.tenant)
        .bind(answer.key)
        .bind(answer.fingerprint.to_vec())
        .bind(&answer.request)
        .bind(answer.intent_id)
        .bind(answer.status)
        .bind(answer.response)
        .bind(answer.keep_for.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets expired keys, at most `limit`; returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_keys(&self, limit: i64) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "delete from submitter.idempotency_keys where (tenant, key) in (
               select tenant, key from submitter.idempotency_keys where expires_at <= now()
               order by expires_at limit $1 for update skip locked)",
        )
        .bind(limit)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}
