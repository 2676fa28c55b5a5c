//! `intents list`: in pages, so that a list of any length takes the memory of one.

use std::fmt::Display;
use std::str::FromStr;

use clap::Args;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::api::{Api, Patience, Request};
use super::connection::Connection;
use super::intent::{Status, overview};
use super::stdout;
use crate::cli::output::Usage;
use crate::domain::asset::Destination;
use crate::domain::primitives::{AccountId, TxHash};

/// Items of a page: the most that the API gives.
const PAGE: u64 = 200;
/// Items where nothing is said.
const DEFAULT_ITEMS: u64 = 50;

/// Lists intents, the newest first.
#[derive(Debug, Args)]
pub struct List {
    /// Exactly this status
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Exactly this workflow
    #[arg(long, value_name = "ID")]
    workflow_id: Option<String>,
    /// Exactly this method
    #[arg(long)]
    method: Option<String>,
    /// Exactly this source account
    #[arg(long, value_name = "G…")]
    source: Option<String>,
    /// This account receives by one of the operations
    #[arg(long, value_name = "G…|M…")]
    destination: Option<String>,
    /// One of its transactions or fee bumps has this hash
    #[arg(long)]
    hash: Option<String>,
    /// Accepted after this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    created_after: Option<String>,
    /// At most so many [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "all")]
    limit: Option<u64>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl List {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let filter = self.filter()?;
        let api = at.open()?;
        let most = if self.all {
            u64::MAX
        } else {
            self.limit.unwrap_or(DEFAULT_ITEMS)
        };
        let more = if json {
            print_array(&api, &filter, most).await?
        } else {
            print_tables(&api, &filter, most).await?
        };
        if more && !json {
            eprintln!("there are more: --limit N, or --all");
        }
        Ok(())
    }

    /// The parameters. What cannot be one is not sent, nor repeated: it may be a secret.
    fn filter(&self) -> Result<Request, Usage> {
        check::<AccountId>("--source", self.source.as_deref())?;
        check::<Destination>("--destination", self.destination.as_deref())?;
        check::<TxHash>("--hash", self.hash.as_deref())?;
        if let Some(text) = &self.created_after {
            OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
                Usage(
                    "--created-after is not a time in RFC 3339, such as 2026-11-22T12:00:00Z"
                        .to_owned(),
                )
            })?;
        }
        let status = self.status.map(|status| status.as_str().to_owned());
        let given = [
            ("status", &status),
            ("workflow_id", &self.workflow_id),
            ("method", &self.method),
            ("source", &self.source),
            ("destination", &self.destination),
            ("hash", &self.hash),
            ("created_after", &self.created_after),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        Ok(
            given.fold(Request::get("/v1/intents"), |request, (name, value)| {
                request.with(name, value)
            }),
        )
    }
}

fn check<T: FromStr<Err: Display>>(flag: &str, given: Option<&str>) -> Result<(), Usage> {
    match given.map(str::parse::<T>) {
        Some(Err(error)) => Err(Usage(format!("{flag} {error}"))),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// The pages of a list, up to so many items.
struct Pages<'a> {
    api: &'a Api,
    filter: &'a Request,
    cursor: Option<String>,
    left: u64,
    /// There may be another page.
    more: bool,
}

impl<'a> Pages<'a> {
    const fn new(api: &'a Api, filter: &'a Request, most: u64) -> Self {
        Self {
            api,
            filter,
            cursor: None,
            left: most,
            more: true,
        }
    }

    async fn next(&mut self) -> anyhow::Result<Option<Vec<Value>>> {
        if self.left == 0 || !self.more {
            return Ok(None);
        }
        let limit = self.left.min(PAGE);
        let mut request = self.filter.clone().with("limit", limit.to_string());
        if let Some(cursor) = &self.cursor {
            request = request.with("cursor", cursor);
        }
        let mut answer = self.api.ask(&request, Patience::SHORT).await?;
        let Value::Array(items) = answer.body["items"].take() else {
            return Err(self.api.strange(answer.status, "no page").into());
        };
        self.left = self.left.saturating_sub(items.len() as u64);
        let next = answer.body["next"].as_str().map(str::to_owned);
        if next.is_some() && next == self.cursor {
            return Err(self
                .api
                .strange(answer.status, "the same page for ever")
                .into());
        }
        self.more = next.is_some();
        self.cursor = next;
        Ok(Some(items))
    }
}

/// A table a page; returns whether there are more.
async fn print_tables(api: &Api, filter: &Request, most: u64) -> anyhow::Result<bool> {
    let mut pages = Pages::new(api, filter, most);
    let mut first = true;
    while let Some(items) = pages.next().await? {
        if first || !items.is_empty() {
            stdout::line(overview(&items))?;
        }
        first = false;
    }
    Ok(pages.more)
}

/// One array, an intent a line; returns whether there are more.
async fn print_array(api: &Api, filter: &Request, most: u64) -> anyhow::Result<bool> {
    let mut pages = Pages::new(api, filter, most);
    let mut before = None;
    while let Some(items) = pages.next().await? {
        for item in items {
            match before.replace(item) {
                None => stdout::line("[")?,
                Some(before) => stdout::line(format_args!("{before},"))?,
            }
        }
    }
    match before {
        None => stdout::line("[]")?,
        Some(last) => stdout::line(format_args!("{last}\n]"))?,
    }
    Ok(pages.more)
}
