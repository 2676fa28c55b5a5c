//! Contract events.

use serde_json::{Value, json};
use stellar_xdr::{ContractEvent, ContractEventBody, ContractEventType, Limits, ReadXdr, ScVal};

use super::transaction::{Form, Start, start, within};
use super::{Failure, base64, latest, oldest};
use crate::sandbox::horizon::timestamp;
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::history::Toid;

/// The most events a page.
const MAX_ITEMS: u64 = 10_000;
/// The most filters of one request.
const MAX_FILTERS: usize = 5;

/// One segment of a topic that is asked for.
enum Segment {
    One,
    Rest,
    Value(Box<ScVal>),
}

/// What an event has to be; empty lists ask for nothing.
struct Filter {
    kind: Option<ContractEventType>,
    contracts: Vec<String>,
    topics: Vec<Vec<Segment>>,
}

impl Filter {
    fn read(value: &Value) -> Result<Self, Failure> {
        let kind = match value["type"].as_str() {
            None | Some("") => None,
            Some("contract") => Some(ContractEventType::Contract),
            Some("system") => Some(ContractEventType::System),
            Some(_) => {
                return Err(Failure::parameter(
                    "filter type invalid: if set, type must be either 'system', 'contract'",
                ));
            }
        };
        let contracts = value["contractIds"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        let topics = value["topics"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|topic| {
                topic
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(segment)
                    .collect()
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            kind,
            contracts,
            topics,
        })
    }

    fn takes(&self, event: &ContractEvent) -> bool {
        let ContractEventBody::V0(body) = &event.body;
        let contract = event.contract_id.as_ref().map(ToString::to_string);
        self.kind.is_none_or(|kind| kind == event.type_)
            && (self.contracts.is_empty()
                || contract.is_some_and(|id| self.contracts.contains(&id)))
            && (self.topics.is_empty()
                || self
                    .topics
                    .iter()
                    .any(|wanted| matches(wanted, &body.topics)))
    }
}

fn segment(value: &Value) -> Result<Segment, Failure> {
    match value.as_str() {
        Some("*") => Ok(Segment::One),
        Some("**") => Ok(Segment::Rest),
        Some(text) => ScVal::from_xdr_base64(text, Limits::depth(500))
            .map(|value| Segment::Value(Box::new(value)))
            .map_err(|_| Failure::parameter("a topic's segment is no XDR of an SCVal")),
        None => Err(Failure::parameter("a topic's segment must be a string")),
    }
}

fn matches(wanted: &[Segment], topics: &[ScVal]) -> bool {
    match wanted.split_first() {
        None => topics.is_empty(),
        Some((Segment::Rest, _)) => true,
        Some((first, rest)) => topics.split_first().is_some_and(|(topic, topics)| {
            let here = match first {
                Segment::One | Segment::Rest => true,
                Segment::Value(value) => **value == *topic,
            };
            here && matches(rest, topics)
        }),
    }
}

/// `getEvents`: of the contracts' own events; those that the network makes of fees are not among them.
pub fn events(ledger: &Ledger, head: u32, params: &Value) -> Result<Value, Failure> {
    Form::of(params)?;
    let ((head, closed), (elder, elder_closed)) = (latest(ledger, head)?, oldest(ledger)?);
    let given = params["filters"].as_array().map_or(&[][..], Vec::as_slice);
    if given.len() > MAX_FILTERS {
        return Err(Failure::parameter("maximum 5 filters per request"));
    }
    let filters = given
        .iter()
        .map(Filter::read)
        .collect::<Result<Vec<_>, _>>()?;
    let (begin, limit) = start(params, MAX_ITEMS)?;
    let (first, after) = match begin {
        Start::Ledger(first) => {
            within(first, elder, head)?;
            (first, None)
        }
        Start::After(toid) => (
            toid.ledger_number().max(elder),
            params["pagination"]["cursor"].as_str(),
        ),
    };
    let mut items: Vec<Value> = Vec::new();
    let mut cursor = id(Toid::ledger(head.saturating_add(1)), 0);
    'ledgers: for record in (first..=head).filter_map(|number| ledger.history().ledger(number)) {
        for tx in record.transactions.iter().filter(|tx| tx.successful) {
            let told = tx
                .effects
                .as_deref()
                .map_or(&[][..], |effects| &effects.events);
            for (index, event) in (0u32..).zip(told) {
                let id = id(tx.toid, index);
                let wanted = filters.is_empty() || filters.iter().any(|filter| filter.takes(event));
                if !wanted || after.is_some_and(|after| id.as_str() <= after) {
                    continue;
                }
                items.push(item(&id, tx.toid, tx.hash, record.close_time, event));
                if items.len() >= limit {
                    cursor = id;
                    break 'ledgers;
                }
            }
        }
    }
    Ok(json!({
        "events": items,
        "cursor": cursor,
        "latestLedger": head,
        "oldestLedger": elder,
        "latestLedgerCloseTime": closed.to_string(),
        "oldestLedgerCloseTime": elder_closed.to_string(),
    }))
}

fn id(toid: Toid, index: u32) -> String {
    format!("{:019}-{index:010}", toid.0)
}

fn item(id: &str, toid: Toid, hash: [u8; 32], closed: u64, event: &ContractEvent) -> Value {
    let ContractEventBody::V0(body) = &event.body;
    let kind = match event.type_ {
        ContractEventType::System => "system",
        ContractEventType::Contract => "contract",
        ContractEventType::Diagnostic => "diagnostic",
    };
    json!({
        "type": kind,
        "ledger": toid.ledger_number(),
        "ledgerClosedAt": timestamp(closed),
        "contractId": event.contract_id.as_ref().map_or_else(String::new, ToString::to_string),
        "id": id,
        "operationIndex": 0,
        "transactionIndex": toid.transaction_place(),
        "txHash": hex::encode(hash),
        "inSuccessfulContractCall": true,
        "topic": body.topics.iter().map(base64).collect::<Vec<_>>(),
        "value": base64(&body.data),
    })
}
