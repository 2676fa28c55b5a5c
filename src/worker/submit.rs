//! Sending an envelope that is on record, and what the answer was.

use serde_json::{Value, json};

use super::settings::SubmitMode;
use crate::domain::observation::{SubmitAnswer, Unknown};
use crate::domain::primitives::TxHash;
use crate::domain::result_code::{TransactionOutcome, transaction_code_name};
use crate::horizon::Horizon;

/// Sends an envelope once.
pub(super) async fn submit(horizon: &Horizon, mode: SubmitMode, envelope: &[u8]) -> SubmitAnswer {
    let endpoint = horizon.for_submission();
    let answer = match mode {
        SubmitMode::Async => endpoint.submit_async(envelope).await,
        SubmitMode::Sync => endpoint.submit(envelope).await,
    };
    counted(answer)
}

/// The answer to a submission, counted.
pub(super) fn counted(answer: SubmitAnswer) -> SubmitAnswer {
    metrics::counter!("submitter_submissions_total", "answer" => kind(&answer)).increment(1);
    answer
}

const fn kind(answer: &SubmitAnswer) -> &'static str {
    match answer {
        SubmitAnswer::Landed(_) => "landed",
        SubmitAnswer::Queued { .. } => "queued",
        SubmitAnswer::TryAgainLater => "try_again_later",
        SubmitAnswer::Refused(_) => "refused",
        SubmitAnswer::Malformed(_) => "malformed",
        SubmitAnswer::Unknown(_) => "unknown",
    }
}

/// The answer as it is kept for people.
pub(super) fn answer_json(answer: &SubmitAnswer) -> Value {
    let kind = kind(answer);
    match answer {
        SubmitAnswer::Landed(landed) => json!({"kind": kind, "ledger": landed.ledger}),
        SubmitAnswer::Queued { duplicate } => json!({"kind": kind, "duplicate": duplicate}),
        SubmitAnswer::TryAgainLater => json!({"kind": kind}),
        SubmitAnswer::Refused(outcome) => refused_json(outcome),
        SubmitAnswer::Malformed(detail) => json!({"kind": kind, "detail": detail}),
        SubmitAnswer::Unknown(unknown) => unknown_json(unknown),
    }
}

fn refused_json(outcome: &TransactionOutcome) -> Value {
    json!({
        "kind": "refused",
        "transaction": transaction_code_name(outcome.code),
        "inner_transaction": outcome.inner.map(transaction_code_name),
        "operations": outcome.operations.iter().map(|operation| operation.code).collect::<Vec<_>>(),
        "fee": outcome.fee_charged.to_string(),
    })
}

fn unknown_json(unknown: &Unknown) -> Value {
    json!({
        "kind": "unknown",
        "what": format!("{:?}", unknown.kind).to_lowercase(),
        "status": unknown.status,
        "detail": unknown.detail,
        "retry_after_seconds": unknown.retry_after.map(|after| after.as_secs()),
    })
}

/// A POST's answer with what it was about.
#[derive(Debug)]
pub(super) struct Answered {
    /// The hash of the envelope that was sent.
    pub hash: TxHash,
    /// What was answered.
    pub answer: SubmitAnswer,
}
