//! `intents explain`: an intent in plain words.

use clap::Args;
use serde_json::Value;

use super::api::{Patience, Request};
use super::connection::Connection;
use super::intent::text;
use super::stdout;
use super::which::Which;
use crate::cli::output;

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
        stdout::line(written(&answer.body))?;
        Ok(())
    }
}

/// For a terminal.
fn written(explained: &Value) -> String {
    let field = |pointer: &str| text(explained, pointer);
    let mut lines = vec![
        format!(
            "{} ({}), intent {}",
            field("/workflow_id"),
            field("/method"),
            field("/id")
        ),
        format!("{}: {}", field("/status"), field("/summary")),
        String::new(),
        "What happened".to_owned(),
    ];
    for one in explained["happened"].as_array().into_iter().flatten() {
        lines.push(format!("  {}  {}", text(one, "/at"), text(one, "/text")));
    }
    let why = format!("{} ({})", field("/reason/means"), field("/reason/detail"));
    for (head, said) in [
        (format!("Why: {}", field("/reason/code")), why),
        ("What you can do".to_owned(), field("/reason/what_to_do")),
        ("It waits for".to_owned(), field("/waits_for")),
        ("It is safe because".to_owned(), field("/safe_because")),
        ("What comes next".to_owned(), field("/next")),
    ] {
        let is_there = match head.as_str() {
            head if head.starts_with("Why") => explained["reason"].is_object(),
            _ => !said.is_empty(),
        };
        if is_there {
            lines.extend([String::new(), head, format!("  {said}")]);
        }
    }
    lines.join("\n")
}
