//! GET /v1/reconciliation: what the last comparison of records and chain came to.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::auth::{Admin, Caller};
use super::intents::view::utc;
use super::problem::{Problem, ProblemBody};
use super::query::Query;

/// The last comparison.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = Reconciliation)]
#[serde(default)]
pub struct ReconciliationBody {
    /// `never` before the first; `clean`: records and chain agree; `findings`: they do not; `incomplete`: nothing was
    /// found, but not everything could be seen.
    status: String,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// When it ended.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// The first ledger that was compared.
    from_ledger: Option<u32>,
    /// The last one.
    to_ledger: Option<u32>,
    /// Everything up to this ledger is compared and settled: the next comparison begins behind it.
    watermark: Option<u32>,
    /// Whether nothing was missing in what was read.
    complete: bool,
    /// What was missing, a sentence each.
    incomplete: Vec<String>,
    /// Transactions of ours that were compared.
    transactions: u64,
    /// Of these, the records say the same.
    matched: u64,
    /// Of these, just landed, and about to be settled.
    pending: u64,
    /// Of these, with a tag of no intent: whoever posts its workflow is answered with it.
    unclaimed: u64,
    /// Of these, explained by nothing: somebody else uses a key.
    unexplained: u64,
    /// Findings of each kind.
    by_kind: BTreeMap<String, u64>,
    /// The findings.
    findings: FindingsBody,
    /// Balances of source and fee account, against what recorded transactions did to them.
    balances: Vec<BalanceBody>,
}

/// Findings.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ReconciliationFindings)]
struct FindingsBody {
    /// How many there are.
    count: u64,
    /// The first thousand.
    items: Vec<FindingBody>,
}

/// One finding.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ReconciliationFinding)]
#[serde(default)]
struct FindingBody {
    /// Its kind: `unclaimed`, `landed_without_attempt`, `not_on_chain`, `content_differs`, `landed_twice`,
    /// `reported_otherwise`, `outcome_differs`, `dead_but_landed`, `not_settled`, `foreign_channel_use`,
    /// `foreign_source_use`, `channel_drift`, `channel_missing` or `balance_unexplained`.
    kind: String,
    /// For people.
    detail: String,
    /// The tag that it is about.
    tag: Option<String>,
    /// The transaction that it is about.
    transaction: Option<String>,
    /// The ledger that it is about.
    ledger: Option<u32>,
    /// The intent that it is about.
    intent: Option<String>,
    /// The account that it is about.
    account: Option<String>,
}

/// One balance.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ReconciliationBalance)]
#[serde(default)]
struct BalanceBody {
    /// Whose.
    account: String,
    /// `native`, or `CODE:ISSUER`.
    asset: String,
    /// The ledger after which the account of it begins; null at the first look.
    from_ledger: Option<u32>,
    /// What it was then, in stroops.
    start: Option<String>,
    /// The ledger after which it was looked at.
    to_ledger: u32,
    /// What it is then, in stroops.
    end: String,
    /// What recorded transactions added or took in between, in stroops.
    change: Option<String>,
    /// What they do not explain, in stroops.
    unexplained: Option<String>,
    /// Operations in between whose amounts cannot be known from what is recorded of them.
    inexact: u64,
}

/// The last comparison of records and chain
///
/// One daemon makes it every `reconcile.interval_seconds`; `stellar-submitter reconcile` makes one now.
#[utoipa::path(
    get, path = "/v1/reconciliation", operation_id = "getReconciliation", tag = "operation",
    security(("api_key" = ["admin"])),
    responses(
        (status = 200, description = "The last one; status `never` where there was none yet.", body = ReconciliationBody),
        (status = 400, description = "`invalid-request`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn reconciliation(
    _: Caller<Admin>,
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Json<ReconciliationBody>, Problem> {
    Query::read(uri.query(), &[]).end()?;
    let Some(run) = shared.store.last_reconciliation().await? else {
        return Ok(Json(ReconciliationBody {
            status: "never".to_owned(),
            ..ReconciliationBody::default()
        }));
    };
    // A report of another version has what it has.
    let mut body: ReconciliationBody = serde_json::from_value(run.report).unwrap_or_default();
    body.started_at = Some(utc(run.started_at));
    body.finished_at = Some(utc(run.finished_at));
    Ok(Json(body))
}
