//! Follows the sandbox's ledgers: what has landed, from the ledger and not from the records.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::world::World;

/// Between two looks for new ledgers.
const POLL: Duration = Duration::from_millis(100);
/// Ledgers of a page.
const PAGE: u32 = 200;
/// Ledgers that are kept: a day of them at one a second.
const MAX_LEDGERS: usize = 86_400;

/// A ledger that has closed.
#[derive(Clone, Debug, Serialize)]
pub struct Closed {
    /// Its number.
    pub ledger: u32,
    /// Successful transactions.
    pub landed: u64,
    /// Failed ones.
    pub failed: u64,
    /// When we saw it.
    #[serde(skip)]
    pub seen: Instant,
}

/// The ledgers that have closed since it was started. Dropping it stops it.
pub struct Follower {
    landed: Arc<AtomicU64>,
    closed: Arc<Mutex<Vec<Closed>>>,
    task: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "_embedded")]
    embedded: Embedded,
}

#[derive(Deserialize)]
struct Embedded {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    sequence: u32,
    paging_token: String,
    successful_transaction_count: u64,
    failed_transaction_count: u64,
}

async fn page(client: &reqwest::Client, url: &str) -> anyhow::Result<Vec<Record>> {
    let answer = client.get(url).send().await?.error_for_status()?;
    let page: Page = answer.json().await.context("a page of ledgers")?;
    Ok(page.embedded.records)
}

impl Follower {
    /// Begins with the ledger after the newest.
    ///
    /// # Errors
    /// Where the sandbox does not answer.
    pub async fn start(world: &World) -> anyhow::Result<Self> {
        let (client, horizon) = (world.client.clone(), world.horizon.clone());
        let newest = page(&client, &format!("{horizon}/ledgers?order=desc&limit=1")).await?;
        let mut cursor = newest.last().context("no ledger")?.paging_token.clone();
        let landed = Arc::new(AtomicU64::new(0));
        let closed = Arc::new(Mutex::new(Vec::new()));
        let (sum, all) = (Arc::clone(&landed), Arc::clone(&closed));
        let task = tokio::spawn(async move {
            loop {
                let url = format!("{horizon}/ledgers?order=asc&limit={PAGE}&cursor={cursor}");
                // One that is not answered is asked for again.
                for record in page(&client, &url).await.unwrap_or_default() {
                    sum.fetch_add(record.successful_transaction_count, Ordering::AcqRel);
                    cursor = record.paging_token;
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    if all.len() < MAX_LEDGERS {
                        all.push(Closed {
                            ledger: record.sequence,
                            landed: record.successful_transaction_count,
                            failed: record.failed_transaction_count,
                            seen: Instant::now(),
                        });
                    }
                }
                tokio::time::sleep(POLL).await;
            }
        });
        Ok(Self {
            landed,
            closed,
            task,
        })
    }

    /// Successful transactions so far; grows as ledgers close.
    pub fn landed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.landed)
    }

    /// How many ledgers were seen.
    pub fn count(&self) -> usize {
        let all = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        all.len()
    }

    /// The ledgers that were seen between two times.
    pub fn between(&self, from: Instant, to: Instant) -> Vec<Closed> {
        let all = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter(|closed| closed.seen >= from && closed.seen < to)
            .cloned()
            .collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}
