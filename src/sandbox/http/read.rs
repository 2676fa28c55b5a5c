//! Single resources.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::ask::{Ask, account_key, ledger_number, transaction_hash};
use super::reply::Reply;
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::horizon::transaction::Landed;
use crate::sandbox::horizon::{account, fee_stats, ledger, operation, page, root, transaction};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::account::{Account, AccountKey};
use crate::sandbox::ledger::history::Toid;
use crate::sandbox::node::Node;

type Shared = State<Arc<Node>>;

/// `GET /`
pub async fn get_root(State(node): Shared, ask: Ask) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    Ok(Reply::text(node.read(ask.draw, |ledger, head| {
        root::root(&ask.base, ledger, head)
    })))
}

/// `GET /health`
pub async fn get_health() -> Response {
    let body = json!({ "database_connected": true, "core_up": true, "core_synced": true });
    (
        [(CONTENT_TYPE, "text/plain; charset=utf-8")],
        body.to_string(),
    )
        .into_response()
}

/// `GET /fee_stats`
pub async fn get_fee_stats(State(node): Shared, ask: Ask) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    let stats = node.read(ask.draw, |ledger, head| {
        fee_stats::fee_stats(ledger.history(), head)
    });
    Ok(stats.ok_or_else(Problem::not_found).into())
}

/// `GET /accounts/{id}`
pub async fn get_account(
    State(node): Shared,
    ask: Ask,
    Path(id): Path<String>,
) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    let (head, key, found) = state_of(&node, &ask, &id)?;
    Ok(Reply::ok(account::account(&ask.base, key, &found)).after_ledger(head))
}

/// `GET /accounts/{id}/data/{name}`
pub async fn get_data(
    State(node): Shared,
    ask: Ask,
    Path((id, name)): Path<(String, String)>,
) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    let (head, _, found) = state_of(&node, &ask, &id)?;
    let value = found.data.get(name.as_bytes());
    let reply = value
        .map(|value| json!({ "value": BASE64.encode(value) }))
        .ok_or_else(Problem::not_found);
    Ok(Reply::from(reply).after_ledger(head))
}

/// An account after exactly the ledger that this Horizon has reached.
fn state_of(node: &Node, ask: &Ask, id: &str) -> Result<(u32, AccountKey, Arc<Account>), Reply> {
    let key = account_key(id);
    let (head, found) = node.read(ask.draw, |ledger, head| {
        (
            head,
            key.as_ref()
                .ok()
                .and_then(|key| ledger.state().account_at(*key, head)),
        )
    });
    if head == 0 {
        return Err(Problem::still_ingesting().into());
    }
    let as_of = |problem| Reply::from(problem).after_ledger(head);
    let key = key.map_err(as_of)?;
    Ok((head, key, found.ok_or_else(|| as_of(Problem::not_found()))?))
}

/// `GET /ledgers/{number}`
pub async fn get_ledger(
    State(node): Shared,
    ask: Ask,
    Path(number): Path<String>,
) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    let number = ledger_number(&number)?;
    let found = node.read(ask.draw, |ledger, head| {
        fresh(&node, ledger, head)?;
        known(ledger, head, number)?;
        let record = ledger
            .history()
            .ledger(number)
            .ok_or_else(Problem::not_found)?;
        Ok(ledger::ledger(&ask.base, record))
    });
    Ok(found.into())
}

/// `GET /transactions/{hash}`
pub async fn get_transaction(
    State(node): Shared,
    ask: Ask,
    Path(hash): Path<String>,
) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    let hash = transaction_hash(&hash)?;
    let found = node.read(ask.draw, |ledger, head| {
        fresh(&node, ledger, head)?;
        Ok::<_, Problem>(by_hash(ledger, head, &hash))
    })?;
    let landed = found.ok_or_else(Problem::not_found)?;
    Ok(Reply::text(transaction::transaction(
        &ask.base, &landed, hash,
    )))
}

/// `GET /operations/{id}`
pub async fn get_operation(
    State(node): Shared,
    ask: Ask,
    Path(id): Path<String>,
) -> Result<Reply, Reply> {
    ask.refuse_events()?;
    let id = id
        .parse()
        .map(Toid)
        .map_err(|_| Problem::bad_request("id", "Operation ID must be an integer"))?;
    let found = node.read(ask.draw, |ledger, head| {
        fresh(&node, ledger, head)?;
        let found = page::landed(ledger.history(), id).filter(|_| id.ledger_number() <= head);
        Ok::<_, Problem>(found)
    })?;
    let found = found.and_then(|landed| {
        operation::operation(&ask.base, &landed, &landed.frame(), id.operation_place())
    });
    Ok(found.ok_or_else(Problem::not_found).into())
}

/// A transaction by either of its hashes, if this Horizon has reached its ledger.
pub fn by_hash(ledger: &Ledger, head: u32, hash: &[u8; 32]) -> Option<Landed> {
    let tx = ledger.history().by_hash(hash)?;
    page::landed(ledger.history(), tx.toid).filter(|landed| landed.tx.toid.ledger_number() <= head)
}

/// Whether this Horizon has a ledger: not yet is 404, not any more is 410.
pub fn known(ledger: &Ledger, head: u32, number: u32) -> Result<(), Problem> {
    if number > head {
        return Err(Problem::not_found());
    }
    if number < ledger.history().elder() {
        return Err(Problem::before_history());
    }
    Ok(())
}

/// Refuses history that is further behind core than this Horizon is told to bear.
pub fn fresh(node: &Node, ledger: &Ledger, head: u32) -> Result<(), Problem> {
    let bearable = node.config().history_stale_threshold;
    if bearable > 0 && ledger.sequence().saturating_sub(head) > bearable {
        return Err(Problem::stale_history(head, ledger.sequence()));
    }
    Ok(())
}
