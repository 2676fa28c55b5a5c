//! `intents attempts` and `intents events`: what was built for an intent, and what became of it.

use clap::Args;
use serde_json::Value;

use super::api::{Api, Patience, Request};
use super::connection::Connection;
use super::intent::{particulars, text};
use super::stdout;
use super::which::Which;
use crate::cli::output;

/// Items of a page: the most that the API gives.
const PAGE: &str = "200";
/// The most pages: more attempts than an intent can have in a year.
const MAX_PAGES: usize = 5_000;

/// Lists the transactions that were built for an intent.
#[derive(Debug, Args)]
pub struct Attempts {
    #[command(flatten)]
    which: Which,
}

/// Lists what became of an intent.
#[derive(Debug, Args)]
pub struct Events {
    #[command(flatten)]
    which: Which,
}

impl Attempts {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let api = at.open()?;
        let path = self.which.path(&api).await?;
        let all = pages(&api, &format!("{path}/attempts"), None, Patience::SHORT).await?;
        if json {
            return output::json(&all);
        }
        let mut table = output::table(&[
            "number",
            "state",
            "channel",
            "sequence",
            "before ledger",
            "hash",
            "fee",
            "fee bumps",
            "sent",
            "last answer",
        ]);
        for attempt in all {
            let count = |name: &str| attempt[name].as_array().map_or(0, Vec::len);
            let answers = attempt["submissions"].as_array();
            let last = answers.and_then(|all| all.last());
            table.add_row([
                text(&attempt, "/number"),
                text(&attempt, "/state"),
                text(&attempt, "/channel"),
                text(&attempt, "/sequence"),
                text(&attempt, "/bounds/before_ledger"),
                text(&attempt, "/hash"),
                text(&attempt, "/fee"),
                count("fee_bumps").to_string(),
                count("submissions").to_string(),
                last.map_or_else(String::new, |last| particulars(&last["answer"])),
            ]);
        }
        stdout::line(table)?;
        Ok(())
    }
}

impl Events {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let api = at.open()?;
        let path = self.which.path(&api).await?;
        let all = events(&api, &path, None, Patience::SHORT).await?;
        if json {
            return output::json(&all);
        }
        let mut table = output::table(&["id", "at", "type", "particulars"]);
        for event in all {
            table.add_row([
                text(&event, "/id"),
                text(&event, "/at"),
                text(&event, "/type"),
                particulars(&event["data"]),
            ]);
        }
        stdout::line(table)?;
        Ok(())
    }
}

/// The events of the intent at this path after one, the oldest first.
///
/// # Errors
/// What the API says.
pub async fn events(
    api: &Api,
    path: &str,
    after: Option<String>,
    patience: Patience,
) -> anyhow::Result<Vec<Value>> {
    pages(api, &format!("{path}/events"), after, patience).await
}

async fn pages(
    api: &Api,
    path: &str,
    mut cursor: Option<String>,
    patience: Patience,
) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for _ in 0..MAX_PAGES {
        let mut request = Request::get(path).with("limit", PAGE);
        if let Some(cursor) = &cursor {
            request = request.with("cursor", cursor);
        }
        let mut answer = api.ask(&request, patience).await?;
        let Value::Array(items) = answer.body["items"].take() else {
            return Err(api.strange(answer.status, "no page").into());
        };
        all.extend(items);
        match answer.body["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(all),
        }
    }
    anyhow::bail!("{path} does not end after {MAX_PAGES} pages")
}
