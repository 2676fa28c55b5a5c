//! What it costs: readings of CPU time, log, commits and requests; the difference of two, for each intent.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use time::OffsetDateTime;

use super::load::{Counts, Tally};
use super::usage::{self, Cpu, Memory};
use super::world::{API_KEY, World};
use crate::store::figures::Totals;

/// Microseconds of a second.
const MICROS: f64 = 1e6;
/// Milliseconds of a second.
const MILLIS: f64 = 1e3;
/// Samples of memory that are kept: an hour of them.
const MAX_SAMPLES: usize = 3_600;
/// Between two.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// How everything stands.
#[derive(Clone, Debug)]
pub struct Reading {
    /// When, here.
    pub at: Instant,
    /// The database, with its own clock.
    pub database: Totals,
    /// What the load has counted.
    pub counts: Counts,
    daemons: Cpu,
    postgres: Cpu,
    sandbox: Cpu,
    load: Cpu,
    horizon_requests: f64,
}

/// One value for each process.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Each<T> {
    /// All daemons together.
    pub daemon: T,
    /// PostgreSQL with all its processes.
    pub postgres: T,
    /// The sandbox ledger.
    pub sandbox: T,
    /// The load, and whoever measures.
    pub load: T,
}

impl<T> Each<T> {
    fn map<U>(self, f: impl Fn(T) -> U) -> Each<U> {
        Each {
            daemon: f(self.daemon),
            postgres: f(self.postgres),
            sandbox: f(self.sandbox),
            load: f(self.load),
        }
    }
}

/// What a span of time cost.
#[derive(Clone, Debug, Serialize)]
pub struct Costs {
    /// How long it was, in seconds.
    pub seconds: f64,
    /// CPU time used in it, in seconds.
    pub cpu_seconds: Each<Cpu>,
    /// For how many intents.
    pub intents: u64,
    /// For one of them.
    pub per_intent: Option<PerIntent>,
}

/// What one intent cost.
#[derive(Clone, Debug, Serialize)]
pub struct PerIntent {
    /// CPU time in microseconds.
    pub cpu_us: Each<f64>,
    /// The same in milliseconds.
    pub cpu_ms: Each<f64>,
    /// Bytes of PostgreSQL's log.
    pub wal_bytes: f64,
    /// Commits, of reading transactions too.
    pub commits: f64,
    /// Requests to Horizon.
    pub horizon_requests: f64,
    /// Requests to the API.
    pub api_requests: f64,
}

/// Memory of the daemons, over a span of time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MemoryFigures {
    /// Resident before any load, in bytes.
    pub before_bytes: u64,
    /// The most that ever was resident (VmHWM), in bytes; of several daemons their sum.
    pub peak_bytes: u64,
    /// The most attempts in flight.
    pub most_in_flight: u64,
    /// How much more was resident at most than before, for each attempt in flight at most.
    pub growth_bytes_per_in_flight: Option<f64>,
    /// Each second.
    pub samples: Vec<Sample>,
}

/// Memory at one time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    /// Seconds since the span began.
    pub second: f64,
    /// Resident, in bytes; of several daemons their sum.
    pub resident_bytes: u64,
    /// Attempts in flight.
    pub in_flight: u64,
}

/// Takes a reading.
///
/// # Errors
/// Where a process has ended, or the database is away.
pub async fn read(world: &World, tally: &Tally) -> anyhow::Result<Reading> {
    let pids = world.pids();
    let (horizon_requests, _) = metrics(world).await?;
    let daemons: anyhow::Result<Vec<Cpu>> =
        pids.daemons.iter().map(|pid| usage::cpu_of(*pid)).collect();
    Ok(Reading {
        horizon_requests,
        daemons: daemons?.into_iter().sum(),
        postgres: usage::cpu_of_family(pids.postgres)?,
        sandbox: usage::cpu_of(pids.sandbox)?,
        load: usage::cpu_of(std::process::id())?,
        counts: tally.counts(),
        database: world.store.totals().await?,
        at: Instant::now(),
    })
}

/// What lies between two readings, for so many intents.
pub fn costs(begin: &Reading, end: &Reading, intents: u64) -> Costs {
    let cpu = Each {
        daemon: end.daemons - begin.daemons,
        postgres: end.postgres - begin.postgres,
        sandbox: end.sandbox - begin.sandbox,
        load: end.load - begin.load,
    };
    let each = |value: f64| value / intents as f64;
    let requests = end.counts.requests - begin.counts.requests;
    let per_intent = (intents > 0).then(|| PerIntent {
        cpu_us: cpu.map(|cpu| each(cpu.total()) * MICROS),
        cpu_ms: cpu.map(|cpu| each(cpu.total()) * MILLIS),
        wal_bytes: each((end.database.wal_bytes - begin.database.wal_bytes) as f64),
        commits: each((end.database.commits - begin.database.commits) as f64),
        horizon_requests: each(end.horizon_requests - begin.horizon_requests),
        api_requests: each(requests as f64),
    });
    Costs {
        seconds: (end.at - begin.at).as_secs_f64(),
        cpu_seconds: cpu,
        intents,
        per_intent,
    }
}

impl Reading {
    /// The span between two readings, on the database's clock.
    pub fn span(&self, end: &Self) -> (OffsetDateTime, OffsetDateTime) {
        (self.database.at, end.database.at)
    }
}

/// Requests to Horizon so far, and attempts in flight now, of all daemons.
async fn metrics(world: &World) -> anyhow::Result<(f64, f64)> {
    let (mut requests, mut in_flight) = (0.0, 0.0);
    for daemon in &world.daemons {
        let url = format!("http://{}/metrics", daemon.api);
        let answer = world.client.get(url).bearer_auth(API_KEY).send();
        let text = answer.await?.error_for_status()?.text().await?;
        requests += sum_of(&text, "submitter_horizon_requests_total");
        in_flight += sum_of(&text, "submitter_in_flight");
    }
    Ok((requests, in_flight))
}

/// The sum of a metric over all its labels, in Prometheus' text.
fn sum_of(text: &str, name: &str) -> f64 {
    text.lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with([' ', '{']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

impl MemoryFigures {
    /// Before any load.
    ///
    /// # Errors
    /// Where a daemon has ended.
    pub fn begin(world: &World) -> anyhow::Result<Self> {
        let before = memory(world)?.resident;
        Ok(Self {
            before_bytes: before,
            peak_bytes: before,
            ..Self::default()
        })
    }

    /// Watches for so long, a sample each second; `look` is called with each.
    ///
    /// # Errors
    /// Where a process has ended, or `look` fails.
    pub async fn watch(
        &mut self,
        world: &mut World,
        span: Duration,
        mut look: impl AsyncFnMut(Duration) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let left = span.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left.min(SAMPLE_EVERY)).await;
            world.check()?;
            self.sample(world, begun).await?;
            look(begun.elapsed()).await?;
        }
        Ok(())
    }

    /// The most that was resident in any sample, in bytes.
    pub fn most_resident(&self) -> u64 {
        let all = self.samples.iter().map(|sample| sample.resident_bytes);
        all.max().unwrap_or(0)
    }

    async fn sample(&mut self, world: &World, begun: Instant) -> anyhow::Result<()> {
        let (_, in_flight) = metrics(world).await?;
        let memory = memory(world)?;
        let sample = Sample {
            second: begun.elapsed().as_secs_f64(),
            resident_bytes: memory.resident,
            in_flight: in_flight as u64,
        };
        // The kernel keeps VmHWM less exactly than VmRSS: it can be a few pages below.
        self.peak_bytes = self.peak_bytes.max(memory.peak).max(memory.resident);
        self.most_in_flight = self.most_in_flight.max(sample.in_flight);
        if self.samples.len() < MAX_SAMPLES {
            self.samples.push(sample);
        }
        let most = self
            .samples
            .iter()
            .map(|sample| sample.resident_bytes)
            .max();
        let growth = most.unwrap_or(0).saturating_sub(self.before_bytes);
        self.growth_bytes_per_in_flight =
            (self.most_in_flight > 0).then(|| growth as f64 / self.most_in_flight as f64);
        Ok(())
    }
}

fn memory(world: &World) -> anyhow::Result<Memory> {
    let mut sum = Memory::default();
    for daemon in &world.daemons {
        let one = usage::memory_of(daemon.pid()).context("the daemon's memory")?;
        sum.resident += one.resident;
        sum.peak += one.peak;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::sum_of;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_no_other_is() {
        let text = "# TYPE requests_total counter\nrequests_total{call=\"a b\"} 3\nrequests_total{call=\"c\"} 4\n\
                    requests_total_more 100\nrequests 7\n";
        assert!((sum_of(text, "requests_total") - 7.0).abs() < f64::EPSILON);
        assert!((sum_of(text, "requests") - 7.0).abs() < f64::EPSILON);
        assert!(sum_of(text, "nothing").abs() < f64::EPSILON);
    }
}
