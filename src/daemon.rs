//! Wires the rooms together, runs their tasks, and drains them when told to stop.

mod previewing;
mod readiness;
mod reconciling;
mod tasks;
mod wiring;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::api;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Config};
use crate::domain::primitives::NetworkId;
use crate::horizon::{Horizon, NetworkError};
use crate::rpc::Rpc;
use crate::store::Store;
use crate::worker::{self, Engine, Status};
use readiness::Readiness;
use reconciling::Reconciler;
use tasks::{gauges, listen, partitions, purge, until};

pub use wiring::{connect, engine_settings, horizon, keyring, rpc as rpc_pool, way};

/// How long the API may take to answer what it has begun, beyond the engine's own drain.
const API_DRAIN: Duration = Duration::from_secs(10);
/// How long a Horizon may take at the start to say which network it serves.
const NETWORK_PATIENCE: Duration = Duration::from_secs(3);
/// The tenant of keys that are configured and not made.
const DEFAULT_TENANT: &str = "default";

/// What the daemon does besides what is configured.
#[derive(Default)]
pub struct Options {
    /// A key with all scopes for tenant `default`, accepted from loopback only, never stored.
    pub dev_key: Option<String>,
    /// The process's Prometheus recorder.
    pub metrics: Option<PrometheusHandle>,
}

/// A daemon that runs.
pub struct Daemon {
    /// Where its API is served.
    pub api: SocketAddr,
    /// What its engine is doing.
    pub status: Status,
    /// Its records.
    pub store: Store,
    stop: watch::Sender<bool>,
    engine: JoinHandle<Result<(), worker::EngineError>>,
    server: JoinHandle<std::io::Result<()>>,
    others: Vec<JoinHandle<()>>,
}

/// Refuses a Horizon, or Stellar RPC, of another network. One that does not answer is waited for later, by whoever asks it.
async fn check_network(horizon: &Horizon, rpc: Option<&Rpc>) -> anyhow::Result<()> {
    not_another(horizon.any().check_network()).await?;
    match rpc {
        Some(rpc) => not_another(rpc.any().check_network()).await,
        None => Ok(()),
    }
}

async fn not_another<T>(
    asked: impl Future<Output = Result<T, NetworkError>>,
) -> anyhow::Result<()> {
    match tokio::time::timeout(NETWORK_PATIENCE, asked).await {
        Ok(Err(error @ NetworkError::Other { .. })) => {
            let variable = config::variable("network.passphrase");
            Err(anyhow::anyhow!("network.passphrase ({variable}): {error}"))
        }
        Ok(Ok(_) | Err(NetworkError::Unknown { .. })) | Err(_) => Ok(()),
    }
}

impl Daemon {
    /// Starts everything: migrates, stores the bootstrap key, serves the API, runs the engine.
    ///
    /// # Errors
    /// One clear error that names what is wrong; nothing runs then.
    pub async fn start(config: &Config, options: Options) -> anyhow::Result<Self> {
        let passphrase = config.network_passphrase()?.to_owned();
        let (keys, accounts, fee_account) = keyring(config)?;
        let receipt_key = config.receipt_key()?;
        let horizon = horizon(config)?;
        let rpc = rpc_pool(config)?;
        let way = way(config, rpc.as_ref())?;
        let settings = engine_settings(config, fee_account)?;
        let source = settings.source;
        let listener = TcpListener::bind(config.api.listen)
            .await
            .with_context(|| {
                format!(
                    "api.listen ({}): cannot listen on {}",
                    config::variable("api.listen"),
                    config.api.listen
                )
            })?;
        let api_address = listener.local_addr()?;
        // A wrong network is told before anything is stored.
        check_network(&horizon, rpc.as_deref()).await?;
        let store = connect(config).await?;
        store.migrate().await?;
        store.may_be_of(&passphrase).await?;
        // Before the first request: what these records do not know must not be decided by them.
        store.note_database().await?;
        if let Some(key) = &config.api.bootstrap_key {
            let scopes = ["intents:read", "intents:write", "admin"];
            store
                .add_api_key(
                    Uuid::now_v7(),
                    DEFAULT_TENANT,
                    "bootstrap",
                    key.expose_secret(),
                    &scopes,
                )
                .await?;
        }

        let (stop, stopped) = watch::channel(false);
        let status = Status::default();
        let contracts = rpc.map(|rpc| rpc as Arc<dyn worker::contracts::Contracts>);
        let preview = worker::Previewing {
            store: Arc::new(store.clone()),
            horizon: Arc::clone(&horizon),
            contracts: contracts.clone(),
            margin: config.rpc.margin,
            keys: Arc::clone(&keys),
            network: NetworkId::of(&passphrase),
            accounts: accounts.clone(),
            settings: Arc::new(settings.clone()),
            allowance: worker::Allowance::of(config.horizon.requests_per_hour),
        };
        let engine = Engine::new(
            Arc::new(store.clone()),
            Arc::clone(&horizon),
            keys,
            &passphrase,
            accounts.clone(),
            settings,
            status.clone(),
        )
        .by(way)
        .with_contracts(contracts, config.rpc.margin);
        let waker = engine.waker();
        let engine = tokio::spawn(engine.run(stopped.clone()));
        let app = api::App {
            store: store.clone(),
            network: NetworkId::of(&passphrase),
            accounts,
            settings: api_settings(config, options.dev_key),
            probe: Arc::new(Readiness {
                status: status.clone(),
                clock: Arc::new(SystemClock),
            }),
            render_metrics: match options.metrics.clone() {
                Some(handle) => Arc::new(move || handle.render()),
                None => Arc::new(String::new),
            },
            receipts: api::Receipts {
                network: passphrase.clone(),
                public_key: receipt_key.account(),
                sign: Arc::new(move |digest| receipt_key.sign_digest(digest)),
                now: Arc::new(|| SystemClock.now()),
            },
            preview: Arc::new(preview),
            wake: {
                let waker = waker.clone();
                Arc::new(move || waker.wake())
            },
        };
        let server = tokio::spawn(api::serve(listener, app, until(stopped.clone())));
        let others = vec![
            tokio::spawn(listen(store.clone(), waker, stopped.clone())),
            tokio::spawn(purge(store.clone(), stopped.clone())),
            tokio::spawn(partitions(
                store.clone(),
                config.retention.events_days,
                stopped.clone(),
            )),
            tokio::spawn(gauges(
                store.clone(),
                options.metrics.clone(),
                stopped.clone(),
            )),
            tokio::spawn(
                Reconciler {
                    store: store.clone(),
                    horizon,
                    status: status.clone(),
                    passphrase,
                    source,
                    fee_account,
                    config: config.reconcile,
                }
                .run(stopped),
            ),
        ];
        tracing::info!(api = %api_address, "the daemon runs");
        Ok(Self {
            api: api_address,
            status,
            store,
            stop,
            engine,
            server,
            others,
        })
    }

    /// Works until `signal`, or until the engine or the API ends by itself; then drains.
    ///
    /// # Errors
    /// What ended the engine or the API.
    pub async fn run_until(mut self, signal: impl Future<Output = ()>) -> anyhow::Result<()> {
        tokio::select! {
            () = signal => tracing::info!("told to stop: draining"),
            ended = &mut self.engine => {
                self.stop.send_replace(true);
                ended??;
                bail!("the engine has ended by itself");
            }
            ended = &mut self.server => {
                self.stop.send_replace(true);
                ended??;
                bail!("the API has ended by itself");
            }
        }
        self.stop().await
    }

    /// Drains and stops.
    ///
    /// # Errors
    /// What went wrong meanwhile.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.engine.await??;
        match tokio::time::timeout(API_DRAIN, self.server).await {
            Ok(ended) => ended??,
            Err(_) => tracing::warn!("some requests were still open and are cut"),
        }
        for task in self.others {
            task.abort();
        }
        Ok(())
    }
}

fn api_settings(config: &Config, dev_key: Option<String>) -> api::Settings {
    api::Settings {
        idempotency_key_required: config.api.idempotency_key_required,
        idempotency_ttl: config.api.idempotency_ttl,
        max_body_bytes: config.api.max_body_bytes,
        max_bulk_body_bytes: config.api.max_bulk_body_bytes,
        max_posts_per_second: None,
        dev_key,
        ..api::Settings::default()
    }
}
