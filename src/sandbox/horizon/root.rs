//! What `GET /` says.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{link, template, timestamp};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::genesis::PROTOCOL_VERSION;

/// What this sandbox calls its Horizon and its core.
const VERSION: &str = concat!("stellar-submitter-sandbox-", env!("CARGO_PKG_VERSION"));

#[derive(Serialize)]
struct Root<'a> {
    #[serde(rename = "_links")]
    links: &'a RawValue,
    horizon_version: &'a str,
    core_version: &'a str,
    ingest_latest_ledger: u32,
    history_latest_ledger: u32,
    history_latest_ledger_closed_at: String,
    history_elder_ledger: u32,
    core_latest_ledger: u32,
    network_passphrase: &'a str,
    current_protocol_version: u32,
    supported_protocol_version: u32,
    core_supported_protocol_version: u32,
}

/// The state of this Horizon as of its head (0: nothing ingested) and of its core, as JSON.
pub fn root(base: &str, ledger: &Ledger, head: u32) -> String {
    let closed_at = ledger
        .history()
        .ledger(head)
        .map(|record| timestamp(record.close_time));
    let elder = if head == 0 {
        0
    } else {
        ledger.history().elder()
    };
    let root = Root {
        links: &links_text(base),
        horizon_version: VERSION,
        core_version: VERSION,
        ingest_latest_ledger: head,
        history_latest_ledger: head,
        history_latest_ledger_closed_at: closed_at
            .unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned()),
        history_elder_ledger: elder,
        core_latest_ledger: ledger.sequence(),
        network_passphrase: ledger.passphrase(),
        current_protocol_version: PROTOCOL_VERSION,
        supported_protocol_version: PROTOCOL_VERSION,
        core_supported_protocol_version: PROTOCOL_VERSION,
    };
    serde_json::to_string(&root).expect("names are strings")
}

/// The links as text: everybody asks for the root all the time, and they are most of it.
fn links_text(base: &str) -> Arc<RawValue> {
    static LAST: Mutex<Option<(String, Arc<RawValue>)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    match &*last {
        Some((of, text)) if of == base => Arc::clone(text),
        _ => {
            let text = serde_json::value::to_raw_value(&links(base)).expect("names are strings");
            let text: Arc<RawValue> = Arc::from(text);
            *last = Some((base.to_owned(), Arc::clone(&text)));
            text
        }
    }
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
