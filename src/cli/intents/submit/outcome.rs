//! What became of a row.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::cli::intents::api::{Answer, Api};
use crate::cli::intents::file::row::Row;
use crate::cli::intents::intent::{Intent, Status};
use crate::cli::intents::problem::{CallError, Problem, Violation};

/// One row and its outcome, as `--output` has it.
#[derive(Clone, Debug, Serialize)]
pub struct RowResult {
    /// Where the row begins, from 1.
    pub line: u64,
    /// Its workflow.
    pub workflow_id: String,
    /// Its method.
    pub method: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What the API said to a row.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Accepted now.
    New(Accepted),
    /// It was on record: from an earlier run, or a try of this one whose answer was lost.
    Replayed(Accepted),
    /// Another intent has its workflow and method.
    Conflict(Refusal),
    /// It cannot be accepted.
    Refused(Refusal),
}

/// The intent that a row has become.
#[derive(Clone, Debug, Serialize)]
pub struct Accepted {
    pub intent_id: Uuid,
    pub status: Status,
    pub transaction: Value,
    pub reason: Value,
}

/// Why a row has become none.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    pub code: String,
    pub detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
    /// The intent that it conflicts with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent_id: Option<Uuid>,
}

impl RowResult {
    /// The outcome of a POST; an error where it says nothing of this row, so that to go on makes no sense.
    ///
    /// # Errors
    /// That error.
    pub fn of(api: &Api, row: Row, answer: Result<Answer, CallError>) -> Result<Self, CallError> {
        let outcome = match answer {
            Ok(answer) => {
                let intent = Intent::of(api, &answer)?;
                let accepted = Accepted::from(intent);
                if answer.replayed {
                    Outcome::Replayed(accepted)
                } else {
                    Outcome::New(accepted)
                }
            }
            Err(CallError::Problem { problem, .. }) if is_of_the_row(problem.code()) => {
                let conflict = matches!(
                    problem.code(),
                    "workflow-conflict" | "idempotency-key-reused"
                );
                if conflict {
                    Outcome::Conflict(problem.into())
                } else {
                    Outcome::Refused(problem.into())
                }
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            line: row.line,
            workflow_id: row.workflow_id,
            method: row.method,
            outcome,
        })
    }
}

/// Problems that are about one intent: the next row may be better.
fn is_of_the_row(code: &str) -> bool {
    matches!(
        code,
        "invalid-request"
            | "body-too-large"
            | "workflow-conflict"
            | "idempotency-key-reused"
            | "policy-denied"
    )
}

impl From<Intent> for Accepted {
    fn from(intent: Intent) -> Self {
        Self {
            intent_id: intent.id,
            status: intent.status,
            transaction: intent.transaction,
            reason: intent.reason,
        }
    }
}

impl From<Box<Problem>> for Refusal {
    fn from(problem: Box<Problem>) -> Self {
        Self {
            code: problem.code().to_owned(),
            detail: problem.to_string(),
            errors: problem.errors,
            intent_id: problem.intent_id,
        }
    }
}

impl fmt::Display for RowResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {} ({}, {}): ",
            self.line, self.workflow_id, self.method
        )?;
        match &self.outcome {
            Outcome::New(intent) | Outcome::Replayed(intent) => {
                write!(f, "{} {}", intent.status, intent.intent_id)
            }
            Outcome::Conflict(refusal) | Outcome::Refused(refusal) => f.write_str(&refusal.detail),
        }
    }
}
