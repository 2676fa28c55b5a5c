//! `drive`: how many intents land and are final, what one costs, and how long it takes from accept to final.

use std::path::{Path, PathBuf};
use std::time::Duration;

use comfy_table::Table;
use serde::Serialize;
use serde_json::json;

use super::load::Counts;
use super::meter::MemoryFigures;
use super::plot::{self, Plot, Series};
use super::progress::Progress;
use super::report::{self, Outcome, number};
use super::session::{Pace, Posting, Session, Window};
use super::truth::Proof;
use super::world::{self, World};
use crate::store::figures::Durability;

/// Accepted and not landed at any time, for each channel: one lands, two wait.
const AHEAD_PER_CHANNEL: u64 = 3;
/// The least of them.
const MIN_AHEAD: u64 = 10;
/// How long filling the queue may take.
const QUEUE_LIMIT: Duration = Duration::from_secs(1_800);

/// What is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// Channels; a run for each, in a world of its own.
    pub channels: Vec<u32>,
    /// Seconds that count.
    pub seconds: u64,
    /// Seconds before, that do not.
    pub warmup: u64,
    /// Intents offered a second; `None`: the queue is kept full.
    pub rate: Option<u32>,
    /// Instead of landing: so many are queued, with one channel, and memory is looked at.
    pub queued: Option<u64>,
    /// How intents are posted.
    pub posting: Posting,
    /// Seconds between ledgers.
    pub ledger_seconds: f64,
    /// Daemons on the one database.
    pub daemons: u32,
    /// KEY=VALUE of their configuration.
    pub set: Vec<(String, String)>,
    /// Where the plot goes.
    pub plot: Option<PathBuf>,
}

/// What was found with so many channels.
#[derive(Debug, Serialize)]
struct Run {
    channels: u32,
    #[serde(flatten)]
    window: Window,
    /// Of the span that counts, in ledgers.
    p99_ledgers: Option<f64>,
    /// Over the whole run.
    whole_run: Counts,
    proof: Proof,
    /// Peak of the daemons' memory until everything was final, in bytes.
    peak_rss_bytes: u64,
}

/// What was found with a full queue and one channel.
#[derive(Debug, Serialize)]
struct Queued {
    queued: u64,
    memory: MemoryFigures,
    whole_run: Counts,
    proof: Proof,
}

impl Options {
    fn world(&self, channels: u32) -> world::Options {
        world::Options {
            channels,
            daemons: self.daemons,
            ledger_seconds: self.ledger_seconds,
            set: self.set.clone(),
        }
    }

    fn settings(&self, world: &World, posted: &str) -> serde_json::Value {
        json!({
            "channels": self.channels, "seconds": self.seconds, "warmup_seconds": self.warmup, "rate": self.rate,
            "queued": self.queued, "posted": posted, "ledger_seconds": self.ledger_seconds, "daemons": self.daemons,
            "configuration": world.settings,
            "steady": format!("the first {} s of load, in which the queue fills, are left out", self.warmup),
        })
    }
}

/// How intents were posted, in words.
fn posted(session: &Session) -> String {
    match session.shape {
        super::Shape::Single => "one a request".to_owned(),
        super::Shape::Bulk(rows) => format!("up to {rows} a request"),
    }
}

/// So many accepted and not landed keep so many channels busy.
pub fn full(channels: u32) -> Pace {
    Pace::Full {
        ahead: (u64::from(channels) * AHEAD_PER_CHANNEL).max(MIN_AHEAD),
    }
}

/// Runs with each number of channels.
///
/// # Errors
/// Where it could not be carried out.
pub async fn run(options: &Options) -> anyhow::Result<Outcome> {
    if let Some(queued) = options.queued {
        return run_queued(options, queued).await;
    }
    let mut runs = Vec::new();
    let mut ground: Option<(Durability, serde_json::Value)> = None;
    for channels in &options.channels {
        let (run, world, posted) = run_with(options, *channels).await?;
        ground = Some((world.durability.clone(), options.settings(&world, &posted)));
        runs.push(run);
    }
    let (durability, settings) = ground.ok_or_else(|| anyhow::anyhow!("no number of channels"))?;
    let wrong = runs
        .iter()
        .find(|run| !run.proof.is_right())
        .map(|run| wrong(&run.proof));
    if let Some(path) = &options.plot {
        draw(path, &runs, options.ledger_seconds)?;
    }
    let figures = json!({
        "runs": runs,
        "rss_bytes_for_each_more_in_flight": slope(&runs),
    });
    report::outcome(
        "drive",
        &durability,
        &settings,
        &figures,
        &table(&runs),
        wrong,
    )
}

/// What is wrong, in words.
pub fn wrong(proof: &Proof) -> String {
    format!(
        "twice {}, lost {}, unasked {}, failed {}",
        proof.twice, proof.lost, proof.unasked, proof.records.failed
    )
}

async fn run_with(options: &Options, channels: u32) -> anyhow::Result<(Run, World, String)> {
    let progress = Progress::start();
    let what = format!("{channels} channels");
    progress.say(format!("{what}: starting"));
    let world = World::start(&options.world(channels)).await?;
    let pace = options.rate.map_or_else(|| full(channels), Pace::Rate);
    let mut session = Session::start(world, pace, options.posting).await?;
    let posted = posted(&session);
    let warmup = Duration::from_secs(options.warmup);
    session.warm_up(warmup, &progress, &what).await?;
    let span = Duration::from_secs(options.seconds);
    let window = session.window(span, &progress, &what).await?;
    let ended = session.finish(true, &progress).await?;
    let p99 = window.finals.p99_ms;
    let run = Run {
        channels,
        p99_ledgers: p99.map(|ms| ms / 1e3 / options.ledger_seconds),
        window,
        whole_run: ended.counts,
        proof: ended.proof,
        peak_rss_bytes: ended.memory.peak_bytes,
    };
    Ok((run, ended.world, posted))
}

async fn run_queued(options: &Options, queued: u64) -> anyhow::Result<Outcome> {
    let progress = Progress::start();
    progress.say("starting with one channel");
    let world = World::start(&options.world(1)).await?;
    let mut session = Session::start(world, Pace::Count(queued), options.posting).await?;
    let posted = posted(&session);
    session.accepted(queued, QUEUE_LIMIT, &progress).await?;
    let span = Duration::from_secs(options.seconds);
    session.warm_up(span, &progress, "a full queue").await?;
    let ended = session.finish(false, &progress).await?;
    let world = ended.world;
    let wrong = (!ended.proof.is_right()).then(|| wrong(&ended.proof));
    let figures = Queued {
        queued,
        memory: ended.memory,
        whole_run: ended.counts,
        proof: ended.proof,
    };
    let mut table = report::table("drive with a full queue", [String::new()]);
    let mut line = |name: &str, value: String| report::line(&mut table, name, [value]);
    line("queued", queued.to_string());
    line(
        "RSS of the daemons before",
        report::megabytes(figures.memory.before_bytes),
    );
    line(
        "peak RSS of the daemons",
        report::megabytes(figures.memory.peak_bytes),
    );
    line("lost (must be 0)", figures.proof.lost.to_string());
    line("twice (must be 0)", figures.proof.twice.to_string());
    let settings = options.settings(&world, &posted);
    report::outcome(
        "drive",
        &world.durability,
        &settings,
        &figures,
        &table,
        wrong,
    )
}

/// How much more memory each more in flight takes, out of the runs with the fewest and the most.
fn slope(runs: &[Run]) -> Option<f64> {
    let in_flight = |run: &&Run| run.window.memory.most_in_flight;
    let (least, most) = (
        runs.iter().min_by_key(in_flight)?,
        runs.iter().max_by_key(in_flight)?,
    );
    let more = in_flight(&most) - in_flight(&least);
    let bytes =
        most.window.memory.most_resident() as f64 - least.window.memory.most_resident() as f64;
    (more > 0).then(|| bytes / more as f64)
}

fn draw(path: &Path, runs: &[Run], ledger_seconds: f64) -> anyhow::Result<()> {
    let series = |name: &str, y: &dyn Fn(&Run) -> f64| Series {
        name: name.to_owned(),
        points: runs
            .iter()
            .map(|run| (f64::from(run.channels), y(run)))
            .collect(),
    };
    plot::draw(
        path,
        &Plot {
            title: format!("Landed and final a second, ledgers of {ledger_seconds} s"),
            x: "channels".to_owned(),
            y: "transactions a second".to_owned(),
            logarithmic: false,
            series: vec![
                series("measured", &|run| run.window.tx_per_second),
                series("one for each channel in each ledger", &|run| {
                    f64::from(run.channels) / ledger_seconds
                }),
            ],
        },
    )
}

fn table(runs: &[Run]) -> Table {
    let mut table = report::table("channels", runs.iter().map(|run| run.channels.to_string()));
    type Value = fn(&Run) -> String;
    let lines: [(&str, Value); 12] = [
        ("landed and final a second", |run| {
            format!("{:.1}", run.window.tx_per_second)
        }),
        ("landed a ledger", |run| {
            number(run.window.landed_per_ledger, 1)
        }),
        ("accept to final p50, ms", |run| {
            number(run.window.finals.p50_ms, 0)
        }),
        ("p95, ms", |run| number(run.window.finals.p95_ms, 0)),
        ("p99, ms", |run| number(run.window.finals.p99_ms, 0)),
        ("p99, ledgers", |run| number(run.p99_ledgers, 2)),
        ("peak RSS of the daemons", |run| {
            report::megabytes(run.peak_rss_bytes)
        }),
        ("most in flight", |run| {
            run.window.memory.most_in_flight.to_string()
        }),
        ("RSS growth each in flight, bytes", |run| {
            number(run.window.memory.growth_bytes_per_in_flight, 0)
        }),
        ("landed once", |run| run.proof.landed_once.to_string()),
        ("twice (must be 0)", |run| run.proof.twice.to_string()),
        ("lost (must be 0)", |run| run.proof.lost.to_string()),
    ];
    for (name, value) in lines {
        report::line(&mut table, name, runs.iter().map(value));
    }
    let costs: Vec<_> = runs.iter().map(|run| &run.window.costs).collect();
    report::cost_lines(&mut table, &costs);
    table
}
