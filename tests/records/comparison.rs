//! Random histories, told to both kinds of records: every answer and every row must be the same.

mod history;
mod same;

use crate::book::{Postgres, memory};
use history::History;

/// Histories that are compared.
const SEEDS: u64 = 24;
/// Calls of each.
const CALLS: usize = 200;
/// Calls between two looks at all rows.
const LOOK: usize = 20;

async fn compare(seeds: impl Iterator<Item = u64>) {
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
        history.end().await;
    }
}

#[tokio::test]
async fn random_histories_leave_the_same_rows() {
    compare((0..SEEDS).step_by(2)).await;
}

#[tokio::test]
async fn more_random_histories_leave_the_same_rows() {
    compare((1..SEEDS).step_by(2)).await;
}
