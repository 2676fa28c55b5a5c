//! What the bench asks of the records, and the rows that it fills them with. Nothing else uses it.

use serde::Serialize;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Store, StoreError};

/// How the server keeps what is committed.
#[derive(Clone, Debug, FromRow, Serialize)]
pub struct Durability {
    /// Its version.
    pub version: String,
    /// Whether it flushes at all.
    pub fsync: String,
    /// Whether a commit waits for the flush, as our connections have it.
    pub synchronous_commit: String,
    /// Whether pages are logged whole after a checkpoint.
    pub full_page_writes: String,
    /// How it flushes.
    pub wal_sync_method: String,
    /// Its cache.
    pub shared_buffers: String,
    /// Log between two checkpoints.
    pub max_wal_size: String,
}

/// What the server has done so far.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Totals {
    /// Its clock.
    pub at: OffsetDateTime,
    /// Bytes of log written.
    pub wal_bytes: i64,
    /// Transactions committed in this database, of reading ones too; counted up to a second late.
    pub commits: i64,
}

/// How many intents of a tenant became what.
#[derive(Clone, Copy, Debug, Default, FromRow, Serialize)]
pub struct Outcomes {
    /// On record.
    pub recorded: i64,
    /// Succeeded.
    pub succeeded: i64,
    /// Final otherwise.
    pub failed: i64,
    /// Not final.
    pub open: i64,
    /// Attempts that they took.
    pub attempts: i64,
}

/// The intents that became final in a span of time, and how long they took from accept to final, in milliseconds.
#[derive(Clone, Copy, Debug, Default, FromRow, Serialize)]
pub struct Finals {
    /// How many.
    pub count: i64,
    /// Of these landed inside a fee bump, which takes an operation more of its ledger.
    pub fee_bumped: i64,
    /// Half of them took at most this.
    pub p50_ms: Option<f64>,
    /// 95 of a hundred.
    pub p95_ms: Option<f64>,
    /// 99 of a hundred.
    pub p99_ms: Option<f64>,
    /// All.
    pub max_ms: Option<f64>,
}

impl Store {
    /// The settings on which durability rests.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn durability(&self) -> Result<Durability, StoreError> {
        let row = sqlx::query_as(
            "select current_setting('server_version') as version, current_setting('fsync') as fsync,
                    current_setting('synchronous_commit') as synchronous_commit,
                    current_setting('full_page_writes') as full_page_writes,
                    current_setting('wal_sync_method') as wal_sync_method,
                    current_setting('shared_buffers') as shared_buffers, current_setting('max_wal_size') as max_wal_size",
        );
        Ok(row.fetch_one(&self.pool).await?)
    }

    /// What the server has done so far.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        let row = sqlx::query_as(
            "select clock_timestamp() as at,
                    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as wal_bytes, xact_commit as commits
             from pg_stat_database where datname = current_database()",
        );
        Ok(row.fetch_one(&self.pool).await?)
    }

    /// Channels, besides the source account, that may be used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_channels(&self) -> Result<i64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(
            "select count(*) from submitter.channels where kind = 'channel' and state = 'open'",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count)
    }

    /// What became of a tenant's intents.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outcomes(&self, tenant: &str) -> Result<Outcomes, StoreError> {
        let row = sqlx::query_as(
            "select count(*) as recorded, count(*) filter (where status = 'succeeded') as succeeded,
                    count(*) filter (where finished_at is not null and status <> 'succeeded') as failed,
                    count(*) filter (where finished_at is null) as open,
                    coalesce(sum(attempt_count), 0)::bigint as attempts
             from submitter.intents where tenant = $1",
        )
        .bind(tenant);
        Ok(row.fetch_one(&self.pool).await?)
    }

    /// Whether an intent of a tenant is not final. Quick where none is: it looks where the engine looks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_open(&self, tenant: &str) -> Result<bool, StoreError> {
        let (open,): (bool,) = sqlx::query_as(
            "select exists (select from submitter.intents where status = 'queued' and tenant = $1)
                 or exists (select from submitter.intents where owner is not null and tenant = $1)
                 or exists (select from submitter.intents where status = 'parked' and owner is null and tenant = $1)",
        )
        .bind(tenant)
        .fetch_one(&self.pool)
        .await?;
        Ok(open)
    }

    /// The intents of a tenant that succeeded in a span of the database's time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finals(
        &self,
        tenant: &str,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Result<Finals, StoreError> {
        let row = sqlx::query_as(
            "with took as (
               select extract(epoch from finished_at - created_at)::float8 * 1000 as ms,
                      transaction ->> 'fee_bump_hash' is not null as bumped from submitter.intents
               where tenant = $1 and status = 'succeeded' and finished_at >= $2 and finished_at < $3)
             select count(*) as count, count(*) filter (where bumped) as fee_bumped,
                    percentile_cont(0.5) within group (order by ms) as p50_ms,
                    percentile_cont(0.95) within group (order by ms) as p95_ms,
                    percentile_cont(0.99) within group (order by ms) as p99_ms, max(ms) as max_ms
             from took",
        )
        .bind(tenant)
        .bind(from)
        .bind(to);
        Ok(row.fetch_one(&self.pool).await?)
    }

    /// The tags of a tenant's intents.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tags(&self, tenant: &str) -> Result<Vec<i64>, StoreError> {
        let rows: Vec<(i64,)> = sqlx::query_as(
            "select tag from submitter.intents where tenant = $1 and tag is not null",
        )
        .bind(tenant)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(tag,)| tag).collect())
    }

    /// Puts finished intents number `from` (inclusive) to `to` (exclusive) on record, as large as real ones.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fill_finished(&self, from: i64, to: i64, account: &str) -> Result<(), StoreError> {
        let columns = "status, attempt_count, transaction, created_at, updated_at, finished_at";
        let values = "'succeeded', 1,
            jsonb_build_object('hash', h || h, 'fee_bump_hash', null, 'ledger', 1000 + n / 1000,
              'successful', true, 'fee_charged', '100', 'channel', $3::text, 'sequence', (4294967296000 + n)::text,
              'closed_at', '2026-01-01T00:00:00Z'),
            now() - interval '1 day', now() - interval '1 day', now() - interval '1 day'";
        let sql = fill(
            "filled",
            1_700_000_000_000,
            1,
            &format!(", {columns}"),
            &format!(", {values}"),
        );
        self.run_fill(sql, from, to, account).await
    }

    /// Puts due intents number `from` (inclusive) to `to` (exclusive) on record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fill_due(&self, from: i64, to: i64, account: &str) -> Result<(), StoreError> {
        let sql = fill("due", 1_800_000_000_000, 1 << 62, "", "");
        self.run_fill(sql, from, to, account).await
    }

    async fn run_fill(
        &self,
        sql: String,
        from: i64,
        to: i64,
        account: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(from)
            .bind(to)
            .bind(account)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Intents of everybody that may be taken up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_count(&self) -> Result<i64, StoreError> {
        let (count,): (i64,) =
            sqlx::query_as("select count(*) from submitter.intents where status = 'queued'")
                .fetch_one(&self.pool)
                .await?;
        Ok(count)
    }

    /// Bytes of the intents with their indexes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intents_bytes(&self) -> Result<i64, StoreError> {
        let (bytes,): (i64,) =
            sqlx::query_as("select pg_total_relation_size('submitter.intents'::regclass)")
                .fetch_one(&self.pool)
                .await?;
        Ok(bytes)
    }

    /// What a server does in its quiet hours: dead rows away, statistics new, everything on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tidy_up(&self) -> Result<(), StoreError> {
        sqlx::query("vacuum (analyze)").execute(&self.pool).await?;
        sqlx::query("checkpoint").execute(&self.pool).await?;
        Ok(())
    }
}

/// Makes payments as large as real ones, numbered $1 (inclusive) to $2 (exclusive), by the account $3; with further columns
/// and their values, which may use the number `n` and 32 hexadecimal digits of it, `h`.
fn fill(
    tenant: &str,
    first_millisecond: i64,
    first_tag: i64,
    columns: &str,
    values: &str,
) -> String {
    format!(
        "insert into submitter.intents (id, tenant, workflow_id, method, tag, source, request, destinations{columns})
         select (lpad(to_hex({first_millisecond} + n), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid,
                '{tenant}', '{tenant}-' || lpad(n::text, 12, '0'), 'payment', {first_tag} + n, $3,
                jsonb_build_object('workflow_id', '{tenant}-' || lpad(n::text, 12, '0'), 'method', 'payment',
                  'source', $3::text, 'operations', jsonb_build_array(jsonb_build_object('type', 'payment',
                    'destination', $3::text, 'asset', 'native', 'amount', '0.0000001')),
                  'transaction_xdr', null, 'memo', jsonb_build_object('type', 'text', 'value', 'invoice ' || n),
                  'not_before', null, 'valid_until', null, 'ordering_key', null, 'on_state_error', 'fail',
                  'max_fee_per_operation', null, 'metadata', jsonb_build_object('customer', substr(h, 1, 12))),
                array[$3]{values}
         from (select n, md5(n::text) as h from generate_series($1, $2 - 1) as s (n)) rows"
    )
}
