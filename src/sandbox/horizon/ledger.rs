//! The ledger resource.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{amount, link, template, timestamp};
use crate::sandbox::ledger::history::{LedgerRecord, Toid};

/// A closed ledger; `base` is where this Horizon answers.
pub fn ledger(base: &str, record: &LedgerRecord) -> Value {
    let own = format!("{base}/ledgers/{}", record.sequence);
    let list = |name: &str| template(format!("{own}/{name}{{?cursor,limit,order}}"));
    let hash = hex::encode(record.hash);
    json!({
        "_links": {
            "self": link(own.clone()),
            "transactions": list("transactions"),
            "operations": list("operations"),
            "payments": list("payments"),
            "effects": list("effects"),
        },
        "id": hash,
        "paging_token": Toid::ledger(record.sequence).0.to_string(),
        "hash": hash,
        "prev_hash": hex::encode(record.previous_hash),
        "sequence": record.sequence,
        "successful_transaction_count": record.successful,
        "failed_transaction_count": record.failed,
        "operation_count": record.operations,
        "tx_set_operation_count": record.set_operations,
        "closed_at": timestamp(record.close_time),
        "total_coins": amount(record.total_coins),
        "fee_pool": amount(record.fee_pool),
        "base_fee_in_stroops": record.base_fee,
        "base_reserve_in_stroops": record.base_reserve,
        "max_tx_set_size": record.max_tx_set_size,
        "protocol_version": record.protocol,
        "header_xdr": BASE64.encode(&record.header),
    })
}
