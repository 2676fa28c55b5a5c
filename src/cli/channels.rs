//! `channels`: the accounts that supply sequence numbers.

use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use indicatif::ProgressBar;
use tokio::sync::watch;

use super::Global;
use super::output::{self, Usage};
use super::pausing::{Pause, Resume};
use crate::config::{Config, Required};
use crate::daemon::{connect, engine_settings, horizon, keyring, rpc_pool, way};
use crate::store::Store;
use crate::worker::{Engine, Phase, Status, ensure_report};

/// Channel accounts: make, list, verify.
#[derive(Debug, Subcommand)]
pub enum Channels {
    /// Makes channels until there are N; those that exist are kept
    Ensure {
        /// How many there shall be
        #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        /// Seconds after which it gives up; what was begun is finished by the next run
        #[arg(long, default_value_t = 300, value_name = "S")]
        timeout: u64,
    },
    /// Lists the channels on record
    List,
    /// Compares each channel on record with the chain
    Verify,
    /// Stops the use of a channel; what is in flight on it ends first
    Pause(Pause),
    /// Allows a paused channel again, once everything that it did meanwhile is explained
    Resume(Resume),
}

/// Between two looks.
const POLL: Duration = Duration::from_millis(250);

impl Channels {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Ensure { count, timeout } => {
                ensure(global, count, Duration::from_secs(timeout)).await
            }
            Self::List => list(global).await,
            Self::Verify => verify(global).await,
            Self::Pause(pause) => pause.run(global).await,
            Self::Resume(resume) => resume.run(global).await,
        }
    }
}

/// Runs an engine of its own beside any that runs already, until the channels are there.
async fn ensure(global: &Global, count: u32, timeout: Duration) -> anyhow::Result<()> {
    let mut config =
        global.load_quiet(&[Required::Database, Required::Horizon, Required::Source])?;
    if config.accounts.channel_seed.is_none() {
        return Err(Usage(
            "accounts.channel_seed (SUBMITTER__ACCOUNTS__CHANNEL_SEED) is required and not given"
                .to_owned(),
        )
        .into());
    }
    config.accounts.channels = count;
    let store = connect(&config).await?;
    store.migrate().await?;
    let status = Status::default();
    let engine = engine(&config, &store, &status)?;
    let (stop, stopped) = watch::channel(false);
    let mut running = tokio::spawn(engine.run(stopped));
    let bar = if global.json {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(u64::from(count))
    };
    let begun = tokio::time::Instant::now();
    let report = loop {
        let report = ensure_report(&store, count).await?;
        bar.set_position(u64::from(report.open));
        if report.open >= count || begun.elapsed() > timeout {
            break report;
        }
        if let Phase::Starting(what) | Phase::Halted(what) = status.phase() {
            bar.set_message(what);
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            ended = &mut running => {
                ended??;
                anyhow::bail!("the engine has ended: {:?}", status.phase());
            }
        }
    };
    bar.finish_and_clear();
    let phase = status.phase();
    stop.send_replace(true);
    running.await??;
    if report.open < count {
        anyhow::bail!(
            "{} of {count} channels are open after {} s ({phase:?})",
            report.open,
            timeout.as_secs()
        );
    }
    if global.json {
        return output::json(&serde_json::json!({"wanted": count, "open": report.open}));
    }
    output::line(format_args!("{} channels are open", report.open))?;
    Ok(())
}

fn engine(config: &Config, store: &Store, status: &Status) -> anyhow::Result<Engine> {
    let (keys, accounts, fee_account) = keyring(config)?;
    let settings = engine_settings(config, fee_account)?;
    let passphrase = config.network_passphrase()?;
    Ok(Engine::new(
        Arc::new(store.clone()),
        horizon(config)?,
        keys,
        passphrase,
        accounts,
        settings,
        status.clone(),
    )
    .by(way(config, rpc_pool(config)?.as_ref())?))
}

async fn list(global: &Global) -> anyhow::Result<()> {
    let config = global.load_quiet(&[Required::Database])?;
    let store = connect(&config).await?;
    store.migrate().await?;
    let rows = store.channels().await?;
    if global.json {
        let all: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "account": row.account, "kind": row.kind, "index": row.sep5_index,
                    "sequence": row.sequence.to_string(), "state": row.state, "reason": row.reason,
                    "busy_with": row.busy_with,
                })
            })
            .collect();
        return output::json(&all);
    }
    let mut table = output::table(&["account", "kind", "index", "sequence", "state", "in use by"]);
    for row in rows {
        let state = row.reason.map_or_else(
            || row.state.clone(),
            |reason| format!("{}: {reason}", row.state),
        );
        table.add_row([
            row.account,
            row.kind,
            row.sep5_index
                .map_or_else(String::new, |index| index.to_string()),
            row.sequence.to_string(),
            state,
            row.busy_with.map_or_else(String::new, |id| id.to_string()),
        ]);
    }
    output::line(table)?;
    Ok(())
}

async fn verify(global: &Global) -> anyhow::Result<()> {
    let config = global.load_quiet(&[Required::Database, Required::Horizon, Required::Source])?;
    let store = connect(&config).await?;
    store.migrate().await?;
    let (keys, _, _) = keyring(&config)?;
    let horizon = horizon(&config)?;
    let mut wrong = 0;
    let mut findings = Vec::new();
    for row in store.channels().await? {
        let account = row.account_id()?;
        let held = match row.sep5_index.and_then(|index| u32::try_from(index).ok()) {
            Some(index) => keys.channel(index) == Some(account),
            None => crate::signer::Signer::holds(keys.as_ref(), account),
        };
        let endpoint = horizon.any();
        let snapshot = endpoint.account(account).await.map_err(|unknown| {
            anyhow::anyhow!("Horizon {}: {}", endpoint.name(), unknown.detail)
        })?;
        let explained = row.sequence + i64::from(row.busy_with.is_some());
        let finding = match &snapshot.state {
            None => "does not exist".to_owned(),
            Some(_) if !held => "no key is held for it".to_owned(),
            Some(state) if state.sequence.0 > explained => {
                format!(
                    "drift: the chain is at {}, the records at {explained}",
                    state.sequence
                )
            }
            Some(_) => "ok".to_owned(),
        };
        wrong += usize::from(finding != "ok");
        findings.push((account, snapshot.as_of, finding));
    }
    if global.json {
        let all: Vec<_> = findings
            .iter()
            .map(|(account, ledger, finding)| serde_json::json!({"account": account, "as_of_ledger": ledger, "finding": finding}))
            .collect();
        output::json(&all)?;
    } else {
        let mut table = output::table(&["account", "as of ledger", "finding"]);
        for (account, ledger, finding) in &findings {
            table.add_row([account.to_string(), ledger.to_string(), finding.clone()]);
        }
        output::line(table)?;
    }
    if wrong > 0 {
        anyhow::bail!(
            "{wrong} of {} channels are not as they should be",
            findings.len()
        );
    }
    Ok(())
}
