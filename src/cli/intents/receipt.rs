//! `intents receipt`: the signed receipt of an intent, to be kept.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::api::{Patience, Request};
use super::connection::Connection;
use super::which::Which;
use crate::cli::output;

/// Fetches the signed receipt of a final intent.
#[derive(Debug, Args)]
pub struct Receipt {
    #[command(flatten)]
    which: Which,
    /// Writes it to this file, which must not exist yet, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Receipt {
    /// Runs it. A receipt is JSON, for people and programs.
    pub async fn run(self, at: &Connection) -> anyhow::Result<()> {
        let api = at.open()?;
        let path = self.which.path(&api).await?;
        let request = Request::get(format!("{path}/receipt"));
        let answer = api.ask(&request, Patience::SHORT).await?;
        let Some(file) = self.out else {
            return output::json(&answer.body);
        };
        let mut text = serde_json::to_string_pretty(&answer.body)?;
        text.push('\n');
        let written = std::fs::File::create_new(&file)
            .and_then(|mut open| std::io::Write::write_all(&mut open, text.as_bytes()));
        written.with_context(|| format!("--out {}", file.display()))?;
        eprintln!(
            "{}: check it with: stellar-submitter receipt check {0}",
            file.display()
        );
        Ok(())
    }
}
