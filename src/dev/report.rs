//! What a demo proves, read from the ledger and not from our own records.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::Value;

/// What was asked for, by tag, against what the ledger took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Intents that the API accepted (2xx).
    pub accepted: usize,
    /// Accepted intents with exactly one successful transaction in the ledger.
    pub landed: usize,
    /// Accepted intents with more than one: must be 0.
    pub landed_twice: usize,
    /// Accepted intents with none: must be 0.
    pub lost: usize,
    /// Successful transactions with a tag that nobody asked for: must be 0.
    pub unasked: usize,
    /// Intents whose landed operations are not those that were asked for: must be 0.
    pub different: usize,
    /// Answers to posts that should have been replays and were not: must be 0.
    pub wrong_replays: usize,
    /// Posts beyond the first of an intent.
    pub duplicates: usize,
    /// Median of the time from acceptance to the final state, in milliseconds.
    pub p50_ms: u128,
    /// 99th percentile of it, in milliseconds.
    pub p99_ms: u128,
    /// Landed intents a second, from the first acceptance to the last final state.
    pub tx_per_second: f64,
}

/// What one accepted intent asked for: a payment.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its tag.
    pub tag: String,
    /// Who should receive.
    pub destination: String,
    /// How much, as it stands in the ledger's answer.
    pub amount: String,
}

impl Report {
    /// Compares what was asked for with the ledger. `expected` are tags of our own work, which nobody asked for here.
    #[must_use]
    pub fn compare(asked: &[Asked], ledger: &[Value], own: &HashSet<String>) -> Self {
        let mut successes: HashMap<&str, Vec<&Value>> = HashMap::new();
        for item in ledger.iter().filter(|item| item["successful"] == true) {
            if let Some(tag) = item["tag"].as_str() {
                successes.entry(tag).or_default().push(item);
            }
        }
        let mut report = Self {
            accepted: asked.len(),
            ..Self::default()
        };
        let known: HashSet<&str> = asked.iter().map(|asked| asked.tag.as_str()).collect();
        for asked in asked {
            match successes.get(asked.tag.as_str()).map(Vec::as_slice) {
                None | Some([]) => report.lost += 1,
                Some([one]) => {
                    report.landed += 1;
                    let same = matches!(one["operations"].as_array().map(Vec::as_slice), Some([operation])
                        if operation["destination"] == asked.destination.as_str()
                        && operation["amount"] == asked.amount.as_str());
                    report.different += usize::from(!same);
                }
                Some(_) => report.landed_twice += 1,
            }
        }
        let strange = |tag: &&&str| !known.contains(**tag) && !own.contains(**tag);
        report.unasked = successes.keys().filter(strange).count();
        report
    }

    /// Puts the latencies in.
    pub fn time(&mut self, mut latencies: Vec<Duration>, span: Duration) {
        latencies.sort_unstable();
        let at = |share: f64| {
            let index = ((latencies.len() as f64 * share).ceil() as usize).saturating_sub(1);
            latencies.get(index).map_or(0, Duration::as_millis)
        };
        self.p50_ms = at(0.50);
        self.p99_ms = at(0.99);
        self.tx_per_second = self.landed as f64 / span.as_secs_f64().max(0.001);
    }

    /// Whether the promise was kept.
    #[must_use]
    pub fn is_right(&self, wanted: usize) -> bool {
        self.accepted == wanted
            && self.landed == wanted
            && self.landed_twice == 0
            && self.lost == 0
            && self.unasked == 0
            && self.different == 0
            && self.wrong_replays == 0
    }

    /// The table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        table.set_header(["from the ledger", ""]);
        let rows: [(&str, String); 11] = [
            ("intents accepted", self.accepted.to_string()),
            ("posts beyond the first", self.duplicates.to_string()),
            ("landed", self.landed.to_string()),
            ("landed twice (must be 0)", self.landed_twice.to_string()),
            ("lost (must be 0)", self.lost.to_string()),
            ("landed unasked (must be 0)", self.unasked.to_string()),
            (
                "landed otherwise than asked (must be 0)",
                self.different.to_string(),
            ),
            (
                "repeated posts answered wrongly (must be 0)",
                self.wrong_replays.to_string(),
            ),
            ("p50 accept to final", format!("{} ms", self.p50_ms)),
            ("p99 accept to final", format!("{} ms", self.p99_ms)),
            ("landed per second", format!("{:.1}", self.tx_per_second)),
        ];
        for (name, value) in rows {
            table.add_row([
                Cell::new(name),
                Cell::new(value).set_alignment(CellAlignment::Right),
            ]);
        }
        table.to_string()
    }
}
