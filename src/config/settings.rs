//! The settings as they are written: text and numbers, one field a key. `sections` has what they mean.

use secrecy::SecretString;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub database: Database,
    pub horizon: Horizon,
    pub rpc: Rpc,
    pub network: Network,
    pub accounts: Accounts,
    pub fees: Fees,
    pub engine: Engine,
    pub api: Api,
    pub reconcile: Reconcile,
    pub receipts: Receipts,
    pub retention: Retention,
    pub log: Log,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: SecretString,
    pub url_file: String,
    pub max_connections: i64,
    pub connect_timeout_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Horizon {
    pub urls: Vec<String>,
    pub requests_per_hour: i64,
    pub submit: String,
    pub request_timeout_seconds: i64,
    pub submit_timeout_seconds: i64,
    pub submit_async_timeout_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rpc {
    pub urls: Vec<String>,
    pub url: String,
    pub requests_per_hour: i64,
    pub request_timeout_seconds: i64,
    pub resource_margin_percent: i64,
    pub submit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    pub passphrase: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    pub source_secret: SecretString,
    pub source_secret_file: String,
    pub channel_seed: SecretString,
    pub channel_seed_file: String,
    pub channels: i64,
    pub channel_starting_balance: String,
    pub channel_top_up_below: String,
    pub pause_source_on_foreign_use: bool,
    pub fee_secret: SecretString,
    pub fee_secret_file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    pub payer: String,
    pub max_fee_per_operation: i64,
    pub percentile: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    pub validity_ledgers: i64,
    pub lease_seconds: i64,
    pub batch_size: i64,
    pub max_in_flight: i64,
    pub resubmit_after_ledgers: i64,
    pub poll_ms: i64,
    pub drain_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    pub listen: String,
    pub bootstrap_key: SecretString,
    pub bootstrap_key_file: String,
    pub idempotency_key_required: bool,
    pub idempotency_ttl_hours: i64,
    pub max_body_bytes: i64,
    pub max_bulk_body_bytes: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipts {
    pub signing_secret: SecretString,
    pub signing_secret_file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub events_days: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    pub interval_seconds: i64,
    pub keep_runs: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: String,
    pub filter: String,
}
