//! Accepting intents: in batches, each with its own answer, one statement and one commit for all.

use std::borrow::Borrow;
use std::time::Duration;

use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::intents::{COLUMNS, IntentRow};
use super::json_text::JsonText;
use super::{Store, StoreError, to_timestamp};
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
    /// The request's normal form, as JSON.
    pub form: String,
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
    /// It is new, and on record since this time.
    New(OffsetDateTime),
    /// There is one with its (workflow, method) already: this one. Nothing was stored, not even the key.
    Existing(Box<IntentRow>),
    /// Its idempotency key is on record already. Nothing was stored.
    KeyTaken,
}

/// What became of a batch. The numbers are places in it, from 1.
#[derive(FromRow)]
struct Outcome {
    accepted_at: OffsetDateTime,
    taken: Vec<i32>,
    existing: Vec<i32>,
}

impl Store {
    /// Accepts a batch of intents in one transaction, in their order.
    ///
    /// Of two in one batch with the same (workflow, method), the first is accepted; of two with the same idempotency key, at
    /// most one.
    ///
    /// Announces nothing: see [`Store::wake`].
    ///
    /// # Errors
    /// [`StoreError`]: then whether they were accepted is not known, and posting them again is safe.
    pub async fn accept<T: Borrow<NewIntent>>(
        &self,
        batch: &[T],
    ) -> Result<Vec<Accepted>, StoreError> {
        let batch: Vec<&NewIntent> = batch.iter().map(Borrow::borrow).collect();
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut tries = 0;
        let outcome = loop {
            tries += 1;
            match self.accept_intents(&batch).await {
                // Batches take their rows in one order, so they never wait for each other; what else is done to these
                // tables might wait for one.
                Err(error) if error.is_deadlock() && tries <= DEADLOCK_RETRIES => {}
                done => break done?,
            }
        };
        let mut accepted: Vec<Accepted> = batch
            .iter()
            .map(|_| Accepted::New(outcome.accepted_at))
            .collect();
        for place in outcome.taken.iter().filter_map(|number| place(*number)) {
            accepted[place] = Accepted::KeyTaken;
        }
        if !outcome.existing.is_empty() {
            let places: Vec<usize> = outcome.existing.into_iter().filter_map(place).collect();
            let wanted: Vec<&NewIntent> = places.iter().map(|place| batch[*place]).collect();
            let rows = self.existing_intents(&wanted).await?;
            for (place, row) in places.into_iter().zip(rows) {
                accepted[place] = Accepted::Existing(Box::new(row));
            }
        }
        Ok(accepted)
    }

    async fn accept_intents(&self, batch: &[&NewIntent]) -> Result<Outcome, StoreError> {
        let times = |pick: fn(&Request) -> Option<ChainTime>| {
            column(batch, |new| pick(&new.request).map(to_timestamp))
        };
        let outcome = sqlx::query_as(
            "select accepted_at, taken, existing from submitter.accept_intents(
               $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        )
        .bind(column(batch, |new| new.id))
        .bind(column(batch, |new| new.tenant.as_str()))
        .bind(column(batch, |new| new.request.workflow_id.as_str()))
        .bind(column(batch, |new| new.request.method.as_str()))
        .bind(column(batch, |new| new.tag.to_i64()))
        .bind(column(batch, |new| new.lane.as_str()))
        .bind(column(batch, |new| new.request.source.to_string()))
        .bind(column(batch, |new| JsonText(&new.form)))
        .bind(column(batch, |new| {
            matches!(new.request.content, Content::Presigned(_))
        }))
        .bind(column(batch, |new| text_array(&new.request)))
        .bind(column(batch, |new| new.request.ordering_key.as_deref()))
        .bind(times(|request| request.not_before))
        .bind(times(|request| request.valid_until))
        .bind(column(batch, |new| {
            new.key.as_ref().map(|key| key.key.as_str())
        }))
        .bind(column(batch, |new| {
            new.key.as_ref().map(|key| key.fingerprint.as_slice())
        }))
        .bind(column(batch, |new| {
            let within = new.key.as_ref().and_then(|key| key.answered_within);
            within.map(|within| within.as_secs_f64())
        }))
        .bind(column(batch, |new| {
            new.key.as_ref().map(|key| key.keep_for.as_secs_f64())
        }))
        .fetch_one(&self.pool)
        .await?;
        Ok(outcome)
    }

    /// The intents on record of the same (workflow, method) as each of these.
    async fn existing_intents(&self, wanted: &[&NewIntent]) -> Result<Vec<IntentRow>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from unnest($1::text[], $2::text[], $3::text[])
               with ordinality as wanted (of_tenant, of_workflow, of_method, n)
             join submitter.intents on tenant = of_tenant and workflow_id = of_workflow and method = of_method
             order by n"
        );
        let rows: Vec<IntentRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(column(wanted, |new| new.tenant.as_str()))
            .bind(column(wanted, |new| new.request.workflow_id.as_str()))
            .bind(column(wanted, |new| new.request.method.as_str()))
            .fetch_all(&self.pool)
            .await?;
        if rows.len() != wanted.len() {
            return Err(StoreError::Corrupt {
                table: "intents",
                what: format!(
                    "{} intents are in the way of others, and {} of them are there",
                    wanted.len(),
                    rows.len()
                ),
            });
        }
        Ok(rows)
    }
}

/// One value of each of a batch: a parameter.
fn column<'a, T>(batch: &[&'a NewIntent], value: impl Fn(&'a NewIntent) -> T) -> Vec<T> {
    batch.iter().map(|new| value(new)).collect()
}

/// A place in a batch, counted from 0, of one counted from 1.
fn place(number: i32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

/// The destinations as PostgreSQL writes an array: an array of arrays would have to be square. Addresses are letters and
/// digits, so nothing in them needs quotes.
fn text_array(request: &Request) -> String {
    let mut text = String::from("{");
    for (index, account) in request.destinations().iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&account.to_string());
    }
    text.push('}');
    text
}
