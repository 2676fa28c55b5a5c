//! The checked configuration, in types that cannot be wrong.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use crate::domain::fee::Percentile;
use crate::domain::primitives::Stroops;
use crate::domain::soroban::Margin;
use crate::horizon::{Deadlines, HorizonOptions};
use crate::rpc::RpcOptions;
use crate::signer::{ChannelSeed, SecretKey};
use crate::telemetry::LogFormat;

/// What the key that signs receipts is derived with. Another label would be another key.
const RECEIPT_KEY_LABEL: &str = "stellar-submitter/receipt-key/v1";

/// Everything.
#[derive(Clone, Debug)]
pub struct Config {
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// The Horizons.
    pub horizon: HorizonConfig,
    /// Stellar RPC.
    pub rpc: RpcConfig,
    /// The network's passphrase, where given.
    pub passphrase: Option<String>,
    /// Keys and channels.
    pub accounts: AccountsConfig,
    /// Bids.
    pub fees: FeesConfig,
    /// The engine's pace.
    pub engine: EngineConfig,
    /// The REST API.
    pub api: ApiConfig,
    /// The comparison of records and chain.
    pub reconcile: ReconcileConfig,
    /// The key that signs receipts, where given; else it is derived from the source's.
    pub receipts_key: Option<SecretKey>,
    /// What is forgotten.
    pub retention: RetentionConfig,
    /// Log lines.
    pub log: LogConfig,
}

impl Config {
    /// The database's URL.
    ///
    /// # Errors
    /// Names the key where it is not given.
    pub fn database_url(&self) -> Result<&SecretString, ConfigError> {
        required("database.url", self.database.url.as_ref())
    }

    /// The network's passphrase.
    ///
    /// # Errors
    /// Names the key where it is not given.
    pub fn network_passphrase(&self) -> Result<&str, ConfigError> {
        required("network.passphrase", self.passphrase.as_deref())
    }

    /// What the pool of Horizons needs.
    ///
    /// # Errors
    /// Names the key that is not given.
    pub fn horizon_options(&self) -> Result<HorizonOptions, ConfigError> {
        let urls = Some(&self.horizon.urls).filter(|urls| !urls.is_empty());
        Ok(HorizonOptions {
            urls: required("horizon.urls", urls)?.clone(),
            passphrase: self.network_passphrase()?.to_owned(),
            requests_per_hour: self.horizon.requests_per_hour,
            deadlines: self.horizon.deadlines,
        })
    }

    /// What the pool of Stellar RPC servers needs; `None` where none is configured.
    ///
    /// # Errors
    /// Names the key that is not given.
    pub fn rpc_options(&self) -> Result<Option<RpcOptions>, ConfigError> {
        if self.rpc.urls.is_empty() {
            return Ok(None);
        }
        Ok(Some(RpcOptions {
            urls: self.rpc.urls.clone(),
            passphrase: self.network_passphrase()?.to_owned(),
            requests_per_hour: self.rpc.requests_per_hour,
            deadline: self.rpc.request_timeout,
        }))
    }

    /// The key of the account that pays.
    ///
    /// # Errors
    /// Names the key where it is not given.
    pub fn source_secret(&self) -> Result<&SecretKey, ConfigError> {
        required("accounts.source_secret", self.accounts.source.as_ref())
    }

    /// The key that signs receipts: the one that is given, or one that every daemon with the same source derives.
    ///
    /// # Errors
    /// Names the key where neither is given.
    pub fn receipt_key(&self) -> Result<SecretKey, ConfigError> {
        match &self.receipts_key {
            Some(key) => Ok(key.clone()),
            None => Ok(self.source_secret()?.derive(RECEIPT_KEY_LABEL)),
        }
    }
}

fn required<T>(key: &str, value: Option<T>) -> Result<T, ConfigError> {
    value.ok_or_else(|| ConfigError::value(key, "is required and not given"))
}

/// `[database]`.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// Where it is, with its password; `None` where not given.
    pub url: Option<SecretString>,
    /// Connections at most.
    pub max_connections: u32,
    /// How long a connection may take to open, or to become free.
    pub connect_timeout: Duration,
}

/// How envelopes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitMode {
    /// `POST /transactions_async`.
    Async,
    /// `POST /transactions`.
    Sync,
}

/// `[horizon]`.
#[derive(Clone)]
pub struct HorizonConfig {
    /// Base URLs; empty where not given.
    pub urls: Vec<Url>,
    /// Requests an hour to each; 0: any number.
    pub requests_per_hour: u32,
    /// How envelopes are sent.
    pub submit: SubmitMode,
    /// How long a request may take.
    pub deadlines: Deadlines,
}

/// Which way envelopes take to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Horizon.
    Horizon,
    /// Stellar RPC.
    Rpc,
    /// Horizon, and Stellar RPC where that does not take them.
    Both,
}

/// `[rpc]`.
#[derive(Clone)]
pub struct RpcConfig {
    /// URLs; empty where not given.
    pub urls: Vec<Url>,
    /// Requests an hour to each; 0: any number.
    pub requests_per_hour: u32,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How much more than simulated is declared.
    pub margin: Margin,
    /// Which way envelopes take.
    pub submit: Way,
}

/// `[accounts]`.
#[derive(Clone, Debug)]
pub struct AccountsConfig {
    /// The account that pays; `None` where not given.
    pub source: Option<SecretKey>,
    /// What channels are derived from; always there where `channels` is not 0.
    pub channel_seed: Option<ChannelSeed>,
    /// Channels to keep open.
    pub channels: u32,
    /// What a new channel holds.
    pub channel_starting_balance: Stroops,
    /// Below this a channel is filled up to its starting balance, which is more.
    pub channel_top_up_below: Stroops,
    /// Whether the source stops, too, where somebody else uses its sequence numbers.
    pub pause_source_on_foreign_use: bool,
    /// The account that pays for fee bumps; `None`: the source.
    pub fee: Option<SecretKey>,
}

/// Who pays the fee of an ordinary transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeePayer {
    /// The channel, by a plain envelope.
    Channel,
    /// The fee account, by a fee bump around each.
    FeeAccount,
}

/// `[fees]`.
#[derive(Clone, Copy, Debug)]
pub struct FeesConfig {
    /// Who pays.
    pub payer: FeePayer,
    /// The highest bid for one operation.
    pub max_fee_per_operation: Stroops,
    /// What the first bid should beat while ledgers are full.
    pub percentile: Percentile,
}

/// `[engine]`.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Ledgers for which an envelope is valid.
    pub validity_ledgers: u32,
    /// How long a claim lasts without being renewed.
    pub lease: Duration,
    /// Intents claimed at once.
    pub batch_size: u32,
    /// Attempts in flight at most.
    pub max_in_flight: u32,
    /// Ledgers without a trace after which the same bytes go out again.
    pub resubmit_after_ledgers: u32,
    /// How often to look where nothing announces work.
    pub poll: Duration,
    /// How long work may take to end after SIGTERM.
    pub drain: Duration,
}

/// `[api]`.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Where to serve.
    pub listen: SocketAddr,
    /// A key to store at start.
    pub bootstrap_key: Option<SecretString>,
    /// Whether `Idempotency-Key` is needed.
    pub idempotency_key_required: bool,
    /// How long stored answers live.
    pub idempotency_ttl: Duration,
    /// The largest body of one request, in bytes.
    pub max_body_bytes: usize,
    /// The largest body of a bulk, in bytes.
    pub max_bulk_body_bytes: usize,
}

/// `[reconcile]`.
#[derive(Clone, Copy, Debug)]
pub struct ReconcileConfig {
    /// Between two comparisons; `None`: the daemon makes none.
    pub interval: Option<Duration>,
    /// How many reports are kept.
    pub keep_runs: u32,
}

/// `[retention]`.
#[derive(Clone, Copy, Debug)]
pub struct RetentionConfig {
    /// Days for which events and submissions are kept at least; `None`: for ever.
    pub events_days: Option<u32>,
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines.
    pub filter: String,
}

/// Hosts only: a provider's key may be in the rest.
fn hosts(urls: &[Url]) -> Vec<&str> {
    urls.iter().filter_map(Url::host_str).collect()
}

impl std::fmt::Debug for HorizonConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HorizonConfig")
            .field("hosts", &hosts(&self.urls))
            .field("requests_per_hour", &self.requests_per_hour)
            .field("submit", &self.submit)
            .field("deadlines", &self.deadlines)
            .finish()
    }
}

impl std::fmt::Debug for RpcConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcConfig")
            .field("hosts", &hosts(&self.urls))
            .field("requests_per_hour", &self.requests_per_hour)
            .field("request_timeout", &self.request_timeout)
            .field("margin", &self.margin)
            .field("submit", &self.submit)
            .finish()
    }
}
