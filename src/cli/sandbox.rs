//! `sandbox`: the ledger alone.

use std::net::SocketAddr;

use clap::Args;

use super::Global;
use super::output::{self, Usage};
use super::run::told_to_stop;
use crate::sandbox::{self, Config, Faults, Pace};
use crate::telemetry::{self, LogFormat};

/// The sandbox ledger alone, with Horizon's API.
#[derive(Debug, Args)]
pub struct SandboxCommand {
    /// Where Horizon's API is served
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDR")]
    listen: SocketAddr,
    /// The network's passphrase
    #[arg(long, default_value = "Standalone Network ; February 2017")]
    passphrase: String,
    /// Seconds between ledgers, fractions allowed, or "manual"
    #[arg(long, default_value = "1", value_name = "S")]
    ledger_seconds: Pace,
    /// Operations that a ledger takes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tx_set_size: Option<u32>,
    #[command(flatten)]
    faults: FaultFlags,
}

/// What goes wrong.
#[derive(Debug, Args)]
pub struct FaultFlags {
    /// What goes wrong, and how often: lose_answer_after=0.1,answer_504=0.05,read_lag_ledgers=2,…
    #[arg(long, value_name = "NAME=RATE,…")]
    pub faults: Option<Faults>,
    /// Where the draws of faults start
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

impl FaultFlags {
    /// The faults, or `otherwise` where none are given.
    #[must_use]
    pub fn or(&self, otherwise: Faults) -> Faults {
        let mut faults = self.faults.clone().unwrap_or(otherwise);
        if let Some(seed) = self.seed {
            faults.seed = seed;
        }
        faults
    }
}

impl SandboxCommand {
    /// Runs until it is told to stop.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        if self.passphrase.is_empty() {
            return Err(Usage("--passphrase must not be empty".to_owned()).into());
        }
        telemetry::init_logs(LogFormat::Text, "info")?;
        let default = Config::default();
        let config = Config {
            listen: self.listen,
            passphrase: self.passphrase,
            pace: self.ledger_seconds,
            max_tx_set_size: self.max_tx_set_size.unwrap_or(default.max_tx_set_size),
            faults: self.faults.or(Faults::default()),
            ..default
        };
        let told = told_to_stop()?;
        let passphrase = config.passphrase.clone();
        let sandbox = sandbox::start(config).await?;
        let horizon = format!("http://{}", sandbox.addr());
        if global.json {
            output::json(
                &serde_json::json!({"horizon": horizon, "network_passphrase": passphrase}),
            )?;
        } else {
            println!("Horizon     {horizon}");
            println!("passphrase  {passphrase}");
            println!("friendbot   {horizon}/friendbot?addr=G…");
        }
        told.await;
        sandbox.shutdown().await;
        Ok(())
    }
}
