//! Landings of ours that the records did not know, and how far the chain was read for them.

use uuid::Uuid;

use super::accept::NewIntent;
use super::bounded::within;
use super::settle::transaction_json;
use super::{Store, StoreError};
use crate::domain::observation::Landed;
use crate::domain::primitives::LedgerSeq;
use crate::domain::tag::Tag;

/// How far the source account's history was read, and what is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryMark {
    /// The paging token behind which to read on.
    pub cursor: i64,
    /// Nothing is signed before this ledger.
    pub quarantine_until: Option<LedgerSeq>,
    /// Everything of ours on the chain is explained.
    pub explained: bool,
    /// An operator said that nothing of ours is older.
    pub since: Option<LedgerSeq>,
}

impl Store {
    /// How far the history was read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history_mark(&self) -> Result<HistoryMark, StoreError> {
        type Row = (i64, Option<i64>, bool, Option<i64>);
        let (cursor, until, explained, since): Row = sqlx::query_as(
            "select history_cursor, quarantine_until, explained, history_since from submitter.network",
        )
        .fetch_one(&self.pool)
        .await?;
        let number = |value: Option<i64>| {
            let number = value.map(|value| super::ledger("network", value));
            number.transpose()
        };
        Ok(HistoryMark {
            cursor,
            quarantine_until: number(until)?,
            explained,
            since: number(since)?,
        })
    }

    /// Records landings that no attempt of ours explains, and how far was read, together.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_landings(
        &self,
        landings: &[(Tag, Landed)],
        cursor: Option<i64>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let inserted = sqlx::query(
            "insert into submitter.landings (hash, tag, ledger, landed, envelope)
             select hash, tag, ledger, landed, envelope
             from unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::jsonb[], $5::bytea[]) as t (hash, tag, ledger, landed, envelope)
             where not exists (select from submitter.attempts a where a.hash = t.hash)
             on conflict (hash) do nothing",
        )
        .bind(landings.iter().map(|(_, landed)| landed.inner_hash.0.to_vec()).collect::<Vec<_>>())
        .bind(landings.iter().map(|(tag, _)| tag.to_i64()).collect::<Vec<_>>())
        .bind(landings.iter().map(|(_, landed)| i64::from(landed.ledger.0)).collect::<Vec<_>>())
        .bind(landings.iter().map(|(_, landed)| transaction_json(landed)).collect::<Vec<_>>())
        .bind(landings.iter().map(|(_, landed)| landed.envelope_xdr.clone()).collect::<Vec<_>>())
        ;
        let done = within(inserted.execute(&mut *tx)).await?;
        if let Some(cursor) = cursor {
            let moved = sqlx::query("update submitter.network set history_cursor = greatest(history_cursor, $1), updated_at = now()")
                .bind(cursor);
            within(moved.execute(&mut *tx)).await?;
        }
        within(tx.commit()).await?;
        Ok(done.rows_affected())
    }

    /// How many landings are on record that no attempt explains.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_landings(&self) -> Result<i64, StoreError> {
        let (count,): (i64,) = sqlx::query_as("select count(*) from submitter.landings")
            .fetch_one(&self.pool)
            .await?;
        Ok(count)
    }

    /// Envelopes that have landed unknown to the records, with the place of the intent in a batch whose tag they carry. None
    /// of those whose workflow is on record: they end by themselves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unclaimed_landings<T: std::borrow::Borrow<NewIntent>>(
        &self,
        batch: &[T],
    ) -> Result<Vec<(usize, Vec<u8>)>, StoreError> {
        let batch: Vec<&NewIntent> = batch.iter().map(std::borrow::Borrow::borrow).collect();
        let names = |pick: fn(&NewIntent) -> &str| -> Vec<&str> {
            batch.iter().map(|new| pick(new)).collect()
        };
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "select t.n, l.envelope
             from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
               with ordinality as t (tag, tenant, workflow_id, method, n)
             join submitter.landings l on l.tag = t.tag
             where not exists (select from submitter.intents i
               where i.tenant = t.tenant and i.workflow_id = t.workflow_id and i.method = t.method)",
        )
        .bind(batch.iter().map(|new| new.tag.to_i64()).collect::<Vec<_>>())
        .bind(names(|new| &new.tenant))
        .bind(names(|new| &new.request.workflow_id))
        .bind(names(|new| &new.request.method))
        .fetch_all(&self.pool)
        .await?;
        let place = |n: i64| usize::try_from(n).unwrap_or(0).saturating_sub(1);
        Ok(rows
            .into_iter()
            .map(|(n, envelope)| (place(n), envelope))
            .collect())
    }

    /// Lets nothing be signed before a ledger, or (with `None`) lifts that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn quarantine(&self, until: Option<LedgerSeq>) -> Result<(), StoreError> {
        sqlx::query(
            "update submitter.network set updated_at = now(),
               quarantine_until = case when $1::bigint is null then null else greatest(quarantine_until, $1) end",
        )
        .bind(until.map(|ledger| i64::from(ledger.0)))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends a queued intent as succeeded by a landing that rebuilds to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn adopt_landing(&self, intent: Uuid, hash: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query(
            "with done as (
               update submitter.intents i set status = 'succeeded', reason = null, transaction = l.landed,
                 finished_at = now(), updated_at = now(), due_at = null
               from submitter.landings l
               where i.id = $1 and l.hash = $2 and i.status = 'queued' and i.owner is null
               returning i.id, i.tenant, i.transaction)
             insert into submitter.events (tenant, intent_id, kind, data)
             select tenant, id, 'intent.succeeded', transaction || '{\"adopted\": true}'::jsonb from done",
        )
        .bind(intent)
        .bind(hash.to_vec())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
