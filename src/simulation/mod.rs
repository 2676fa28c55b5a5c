//! Whole histories of several daemons, their records, a ledger with its queue, and everything that goes wrong between them,
//! played on one thread out of one seed.
//!
//! The daemons are the real engine over the real Horizon client; the ledger is the sandbox's. Only the records are stood in
//! for ([`records`]; one suite of tests holds for them and for Postgres), and time, which passes as soon as nobody has
//! anything left to do. [`oracle`] judges by the ledger alone.

mod client;
pub mod dice;
mod life;
mod line;
mod odd;
mod office;
pub mod oracle;
mod panics;
mod plan;
mod play;
pub mod records;
mod rival;
mod seen;
mod told;
mod verdict;
mod world;

use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::defect::{self, Defect};
use dice::Census;

/// What came of a history.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What must not have been; empty: nothing was wrong.
    pub violations: Vec<String>,
    /// What happened how often.
    pub census: Census,
    /// Of the trace: two runs of a seed have the same.
    pub digest: u64,
    /// The trace, where it was kept.
    pub trace: Vec<String>,
}

/// Plays the history of a seed, with a deliberate mistake if there is to be one.
///
/// # Panics
/// Where the runtime cannot be built.
#[must_use]
pub fn simulate(seed: u64, mistake: Option<Defect>, keep_trace: bool) -> Outcome {
    defect::make(mistake);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs no more than memory");
    let mut world = None;
    let ((), panics) = panics::during(|| {
        // What panics outside of the daemons' tasks must not take the other histories along.
        let played = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let world = world.insert(world::World::new(seed, keep_trace));
                play::play(world).await;
            });
        }));
        drop(played);
        drop(runtime);
    });
    defect::make(None);
    let world = world.as_ref();
    let mut violations = world.map_or_else(Vec::new, |world| world.oracle.violations());
    violations.extend(panics);
    let record = world.map(|world| world.dice.clone().into_record());
    let (census, digest, trace) = record.unwrap_or_default();
    Outcome {
        seed,
        violations,
        census,
        digest,
        trace,
    }
}

/// Plays the histories of seeds on so many threads, and hands each outcome over; after one that breaks, none is begun.
///
/// # Panics
/// Where `each` does.
pub fn simulate_all(
    seeds: Range<u64>,
    threads: usize,
    mistake: Option<Defect>,
    keep_trace: bool,
    each: impl FnMut(Outcome) -> ControlFlow<()> + Send,
) {
    let next = AtomicU64::new(seeds.start);
    let each = Mutex::new(each);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = simulate(seed, mistake, keep_trace);
                    let mut each = each.lock().unwrap_or_else(PoisonError::into_inner);
                    if each(outcome).is_break() {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}
