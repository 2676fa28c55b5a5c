//! `accept` and `bulk`: how fast intents are put on record, and what one costs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::json;

use super::load::{Counts, Load, Plan, Shape, Template};
use super::meter::{self, Costs, MemoryFigures};
use super::progress::Progress;
use super::report::{self, Outcome};
use super::truth::TENANT;
use super::world::{self, World};

/// Quantiles that are told.
const QUANTILES: [f64; 3] = [0.50, 0.95, 0.99];

/// What is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seconds that count.
    pub seconds: u64,
    /// Seconds before, that do not.
    pub warmup: u64,
    /// Connections of the load.
    pub connections: usize,
    /// Intents a request.
    pub shape: Shape,
    /// Daemons on the one database.
    pub daemons: u32,
    /// KEY=VALUE of their configuration.
    pub set: Vec<(String, String)>,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Figures {
    /// Answered 202 in the time that counts.
    accepted: u64,
    intents_per_second: f64,
    /// How long a request took to be answered, in milliseconds.
    request_ms: Latency,
    #[serde(flatten)]
    costs: Costs,
    memory: MemoryFigures,
    /// Bytes of an intent's body.
    body_bytes: usize,
    /// Over the whole run, warm-up included.
    whole_run: Counts,
    /// Intents on record at the end: as many as were accepted.
    on_record: i64,
    measured: &'static str,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

impl Latency {
    fn of(micros: &Histogram<u64>) -> Self {
        let [p50, p95, p99] = QUANTILES.map(|q| micros.value_at_quantile(q) as f64 / 1e3);
        let max = micros.max() as f64 / 1e3;
        Self { p50, p95, p99, max }
    }
}

/// Posts as fast as the daemon takes it.
///
/// # Errors
/// Where it could not be carried out.
pub async fn run(options: &Options) -> anyhow::Result<Outcome> {
    let progress = Progress::start();
    progress.say("starting PostgreSQL, the sandbox ledger and the daemons");
    let mut world = World::start(&world::Options {
        channels: 0,
        daemons: options.daemons,
        ledger_seconds: 1.0,
        set: options.set.clone(),
    })
    .await?;
    ensure!(
        options.shape == Shape::Single || world.takes_bulk().await?,
        "the daemon has no POST /v1/intents/bulk"
    );
    let figures = measure(options, &mut world, &progress).await?;
    let whole_run = &figures.whole_run;
    let expected = whole_run.accepted + whole_run.existing;
    let wrong = (u64::try_from(figures.on_record) != Ok(expected)).then(|| {
        let found = figures.on_record;
        format!("{expected} intents were accepted, and {found} are on record")
    });
    let name = match options.shape {
        Shape::Single => "accept",
        Shape::Bulk(_) => "bulk",
    };
    let settings = json!({
        "seconds": options.seconds, "warmup_seconds": options.warmup, "connections": options.connections,
        "rows": options.shape.rows(), "daemons": options.daemons, "configuration": world.settings,
    });
    report::outcome(
        name,
        &world.durability,
        &settings,
        &figures,
        &table(name, &figures),
        wrong,
    )
}

async fn measure(
    options: &Options,
    world: &mut World,
    progress: &Progress,
) -> anyhow::Result<Figures> {
    let templates = world.daemons.iter().map(|daemon| {
        let template = Template::new(daemon.api, world.destination, true);
        (daemon.api, template)
    });
    let templates: Vec<_> = templates.collect();
    let body_bytes = templates[0].1.body_bytes();
    let mut memory = MemoryFigures::begin(world)?;
    let mut load = Load::start(Plan {
        templates,
        connections: options.connections,
        shape: options.shape,
    })?;
    let tally = Arc::clone(&load.tally);
    load.tickets.grant_all();
    progress.say("warming up");
    let warmup = Duration::from_secs(options.warmup);
    memory
        .watch(world, warmup, async |_| load.check().await)
        .await?;

    tally.record(true);
    let begin = meter::read(world, &tally).await?;
    let span = Duration::from_secs(options.seconds);
    let watched = memory.watch(world, span, async |passed| {
        let accepted = tally.counts().accepted - begin.counts.accepted;
        let rate = accepted as f64 / passed.as_secs_f64();
        progress.say(format!("{rate:.0} intents a second"));
        load.check().await
    });
    watched.await?;
    tally.record(false);
    let end = meter::read(world, &tally).await?;
    progress.say("counting what is on record");
    let latencies = load.finish().await?;

    let accepted = end.counts.accepted - begin.counts.accepted;
    let costs = meter::costs(&begin, &end, accepted);
    Ok(Figures {
        accepted,
        intents_per_second: accepted as f64 / costs.seconds,
        request_ms: Latency::of(&latencies),
        costs,
        memory,
        body_bytes,
        whole_run: tally.counts(),
        on_record: world.store.outcomes(TENANT).await?.recorded,
        measured: "accepting alone: each intent has not_before in the year 2100, so the engine, which is woken, finds nothing due",
    })
}

fn table(name: &str, figures: &Figures) -> comfy_table::Table {
    let mut table = report::table(name, [String::new()]);
    let mut line = |name: &str, value: String| report::line(&mut table, name, [value]);
    line(
        "intents accepted a second",
        format!("{:.0}", figures.intents_per_second),
    );
    let latency = &figures.request_ms;
    line(
        "request p50 / p95 / p99, ms",
        format!(
            "{:.2} / {:.2} / {:.2}",
            latency.p50, latency.p95, latency.p99
        ),
    );
    line("accepted", figures.accepted.to_string());
    line(
        "on record (all that were accepted, warm-up too)",
        figures.on_record.to_string(),
    );
    line(
        "peak RSS of the daemons",
        report::megabytes(figures.memory.peak_bytes),
    );
    report::cost_lines(&mut table, &[&figures.costs]);
    table
}
