//! POST /v1/intents/preview: what would become of an intent. Nothing is stored.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::asked::intent;
use super::one::json;
use super::post::difference;
use super::request::{Memo, NewIntentBody, Operation};
use super::view::Status;
use crate::api::auth::{Caller, Write};
use crate::api::problem::{Problem, ProblemBody, to_text};
use crate::api::query::Query;
use crate::api::{PreviewUnavailable, Shared, body};
use crate::domain::intent::{Request, rfc3339};
use crate::domain::operation::scval;
use crate::domain::preview::{CallPreview, Draft, Finding, Preview, Severity};
use crate::domain::primitives::ChainTime;
use crate::domain::soroban::Need;
use crate::store::accept::NewIntent;
use crate::store::intents::IntentFilter;

/// The path that this file answers.
pub const PATH: &str = "/v1/intents/preview";

/// Previews that are made at the same time; more are refused with 429. Each asks Horizon, whose answers intents in flight need.
pub const AT_ONCE: usize = 2;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Seconds after which a client may ask again.
const RETRY_SECONDS: u32 = 2;
/// The most events of a call that are shown.
const MAX_EVENTS: usize = 100;

/// What would become of an intent that was taken up now. Nothing is stored, and nothing is promised.
#[derive(Serialize, ToSchema)]
#[schema(as = Preview)]
pub struct PreviewBody {
    /// Whether it would be a new intent, and nothing was found that speaks against its success.
    ready: bool,
    /// The newest ledger when this was made.
    ledger: u32,
    /// The business workflow; unique with the method, for ever.
    workflow_id: String,
    /// What of that workflow.
    method: String,
    /// 63 bits of its key, a decimal number, in every transaction that is built for it.
    #[schema(pattern = "^[0-9]+$")]
    tag: String,
    /// Whose funds move.
    source: String,
    /// What goes onto the ledger, in its normal form; null for a transaction that was given signed.
    #[schema(value_type = Option<Vec<Operation>>)]
    operations: Option<Value>,
    /// The memo.
    #[schema(value_type = Option<Memo>)]
    memo: Option<Value>,
    /// The intent of this workflow and method that exists already.
    existing: Option<ExistingBody>,
    /// The transaction as it would be built now; null where it could not be.
    transaction: Option<DraftBody>,
    /// What it would cost; null where no transaction could be built.
    fee: Option<FeeBody>,
    /// What a contract operation does by its simulation; null for others, and where it does not run.
    call: Option<CallBody>,
    /// What speaks against its success, or could not be looked at.
    findings: Vec<FindingBody>,
}

/// An intent of the same workflow and method.
#[derive(Serialize, ToSchema)]
#[schema(as = ExistingIntent)]
pub struct ExistingBody {
    /// Its id.
    id: Uuid,
    /// Where it is.
    #[schema(value_type = Status)]
    status: String,
    /// Where this request differs from it: posted, it is a `workflow-conflict`. Null where they are the same.
    differs_at: Option<String>,
}

/// A transaction that is neither signed nor on record. When the intent is taken up, another channel, later bounds and another bid
/// may be used: then its hash is another one. So is the hash of a call that the source authorises: its authorisation is part of the
/// transaction, and is not signed here.
#[derive(Serialize, ToSchema)]
#[schema(as = DraftTransaction)]
pub struct DraftBody {
    /// Its hash, if it was sent like this.
    hash: String,
    /// The inner transaction, XDR in base64, without any signature of ours.
    envelope_xdr: String,
    /// Whose sequence number it would use.
    channel: String,
    /// Which.
    sequence: String,
    /// Not in a ledger that closes earlier; null for any.
    #[schema(format = DateTime)]
    min_time: Option<String>,
    /// Not in a ledger that closes later; null where it has no such bound.
    #[schema(format = DateTime)]
    max_time: Option<String>,
    /// The first ledger that is too late; null where it has no such bound.
    max_ledger: Option<u32>,
}

/// What a transaction would cost. The ledger charges its lowest taken bid, which may be less.
#[derive(Serialize, ToSchema)]
#[schema(as = PreviewFee)]
pub struct FeeBody {
    /// The first bid, in stroops an operation.
    per_operation: String,
    /// The most that may ever be bid, in stroops an operation.
    max_per_operation: String,
    /// What is offered for it at first, in stroops, the resource fee and a fee bump included.
    total: String,
    /// What the resources of a contract operation cost at most, in stroops, of which a part may come back; `0` for others.
    resources: String,
    /// Whether it goes out in a fee bump from the beginning.
    fee_bump: bool,
    /// Who pays.
    paid_by: String,
}

/// What a contract operation does by its simulation.
#[derive(Serialize, ToSchema)]
#[schema(as = PreviewCall)]
pub struct CallBody {
    /// It changes nothing: `result` is all there is to get, and nothing need be sent.
    read_only: bool,
    /// What makes the ledger itself refuse a second run.
    guard: Guard,
    /// What it returns (a value of SEP-51); null where it returns nothing.
    #[schema(value_type = Option<Value>)]
    result: Option<Value>,
    /// What contracts say while it runs (SEP-51); the first hundred.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// Archived entries are restored by a transaction before it.
    restores_before: bool,
    /// Instructions that are declared.
    instructions: u32,
    /// Bytes that may be read from disk.
    disk_read_bytes: u32,
    /// Bytes that may be written.
    write_bytes: u32,
}

/// What makes the ledger itself refuse a second run of a call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Guard {
    /// The nonce of the source's authorisation, which is the tag.
    Nonce,
    /// The sequence number of its transaction, as for any other operation.
    Sequence,
}

/// Something that speaks against success.
#[derive(Serialize, ToSchema)]
#[schema(as = PreviewFinding)]
pub struct FindingBody {
    /// How much it weighs.
    severity: SeverityBody,
    /// A word for programs: the result code that the ledger would give, where there is one.
    code: String,
    /// Where in the request, a JSON pointer; empty for the whole.
    pointer: String,
    /// A sentence about this case.
    detail: String,
}

/// How much a finding weighs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SeverityBody {
    /// As the ledger stands, the transaction would not succeed.
    Error,
    /// It could not be looked at.
    Unknown,
}

/// Preview an intent
///
/// The same checks and the same builder as for an intent that is posted, and nothing is stored: its tag, the transaction and hash
/// as they would be now, the fee, and what balances, trustlines and accounts speak against its success. A contract operation is
/// simulated; one that only reads is answered by that. The answer is of this moment, and promises nothing.
#[utoipa::path(
    post, path = PATH, operation_id = "previewIntent", tag = "intents",
    security(("api_key" = ["intents:write"])),
    request_body(content = NewIntentBody, content_type = "application/json", example = json!({
        "workflow_id": "payout-2026-000123", "method": "payout",
        "operations": [{"type": "payment", "destination": "GAQHWQYBBW272OOXNQMMLCA5WY2XAZPODGB7Q3S5OKKIXVESKO55ZQ7C", "asset": "native", "amount": "12.5"}],
    })),
    responses(
        (status = 200, description = "What would become of it.", body = PreviewBody),
        (status = 400, description = "`invalid-request`: as of a post", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "`request-timeout`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests` (with Retry-After)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`network-unavailable` (with Retry-After): no Horizon tells the newest ledger. `database-unavailable`, `timeout` (with Retry-After)", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn preview(
    caller: Caller<Write>,
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    Query::read(uri.query(), &[]).end()?;
    shared.posts.count(&caller.tenant, 1)?;
    let value = body::read(&headers, body, shared.settings.max_body_bytes).await?;
    let asked = intent(&shared, &caller.tenant, &value)?;
    let _permit = shared
        .previews
        .try_acquire()
        .map_err(|_| Problem::over_limit(RETRY_SECONDS, "too many previews at the same time"))?;
    let existing = existing(&shared, &asked).await?;
    let previewing = shared.preview.preview(&asked.tenant, &asked.request);
    let preview = tokio::time::timeout(PATIENCE, previewing)
        .await
        .unwrap_or_else(|_| {
            let detail = "the network was too slow".to_owned();
            Err(PreviewUnavailable::Network(detail))
        });
    let preview = preview.map_err(|unavailable| match unavailable {
        PreviewUnavailable::Network(detail) => {
            Problem::network_unavailable(RETRY_SECONDS).because(detail)
        }
        PreviewUnavailable::TooMany(wait) => {
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
            let detail = "previews have asked the network as much as they may for now";
            Problem::over_limit(seconds.saturating_add(1), detail)
        }
        PreviewUnavailable::Store(error) => Problem::from(error),
    })?;
    Ok(json(to_text(&PreviewBody::new(asked, existing, preview))))
}

/// The intent that the same workflow and method have already.
async fn existing(shared: &Shared, asked: &NewIntent) -> Result<Option<ExistingBody>, Problem> {
    let filter = IntentFilter {
        workflow_id: Some(asked.request.workflow_id.clone()),
        method: Some(asked.request.method.clone()),
        ..IntentFilter::default()
    };
    let rows = shared.store.intents(&asked.tenant, &filter, 1).await?;
    let form = asked.request.to_json();
    Ok(rows.into_iter().next().map(|row| ExistingBody {
        id: row.id,
        differs_at: difference(shared, &form, &row),
        status: row.status,
    }))
}

impl PreviewBody {
    fn new(asked: NewIntent, existing: Option<ExistingBody>, preview: Preview) -> Self {
        let mut form = asked.request.to_json();
        let mut given = |name: &str| Some(form[name].take()).filter(|value| !value.is_null());
        Self {
            ready: preview.findings.is_empty() && existing.is_none() && preview.draft.is_some(),
            ledger: preview.as_of.0,
            tag: asked.tag.to_string(),
            source: asked.request.source.to_string(),
            operations: given("operations"),
            memo: given("memo"),
            existing,
            transaction: preview.draft.as_ref().map(DraftBody::from),
            fee: preview.draft.as_ref().map(FeeBody::from),
            call: preview
                .call
                .as_ref()
                .map(|call| CallBody::new(call, preview.draft.as_ref(), &asked.request)),
            findings: preview
                .findings
                .into_iter()
                .map(FindingBody::from)
                .collect(),
            workflow_id: asked.request.workflow_id,
            method: asked.request.method,
        }
    }
}

impl From<&Draft> for DraftBody {
    fn from(draft: &Draft) -> Self {
        let plan = &draft.attempt.plan;
        let bound = |time: ChainTime| (time.0 > 0).then(|| rfc3339(time));
        Self {
            hash: draft.attempt.inner_hash.to_string(),
            envelope_xdr: BASE64.encode(&draft.envelope),
            channel: plan.channel.to_string(),
            sequence: plan.sequence.0.to_string(),
            min_time: bound(plan.min_time),
            max_time: bound(plan.max_time),
            max_ledger: (plan.max_ledger.0 > 0).then_some(plan.max_ledger.0),
        }
    }
}

impl From<&Draft> for FeeBody {
    fn from(draft: &Draft) -> Self {
        Self {
            per_operation: draft.attempt.plan.base_fee.get().to_string(),
            max_per_operation: draft.cap.get().to_string(),
            total: draft.fee.get().to_string(),
            resources: draft.attempt.plan.resource_fee().to_string(),
            fee_bump: draft.attempt.sponsored,
            paid_by: draft.payer.to_string(),
        }
    }
}

impl CallBody {
    fn new(call: &CallPreview, draft: Option<&Draft>, request: &Request) -> Self {
        let plan = draft.and_then(|draft| draft.attempt.plan.soroban.as_ref());
        let resources = plan.map(|plan| &plan.data.resources);
        let has_nonce = plan.is_some_and(|plan| plan.has_nonce_of(request.source));
        let events = call.events.iter().take(MAX_EVENTS);
        Self {
            read_only: call.need == Need::ReadOnly,
            guard: if has_nonce {
                Guard::Nonce
            } else {
                Guard::Sequence
            },
            result: call.value.as_ref().map(scval::to_json),
            events: events
                .filter_map(|event| serde_json::to_value(event).ok())
                .collect(),
            restores_before: call.restores_before,
            instructions: resources.map_or(0, |resources| resources.instructions),
            disk_read_bytes: resources.map_or(0, |resources| resources.disk_read_bytes),
            write_bytes: resources.map_or(0, |resources| resources.write_bytes),
        }
    }
}

impl From<Finding> for FindingBody {
    fn from(finding: Finding) -> Self {
        Self {
            severity: match finding.severity {
                Severity::Error => SeverityBody::Error,
                Severity::Unknown => SeverityBody::Unknown,
            },
            code: finding.code,
            pointer: finding.pointer,
            detail: finding.detail,
        }
    }
}
