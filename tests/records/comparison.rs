//! Random histories, told to both kinds of records: every answer and every row must be the same.

mod history;
mod same;

use std::collections::BTreeMap;

use crate::book::{Postgres, memory};
use history::History;

/// Histories that are compared, where `RECORDS_SEEDS` does not say how many.
const SEEDS: u64 = 24;
/// Calls of each.
const CALLS: usize = 250;
/// Calls between two looks at all rows.
const LOOK: usize = 20;

/// What must have happened, or what the histories compare is less than it was.
const MUST: &[&str] = &[
    "claim: something",
    "claim: nothing",
    "claim: moved",
    "claim: lease lost",
    "claim_presigned: something",
    "commit: refused",
    "settle: something",
    "settle: nothing",
    "add_fee_bumps: something",
    "add_fee_bumps: nothing",
    "add_fee_bumps: refused",
    "renew_lease: lease lost",
    "take_over: something",
    "take_over: nothing",
    "expire: something",
    "expire: nothing",
    "resume_parked: something",
    "finish_cancellations: something",
    "record_landings: something",
    "record_landings: nothing",
    "note_database: something",
    "cancel: something",
    "is queued",
    "is in_flight",
    "is parked",
    "is succeeded",
    "is failed",
    "is expired",
    "is canceled",
    "attempt is signed",
    "attempt is landed",
    "attempt is landed_failed",
    "attempt is dead",
    "intent.requeued",
    "intent.cancel_requested",
];

/// Compares these histories; returns how often what happened in them.
async fn compare(seeds: impl Iterator<Item = u64>) -> BTreeMap<String, u32> {
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for seed in seeds {
        let (memory, postgres) = (memory(), Postgres::new().await);
        let mut history = History::new(seed, &postgres, &memory);
        history.begin().await;
        for call in 1..=CALLS {
            history.step().await;
            if call % LOOK == 0 {
                history.look().await;
            }
        }
        for (what, times) in history.end().await {
            *answers.entry(what).or_default() += times;
        }
    }
    answers
}

#[tokio::test]
async fn random_histories_leave_the_same_rows() {
    let asked = std::env::var("RECORDS_SEEDS").ok();
    let seeds = asked.map_or(SEEDS, |seeds| {
        seeds.parse().expect("RECORDS_SEEDS is a number")
    });
    // Side by side: most of the time the disk is waited for.
    let (mut answers, others) = tokio::join!(
        compare((0..seeds).step_by(2)),
        compare((1..seeds).step_by(2))
    );
    for (what, times) in others {
        *answers.entry(what).or_default() += times;
    }
    println!("{answers:#?}");
    for what in MUST {
        assert!(answers.contains_key(*what), "no history has: {what}");
    }
}
