//! What is asked about a contract call before its end is put on record: what it returned, and whether its nonce was used by
//! somebody else.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stellar_xdr as xdr;
use xdr::Limits;

use super::contracts::Contracts;
use super::simulate::used_elsewhere;
use crate::domain::operation::scval;
use crate::domain::primitives::{AccountId, LedgerSeq};
use crate::domain::reason::Reason;
use crate::domain::soroban::CallRecord;
use crate::domain::transition::{AttemptEnd, IntentEnd, Settlement};

/// Looks for a landed call's record: Stellar RPC may see a ledger later than Horizon does.
const RECORD_TRIES: u32 = 20;
/// Between two of them.
const RECORD_PAUSE: Duration = Duration::from_millis(500);
/// Events that are kept of a call, and bytes of each as XDR.
const MAX_EVENTS: usize = 50;
/// See [`MAX_EVENTS`].
const MAX_EVENT_BYTES: usize = 8 * 1024;
/// The most bytes of a value that is kept, as JSON.
const MAX_VALUE_BYTES: usize = 256 * 1024;

/// What is asked.
pub(super) struct Inquiry {
    pub contracts: Arc<dyn Contracts>,
    pub settlement: Settlement,
    /// Whose nonce, and which, where the call has one.
    pub nonce: Option<(AccountId, i64)>,
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
        if ends_without_success(&settlement.intent)
            && let Some((account, nonce)) = self.nonce
        {
            match look_at_nonce(&*self.contracts, account, nonce, self.head).await {
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
        for _ in 0..RECORD_TRIES {
            match self.contracts.call(landed.inner_hash).await {
                Ok(Some(record)) => return Some(record_json(&record, landed.successful)),
                Ok(None) => tokio::time::sleep(RECORD_PAUSE).await,
                Err(unknown) => {
                    tokio::time::sleep(unknown.retry_after.unwrap_or(RECORD_PAUSE)).await;
                }
            }
        }
        tracing::warn!(hash = %landed.inner_hash, "what a call returned could not be read");
        None
    }
}

/// What a nonce says of a call of which no attempt of ours has landed.
pub(super) enum NonceLook {
    /// As of the newest ledger, nobody has used it.
    Unused,
    /// The call ran, in somebody else's transaction.
    UsedElsewhere(Reason),
    /// Nothing is known; why, for people.
    Unknown(String),
}

/// Looks it up; what an answer says of a ledger before `head` is no proof that it is unused.
pub(super) async fn look_at_nonce(
    contracts: &dyn Contracts,
    account: AccountId,
    nonce: i64,
    head: LedgerSeq,
) -> NonceLook {
    match contracts.nonce(account, nonce).await {
        Ok(sight) if sight.used_in.is_some() => {
            NonceLook::UsedElsewhere(used_elsewhere(account, nonce, sight.used_in))
        }
        Ok(sight) if sight.as_of >= head => NonceLook::Unused,
        Ok(_) => NonceLook::Unknown("Stellar RPC is behind".to_owned()),
        Err(unknown) => NonceLook::Unknown(unknown.detail),
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
    let failure = record.failure().filter(|_| !successful);
    json!({
        "result": result,
        "error": failure.and_then(|failure| failure.name()),
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
