//! `simulate`: plays histories out of seeds, and says which of them went wrong.

use std::ops::{ControlFlow, Range};
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::ProgressBar;

use super::output;
use crate::defect::Defect;
use crate::simulation::dice::Census;
use crate::simulation::{Outcome, simulate_all};

/// Seeds from one to before another.
#[derive(Clone, Debug)]
struct Seeds(Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.parse::<u64>().ok();
        let seeds = match text.split_once("..") {
            Some((first, end)) => number(first).zip(number(end)),
            None => number(text).and_then(|seed| Some((seed, seed.checked_add(1)?))),
        };
        match seeds {
            Some((first, end)) if first < end => Ok(Self(first..end)),
            _ => Err(format!(
                "{text:?} is neither a seed nor a range like 0..1000"
            )),
        }
    }
}

/// Plays histories out of seeds.
#[derive(Args, Debug)]
pub struct Simulate {
    /// A seed, or seeds from one to before another
    #[arg(long, value_name = "A..B", default_value = "0..1000")]
    seeds: Seeds,
    /// A deliberate mistake, which must be noticed
    #[arg(long, value_name = "NAME")]
    bug: Option<Defect>,
    /// Names the deliberate mistakes
    #[arg(long)]
    list_bugs: bool,
    /// Prints everything that happens in each history
    #[arg(long)]
    trace: bool,
    /// Goes on after a violation, and says how many there are
    #[arg(long)]
    keep_going: bool,
    /// How many are played at once; as many as there are cores where nothing is said
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

struct Played {
    count: u64,
    census: Census,
    wrong: Vec<Outcome>,
    traces: Vec<Outcome>,
}

/// Runs it.
///
/// # Errors
/// Names the seeds that went wrong.
pub fn run(args: &Simulate) -> anyhow::Result<()> {
    if args.list_bugs {
        for defect in Defect::ALL {
            output::line(format_args!("{defect}"))?;
        }
        return Ok(());
    }
    let Seeds(seeds) = args.seeds.clone();
    let count = seeds.end - seeds.start;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores).clamp(1, 256);
    let bar = ProgressBar::new(count);
    let began = Instant::now();
    let mut played = Played {
        count: 0,
        census: Census::new(),
        wrong: Vec::new(),
        traces: Vec::new(),
    };
    simulate_all(seeds, threads, args.bug, args.trace, |outcome| {
        bar.inc(1);
        played.count += 1;
        for (what, times) in &outcome.census {
            *played.census.entry(what).or_default() += times;
        }
        if !outcome.violations.is_empty() {
            played.wrong.push(outcome);
            if !args.keep_going {
                return ControlFlow::Break(());
            }
        } else if args.trace {
            played.traces.push(outcome);
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    played.wrong.sort_by_key(|outcome| outcome.seed);
    tell(args, &played, seconds)
}

fn tell(args: &Simulate, played: &Played, seconds: f64) -> anyhow::Result<()> {
    let count = played.count;
    for outcome in played.traces.iter().chain(&played.wrong) {
        for line in &outcome.trace {
            output::line(format_args!("{line}"))?;
        }
        if args.trace {
            output::line(format_args!("trace {:016x}", outcome.digest))?;
        }
    }
    for (what, times) in &played.census {
        output::line(format_args!("{times:>10} {what}"))?;
    }
    let rate = count as f64 / seconds;
    output::line(format_args!(
        "{count} histories in {seconds:.1} s, {rate:.0} a second"
    ))?;
    let Some(first) = played.wrong.first() else {
        return match args.bug {
            Some(bug) => output::line(format_args!(
                "the deliberate mistake {bug} was not noticed in {count} histories"
            )),
            None => output::line(format_args!("nothing went wrong")),
        }
        .context("standard output");
    };
    for outcome in &played.wrong {
        for what in &outcome.violations {
            output::line(format_args!("seed {}: {what}", outcome.seed))?;
        }
    }
    bail!(
        "{} of {count} histories went wrong; the first is: simulate --seeds {} --trace{}",
        played.wrong.len(),
        first.seed,
        args.bug
            .map_or_else(String::new, |bug| format!(" --bug {bug}"))
    )
}
