//! Ending attempts: attempt, intent, channel and events change together, in batches, for the owner of the lease alone.

use serde_json::{Value, json};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Store, StoreError};
use crate::domain::event::{landed_json, proof_json, settlement_events};
use crate::domain::intent::rfc3339;
use crate::domain::observation::Landed;
use crate::domain::reason::Reason;
use crate::domain::transition::{AttemptEnd, DeathProof, IntentEnd, Settlement};

/// A settlement to be put on record.
#[derive(Clone, Debug)]
pub struct NewSettlement {
    /// Whose.
    pub intent_id: Uuid,
    /// Of which attempt.
    pub number: u32,
    /// What changes. What consumers are told of it is made only when it is put on record: thousands may wait for that.
    pub settlement: Settlement,
    /// What the ledger says of a landed call beyond its result.
    pub call: Option<Value>,
}

/// What the engine needs of an intent that it takes over.
#[derive(Clone, Debug, FromRow)]
pub struct OwnedIntent {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: String,
    /// Its normal form.
    pub request: Option<Value>,
    /// Whether somebody canceled it.
    pub cancel_requested: bool,
    /// How often it was parked.
    pub parked_times: i32,
}

/// The recorded transaction as the API shows it.
pub(super) fn transaction_json(landed: &Landed) -> Value {
    let mut value = landed_json(landed);
    value["closed_at"] = json!(rfc3339(landed.closed_at));
    if let Some(map) = value.as_object_mut() {
        map.remove("code");
    }
    value
}

/// What a settlement writes.
pub(super) struct Columns {
    pub attempt_state: &'static str,
    pub landed: Option<Value>,
    pub proof: Option<Value>,
    pub status: &'static str,
    pub reason: Option<Value>,
    pub transaction: Option<Value>,
    pub resume_seconds: Option<f64>,
}

pub(super) fn columns(settlement: &Settlement) -> Columns {
    let (attempt_state, landed, proof) = match &settlement.attempt {
        AttemptEnd::Landed(landed) => ("landed", Some(landed_json(landed)), None),
        AttemptEnd::LandedFailed(landed) => ("landed_failed", Some(landed_json(landed)), None),
        AttemptEnd::Dead(proof) => ("dead", None, Some(proof_json(proof))),
    };
    let (status, reason, resume_seconds) = match &settlement.intent {
        IntentEnd::Succeeded => ("succeeded", None, None),
        IntentEnd::Failed(reason) => ("failed", Some(json!(reason)), None),
        IntentEnd::Expired => ("expired", Some(json!(Reason::expired())), None),
        IntentEnd::Canceled => ("canceled", Some(json!(Reason::canceled())), None),
        IntentEnd::Parked {
            reason,
            resume_after,
        } => (
            "parked",
            Some(json!(reason)),
            resume_after.map(|seconds| seconds as f64),
        ),
        IntentEnd::Requeued => ("queued", None, Some(0.0)),
    };
    let decided = match (&settlement.intent, &settlement.attempt) {
        (IntentEnd::Requeued | IntentEnd::Parked { .. }, _) => None,
        // What landed only brought archived entries back.
        (
            IntentEnd::Failed(_) | IntentEnd::Expired | IntentEnd::Canceled,
            AttemptEnd::Landed(_),
        ) => None,
        _ => settlement.decided_by().map(transaction_json),
    };
    Columns {
        attempt_state,
        landed,
        proof,
        status,
        reason,
        transaction: decided,
        resume_seconds,
    }
}

impl Store {
    /// Puts settlements on record; returns the intents for which it was done. One that is missing in the answer is no
    /// longer this worker's, or was settled before: nothing was changed for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle(
        &self,
        worker: Uuid,
        batch: &[NewSettlement],
    ) -> Result<Vec<Uuid>, StoreError> {
        let all: Vec<Columns> = batch.iter().map(|new| columns(&new.settlement)).collect();
        let mut event_intents = Vec::new();
        let mut event_kinds = Vec::new();
        let mut event_data = Vec::new();
        for new in batch {
            for event in settlement_events(new.number, &new.settlement) {
                event_intents.push(new.intent_id);
                event_kinds.push(event.kind);
                event_data.push(event.data);
            }
        }
        let lost = |settlement: &Settlement| {
            settlement.channel_lost.then(|| match &settlement.attempt {
                AttemptEnd::Dead(DeathProof::AccountMissing { first, second }) => {
                    format!("the account did not exist as of ledgers {first} and {second}")
                }
                _ => "the account cannot be used".to_owned(),
            })
        };
        let done: Vec<(Uuid,)> = sqlx::query_as(
            "with rows as (
               select * from unnest($2::uuid[], $3::int[], $4::text[], $5::jsonb[], $6::jsonb[], $7::text[], $8::jsonb[],
                 $9::jsonb[], $10::float8[], $11::bigint[], $12::text[], $17::jsonb[])
               as t (intent_id, number, attempt_state, landed, proof, status, reason, transaction, resume, sequence, lost, call)),
             mine as (
               select r.*, i.tenant, a.channel,
                 -- Two things outweigh what the attempt came to: a landing of this intent that the records did not know (or
                 -- that there may be one), by which it will be ended, and a wish to cancel that came in between.
                 case when r.status <> 'succeeded' and (not (select submitter.is_explained())
                        or exists (select from submitter.landings l where l.tag = i.tag and l.successful)) then 'queued'
                      -- A call's end waits until its nonce was looked up.
                      when i.cancel_requested and not i.contract and r.status in ('queued', 'parked') then 'canceled'
                      else r.status end as outcome
               -- Locked one after the other, in one order everywhere, each found by its key: what else must hold is asked
               -- outside, since it would also offer a partial index, which is small only where statistics are old.
               from (select * from rows order by intent_id) r
               cross join lateral (
                 select i.id, i.tenant, i.tag, i.cancel_requested, i.contract, i.owner from submitter.intents i
                 where i.id = r.intent_id offset 0 for update) i
               cross join lateral (
                 select a.channel, a.ended_at from submitter.attempts a
                 where a.intent_id = i.id and a.number = r.number offset 0 for update) a
               where i.owner = $1 and a.ended_at is null and exists (select from submitter.workers w where w.id = $1 and w.lease_until > now() for key share)),
             ended as (
               update submitter.attempts a set state = m.attempt_state, landed = m.landed, death_proof = m.proof, ended_at = now(),
                 call = m.call
               from mine m where a.intent_id = m.intent_id and a.number = m.number),
             freed as (
               update submitter.channels c set busy_with = null, sequence = greatest(c.sequence, m.sequence),
                 state = case when m.lost is not null then 'lost'
                              when c.reason = 'sequence_unexplained' then 'open' else c.state end,
                 reason = case when m.lost is not null then m.lost
                               when c.reason = 'sequence_unexplained' then null else c.reason end, updated_at = now()
               from mine m where c.account = m.channel and c.busy_with = m.intent_id),
             noted as (
               insert into submitter.events (tenant, intent_id, kind, data)
               select m.tenant, m.intent_id,
                 case when m.outcome = m.status or e.kind not like 'intent.%' then e.kind
                      when m.outcome = 'canceled' then 'intent.canceled' else 'intent.requeued' end,
                 case when m.outcome = m.status or e.kind not like 'intent.%' then e.data else '{}' end
               from unnest($13::uuid[], $14::text[], $15::jsonb[]) with ordinality as e (intent_id, kind, data, n)
               join mine m on m.intent_id = e.intent_id order by e.n)
             update submitter.intents i set status = m.outcome, owner = null, updated_at = now(),
               reason = case when m.outcome = m.status then m.reason when m.outcome = 'canceled' then $16::jsonb end,
               transaction = case when m.outcome = m.status then m.transaction end,
               result = case when m.outcome = 'succeeded' then m.call -> 'result' end,
               parked_times = i.parked_times + case when m.outcome = 'parked' then 1 else 0 end,
               due_at = case when m.outcome = 'parked' or m.outcome = m.status then now() + make_interval(secs => m.resume)
                             when m.outcome = 'queued' then now() + interval '5 seconds' end,
               finished_at = case when m.outcome in ('queued', 'parked') then null else now() end
             from mine m where i.id = m.intent_id returning i.id",
        )
        .bind(worker)
        .bind(batch.iter().map(|new| new.intent_id).collect::<Vec<_>>())
        .bind(batch.iter().map(|new| i32::try_from(new.number).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(all.iter().map(|row| row.attempt_state).collect::<Vec<_>>())
        .bind(all.iter().map(|row| row.landed.clone()).collect::<Vec<_>>())
        .bind(all.iter().map(|row| row.proof.clone()).collect::<Vec<_>>())
        .bind(all.iter().map(|row| row.status).collect::<Vec<_>>())
        .bind(all.iter().map(|row| row.reason.clone()).collect::<Vec<_>>())
        .bind(all.iter().map(|row| row.transaction.clone()).collect::<Vec<_>>())
        .bind(all.iter().map(|row| row.resume_seconds).collect::<Vec<_>>())
        .bind(batch.iter().map(|new| new.settlement.channel_sequence.map(|s| s.0)).collect::<Vec<_>>())
        .bind(batch.iter().map(|new| lost(&new.settlement)).collect::<Vec<_>>())
        .bind(event_intents)
        .bind(event_kinds)
        .bind(event_data)
        .bind(json!(Reason::canceled()))
        .bind(batch.iter().map(|new| new.call.clone()).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        Ok(done.into_iter().map(|(id,)| id).collect())
    }

    /// Parks an intent whose attempt stays open: a used sequence number is explained by nothing. The worker keeps it. Nothing is
    /// changed where it is no longer this worker's, or the lease has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn park_unexplained(
        &self,
        worker: Uuid,
        intent: Uuid,
        reason: &Reason,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "with mine as (
               update submitter.intents set status = 'parked', reason = $3, updated_at = now(), due_at = null
               where id = $2 and owner = $1 and status = 'in_flight'
                 and exists (select from submitter.workers w where w.id = $1 and w.lease_until > now() for key share)
               returning id, tenant),
             stopped as (
               update submitter.channels c set state = 'paused', reason = $4, updated_at = now()
               from mine where c.busy_with = mine.id)
             insert into submitter.events (tenant, intent_id, kind, data)
             select tenant, id, 'intent.parked', jsonb_build_object('reason', $3::jsonb) from mine",
        )
        .bind(worker)
        .bind(intent)
        .bind(sqlx::types::Json(reason))
        .bind(&reason.code)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The intents that a worker owns among these, with what the engine needs of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn owned_intents(
        &self,
        worker: Uuid,
        intents: &[Uuid],
    ) -> Result<Vec<OwnedIntent>, StoreError> {
        let rows = sqlx::query_as(
            "select id, tenant, request, cancel_requested, parked_times from submitter.intents
             where owner = $1 and id = any ($2)",
        )
        .bind(worker)
        .bind(intents);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// The ids of everything that a worker owns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn owned_ids(&self, worker: Uuid) -> Result<Vec<Uuid>, StoreError> {
        let rows: Vec<(Uuid,)> =
            sqlx::query_as("select id from submitter.intents where owner = $1")
                .bind(worker)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Which of the worker's intents were canceled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn canceled_intents(&self, worker: Uuid) -> Result<Vec<Uuid>, StoreError> {
        let rows: Vec<(Uuid,)> = sqlx::query_as(
            "select id from submitter.intents where owner = $1 and cancel_requested and finished_at is null",
        )
        .bind(worker)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}
