//! Comparisons of the records with the chain: what they ask of the records, and what they leave behind.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection as _, FromRow};
use time::OffsetDateTime;
use uuid::Uuid;

use super::bounded::within;
use super::{Store, StoreError, ledger};
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};

/// The advisory lock of who compares ("reconcil" in ASCII).
const RECONCILING: i64 = 0x7265_636f_6e63_696c;

/// The right to compare. It ends with its connection, however that ends.
pub struct Reconciling(sqlx::PgConnection);

impl Reconciling {
    /// Gives it back.
    pub async fn end(self) {
        // Should that fail, the server ends it a little later.
        let _ = within(self.0.close()).await;
    }
}

/// What an account held: by asset, in stroops.
pub type Held = BTreeMap<String, i64>;

/// Where the next comparison begins.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    /// Everything up to here was compared.
    pub watermark: Option<LedgerSeq>,
    /// What accounts held after which ledger.
    pub balances: BTreeMap<String, (u32, Held)>,
}

/// A comparison that was made.
#[derive(Clone, Debug, FromRow)]
pub struct RunRow {
    /// Its number.
    pub id: i64,
    /// Begun.
    pub started_at: OffsetDateTime,
    /// Ended.
    pub finished_at: OffsetDateTime,
    /// Everything up to this ledger was compared.
    pub watermark: Option<i64>,
    /// Whether nothing was missing.
    pub complete: bool,
    /// How much was found.
    pub findings: i64,
    /// The report.
    pub report: Value,
    /// Seconds since its end.
    pub age_seconds: f64,
}

/// A comparison to be put on record.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Begun.
    pub started_at: OffsetDateTime,
    /// Everything up to this ledger was compared.
    pub watermark: Option<LedgerSeq>,
    /// Whether nothing was missing.
    pub complete: bool,
    /// How much was found.
    pub findings: u64,
    /// What accounts held after which ledger.
    pub balances: BTreeMap<String, (u32, Held)>,
    /// The report.
    pub report: Value,
    /// (kind, detail, all of it) of each finding that is kept.
    pub found: Vec<(String, String, Value)>,
}

/// An attempt that the records call landed.
#[derive(Clone, Debug, FromRow)]
pub struct LandedAttempt {
    /// The inner hash.
    pub hash: Vec<u8>,
    /// The sequence number.
    pub sequence: i64,
    /// The ledger.
    pub ledger: i64,
    /// Whose.
    pub intent_id: Uuid,
}

/// A channel's row, and how long ago it changed.
#[derive(Clone, Debug, FromRow)]
pub struct ChannelMark {
    /// Its account.
    pub account: String,
    /// The newest number that is known to be used.
    pub sequence: i64,
    /// Whether an open attempt uses the next one.
    pub busy: bool,
    /// Seconds since it changed.
    pub idle_seconds: f64,
}

impl Store {
    /// Takes the right to compare, which one process has at a time; `None` where another has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_reconciling(&self) -> Result<Option<Reconciling>, StoreError> {
        // A connection of its own: it is held for longer than a pool can spare one.
        let options = self.pool().connect_options();
        let mut connection = within(sqlx::PgConnection::connect_with(&options)).await?;
        let taken = sqlx::query_as("select pg_try_advisory_lock($1)").bind(RECONCILING);
        let (taken,): (bool,) = within(taken.fetch_one(&mut connection)).await?;
        Ok(taken.then_some(Reconciling(connection)))
    }

    /// The newest comparison.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_reconciliation(&self) -> Result<Option<RunRow>, StoreError> {
        let row = sqlx::query_as(
            "select id, started_at, finished_at, watermark, complete, findings, report,
                    extract(epoch from clock_timestamp() - finished_at)::float8 as age_seconds
             from submitter.reconciliations order by id desc limit 1",
        );
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// Whether one began less than so long ago.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reconciled_within(&self, interval: Duration) -> Result<bool, StoreError> {
        let (recent,): (bool,) = sqlx::query_as(
            "select exists (select from submitter.reconciliations r
               where r.id = (select max(id) from submitter.reconciliations)
                 and r.started_at > clock_timestamp() - make_interval(secs => $1))",
        )
        .bind(interval.as_secs_f64())
        .fetch_one(&self.pool)
        .await?;
        Ok(recent)
    }

    /// Where the next comparison begins.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reconciliation_mark(&self) -> Result<Mark, StoreError> {
        type Row = (i64, sqlx::types::Json<BTreeMap<String, (u32, Held)>>);
        let row: Option<Row> = sqlx::query_as(
            "select watermark, balances from submitter.reconciliations where watermark is not null order by id desc limit 1",
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some((watermark, balances)) = row else {
            return Ok(Mark::default());
        };
        Ok(Mark {
            watermark: Some(ledger("reconciliations", watermark)?),
            balances: balances.0,
        })
    }

    /// The ledger before the first of which the records say anything; `None` where they say nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn first_recorded_ledger(&self) -> Result<Option<LedgerSeq>, StoreError> {
        // Ids are in the order of time.
        let (first,): (Option<i64>,) = sqlx::query_as(
            "select least((select signed_at_ledger from submitter.attempts order by intent_id limit 1),
                          (select min(ledger) - 1 from submitter.landings))",
        )
        .fetch_one(&self.pool)
        .await?;
        first.map(|first| ledger("attempts", first)).transpose()
    }

    /// Attempts of a channel that the records call landed: with numbers behind one and up to another, in ledgers from one up
    /// to another; in the order of their numbers, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn landed_attempts(
        &self,
        channel: AccountId,
        numbers: (Sequence, Sequence),
        ledgers: (LedgerSeq, LedgerSeq),
        limit: i64,
    ) -> Result<Vec<LandedAttempt>, StoreError> {
        let rows = sqlx::query_as(
            "select hash, sequence, (landed ->> 'ledger')::bigint as ledger, intent_id from submitter.attempts
             where channel = $1 and sequence > $2 and sequence <= $3 and death_proof is null
               and state in ('landed', 'landed_failed') and (landed ->> 'ledger')::bigint between $4 and $5
             order by sequence limit $6",
        )
        .bind(channel.to_string())
        .bind(numbers.0.0)
        .bind(numbers.1.0)
        .bind(i64::from(ledgers.0.0))
        .bind(i64::from(ledgers.1.0))
        .bind(limit);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// How far the records have each channel.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn channel_marks(&self) -> Result<Vec<ChannelMark>, StoreError> {
        let rows = sqlx::query_as(
            "select account, sequence, busy_with is not null as busy,
                    extract(epoch from now() - updated_at)::float8 as idle_seconds
             from submitter.channels",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// How many channels are in each state, of each kind: (kind, state, count).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn channel_counts(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query_as(
            "select k.kind, s.state, count(c.account) from (values ('source'), ('channel')) k (kind)
             cross join (values ('open'), ('paused'), ('lost')) s (state)
             left join submitter.channels c on c.kind = k.kind and c.state = s.state group by 1, 2",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Puts a comparison on record, and forgets those that are older than the newest `keep`; those that found something are
    /// kept as many again. Returns its number.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn record_reconciliation(&self, run: &NewRun, keep: u32) -> Result<i64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let insert = sqlx::query_as(
            "insert into submitter.reconciliations (started_at, watermark, complete, findings, balances, report)
             values ($1, $2, $3, $4, $5, $6) returning id",
        )
        .bind(run.started_at)
        .bind(run.watermark.map(|ledger| i64::from(ledger.0)))
        .bind(run.complete)
        .bind(i64::try_from(run.findings).unwrap_or(i64::MAX))
        .bind(sqlx::types::Json(&run.balances))
        .bind(&run.report);
        let (id,): (i64,) = within(insert.fetch_one(&mut *tx)).await?;
        let findings = sqlx::query(
            "insert into submitter.reconciliation_findings (run, n, kind, detail, finding)
             select $1, n, kind, detail, finding
             from unnest($2::text[], $3::text[], $4::jsonb[]) with ordinality as t (kind, detail, finding, n)",
        )
        .bind(id)
        .bind(run.found.iter().map(|found| found.0.clone()).collect::<Vec<_>>())
        .bind(run.found.iter().map(|found| found.1.clone()).collect::<Vec<_>>())
        .bind(run.found.iter().map(|found| found.2.clone()).collect::<Vec<_>>());
        within(findings.execute(&mut *tx)).await?;
        let forget = sqlx::query(
            "delete from submitter.reconciliations r
             where r.id <= (select id from submitter.reconciliations order by id desc offset $1 limit 1)
               and (r.findings = 0 or r.id <= (select id from submitter.reconciliations where findings > 0
                                               order by id desc offset $1 limit 1))
               and r.id is distinct from (select max(id) from submitter.reconciliations where watermark is not null)",
        )
        .bind(i64::from(keep));
        within(forget.execute(&mut *tx)).await?;
        within(tx.commit()).await?;
        Ok(id)
    }
}
