//! Fee statistics of the last ledgers.

use serde_json::{Map, Value, json};

use crate::sandbox::ledger::history::{FeeCounts, History};

/// The ledgers that the statistics are of.
const LEDGERS: u32 = 5;
/// The percentiles shown.
const PERCENTILES: [u64; 11] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99];

/// Statistics as of a ledger; none if it is not there.
pub fn fee_stats(history: &History, head: u32) -> Option<Value> {
    let last = history.ledger(head)?;
    let (mut charged, mut bid) = (FeeCounts::new(), FeeCounts::new());
    let (mut used, mut capacity) = (0u64, 0u64);
    let first = head.saturating_sub(LEDGERS - 1);
    for ledger in (first..=head).filter_map(|sequence| history.ledger(sequence)) {
        merge(&mut charged, &ledger.fees_charged);
        merge(&mut bid, &ledger.fees_bid);
        used += u64::from(ledger.set_operations);
        capacity += u64::from(ledger.max_tx_set_size);
    }
    Some(json!({
        "last_ledger": head.to_string(),
        "last_ledger_base_fee": last.base_fee.to_string(),
        "ledger_capacity_usage": usage(used, capacity),
        "fee_charged": distribution(&charged, last.base_fee),
        "max_fee": distribution(&bid, last.base_fee),
    }))
}

fn merge(into: &mut FeeCounts, from: &FeeCounts) {
    for (fee, count) in from {
        *into.entry(*fee).or_default() += count;
    }
}

/// The share of the room used, to two places and without needless zeros.
fn usage(used: u64, capacity: u64) -> String {
    let hundredths = (used * 100 + capacity / 2)
        .checked_div(capacity)
        .unwrap_or(0);
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Percentiles that are values themselves; with nothing to count, the base fee stands everywhere.
fn distribution(counts: &FeeCounts, base_fee: i64) -> Value {
    let total: u64 = counts.values().sum();
    let at = |percent: u64| {
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map_or(base_fee, |(fee, _)| *fee)
    };
    // Of several modes the lowest: `max_by_key` keeps the last, so the order is turned round.
    let mode = counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| **count)
        .map_or(base_fee, |(fee, _)| *fee);
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
            fee.copied().unwrap_or(base_fee).to_string().into(),
        );
    }
    fields.insert("mode".to_owned(), mode.to_string().into());
    fields.into()
}
