//! `intents watch`: every change of one intent, until it is final.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Api, Patience, Request};
use super::connection::Connection;
use super::intent::{Intent, Status, particulars, text};
use super::stdout;
use super::timeline::events;
use super::which::Which;

/// Between two looks.
const POLL: Duration = Duration::from_millis(500);
/// Seconds for which it is watched where nothing is said: a day.
pub const DEFAULT_TIMEOUT_SECONDS: u64 = 86_400;

/// Follows an intent until it is final.
#[derive(Debug, Args)]
pub struct Watch {
    #[command(flatten)]
    which: Which,
    /// Seconds after which it gives up
    #[arg(long, value_name = "S", default_value_t = DEFAULT_TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    timeout: u64,
}

impl Watch {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let api = at.open()?;
        let path = self.which.path(&api).await?;
        let end = Instant::now() + Duration::from_secs(self.timeout);
        let intent = follow(&api, &path, end, json).await?;
        match intent.status {
            Status::Succeeded => Ok(()),
            status if status.is_final() => {
                bail!("the intent {} is {status}: {}", intent.id, intent.because())
            }
            status => bail!(
                "the intent {} is still {status} after {} s",
                intent.id,
                self.timeout
            ),
        }
    }
}

/// Shows each change; returns the intent once it is final, or as it is at the end.
async fn follow(api: &Api, path: &str, end: Instant, json: bool) -> anyhow::Result<Intent> {
    let mut etag: Option<String> = None;
    let mut shown: Option<String> = None;
    let mut last: Option<Intent> = None;
    loop {
        let request = Request::get(path).unless(etag.as_deref());
        let answer = api.ask(&request, Patience::LONG).await?;
        if answer.status != StatusCode::NOT_MODIFIED {
            let intent = Intent::of(api, &answer)?;
            // Read after the intent: what the intent shows is among them.
            for event in events(api, path, shown.clone(), Patience::LONG).await? {
                show_event(&event, json)?;
                shown = Some(text(&event, "/id"));
            }
            let before = last.as_ref().map(|intent| intent.status);
            if before != Some(intent.status) {
                show_status(&answer.body, &intent, json)?;
            }
            if intent.status.is_final() {
                return Ok(intent);
            }
            etag = answer.etag;
            last = Some(intent);
        }
        if Instant::now() >= end
            && let Some(intent) = last
        {
            return Ok(intent);
        }
        tokio::time::sleep_until(end.min(Instant::now() + POLL)).await;
    }
}

fn show_event(event: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        stdout::line(json!({"event": event}))?;
        return Ok(());
    }
    let (at, kind) = (text(event, "/at"), text(event, "/type"));
    let line = format!("{at:30} {kind:24} {}", particulars(&event["data"]));
    stdout::line(line.trim_end())?;
    Ok(())
}

fn show_status(body: &Value, intent: &Intent, json: bool) -> anyhow::Result<()> {
    if json {
        stdout::line(json!({"intent": body}))?;
        return Ok(());
    }
    let outcome = if intent.status == Status::Succeeded {
        let (hash, ledger) = (
            text(&intent.transaction, "/hash"),
            text(&intent.transaction, "/ledger"),
        );
        format!("ledger {ledger} hash {hash}")
    } else {
        intent.because()
    };
    let at = text(body, "/updated_at");
    let line = format!("{at:30} {:24} {outcome}", format!("is {}", intent.status));
    stdout::line(line.trim_end())?;
    Ok(())
}
