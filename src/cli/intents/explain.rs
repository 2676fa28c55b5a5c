//! `intents explain`: an intent in plain words.

use clap::Args;
use serde::Deserialize as _;

use super::api::{Patience, Request};
use super::connection::Connection;
use super::stdout;
use super::which::Which;
use crate::cli::output;
use crate::domain::explain::Explanation;

/// Explains one intent.
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    which: Which,
}

impl Explain {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let api = at.open()?;
        let path = self.which.path(&api).await?;
        let request = Request::get(format!("{path}/explain"));
        let answer = api.ask(&request, Patience::SHORT).await?;
        if json {
            return output::json(&answer.body);
        }
        let explained = Explanation::deserialize(&answer.body)
            .map_err(|_| api.strange(answer.status, "no explanation"))?;
        stdout::line(explained.to_text().trim_end())?;
        Ok(())
    }
}
