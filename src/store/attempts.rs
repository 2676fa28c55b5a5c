//! Attempts, fee bumps and submissions on record.

use std::sync::Arc;

use serde_json::Value;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, bytes32, ledger, parsed, unsigned};
use crate::domain::attempt::{Attempt, Bump};
use crate::domain::envelope::Plan;
use crate::domain::primitives::{ChainTime, Sequence, Stroops, TxHash};
use crate::domain::soroban_plan::SorobanPlan;

/// An attempt as it is on record.
#[derive(Clone, Debug, FromRow)]
pub struct AttemptRow {
    /// Whose.
    pub intent_id: Uuid,
    /// 1 for the first.
    pub number: i32,
    /// The account whose sequence number it uses.
    pub channel: String,
    /// Which.
    pub sequence: i64,
    /// Time bounds and ledger bound; 0: none.
    pub min_time: i64,
    /// See `min_time`.
    pub max_time: i64,
    /// See `min_time`.
    pub max_ledger: i64,
    /// The bid an operation.
    pub base_fee: i64,
    /// How many operations.
    pub operations: i32,
    /// The plain envelope's whole fee.
    pub plain_fee: i64,
    /// Whether the plain envelope is never sent.
    pub sponsored: bool,
    /// Whether somebody else signed it.
    pub presigned: bool,
    /// The inner hash.
    pub hash: Vec<u8>,
    /// The plain envelope, XDR.
    pub envelope: Vec<u8>,
    /// The newest ledger when it was signed.
    pub signed_at_ledger: i64,
    /// What a contract operation's simulation gave.
    pub soroban: Option<Value>,
    /// What the ledger says of a landed call beyond its result.
    pub call: Option<Value>,
    /// Its state.
    pub state: String,
    /// The recorded transaction.
    pub landed: Option<Value>,
    /// Why it is dead.
    pub death_proof: Option<Value>,
    /// Signed.
    pub created_at: OffsetDateTime,
    /// Ended.
    pub ended_at: Option<OffsetDateTime>,
}

/// A fee bump as it is on record.
#[derive(Clone, Debug, FromRow)]
pub struct BumpRow {
    /// Whose.
    pub intent_id: Uuid,
    /// Of which attempt.
    pub number: i32,
    /// 1 for the first.
    pub ordinal: i32,
    /// The outer hash.
    pub hash: Vec<u8>,
    /// The whole fee.
    pub fee: i64,
    /// The envelope, XDR.
    pub envelope: Vec<u8>,
    /// Signed.
    pub created_at: OffsetDateTime,
}

/// A POST and its answer.
#[derive(Clone, Debug, FromRow)]
pub struct SubmissionRow {
    /// Of which attempt.
    pub number: i32,
    /// The hash of the envelope that was sent.
    pub hash: Vec<u8>,
    /// When the answer came, or was given up on.
    pub answered_at: OffsetDateTime,
    /// What it said.
    pub answer: Value,
}

/// A POST and its answer, to be put on record.
#[derive(Clone, Debug)]
pub struct NewSubmission {
    /// Whose.
    pub intent_id: Uuid,
    /// Of which attempt.
    pub number: u32,
    /// The hash of the envelope that was sent.
    pub hash: TxHash,
    /// What was answered.
    pub answer: Value,
}

/// A fee bump to be put on record.
#[derive(Clone, Debug)]
pub struct NewBump {
    /// Whose.
    pub intent_id: Uuid,
    /// Of which attempt.
    pub number: u32,
    /// Its hash and fee.
    pub bump: Bump,
    /// The envelope, XDR.
    pub envelope: Vec<u8>,
}

const ATTEMPT_COLUMNS: &str = "a.intent_id, a.number, a.channel, a.sequence, a.min_time, a.max_time, a.max_ledger, a.base_fee, \
a.operations, a.plain_fee, a.sponsored, a.presigned, a.hash, a.envelope, a.signed_at_ledger, a.soroban, a.call, a.state, a.landed, \
a.death_proof, a.created_at, a.ended_at";

impl AttemptRow {
    /// The attempt, typed, with its fee bumps in order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn to_attempt(&self, bumps: &[BumpRow]) -> Result<Attempt, StoreError> {
        const TABLE: &str = "attempts";
        let amount = |value: i64| {
            Stroops::new(value).map_err(|error| StoreError::Corrupt {
                table: TABLE,
                what: format!("{value} {error}"),
            })
        };
        let small = |value: i32| {
            u32::try_from(value).map_err(|_| StoreError::Corrupt {
                table: TABLE,
                what: format!("{value} is negative"),
            })
        };
        let mut typed = Vec::with_capacity(bumps.len());
        for bump in bumps {
            typed.push(Bump {
                hash: TxHash(bytes32("fee_bumps", &bump.hash)?),
                fee: amount(bump.fee)?,
            });
        }
        Ok(Attempt {
            number: small(self.number)?,
            plan: Plan {
                channel: parsed(TABLE, &self.channel)?,
                sequence: Sequence(self.sequence),
                min_time: ChainTime(unsigned(TABLE, self.min_time)?),
                max_time: ChainTime(unsigned(TABLE, self.max_time)?),
                max_ledger: ledger(TABLE, self.max_ledger)?,
                base_fee: amount(self.base_fee)?,
                soroban: match &self.soroban {
                    None => None,
                    Some(value) => {
                        let plan = SorobanPlan::from_json(value);
                        Some(Arc::new(plan.ok_or_else(|| StoreError::Corrupt {
                            table: TABLE,
                            what: "soroban is no plan".to_owned(),
                        })?))
                    }
                },
            },
            inner_hash: TxHash(bytes32(TABLE, &self.hash)?),
            operations: small(self.operations)?,
            plain_fee: amount(self.plain_fee)?,
            bumps: typed,
            sponsored: self.sponsored,
            presigned: self.presigned,
            signed_at: ledger(TABLE, self.signed_at_ledger)?,
        })
    }
}

impl Store {
    /// Every attempt of an intent, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempts(&self, intent: Uuid) -> Result<Vec<AttemptRow>, StoreError> {
        let sql = format!(
            "select {ATTEMPT_COLUMNS} from submitter.attempts a where a.intent_id = $1 order by a.number"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(intent);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// The open attempts of these intents.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_attempts(&self, intents: &[Uuid]) -> Result<Vec<AttemptRow>, StoreError> {
        let sql = format!(
            "select {ATTEMPT_COLUMNS} from submitter.attempts a where a.intent_id = any ($1) and a.ended_at is null"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(intents);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// The fee bumps of these intents, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fee_bumps(&self, intents: &[Uuid]) -> Result<Vec<BumpRow>, StoreError> {
        let rows = sqlx::query_as(
            "select intent_id, number, ordinal, hash, fee, envelope, created_at from submitter.fee_bumps
             where intent_id = any ($1) order by intent_id, number, ordinal",
        )
        .bind(intents);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// A page of an intent's attempts after one, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempts_after(
        &self,
        intent: Uuid,
        after: i32,
        limit: i64,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let sql = format!(
            "select {ATTEMPT_COLUMNS} from submitter.attempts a
             where a.intent_id = $1 and a.number > $2 order by a.number limit $3"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(intent)
            .bind(after)
            .bind(limit);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// The newest POSTs of some attempts of an intent, at most `limit` an attempt, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn submissions(
        &self,
        intent: Uuid,
        numbers: &[i32],
        limit: i64,
    ) -> Result<Vec<SubmissionRow>, StoreError> {
        let rows = sqlx::query_as(
            "select s.number, s.hash, s.answered_at, s.answer from unnest($2::int[]) as n (number)
             cross join lateral (
               select * from submitter.submissions
               where intent_id = $1 and number = n.number
                 -- Only in the months in which its attempts lived; a day more at each end for clocks that are set.
                 and answered_at >= (select min(created_at) - interval '1 day' from submitter.attempts where intent_id = $1)
                 and answered_at <= (select case when bool_and(ended_at is not null) then max(ended_at) + interval '1 day'
                                       else 'infinity' end from submitter.attempts where intent_id = $1)
               order by id desc limit $3) s
             order by s.id",
        )
        .bind(intent)
        .bind(numbers)
        .bind(limit);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Records POSTs and their answers. That an attempt was sent is told by them alone: its row is not touched.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_submissions(&self, batch: &[NewSubmission]) -> Result<(), StoreError> {
        sqlx::query(
            "insert into submitter.submissions (intent_id, number, hash, answer)
             select * from unnest($1::uuid[], $2::int[], $3::bytea[], $4::jsonb[])",
        )
        .bind(batch.iter().map(|new| new.intent_id).collect::<Vec<_>>())
        .bind(
            batch
                .iter()
                .map(|new| i32::try_from(new.number).unwrap_or(i32::MAX))
                .collect::<Vec<_>>(),
        )
        .bind(
            batch
                .iter()
                .map(|new| new.hash.0.to_vec())
                .collect::<Vec<_>>(),
        )
        .bind(
            batch
                .iter()
                .map(|new| new.answer.clone())
                .collect::<Vec<_>>(),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Puts fee bumps on record, before they are sent: at most one an attempt. Returns the intents for which it was done: the
    /// others' attempts are no longer this worker's, or no longer open.
    ///
    /// # Errors
    /// [`StoreError`]: then whether they are on record is not known.
    pub async fn add_fee_bumps(
        &self,
        worker: Uuid,
        batch: &[NewBump],
    ) -> Result<Vec<Uuid>, StoreError> {
        let done: Vec<(Uuid,)> = sqlx::query_as(
            "with rows as (
               select * from unnest($2::uuid[], $3::int[], $4::bytea[], $5::bigint[], $6::bytea[])
                 as t (intent_id, number, hash, fee, envelope)),
             mine as (
               select r.*, i.tenant from (select * from rows order by intent_id) r
               cross join lateral (
                 select i.id, i.tenant, i.owner from submitter.intents i
                 where i.id = r.intent_id offset 0 for share) i
               cross join lateral (
                 select a.ended_at from submitter.attempts a
                 where a.intent_id = i.id and a.number = r.number offset 0 for update) a
               where i.owner = $1 and a.ended_at is null and exists (select from submitter.workers w where w.id = $1 and w.lease_until > now() for key share)),
             noted as (
               insert into submitter.events (tenant, intent_id, kind, data)
               select tenant, intent_id, 'attempt.bumped',
                      jsonb_build_object('attempt', number, 'hash', encode(hash, 'hex'), 'fee', fee::text)
               from mine)
             insert into submitter.fee_bumps (intent_id, number, ordinal, hash, fee, envelope)
             select m.intent_id, m.number, 1 + (
                 select count(*) from submitter.fee_bumps b where b.intent_id = m.intent_id and b.number = m.number),
               m.hash, m.fee, m.envelope from mine m
             returning intent_id",
        )
        .bind(worker)
        .bind(batch.iter().map(|new| new.intent_id).collect::<Vec<_>>())
        .bind(batch.iter().map(|new| i32::try_from(new.number).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(batch.iter().map(|new| new.bump.hash.0.to_vec()).collect::<Vec<_>>())
        .bind(batch.iter().map(|new| new.bump.fee.get()).collect::<Vec<_>>())
        .bind(batch.iter().map(|new| new.envelope.clone()).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        Ok(done.into_iter().map(|(id,)| id).collect())
    }
}
