//! Horizon's routes, Stellar RPC's, and the sandbox's own.

mod ask;
pub mod connection;
#[cfg(feature = "contracts")]
mod contract;
mod control;
mod event;
mod guard;
mod list;
mod read;
mod reply;
#[cfg(feature = "contracts")]
mod rpc;
mod submit;
mod truth;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

use super::horizon::problem::Problem;
use super::node::Node;
use reply::Reply;

/// Every route there is.
pub fn router(node: Arc<Node>) -> Router {
    let horizon = Router::new()
        .route("/", get(read::get_root))
        .route("/health", get(read::get_health))
        .route("/fee_stats", get(read::get_fee_stats))
        .route("/accounts/{id}", get(read::get_account))
        .route("/accounts/{id}/data/{name}", get(read::get_data))
        .route(
            "/accounts/{id}/transactions",
            get(list::account_transactions),
        )
        .route("/accounts/{id}/operations", get(list::account_operations))
        .route("/accounts/{id}/payments", get(list::account_payments))
        .route("/ledgers", get(list::ledgers))
        .route("/ledgers/{number}", get(read::get_ledger))
        .route(
            "/ledgers/{number}/transactions",
            get(list::ledger_transactions),
        )
        .route("/ledgers/{number}/operations", get(list::ledger_operations))
        .route("/ledgers/{number}/payments", get(list::ledger_payments))
        .route("/transactions", get(list::transactions).post(submit::post))
        .route("/transactions_async", post(submit::post_async))
        .route("/transactions/{hash}", get(read::get_transaction))
        .route(
            "/transactions/{hash}/operations",
            get(list::transaction_operations),
        )
        .route(
            "/transactions/{hash}/payments",
            get(list::transaction_payments),
        )
        .route("/operations", get(list::operations))
        .route("/operations/{id}", get(read::get_operation))
        .route("/payments", get(list::payments))
        .merge(rpc_routes())
        .fallback(|| async { Reply::from(Problem::not_found()) })
        .layer(from_fn_with_state(Arc::clone(&node), guard::guard));
    let controls = Router::new()
        .route("/faults", get(control::get_faults).put(control::put_faults))
        .route("/ledger", put(control::put_ledger).get(control::get_ledger))
        .route("/close", post(control::post_close))
        .route("/reset", post(control::post_reset))
        .route("/truth", get(truth::get_truth))
        .merge(contract_controls())
        .layer(from_fn(control::loopback_only));
    horizon
        .route(
            "/friendbot",
            get(control::get_friendbot).post(control::get_friendbot),
        )
        .nest("/sandbox", controls)
        .with_state(node)
}

#[cfg(feature = "contracts")]
fn rpc_routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/rpc", post(rpc::post))
        .route("/soroban/rpc", post(rpc::post))
}

#[cfg(not(feature = "contracts"))]
fn rpc_routes() -> Router<Arc<Node>> {
    Router::new()
}

#[cfg(feature = "contracts")]
fn contract_controls() -> Router<Arc<Node>> {
    Router::new()
        .route("/contract", get(contract::look).post(contract::deploy))
        .route("/contract/archive", post(contract::archive))
}

#[cfg(not(feature = "contracts"))]
fn contract_controls() -> Router<Arc<Node>> {
    Router::new()
}
