//! What is read of Stellar RPC's JSON, field by field. 64-bit integers are strings there, sometimes.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::domain::primitives::TxHash;

/// A request.
#[derive(Serialize)]
pub struct Request<'a, P> {
    pub jsonrpc: &'static str,
    pub id: u64,
    pub method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<P>,
}

/// `simulateTransaction`, `sendTransaction`.
#[derive(Serialize)]
pub struct TransactionParams<'a> {
    pub transaction: &'a str,
}

/// `getTransaction`.
#[derive(Serialize)]
pub struct HashParams<'a> {
    pub hash: &'a str,
}

/// `getLedgerEntries`.
#[derive(Serialize)]
pub struct KeysParams {
    pub keys: Vec<String>,
}

/// An answer: a result or an error.
#[derive(Deserialize)]
pub struct Reply<T> {
    pub jsonrpc: String,
    #[serde(default)]
    pub id: Option<u64>,
    pub result: Option<T>,
    #[serde(default)]
    pub error: Option<RpcFault>,
}

/// A JSON-RPC error.
#[derive(Deserialize)]
pub struct RpcFault {
    pub code: i64,
    #[serde(default)]
    pub message: String,
}

/// A number that may be written as a string.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// `getNetwork`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    pub passphrase: String,
    pub protocol_version: u32,
}

/// `getLatestLedger`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatestLedger {
    pub id: TxHash,
    pub protocol_version: u32,
    pub sequence: u32,
}

/// `getHealth`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    pub status: String,
    pub latest_ledger: u32,
    pub oldest_ledger: u32,
}

/// `getVersionInfo`.
#[derive(Deserialize)]
pub struct Version {
    pub version: String,
}

/// `getFeeStats`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeStats {
    pub soroban_inclusion_fee: Percentiles,
}

/// Stroops.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    #[serde(deserialize_with = "number")]
    pub max: i64,
    #[serde(deserialize_with = "number")]
    pub p50: i64,
    #[serde(deserialize_with = "number")]
    pub p80: i64,
    #[serde(deserialize_with = "number")]
    pub p95: i64,
    #[serde(deserialize_with = "number")]
    pub transaction_count: i64,
    #[serde(deserialize_with = "number")]
    pub ledger_count: i64,
}

/// `getLedgerEntries`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntries {
    #[serde(default)]
    pub entries: Option<Vec<LedgerEntry>>,
    pub latest_ledger: u32,
}

/// One entry.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    pub key: String,
    pub xdr: String,
    #[serde(default)]
    pub last_modified_ledger_seq: u32,
    #[serde(default)]
    pub live_until_ledger_seq: Option<u32>,
}

/// `simulateTransaction`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Simulated {
    pub latest_ledger: u32,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub transaction_data: Option<String>,
    #[serde(default)]
    pub min_resource_fee: Option<String>,
    #[serde(default)]
    pub events: Option<Vec<String>>,
    #[serde(default)]
    pub results: Option<Vec<SimulatedResult>>,
    #[serde(default)]
    pub restore_preamble: Option<RestorePreamble>,
}

/// What the operation gives.
#[derive(Deserialize)]
pub struct SimulatedResult {
    #[serde(default)]
    pub auth: Option<Vec<String>>,
    #[serde(default)]
    pub xdr: Option<String>,
}

/// What must be restored first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestorePreamble {
    pub transaction_data: String,
    pub min_resource_fee: String,
}

/// `sendTransaction`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    pub status: String,
    pub hash: TxHash,
    #[serde(default)]
    pub error_result_xdr: Option<String>,
}

/// `getTransaction`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    pub status: String,
    pub latest_ledger: u32,
    pub oldest_ledger: u32,
    #[serde(default)]
    pub tx_hash: Option<TxHash>,
    #[serde(default)]
    pub ledger: u32,
    #[serde(default, deserialize_with = "number")]
    pub created_at: i64,
    #[serde(default)]
    pub envelope_xdr: Option<String>,
    #[serde(default)]
    pub result_xdr: Option<String>,
    #[serde(default)]
    pub result_meta_xdr: Option<String>,
    #[serde(default)]
    pub diagnostic_events_xdr: Option<Vec<String>>,
    // In place of those, where a server was asked for JSON, or answers with it by itself.
    #[serde(default)]
    pub envelope_json: Option<Box<RawValue>>,
    #[serde(default)]
    pub result_json: Option<Box<RawValue>>,
    #[serde(default)]
    pub result_meta_json: Option<Box<RawValue>>,
}
