//! What `GET /` says.

use serde_json::{Value, json};

use super::{link, template, timestamp};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::genesis::PROTOCOL_VERSION;

/// The state of this Horizon as of its head (0: nothing ingested) and of its core.
pub fn root(base: &str, ledger: &Ledger, head: u32) -> Value {
    let closed_at = ledger
        .history()
        .ledger(head)
        .map(|record| timestamp(record.close_time));
    let elder = if head == 0 {
        0
    } else {
        ledger.history().elder()
    };
    json!({
        "_links": links(base),
        "horizon_version": concat!("stellar-submitter-sandbox-", env!("CARGO_PKG_VERSION")),
        "core_version": concat!("stellar-submitter-sandbox-", env!("CARGO_PKG_VERSION")),
        "ingest_latest_ledger": head,
        "history_latest_ledger": head,
        "history_latest_ledger_closed_at": closed_at.unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned()),
        "history_elder_ledger": elder,
        "core_latest_ledger": ledger.sequence(),
        "network_passphrase": ledger.passphrase(),
        "current_protocol_version": PROTOCOL_VERSION,
        "supported_protocol_version": PROTOCOL_VERSION,
        "core_supported_protocol_version": PROTOCOL_VERSION,
    })
}

fn links(base: &str) -> Value {
    let to = |path: &str| template(format!("{base}/{path}"));
    json!({
        "account": to("accounts/{account_id}"),
        "accounts": to("accounts{?signer,sponsor,asset,liquidity_pool,cursor,limit,order}"),
        "account_transactions": to("accounts/{account_id}/transactions{?cursor,limit,order}"),
        "claimable_balances": to("claimable_balances{?asset,sponsor,claimant,cursor,limit,order}"),
        "assets": to("assets{?asset_code,asset_issuer,cursor,limit,order}"),
        "effects": to("effects{?cursor,limit,order}"),
        "fee_stats": link(format!("{base}/fee_stats")),
        "friendbot": to("friendbot{?addr}"),
        "ledger": to("ledgers/{sequence}"),
        "ledgers": to("ledgers{?cursor,limit,order}"),
        "liquidity_pools": to("liquidity_pools{?reserves,account,cursor,limit,order}"),
        "offer": to("offers/{offer_id}"),
        "offers": to("offers{?selling,buying,seller,sponsor,cursor,limit,order}"),
        "operation": to("operations/{id}"),
        "operations": to("operations{?cursor,limit,order,include_failed}"),
        "order_book": to(
            "order_book{?selling_asset_type,selling_asset_code,selling_asset_issuer,buying_asset_type,\
             buying_asset_code,buying_asset_issuer,limit}"
        ),
        "payments": to("payments{?cursor,limit,order,include_failed}"),
        "self": link(format!("{base}/")),
        "strict_receive_paths": to(
            "paths/strict-receive{?source_assets,source_account,destination_account,destination_asset_type,\
             destination_asset_issuer,destination_asset_code,destination_amount}"
        ),
        "strict_send_paths": to(
            "paths/strict-send{?destination_account,destination_assets,source_asset_type,source_asset_issuer,\
             source_asset_code,source_amount}"
        ),
        "trade_aggregations": to(
            "trade_aggregations?base_asset_type={base_asset_type}&base_asset_code={base_asset_code}\
             &base_asset_issuer={base_asset_issuer}&counter_asset_type={counter_asset_type}\
             &counter_asset_code={counter_asset_code}&counter_asset_issuer={counter_asset_issuer}"
        ),
        "trades": to(
            "trades?base_asset_type={base_asset_type}&base_asset_code={base_asset_code}\
             &base_asset_issuer={base_asset_issuer}&counter_asset_type={counter_asset_type}\
             &counter_asset_code={counter_asset_code}&counter_asset_issuer={counter_asset_issuer}"
        ),
        "transaction": to("transactions/{hash}"),
        "transactions": to("transactions{?cursor,limit,order}"),
    })
}
