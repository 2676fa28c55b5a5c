//! The judge: reads the ledger, and holds against it what the daemons say.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use crate::orders::Order;
use crate::world::{Ledger, account};

/// Findings of a kind that are shown; the others are counted.
const SHOWN: usize = 25;

/// What was found.
#[derive(Default)]
pub struct Verdict {
    /// Intents that landed successfully more than once, with hashes and ledgers.
    pub twice: Vec<String>,
    /// Intents that should have landed and did not.
    pub lost: Vec<String>,
    /// What was said and is not so.
    pub untrue: Vec<String>,
    /// What was paid that nobody asked for.
    pub unasked: Vec<String>,
}

/// What the records say of an attempt: its state, and its hash as the ledger writes it.
pub type Attempt = (String, String, String);

impl Verdict {
    /// Holds orders, and what is said of them, against everything that the ledger took of the source account.
    pub async fn of(
        ledger: &Ledger,
        before: &[Order],
        orders: &[Order],
        said: &HashMap<String, Value>,
        attempts: &[Attempt],
    ) -> Self {
        let mut verdict = Self::default();
        let truth = ledger.truth(account("source")).await;
        let mut paid: HashMap<String, Vec<&Value>> = HashMap::new();
        for transaction in truth.iter().filter(|item| item["successful"] == true) {
            let operations = transaction["operations"].as_array().unwrap();
            let by_source = |operation: &&Value| {
                operation["type"] == "payment"
                    && operation["source"] == account("source").to_string()
            };
            for operation in operations.iter().filter(by_source) {
                paid.entry(paid_by(operation))
                    .or_default()
                    .push(transaction);
            }
        }
        for order in before {
            let landed = paid.remove(&order.paid()).unwrap_or_default();
            if landed.len() > 1 {
                verdict.twice.push(order.workflow.clone());
            }
        }
        for order in orders {
            let landed = paid.remove(&order.paid());
            verdict.hold(
                order,
                &landed.unwrap_or_default(),
                said.get(&order.workflow),
            );
        }
        for transaction in paid.into_values().flatten() {
            verdict.unasked.push(place(transaction));
        }
        verdict.tags(&truth);
        verdict.attempts(&truth, attempts);
        verdict
    }

    fn hold(&mut self, order: &Order, landed: &[&Value], said: Option<&Value>) {
        let workflow = &order.workflow;
        let places: Vec<String> = landed.iter().map(|item| place(item)).collect();
        if landed.len() > 1 {
            self.twice
                .push(format!("{workflow}: {}", places.join(", ")));
        }
        if landed.is_empty() && order.ends == "succeeded" {
            let said = said.map_or(&Value::Null, |said| &said["status"]);
            self.lost.push(format!("{workflow}, said to be {said}"));
        }
        let Some(said) = said else {
            self.untrue
                .push(format!("{workflow}: nothing is said of it"));
            return;
        };
        if said["status"] != order.ends {
            let should = order.ends;
            self.untrue
                .push(format!("{workflow} should be {should}: {said}"));
        }
        if (said["status"] == "succeeded") != (landed.len() == 1) {
            self.untrue
                .push(format!("{workflow} landed {places:?}: {said}"));
        }
        if let [landed] = landed
            && (said["transaction"]["hash"] != *inner_hash(landed)
                || said["transaction"]["ledger"] != landed["ledger"]
                || said["transaction"]["sequence"] != landed["sequence"]
                || said["transaction"]["channel"] != landed["source_account"]
                || said["tag"] != landed["tag"])
        {
            self.untrue.push(format!(
                "{workflow} landed {places:?} and names another transaction: {said}"
            ));
        }
    }

    /// No tag has two successes, whatever they paid: channels and top-ups, too.
    fn tags(&mut self, truth: &[Value]) {
        let mut tags: HashMap<String, Vec<&Value>> = HashMap::new();
        for transaction in truth.iter().filter(|item| item["successful"] == true) {
            if !transaction["tag"].is_null() {
                let tag = transaction["tag"].to_string();
                tags.entry(tag).or_default().push(transaction);
            }
        }
        for (tag, all) in tags.iter().filter(|(_, all)| all.len() > 1) {
            let places: Vec<String> = all.iter().map(|item| place(item)).collect();
            self.twice.push(format!("tag {tag}: {}", places.join(", ")));
        }
    }

    /// No attempt is proven dead that landed, and none has landed that did not.
    fn attempts(&mut self, truth: &[Value], attempts: &[Attempt]) {
        let landed: HashMap<&str, bool> = truth
            .iter()
            .map(|item| {
                (
                    inner_hash(item).as_str().unwrap(),
                    item["successful"] == true,
                )
            })
            .collect();
        for (workflow, state, hash) in attempts {
            let expected = match landed.get(hash.as_str()) {
                Some(true) => "landed",
                Some(false) => "landed_failed",
                None => "dead",
            };
            if state != expected {
                self.untrue.push(format!(
                    "{workflow}: the attempt {hash} is {expected}, and is said to be {state}"
                ));
            }
        }
    }

    pub fn is_good(&self) -> bool {
        self.all().iter().all(|(_, findings)| findings.is_empty())
    }

    fn all(&self) -> [(&'static str, &[String]); 4] {
        [
            ("landed twice", &self.twice),
            ("lost", &self.lost),
            ("said and not so", &self.untrue),
            ("paid and never asked for", &self.unasked),
        ]
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, findings) in self.all() {
            if findings.is_empty() {
                continue;
            }
            writeln!(f, "{kind}: {}", findings.len())?;
            for finding in findings.iter().take(SHOWN) {
                writeln!(f, "  {finding}")?;
            }
        }
        Ok(())
    }
}

/// What an operation pays, and to whom, as the ledger writes it.
pub fn paid_by(operation: &Value) -> String {
    let text = |name: &str| operation[name].as_str().unwrap();
    let (whole, fraction) = text("amount").split_once('.').unwrap();
    let amount = format!("{whole}.{fraction:0<7}");
    format!("{amount} {} to {}", text("asset"), text("destination"))
}

/// A fee bump's item has the outer hash, and the inner one beside it.
fn inner_hash(transaction: &Value) -> &Value {
    match &transaction["inner_hash"] {
        Value::Null => &transaction["hash"],
        inner => inner,
    }
}

/// Where a transaction stands.
fn place(transaction: &Value) -> String {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let of = |name: &str| text(&transaction[name]);
    format!(
        "{} in ledger {} (channel {}, sequence {})",
        text(inner_hash(transaction)),
        of("ledger"),
        of("source_account"),
        of("sequence")
    )
}
