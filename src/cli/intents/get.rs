//! `intents get`.

use clap::Args;

use super::connection::Connection;
use super::which::Which;
use super::{intent, stdout};
use crate::cli::output;

/// Shows one intent.
#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    which: Which,
}

impl Get {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let api = at.open()?;
        let found = self.which.find(&api).await?;
        if json {
            return output::json(&found);
        }
        stdout::line(intent::details(&found))?;
        Ok(())
    }
}
