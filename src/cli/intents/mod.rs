//! `intents`: a client of the REST API, which knows no more than any other client.

mod api;
mod change;
mod connection;
mod explain;
pub mod file;
mod get;
mod intent;
mod list;
mod problem;
mod receipt;
mod stdout;
mod submit;
mod timeline;
mod watch;
mod which;

use std::io::ErrorKind;

use clap::{Args, Subcommand};

use super::Global;
use crate::telemetry::{self, LogFormat};
use connection::Connection;

/// Intents, over the REST API of a running daemon.
#[derive(Debug, Args)]
pub struct Intents {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Posts every row of a CSV or NDJSON file, each once however often it is run
    Submit(submit::Submit),
    /// Shows one
    Get(get::Get),
    /// Lists them, the newest first
    List(list::List),
    /// Follows one until it is final; fails unless it succeeds
    Watch(watch::Watch),
    /// Cancels one that has not landed
    Cancel(change::Cancel),
    /// Queues a parked one again now
    Retry(change::Retry),
    /// Lists the transactions that were built for one
    Attempts(timeline::Attempts),
    /// Lists what became of one
    Events(timeline::Events),
    /// Says in plain words what happened to one, what it waits for, what makes it safe, and what comes next
    Explain(explain::Explain),
    /// Fetches the signed receipt of one that is final; `receipt check` verifies it
    Receipt(receipt::Receipt),
}

impl Intents {
    /// Runs it.
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        telemetry::init_logs(LogFormat::Text, "error")?;
        let (at, json) = (self.connection, global.json);
        let outcome = match self.command {
            Command::Submit(submit) => submit.run(&at, json).await,
            Command::Get(get) => get.run(&at, json).await,
            Command::List(list) => list.run(&at, json).await,
            Command::Watch(watch) => watch.run(&at, json).await,
            Command::Cancel(cancel) => cancel.run(&at, json).await,
            Command::Retry(retry) => retry.run(&at, json).await,
            Command::Attempts(attempts) => attempts.run(&at, json).await,
            Command::Events(events) => events.run(&at, json).await,
            Command::Explain(explain) => explain.run(&at, json).await,
            Command::Receipt(receipt) => receipt.run(&at).await,
        };
        match outcome {
            // Whoever read the output has seen enough, as `head` does.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            outcome => outcome,
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
