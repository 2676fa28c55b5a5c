//! Reading the ledger entries that an operation is about.

use serde_json::Value;
use stellar_xdr as xdr;

use super::contract::MAX_KEYS;
use super::read_contract::{contract, decode, in_order};
use super::scval;
use crate::domain::fields::{Errors, Fields, join};

/// The most ledgers that entries can be made to live from now: six years, more than any network allows.
const MAX_EXTEND_TO: u64 = 40_000_000;

pub(super) fn extend_to(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<u32> {
    let value = fields.required("extend_to", errors)?;
    let ledgers = value
        .as_u64()
        .filter(|ledgers| (1..=MAX_EXTEND_TO).contains(ledgers));
    if ledgers.is_none() {
        errors.add(
            fields.at("extend_to"),
            format_args!("must be a whole number of ledgers, 1 to {MAX_EXTEND_TO}"),
        );
    }
    ledgers.and_then(|ledgers| u32::try_from(ledgers).ok())
}

pub(super) fn keys(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Vec<xdr::LedgerKey>> {
    let items = fields.array("keys", (1, MAX_KEYS), errors)?;
    let at = fields.at("keys");
    let mut keys = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if let Some(key) = key(item, join(&at, &index.to_string()), errors) {
            keys.push(key);
        }
    }
    (keys.len() == items.len()).then(|| in_order(keys))
}

/// A ledger key: XDR in base64; or a contract's instance or one of its entries; or a contract's code.
fn key(value: &Value, pointer: String, errors: &mut Errors) -> Option<xdr::LedgerKey> {
    let Value::String(text) = value else {
        return key_object(value, pointer, errors);
    };
    match decode(text) {
        Some(key @ (xdr::LedgerKey::ContractData(_) | xdr::LedgerKey::ContractCode(_))) => {
            Some(key)
        }
        Some(_) => {
            errors.add(pointer, "is not the key of a contract's entry or code");
            None
        }
        None => {
            errors.add(pointer, "is not a LedgerKey, XDR in base64");
            None
        }
    }
}

fn key_object(value: &Value, pointer: String, errors: &mut Errors) -> Option<xdr::LedgerKey> {
    let mut fields = Fields::of(value, pointer, errors)?;
    if fields.optional("wasm").is_some() {
        let text = fields.text("wasm", errors)?;
        let mut hash = [0; 32];
        if hex::decode_to_slice(text, &mut hash).is_err() {
            errors.add(fields.at("wasm"), "must be 64 hexadecimal digits");
            return None;
        }
        fields.end(errors);
        let hash = xdr::Hash(hash);
        return Some(xdr::LedgerKey::ContractCode(xdr::LedgerKeyContractCode {
            hash,
        }));
    }
    let contract = contract(&mut fields, errors);
    let at = fields.at("key");
    let key = match fields.optional("key") {
        None => Some(xdr::ScVal::LedgerKeyContractInstance),
        Some(key) => scval::read(key, at, errors),
    };
    let durability = match fields.optional_text("durability", errors) {
        None | Some("persistent") => Some(xdr::ContractDataDurability::Persistent),
        Some("temporary") => Some(xdr::ContractDataDurability::Temporary),
        Some(_) => {
            errors.add(fields.at("durability"), "must be persistent or temporary");
            None
        }
    };
    fields.end(errors);
    Some(xdr::LedgerKey::ContractData(xdr::LedgerKeyContractData {
        contract: xdr::ScAddress::Contract(contract?),
        key: key?,
        durability: durability?,
    }))
}
