//! How what was paid, or bid, is distributed.

use serde_json::{Map, Value};

use super::ledger::history::FeeCounts;

/// The percentiles shown.
const PERCENTILES: [u64; 11] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99];

/// Adds what was counted elsewhere.
pub fn merge(into: &mut FeeCounts, from: &FeeCounts) {
    for (fee, count) in from {
        *into.entry(*fee).or_default() += count;
    }
}

/// Percentiles that are values themselves; with nothing to count, another number stands everywhere.
pub fn distribution(counts: &FeeCounts, otherwise: i64) -> Map<String, Value> {
    let total: u64 = counts.values().sum();
    let at = |percent: u64| {
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map_or(otherwise, |(fee, _)| *fee)
    };
    // Of several modes the lowest: `max_by_key` keeps the last, so the order is turned round.
    let mode = counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| **count)
        .map_or(otherwise, |(fee, _)| *fee);
    let mut fields: Map<String, Value> = PERCENTILES
        .iter()
        .map(|percent| (format!("p{percent}"), at(*percent).to_string().into()))
        .collect();
    let ends = [
        ("max", counts.keys().next_back()),
        ("min", counts.keys().next()),
    ];
    for (name, fee) in ends {
        fields.insert(
            name.to_owned(),
            fee.copied().unwrap_or(otherwise).to_string().into(),
        );
    }
    fields.insert("mode".to_owned(), mode.to_string().into());
    fields
}
