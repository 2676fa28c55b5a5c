//! Contract intents: what is simulated before it is taken up, and how it ends where there is nothing to send.

use sqlx::FromRow;
use uuid::Uuid;

use super::accept::Lane;
use super::prepare::{Claim, Claimed};
use super::{Store, StoreError, to_timestamp};
use crate::domain::primitives::ChainTime;
use crate::domain::reason::Reason;

/// A contract intent that is due.
#[derive(Clone, Debug, FromRow)]
pub struct DueCall {
    /// The intent, without a channel.
    #[sqlx(flatten)]
    pub claimed: Claimed,
    /// Somebody canceled it.
    pub cancel_requested: bool,
    /// Its time is over.
    pub over: bool,
}

/// Where an intent without an open attempt goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueuedEnd {
    /// Final.
    Canceled,
    /// Final.
    Expired,
    /// Final.
    Failed(Reason),
    /// It waits; tried again after so many seconds, or by a person.
    Parked(Reason, Option<u64>),
}

impl Store {
    /// Contract intents that are due, at most `limit`, but for those that are `known` to be prepared. Those that were sent
    /// before are due also where they were canceled or their time is over: how they end depends on their nonce.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls_due(
        &self,
        now: ChainTime,
        limit: i64,
        known: &[Uuid],
    ) -> Result<Vec<DueCall>, StoreError> {
        let rows = sqlx::query_as(
            "select i.id, i.tenant, i.request, i.attempt_count, i.parked_times, '' as channel, 0::bigint as sequence,
                    submitter.unknown_landings(i.tag) as landings, false as on_our_channel,
                    i.cancel_requested, coalesce(i.valid_until < $1, false) as over
             from submitter.intents i
             where i.contract and i.finished_at is null and i.status = 'queued' and i.owner is null
               and i.request is not null and i.due_at <= greatest($1, now()) and i.id <> all ($3)
               and (i.attempt_count > 0 or (not i.cancel_requested and coalesce(i.valid_until >= $1, true)))
               and (i.ordering_key is null or not exists (
                 select from submitter.intents e where e.tenant = i.tenant and e.ordering_key = i.ordering_key
                   and e.finished_at is null and (e.seq < i.seq or e.owner is not null)))
             order by i.due_at, i.seq limit $2",
        )
        .bind(to_timestamp(now))
        .bind(limit)
        .bind(known);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Pairs these contract intents, where they are still due, with idle channels of a kind: see [`Store::claim`].
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or another [`StoreError`].
    pub async fn claim_calls(
        &self,
        worker: Uuid,
        channel_kind: &str,
        now: ChainTime,
        limit: i64,
        calls: &[Uuid],
    ) -> Result<Claim, StoreError> {
        self.claim_some(worker, Lane::User, channel_kind, now, limit, Some(calls))
            .await
    }

    /// Takes a queued intent without an open attempt where that leads. Nothing changes where it is not queued any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_queued(&self, id: Uuid, end: &QueuedEnd) -> Result<(), StoreError> {
        let (status, reason, resume) = match end {
            QueuedEnd::Canceled => ("canceled", Reason::canceled(), None),
            QueuedEnd::Expired => ("expired", Reason::expired(), None),
            QueuedEnd::Failed(reason) => ("failed", reason.clone(), None),
            QueuedEnd::Parked(reason, resume) => ("parked", reason.clone(), *resume),
        };
        sqlx::query(
            "with done as (
               update submitter.intents set status = $2, reason = $3, updated_at = now(),
                 finished_at = case when $2 = 'parked' then null else now() end,
                 parked_times = parked_times + case when $2 = 'parked' then 1 else 0 end,
                 due_at = now() + make_interval(secs => $4)
               where id = $1 and status = 'queued' and owner is null and (select submitter.is_explained())
                 and not exists (select from submitter.landings l where l.tag = intents.tag and l.successful)
               returning id, tenant)
             insert into submitter.events (tenant, intent_id, kind, data)
             select tenant, id, 'intent.' || $2, case when $2 in ('failed', 'parked') then jsonb_build_object('reason', $3::jsonb)
               else '{}' end from done",
        )
        .bind(id)
        .bind(status)
        .bind(sqlx::types::Json(reason))
        .bind(resume.map(|seconds| seconds as f64))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
