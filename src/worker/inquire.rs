//! What is asked about a contract call before its end is put on record: what it returned, and whether its nonce was used by
//! somebody else.

use std::time::Duration;

use serde_json::{Value, json};
use stellar_xdr as xdr;
use xdr::Limits;

use super::nonces::{NonceLook, Nonces};
use crate::domain::operation::scval;
use crate::domain::primitives::LedgerSeq;
use crate::domain::soroban::simulation::error_name;
use crate::domain::soroban::{CallRecord, Nonce};
use crate::domain::transition::{AttemptEnd, IntentEnd, Settlement};

/// How long a landed call's record is looked for: Stellar RPC may see a ledger later than Horizon does.
const RECORD_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const RECORD_PAUSE: Duration = Duration::from_millis(500);
/// Events that are kept of a call, and bytes of each as XDR.
const MAX_EVENTS: usize = 50;
/// See [`MAX_EVENTS`].
const MAX_EVENT_BYTES: usize = 8 * 1024;
/// The most bytes of a value that is kept, as JSON.
const MAX_VALUE_BYTES: usize = 256 * 1024;

/// What is asked.
pub(super) struct Inquiry {
    pub asked: Nonces,
    pub settlement: Settlement,
    /// The nonces that the call uses.
    pub nonces: Vec<Nonce>,
    /// The newest ledger: an older answer says nothing about the nonce.
    pub head: LedgerSeq,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Inquired {
    /// As it is put on record now; `None` where the nonce is not known, and it is asked again.
    pub settlement: Option<Box<Settlement>>,
    pub call: Option<Value>,
}

impl Inquiry {
    /// Whether anything is to be asked.
    pub(super) const fn is_needed(settlement: &Settlement) -> bool {
        matches!(
            settlement.attempt,
            AttemptEnd::Landed(_) | AttemptEnd::LandedFailed(_)
        ) || ends_without_success(&settlement.intent)
    }

    pub(super) async fn run(self) -> Inquired {
        let call = self.record().await;
        let mut settlement = self.settlement;
        if ends_without_success(&settlement.intent) {
            match self.asked.look(&self.nonces, self.head).await {
                NonceLook::UsedElsewhere(reason) => {
                    settlement.intent = IntentEnd::Parked {
                        reason,
                        resume_after: None,
                    };
                }
                NonceLook::Unused => {}
                NonceLook::Unknown(_) => {
                    return Inquired {
                        settlement: None,
                        call: None,
                    };
                }
            }
        }
        let error = call.as_ref().and_then(|call| call["error"].as_str());
        if let (IntentEnd::Failed(reason), Some(error)) = (&mut settlement.intent, error) {
            reason.detail = format!("{}: {error}", reason.detail);
        }
        Inquired {
            settlement: Some(Box::new(settlement)),
            call,
        }
    }

    /// What the ledger says of it beyond its result. Without an answer it is settled all the same: it has landed.
    async fn record(&self) -> Option<Value> {
        let (AttemptEnd::Landed(landed) | AttemptEnd::LandedFailed(landed)) =
            &self.settlement.attempt
        else {
            return None;
        };
        let looked = tokio::time::timeout(RECORD_PATIENCE, async {
            loop {
                let pause = match self.asked.contracts.call(landed.inner_hash).await {
                    Ok(Some(record)) => return record,
                    Ok(None) => RECORD_PAUSE,
                    Err(unknown) => unknown.retry_after.unwrap_or(RECORD_PAUSE),
                };
                tokio::time::sleep(pause).await;
            }
        });
        let Ok(record) = looked.await else {
            tracing::warn!(hash = %landed.inner_hash, "what a call returned could not be read");
            return None;
        };
        Some(record_json(&record, landed.successful))
    }
}

const fn ends_without_success(end: &IntentEnd) -> bool {
    matches!(
        end,
        IntentEnd::Failed(_) | IntentEnd::Expired | IntentEnd::Canceled
    )
}

fn record_json(record: &CallRecord, successful: bool) -> Value {
    let result = record.value.as_ref().filter(|_| successful);
    let result = result.map(scval::to_json);
    let result = result.filter(|value| value.to_string().len() <= MAX_VALUE_BYTES);
    let error = record.error().filter(|_| !successful);
    json!({
        "result": result,
        "error": error.map(error_name),
        "events": kept(&record.events),
        "diagnostic_events": kept(&record.diagnostics),
    })
}

/// The last of them, XDR in base64.
fn kept<T: xdr::WriteXdr>(events: &[T]) -> Vec<String> {
    let first = events.len().saturating_sub(MAX_EVENTS);
    let events = events[first..].iter();
    events
        .filter_map(|event| event.to_xdr_base64(Limits::none()).ok())
        .filter(|text| text.len() <= MAX_EVENT_BYTES)
        .collect()
}
