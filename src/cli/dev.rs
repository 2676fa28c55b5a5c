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
    /// Keeps PostgreSQL's data in this folder, to be looked at afterwards: each run begins with a new chain and a new database in
    /// it [default: a temporary folder, removed at the end]
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
        global.refuse_configuration("dev")?;
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
        let faults = options.sandbox.faults.clone();
        let told = told_to_stop()?;
        tokio::pin!(told);
        if !global.json {
            output::line(format_args!(
                "starting PostgreSQL, the sandbox ledger and the daemon with {} channels …",
                self.channels
            ))?;
        }
        let stack = tokio::select! {
            stack = Stack::start(options, Some(metrics)) => stack?,
            () = &mut told => return Ok(()),
        };
        let Some(count) = self.demo else {
            announce(&stack, &passphrase, &faults, global.json)?;
            told.await;
            return stack.stop().await;
        };
        if !global.json {
            output::line(format_args!(
                "posting {count} intents, every tenth twice at once, every seventh again after success; the network's faults: {}",
                in_words(&faults)?
            ))?;
        }
        let count = usize::try_from(count)?;
        let outcome = tokio::select! {
            outcome = demo::run(&stack, &passphrase, count, seed, global.json) => outcome?,
            () = &mut told => bail!("interrupted"),
        };
        show(&outcome, global.json)?;
        stack.stop().await?;
        if !outcome.right {
            bail!("the ledger does not show each accepted intent exactly once");
        }
        Ok(())
    }
}

/// What is there, and a first request to try.
fn announce(stack: &Stack, passphrase: &str, faults: &Faults, json: bool) -> anyhow::Result<()> {
    let (api, horizon, source) = (stack.api(), stack.horizon(), stack.source);
    let database = &stack.database_url;
    if json {
        return output::json(&serde_json::json!({
            "api": api, "api_key": DEV_KEY, "horizon": horizon, "database_url": database,
            "network_passphrase": passphrase, "source": source,
        }));
    }
    let faults = in_words(faults)?;
    let rpc = if cfg!(feature = "contracts") {
        format!("Stellar RPC {horizon}/rpc   {horizon}/sandbox/contract deploys a contract\n")
    } else {
        String::new()
    };
    output::line(format_args!(
        r#"
API         {api}   key {DEV_KEY}   description {api}/docs/
Horizon     {horizon}   the sandbox's; funds accounts at {horizon}/friendbot?addr=G…
{rpc}passphrase  {passphrase}
faults      {faults}
source      {source}
database    {database}

An intent to try:
  curl -s {api}/v1/intents -H 'Authorization: Bearer {DEV_KEY}' -H 'Idempotency-Key: order-1' \
    -H 'Content-Type: application/json' -H 'Prefer: wait=10' \
    -d '{{"workflow_id":"order-1","operations":[{{"type":"payment","destination":"{source}","asset":"native","amount":"12.5"}}]}}'

Ctrl-C stops everything."#
    ))
}

/// The report, and in words whether it is right.
fn show(outcome: &demo::Outcome, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&outcome.report);
    }
    output::line(outcome.report.table())?;
    output::line(if outcome.right {
        "right: each landed exactly once"
    } else {
        "WRONG"
    })
}

/// The faults that are on, as they are given on the command line.
fn in_words(faults: &Faults) -> anyhow::Result<String> {
    let mut on = Vec::new();
    if let serde_json::Value::Object(fields) = serde_json::to_value(faults)? {
        for (name, value) in fields {
            let number = value.as_f64().or_else(|| value["rate"].as_f64());
            if name != "seed" && number.is_some_and(|number| number > 0.0) {
                on.push(match value["max"].as_u64() {
                    Some(ledgers) => format!("{name}={}:{ledgers}", value["rate"]),
                    None => format!("{name}={value}"),
                });
            }
        }
    }
    Ok(if on.is_empty() {
        "none".to_owned()
    } else {
        on.join(",")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_in_words_are_the_flag_that_gives_them() {
        for text in [
            "none",
            "answer_504=0.05,lose_answer_after=0.1,read_lag_ledgers=2",
            "delay_ledgers=0.5:3,slow_body_ms=20",
        ] {
            let faults = if text == "none" {
                Faults::default()
            } else {
                text.parse().expect("faults as they are given")
            };
            let mut words: Vec<String> = in_words(&faults)
                .expect("numbers are JSON")
                .split(',')
                .map(str::to_owned)
                .collect();
            words.sort_unstable();
            assert_eq!(words.join(","), text);
        }
    }
}
