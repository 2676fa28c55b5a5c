//! Stellar RPC on the sandbox's port: `POST /rpc`.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stellar_xdr::{
    InnerTransactionResultResult as Inner, TransactionResult, TransactionResultResult as Outer,
};

use super::ask::Ask;
use super::connection::Link;
use crate::sandbox::faults::{AnswerFault, Draw};
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::soroban::storage;
use crate::sandbox::ledger::verdict::{self, Charged};
use crate::sandbox::node::Node;
use crate::sandbox::queue::Answer;
use crate::sandbox::rpc::transaction::{self, Form};
use crate::sandbox::rpc::{Failure, entries, event, info, latest, simulate};

/// The largest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 512 << 10;

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

/// What becomes of a call.
enum Reply {
    /// It is answered.
    Answer(Result<Value, Failure>),
    /// Something in between answers instead.
    Status(StatusCode),
}

/// `POST /rpc`
pub async fn post(
    State(node): State<Arc<Node>>,
    ConnectInfo(link): ConnectInfo<Link>,
    ask: Ask,
    body: Body,
) -> Response {
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    let request: Request = match serde_json::from_slice(&bytes) {
        Ok(request) => request,
        Err(error) => {
            return written(
                &Value::Null,
                Err(Failure::parse(format!("Parse error: {error}"))),
            );
        }
    };
    let reply = if request.method == "sendTransaction" {
        send(&node, &link, ask.draw, &request.params)
    } else {
        match ask.draw.answer {
            AnswerFault::LostBefore | AnswerFault::LostAfter => {
                link.cut();
                Reply::Status(StatusCode::SERVICE_UNAVAILABLE)
            }
            AnswerFault::Unavailable => Reply::Status(StatusCode::SERVICE_UNAVAILABLE),
            AnswerFault::Timeout { .. } => Reply::Status(StatusCode::GATEWAY_TIMEOUT),
            AnswerFault::None | AnswerFault::BadSequence => {
                Reply::Answer(read(&node, ask.draw, &request).await)
            }
        }
    };
    match reply {
        Reply::Answer(result) => written(&request.id, result),
        Reply::Status(status) => {
            (status, status.canonical_reason().unwrap_or_default()).into_response()
        }
    }
}

fn written(id: &Value, result: Result<Value, Failure>) -> Response {
    let body = match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(failure) => json!({ "jsonrpc": "2.0", "id": id, "error": failure.json() }),
    };
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn read(node: &Arc<Node>, draw: Draw, request: &Request) -> Result<Value, Failure> {
    let params = &request.params;
    match request.method.as_str() {
        "getHealth" => node.read(draw, info::health),
        "getNetwork" => Ok(node.read(draw, |ledger, _| info::network(ledger.passphrase()))),
        "getLatestLedger" => node.read(draw, info::latest_ledger),
        "getVersionInfo" => Ok(info::version()),
        "getFeeStats" => node.read(draw, info::fee_stats),
        "getLedgerEntries" => {
            let keys = entries::keys(params)?;
            node.read(draw, |ledger, head| entries::entries(ledger, head, &keys))
        }
        "getTransaction" => {
            let (form, hash) = (Form::of(params)?, transaction::hash(params)?);
            node.read(draw, |ledger, head| {
                transaction::by_hash(ledger, head, hash, form)
            })
        }
        "getTransactions" => {
            node.read(draw, |ledger, head| transaction::page(ledger, head, params))
        }
        "getEvents" => node.read(draw, |ledger, head| event::events(ledger, head, params)),
        "simulateTransaction" => simulation(node, draw, params).await,
        unknown => Err(Failure::method(unknown)),
    }
}

/// Reads the parameter `transaction`, and verifies its signatures.
fn frame_of(node: &Node, params: &Value) -> Option<Frame> {
    let text = params["transaction"].as_str()?;
    let bytes = BASE64.decode(text).ok()?;
    Frame::parse(&bytes, node.network_id()).ok()
}

/// Simulates outside the ledger's lock, and not on the thread that serves requests.
async fn simulation(node: &Arc<Node>, draw: Draw, params: &Value) -> Result<Value, Failure> {
    let Some(frame) = frame_of(node, params) else {
        return Ok(simulate::refused("Could not unmarshal transaction"));
    };
    let Some(mode) = simulate::auth_mode(params) else {
        return Err(Failure::parameter("authMode is not known"));
    };
    let now = node.clock().now();
    let (head, simulator) = node.read(draw, |ledger, head| {
        let (head, closed) = latest(ledger, head)?;
        let reserve = ledger.state().base_reserve();
        let simulator = ledger.engine().simulator(head, now.max(closed), reserve);
        Ok::<_, Failure>((head, simulator))
    })?;
    let reading = Arc::clone(node);
    let read = move |key: &stellar_xdr::LedgerKey| {
        let core = reading.core();
        let ledger = core.ledger();
        storage::read(ledger.state(), ledger.engine().settings(), key, Some(head))
    };
    let seed: [u8; 32] = Sha256::new()
        .chain_update(frame.hash())
        .chain_update(node.next_simulation().to_be_bytes())
        .finalize()
        .into();
    let simulating = tokio::task::spawn_blocking(move || {
        let simulated = simulator.simulate(&frame, mode, seed, read);
        simulate::answer(&simulated, head)
    });
    simulating
        .await
        .map_err(|_| Failure::request("the simulation did not end"))
}

/// `sendTransaction`: says what core says, and does not wait for a ledger.
fn send(node: &Arc<Node>, link: &Link, draw: Draw, params: &Value) -> Reply {
    let form = match Form::of(params) {
        Ok(form) => form,
        Err(failure) => return Reply::Answer(Err(failure)),
    };
    let Some(frame) = frame_of(node, params) else {
        return Reply::Answer(Err(Failure::parameter("invalid_xdr")));
    };
    if let Some(what) = frame.unsupported() {
        let refusal = format!("the sandbox does not support {what}");
        return Reply::Answer(Err(Failure::request(refusal)));
    }
    match draw.answer {
        AnswerFault::LostBefore => {
            link.cut();
            return Reply::Status(StatusCode::SERVICE_UNAVAILABLE);
        }
        AnswerFault::Unavailable => return Reply::Status(StatusCode::SERVICE_UNAVAILABLE),
        AnswerFault::Timeout { taken: false } => {
            return Reply::Status(StatusCode::GATEWAY_TIMEOUT);
        }
        AnswerFault::Timeout { taken: true }
        | AnswerFault::LostAfter
        | AnswerFault::BadSequence
        | AnswerFault::None => {}
    }
    frame.verify_ahead(node.keys());
    let frame = Arc::new(frame);
    let mut answer = node.submit(&frame, draw);
    match draw.answer {
        AnswerFault::LostAfter => {
            link.cut();
            return Reply::Status(StatusCode::SERVICE_UNAVAILABLE);
        }
        AnswerFault::Timeout { .. } => return Reply::Status(StatusCode::GATEWAY_TIMEOUT),
        AnswerFault::BadSequence if answer == Answer::Pending => {
            answer = Answer::Error(Box::new(bad_sequence(node, &frame)));
        }
        AnswerFault::BadSequence
        | AnswerFault::None
        | AnswerFault::LostBefore
        | AnswerFault::Unavailable => {}
    }
    Reply::Answer(node.read(draw, |ledger, head| {
        let (head, closed) = latest(ledger, head)?;
        let mut told = Map::new();
        let status = match &answer {
            Answer::Pending => "PENDING",
            Answer::Duplicate => "DUPLICATE",
            Answer::TryAgainLater => "TRY_AGAIN_LATER",
            Answer::Error(result) => {
                form.put(&mut told, "errorResult", &**result);
                if is_invalid(result)
                    && let Some(reason) = ledger.engine().reason(&frame)
                {
                    told.insert(
                        format!("diagnosticEvents{}", form.ending()),
                        form.list(&[reason]),
                    );
                }
                "ERROR"
            }
        };
        told.insert("status".to_owned(), status.into());
        told.insert("hash".to_owned(), hex::encode(frame.hash()).into());
        told.insert("latestLedger".to_owned(), head.into());
        told.insert(
            "latestLedgerCloseTime".to_owned(),
            closed.to_string().into(),
        );
        Ok(told.into())
    }))
}

fn is_invalid(result: &TransactionResult) -> bool {
    match &result.result {
        Outer::TxSorobanInvalid => true,
        Outer::TxFeeBumpInnerFailed(pair) => pair.result.result == Inner::TxSorobanInvalid,
        _ => false,
    }
}

fn bad_sequence(node: &Node, frame: &Frame) -> TransactionResult {
    let fee = node.core().ledger().base_fee() * frame.operation_count() + frame.resource_fee();
    verdict::wrap(frame, Inner::TxBadSeq, Charged { fee, inner_fee: 0 })
}
