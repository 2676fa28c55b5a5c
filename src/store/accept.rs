//! Accepting intents: in batches, each with its own answer, one commit for all.

use std::time::Duration;

use serde_json::Value;
use sqlx::Row;
use uuid::Uuid;

use super::intents::IntentRow;
use super::{Store, StoreError, WAKE_CHANNEL, to_timestamp};
use crate::domain::intent::{Content, Request};
use crate::domain::primitives::ChainTime;
use crate::domain::tag::Tag;

/// Whose work an intent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A tenant's.
    User,
    /// The submitter's own: it uses the source account as its channel.
    System,
}

impl Lane {
    /// As it stands in its column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// An intent to be accepted.
#[derive(Clone, Debug)]
pub struct NewIntent {
    /// Its id, a version 7 UUID.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: String,
    /// Its tag.
    pub tag: Tag,
    /// Whose work.
    pub lane: Lane,
    /// What is asked for.
    pub request: Request,
    /// The idempotency key it came with, if any.
    pub key: Option<NewKey>,
}

/// An idempotency key that comes with an intent.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The key.
    pub key: String,
    /// SHA-256 of the request's normal form.
    pub fingerprint: [u8; 32],
    /// After how long the stored answer may be forgotten.
    pub keep_for: Duration,
    /// For an answer that comes later (`Prefer: wait`): for how long nobody else may take the key over.
    /// `None`: the answer is the intent as accepted, complete at once.
    pub answered_within: Option<Duration>,
}

/// How often a batch is tried again after a deadlock, which PostgreSQL resolves by undoing one side whole.
const DEADLOCK_RETRIES: u32 = 3;

/// What became of one of a batch.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// It is new and on record.
    New(Box<IntentRow>),
    /// There is one with its (workflow, method) already: this one. Nothing was stored, not even the key.
    Existing(Box<IntentRow>),
    /// Its idempotency key is on record already. Nothing was stored.
    KeyTaken,
}

impl Store {
    /// Accepts a batch of intents in one transaction.
    ///
    /// Of two in one batch with the same key or the same idempotency key, one is accepted.
    ///
    /// # Errors
    /// [`StoreError`]: then whether they were accepted is not known, and posting them again is safe.
    pub async fn accept(&self, batch: &[NewIntent]) -> Result<Vec<Accepted>, StoreError> {
        // Two batches with the same workflows in another order wait for each other.
        for _ in 0..DEADLOCK_RETRIES {
            match self.accept_once(batch).await {
                Err(error) if error.is_deadlock() => {}
                done => return done,
            }
        }
        self.accept_once(batch).await
    }

    async fn accept_once(&self, batch: &[NewIntent]) -> Result<Vec<Accepted>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let claimed = claim_keys(&mut tx, batch).await?;
        let inserted = insert_intents(&mut tx, batch, &claimed).await?;
        let lost: Vec<usize> = (0..batch.len())
            .filter(|index| claimed[*index] && inserted[*index].is_none())
            .collect();
        release_keys(&mut tx, batch, &lost).await?;
        if inserted.iter().any(Option::is_some) {
            sqlx::query("select pg_notify($1, '')")
                .bind(WAKE_CHANNEL)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        let mut accepted = Vec::with_capacity(batch.len());
        for (index, intent) in inserted.into_iter().enumerate() {
            let new = &batch[index];
            accepted.push(match intent {
                Some(row) => Accepted::New(Box::new(row)),
                None if !claimed[index] => Accepted::KeyTaken,
                None => {
                    let request = &new.request;
                    let key = (
                        new.tenant.as_str(),
                        request.workflow_id.as_str(),
                        request.method.as_str(),
                    );
                    let row = self.intent_by_key(key.0, key.1, key.2).await?;
                    Accepted::Existing(Box::new(row.ok_or_else(|| StoreError::Corrupt {
                        table: "intents",
                        what: format!(
                            "workflow {:?} conflicts with an intent that is not there",
                            key.1
                        ),
                    })?))
                }
            });
        }
        Ok(accepted)
    }
}

type Tx<'a> = sqlx::Transaction<'a, sqlx::Postgres>;

/// Puts the idempotency keys on record; says for each intent whether its key (or having none) lets it go on.
async fn claim_keys(tx: &mut Tx<'_>, batch: &[NewIntent]) -> Result<Vec<bool>, StoreError> {
    let keyed: Vec<(usize, &NewIntent, &NewKey)> = batch
        .iter()
        .enumerate()
        .filter_map(|(index, new)| new.key.as_ref().map(|key| (index, new, key)))
        .collect();
    let mut claimed: Vec<bool> = batch.iter().map(|new| new.key.is_none()).collect();
    if keyed.is_empty() {
        return Ok(claimed);
    }
    let firsts: Vec<_> = unique_by_key(&keyed).collect();
    // In one order everywhere, so that two batches never wait for each other; a key twice in a batch goes to the first.
    let rows: Vec<(String, String)> = sqlx::query_as(
        "insert into submitter.idempotency_keys
           (tenant, key, fingerprint, intent_id, state, status, locked_until, expires_at)
         select tenant, key, fingerprint, intent_id,
                case when locked is null then 'completed' else 'started' end,
                case when locked is null then 202 end,
                now() + make_interval(secs => locked), now() + make_interval(secs => kept)
         from unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[], $5::float8[], $6::float8[])
           as t (tenant, key, fingerprint, intent_id, locked, kept)
         order by tenant, key
         on conflict (tenant, key) do update set
           fingerprint = excluded.fingerprint, request = null, intent_id = excluded.intent_id, state = excluded.state,
           status = excluded.status, response = null, locked_until = excluded.locked_until,
           created_at = now(), expires_at = excluded.expires_at
           where idempotency_keys.expires_at <= now()
         returning tenant, key",
    )
    .bind(firsts.iter().map(|(_, new, _)| new.tenant.clone()).collect::<Vec<_>>())
    .bind(firsts.iter().map(|(_, _, key)| key.key.clone()).collect::<Vec<_>>())
    .bind(firsts.iter().map(|(_, _, key)| key.fingerprint.to_vec()).collect::<Vec<_>>())
    .bind(firsts.iter().map(|(_, new, _)| new.id).collect::<Vec<_>>())
    .bind(firsts.iter().map(|(_, _, key)| key.answered_within.map(|within| within.as_secs_f64())).collect::<Vec<_>>())
    .bind(firsts.iter().map(|(_, _, key)| key.keep_for.as_secs_f64()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    let taken: std::collections::HashSet<(String, String)> = rows.into_iter().collect();
    for (index, new, key) in firsts {
        claimed[*index] = taken.contains(&(new.tenant.clone(), key.key.clone()));
    }
    Ok(claimed)
}

/// The first of the batch for each (tenant, idempotency key).
fn unique_by_key<'a, 'b>(
    keyed: &'b [(usize, &'a NewIntent, &'a NewKey)],
) -> impl Iterator<Item = &'b (usize, &'a NewIntent, &'a NewKey)> {
    let mut seen = std::collections::HashSet::new();
    keyed
        .iter()
        .filter(move |(_, new, key)| seen.insert((new.tenant.as_str(), key.key.as_str())))
}

/// Inserts the intents that may go on; `None` where there is one with its (workflow, method) already.
async fn insert_intents(
    tx: &mut Tx<'_>,
    batch: &[NewIntent],
    claimed: &[bool],
) -> Result<Vec<Option<IntentRow>>, StoreError> {
    let going: Vec<&NewIntent> = batch
        .iter()
        .zip(claimed)
        .filter_map(|(new, claimed)| claimed.then_some(new))
        .collect();
    let times = |pick: fn(&Request) -> Option<ChainTime>| {
        going
            .iter()
            .map(|new| pick(&new.request).map(to_timestamp))
            .collect::<Vec<_>>()
    };
    let rows = sqlx::query(
        "with rows as (
           select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
                                $8::jsonb[], $9::bool[], $10::jsonb[], $11::text[], $12::timestamptz[], $13::timestamptz[])
             with ordinality as t (id, tenant, workflow_id, method, tag, lane, source, request, presigned, destinations,
                                   ordering_key, not_before, valid_until, n)),
         new as (
           insert into submitter.intents
             (id, tenant, workflow_id, method, tag, lane, source, request, presigned, destinations, ordering_key, due_at, valid_until)
           select id, tenant, workflow_id, method, tag, lane, source, request, presigned,
                  array(select jsonb_array_elements_text(destinations)), ordering_key, coalesce(not_before, now()), valid_until
           from rows order by n
           on conflict (tenant, workflow_id, method) do nothing
           returning id, tenant, due_at, created_at, updated_at),
         noted as (
           insert into submitter.events (tenant, intent_id, kind, data)
           select tenant, id, 'intent.accepted', '{}' from new)
         select id, due_at, created_at, updated_at from new",
    )
    .bind(going.iter().map(|new| new.id).collect::<Vec<_>>())
    .bind(going.iter().map(|new| new.tenant.clone()).collect::<Vec<_>>())
    .bind(going.iter().map(|new| new.request.workflow_id.clone()).collect::<Vec<_>>())
    .bind(going.iter().map(|new| new.request.method.clone()).collect::<Vec<_>>())
    .bind(going.iter().map(|new| new.tag.to_i64()).collect::<Vec<_>>())
    .bind(going.iter().map(|new| new.lane.as_str()).collect::<Vec<_>>())
    .bind(going.iter().map(|new| new.request.source.to_string()).collect::<Vec<_>>())
    .bind(going.iter().map(|new| new.request.to_json()).collect::<Vec<Value>>())
    .bind(going.iter().map(|new| matches!(new.request.content, Content::Presigned(_))).collect::<Vec<_>>())
    .bind(going.iter().map(|new| serde_json::json!(new.request.destinations())).collect::<Vec<Value>>())
    .bind(going.iter().map(|new| new.request.ordering_key.clone()).collect::<Vec<_>>())
    .bind(times(|request| request.not_before))
    .bind(times(|request| request.valid_until))
    .fetch_all(&mut **tx)
    .await?;
    let mut made = std::collections::HashMap::new();
    for row in rows {
        made.insert(row.try_get::<Uuid, _>("id")?, row);
    }
    let mut intents = Vec::with_capacity(batch.len());
    for new in batch {
        intents.push(match made.get(&new.id) {
            None => None,
            Some(row) => Some(IntentRow {
                id: new.id,
                tenant: new.tenant.clone(),
                workflow_id: new.request.workflow_id.clone(),
                method: new.request.method.clone(),
                tag: Some(new.tag.to_i64()),
                source: Some(new.request.source.to_string()),
                request: Some(new.request.to_json()),
                enqueued: None,
                status: "queued".to_owned(),
                due_at: row.try_get("due_at")?,
                cancel_requested: false,
                attempt_count: 0,
                reason: None,
                transaction: None,
                created_at: row.try_get("created_at")?,
                updated_at: row.try_get("updated_at")?,
                finished_at: None,
            }),
        });
    }
    Ok(intents)
}

/// Gives back the keys of intents that were there already: their answer is another one, stored with
/// [`Store::store_answer`].
async fn release_keys(
    tx: &mut Tx<'_>,
    batch: &[NewIntent],
    lost: &[usize],
) -> Result<(), StoreError> {
    let keys: Vec<(&str, &str)> = lost
        .iter()
        .filter_map(|index| {
            let new = &batch[*index];
            new.key
                .as_ref()
                .map(|key| (new.tenant.as_str(), key.key.as_str()))
        })
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "delete from submitter.idempotency_keys k using unnest($1::text[], $2::text[]) as t (tenant, key)
         where k.tenant = t.tenant and k.key = t.key",
    )
    .bind(keys.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, key)| *key).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
