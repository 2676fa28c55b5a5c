//! `dev`: everything on one machine with nothing to set up; with `--demo` also the proof.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::Global;
use super::output::{self, Usage};
use super::run::told_to_stop;
use super::sandbox::FaultFlags;
use crate::dev::demo;
use crate::dev::stack::{DEV_KEY, Options, Stack};
use crate::sandbox::{self, Faults, Pace};
use crate::telemetry::{self, LogFormat};

/// Everything on one machine: embedded PostgreSQL, sandbox ledger, daemon and API.
#[derive(Debug, Args)]
pub struct Dev {
    /// Where the API is served; loopback only, for it takes the key sk_dev
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where the sandbox's Horizon is served
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDR")]
    sandbox_listen: SocketAddr,
    /// Keeps PostgreSQL's data in this folder (default: a temporary one, removed at the end)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Channel accounts: as many transactions as fit one ledger
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1800))]
    channels: u32,
    /// Seconds between ledgers, fractions allowed
    #[arg(long, default_value = "1", value_name = "S")]
    ledger_seconds: Pace,
    #[command(flatten)]
    faults: FaultFlags,
    /// Also posts N intents with duplicates and faults, proves from the ledger that each landed once, and exits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    demo: Option<u32>,
}

impl Dev {
    /// What goes wrong in a demo where nothing else is said.
    fn demo_faults() -> Faults {
        Faults {
            lose_answer_after: 0.1,
            answer_504: 0.05,
            read_lag_ledgers: 2,
            ..Faults::default()
        }
    }

    /// Runs until it is told to stop, or until the demo is done.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() {
            return Err(Usage(format!(
                "--listen {}: dev takes the key {DEV_KEY} from anybody, so it serves loopback only",
                self.listen
            ))
            .into());
        }
        if self.ledger_seconds == Pace::Manual {
            return Err(Usage(
                "--ledger-seconds: dev needs ledgers that close by themselves".to_owned(),
            )
            .into());
        }
        let filter = if self.demo.is_some() {
            "error"
        } else {
            "info,sqlx=warn"
        };
        telemetry::init_logs(LogFormat::Text, filter)?;
        let metrics = telemetry::install_metrics()?;
        let seed = self.faults.seed.unwrap_or(1);
        let otherwise = if self.demo.is_some() {
            Self::demo_faults()
        } else {
            Faults::default()
        };
        let mut faults = self.faults.or(otherwise);
        faults.seed = seed;
        let options = Options {
            listen: self.listen,
            sandbox: sandbox::Config {
                listen: self.sandbox_listen,
                pace: self.ledger_seconds,
                faults,
                ..sandbox::Config::default()
            },
            data: self.data,
            channels: self.channels,
            log_format: "text".to_owned(),
        };
        let passphrase = options.sandbox.passphrase.clone();
        let told = told_to_stop()?;
        tokio::pin!(told);
        let progress = !global.json;
        if progress {
            println!(
                "starting PostgreSQL, the sandbox ledger and the daemon with {} channels …",
                self.channels
            );
        }
        let stack = tokio::select! {
            stack = Stack::start(options, Some(metrics)) => stack?,
            () = &mut told => return Ok(()),
        };
        if let Some(count) = self.demo {
            let count = usize::try_from(count)?;
            let outcome = tokio::select! {
                outcome = demo::run(&stack, &passphrase, count, seed, !progress) => outcome,
                () = &mut told => bail!("interrupted"),
            };
            let outcome = outcome?;
            if global.json {
                output::json(&outcome.report)?;
            } else {
                println!("{}", outcome.report.table());
                println!(
                    "{}",
                    if outcome.right {
                        "right: each landed exactly once"
                    } else {
                        "WRONG"
                    }
                );
            }
            stack.stop().await?;
            if !outcome.right {
                bail!("the ledger does not show each accepted intent exactly once");
            }
            return Ok(());
        }
        announce(&stack, &passphrase, global.json)?;
        told.await;
        stack.stop().await
    }
}

fn announce(stack: &Stack, passphrase: &str, json: bool) -> anyhow::Result<()> {
    let (api, horizon) = (stack.api(), stack.horizon());
    if json {
        return output::json(&serde_json::json!({
            "api": api, "api_key": DEV_KEY, "horizon": horizon,
            "network_passphrase": passphrase, "source": stack.source,
        }));
    }
    println!("API         {api}   (docs: {api}/docs)   key {DEV_KEY}");
    println!("Horizon     {horizon}   (sandbox; friendbot: {horizon}/friendbot?addr=G…)");
    println!("passphrase  {passphrase}");
    println!("source      {}", stack.source);
    println!("Ctrl-C stops everything");
    Ok(())
}
