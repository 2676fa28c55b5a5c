//! `bench`: measures, against a database, a ledger and daemons of its own.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::Global;
use super::output::{self, Usage};
use super::run::told_to_stop;
use crate::bench::{BULK_ROWS, Outcome, Posting, Shape, accept, capacity, claim, drive};
use crate::telemetry::{self, LogFormat};

/// Measures: what an intent costs, and how many there can be; each bench starts what it measures, and ends it
///
/// PostgreSQL (durable), the sandbox ledger and the daemons are processes of their own in a temporary folder. `--set KEY=VALUE` goes to the daemons.
/// Exit status 1 where an intent was lost or landed twice.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Single POSTs over many connections, of intents that are not due: accepting alone
    Accept(Accept),
    /// The same through POST /v1/intents/bulk
    Bulk(Bulk),
    /// From accept to final: how many land, what one costs, how long it takes
    Drive(Drive),
    /// How much of what a ledger can take is taken, when there is more than it can take
    Capacity(Capacity),
    /// How long taking up takes, while finished intents pile up in the table; no daemon, the store alone
    Claim(Claim),
}

/// What all that run daemons take.
#[derive(Debug, Args)]
struct Common {
    /// Daemons on the one database
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8))]
    daemons: u32,
}

/// Single POSTs.
#[derive(Debug, Args)]
pub struct Accept {
    /// Seconds that count
    #[arg(long, default_value_t = 20, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Seconds of load before them, that do not
    #[arg(long, default_value_t = 3, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=600))]
    warmup: u64,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    #[command(flatten)]
    common: Common,
}

/// Bulk POSTs.
#[derive(Debug, Args)]
pub struct Bulk {
    /// Seconds that count
    #[arg(long, default_value_t = 20, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Seconds of load before them, that do not
    #[arg(long, default_value_t = 3, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=600))]
    warmup: u64,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Intents a request
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rows: u16,
    #[command(flatten)]
    common: Common,
}

/// From accept to final.
#[derive(Debug, Args)]
pub struct Drive {
    /// Channel accounts; several numbers make a run each
    #[arg(long, default_value = "4000", value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=10_000))]
    channels: Vec<u32>,
    /// Seconds that count
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Seconds of load before them, that do not
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=600))]
    warmup: u64,
    /// Intents offered a second, whatever lands [default: three for each channel are kept accepted and not landed]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Instead of landing them, queues so many with one channel, and looks at memory for --seconds
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "plot"], value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    queued: Option<u64>,
    /// Posts one intent a request, even where the daemon takes many
    #[arg(long)]
    single: bool,
    /// Intents a bulk request
    #[arg(long, default_value_t = BULK_ROWS, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rows: u16,
    /// Connections of the load [default: 2, or 64 where each request has one intent]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: Option<u16>,
    /// Seconds between ledgers, fractions allowed
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    ledger_seconds: f64,
    /// Draws transactions a second against channels
    #[arg(long, value_name = "FILE.png")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Ledgers that are too small.
#[derive(Debug, Args)]
pub struct Capacity {
    /// Operations that a ledger takes at most; one after another
    #[arg(long, default_value = "200,500,1000", value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100_000))]
    sizes: Vec<u32>,
    /// Channel accounts
    #[arg(long, default_value_t = 4000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    channels: u32,
    /// Seconds that count, of each size
    #[arg(long, default_value_t = 30, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Seconds of load before them, that do not
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=600))]
    warmup: u64,
    #[command(flatten)]
    common: Common,
}

/// The store alone.
#[derive(Debug, Args)]
pub struct Claim {
    /// Finished intents in the table; 10000000 take 17 GB of disk
    #[arg(long, default_value = "10000,100000,1000000", value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    rows: Vec<u64>,
    /// Idle channels
    #[arg(long, default_value_t = 4000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    channels: u32,
    /// Times that a batch is claimed, committed and settled, at each size
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Intents of a batch
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    batch: u32,
    /// Draws the time of a claim against the size of the table
    #[arg(long, value_name = "FILE.png")]
    plot: Option<PathBuf>,
}

impl Bench {
    /// Measures, and prints what it found.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        if global.config.is_some() {
            return Err(Usage(
                "--config: bench configures its daemons itself; --set goes to them".to_owned(),
            )
            .into());
        }
        telemetry::init_logs(LogFormat::Text, "error")?;
        let told = told_to_stop()?;
        let outcome = tokio::select! {
            outcome = self.measure(&global.set) => outcome?,
            () = told => bail!("interrupted"),
        };
        if global.json {
            output::json(&outcome.json)?;
        } else {
            output::line(&outcome.text)?;
        }
        match outcome.wrong {
            None => Ok(()),
            Some(wrong) => bail!("{wrong}"),
        }
    }

    async fn measure(self, set: &[(String, String)]) -> anyhow::Result<Outcome> {
        let set = set.to_vec();
        match self {
            Self::Accept(flags) => {
                let options = accept::Options {
                    seconds: flags.seconds,
                    warmup: flags.warmup,
                    connections: usize::from(flags.connections),
                    shape: Shape::Single,
                    daemons: flags.common.daemons,
                    set,
                };
                accept::run(&options).await
            }
            Self::Bulk(flags) => {
                let options = accept::Options {
                    seconds: flags.seconds,
                    warmup: flags.warmup,
                    connections: usize::from(flags.connections),
                    shape: Shape::Bulk(usize::from(flags.rows)),
                    daemons: flags.common.daemons,
                    set,
                };
                accept::run(&options).await
            }
            Self::Drive(flags) => drive::run(&flags.options(set)?).await,
            Self::Capacity(flags) => {
                let options = capacity::Options {
                    sizes: flags.sizes,
                    channels: flags.channels,
                    seconds: flags.seconds,
                    warmup: flags.warmup,
                    daemons: flags.common.daemons,
                    set,
                };
                capacity::run(&options).await
            }
            Self::Claim(flags) => {
                if flags.channels < flags.batch {
                    return Err(Usage(format!(
                        "--batch {}: each intent needs a channel, and there are {}",
                        flags.batch, flags.channels
                    ))
                    .into());
                }
                let options = claim::Options {
                    rows: flags.rows,
                    channels: flags.channels,
                    rounds: flags.rounds,
                    batch: flags.batch,
                    plot: flags.plot,
                };
                claim::run(&options).await
            }
        }
    }
}

impl Drive {
    fn options(self, set: Vec<(String, String)>) -> anyhow::Result<drive::Options> {
        if !LEDGER_SECONDS.contains(&self.ledger_seconds) {
            return Err(Usage(format!(
                "--ledger-seconds {}: from 0.1 to 60",
                self.ledger_seconds
            ))
            .into());
        }
        Ok(drive::Options {
            channels: self.channels,
            seconds: self.seconds,
            warmup: self.warmup,
            rate: self.rate,
            queued: self.queued,
            posting: Posting {
                single: self.single,
                rows: usize::from(self.rows),
                connections: self.connections.map(usize::from),
            },
            ledger_seconds: self.ledger_seconds,
            daemons: self.common.daemons,
            set,
            plot: self.plot,
        })
    }
}

/// How fast or slow ledgers may be.
const LEDGER_SECONDS: std::ops::RangeInclusive<f64> = 0.1..=60.0;
