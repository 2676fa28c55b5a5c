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
    #[arg(long, default_value_t = Config::default().passphrase, value_name = "TEXT")]
    passphrase: String,
    /// Seconds between ledgers, fractions allowed, or "manual"
    #[arg(long, default_value = "1", value_name = "S")]
    ledger_seconds: Pace,
    /// Operations that a ledger takes at most
    #[arg(long, value_name = "N", default_value_t = Config::default().max_tx_set_size, value_parser = clap::value_parser!(u32).range(1..))]
    max_tx_set_size: u32,
    /// Transactions of history kept, in whole ledgers; /sandbox/truth has the older ones too
    #[arg(long, value_name = "N", default_value_t = Config::default().history_transactions)]
    history_transactions: usize,
    #[command(flatten)]
    faults: FaultFlags,
}

/// What goes wrong.
#[derive(Debug, Args)]
pub struct FaultFlags {
    /// What goes wrong: rates from 0 to 1 of lose_answer_after, lose_answer_before, answer_504, answer_503, late_bad_seq,
    /// never_land, cut_body; delay_ledgers=RATE:LEDGERS; slow_body_ms=MS; read_lag_ledgers=LEDGERS
    #[arg(long, value_name = "NAME=VALUE,…")]
    pub faults: Option<Faults>,
    /// Seed of the draws that decide which requests meet a fault
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
        global.refuse_configuration("sandbox")?;
        if self.passphrase.is_empty() {
            return Err(Usage("--passphrase must not be empty".to_owned()).into());
        }
        telemetry::init_logs(LogFormat::Text, "info")?;
        let config = Config {
            listen: self.listen,
            passphrase: self.passphrase,
            pace: self.ledger_seconds,
            max_tx_set_size: self.max_tx_set_size,
            history_transactions: self.history_transactions,
            faults: self.faults.or(Faults::default()),
            ..Config::default()
        };
        let told = told_to_stop()?;
        let passphrase = config.passphrase.clone();
        let sandbox = sandbox::start(config).await?;
        let horizon = format!("http://{}", sandbox.addr());
        if global.json {
            let mut told =
                serde_json::json!({"horizon": horizon, "network_passphrase": passphrase});
            if sandbox::ledger::CONTRACTS {
                told["rpc"] = format!("{horizon}/rpc").into();
            }
            output::json(&told)?;
        } else {
            output::line(format_args!("Horizon     {horizon}"))?;
            output::line(format_args!("passphrase  {passphrase}"))?;
            output::line(format_args!("friendbot   {horizon}/friendbot?addr=G…"))?;
            if sandbox::ledger::CONTRACTS {
                output::line(format_args!("RPC         {horizon}/rpc"))?;
            }
        }
        told.await;
        sandbox.shutdown().await;
        Ok(())
    }
}
