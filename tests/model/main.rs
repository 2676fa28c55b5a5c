//! The protocol, every order of events within small bounds: two workers that call the domain's own `next` and `absorb`,
//! over an abstract ledger, network and set of records. See docs/model.md.

mod action;
mod bugs;
mod facts;
mod honest;
mod model;
mod property;
mod records;
mod setting;
mod state;

use std::time::Instant;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use model::Submitter;
use setting::Setting;

/// Threads of a run.
const THREADS: usize = 2;

/// Explores every state within a setting's bounds: none may violate anything, and what should be possible is.
fn holds(setting: Setting) {
    let began = Instant::now();
    let checker = Submitter::new(setting)
        .checker()
        .threads(THREADS)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "{}: {} states, {} of them different, at most {} events deep, in {:.1} s",
        setting.name,
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f64()
    );
    checker.assert_properties();
}

/// Explores until something is violated, which must be this property. One thread, so that each run finds the same.
fn is_caught(setting: Setting, by: &str) {
    let checker = Submitter::new(setting)
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let always = |name| checker.model().property(name).expectation == Expectation::Always;
    let violated: Vec<_> = checker
        .discoveries()
        .into_iter()
        .filter(|(name, _)| always(name))
        .collect();
    let names: Vec<_> = violated.iter().map(|(name, _)| *name).collect();
    for (name, path) in violated {
        println!(
            "{:?}: not {name:?} after {:?}",
            setting.bug,
            path.into_actions()
        );
    }
    assert!(
        names.contains(&by),
        "{:?} in {} violates {names:?}",
        setting.bug,
        setting.name
    );
}
