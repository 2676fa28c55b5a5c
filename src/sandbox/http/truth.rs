//! `GET /sandbox/truth`: everything that the ledger took, straight from the ledger, whatever faults are set.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use stellar_xdr::{
    HostFunction, MuxedAccount, Operation, OperationBody, SorobanAuthorizationEntry,
    SorobanCredentials,
};

use super::ask::Ask;
use super::reply::Reply;
use crate::sandbox::horizon::operation::kind_of;
use crate::sandbox::horizon::page::{self, PageQuery, Scope};
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::horizon::result_code::result_codes;
use crate::sandbox::horizon::transaction::Landed;
use crate::sandbox::horizon::{amount, asset_name, timestamp};
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::archive::Archived;
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::history::Toid;
use crate::sandbox::ledger::operation::participants;
use crate::sandbox::node::Node;

/// Items a page when nothing is said.
const DEFAULT_ITEMS: usize = 1000;
/// The most items a page.
const MAX_ITEMS: usize = 10_000;

/// Transactions, oldest first, failed ones included: `{items, next}`.
pub async fn get_truth(State(node): State<Arc<Node>>, ask: Ask) -> Result<Reply, Reply> {
    let limit = match ask.parameter("limit").filter(|text| !text.is_empty()) {
        None => DEFAULT_ITEMS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_ITEMS).contains(limit))
            .ok_or_else(|| Problem::bad_request("limit", "must be a number from 1 to 10000"))?,
    };
    let cursor = match ask.parameter("cursor").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(
            text.parse()
                .map(Toid)
                .map_err(|_| Problem::bad_request("cursor", "is not a number"))?,
        ),
    };
    let account = match ask.parameter("account").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| Problem::bad_request("account", "is not an account: G…"))?,
        ),
    };
    let query = PageQuery {
        cursor,
        limit: limit + 1,
        descending: false,
        include_failed: Some(true),
    };
    // Core's own head: no lag, and no draw of faults. What takes time is done without holding up the ledger.
    let (archived, kept) = {
        let core = node.core();
        let ledger = core.ledger();
        let scope = account.map_or(Scope::All, Scope::Account);
        let kept = page::transactions(ledger.history(), ledger.sequence(), scope, &query)
            .unwrap_or_default();
        let from = cursor.map_or(0, Toid::ledger_number);
        (ledger.history().archive_from(from).to_vec(), kept)
    };
    let found: Vec<Landed> = archived
        .iter()
        .flat_map(|old| forgotten(old, account))
        .filter(|landed| query.after_cursor(landed.tx.toid))
        .chain(kept)
        .take(query.limit)
        .collect();
    let next = found
        .get(limit)
        .and(found.get(limit - 1))
        .map(|last| last.tx.toid.0.to_string());
    let items: Vec<_> = found.iter().take(limit).map(item).collect();
    Ok(Reply::ok(json!({ "items": items, "next": next })))
}

/// The transactions of a ledger that history has forgotten; of one account: those that name it, as itself or in an operation.
fn forgotten(old: &Archived, account: Option<AccountKey>) -> impl Iterator<Item = Landed> + '_ {
    let names = move |landed: &Landed, account: AccountKey| {
        // Most envelopes need not be read to see that they do not name it.
        let here = |bytes: &[u8]| bytes.windows(32).any(|window| window == account.0);
        here(&landed.tx.envelope) && {
            let frame = landed.frame();
            frame.source() == account
                || frame.fee_source() == account
                || frame
                    .operations()
                    .iter()
                    .any(|op| participants(op, frame.operation_source(op)).contains(&account))
        }
    };
    let landed = |tx| Landed {
        tx: Arc::new(tx),
        close_time: old.close_time(),
    };
    old.transactions()
        .map(landed)
        .filter(move |landed| account.is_none_or(|account| names(landed, account)))
}

fn item(landed: &Landed) -> Value {
    let frame = landed.frame();
    let tx = &landed.tx;
    json!({
        "hash": hex::encode(tx.hash),
        "inner_hash": tx.inner_hash.map(hex::encode),
        "ledger": tx.toid.ledger_number(),
        "closed_at": timestamp(landed.close_time),
        "tag": tag(&frame).map(|tag| tag.to_string()),
        "source_account": frame.source().to_string(),
        "sequence": frame.sequence().to_string(),
        "fee_account": frame.fee_source().to_string(),
        "fee_charged": tx.fee_charged.to_string(),
        "successful": tx.successful,
        "result_codes": result_codes(&landed.result()),
        "operations": frame.operations().iter().map(|op| operation(op, &frame)).collect::<Vec<_>>(),
        "return_value": tx.effects.as_ref().map(|effects| json!(effects.return_value)),
        "paging_token": tx.toid.0.to_string(),
    })
}

/// The id in the transaction's muxed source, or else in its muxed fee source, or else the first nonce of a call's authorisation.
fn tag(frame: &Frame) -> Option<u64> {
    let id = |address: &MuxedAccount| match address {
        MuxedAccount::MuxedEd25519(muxed) => Some(muxed.id),
        MuxedAccount::Ed25519(_) => None,
    };
    id(&frame.tx().source_account)
        .or_else(|| id(frame.fee_address()))
        .or_else(|| {
            let all = frame.operations().iter().flat_map(|op| nonces(&op.body));
            let mut all = all.map(|(_, nonce)| nonce);
            all.next().and_then(|nonce| u64::try_from(nonce).ok())
        })
}

/// The addresses that authorise a call by signature, with their nonces.
fn nonces(body: &OperationBody) -> Vec<(String, i64)> {
    let OperationBody::InvokeHostFunction(op) = body else {
        return Vec::new();
    };
    let of = |entry: &SorobanAuthorizationEntry| match &entry.credentials {
        SorobanCredentials::SourceAccount => None,
        SorobanCredentials::Address(signed) | SorobanCredentials::AddressV2(signed) => {
            Some((signed.address.to_string(), signed.nonce))
        }
        SorobanCredentials::AddressWithDelegates(signed) => {
            let signed = &signed.address_credentials;
            Some((signed.address.to_string(), signed.nonce))
        }
    };
    op.auth.iter().filter_map(of).collect()
}

/// Type, source, and where there are any destination, asset and amount; for other types the XDR as JSON too.
fn operation(op: &Operation, frame: &Frame) -> Value {
    let (destination, asset, stroops) = match &op.body {
        OperationBody::Payment(op) => (
            Some(op.destination.to_string()),
            Some(&op.asset),
            Some(op.amount),
        ),
        OperationBody::PathPaymentStrictReceive(op) => (
            Some(op.destination.to_string()),
            Some(&op.dest_asset),
            Some(op.dest_amount),
        ),
        OperationBody::PathPaymentStrictSend(op) => (
            Some(op.destination.to_string()),
            Some(&op.send_asset),
            Some(op.send_amount),
        ),
        OperationBody::CreateAccount(op) => (
            Some(op.destination.to_string()),
            Some(&stellar_xdr::Asset::Native),
            Some(op.starting_balance),
        ),
        OperationBody::CreateClaimableBalance(op) => (None, Some(&op.asset), Some(op.amount)),
        OperationBody::Clawback(op) => (None, Some(&op.asset), Some(op.amount)),
        OperationBody::AccountMerge(to) => (Some(to.to_string()), None, None),
        _ => (None, None, None),
    };
    let plain = matches!(
        op.body,
        OperationBody::Payment(_) | OperationBody::CreateAccount(_)
    );
    let body = if plain {
        Value::Null
    } else {
        serde_json::to_value(&op.body).unwrap_or(Value::Null)
    };
    let mut item = json!({
        "type": kind_of(&op.body).0,
        "source": frame.operation_source(op).to_string(),
        "destination": destination,
        "asset": asset.map(asset_name),
        "amount": stroops.map(amount),
    });
    if !body.is_null() {
        item["body"] = body;
    }
    if let OperationBody::InvokeHostFunction(call) = &op.body {
        if let HostFunction::InvokeContract(call) = &call.host_function {
            item["contract"] = call.contract_address.to_string().into();
            item["function"] = call.function_name.0.to_utf8_string_lossy().into();
        }
        let nonces = nonces(&op.body).into_iter();
        item["nonces"] = nonces
            .map(|(address, nonce)| json!({ "address": address, "nonce": nonce.to_string() }))
            .collect();
    }
    item
}
