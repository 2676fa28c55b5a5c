//! Out of the configuration: keys, database, Horizons, and how the engine works.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use crate::config::{self, Config};
use crate::domain::intent::Accounts;
use crate::domain::primitives::{AccountId, NetworkId};
use crate::horizon::Horizon;
use crate::rpc::Rpc;
use crate::signer::Keyring;
use crate::store::{Store, StoreError};
use crate::worker;

/// Between two tries to reach the database at start.
const CONNECT_RETRY: Duration = Duration::from_secs(1);

/// Every key that is configured.
///
/// # Errors
/// Names the key of the configuration that is missing.
pub fn keyring(config: &Config) -> anyhow::Result<(Arc<Keyring>, Accounts, AccountId)> {
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
        contracts: config
            .rpc_options()?
            .map(|options| NetworkId::of(&options.passphrase)),
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
    let begun = tokio::time::Instant::now();
    let mut told = false;
    loop {
        match Store::connect(url, config.database.max_connections).await {
            Ok(store) => return Ok(store),
            Err(error @ StoreError::Away(_))
                if begun.elapsed() < config.database.connect_timeout =>
            {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "waiting for the database");
                }
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

/// The pool of Stellar RPC servers; `None` where none is configured.
///
/// # Errors
/// Names the key of the configuration that is missing or wrong.
pub fn rpc(config: &Config) -> anyhow::Result<Option<Arc<Rpc>>> {
    let options = config.rpc_options()?;
    let pool = options.map(|options| Rpc::new(&options)).transpose()?;
    Ok(pool.map(Arc::new))
}

/// Which way envelopes take, out of the configuration.
///
/// # Errors
/// Where that way leads over Stellar RPC, and none is configured.
pub fn way(config: &Config, rpc: Option<&Arc<Rpc>>) -> anyhow::Result<worker::Way> {
    let pool = || {
        rpc.map(Arc::clone)
            .context("rpc.submit needs rpc.urls, which is not given")
    };
    Ok(match config.rpc.submit {
        config::Way::Horizon => worker::Way::Horizon,
        config::Way::Rpc => worker::Way::Rpc(pool()?),
        config::Way::Both => worker::Way::Both(pool()?),
    })
}

/// How the engine works, out of the configuration.
///
/// # Errors
/// Names the key of the configuration that is missing.
pub fn engine_settings(
    config: &Config,
    fee_account: AccountId,
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
        percentile: config.fees.percentile,
        channels: config.accounts.channels,
        channel_starting_balance: config.accounts.channel_starting_balance,
        channel_top_up_below: config.accounts.channel_top_up_below,
        pause_source: config.accounts.pause_source_on_foreign_use,
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
