//! The sandbox ledger as a process of its own, and its controls.

use std::time::Duration;

use serde_json::{Value, json};
use stellar_submitter::domain::primitives::AccountId;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::eventually;
use crate::support::Process;

/// How long the process may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Items of the truth that are read at once.
const TRUTH_PAGE: u32 = 10_000;

pub const PASSPHRASE: &str = "Standalone Network ; February 2017";

pub struct Ledger {
    pub process: Process,
    pub url: String,
    client: reqwest::Client,
}

impl Ledger {
    /// On a port of its own.
    pub async fn start(flags: &[&str]) -> Self {
        Self::listen("127.0.0.1:0", flags).await
    }

    /// On this address.
    pub async fn listen(address: &str, flags: &[&str]) -> Self {
        let args = [&["sandbox", "--listen", address], flags].concat();
        let mut process = Process::spawn(&args, &[]);
        let url = eventually("the ledger listens", START_LIMIT, async || {
            assert!(
                process.ended().is_none(),
                "the ledger ended: {}",
                process.log()
            );
            let log = process.log();
            let line = log.lines().find(|line| line.starts_with("Horizon "))?;
            Some(line.split_whitespace().last()?.to_owned())
        })
        .await;
        Self {
            process,
            url,
            client: client(),
        }
    }

    /// 10,000 lumens for a new account.
    pub async fn fund(&self, account: AccountId) {
        let answer = self.ask(
            self.client
                .get(format!("{}/friendbot?addr={account}", self.url)),
        );
        let (status, body) = answer.await;
        assert_eq!(status, 200, "friendbot: {body}");
    }

    /// What goes wrong from now on; what is left out is off.
    pub async fn faults(&self, faults: Value) {
        self.put("faults", &faults).await;
    }

    /// Changes the pace, the size or the fee of ledgers.
    pub async fn set(&self, change: Value) {
        self.put("ledger", &change).await;
    }

    async fn put(&self, control: &str, body: &Value) {
        let url = format!("{}/sandbox/{control}", self.url);
        let (status, answer) = self.ask(self.client.put(url).json(body)).await;
        assert_eq!(status, 200, "{control}: {answer}");
    }

    /// A new chain of the same passphrase.
    pub async fn reset(&self) {
        let url = format!("{}/sandbox/reset", self.url);
        let (status, answer) = self.ask(self.client.post(url)).await;
        assert_eq!(status, 200, "reset: {answer}");
    }

    /// Closes so many ledgers at once.
    pub async fn close(&self, count: u32) {
        let url = format!("{}/sandbox/close?count={count}", self.url);
        let (status, answer) = self.ask(self.client.post(url)).await;
        assert_eq!(status, 200, "close: {answer}");
    }

    /// The newest ledger, straight from core.
    pub async fn head(&self) -> u64 {
        self.state().await["ledger"].as_u64().unwrap()
    }

    /// Pace, size, newest ledger, how many transactions are queued.
    pub async fn state(&self) -> Value {
        self.control("ledger").await
    }

    async fn control(&self, path: &str) -> Value {
        let url = format!("{}/sandbox/{path}", self.url);
        let (status, body) = self.ask(self.client.get(url)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Waits until so many more ledgers have closed.
    pub async fn pass(&self, ledgers: u64) {
        let until = self.head().await + ledgers;
        eventually("ledgers close", Duration::from_secs(120), async || {
            (self.head().await >= until).then_some(())
        })
        .await;
    }

    /// Everything that the ledger took of an account, failed transactions too.
    pub async fn truth(&self, account: AccountId) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self
                .control(&format!(
                    "truth?account={account}&limit={TRUTH_PAGE}&cursor={cursor}"
                ))
                .await;
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return all,
            }
        }
    }

    /// A page of Horizon's, which may lag or fail while faults are on.
    pub async fn horizon(&self, path: &str) -> (u16, Value) {
        self.ask(self.client.get(format!("{}{path}", self.url)))
            .await
    }

    /// The chain's clock: when the newest ledger closed, in Unix seconds.
    pub async fn clock(&self) -> i64 {
        let (_, page) = self.horizon("/ledgers?order=desc&limit=1").await;
        let closed_at = page["_embedded"]["records"][0]["closed_at"]
            .as_str()
            .unwrap();
        OffsetDateTime::parse(closed_at, &Rfc3339)
            .unwrap()
            .unix_timestamp()
    }

    /// A time of the chain's clock from now, as bodies have it.
    pub async fn in_seconds(&self, seconds: i64) -> String {
        let at = self.clock().await + seconds;
        OffsetDateTime::from_unix_timestamp(at)
            .unwrap()
            .format(&Rfc3339)
            .unwrap()
    }

    /// An account's newest used sequence number.
    pub async fn sequence(&self, account: AccountId) -> i64 {
        let (status, body) = self.horizon(&format!("/accounts/{account}")).await;
        assert_eq!(status, 200, "account {account}: {body}");
        body["sequence"].as_str().unwrap().parse().unwrap()
    }

    /// Sends an envelope (base64) and waits for its ledger.
    pub async fn submit(&self, envelope: &str) -> (u16, Value) {
        let url = format!("{}/transactions", self.url);
        self.ask(self.client.post(url).form(&[("tx", envelope)]))
            .await
    }

    /// Puts an envelope (base64) into the queue.
    pub async fn queue(&self, envelope: &str) -> (u16, Value) {
        let url = format!("{}/transactions_async", self.url);
        self.ask(self.client.post(url).form(&[("tx", envelope)]))
            .await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
        (status, body)
    }
}

/// A client that never goes through a proxy.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(100))
        .build()
        .unwrap()
}
