//! Wires the rooms together, runs their tasks, and drains them when told to stop.

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
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config};
use crate::domain::intent::Accounts;
use crate::domain::primitives::NetworkId;
use crate::horizon::Horizon;
use crate::signer::Keyring;
use crate::store::{Store, StoreError};
use crate::worker::{self, Engine, Phase, Status, Waker};

/// Between two tries to reach the database at start.
const CONNECT_RETRY: Duration = Duration::from_millis(500);
/// Between two purges of expired idempotency keys.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// Between two updates of the gauges.
const GAUGES_EVERY: Duration = Duration::from_secs(5);
/// Seconds without a new ledger after which the daemon is not ready.
const STALE_LEDGER_SECONDS: i64 = 60;
/// How long the API may take to answer what it has begun, beyond the engine's own drain.
const API_DRAIN: Duration = Duration::from_secs(10);
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

/// Every key that is configured.
///
/// # Errors
/// Names the key of the configuration that is missing.
pub fn keyring(
    config: &Config,
) -> anyhow::Result<(Arc<Keyring>, Accounts, crate::domain::primitives::AccountId)> {
    let ring = Keyring::new(config.accounts.channel_seed.clone());
    let source = ring.add(config.source_secret()?);
    let fee_account = config
        .accounts
        .fee
        .as_ref()
        .map_or(source, |key| ring.add(key));
    let accounts = Accounts {
        default_source: source,
        other_sources: Vec::new(),
    };
    Ok((Arc::new(ring), accounts, fee_account))
}

/// Connects to the database; waits a little for one that is still starting.
///
/// # Errors
/// Names `database.url` where it is wrong or nothing answers.
pub async fn connect(config: &Config) -> anyhow::Result<Store> {
    let url = config.database_url()?.expose_secret();
    let named = || {
        let variable = config::variable("database.url");
        format!("database.url ({variable})")
    };
    let clock = tokio::time::Instant::now();
    loop {
        match Store::connect(url, config.database.max_connections).await {
            Ok(store) => return Ok(store),
            Err(error @ StoreError::Away(_))
                if clock.elapsed() < config.database.connect_timeout =>
            {
                tracing::info!(%error, "waiting for the database");
                tokio::time::sleep(CONNECT_RETRY).await;
            }
            Err(error) => return Err(error).with_context(named),
        }
    }
}

/// The pool of Horizons.
///
/// # Errors
/// Names the key of the configuration that is missing or wrong.
pub fn horizon(config: &Config) -> anyhow::Result<Arc<Horizon>> {
    Ok(Arc::new(Horizon::new(&config.horizon_options()?)?))
}

/// How the engine works, out of the configuration.
///
/// # Errors
/// Names the key of the configuration that is missing.
pub fn engine_settings(
    config: &Config,
    fee_account: crate::domain::primitives::AccountId,
) -> anyhow::Result<worker::Settings> {
    let engine = &config.engine;
    Ok(worker::Settings {
        name: format!("{}:{}", hostname(), std::process::id()),
        source: config.source_secret()?.account(),
        fee_account,
        payer: match config.fees.payer {
            config::FeePayer::Channel => worker::FeePayer::Channel,
            config::FeePayer::FeeAccount => worker::FeePayer::FeeAccount,
        },
        submit: match config.horizon.submit {
            config::SubmitMode::Async => worker::SubmitMode::Async,
            config::SubmitMode::Sync => worker::SubmitMode::Sync,
        },
        validity_ledgers: engine.validity_ledgers,
        resubmit_after: engine.resubmit_after_ledgers,
        batch: engine.batch_size,
        max_in_flight: usize::try_from(engine.max_in_flight)?,
        concurrent_posts: CONCURRENT_POSTS,
        concurrent_reads: CONCURRENT_READS,
        lease: engine.lease,
        poll: engine.poll,
        ledger_poll: engine.poll.min(Duration::from_secs(1)),
        drain: engine.drain,
        fee_cap: config.fees.max_fee_per_operation,
        channels: config.accounts.channels,
        channel_starting_balance: config.accounts.channel_starting_balance,
        channel_top_up_below: config.accounts.channel_top_up_below,
    })
}

/// POSTs to Horizon at once: a synchronous one waits for a ledger.
const CONCURRENT_POSTS: usize = 256;
/// Look-ups and proofs at once.
const CONCURRENT_READS: usize = 32;

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

impl Daemon {
    /// Starts everything: migrates, stores the bootstrap key, serves the API, runs the engine.
    ///
    /// # Errors
    /// One clear error that names what is wrong; nothing runs then.
    pub async fn start(config: &Config, options: Options) -> anyhow::Result<Self> {
        let passphrase = config.network_passphrase()?.to_owned();
        let (keys, accounts, fee_account) = keyring(config)?;
        let horizon = horizon(config)?;
        let settings = engine_settings(config, fee_account)?;
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
        let store = connect(config).await?;
        store.migrate().await?;
        store.tie_to_network(&passphrase).await?;
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
        let engine = Engine::new(
            store.clone(),
            Arc::clone(&horizon),
            keys,
            &passphrase,
            accounts.clone(),
            settings,
            status.clone(),
        );
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
            render_metrics: match options.metrics {
                Some(handle) => Arc::new(move || handle.render()),
                None => Arc::new(String::new),
            },
        };
        let server = tokio::spawn(api::serve(listener, app, until(stopped.clone())));
        let others = vec![
            tokio::spawn(listen(store.clone(), waker, stopped.clone())),
            tokio::spawn(purge(store.clone(), stopped.clone())),
            tokio::spawn(gauges(store.clone(), stopped)),
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
        max_posts_per_second: None,
        dev_key,
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Wakes the engine when new work is announced; polling finds it as well, only later.
async fn listen(store: Store, waker: Waker, stopped: watch::Receiver<bool>) {
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        let mut wakes = match store.listen().await {
            Ok(wakes) => wakes,
            Err(error) => {
                tracing::warn!(%error, "announcements cannot be heard; new work is found by polling");
                tokio::select! {
                    () = tokio::time::sleep(CONNECT_RETRY * 4) => continue,
                    () = &mut stop => return,
                }
            }
        };
        loop {
            tokio::select! {
                heard = wakes.next() => match heard {
                    Ok(()) => waker.wake(),
                    Err(error) => {
                        tracing::warn!(%error, "announcements are not heard any more");
                        tokio::time::sleep(CONNECT_RETRY).await;
                        break;
                    }
                },
                () = &mut stop => return,
            }
        }
    }
}

async fn purge(store: Store, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(PURGE_EVERY);
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut stop => return,
        }
        match api::purge_expired_keys(&store).await {
            Ok(purged) => tracing::debug!(?purged, "expired idempotency keys are purged"),
            Err(error) => tracing::warn!(%error, "expired idempotency keys could not be purged"),
        }
        if let Err(error) = store.forget_workers().await {
            tracing::warn!(%error, "old workers could not be forgotten");
        }
    }
}

async fn gauges(store: Store, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(GAUGES_EVERY);
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut stop => return,
        }
        if let Ok(counts) = store.open_counts().await {
            for (status, count) in counts {
                metrics::gauge!("submitter_open_intents", "status" => status).set(count as f64);
            }
        }
    }
}

/// What readiness is made of, besides the database.
#[derive(Debug)]
struct Readiness {
    status: Status,
    clock: Arc<dyn Clock>,
}

impl api::Probe for Readiness {
    fn readiness(&self) -> Vec<api::Check> {
        let (ok, detail) = match self.status.phase() {
            Phase::Running => (true, "running".to_owned()),
            Phase::Starting(what) => (false, what),
            Phase::Draining => (false, "draining".to_owned()),
            Phase::Halted(why) => (false, why),
        };
        let engine = api::Check {
            name: "engine".to_owned(),
            ok,
            detail,
        };
        let age = self.status.head().map(|head| {
            let closed_at = i64::try_from(head.closed_at.0).unwrap_or(i64::MAX);
            (head.ledger, self.clock.now().unix_timestamp() - closed_at)
        });
        let horizon = match age {
            None => api::Check {
                name: "horizon".to_owned(),
                ok: false,
                detail: "no ledger is known yet".to_owned(),
            },
            Some((ledger, age)) => api::Check {
                name: "horizon".to_owned(),
                ok: age <= STALE_LEDGER_SECONDS,
                detail: format!("ledger {ledger}, closed {age} s ago"),
            },
        };
        vec![engine, horizon]
    }
}
