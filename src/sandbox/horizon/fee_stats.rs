//! Fee statistics of the last ledgers.

use serde_json::{Value, json};

use crate::sandbox::fees::{distribution, merge};
use crate::sandbox::ledger::history::{FeeCounts, History};

/// The ledgers that the statistics are of.
const LEDGERS: u32 = 5;

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

/// The share of the room used, to two places and without needless zeros.
fn usage(used: u64, capacity: u64) -> String {
    let hundredths = (used * 100 + capacity / 2)
        .checked_div(capacity)
        .unwrap_or(0);
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
