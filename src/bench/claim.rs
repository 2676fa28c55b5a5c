//! `claim`: how long it takes to take intents up, while finished ones pile up in the table.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::plot::{self, Plot, Series};
use super::progress::Progress;
use super::report::{self, Outcome};
use super::taken::{attempt, settlement};
use super::world;
use crate::domain::primitives::{AccountId, ChainTime, Sequence};
use crate::sandbox;
use crate::store::Store;
use crate::store::accept::Lane;

/// Rounds before those that count.
const WARMUP_ROUNDS: u32 = 30;
/// Due intents that are always there.
const STANDING: i64 = 10_000;
/// Rows of one statement that fills.
const FILL_ROWS: i64 = 100_000;
/// Bytes that a finished intent takes on disk at most, with its indexes.
const BYTES_PER_ROW: u64 = 1_700;
/// Bytes of log at most, before a checkpoint frees them, and bytes that must stay free besides.
const LOG_BYTES: u64 = 1 << 30;
const SPARE_BYTES: u64 = 128 << 20;
/// The lease: longer than any of this takes, so that it is never renewed.
const LEASE_SECONDS: f64 = 86_400.0;
/// Times are told apart up to a minute, in microseconds, to three digits.
const MAX_US: u64 = 60_000_000;
const DIGITS: u8 = 3;
/// Sequence numbers begin here.
const FIRST_SEQUENCE: i64 = 1 << 40;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// Finished intents, one measurement with each number.
    pub rows: Vec<u64>,
    /// Idle channels.
    pub channels: u32,
    /// Rounds that count.
    pub rounds: u32,
    /// Intents of a round.
    pub batch: u32,
    /// Where the plot goes.
    pub plot: Option<PathBuf>,
}

/// With so many finished intents.
#[derive(Debug, Serialize)]
struct Run {
    /// Finished intents when it began.
    rows: u64,
    /// Bytes of the table with its indexes.
    table_bytes: i64,
    /// Rounds that count, and intents of each.
    rounds: u32,
    batch: u32,
    /// `Store::claim`: due intents and idle channels are paired and held.
    claim_ms: Times,
    /// `Claim::commit`: their attempts are put on record.
    commit_ms: Times,
    /// `Store::settle`: they have landed.
    settle_ms: Times,
}

/// In milliseconds.
#[derive(Debug, Serialize)]
struct Times {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

impl Times {
    fn of(times: &Histogram<u64>) -> Self {
        let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|q| times.value_at_quantile(q) as f64 / 1e3);
        let max = times.max() as f64 / 1e3;
        Self { p50, p95, p99, max }
    }
}

/// How the store is called, and for how long.
struct Bench<'a> {
    store: &'a Store,
    options: &'a Options,
    worker: Uuid,
    account: String,
    filled: i64,
    due: i64,
    progress: Progress,
}

/// Fills the table further and further, and measures in between.
///
/// # Errors
/// Where it could not be carried out.
pub async fn run(options: &Options) -> anyhow::Result<Outcome> {
    let (postgres, store, durability) = world::database().await?;
    let mut sizes = options.rows.clone();
    sizes.sort_unstable();
    let largest = sizes.last().copied().context("no number of rows")?;
    let disk = rustix::fs::statvfs(postgres.folder()).context("the temporary folder")?;
    let (free, rows) = (disk.f_bavail * disk.f_frsize, largest * BYTES_PER_ROW);
    let needed = rows + rows.min(LOG_BYTES) + SPARE_BYTES;
    ensure!(
        free > needed,
        "{largest} rows may take {} MB of disk, and {} MB are free",
        needed >> 20,
        free >> 20
    );
    let worker = prepare(&store, options).await?;
    let mut bench = Bench {
        store: &store,
        options,
        worker,
        account: AccountId([0xbe; 32]).to_string(),
        filled: 0,
        due: 0,
        progress: Progress::start(),
    };
    let mut runs: Vec<Run> = Vec::new();
    for rows in sizes {
        runs.push(bench.measure(rows).await?);
    }
    let first = runs.first().context("no number of rows")?;
    let ratios: Vec<_> = runs
        .iter()
        .map(|run| {
            let (p50, p99) = (
                run.claim_ms.p50 / first.claim_ms.p50,
                run.claim_ms.p99 / first.claim_ms.p99,
            );
            json!({"rows": run.rows, "p50": p50, "p99": p99})
        })
        .collect();
    if let Some(path) = &options.plot {
        draw(path, &runs, options.batch)?;
    }
    let settings = json!({
        "rows": options.rows, "channels": options.channels, "rounds": options.rounds, "batch": options.batch,
        "warmup_rounds": WARMUP_ROUNDS, "standing_queue": STANDING,
        "filled": "intents alone; attempts and events of this bench's own rounds come on top",
    });
    let figures = json!({"runs": runs, "claim_compared_with_the_smallest": ratios});
    report::outcome(
        "claim",
        &durability,
        &settings,
        &figures,
        &table(&runs),
        None,
    )
}

/// Ties the records to a network, takes a lease and makes channels.
async fn prepare(store: &Store, options: &Options) -> anyhow::Result<Uuid> {
    store
        .tie_to_network(&sandbox::Config::default().passphrase)
        .await?;
    store.note_explained(0).await?;
    let worker = Uuid::now_v7();
    store.begin_lease(worker, "bench", LEASE_SECONDS).await?;
    for index in 0..options.channels {
        let account = AccountId(Sha256::digest(index.to_be_bytes()).into());
        let index = i32::try_from(index)?;
        store
            .add_channel(account, Some(index), Sequence(FIRST_SEQUENCE))
            .await?;
    }
    Ok(worker)
}

impl Bench<'_> {
    async fn measure(&mut self, rows: u64) -> anyhow::Result<Run> {
        self.fill(i64::try_from(rows)?).await?;
        let rounds = i64::from(self.options.rounds + WARMUP_ROUNDS);
        let wanted = rounds * i64::from(self.options.batch) + STANDING;
        let missing = wanted - self.store.due_count().await?;
        let until = self.due + missing.max(0);
        self.store.fill_due(self.due, until, &self.account).await?;
        self.due = until;
        self.progress.say(format!("{rows} rows: vacuum"));
        self.store.tidy_up().await?;
        let table_bytes = self.store.intents_bytes().await?;
        let times = || Histogram::new_with_bounds(1, MAX_US, DIGITS);
        let (mut claim, mut commit, mut settle) = (times()?, times()?, times()?);
        for round in 0..self.options.rounds + WARMUP_ROUNDS {
            let took = self.round().await?;
            if round % 50 == 0 {
                self.progress.say(format!("{rows} rows: round {round}"));
            }
            if round >= WARMUP_ROUNDS {
                claim.saturating_record(micros(took.0));
                commit.saturating_record(micros(took.1));
                settle.saturating_record(micros(took.2));
            }
        }
        Ok(Run {
            rows,
            table_bytes,
            rounds: self.options.rounds,
            batch: self.options.batch,
            claim_ms: Times::of(&claim),
            commit_ms: Times::of(&commit),
            settle_ms: Times::of(&settle),
        })
    }

    async fn fill(&mut self, rows: i64) -> anyhow::Result<()> {
        while self.filled < rows {
            let until = (self.filled + FILL_ROWS).min(rows);
            self.store
                .fill_finished(self.filled, until, &self.account)
                .await?;
            self.filled = until;
            self.progress.say(format!("{until} of {rows} rows filled"));
        }
        Ok(())
    }

    /// Takes a batch up, puts its attempts on record, settles them.
    async fn round(&self) -> anyhow::Result<(Duration, Duration, Duration)> {
        let batch = self.options.batch;
        let begun = Instant::now();
        let claim = self
            .store
            .claim(
                self.worker,
                Lane::User,
                "channel",
                ChainTime(0),
                i64::from(batch),
            )
            .await?;
        let claimed = begun.elapsed();
        let attempts = claim.claimed.iter().map(attempt);
        let attempts: Vec<_> = attempts.collect::<anyhow::Result<_>>()?;
        if attempts.len() != usize::try_from(batch)? {
            bail!("{} of {batch} intents were claimed", attempts.len());
        }
        let settlements: Vec<_> = attempts.iter().map(settlement).collect();
        let begun = Instant::now();
        claim.commit(&attempts).await?;
        let committed = begun.elapsed();
        let begun = Instant::now();
        let settled = self.store.settle(self.worker, &settlements).await?;
        let took = begun.elapsed();
        ensure!(
            settled.len() == settlements.len(),
            "{} of {batch} were settled",
            settled.len()
        );
        Ok((claimed, committed, took))
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(MAX_US)
}

fn table(runs: &[Run]) -> comfy_table::Table {
    let mut table = report::table(
        "finished intents",
        runs.iter().map(|run| run.rows.to_string()),
    );
    type Value = fn(&Run) -> f64;
    let lines: [(&str, Value); 6] = [
        ("claim p50, ms", |run| run.claim_ms.p50),
        ("claim p95, ms", |run| run.claim_ms.p95),
        ("claim p99, ms", |run| run.claim_ms.p99),
        ("commit p50, ms", |run| run.commit_ms.p50),
        ("settle p50, ms", |run| run.settle_ms.p50),
        ("table and indexes, MB", |run| run.table_bytes as f64 / 1e6),
    ];
    for (name, value) in lines {
        let values = runs.iter().map(|run| format!("{:.2}", value(run)));
        report::line(&mut table, name, values);
    }
    let smallest = runs.first().map_or(f64::NAN, |run| run.claim_ms.p99);
    let ratios = runs
        .iter()
        .map(|run| format!("{:.2}", run.claim_ms.p99 / smallest));
    report::line(&mut table, "claim p99 by that with the fewest", ratios);
    table
}

fn draw(path: &std::path::Path, runs: &[Run], batch: u32) -> anyhow::Result<()> {
    let series = |name: &str, pick: fn(&Times) -> f64| Series {
        name: name.to_owned(),
        points: runs
            .iter()
            .map(|run| (run.rows as f64, pick(&run.claim_ms)))
            .collect(),
    };
    plot::draw(
        path,
        &Plot {
            title: format!("Time to claim {batch} intents, by finished intents in the table"),
            x: "finished intents in the table (logarithmic)".to_owned(),
            y: "time of a claim, ms".to_owned(),
            logarithmic: true,
            series: vec![
                series("p50", |times| times.p50),
                series("p99", |times| times.p99),
            ],
        },
    )
}
