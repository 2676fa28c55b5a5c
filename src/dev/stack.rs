//! Postgres, the sandbox ledger and the daemon, wired to each other.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::postgres::{self, Postgres};
use crate::config::{Config, Required, Sources};
use crate::daemon::{self, Daemon};
use crate::domain::primitives::AccountId;
use crate::sandbox::{self, Sandbox};
use crate::signer::SecretKey;

/// The API key that `dev` accepts from loopback.
pub const DEV_KEY: &str = "sk_dev";
/// How long the daemon may take until it is ready, channels included.
const READY_DEADLINE: Duration = Duration::from_secs(300);
/// Between two looks whether it is.
const READY_POLL: Duration = Duration::from_millis(100);

/// What `dev` runs with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the API is served.
    pub listen: SocketAddr,
    /// The sandbox: where it listens, its pace, its faults.
    pub sandbox: sandbox::Config,
    /// Keeps the database in this folder.
    pub data: Option<PathBuf>,
    /// How many channels.
    pub channels: u32,
    /// How logs are written; for the configuration's own checks.
    pub log_format: String,
}

/// Everything, running. What is not stopped is ended when it is dropped.
pub struct Stack {
    /// The daemon.
    pub daemon: Daemon,
    /// The ledger.
    pub sandbox: Sandbox,
    /// The account that pays.
    pub source: AccountId,
    /// The records, with user and password: of play money only.
    pub database_url: String,
    postgres: Postgres,
}

/// A key that is the same in every run: of play money only.
fn play_secret(name: &str) -> [u8; 32] {
    Sha256::digest(format!("stellar-submitter dev {name}").as_bytes()).into()
}

impl Stack {
    /// Starts everything in turn; returns when the daemon serves.
    ///
    /// # Errors
    /// What could not be started, and what to do about it.
    pub async fn start(
        options: Options,
        metrics: Option<PrometheusHandle>,
    ) -> anyhow::Result<Self> {
        let passphrase = options.sandbox.passphrase.clone();
        let faults = options.sandbox.faults.clone();
        // Faults begin when the accounts are there: what they try is the submitter, not the setting up.
        let quiet = sandbox::Config {
            faults: sandbox::Faults::default(),
            ..options.sandbox.clone()
        };
        let sandbox = sandbox::start(quiet).await.context("the sandbox ledger")?;
        let horizon = format!("http://{}", sandbox.addr());

        let data = options.data.clone();
        let postgres = tokio::task::spawn_blocking(move || {
            let mut settings = postgres::Options::from_env()?;
            settings.data = data;
            Postgres::start(settings)
        })
        .await?
        .context("the embedded PostgreSQL")?;
        let url = new_database(&postgres, options.data.is_some()).await?;

        let source = SecretKey::from_bytes(play_secret("treasury"));
        fund(&horizon, source.account()).await?;
        let mut flags = vec![
            ("database.url", url.clone()),
            ("horizon.urls", horizon.clone()),
            ("network.passphrase", passphrase),
            (
                "accounts.source_secret",
                secrecy::ExposeSecret::expose_secret(&source.written()).to_owned(),
            ),
            (
                "accounts.channel_seed",
                hex::encode([play_secret("channels"), play_secret("channels 2")].concat()),
            ),
            ("accounts.channels", options.channels.to_string()),
            ("api.listen", options.listen.to_string()),
            ("engine.poll_ms", "100".to_owned()),
            ("engine.drain_seconds", "10".to_owned()),
            ("log.format", options.log_format.clone()),
        ];
        // Without them the ledger runs no contracts, and answers no Stellar RPC.
        if cfg!(feature = "contracts") {
            flags.push(("rpc.urls", format!("{horizon}/rpc")));
        }
        let flags = flags
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let sources = Sources {
            file: None,
            env: Vec::new(),
            flags,
        };
        let config = Config::load(
            &sources,
            &[Required::Database, Required::Horizon, Required::Source],
        )?;
        let daemon = Daemon::start(
            &config,
            daemon::Options {
                dev_key: Some(DEV_KEY.to_owned()),
                metrics,
            },
        )
        .await?;
        let stack = Self {
            daemon,
            sandbox,
            source: source.account(),
            database_url: url,
            postgres,
        };
        stack.wait_until_ready(options.channels).await?;
        if faults != sandbox::Faults::default() {
            put_faults(&horizon, &faults).await?;
        }
        Ok(stack)
    }

    /// Where the sandbox's Horizon is.
    #[must_use]
    pub fn horizon(&self) -> String {
        format!("http://{}", self.sandbox.addr())
    }

    /// Where the API is.
    #[must_use]
    pub fn api(&self) -> String {
        format!("http://{}", self.daemon.api)
    }

    async fn wait_until_ready(&self, channels: u32) -> anyhow::Result<()> {
        let begun = tokio::time::Instant::now();
        loop {
            let running = matches!(self.daemon.status.phase(), crate::worker::Phase::Running);
            if running
                && crate::worker::ensure_report(&self.daemon.store, channels)
                    .await?
                    .open
                    >= channels
            {
                return Ok(());
            }
            if begun.elapsed() > READY_DEADLINE {
                bail!(
                    "the daemon is not ready after {} s: {:?}",
                    READY_DEADLINE.as_secs(),
                    self.daemon.status.phase()
                );
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    /// Drains the daemon, then stops the rest.
    ///
    /// # Errors
    /// What went wrong meanwhile.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.daemon.stop().await?;
        self.sandbox.shutdown().await;
        tokio::task::spawn_blocking(move || self.postgres.stop()).await??;
        Ok(())
    }
}

/// The sandbox's chain lives in memory, and records are about one chain: each run has a database of its own.
async fn new_database(postgres: &Postgres, kept: bool) -> anyhow::Result<String> {
    if !kept {
        return Ok(postgres.url());
    }
    let name = crate::store::create_database(&postgres.url()).await?;
    Ok(postgres.url_of(&name))
}

/// Lets friendbot fund an account, and waits until it has.
///
/// # Errors
/// The friendbot's answer where it is not a success.
pub async fn fund(horizon: &str, account: AccountId) -> anyhow::Result<()> {
    let url = format!("{horizon}/friendbot?addr={account}");
    let answer = reqwest::get(&url)
        .await
        .with_context(|| format!("friendbot for {account}"))?;
    if !answer.status().is_success() {
        let status = answer.status();
        bail!(
            "friendbot for {account}: {status}: {}",
            answer.text().await.unwrap_or_default()
        );
    }
    Ok(())
}

async fn put_faults(horizon: &str, faults: &sandbox::Faults) -> anyhow::Result<()> {
    let url = format!("{horizon}/sandbox/faults");
    let answer = reqwest::Client::new().put(url).json(faults).send().await?;
    if !answer.status().is_success() {
        bail!(
            "the sandbox refused the faults: {}",
            answer.text().await.unwrap_or_default()
        );
    }
    Ok(())
}

/// Every transaction that the ledger took for an account, straight from the ledger.
///
/// # Errors
/// Where the sandbox does not answer.
pub async fn truth(horizon: &str, account: AccountId) -> anyhow::Result<Vec<Value>> {
    let client = reqwest::Client::new();
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let url =
            format!("{horizon}/sandbox/truth?account={account}&limit={TRUTH_PAGE}&cursor={cursor}");
        let page: Value = client
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let items = page["items"]
            .as_array()
            .context("/sandbox/truth: no items")?;
        all.extend(items.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return Ok(all),
        }
    }
}

/// Items that are read at once.
const TRUTH_PAGE: u32 = 1_000;
