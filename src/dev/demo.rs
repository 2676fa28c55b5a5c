//! The demo: posts intents with duplicates while the network loses, delays and repeats, then asks the ledger.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::report::{Asked, Report};
use super::stack::{DEV_KEY, Stack, fund, truth};
use crate::domain::primitives::{AccountId, NetworkId};
use crate::domain::tag::Tag;
use crate::signer::SecretKey;
use crate::worker::SYSTEM_TENANT;

/// Posts at once.
const CONCURRENT_POSTS: usize = 32;
/// Accounts that are paid.
const DESTINATIONS: u8 = 8;
/// Every so many-th intent is posted twice at once.
const TWICE_AT_ONCE: usize = 10;
/// Every so many-th is posted again after it has succeeded.
const AGAIN_AFTER_SUCCESS: usize = 7;
/// Intents of a page.
const PAGE: usize = 200;
/// How long everything may take to become final, besides a second an intent.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const POLL: Duration = Duration::from_millis(250);

/// How the demo went.
#[derive(Debug)]
pub struct Outcome {
    /// What the ledger says.
    pub report: Report,
    /// Whether the promise was kept.
    pub right: bool,
}

struct Poster {
    client: reqwest::Client,
    api: String,
}

struct Posted {
    index: usize,
    body: Value,
    duplicates: usize,
    wrong: usize,
}

/// Posts `count` intents and proves from the ledger that each landed exactly once.
///
/// # Errors
/// Where it could not be carried out; a broken promise is an [`Outcome`] that is not right.
pub async fn run(
    stack: &Stack,
    passphrase: &str,
    count: usize,
    seed: u64,
    quiet: bool,
) -> anyhow::Result<Outcome> {
    let destinations = destinations(stack, seed).await?;
    let poster = Arc::new(Poster {
        client: reqwest::Client::new(),
        api: stack.api(),
    });
    let (accepted_bar, final_bar) = bars(count, quiet);
    let begun = tokio::time::Instant::now();

    let posted = post_all(&poster, count, &destinations, seed, &accepted_bar).await?;
    let intents = wait_until_final(&poster, count, &final_bar).await?;
    let span = begun.elapsed();
    let again = post_again(&poster, &posted).await?;
    final_bar.finish();

    let network = NetworkId::of(passphrase);
    let asked: Vec<Asked> = posted
        .iter()
        .map(|posted| {
            let workflow = posted.body["workflow_id"].as_str().unwrap_or_default();
            let operation = &posted.body["operations"][0];
            Asked {
                tag: Tag::derive(network, "default", workflow, "payment").to_string(),
                destination: operation["destination"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                amount: ledger_amount(operation["amount"].as_str().unwrap_or_default()),
            }
        })
        .collect();
    let ledger = truth(&stack.horizon(), stack.source).await?;
    let own = own_tags(stack).await?;
    let mut report = Report::compare(&asked, &ledger, &own);
    report.duplicates = posted.iter().map(|posted| posted.duplicates).sum::<usize>() + again.0;
    report.wrong_replays = posted.iter().map(|posted| posted.wrong).sum::<usize>() + again.1;
    report.time(latencies(&intents), span);
    let right = report.is_right(count);
    Ok(Outcome { report, right })
}

async fn destinations(stack: &Stack, seed: u64) -> anyhow::Result<Vec<AccountId>> {
    let mut all = Vec::new();
    for index in 0..DESTINATIONS {
        let mut bytes = [index + 1; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let account = SecretKey::from_bytes(bytes).account();
        fund(&stack.horizon(), account).await?;
        all.push(account);
    }
    Ok(all)
}

fn bars(count: usize, quiet: bool) -> (ProgressBar, ProgressBar) {
    if quiet {
        return (ProgressBar::hidden(), ProgressBar::hidden());
    }
    let style =
        ProgressStyle::with_template("{prefix:9} {bar:40} {pos:>6}/{len} {rate:>8} {elapsed:>4}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key(
                "rate",
                |state: &ProgressState, text: &mut dyn fmt::Write| {
                    // A line that cannot be written is a bar without a rate.
                    let _ = write!(text, "{:.0}/s", state.per_sec());
                },
            );
    let bars = MultiProgress::new();
    let bar = |name: &'static str| {
        let bar = bars.add(
            ProgressBar::new(count as u64)
                .with_style(style.clone())
                .with_prefix(name),
        );
        bar.tick();
        bar
    };
    (bar("accepted"), bar("final"))
}

/// Seven places, as ledgers write amounts.
fn ledger_amount(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}.{fraction:0<7}")
}

fn body(index: usize, seed: u64, destinations: &[AccountId]) -> Value {
    let destination = destinations[index % destinations.len()];
    json!({
        "workflow_id": format!("demo-{seed}-{index:06}"),
        "operations": [{
            "type": "payment",
            "destination": destination,
            "asset": "native",
            "amount": format!("0.{:05}", 1 + index % 99_999),
        }],
    })
}

async fn post_all(
    poster: &Arc<Poster>,
    count: usize,
    destinations: &[AccountId],
    seed: u64,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<Posted>> {
    let permits = Arc::new(Semaphore::new(CONCURRENT_POSTS));
    let mut tasks = JoinSet::new();
    for index in 0..count {
        let body = body(index, seed, destinations);
        let (poster, permits, bar) = (Arc::clone(poster), Arc::clone(&permits), bar.clone());
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await?;
            let key = format!("demo-{seed}-{index}");
            let (mut duplicates, mut wrong) = (0, 0);
            if index % TWICE_AT_ONCE == 0 {
                let (first, second) =
                    tokio::join!(poster.post(&key, &body), poster.post(&key, &body));
                let (first, second) = (first?, second?);
                duplicates += 1;
                // One intent: each answer is an acceptance, a replay of it, or a request in flight; one id in all.
                let statuses = [first.0, second.0];
                let fine = statuses.contains(&202)
                    && statuses
                        .iter()
                        .all(|status| matches!(status, 200 | 202 | 409));
                let same = first.0 == 409 || second.0 == 409 || first.1["id"] == second.1["id"];
                wrong += usize::from(!(fine && same));
            } else {
                let (status, answer) = poster.post(&key, &body).await?;
                ensure!(
                    status == 202,
                    "intent {index} was answered {status}: {answer}"
                );
            }
            bar.inc(1);
            Ok::<_, anyhow::Error>(Posted {
                index,
                body,
                duplicates,
                wrong,
            })
        });
    }
    let mut posted = Vec::with_capacity(count);
    while let Some(done) = tasks.join_next().await {
        posted.push(done??);
    }
    posted.sort_unstable_by_key(|posted| posted.index);
    bar.finish();
    Ok(posted)
}

/// Posts every seventh again: with its old key, and with a new one. Returns how many, and how many were answered wrongly.
async fn post_again(poster: &Poster, posted: &[Posted]) -> anyhow::Result<(usize, usize)> {
    let (mut duplicates, mut wrong) = (0, 0);
    for posted in posted
        .iter()
        .filter(|posted| posted.index % AGAIN_AFTER_SUCCESS == 0)
    {
        let workflow = posted.body["workflow_id"].as_str().unwrap_or_default();
        let key = format!("{workflow}-again");
        let (status, answer) = poster.post(&key, &posted.body).await?;
        duplicates += 1;
        wrong += usize::from(!(status == 200 && answer["status"] == "succeeded"));
    }
    Ok((duplicates, wrong))
}

impl Poster {
    async fn post(&self, key: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let answer = self
            .client
            .post(format!("{}/v1/intents", self.api))
            .bearer_auth(DEV_KEY)
            .header("Idempotency-Key", key)
            .json(body)
            .send()
            .await
            .context("posting an intent")?;
        let status = answer.status().as_u16();
        Ok((
            status,
            answer
                .json()
                .await
                .context("the answer to a posted intent")?,
        ))
    }

    async fn list(&self, status: Option<&str>, cursor: Option<&str>) -> anyhow::Result<Value> {
        let mut url = format!("{}/v1/intents?limit={PAGE}", self.api);
        for (name, value) in [("status", status), ("cursor", cursor)] {
            if let Some(value) = value {
                url.push_str(&format!("&{name}={value}"));
            }
        }
        let answer = self
            .client
            .get(url)
            .bearer_auth(DEV_KEY)
            .send()
            .await?
            .error_for_status()?;
        Ok(answer.json().await?)
    }

    async fn all(&self) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.list(None, cursor.as_deref()).await?;
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(all),
            }
        }
    }
}

async fn wait_until_final(
    poster: &Poster,
    count: usize,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<Value>> {
    let begun = tokio::time::Instant::now();
    let patience = PATIENCE + Duration::from_secs(count as u64);
    loop {
        let all = poster.all().await?;
        let done = all
            .iter()
            .filter(|intent| !intent["finished_at"].is_null())
            .count();
        bar.set_position(done as u64);
        if done >= count {
            return Ok(all);
        }
        if begun.elapsed() > patience {
            let open = all.iter().find(|intent| intent["finished_at"].is_null());
            bail!(
                "{} of {count} intents are not final; one of them: {}",
                count - done,
                open.unwrap_or(&Value::Null)
            );
        }
        tokio::time::sleep(POLL).await;
    }
}

fn latencies(intents: &[Value]) -> Vec<Duration> {
    let at =
        |intent: &Value, name: &str| OffsetDateTime::parse(intent[name].as_str()?, &Rfc3339).ok();
    intents
        .iter()
        .filter_map(|intent| {
            let span = at(intent, "finished_at")? - at(intent, "created_at")?;
            span.try_into().ok()
        })
        .collect()
}

/// The tags of the submitter's own work: channels that it made.
async fn own_tags(stack: &Stack) -> anyhow::Result<HashSet<String>> {
    let rows = stack
        .daemon
        .store
        .intents(
            SYSTEM_TENANT,
            &crate::store::intents::IntentFilter::default(),
            10_000,
        )
        .await?;
    Ok(rows
        .iter()
        .filter_map(|row| row.tag.map(|tag| tag.to_string()))
        .collect())
}
