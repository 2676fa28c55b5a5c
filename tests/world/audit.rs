//! The auditor: reads the ledger, and believes nobody else.

use std::collections::HashMap;

use serde_json::Value;
use stellar_submitter::domain::primitives::AccountId;

use super::Ledger;
use super::daemon::Client;

/// What the ledger says about an account's payments.
pub struct Audit<'a> {
    ledger: &'a Ledger,
    source: AccountId,
}

/// What is compared of an operation, where it is a payment: where to, what, how much.
type Paid = (String, String, String);

impl<'a> Audit<'a> {
    pub fn new(ledger: &'a Ledger, source: AccountId) -> Self {
        Self { ledger, source }
    }

    /// Every successful payment of the account, with the transactions that made it.
    pub async fn paid(&self) -> HashMap<Paid, Vec<Value>> {
        let mut paid: HashMap<Paid, Vec<Value>> = HashMap::new();
        for transaction in self.ledger.truth(self.source).await {
            if transaction["successful"] != true {
                continue;
            }
            for operation in transaction["operations"].as_array().unwrap() {
                let by_us = operation["source"] == self.source.to_string();
                if by_us && operation["type"] == "payment" {
                    let key = payment_of(operation);
                    paid.entry(key).or_default().push(transaction.clone());
                }
            }
        }
        paid
    }

    /// Every intent has landed exactly once and says so, and nothing else was paid. The amounts must all differ.
    pub async fn each_once(&self, client: &Client, posted: &[(String, Value)]) {
        let statuses: Vec<&str> = vec!["succeeded"; posted.len()];
        self.each(client, posted, &statuses).await;
    }

    /// Each intent is in its status; those that succeeded have landed exactly once, the others never; nothing else was paid.
    pub async fn each(&self, client: &Client, posted: &[(String, Value)], statuses: &[&str]) {
        assert_eq!(posted.len(), statuses.len());
        let mut said = Vec::new();
        for ((id, body), status) in posted.iter().zip(statuses) {
            let intent = client.intent(id).await;
            assert_eq!(intent["status"], *status, "{intent}");
            said.push((intent, body));
        }
        self.bears_out(&said).await;
    }

    /// What intents say of themselves is what the ledger says of what was asked: those that succeeded have landed exactly once, the others never;
    /// nothing else was paid.
    pub async fn bears_out(&self, said: &[(Value, &Value)]) {
        let mut paid = self.paid().await;
        for (intent, body) in said {
            let times = paid.remove(&asked(body)).unwrap_or_default();
            let expected = usize::from(intent["status"] == "succeeded");
            assert_eq!(times.len(), expected, "{intent}\nlanded as\n{times:#?}");
            if let [landed] = times.as_slice() {
                says_the_truth(intent, landed);
            }
        }
        // What the submitter pays for itself is no user's: channels that it tops up.
        assert!(paid.is_empty(), "paid and never asked for: {paid:#?}");
    }
}

/// The intent names the transaction that stands in the ledger, with its tag and its only operation.
pub fn says_the_truth(intent: &Value, landed: &Value) {
    assert_eq!(intent["tag"], landed["tag"], "{intent}\n{landed}");
    assert_eq!(
        landed["operations"].as_array().unwrap().len(),
        intent["operations"].as_array().unwrap().len()
    );
    let said = &intent["transaction"];
    // A fee bump's item has the outer hash, and the inner one beside it.
    let inner = match &landed["inner_hash"] {
        Value::Null => &landed["hash"],
        inner => inner,
    };
    assert_eq!(said["hash"], *inner, "{intent}\n{landed}");
    for name in ["ledger", "successful", "fee_charged", "sequence"] {
        assert_eq!(said[name], landed[name], "{name}: {intent}\n{landed}");
    }
    assert_eq!(
        said["channel"], landed["source_account"],
        "{intent}\n{landed}"
    );
}

fn payment_of(operation: &Value) -> Paid {
    let text = |name: &str| operation[name].as_str().unwrap().to_owned();
    (text("destination"), text("asset"), text("amount"))
}

/// The payment that a body asks for, as the ledger writes it.
fn asked(body: &Value) -> Paid {
    let (destination, asset, amount) = payment_of(&body["operations"][0]);
    let (whole, fraction) = amount.split_once('.').unwrap_or((&amount, ""));
    (destination, asset, format!("{whole}.{fraction:0<7}"))
}
