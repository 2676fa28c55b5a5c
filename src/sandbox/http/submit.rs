//! Transactions come in.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use stellar_xdr::{InnerTransactionResultResult, TransactionResult, TransactionResultResult};
use url::form_urlencoded;

use super::ask::Ask;
use super::connection::Link;
use super::read::by_hash;
use super::reply::Reply;
use crate::sandbox::faults::{AnswerFault, Draw};
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::horizon::result_code::{inner_result_codes, result_codes};
use crate::sandbox::horizon::transaction::{self, Landed};
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::verdict::{self, Charged};
use crate::sandbox::node::Node;
use crate::sandbox::queue::Answer;

/// The largest body that is read, in bytes; of a larger one Horizon reads nothing at all.
const MAX_BODY_BYTES: usize = 200_000;

/// An envelope as it came and as it was understood.
struct Submission {
    text: String,
    frame: Arc<Frame>,
}

/// `POST /transactions`: waits until this Horizon has seen it land.
pub async fn post(
    State(node): State<Arc<Node>>,
    ConnectInfo(link): ConnectInfo<Link>,
    ask: Ask,
    headers: HeaderMap,
    body: Body,
) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    let text = read_tx(&ask, &headers, body).await?;
    let submission = parse(&node, text).map_err(|text| Problem::malformed(&text))?;
    supported(&submission.frame)?;
    let hash = submission.frame.hash();
    before_core(&node, &link, &submission, ask.draw)?;
    if let Some(reply) = look_up(&node, &ask, &submission) {
        return Ok(reply);
    }
    let deadline = node.deadline(hash);
    let answer = node.submit(&submission.frame, ask.draw);
    after_core(&node, &link, &submission, ask.draw, &answer)?;
    let refusal = match answer {
        Answer::Pending | Answer::Duplicate | Answer::TryAgainLater => None,
        Answer::Error(result) if result.result == TransactionResultResult::TxBadSeq => Some(result),
        Answer::Error(result) => {
            node.answered(hash);
            return Ok(refused(&submission, &result).into());
        }
    };
    let seen_by_core = node.core().ledger().sequence();
    loop {
        // Made before it is looked, so that no ledger is missed.
        let closed = node.next_close();
        if let Some(landed) = found(&node, &ask, &submission) {
            node.answered(hash);
            return Ok(match refusal {
                // Horizon looks again after tx_bad_seq, but says tx_bad_seq all the same of what has landed and failed.
                Some(result) if !landed.tx.successful => refused(&submission, &result).into(),
                Some(_) | None => landed_reply(&ask, &submission, &landed),
            });
        }
        let caught_up = node.read(ask.draw, |_, head| head >= seen_by_core);
        if let Some(result) = refusal.as_ref().filter(|_| caught_up) {
            node.answered(hash);
            return Ok(refused(&submission, result).into());
        }
        tokio::select! {
            // In this order, so that two runs of one history do the same.
            biased;
            () = closed => {}
            () = tokio::time::sleep_until(deadline) => return Ok(timeout(&submission)),
            () = node.stop.cancelled() => return Ok(Problem::service_unavailable().into()),
        }
    }
}

/// `POST /transactions_async`: says what core says, and looks nothing up.
pub async fn post_async(
    State(node): State<Arc<Node>>,
    ConnectInfo(link): ConnectInfo<Link>,
    ask: Ask,
    headers: HeaderMap,
    body: Body,
) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    let text = read_tx(&ask, &headers, body).await?;
    let submission = parse(&node, text).map_err(|text| Problem::malformed_async(&text))?;
    supported(&submission.frame)?;
    let hash = hex::encode(submission.frame.hash());
    before_core(&node, &link, &submission, ask.draw)?;
    let mut answer = node.submit(&submission.frame, ask.draw);
    if ask.draw.answer == AnswerFault::BadSequence && answer == Answer::Pending {
        answer = Answer::Error(Box::new(false_bad_sequence(&node, &submission.frame)));
    } else {
        after_core(&node, &link, &submission, ask.draw, &answer)?;
    }
    Ok(match answer {
        Answer::Pending => Reply::hal(201, json!({ "tx_status": "PENDING", "hash": hash })),
        Answer::Duplicate => Reply::hal(409, json!({ "tx_status": "DUPLICATE", "hash": hash })),
        Answer::TryAgainLater => {
            Reply::hal(503, json!({ "tx_status": "TRY_AGAIN_LATER", "hash": hash }))
        }
        Answer::Error(result) => {
            let result = BASE64.encode(verdict::to_bytes(&result));
            Reply::hal(
                400,
                json!({ "tx_status": "ERROR", "hash": hash, "error_result_xdr": result }),
            )
        }
    })
}

/// The form field `tx`, from body or query; empty when there is none, or when the body is too large.
async fn read_tx(ask: &Ask, headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if !kind.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::unsupported_media_type());
    }
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    let field = form_urlencoded::parse(&bytes)
        .find(|(name, _)| name == "tx")
        .map(|(_, value)| value.into_owned());
    let text = field
        .or_else(|| ask.parameter("tx").map(str::to_owned))
        .unwrap_or_default();
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Problem::bad_request("tx", "invalid value"));
    }
    Ok(text)
}

/// Decodes an envelope and verifies its signatures, before any lock is taken; gives the text back if it is none.
fn parse(node: &Node, text: String) -> Result<Submission, String> {
    let network_id = node.network_id();
    let frame = BASE64
        .decode(&text)
        .ok()
        .and_then(|bytes| Frame::parse(&bytes, network_id).ok());
    let Some(frame) = frame else { return Err(text) };
    frame.verify_ahead(node.keys());
    Ok(Submission {
        text,
        frame: Arc::new(frame),
    })
}

fn supported(frame: &Frame) -> Result<(), Problem> {
    frame
        .unsupported()
        .map_or(Ok(()), |what| Err(Problem::not_supported(what)))
}

/// The faults that strike before core sees the transaction; a 504 strikes here if core is not to have it.
fn before_core(node: &Node, link: &Link, submission: &Submission, draw: Draw) -> Result<(), Reply> {
    match draw.answer {
        AnswerFault::LostBefore => {
            link.cut();
            Err(Problem::service_unavailable().into())
        }
        AnswerFault::Unavailable => {
            Err(Reply::from(Problem::service_unavailable()).by_fault("answer_503; not taken"))
        }
        AnswerFault::Timeout { taken: false } => {
            node.answered(submission.frame.hash());
            Err(timeout(submission).by_fault("answer_504; not taken"))
        }
        AnswerFault::Timeout { taken: true }
        | AnswerFault::LostAfter
        | AnswerFault::BadSequence
        | AnswerFault::None => Ok(()),
    }
}

/// The faults that strike once core has answered.
fn after_core(
    node: &Node,
    link: &Link,
    submission: &Submission,
    draw: Draw,
    answer: &Answer,
) -> Result<(), Reply> {
    match draw.answer {
        AnswerFault::LostAfter => {
            link.cut();
            Err(Problem::service_unavailable().into())
        }
        AnswerFault::Timeout { .. } => {
            let taken = matches!(answer, Answer::Pending | Answer::Duplicate);
            let what = if taken {
                "answer_504; taken"
            } else {
                "answer_504; core refused it"
            };
            Err(timeout(submission).by_fault(what))
        }
        AnswerFault::BadSequence if *answer == Answer::Pending => {
            let result = false_bad_sequence(node, &submission.frame);
            Err(Reply::from(refused(submission, &result)).by_fault("late_bad_seq; taken"))
        }
        AnswerFault::BadSequence
        | AnswerFault::None
        | AnswerFault::LostBefore
        | AnswerFault::Unavailable => Ok(()),
    }
}

fn false_bad_sequence(node: &Node, frame: &Frame) -> TransactionResult {
    let fee = node.core().ledger().base_fee() * frame.operation_count();
    verdict::wrap(
        frame,
        InnerTransactionResultResult::TxBadSeq,
        Charged { fee, inner_fee: 0 },
    )
}

/// What history says of the transaction already.
fn look_up(node: &Node, ask: &Ask, submission: &Submission) -> Option<Reply> {
    found(node, ask, submission).map(|landed| landed_reply(ask, submission, &landed))
}

fn found(node: &Node, ask: &Ask, submission: &Submission) -> Option<Landed> {
    node.read(ask.draw, |ledger, head| {
        by_hash(ledger, head, &submission.frame.hash())
    })
}

fn landed_reply(ask: &Ask, submission: &Submission, landed: &Landed) -> Reply {
    let asked = submission.frame.hash();
    if landed.tx.successful {
        return Reply::text(transaction::transaction(&ask.base, landed, asked));
    }
    let result = landed.result();
    let codes = if landed.is_inner(&asked) {
        inner_result_codes(&result)
    } else {
        result_codes(&result)
    };
    Problem::failed(&submission.text, &BASE64.encode(&landed.tx.result), codes).into()
}

fn refused(submission: &Submission, result: &TransactionResult) -> Problem {
    Problem::failed(
        &submission.text,
        &BASE64.encode(verdict::to_bytes(result)),
        result_codes(result),
    )
}

fn timeout(submission: &Submission) -> Reply {
    Problem::timeout(&hex::encode(submission.frame.hash()), &submission.text).into()
}
