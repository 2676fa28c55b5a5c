//! Ledger entries by their keys.

use serde_json::{Value, json};
use stellar_xdr::{ContractDataDurability, LedgerKey, Limits, ReadXdr};

use super::{Failure, base64, latest};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::entry::durability;
use crate::sandbox::ledger::soroban::storage;

/// The most keys of one request.
const MAX_KEYS: usize = 200;
/// How deep a key may nest.
const MAX_KEY_DEPTH: u32 = 500;
/// The largest key that is read, in bytes of base64.
const MAX_KEY_BYTES: usize = 64 << 10;

/// Reads the parameter `keys`.
pub fn keys(params: &Value) -> Result<Vec<LedgerKey>, Failure> {
    let Some(texts) = params["keys"].as_array() else {
        return Err(Failure::parameter("keys must be a list of ledger keys"));
    };
    if texts.len() > MAX_KEYS {
        return Err(Failure::parameter(format!(
            "key count ({}) exceeds maximum supported ({MAX_KEYS})",
            texts.len()
        )));
    }
    let limits = Limits {
        depth: MAX_KEY_DEPTH,
        len: MAX_KEY_BYTES,
    };
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let text = text.as_str().unwrap_or_default();
            let key = LedgerKey::from_xdr_base64(text, limits.clone()).map_err(|_| {
                Failure::parameter(format!(
                    "cannot unmarshal key value {text} at index {index}"
                ))
            })?;
            if matches!(key, LedgerKey::Ttl(_)) {
                return Err(Failure::parameter(
                    "ledger ttl entries cannot be queried directly",
                ));
            }
            Ok(key)
        })
        .collect()
}

/// `getLedgerEntries`: what is not there is left out; so is a temporary entry that is over.
pub fn entries(ledger: &Ledger, head: u32, keys: &[LedgerKey]) -> Result<Value, Failure> {
    let (head, _) = latest(ledger, head)?;
    let found: Vec<_> = keys
        .iter()
        .filter_map(|key| {
            let settings = ledger.engine().settings();
            let (entry, live_until) = storage::read(ledger.state(), settings, key, Some(head))?;
            let over = live_until.is_some_and(|last| last < head);
            if over && durability(key) == Some(ContractDataDurability::Temporary) {
                return None;
            }
            let mut item = json!({
                "key": base64(key),
                "xdr": base64(&entry.data),
                "lastModifiedLedgerSeq": entry.last_modified_ledger_seq,
                "extXdr": base64(&entry.ext),
            });
            if let Some(last) = live_until {
                item["liveUntilLedgerSeq"] = last.into();
            }
            Some(item)
        })
        .collect();
    Ok(json!({ "entries": found, "latestLedger": head }))
}
