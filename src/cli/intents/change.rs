//! `intents cancel` and `intents retry`.

use clap::Args;
use reqwest::StatusCode;

use super::api::{Api, Request};
use super::connection::Connection;
use super::intent::Intent;
use super::stdout;
use super::which::Which;
use crate::cli::output;

/// Cancels an intent that has not landed.
#[derive(Debug, Args)]
pub struct Cancel {
    #[command(flatten)]
    which: Which,
}

/// Queues a parked intent again now.
#[derive(Debug, Args)]
pub struct Retry {
    #[command(flatten)]
    which: Which,
}

impl Cancel {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let api = at.open()?;
        let (status, intent) = change(&api, &self.which, "cancel", json).await?;
        if json {
            return Ok(());
        }
        if status == StatusCode::ACCEPTED {
            stdout::line(format_args!(
                "{} is {}: no more is sent, and it is final once it is proven whether it landed; watch it",
                intent.id, intent.status
            ))?;
        } else {
            stdout::line(format_args!("{} is {}", intent.id, intent.status))?;
        }
        Ok(())
    }
}

impl Retry {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let api = at.open()?;
        let (_, intent) = change(&api, &self.which, "retry", json).await?;
        if !json {
            stdout::line(format_args!("{} is {} again", intent.id, intent.status))?;
        }
        Ok(())
    }
}

/// Asks once: after a lost answer the second would say that the intent is not in a state for it, which would mislead.
async fn change(
    api: &Api,
    which: &Which,
    what: &str,
    json: bool,
) -> anyhow::Result<(StatusCode, Intent)> {
    let path = which.path(api).await?;
    let answer = api.once(&Request::post(format!("{path}/{what}"))).await?;
    if json {
        output::json(&answer.body)?;
    }
    Ok((answer.status, Intent::of(api, &answer)?))
}
