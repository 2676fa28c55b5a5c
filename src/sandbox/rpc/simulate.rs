//! Simulations.

use serde_json::{Map, Value, json};
use stellar_xdr::{DiagnosticEvent, LedgerEntry};

use super::base64;
use crate::sandbox::ledger::soroban::simulate::{AuthMode, Plan, Simulated};

/// Reads the parameter `authMode`; none if it is unknown.
pub fn auth_mode(params: &Value) -> Option<AuthMode> {
    match params["authMode"].as_str() {
        None | Some("") => Some(AuthMode::Usual),
        Some("enforce") => Some(AuthMode::Enforce),
        Some("record") => Some(AuthMode::Record),
        Some("record_allow_nonroot") => Some(AuthMode::RecordNonRoot),
        Some(_) => None,
    }
}

/// What cannot be simulated at all: there is no ledger to say then.
pub fn refused(error: &str) -> Value {
    json!({ "error": error, "latestLedger": 0 })
}

/// `simulateTransaction`, as of a ledger.
pub fn answer(simulated: &Simulated, latest: u32) -> Value {
    match simulated {
        Simulated::Failed { error, events } if events.is_empty() => refused(error),
        Simulated::Failed { error, events } => json!({
            "error": error,
            "events": told(events),
            "latestLedger": latest,
        }),
        Simulated::Done(plan) => done(plan, latest).into(),
    }
}

fn done(plan: &Plan, latest: u32) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("transactionData".to_owned(), base64(&plan.data).into());
    if !plan.events.is_empty() {
        answer.insert("events".to_owned(), told(&plan.events));
    }
    answer.insert(
        "minResourceFee".to_owned(),
        plan.data.resource_fee.to_string().into(),
    );
    if let Some((auth, value)) = &plan.result {
        let auth: Vec<_> = auth.iter().map(base64).collect();
        answer.insert(
            "results".to_owned(),
            json!([{ "auth": auth, "xdr": base64(value) }]),
        );
    }
    if let Some(data) = &plan.restoration {
        answer.insert(
            "restorePreamble".to_owned(),
            json!({
                "transactionData": base64(data),
                "minResourceFee": data.resource_fee.to_string(),
            }),
        );
    }
    let changes: Vec<_> = plan
        .changes
        .iter()
        .filter_map(|(before, after)| change(before.as_ref(), after.as_ref()))
        .collect();
    if !changes.is_empty() {
        answer.insert("stateChanges".to_owned(), changes.into());
    }
    answer.insert("latestLedger".to_owned(), latest.into());
    answer
}

fn told(events: &[DiagnosticEvent]) -> Value {
    events.iter().map(base64).collect::<Vec<_>>().into()
}

fn change(before: Option<&LedgerEntry>, after: Option<&LedgerEntry>) -> Option<Value> {
    let (kind, key) = match (before, after) {
        (None, Some(after)) => ("created", after.to_key()),
        (Some(_), Some(after)) => ("updated", after.to_key()),
        (Some(before), None) => ("deleted", before.to_key()),
        (None, None) => return None,
    };
    Some(json!({
        "type": kind,
        "key": base64(&key),
        "before": before.map(base64),
        "after": after.map(base64),
    }))
}
