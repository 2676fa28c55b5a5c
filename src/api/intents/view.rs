//! An intent as users see it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use uuid::Uuid;

use super::request::{Memo, Operation};
use crate::api::Shared;
use crate::domain::intent::read;
use crate::domain::tag::Tag;
use crate::store::StoreError;
use crate::store::intents::IntentRow;

/// A time in RFC 3339, UTC.
pub fn utc(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC)
        .format(&Rfc3339)
        .expect("a time of the database has a year that RFC 3339 can write")
}

/// A durable business request: on the ledger once, or not at all.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Intent)]
pub struct IntentBody {
    /// Its id, a version 7 UUID.
    pub id: Uuid,
    /// The business workflow; unique with the method, for ever.
    pub workflow_id: String,
    /// What of that workflow.
    pub method: String,
    /// 63 bits of its key, a decimal number, in every transaction that is built for it.
    #[schema(pattern = "^[0-9]+$")]
    pub tag: String,
    /// Where it is.
    #[schema(value_type = Status)]
    pub status: String,
    /// Whose funds move; null for one enqueued in SQL that is not valid.
    pub source: Option<String>,
    /// What goes onto the ledger; null for a transaction that was given signed.
    #[schema(value_type = Option<Vec<Operation>>)]
    pub operations: Option<Value>,
    /// The transaction that was given signed, XDR in base64.
    pub transaction_xdr: Option<String>,
    /// The memo.
    #[schema(value_type = Option<Memo>)]
    pub memo: Option<Value>,
    /// Not in a ledger that closes earlier.
    #[schema(format = DateTime)]
    pub not_before: Option<String>,
    /// Not in a ledger that closes later.
    #[schema(format = DateTime)]
    pub valid_until: Option<String>,
    /// One at a time among those with the same key, in the order of acceptance.
    pub ordering_key: Option<String>,
    /// What an account's state at the wrong moment does: `fail` or `park`.
    pub on_state_error: Option<String>,
    /// The most that may be bid, in stroops an operation.
    pub max_fee_per_operation: Option<String>,
    /// The user's own object.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// The recorded transaction that decided it; null while nothing has.
    pub transaction: Option<TransactionBody>,
    /// What a contract call returned (a value of SEP-51). Only where it has succeeded, and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>, required = false)]
    pub result: Option<Value>,
    /// How many transactions were built for it.
    pub attempt_count: i32,
    /// Whether somebody canceled it; in flight it is final only once that is proven.
    pub cancel_requested: bool,
    /// Why it failed, expired, was canceled or is parked.
    pub reason: Option<ReasonBody>,
    /// When it is taken up next; null where it is in flight, final, or waits for a person.
    #[schema(format = DateTime)]
    pub next_action_at: Option<String>,
    /// Accepted.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Final since.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
}

/// Where an intent is. The last four are final.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the column's values for the document")]
pub enum Status {
    Queued,
    InFlight,
    Parked,
    Succeeded,
    Failed,
    Expired,
    Canceled,
}

/// The recorded transaction that decided an intent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Transaction)]
pub struct TransactionBody {
    /// The hash of the inner transaction; without a fee bump its only one.
    pub hash: String,
    /// The hash of the fee bump that carried it.
    pub fee_bump_hash: Option<String>,
    /// The ledger that recorded it.
    pub ledger: u32,
    /// When that ledger closed.
    #[schema(format = DateTime)]
    pub closed_at: String,
    /// Whether its operations were applied.
    pub successful: bool,
    /// What was paid for it, in stroops.
    pub fee_charged: String,
    /// Whose sequence number it used.
    pub channel: String,
    /// Which.
    pub sequence: String,
}

/// Why an intent is where it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Reason)]
pub struct ReasonBody {
    /// Stable, for programs.
    pub code: String,
    /// A few words.
    pub title: String,
    /// A sentence about this case.
    pub detail: String,
    /// Whether the same intent could still succeed later.
    pub retryable: bool,
}

/// A JSON column as one of the structures above.
fn column<T: for<'de> Deserialize<'de>>(value: Option<Value>) -> Result<Option<T>, StoreError> {
    value
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| StoreError::Corrupt {
            table: "intents",
            what: error.to_string(),
        })
}

impl IntentBody {
    /// The intent as it is on record.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn new(shared: &Shared, mut row: IntentRow) -> Result<Self, StoreError> {
        let mut form = match take_form(shared, &mut row) {
            Some(Value::Object(form)) => form,
            Some(_) | None => Map::new(),
        };
        let mut given = |name: &str| form.remove(name).filter(|value| !value.is_null());
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => Some(text),
            Some(_) | None => None,
        };
        let tag = row.tag.map_or_else(
            || {
                let tag = Tag::derive(shared.network, &row.tenant, &row.workflow_id, &row.method);
                tag.to_string()
            },
            |tag| tag.to_string(),
        );
        // In flight `due_at` means nothing to a user, and of a final intent it is a leftover.
        let waits = matches!(row.status.as_str(), "queued" | "parked");
        Ok(Self {
            id: row.id,
            workflow_id: row.workflow_id,
            method: row.method,
            tag,
            status: row.status,
            source: row.source.or_else(|| text(given("source"))),
            operations: given("operations"),
            transaction_xdr: text(given("transaction_xdr")),
            memo: given("memo"),
            not_before: text(given("not_before")),
            valid_until: text(given("valid_until")),
            ordering_key: text(given("ordering_key")),
            on_state_error: text(given("on_state_error")),
            max_fee_per_operation: text(given("max_fee_per_operation")),
            metadata: given("metadata"),
            transaction: column(row.transaction)?,
            result: row.result,
            attempt_count: row.attempt_count,
            cancel_requested: row.cancel_requested,
            reason: column(row.reason)?,
            next_action_at: row.due_at.filter(|_| waits).map(utc),
            created_at: utc(row.created_at),
            updated_at: utc(row.updated_at),
            finished_at: row.finished_at.map(utc),
        })
    }
}

/// The request's normal form; of one enqueued in SQL that nobody has read yet, what reading it gives. None where it is not valid.
pub fn normal_form<'a>(shared: &Shared, row: &'a IntentRow) -> Option<Cow<'a, Value>> {
    match &row.request {
        Some(form) => Some(Cow::Borrowed(form)),
        None => form_of_enqueued(shared, row).map(Cow::Owned),
    }
}

/// The same, taken out of the row.
fn take_form(shared: &Shared, row: &mut IntentRow) -> Option<Value> {
    row.request.take().or_else(|| form_of_enqueued(shared, row))
}

fn form_of_enqueued(shared: &Shared, row: &IntentRow) -> Option<Value> {
    let enqueued = row.enqueued.as_ref()?;
    let request = read(enqueued, &shared.accounts).ok()?;
    Some(request.to_json())
}
