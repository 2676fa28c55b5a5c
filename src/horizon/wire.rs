//! What is read of Horizon's JSON, field by field. 64-bit integers are strings there.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::domain::primitives::{AccountId, Stroops, TxHash};

/// A number that is written as a string.
fn quoted<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// `application/problem+json`.
#[derive(Debug, Deserialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pub extras: Extras,
}

/// What a problem says of the posted transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Extras {
    pub envelope_xdr: Option<String>,
    pub result_xdr: Option<String>,
    pub hash: Option<TxHash>,
}

impl Problem {
    /// The short name: the last segment of the type. Empty where that is no name, so that no body reaches a log.
    pub fn name(&self) -> &str {
        const MAX_NAME_BYTES: usize = 64;
        let name = self.kind.rsplit('/').next().unwrap_or_default();
        let is_name = name.len() <= MAX_NAME_BYTES
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if is_name { name } else { "" }
    }
}

/// `GET /`.
#[derive(Debug, Deserialize)]
pub struct Root {
    pub horizon_version: String,
    pub history_latest_ledger: u32,
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub history_latest_ledger_closed_at: Option<OffsetDateTime>,
    pub history_elder_ledger: u32,
    pub core_latest_ledger: u32,
    pub network_passphrase: String,
    pub current_protocol_version: u32,
}

/// `GET /fee_stats`.
#[derive(Debug, Deserialize)]
pub struct FeeStats {
    #[serde(deserialize_with = "quoted")]
    pub last_ledger_base_fee: i64,
    #[serde(deserialize_with = "quoted")]
    pub ledger_capacity_usage: f64,
    pub fee_charged: Percentiles,
    pub max_fee: Percentiles,
}

/// Stroops an operation.
#[derive(Debug, Deserialize)]
pub struct Percentiles {
    #[serde(deserialize_with = "quoted")]
    pub p50: i64,
    #[serde(deserialize_with = "quoted")]
    pub p80: i64,
    #[serde(deserialize_with = "quoted")]
    pub p95: i64,
}

/// `GET /ledgers/{n}`.
#[derive(Debug, Deserialize)]
pub struct Ledger {
    pub hash: TxHash,
    pub prev_hash: TxHash,
    pub sequence: u32,
    pub successful_transaction_count: u32,
    #[serde(default)]
    pub failed_transaction_count: Option<u32>,
    #[serde(with = "time::serde::rfc3339")]
    pub closed_at: OffsetDateTime,
    pub base_fee_in_stroops: u32,
    pub base_reserve_in_stroops: u32,
    pub max_tx_set_size: u32,
    pub protocol_version: u32,
}

/// A page of a collection. Records stay raw: one that does not parse must not take the others with it.
#[derive(Debug, Deserialize)]
pub struct Page {
    #[serde(rename = "_embedded")]
    pub embedded: Embedded,
}

/// The records of a page.
#[derive(Debug, Deserialize)]
pub struct Embedded {
    pub records: Vec<Box<RawValue>>,
}

/// What every record of a page of transactions has, even one of a newer protocol.
#[derive(Debug, Deserialize)]
pub struct Record<'a> {
    #[serde(deserialize_with = "quoted")]
    pub paging_token: i64,
    #[serde(default)]
    pub hash: Option<TxHash>,
    #[serde(default)]
    pub inner_transaction: Option<Hash>,
    #[serde(default, borrow)]
    pub envelope_xdr: Option<&'a RawValue>,
}

impl Record<'_> {
    /// The hash of the transaction itself, where the record says it without its envelope being read.
    pub fn inner_hash(&self) -> Option<TxHash> {
        /// How every fee bump begins, in base64.
        const FEE_BUMP: &str = "\"AAAABQ";
        let inner = self.inner_transaction.as_ref().map(|inner| inner.hash);
        let is_bump = |xdr: &RawValue| xdr.get().starts_with(FEE_BUMP);
        inner.or(self
            .hash
            .filter(|_| !self.envelope_xdr.is_some_and(is_bump)))
    }
}

/// `GET /transactions/{hash}`, the 200 of `POST /transactions`, and a record of a page.
#[derive(Debug, Deserialize)]
pub struct Transaction {
    pub hash: TxHash,
    pub successful: bool,
    pub ledger: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    pub source_account: AccountId,
    #[serde(deserialize_with = "quoted")]
    pub source_account_sequence: i64,
    pub fee_account: AccountId,
    #[serde(deserialize_with = "quoted")]
    pub fee_charged: i64,
    pub envelope_xdr: String,
    pub result_xdr: String,
    #[serde(default)]
    pub fee_bump_transaction: Option<Hash>,
    #[serde(default)]
    pub inner_transaction: Option<Hash>,
}

/// An object with a hash in it.
#[derive(Debug, Deserialize)]
pub struct Hash {
    pub hash: TxHash,
}

/// `GET /accounts/{G}`.
#[derive(Debug, Deserialize)]
pub struct Account {
    pub account_id: AccountId,
    #[serde(deserialize_with = "quoted")]
    pub sequence: i64,
    #[serde(default)]
    pub sequence_ledger: Option<u32>,
    pub subentry_count: u32,
    pub num_sponsoring: u32,
    pub num_sponsored: u32,
    pub thresholds: Thresholds,
    pub balances: Vec<Balance>,
    pub signers: Vec<Signer>,
}

/// Weights that an operation needs.
#[derive(Debug, Deserialize)]
pub struct Thresholds {
    pub med_threshold: u32,
}

/// One key that may sign.
#[derive(Debug, Deserialize)]
pub struct Signer {
    pub key: String,
    pub weight: u32,
}

/// One balance.
#[derive(Debug, Deserialize)]
#[serde(tag = "asset_type")]
pub enum Balance {
    #[serde(rename = "native")]
    Native {
        balance: Stroops,
        selling_liabilities: Stroops,
    },
    #[serde(rename = "credit_alphanum4", alias = "credit_alphanum12")]
    Credit {
        balance: Stroops,
        limit: Stroops,
        asset_code: String,
        asset_issuer: AccountId,
        #[serde(default)]
        is_authorized: bool,
    },
    /// Shares of a pool, and kinds to come.
    #[serde(other)]
    Other,
}

/// The answer of `POST /transactions_async`.
#[derive(Debug, Deserialize)]
pub struct Queued {
    pub tx_status: String,
    pub hash: TxHash,
    #[serde(default)]
    pub error_result_xdr: Option<String>,
}
