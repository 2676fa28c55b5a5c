//! A sandbox that stands where the recorded network stood.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use stellar_submitter::sandbox::clock::Clock;
use stellar_submitter::sandbox::faults::Draw;
use stellar_submitter::sandbox::ledger::account::{Account, AccountKey};
use stellar_submitter::sandbox::ledger::frame::Frame;
use stellar_submitter::sandbox::ledger::genesis::{Genesis, root_key};
use stellar_submitter::sandbox::queue::Answer as CoreAnswer;
use stellar_submitter::sandbox::{Config, Pace, Sandbox, start};

use super::capture::{Answer, Capture};
use crate::support;

/// The recorded network closed a ledger each second: ledger N at N plus this (Unix seconds), up to ledger 600 or so.
pub const CLOCK_OFFSET: u64 = 1_795_322_500;
/// What an account has of which nothing more is known: 1000 lumens.
const UNKNOWN_BALANCE: i64 = 10_000_000_000;

pub struct Rig {
    pub sandbox: Sandbox,
    pub client: reqwest::Client,
    time: Arc<AtomicU64>,
    clock_offset: u64,
}

impl Rig {
    /// Starts at a ledger with nothing but the root account; `change` makes it unusual.
    pub async fn start(ledger: u32, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_late(ledger, 0, change).await
    }

    /// The same, so many seconds behind the first ledgers' schedule.
    pub async fn start_late(ledger: u32, late: u64, change: impl FnOnce(&mut Config)) -> Self {
        let clock_offset = CLOCK_OFFSET + late;
        let (clock, time) = Clock::manual(clock_offset + u64::from(ledger));
        let mut config = Config {
            pace: Pace::Manual,
            clock,
            ..Config::default()
        };
        config.listen.set_port(0);
        let mut genesis = Genesis::standalone(&config.passphrase, clock_offset + u64::from(ledger));
        genesis.ledger = ledger;
        // The recorded root account had been used once before the first ledger that is known.
        genesis.accounts[0].1.sequence = 1;
        config.genesis = Some(genesis);
        change(&mut config);
        if let Some(genesis) = &mut config.genesis {
            genesis.max_tx_set_size = config.max_tx_set_size;
        }
        let sandbox = start(config).await.unwrap();
        Self {
            sandbox,
            client: reqwest::Client::new(),
            time,
            clock_offset,
        }
    }

    pub fn ledger(&self) -> u32 {
        self.sandbox.node().core().ledger().sequence()
    }

    /// Closes the next ledger at its time.
    pub fn close(&self) {
        self.time.store(
            self.clock_offset + u64::from(self.ledger()) + 1,
            Ordering::Relaxed,
        );
        self.sandbox.node().close(1);
    }

    /// Closes ledgers, each with what is known to have landed in it, until this one is the newest.
    pub fn advance(&self, known: &BTreeMap<u32, Vec<Vec<u8>>>, ledger: u32) {
        while self.ledger() < ledger {
            for bytes in known.get(&(self.ledger() + 1)).into_iter().flatten() {
                self.land(bytes);
            }
            self.close();
        }
    }

    /// Queues what is known to have landed; accounts of which nothing is known are made to fit.
    fn land(&self, envelope: &[u8]) {
        let network_id = self.sandbox.node().core().ledger().network_id();
        let frame = Arc::new(Frame::parse(envelope, network_id).unwrap());
        if self
            .sandbox
            .node()
            .core()
            .ledger()
            .history()
            .by_hash(&frame.hash())
            .is_some()
        {
            return;
        }
        let named = frame
            .operations()
            .iter()
            .map(|op| frame.operation_source(op))
            .chain([frame.fee_source()]);
        for key in named {
            if self.account(key).is_none() {
                self.import(key, Some(Account::new(UNKNOWN_BALANCE, 0)));
            }
        }
        let mut source = self
            .account(frame.source())
            .unwrap_or_else(|| Account::new(UNKNOWN_BALANCE, 0));
        if source.sequence != frame.sequence() - 1 {
            source.sequence = frame.sequence() - 1;
            self.import(frame.source(), Some(source));
        }
        let answer = self.sandbox.node().submit(&frame, Draw::default());
        assert_eq!(answer, CoreAnswer::Pending, "{}", hex::encode(frame.hash()));
    }

    pub fn account(&self, key: AccountKey) -> Option<Account> {
        self.sandbox
            .node()
            .core()
            .ledger()
            .state()
            .account(key)
            .cloned()
    }

    pub fn import(&self, key: AccountKey, account: Option<Account>) {
        self.sandbox
            .node()
            .core()
            .ledger_mut()
            .import_account(key, account);
    }

    /// Makes the accounts that a capture names what they were, where they are not.
    pub fn set_up(&self, capture: &Capture) {
        for (key, json) in capture.json["context"]["accounts_before"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let key: AccountKey = key.parse().unwrap();
            let wanted = (!json.is_null()).then(|| support::account(json));
            let there = self.account(key);
            let essence = |account: &Account| {
                let lines: Vec<_> = account
                    .lines
                    .values()
                    .map(|line| (line.balance, line.limit))
                    .collect();
                (account.balance, account.sequence, account.subentries, lines)
            };
            if there.as_ref().map(essence) != wanted.as_ref().map(essence) {
                self.import(key, wanted);
            }
        }
    }

    /// An account as a capture of `GET /accounts/{id}` shows it.
    pub fn import_shown(&self, capture: &Capture) {
        let body = capture.body();
        let mut account = support::account(body);
        let modified = body["last_modified_ledger"].as_u64().unwrap();
        account.modified_at = CLOCK_OFFSET + modified;
        self.import(body["id"].as_str().unwrap().parse().unwrap(), Some(account));
    }

    /// Sends a capture's request. A POST that waits is given the ledger that it waits for.
    pub async fn ask(&self, capture: &Capture) -> Answer {
        let send = self.request(&capture.json["request"]).send();
        tokio::pin!(send);
        let response = loop {
            tokio::select! {
                response = &mut send => break response.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(10)) => {
                    let queued = self.sandbox.node().core().queued() > 0;
                    if queued && capture.json["request"]["path"] == "/transactions" {
                        self.close();
                    }
                }
            }
        };
        let (status, headers) = (response.status().as_u16(), headers(&response));
        Answer {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    /// Sends a capture's request for a stream, lets ledgers close, and reads as many events as were recorded.
    pub async fn stream(
        &self,
        capture: &Capture,
        known: &BTreeMap<u32, Vec<Vec<u8>>>,
        until: u32,
    ) -> Answer {
        let response = self.request(&capture.json["request"]).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), headers(&response));
        let wanted = capture.json["response"]["text"]
            .as_str()
            .unwrap()
            .matches("\n\n")
            .count();
        let mut stream = response.bytes_stream();
        let mut text = String::new();
        while text.matches("\n\n").count() < wanted {
            if self.ledger() < until {
                self.advance(known, self.ledger() + 1);
            }
            let next = tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
            text.push_str(
                std::str::from_utf8(&next.expect("an event in time").unwrap().unwrap()).unwrap(),
            );
        }
        Answer {
            status,
            headers,
            text,
        }
    }

    fn request(&self, request: &Value) -> reqwest::RequestBuilder {
        let method: reqwest::Method = request["method"].as_str().unwrap().parse().unwrap();
        let path = request["path"].as_str().unwrap();
        let mut builder = self
            .client
            .request(method, format!("http://{}{path}", self.sandbox.addr()));
        builder = builder.header("Host", "horizon");
        if let Some(query) = request["query"].as_object() {
            let text = |value: &Value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            };
            builder = builder.query(
                &query
                    .iter()
                    .map(|(name, value)| (name, text(value)))
                    .collect::<Vec<_>>(),
            );
        }
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            builder = builder.header(name, value.as_str().unwrap());
        }
        if let Some(form) = request["form"].as_object() {
            builder = builder.form(form);
        }
        match request["raw"].as_str() {
            Some(raw) => builder.body(raw.to_owned()),
            None => builder,
        }
    }
}

fn headers(response: &reqwest::Response) -> Vec<(String, String)> {
    response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

/// Every transaction that is shown in any capture, by the ledger it landed in; contract calls are left out.
pub fn known_landings() -> BTreeMap<u32, Vec<Vec<u8>>> {
    let network_id = stellar_submitter::sandbox::ledger::genesis::network_id(
        "Standalone Network ; February 2017",
    );
    let mut found: BTreeMap<(u32, [u8; 32]), Vec<u8>> = BTreeMap::new();
    for name in Capture::names() {
        let capture = Capture::read(&name);
        let text = capture.json["response"]["text"]
            .as_str()
            .unwrap_or_default();
        let streamed = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let streamed = streamed.map(|data| serde_json::from_str(data).unwrap());
        for value in std::iter::once(capture.body().clone()).chain(streamed) {
            visit(&value, &mut |record| {
                let bytes = support::unbase64(record["envelope_xdr"].as_str().unwrap());
                let frame = Frame::parse(&bytes, network_id).unwrap();
                if frame.unsupported().is_none() && !frame.is_soroban() {
                    let ledger = u32::try_from(record["ledger"].as_u64().unwrap()).unwrap();
                    found.insert((ledger, frame.hash()), bytes);
                }
            });
        }
    }
    let mut by_ledger: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    for ((ledger, _), bytes) in found {
        by_ledger.entry(ledger).or_default().push(bytes);
    }
    by_ledger
}

fn visit(value: &Value, see: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(map) => {
            if map.contains_key("envelope_xdr") && map.contains_key("ledger") {
                see(value);
            }
            map.values().for_each(|value| visit(value, see));
        }
        Value::Array(list) => list.iter().for_each(|value| visit(value, see)),
        _ => {}
    }
}

/// The root account's key on the recorded network.
pub fn root() -> AccountKey {
    AccountKey(
        root_key("Standalone Network ; February 2017")
            .verifying_key()
            .to_bytes(),
    )
}
