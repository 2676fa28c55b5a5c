//! What a contract call came to, out of the record of its newest recorded attempt.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stellar_xdr as xdr;
use xdr::{ContractEventBody, Limits, ReadXdr as _};

use super::Story;
use crate::domain::operation::scval;

/// Events that are told of a call.
const MAX_EVENTS: usize = 20;
/// The largest event that is read, as XDR in base64.
const MAX_EVENT_BYTES: usize = 8 * 1024;

/// What a contract call came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallExplained {
    /// The attempt that it was.
    pub attempt: u32,
    /// What it returned, as SEP-51 writes it; null where it failed, or returned nothing.
    pub result: Option<Value>,
    /// The error that it failed with, such as `Error(Contract, #7)`.
    pub error: Option<String>,
    /// Events of the contracts, the oldest first.
    pub events: Vec<CallEvent>,
    /// Events before these that are not told.
    pub events_left_out: usize,
}

/// An event of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// The contract, `C…`.
    pub contract: Option<String>,
    /// Its topics, as SEP-51 writes values.
    pub topics: Vec<Value>,
    /// What it says.
    pub data: Value,
}

/// What the newest recorded attempt of a call came to; `None` where nothing of that is on record.
#[must_use]
pub(super) fn explained(story: &Story) -> Option<CallExplained> {
    let attempt = story
        .attempts
        .iter()
        .rev()
        .find(|attempt| attempt.call.is_some())?;
    let call = attempt.call.as_ref()?;
    let kept = call["events"].as_array().map_or(&[][..], Vec::as_slice);
    let events_left_out = kept.len().saturating_sub(MAX_EVENTS);
    Some(CallExplained {
        attempt: attempt.number,
        result: Some(call["result"].clone()).filter(|result| !result.is_null()),
        error: call["error"].as_str().map(str::to_owned),
        events: kept[events_left_out..].iter().filter_map(event).collect(),
        events_left_out,
    })
}

fn event(kept: &Value) -> Option<CallEvent> {
    let text = kept.as_str().filter(|text| text.len() <= MAX_EVENT_BYTES)?;
    let limits = Limits {
        depth: 100,
        len: MAX_EVENT_BYTES,
    };
    let event = xdr::ContractEvent::from_xdr_base64(text, limits).ok()?;
    let ContractEventBody::V0(body) = &event.body;
    Some(CallEvent {
        contract: event
            .contract_id
            .map(|id| xdr::ScAddress::Contract(id).to_string()),
        topics: body.topics.iter().map(scval::to_json).collect(),
        data: scval::to_json(&body.data),
    })
}

impl CallExplained {
    /// A sentence a line.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match (&self.error, &self.result) {
            (Some(error), _) => {
                lines.push(format!("transaction {} failed with {error}", self.attempt));
            }
            (None, Some(result)) => {
                lines.push(format!("transaction {} returned {result}", self.attempt));
            }
            (None, None) => {}
        }
        if self.events_left_out > 0 {
            lines.push(format!("{} events are left out", self.events_left_out));
        }
        lines.extend(self.events.iter().map(|event| {
            let topics: Vec<String> = event.topics.iter().map(Value::to_string).collect();
            format!(
                "event of {}: {} = {}",
                event.contract.as_deref().unwrap_or("the network"),
                topics.join(", "),
                event.data
            )
        }));
        lines
    }
}
