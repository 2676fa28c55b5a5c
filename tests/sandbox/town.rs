//! A running sandbox with funded accounts, and short ways to ask it.

use std::time::Duration;

use serde_json::{Value, json};
use stellar_submitter::sandbox::ledger::account::Account;
use stellar_submitter::sandbox::ledger::genesis::Genesis;
use stellar_submitter::sandbox::{Config, Pace, Sandbox, start};

use crate::wallet::{Draft, Envelope, PASSPHRASE, Wallet, pay};

/// How many accounts there are: wallets 0 to 99, with 100 lumens each and sequence number 0.
pub const ACCOUNTS: u8 = 100;
const LUMENS: i64 = 10_000_000;

pub struct Town {
    pub sandbox: Sandbox,
    pub client: reqwest::Client,
}

impl Town {
    /// Ledgers close when told; `change` makes it unusual.
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            pace: Pace::Manual,
            ..Config::default()
        };
        config.listen.set_port(0);
        config.submission_timeout = Duration::from_secs(5);
        let mut genesis = Genesis::standalone(PASSPHRASE, config.clock.now());
        for number in 0..ACCOUNTS {
            genesis
                .accounts
                .push((Wallet::new(number).key(), Account::new(100 * LUMENS, 0)));
        }
        config.genesis = Some(genesis);
        change(&mut config);
        let sandbox = start(config).await.unwrap();
        Self {
            sandbox,
            client: reqwest::Client::new(),
        }
    }

    pub async fn with_faults(faults: Value) -> Self {
        let town = Self::start(|_| {}).await;
        assert_eq!(town.put("/sandbox/faults", faults).await.0, 200);
        town
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.addr())
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        read(self.client.get(self.url(path)).send().await.unwrap()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        read(
            self.client
                .put(self.url(path))
                .body(body.to_string())
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub async fn post(&self, path: &str) -> (u16, Value) {
        read(self.client.post(self.url(path)).send().await.unwrap()).await
    }

    /// Closes ledgers and says the newest one's number.
    pub async fn close(&self, count: u32) -> u64 {
        let (status, body) = self.post(&format!("/sandbox/close?count={count}")).await;
        assert_eq!(status, 200, "{body}");
        body["ledger"].as_u64().unwrap()
    }

    pub async fn try_submit(
        &self,
        path: &str,
        envelope: &Envelope,
    ) -> Result<reqwest::Response, reqwest::Error> {
        self.client
            .post(self.url(path))
            .form(&[("tx", envelope.base64())])
            .send()
            .await
    }

    pub async fn submit(&self, envelope: &Envelope) -> (u16, Value) {
        read(self.try_submit("/transactions", envelope).await.unwrap()).await
    }

    pub async fn submit_async(&self, envelope: &Envelope) -> (u16, Value) {
        read(
            self.try_submit("/transactions_async", envelope)
                .await
                .unwrap(),
        )
        .await
    }

    pub fn queued(&self) -> usize {
        self.sandbox.node().core().queued()
    }

    /// The items of the truth.
    pub async fn truth(&self) -> Vec<Value> {
        let (status, body) = self.get("/sandbox/truth").await;
        assert_eq!((status, &body["next"]), (200, &Value::Null));
        body["items"].as_array().unwrap().clone()
    }

    /// The hashes in the truth.
    pub async fn landed(&self) -> Vec<String> {
        self.truth()
            .await
            .iter()
            .map(|item| item["hash"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until something is queued.
    pub async fn until_queued(&self, count: usize) {
        for _ in 0..500 {
            if self.queued() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} queued", self.queued());
    }
}

async fn read(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
    )
}

/// Wallet `number` pays wallet 0 one stroop.
pub fn payment(number: u8, sequence: i64) -> Envelope {
    let wallet = Wallet::new(number);
    Draft::new(wallet.address(), sequence, vec![pay(&Wallet::new(0), 1)]).sign(&[&wallet])
}
