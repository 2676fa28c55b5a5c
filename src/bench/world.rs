//! What is measured: a durable PostgreSQL, the sandbox ledger and the daemons, each a process of its own, in a temporary folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Guard, Process};
use crate::dev::postgres::{self, Postgres};
use crate::dev::stack::fund;
use crate::domain::primitives::{AccountId, NetworkId};
use crate::sandbox;
use crate::signer::SecretKey;
use crate::store::Store;
use crate::store::figures::Durability;

/// All scopes; of a daemon that serves loopback only, and play money.
pub const API_KEY: &str = "bench-key-of-all-scopes";
/// Connections of our own to the database.
const CONNECTIONS: u32 = 4;
/// Seconds between ledgers while channels are made: a hundred of them a ledger.
const SETUP_LEDGER_SECONDS: f64 = 0.2;
/// How long the daemons may take until they are ready with all channels.
const READY_LIMIT: Duration = Duration::from_secs(600);
/// Between two looks whether they are.
const READY_POLL: Duration = Duration::from_millis(100);
/// How long one of our questions to a daemon or to the sandbox may take: a page of the truth is large.
const ASK_LIMIT: Duration = Duration::from_secs(60);
/// "No limit": more operations than any ledger here gets.
pub const UNLIMITED_TX_SET: u32 = 1_000_000;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Channel accounts.
    pub channels: u32,
    /// Daemons on the one database.
    pub daemons: u32,
    /// Seconds between ledgers, once everything is set up.
    pub ledger_seconds: f64,
    /// KEY=VALUE of the daemons' configuration, above what the bench sets.
    pub set: Vec<(String, String)>,
}

/// It runs. What is dropped is ended, in this order: daemons, ledger, database, folder.
pub struct World {
    /// The daemons.
    pub daemons: Vec<Daemon>,
    sandbox: Process,
    /// The sandbox's Horizon.
    pub horizon: String,
    /// The records.
    pub store: Store,
    /// How PostgreSQL keeps its promises.
    pub durability: Durability,
    /// Whom intents pay.
    pub destination: AccountId,
    /// What the daemons are configured with, without secrets.
    pub settings: BTreeMap<String, String>,
    /// Seconds between ledgers.
    pub ledger_seconds: f64,
    /// For questions; the load has connections of its own.
    pub client: reqwest::Client,
    postgres: Postgres,
    _guard: Guard,
    _folder: TempDir,
}

/// A daemon that serves.
pub struct Daemon {
    process: Process,
    /// Where.
    pub api: SocketAddr,
}

impl Daemon {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// A durable database with the schema.
///
/// # Errors
/// What could not be started, and where durability is off.
pub async fn database() -> anyhow::Result<(Postgres, Store, Durability)> {
    let options = postgres::Options::from_env()?;
    let postgres = tokio::task::spawn_blocking(|| Postgres::start(options))
        .await?
        .context("the embedded PostgreSQL")?;
    let store = Store::connect(&postgres.url(), CONNECTIONS).await?;
    store.migrate().await?;
    let durability = store.durability().await?;
    ensure!(
        durability.fsync == "on" && durability.synchronous_commit == "on",
        "PostgreSQL is not durable: {durability:?}"
    );
    Ok((postgres, store, durability))
}

impl World {
    /// Starts everything; returns when every channel is made and ledgers have their pace.
    ///
    /// # Errors
    /// What could not be started.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("stellar-submitter-bench-")
            .tempdir()
            .context("a temporary folder")?;
        let mut guard = Guard::start(folder.path())?;
        let (postgres, store, durability) = database().await?;
        let args = [
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--ledger-seconds",
            &SETUP_LEDGER_SECONDS.to_string(),
            "--max-tx-set-size",
            &UNLIMITED_TX_SET.to_string(),
        ]
        .map(str::to_owned);
        let mut sandbox = Process::spawn("sandbox", &args, &[], folder.path(), &mut guard)?;
        let horizon = sandbox
            .said(|line| {
                let address = line.strip_prefix("Horizon ")?;
                Some(address.trim().to_owned())
            })
            .await?;
        let destination = SecretKey::from_bytes([0xbe; 32]).account();
        fund(&horizon, destination).await?;

        let mut settings = settings(options, &horizon);
        let secrets = secrets(&postgres);
        let mut daemons = Vec::new();
        for _ in 0..options.daemons {
            daemons
                .push(start_daemon(&settings, &secrets, &options.set, &folder, &mut guard).await?);
        }
        settings.extend(options.set.iter().cloned());
        let mut world = Self {
            daemons,
            sandbox,
            horizon,
            store,
            durability,
            destination,
            settings,
            ledger_seconds: options.ledger_seconds,
            client: reqwest::Client::builder().timeout(ASK_LIMIT).build()?,
            postgres,
            _guard: guard,
            _folder: folder,
        };
        world.wait_until_ready(options.channels).await?;
        world
            .put_ledger(&json!({"seconds": options.ledger_seconds}))
            .await?;
        Ok(world)
    }

    /// The process ids of daemons, ledger and PostgreSQL's parent.
    pub fn pids(&self) -> Pids {
        Pids {
            daemons: self.daemons.iter().map(Daemon::pid).collect(),
            sandbox: self.sandbox.pid(),
            postgres: self.postgres.pid(),
        }
    }

    /// Fails where one of the processes has ended.
    ///
    /// # Errors
    /// Which, and what it said.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.sandbox.check()?;
        self.daemons
            .iter_mut()
            .try_for_each(|daemon| daemon.process.check())
    }

    /// Changes the pace or the size of ledgers.
    ///
    /// # Errors
    /// Where the sandbox refuses.
    pub async fn put_ledger(&self, change: &Value) -> anyhow::Result<()> {
        let url = format!("{}/sandbox/ledger", self.horizon);
        self.client
            .put(url)
            .json(change)
            .send()
            .await?
            .error_for_status()
            .context("the sandbox's pace")?;
        Ok(())
    }

    /// Whether the daemons take many intents a request.
    ///
    /// # Errors
    /// Where none answers.
    pub async fn takes_bulk(&self) -> anyhow::Result<bool> {
        let daemon = self.daemons.first().context("no daemon")?;
        let answer = self
            .client
            .post(format!("http://{}/v1/intents/bulk", daemon.api))
            .bearer_auth(API_KEY)
            .header("content-type", "application/json")
            .header("idempotency-key", "probe")
            .body("[]")
            .send()
            .await?;
        let missing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
        Ok(!missing.contains(&answer.status()))
    }

    async fn wait_until_ready(&mut self, channels: u32) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < READY_LIMIT {
            self.check()?;
            let mut ready = true;
            for daemon in &self.daemons {
                let url = format!("http://{}/readyz", daemon.api);
                let answer = self.client.get(url).send().await?;
                ready &= answer.status().is_success();
            }
            if ready && self.store.open_channels().await? >= i64::from(channels) {
                return Ok(());
            }
            tokio::time::sleep(READY_POLL).await;
        }
        bail!(
            "{channels} channels were not made within {} s",
            READY_LIMIT.as_secs()
        )
    }
}

/// Process ids.
#[derive(Clone, Debug)]
pub struct Pids {
    /// Of the daemons.
    pub daemons: Vec<u32>,
    /// Of the ledger.
    pub sandbox: u32,
    /// Of PostgreSQL's parent.
    pub postgres: u32,
}

/// What the bench sets; all else is the default.
fn settings(options: &Options, horizon: &str) -> BTreeMap<String, String> {
    [
        ("horizon.urls", horizon.to_owned()),
        ("network.passphrase", sandbox::Config::default().passphrase),
        ("accounts.channels", options.channels.to_string()),
        ("api.listen", "127.0.0.1:0".to_owned()),
        // Ledgers are five times as fast as the network's, so they are looked for five times as often.
        ("engine.poll_ms", "100".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Play money: the root account pays, which has all lumens there are.
fn secrets(postgres: &Postgres) -> Vec<(&'static str, String)> {
    let root = NetworkId::of(&sandbox::Config::default().passphrase).0;
    let source = SecretKey::from_bytes(root).written();
    vec![
        ("database.url", postgres.url()),
        ("accounts.source_secret", source.expose_secret().to_owned()),
        ("accounts.channel_seed", hex::encode([0xce_u8; 64])),
        ("api.bootstrap_key", API_KEY.to_owned()),
    ]
}

async fn start_daemon(
    settings: &BTreeMap<String, String>,
    secrets: &[(&'static str, String)],
    set: &[(String, String)],
    folder: &TempDir,
    guard: &mut Guard,
) -> anyhow::Result<Daemon> {
    let settings = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let secrets = secrets.iter().map(|(key, value)| (*key, value.as_str()));
    let env: Vec<(String, String)> = settings
        .chain(secrets)
        .map(|(key, value)| (crate::config::variable(key), value.to_owned()))
        .collect();
    let mut args = vec!["run".to_owned()];
    for (key, value) in set {
        args.extend(["--set".to_owned(), format!("{key}={value}")]);
    }
    let mut process = Process::spawn("daemon", &args, &env, folder.path(), guard)?;
    let api = process
        .said(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["api"].as_str()?.parse().ok()
        })
        .await?;
    Ok(Daemon { process, api })
}
