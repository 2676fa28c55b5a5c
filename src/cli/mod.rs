//! One file a command. Exit status: 0 fine, 1 failed, 2 usage or configuration.

mod api_keys;
mod bench;
mod channels;
mod dev;
mod doctor;
pub mod intents;
mod keys;
mod migrate;
mod openapi;
mod output;
mod reading;
mod retention;
mod run;
mod sandbox;
#[cfg(feature = "simulation")]
mod simulate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, ConfigErrors, Required, Sources};
use crate::telemetry::{self, LogFormat};

/// It failed.
const FAILED: u8 = 1;
/// It was asked for wrongly.
const USAGE: u8 = 2;

/// Lands Stellar transactions exactly as asked, at most once each, whatever fails.
#[derive(Debug, Parser)]
#[command(
    name = "stellar-submitter",
    version,
    about,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
struct Global {
    /// Configuration file (TOML); variables SUBMITTER__SECTION__KEY override it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key of the configuration, such as log.format=text; not for secrets, which others can see here
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// Answers with JSON on standard output
    #[arg(long, global = true)]
    json: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "wants KEY=VALUE, such as api.listen=0.0.0.0:8080".to_owned())
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything on one machine: embedded PostgreSQL, sandbox ledger, daemon and API
    Dev(dev::Dev),
    /// The daemon: API and engine; brings the schema up to date and makes its channels itself
    Run(run::Run),
    /// The sandbox ledger alone, with Horizon's API
    Sandbox(sandbox::SandboxCommand),
    /// Brings the database's schema to this version's
    Migrate,
    /// Channel accounts: make, list, verify
    #[command(subcommand)]
    Channels(channels::Channels),
    /// Intents, over the REST API of a running daemon: submit files of them, look at them, change them
    Intents(intents::Intents),
    /// Makes or shows Stellar keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// API keys: make, list, revoke
    #[command(subcommand)]
    ApiKeys(api_keys::ApiKeys),
    /// Checks configuration, database, Horizon, accounts and clock; brings the schema up to date
    Doctor,
    /// Drops events and submissions of months that are older than is asked for
    Retention(retention::Retention),
    /// Prints the API's OpenAPI document
    Openapi,
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Plays whole histories with every fault, and judges them by the ledger
    #[cfg(feature = "simulation")]
    Simulate(simulate::Simulate),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime did not start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let outcome = runtime.block_on(command(cli));
    // What still waits for the network has been told to end; it is not waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

/// One error, its causes behind it; what is wrong with the configuration a line each.
fn complain(error: &anyhow::Error) -> ExitCode {
    if let Some(errors) = error.downcast_ref::<ConfigErrors>() {
        for error in &errors.0 {
            eprintln!("error: {error}");
        }
        return ExitCode::from(USAGE);
    }
    if output::is_unread(error) {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {}", output::one_line(error));
    if error.is::<ConfigError>() || error.is::<output::Usage>() {
        return ExitCode::from(USAGE);
    }
    ExitCode::from(FAILED)
}

async fn command(cli: Cli) -> anyhow::Result<()> {
    let global = cli.global;
    match cli.command {
        Command::Dev(dev) => dev.run(&global).await,
        Command::Run(run) => run.run(&global).await,
        Command::Sandbox(sandbox) => sandbox.run(&global).await,
        Command::Migrate => migrate::run(&global).await,
        Command::Channels(channels) => channels.run(&global).await,
        Command::Intents(intents) => intents.run(&global).await,
        Command::Keys(keys) => keys.run(&global),
        Command::ApiKeys(api_keys) => api_keys.run(&global).await,
        Command::Retention(retention) => retention.run(&global).await,
        Command::Doctor => doctor::run(&global).await,
        Command::Openapi => openapi::run(),
        Command::Bench(bench) => bench.run(&global).await,
        #[cfg(feature = "simulation")]
        Command::Simulate(args) => simulate::run(&args),
    }
}

impl Global {
    /// For a command that brings its own configuration: what is given and would be ignored is an error.
    fn refuse_configuration(&self, command: &str) -> anyhow::Result<()> {
        if self.config.is_none() && self.set.is_empty() {
            return Ok(());
        }
        Err(output::Usage(format!(
            "--config and --set: {command} takes its settings from its own flags alone"
        ))
        .into())
    }

    /// The configuration, checked.
    fn load(&self, required: &[Required]) -> anyhow::Result<Config> {
        let sources = Sources::of_process(self.config.as_deref(), self.set.clone());
        Ok(Config::load(&sources, required)?)
    }

    /// The configuration of a command that ends by itself: its log is for people, and only what is wrong.
    fn load_quiet(&self, required: &[Required]) -> anyhow::Result<Config> {
        let config = self.load(required)?;
        telemetry::init_logs(LogFormat::Text, "warn")?;
        Ok(config)
    }
}
