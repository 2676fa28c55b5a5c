//! The controls under `/sandbox`, for users' own tests; from this machine only.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ask::Ask;
use super::connection::Link;
use super::reply::Reply;
use crate::sandbox::config::Pace;
use crate::sandbox::faults::Faults;
use crate::sandbox::friendbot;
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::horizon::transaction;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::node::Node;

/// The largest body of a control, in bytes.
const MAX_CONTROL_BYTES: usize = 64 << 10;
/// The most ledgers closed by one request.
const MAX_CLOSE_COUNT: u32 = 10_000;
/// The largest base fee, in stroops: it is 32 bits in the ledger's header.
const MAX_BASE_FEE_STROOPS: i64 = u32::MAX as i64;

type Shared = State<Arc<Node>>;

/// Lets only this machine through.
pub async fn loopback_only(
    ConnectInfo(link): ConnectInfo<Link>,
    request: Request,
    next: Next,
) -> Response {
    if !link.peer.ip().to_canonical().is_loopback() {
        return (
            StatusCode::FORBIDDEN,
            "the sandbox's controls are for this machine only\n",
        )
            .into_response();
    }
    next.run(request).await
}

/// `GET /sandbox/faults`
pub async fn get_faults(State(node): Shared) -> Reply {
    Reply::ok(json!(node.faults()))
}

/// `PUT /sandbox/faults`: what is left out is off.
pub async fn put_faults(State(node): Shared, body: Body) -> Result<Reply, Reply> {
    let faults: Faults = read(body).await?;
    faults
        .validate()
        .map_err(|error| Problem::bad_request(&error.field, &error.reason))?;
    node.set_faults(faults);
    Ok(get_faults(State(node)).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerChange {
    seconds: Option<Seconds>,
    manual: Option<bool>,
    max_tx_set_size: Option<u32>,
    base_fee: Option<i64>,
    stalled: Option<bool>,
    #[cfg(feature = "contracts")]
    max_contract_transactions: Option<u32>,
    #[cfg(feature = "contracts")]
    restore_preamble: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Word(String),
}

/// `GET /sandbox/ledger`
pub async fn get_ledger(State(node): Shared) -> Reply {
    let rhythm = *node.rhythm().borrow();
    let core = node.core();
    let ledger = core.ledger();
    let seconds = match rhythm.pace {
        Pace::Every(interval) => json!(interval.as_secs_f64()),
        Pace::Manual => json!("manual"),
    };
    #[cfg_attr(
        not(feature = "contracts"),
        expect(unused_mut, reason = "nothing is added without contracts")
    )]
    let mut told = json!({
        "seconds": seconds,
        "max_tx_set_size": ledger.max_tx_set_size(),
        "base_fee": ledger.base_fee(),
        "stalled": rhythm.stalled,
        "ledger": ledger.sequence(),
        "queued": core.queued(),
    });
    #[cfg(feature = "contracts")]
    {
        told["max_contract_transactions"] = ledger.engine().max_transactions().into();
        told["restore_preamble"] = ledger.engine().restores_before().into();
    }
    Reply::ok(told)
}

/// `PUT /sandbox/ledger`: what is left out stays as it is.
pub async fn put_ledger(State(node): Shared, body: Body) -> Result<Reply, Reply> {
    let change: LedgerChange = read(body).await?;
    let pace = wanted_pace(&change)?;
    if change.max_tx_set_size == Some(0) {
        return Err(Problem::bad_request("max_tx_set_size", "must be at least 1 operation").into());
    }
    if change
        .base_fee
        .is_some_and(|fee| !(1..=MAX_BASE_FEE_STROOPS).contains(&fee))
    {
        return Err(
            Problem::bad_request("base_fee", "must be from 1 to 4294967295 stroops").into(),
        );
    }
    #[cfg(feature = "contracts")]
    if let Some(count) = change.max_contract_transactions {
        if count == 0 {
            return Err(Problem::bad_request(
                "max_contract_transactions",
                "must be at least 1 transaction",
            )
            .into());
        }
        node.core()
            .ledger_mut()
            .set_up(|engine, _| engine.set_max_transactions(count));
    }
    #[cfg(feature = "contracts")]
    if let Some(before) = change.restore_preamble {
        node.core()
            .ledger_mut()
            .set_up(|engine, _| engine.set_restores_before(before));
    }
    set_ledger(&node, change.max_tx_set_size, change.base_fee);
    node.set_rhythm(|rhythm| {
        rhythm.pace = pace.unwrap_or(rhythm.pace);
        rhythm.stalled = change.stalled.unwrap_or(rhythm.stalled);
    });
    Ok(get_ledger(State(node)).await)
}

fn set_ledger(node: &Node, max_tx_set_size: Option<u32>, base_fee: Option<i64>) {
    let mut core = node.core();
    if let Some(operations) = max_tx_set_size {
        core.ledger_mut().set_max_tx_set_size(operations);
    }
    if let Some(stroops) = base_fee {
        core.ledger_mut().set_base_fee(stroops);
    }
}

fn wanted_pace(change: &LedgerChange) -> Result<Option<Pace>, Problem> {
    let wrong = |error: crate::sandbox::config::PaceError| {
        Problem::bad_request("seconds", &error.to_string())
    };
    match (&change.seconds, change.manual) {
        (None, None | Some(false)) => Ok(None),
        (None, Some(true)) => Ok(Some(Pace::Manual)),
        (Some(_), Some(true)) => Err(Problem::bad_request("manual", "either seconds or manual")),
        (Some(Seconds::Number(seconds)), _) => {
            Pace::from_seconds(*seconds).map(Some).map_err(wrong)
        }
        (Some(Seconds::Word(word)), _) => word.parse().map(Some).map_err(wrong),
    }
}

/// `POST /sandbox/close?count=N`
pub async fn post_close(State(node): Shared, ask: Ask) -> Result<Reply, Reply> {
    let count = match ask.parameter("count") {
        None => Some(1),
        Some(text) => text
            .parse()
            .ok()
            .filter(|count| (1..=MAX_CLOSE_COUNT).contains(count)),
    };
    let Some(count) = count else {
        return Err(
            Problem::bad_request("count", "must be a number of ledgers from 1 to 10000").into(),
        );
    };
    let closing = Arc::clone(&node);
    let closed = tokio::task::spawn_blocking(move || closing.close(count)).await;
    let ledger = closed.map_err(|_| Problem::service_unavailable())?;
    Ok(Reply::ok(json!({ "ledger": ledger, "closed": count })))
}

/// `POST /sandbox/reset`: same passphrase, new chain.
pub async fn post_reset(State(node): Shared) -> Reply {
    let ledger = node.reset();
    Reply::ok(json!({ "ledger": ledger }))
}

/// `GET` or `POST /friendbot?addr=G…`
pub async fn get_friendbot(State(node): Shared, ask: Ask) -> Result<Reply, Reply> {
    let account: AccountKey = ask
        .parameter("addr")
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            Problem::bad_request(
                "addr",
                "must be an account: G and 55 more letters and digits",
            )
        })?;
    let (answer, answered) = tokio::sync::oneshot::channel();
    let sent = node.friendbot.try_send(friendbot::Ask { account, answer });
    sent.map_err(|_| Problem::service_unavailable())?;
    let landed = match answered.await {
        Ok(Ok(landed)) => landed,
        Ok(Err(refusal)) => return Err(Problem::bad_request("addr", &refusal.to_string()).into()),
        Err(_) => return Err(Problem::service_unavailable().into()),
    };
    Ok(Reply::text(transaction::transaction(
        &ask.base,
        &landed,
        landed.tx.hash,
    )))
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let bytes = to_bytes(body, MAX_CONTROL_BYTES).await.map_err(|_| {
        Problem::bad_request("body", "cannot be read, or is larger than 65536 bytes")
    })?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::bad_request("body", &format!("is not JSON: {error}")))?;
    if !value.is_object() {
        return Err(Problem::bad_request("body", "must be an object"));
    }
    serde_json::from_value(value).map_err(|error| Problem::bad_request("body", &error.to_string()))
}
