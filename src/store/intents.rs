//! Intents: reading them, and the changes that users ask for.

use serde_json::Value;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError};

/// A whole intent, as it is on record.
#[derive(Clone, Debug, FromRow)]
pub struct IntentRow {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: String,
    /// The workflow.
    pub workflow_id: String,
    /// What of it.
    pub method: String,
    /// The tag; null until it is first read.
    pub tag: Option<i64>,
    /// Whose funds move; null until it is first read.
    pub source: Option<String>,
    /// The normal form; null until it is first read.
    pub request: Option<Value>,
    /// What was enqueued in SQL.
    pub enqueued: Option<Value>,
    /// Its status.
    pub status: String,
    /// When it may next be taken up.
    pub due_at: Option<OffsetDateTime>,
    /// Whether somebody canceled it.
    pub cancel_requested: bool,
    /// How many attempts were made.
    pub attempt_count: i32,
    /// Why it is where it is.
    pub reason: Option<Value>,
    /// The recorded transaction that decided it.
    pub transaction: Option<Value>,
    /// What a call returned.
    pub result: Option<Value>,
    /// Accepted.
    pub created_at: OffsetDateTime,
    /// Last changed.
    pub updated_at: OffsetDateTime,
    /// Final since.
    pub finished_at: Option<OffsetDateTime>,
}

impl IntentRow {
    /// Whether it will never change again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.finished_at.is_some()
    }

    /// The intent as it was when it was accepted over REST: what never changes, and how everything else begins. `due_at` is
    /// when it could first be taken up, unless that was at once.
    #[must_use]
    pub fn as_accepted(&self, not_before: Option<OffsetDateTime>) -> Self {
        Self {
            status: "queued".to_owned(),
            due_at: Some(not_before.unwrap_or(self.created_at)),
            cancel_requested: false,
            attempt_count: 0,
            reason: None,
            transaction: None,
            result: None,
            updated_at: self.created_at,
            finished_at: None,
            ..self.clone()
        }
    }
}

pub(super) const COLUMNS: &str = "id, tenant, workflow_id, method, tag, source, request, enqueued, status, due_at, cancel_requested, \
attempt_count, reason, transaction, result, created_at, updated_at, finished_at";

/// What a list is filtered by; every field that is given must match.
#[derive(Clone, Debug, Default)]
pub struct IntentFilter {
    /// Exactly this workflow.
    pub workflow_id: Option<String>,
    /// Exactly this method.
    pub method: Option<String>,
    /// Exactly this status.
    pub status: Option<String>,
    /// Exactly this source account.
    pub source: Option<String>,
    /// This account receives by one of its operations.
    pub destination: Option<String>,
    /// One of its inner transactions or fee bumps has this hash.
    pub hash: Option<[u8; 32]>,
    /// Accepted after.
    pub created_after: Option<OffsetDateTime>,
    /// Older than this intent: where the page before ended.
    pub before: Option<Uuid>,
}

/// What became of a user's wish to change an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Done at once.
    Done,
    /// Noted; the daemon will do it as soon as it is safe.
    Pending,
    /// The intent is not in a state that allows it.
    NotAllowed,
    /// There is none.
    Missing,
}

impl Store {
    /// One intent of a tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intent(&self, tenant: &str, id: Uuid) -> Result<Option<IntentRow>, StoreError> {
        let sql = format!("select {COLUMNS} from submitter.intents where tenant = $1 and id = $2");
        let row = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(tenant)
            .bind(id);
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// A page of a tenant's intents, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intents(
        &self,
        tenant: &str,
        filter: &IntentFilter,
        limit: i64,
    ) -> Result<Vec<IntentRow>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from submitter.intents i where tenant = $1
               and ($2::text is null or workflow_id = $2)
               and ($3::text is null or method = $3)
               and ($4::text is null or status = $4)
               and ($5::text is null or source = $5)
               and ($6::text is null or $6 = any (destinations))
               and ($7::bytea is null or id in (
                     select intent_id from submitter.attempts where hash = $7
                     union all select intent_id from submitter.fee_bumps where hash = $7))
               and ($8::timestamptz is null or created_at > $8)
               and ($9::uuid is null or id < $9)
             order by id desc limit $10"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(tenant)
            .bind(filter.workflow_id.as_deref())
            .bind(filter.method.as_deref())
            .bind(filter.status.as_deref())
            .bind(filter.source.as_deref())
            .bind(filter.destination.as_deref())
            .bind(filter.hash.map(|hash| hash.to_vec()))
            .bind(filter.created_after)
            .bind(filter.before)
            .bind(limit);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Cancels: at once where no attempt is open and everything of ours on the chain is explained, else by asking the daemon
    /// to send no more, and to end it once it is known that it has not landed. Announces nothing: see [`Store::wake`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cancel(&self, tenant: &str, id: Uuid) -> Result<Change, StoreError> {
        let outcome: Option<(String, bool)> = sqlx::query_as(
            "with before as (
               select id, status, owner, cancel_requested,
                 owner is null and submitter.is_explained() and not (contract and attempt_count > 0) and case when tag is null
                   then not exists (select from submitter.landings l where l.successful)
                   else not exists (select from submitter.landings l where l.tag = intents.tag and l.successful) end as known
               from submitter.intents where tenant = $1 and id = $2 for update),
             -- A second wish to cancel changes nothing and tells nobody anything.
             done as (
               update submitter.intents i set
                 status = case when b.known then 'canceled' when b.owner is null then 'queued' else i.status end,
                 reason = case when b.known then $3 when b.owner is null then null else i.reason end,
                 finished_at = case when b.known then now() end,
                 cancel_requested = true, updated_at = now(),
                 due_at = case when b.known then null when b.owner is null then now() else i.due_at end
               from before b
               where i.id = b.id and b.status in ('queued', 'parked', 'in_flight')
                 and (b.known or not b.cancel_requested)
               returning i.id, i.tenant, b.known),
             noted as (
               insert into submitter.events (tenant, intent_id, kind, data)
               select tenant, id, case when known then 'intent.canceled' else 'intent.cancel_requested' end, '{}' from done)
             select b.status, not b.known from before b",
        )
        .bind(tenant)
        .bind(id)
        .bind(sqlx::types::Json(crate::domain::reason::Reason::canceled()))
        .fetch_optional(&self.pool)
        .await?;
        Ok(match outcome {
            None => Change::Missing,
            Some((status, _)) if !matches!(status.as_str(), "queued" | "parked" | "in_flight") => {
                Change::NotAllowed
            }
            Some((_, true)) => Change::Pending,
            Some((_, false)) => Change::Done,
        })
    }

    /// Queues a parked intent again now. Announces nothing: see [`Store::wake`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry(&self, tenant: &str, id: Uuid) -> Result<Change, StoreError> {
        let outcome: Option<(bool,)> = sqlx::query_as(
            "with before as (
               select id, status, owner from submitter.intents where tenant = $1 and id = $2 for update),
             done as (
               update submitter.intents i set status = 'queued', due_at = now(), reason = null, updated_at = now()
               from before b where i.id = b.id and b.status = 'parked' and b.owner is null
               returning i.id, i.tenant),
             noted as (
               insert into submitter.events (tenant, intent_id, kind, data)
               select tenant, id, 'intent.retried', '{}' from done)
             select exists (select from done) from before",
        )
        .bind(tenant)
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(match outcome {
            None => Change::Missing,
            Some((true,)) => Change::Done,
            Some((false,)) => Change::NotAllowed,
        })
    }

    /// How many intents are in each status that is not final.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query_as(
            "select 'queued', count(*) from submitter.intents where status = 'queued'
             union all select 'in_flight', count(*) from submitter.intents where owner is not null
             union all select 'parked', count(*) from submitter.intents where status = 'parked' and owner is null",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}
