//! Intents without an open attempt: failed, parked, expired, canceled or resumed as they stand.

use uuid::Uuid;

use super::{Store, StoreError, to_timestamp};
use crate::domain::primitives::ChainTime;
use crate::domain::reason::Reason;

impl Store {
    /// Ends an intent that has no open attempt as failed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fail_queued(&self, id: Uuid, reason: &Reason) -> Result<(), StoreError> {
        sqlx::query(
            "with done as (
               update submitter.intents set status = 'failed', reason = $2, finished_at = now(), updated_at = now(), due_at = null
               where id = $1 and status = 'queued' and owner is null returning id, tenant)
             insert into submitter.events (tenant, intent_id, kind, data)
             select tenant, id, 'intent.failed', jsonb_build_object('reason', $2::jsonb) from done",
        )
        .bind(id)
        .bind(sqlx::types::Json(reason))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Parks an intent that has no open attempt, until a person looks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn park_queued(&self, id: Uuid, reason: &Reason) -> Result<(), StoreError> {
        sqlx::query(
            "with done as (
               update submitter.intents set status = 'parked', reason = $2, updated_at = now(), due_at = null
               where id = $1 and status = 'queued' and owner is null returning id, tenant)
             insert into submitter.events (tenant, intent_id, kind, data)
             select tenant, id, 'intent.parked', jsonb_build_object('reason', $2::jsonb) from done",
        )
        .bind(id)
        .bind(sqlx::types::Json(reason))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends intents that somebody canceled before it was known whether they had landed, and that have not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_cancellations(&self, limit: i64) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "with unwanted as (
               select id from submitter.intents
               where cancel_requested and owner is null and finished_at is null and tag is not null
                 -- A call that was sent before ends once its nonce was looked up.
                 and not (contract and attempt_count > 0)
                 and (select submitter.is_explained())
                 and not exists (select from submitter.landings l where l.tag = intents.tag and l.successful)
               limit $1 for update skip locked),
             done as (
               update submitter.intents i set status = 'canceled', finished_at = now(), updated_at = now(), due_at = null,
                 reason = $2
               from unwanted where i.id = unwanted.id returning i.id, i.tenant)
             insert into submitter.events (tenant, intent_id, kind, data)
             select tenant, id, 'intent.canceled', '{}' from done",
        )
        .bind(limit)
        .bind(sqlx::types::Json(Reason::canceled()))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Ends intents whose time is over on the chain's clock and that have no open attempt; returns how many. None while
    /// something of ours on the chain is not explained: it may be theirs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expire(&self, now: ChainTime, limit: i64) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "with over as (
               select id from submitter.intents
               where status in ('queued', 'parked') and owner is null and valid_until < $1
                 and not (contract and attempt_count > 0)
                 and (select submitter.is_explained())
                 and not exists (select from submitter.landings l where l.tag = intents.tag and l.successful)
               order by valid_until limit $2 for update skip locked),
             done as (
               update submitter.intents i set status = 'expired', finished_at = now(), updated_at = now(), due_at = null,
                 reason = coalesce(i.reason, $3)
               from over where i.id = over.id returning i.id, i.tenant)
             insert into submitter.events (tenant, intent_id, kind, data)
             select tenant, id, 'intent.expired', '{}' from done",
        )
        .bind(to_timestamp(now))
        .bind(limit)
        .bind(sqlx::types::Json(Reason::expired()))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Queues parked intents again whose time has come; returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resume_parked(&self, limit: i64) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "with due as (
               select id from submitter.intents where status = 'parked' and owner is null and due_at <= now()
               order by due_at limit $1 for update skip locked)
             update submitter.intents i set status = 'queued', updated_at = now()
             from due where i.id = due.id",
        )
        .bind(limit)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}
