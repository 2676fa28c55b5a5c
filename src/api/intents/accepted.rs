//! The answer to an accepted intent: the text that [`super::view::IntentBody`] makes of its record, made of the request itself.
//! A test compares the two for everything that can be asked for, because later answers are made of the record.

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::view::utc;
use crate::domain::intent::rfc3339;
use crate::domain::operation::Operation;
use crate::domain::primitives::AccountId;
use crate::store::accept::NewIntent;

/// An intent that was accepted a moment ago; the fields of `IntentBody`, in their order.
#[derive(Serialize)]
pub struct AcceptedBody<'a> {
    id: Uuid,
    workflow_id: &'a str,
    method: &'a str,
    tag: String,
    status: &'static str,
    source: AccountId,
    operations: Option<&'a [Operation]>,
    transaction_xdr: Option<String>,
    memo: Value,
    not_before: Option<String>,
    valid_until: Option<String>,
    ordering_key: Option<&'a str>,
    on_state_error: &'static str,
    max_fee_per_operation: Option<String>,
    metadata: Option<&'a Value>,
    transaction: Option<()>,
    attempt_count: i32,
    cancel_requested: bool,
    reason: Option<()>,
    next_action_at: String,
    created_at: String,
    updated_at: String,
    finished_at: Option<()>,
}

impl<'a> AcceptedBody<'a> {
    /// The intent as it was put on record at this time.
    pub fn new(new: &'a NewIntent, at: OffsetDateTime) -> Self {
        let request = &new.request;
        let created_at = utc(at);
        let not_before = request.not_before.map(rfc3339);
        Self {
            id: new.id,
            workflow_id: &request.workflow_id,
            method: &request.method,
            tag: new.tag.to_string(),
            status: "queued",
            source: request.source,
            operations: request.operations(),
            transaction_xdr: request.transaction_xdr(),
            memo: request.memo.to_json(),
            valid_until: request.valid_until.map(rfc3339),
            ordering_key: request.ordering_key.as_deref(),
            on_state_error: request.on_state_error.as_str(),
            max_fee_per_operation: request
                .max_fee_per_operation
                .map(|fee| fee.get().to_string()),
            metadata: request.metadata.as_ref(),
            transaction: None,
            attempt_count: 0,
            cancel_requested: false,
            reason: None,
            next_action_at: not_before.clone().unwrap_or_else(|| created_at.clone()),
            not_before,
            updated_at: created_at.clone(),
            created_at,
            finished_at: None,
        }
    }
}
