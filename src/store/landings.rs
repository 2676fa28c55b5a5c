//! Landings of ours that the records did not know, and how far the chain was read for them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::accept::NewIntent;
use super::bounded::within;
use super::settle::{columns, transaction_json};
use super::{Store, StoreError};
use crate::domain::adoption::Adoption;
use crate::domain::event::settlement_events;
use crate::domain::landed;
use crate::domain::observation::Landed;
use crate::domain::primitives::{ChainTime, LedgerSeq, NetworkId, TxHash};
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
    /// Ledgers that are waited for at least, since an operator said so or the database moved; 0 where neither.
    pub recovery_window: u32,
    /// An operator said that nothing of ours is older.
    pub since: Option<LedgerSeq>,
    /// How often it was noted that the records may lack something.
    pub doubts: i64,
}

/// A transaction of ours that landed without the records knowing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Landing {
    /// Its inner hash, in hexadecimal digits.
    pub hash: String,
    /// Its envelope as the ledger has it, XDR in base64.
    pub envelope: String,
    /// Its result, XDR in base64; empty where it was not kept.
    pub result: String,
    /// Whether its operations were applied.
    pub successful: bool,
    /// The ledger that recorded it.
    pub ledger: u32,
    /// When that closed, in seconds since 1970.
    pub closed_at: i64,
    /// What its fee account paid, in stroops.
    pub fee_charged: i64,
}

impl Landing {
    /// As a fact, where it bears itself out.
    #[must_use]
    pub fn read(&self, network: NetworkId) -> Option<Landed> {
        let hash: [u8; 32] = hex::decode(&self.hash).ok()?.try_into().ok()?;
        let record = landed::Record {
            envelope: &self.envelope,
            result: &self.result,
            hash: TxHash(hash),
            successful: self.successful,
            ledger: LedgerSeq(self.ledger),
            closed_at: self.closed_at,
            fee_charged: Some(self.fee_charged),
        };
        landed::landed(network, &record).ok()
    }
}

impl Store {
    /// How far the history was read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history_mark(&self) -> Result<HistoryMark, StoreError> {
        type Row = (i64, Option<i64>, bool, Option<i64>, i64, i64);
        let (cursor, until, explained, since, window, doubts): Row = sqlx::query_as(
            "select history_cursor, quarantine_until, explained, history_since, coalesce(recovery_window, 0), doubts
             from submitter.network",
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
            recovery_window: u32::try_from(window).unwrap_or(u32::MAX),
            since: number(since)?,
            doubts,
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
            "insert into submitter.landings (hash, tag, ledger, landed, envelope, successful, result)
             select hash, tag, ledger, landed, envelope, successful, result
             from unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::jsonb[], $5::bytea[], $6::boolean[], $7::text[])
               as t (hash, tag, ledger, landed, envelope, successful, result)
             where not exists (select from submitter.attempts a where a.hash = t.hash)
             on conflict (hash) do nothing",
        )
        .bind(landings.iter().map(|(_, landed)| landed.inner_hash.0.to_vec()).collect::<Vec<_>>())
        .bind(landings.iter().map(|(tag, _)| tag.to_i64()).collect::<Vec<_>>())
        .bind(landings.iter().map(|(_, landed)| i64::from(landed.ledger.0)).collect::<Vec<_>>())
        .bind(landings.iter().map(|(_, landed)| transaction_json(landed)).collect::<Vec<_>>())
        .bind(landings.iter().map(|(_, landed)| landed.envelope_xdr.clone()).collect::<Vec<_>>())
        .bind(landings.iter().map(|(_, landed)| landed.successful).collect::<Vec<_>>())
        .bind(landings.iter().map(|(_, landed)| landed.result_xdr.clone()).collect::<Vec<_>>());
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

    /// What has landed unknown to the records, with the place of the intent in a batch whose tag it carries. None of those
    /// whose workflow is on record, which end by themselves, or of which nothing has succeeded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unclaimed_landings<T: std::borrow::Borrow<NewIntent>>(
        &self,
        batch: &[T],
    ) -> Result<Vec<(usize, Vec<Landing>)>, StoreError> {
        let batch: Vec<&NewIntent> = batch.iter().map(std::borrow::Borrow::borrow).collect();
        let names = |pick: fn(&NewIntent) -> &str| -> Vec<&str> {
            batch.iter().map(|new| pick(new)).collect()
        };
        let rows: Vec<(i64, Json<Vec<Landing>>)> = sqlx::query_as(
            "select t.n, submitter.unknown_landings(t.tag)
             from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
               with ordinality as t (tag, tenant, workflow_id, method, n)
             where exists (select from submitter.landings l where l.tag = t.tag and l.successful)
               and not exists (select from submitter.intents i
                 where i.tenant = t.tenant and i.workflow_id = t.workflow_id and i.method = t.method)",
        )
        .bind(batch.iter().map(|new| new.tag.to_i64()).collect::<Vec<_>>())
        .bind(names(|new| &new.tenant))
        .bind(names(|new| &new.request.workflow_id))
        .bind(names(|new| &new.request.method))
        .fetch_all(&self.pool)
        .await?;
        let place = |n: i64| usize::try_from(n).unwrap_or(0).saturating_sub(1);
        let rows = rows.into_iter();
        Ok(rows.map(|(n, landings)| (place(n), landings.0)).collect())
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

    /// Puts an attempt on record that the records lacked, as it ended, and takes its intent where that leads. Only while the
    /// intent is queued; and where another attempt has its sequence number, only once that one is proven dead.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn adopt_landing(&self, intent: Uuid, adoption: &Adoption) -> Result<(), StoreError> {
        let Adoption {
            attempt,
            settlement,
            ..
        } = adoption;
        let columns = columns(settlement);
        let plan = &attempt.plan;
        let time = |at: ChainTime| i64::try_from(at.0).unwrap_or(i64::MAX);
        let small = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let bump = attempt.bumps.first().zip(adoption.fee_bump.as_ref());
        let events = settlement_events(attempt.number, settlement);
        let adopted = |data: Value| match data {
            Value::Object(mut fields) => {
                fields.insert("adopted".to_owned(), Value::Bool(true));
                Value::Object(fields)
            }
            other => other,
        };
        sqlx::query(
            "with live as (
               -- Another attempt has its number on record: what has landed will prove that one dead, and is adopted then.
               select from submitter.attempts a where a.channel = $7 and a.sequence = $8 and a.death_proof is null),
             later as (
               update submitter.intents i set due_at = now() + interval '5 seconds', updated_at = now()
               where i.id = $1 and i.status = 'queued' and i.owner is null and exists (select from live)),
             done as (
               update submitter.intents i set status = $2, reason = $3, transaction = $4, attempt_count = $5, updated_at = now(),
                 parked_times = i.parked_times + case when $2 = 'parked' then 1 else 0 end,
                 due_at = now() + make_interval(secs => $6),
                 finished_at = case when $2 in ('queued', 'parked') then null else now() end
               where i.id = $1 and i.status = 'queued' and i.owner is null and not exists (select from live)
               returning i.id, i.tenant),
             -- Its number is used: the next attempt on that channel must not have it, whatever the channel is busy with.
             used as (
               update submitter.channels c set sequence = greatest(c.sequence, $8), updated_at = now()
               from done where c.account = $7),
             attempted as (
               insert into submitter.attempts
                 (intent_id, number, channel, sequence, min_time, max_time, max_ledger, base_fee, operations, plain_fee,
                  sponsored, presigned, hash, envelope, signed_at_ledger, state, landed, soroban, ended_at)
               select id, $5, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $27, now() from done
               returning intent_id, number),
             bumped as (
               insert into submitter.fee_bumps (intent_id, number, ordinal, hash, fee, envelope)
               select intent_id, number, 1, $22, $23, $24 from attempted where $22::bytea is not null),
             -- A restoration is no end of its call: as the success of somebody unknown it would keep the call from any other.
             explained as (
               delete from submitter.landings l using done where l.hash = $17 and $20 = 'landed' and $2 = 'queued')
             insert into submitter.events (tenant, intent_id, kind, data)
             select done.tenant, done.id, e.kind, e.data
             from done, unnest($25::text[], $26::jsonb[]) with ordinality as e (kind, data, n) order by e.n",
        )
        .bind(intent)
        .bind(columns.status)
        .bind(columns.reason)
        .bind(columns.transaction)
        .bind(small(attempt.number))
        .bind(columns.resume_seconds)
        .bind(plan.channel.to_string())
        .bind(plan.sequence.0)
        .bind(time(plan.min_time))
        .bind(time(plan.max_time))
        .bind(i64::from(plan.max_ledger.0))
        .bind(plan.base_fee.get())
        .bind(small(attempt.operations))
        .bind(attempt.plain_fee.get())
        .bind(attempt.sponsored)
        .bind(attempt.presigned)
        .bind(attempt.inner_hash.0.to_vec())
        .bind(&adoption.envelope)
        .bind(i64::from(attempt.signed_at.0))
        .bind(columns.attempt_state)
        .bind(columns.landed)
        .bind(bump.map(|(bump, _)| bump.hash.0.to_vec()))
        .bind(bump.map(|(bump, _)| bump.fee.get()))
        .bind(bump.map(|(_, envelope)| envelope))
        .bind(events.iter().map(|event| event.kind).collect::<Vec<_>>())
        .bind(events.into_iter().map(|event| adopted(event.data)).collect::<Vec<_>>())
        .bind(plan.soroban_json())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
