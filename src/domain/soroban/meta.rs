//! What a contract call that landed left in its transaction's meta: return value, events, and the error it failed with.

use stellar_xdr as xdr;
use xdr::{ContractEventBody, DiagnosticEvent, ScError, ScVal, TransactionMeta};

use super::simulation::FailureKind;

/// What the ledger says of a call beyond its result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRecord {
    /// What it returned; `None` where it failed, or the meta does not say.
    pub value: Option<ScVal>,
    /// Events of the contracts.
    pub events: Vec<xdr::ContractEvent>,
    /// Diagnostic events, where the server's core keeps them.
    pub diagnostics: Vec<DiagnosticEvent>,
}

impl CallRecord {
    /// What the meta says.
    #[must_use]
    pub fn of(meta: &TransactionMeta) -> Self {
        match meta {
            TransactionMeta::V0(_) | TransactionMeta::V1(_) | TransactionMeta::V2(_) => {
                Self::default()
            }
            TransactionMeta::V3(meta) => {
                let Some(call) = &meta.soroban_meta else {
                    return Self::default();
                };
                Self {
                    value: Some(call.return_value.clone()),
                    events: call.events.to_vec(),
                    diagnostics: call.diagnostic_events.to_vec(),
                }
            }
            TransactionMeta::V4(meta) => Self {
                value: meta
                    .soroban_meta
                    .as_ref()
                    .and_then(|call| call.return_value.clone()),
                events: meta
                    .operations
                    .iter()
                    .flat_map(|operation| operation.events.iter().cloned())
                    .collect(),
                diagnostics: meta.diagnostic_events.to_vec(),
            },
        }
    }

    /// What the call failed with, as far as its diagnostic events tell.
    #[must_use]
    pub fn error(&self) -> Option<&ScError> {
        error_in(&self.diagnostics)
    }

    /// The same, by its kind.
    #[must_use]
    pub fn failure(&self) -> Option<FailureKind> {
        self.error().map(FailureKind::of)
    }
}

/// The error that diagnostic events end with: the first topic is `error`, the second the error itself.
#[must_use]
pub fn error_in(events: &[DiagnosticEvent]) -> Option<&ScError> {
    events.iter().rev().find_map(|event| {
        let ContractEventBody::V0(body) = &event.event.body;
        match body.topics.as_slice() {
            [ScVal::Symbol(name), ScVal::Error(error), ..] if name.0.as_slice() == b"error" => {
                Some(error)
            }
            _ => None,
        }
    })
}
