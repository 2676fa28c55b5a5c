//! `capacity`: how much of what a ledger can take is taken, when there is more than it can take.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::drive;
use super::load::Counts;
use super::progress::Progress;
use super::report::{self, Outcome, number};
use super::session::{Posting, Session, Window};
use super::truth::Proof;
use super::world::{self, UNLIMITED_TX_SET, World};

/// Until the daemons have seen a ledger of the new size.
const UNTIL_KNOWN: Duration = Duration::from_secs(3);

/// What is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// Operations that a ledger takes at most: a span of time for each, one after another.
    pub sizes: Vec<u32>,
    /// Channels.
    pub channels: u32,
    /// Seconds that count, of each size.
    pub seconds: u64,
    /// Seconds before, that do not.
    pub warmup: u64,
    /// Daemons on the one database.
    pub daemons: u32,
    /// KEY=VALUE of their configuration.
    pub set: Vec<(String, String)>,
}

/// With one size of ledgers.
#[derive(Debug, Serialize)]
struct Run {
    /// Operations that a ledger takes at most; each transaction here has one.
    size: u32,
    /// Transactions landed a ledger, by operations that it takes: 1 is all, and half where each comes in a fee bump.
    share: Option<f64>,
    #[serde(flatten)]
    window: Window,
}

#[derive(Debug, Serialize)]
struct Figures {
    runs: Vec<Run>,
    whole_run: Counts,
    proof: Proof,
}

/// Runs with each size.
///
/// # Errors
/// Where it could not be carried out.
pub async fn run(options: &Options) -> anyhow::Result<Outcome> {
    let progress = Progress::start();
    progress.say(format!("starting with {} channels", options.channels));
    let world = World::start(&world::Options {
        channels: options.channels,
        daemons: options.daemons,
        ledger_seconds: 1.0,
        set: options.set.clone(),
    })
    .await?;
    // Before there is any load: one that was sent into larger ledgers would have to outbid itself first.
    if let Some(first) = options.sizes.first() {
        world.put_ledger(&json!({"max_tx_set_size": first})).await?;
        tokio::time::sleep(UNTIL_KNOWN).await;
    }
    let pace = drive::full(options.channels);
    let mut session = Session::start(world, pace, Posting::default()).await?;
    let mut runs = Vec::new();
    for size in &options.sizes {
        let what = format!("{size} a ledger");
        let change = json!({"max_tx_set_size": size});
        session.world.put_ledger(&change).await?;
        let warmup = Duration::from_secs(options.warmup);
        session.warm_up(warmup, &progress, &what).await?;
        let span = Duration::from_secs(options.seconds);
        let window = session.window(span, &progress, &what).await?;
        runs.push(Run {
            size: *size,
            share: window
                .landed_per_ledger
                .map(|landed| landed / f64::from(*size)),
            window,
        });
    }
    let change = json!({"max_tx_set_size": UNLIMITED_TX_SET});
    session.world.put_ledger(&change).await?;
    let ended = session.finish(true, &progress).await?;
    let wrong = (!ended.proof.is_right()).then(|| drive::wrong(&ended.proof));
    let settings = json!({
        "sizes": options.sizes, "channels": options.channels, "seconds": options.seconds,
        "warmup_seconds": options.warmup, "daemons": options.daemons, "configuration": ended.world.settings,
    });
    let figures = Figures {
        runs,
        whole_run: ended.counts,
        proof: ended.proof,
    };
    report::outcome(
        "capacity",
        &ended.world.durability,
        &settings,
        &figures,
        &table(&figures),
        wrong,
    )
}

fn table(figures: &Figures) -> comfy_table::Table {
    let runs = &figures.runs;
    let mut table = report::table(
        "operations a ledger takes",
        runs.iter().map(|run| run.size.to_string()),
    );
    let landed = runs
        .iter()
        .map(|run| number(run.window.landed_per_ledger, 1));
    report::line(&mut table, "landed a ledger", landed);
    let share = runs
        .iter()
        .map(|run| number(run.share.map(|share| share * 100.0), 1));
    report::line(&mut table, "of what it takes, %", share);
    let bumped = runs.iter().map(|run| {
        let finals = &run.window.finals;
        let share = (finals.count > 0).then(|| finals.fee_bumped as f64 / finals.count as f64);
        number(share.map(|share| share * 100.0), 1)
    });
    report::line(
        &mut table,
        "in a fee bump, which takes two operations, %",
        bumped,
    );
    let rate = runs
        .iter()
        .map(|run| format!("{:.1}", run.window.tx_per_second));
    report::line(&mut table, "landed and final a second", rate);
    let costs: Vec<_> = runs.iter().map(|run| &run.window.costs).collect();
    report::cost_lines(&mut table, &costs);
    let proof = &figures.proof;
    for (name, value) in [
        ("twice (must be 0)", proof.twice),
        ("lost (must be 0)", proof.lost),
    ] {
        report::line(&mut table, name, [value.to_string()]);
    }
    table
}
