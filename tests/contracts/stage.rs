//! A world with the counter's contract on its ledger, and daemons that call it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rpc::Rpc;
use crate::world::{Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, ledger};

/// The counter: `inc` asks for an authorisation, `tick` for none.
const COUNTER: &[u8] = include_bytes!("../fixtures/rpc-captures/counter.wasm");

/// How long a proof may take.
const PROOF_LIMIT: Duration = Duration::from_secs(60);

pub struct Stage {
    pub world: World,
    /// The counter's address.
    pub counter: String,
    http: reqwest::Client,
}

impl Stage {
    /// With a funded source, the counter, and so many channels to come.
    pub async fn new(channels: u32) -> Self {
        let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
        world.ledger.fund(account("source")).await;
        let rpc = format!("{}/rpc", world.ledger.url);
        world.setup.channels(channels).set("RPC__URL", &rpc);
        let http = ledger::client();
        let url = format!("{}/sandbox/contract", world.ledger.url);
        let answer = http.post(url).body(COUNTER).send().await.unwrap();
        let deployed: Value = answer.json().await.unwrap();
        let counter = deployed["contract"].as_str().unwrap().to_owned();
        world.ledger.pass(1).await;
        Self {
            world,
            counter,
            http,
        }
    }

    /// The same, and a daemon that is ready.
    pub async fn ready(channels: u32) -> (Self, Daemon) {
        let stage = Self::new(channels).await;
        let daemon = Daemon::start_ready(&stage.world.setup).await;
        (stage, daemon)
    }

    /// The same with a Stellar RPC that can be told to be wrong; no more is declared than it says.
    pub async fn with_rpc(channels: u32) -> (Self, Daemon, Rpc) {
        let mut stage = Self::new(channels).await;
        let rpc = Rpc::start(&format!("{}/rpc", stage.world.ledger.url)).await;
        let setup = &mut stage.world.setup;
        setup
            .set("RPC__URL", &rpc.url)
            .set("RPC__RESOURCE_MARGIN_PERCENT", "0");
        let daemon = Daemon::start_ready(setup).await;
        (stage, daemon, rpc)
    }

    /// Waits until an intent has so many attempts, and the last was sent.
    pub async fn submitted(&self, daemon: &Daemon, id: &str, number: usize) {
        eventually("it was sent", PATIENCE, async || {
            let attempts = daemon.client.attempts(id).await;
            (attempts.get(number - 1)?["state"] == "submitted").then_some(())
        })
        .await;
    }

    /// What the ledger has proves the records and the receipt of this final intent right.
    pub async fn proven(&self, daemon: &Daemon, id: &str) {
        daemon.client.stands(id).await;
        let ledger = &self.world.ledger.url;
        self.succeeds(&["verify", "--horizon", ledger, "--database"]);
    }

    /// The chain and the records, compared whole, agree.
    pub fn reconciled(&self) {
        self.succeeds(&["reconcile", "--full"]);
    }

    fn succeeds(&self, args: &[&str]) {
        let mut process = self.world.setup.spawn(args);
        let status = process.wait(PROOF_LIMIT);
        assert!(status.success(), "{args:?}: {}", process.log());
    }

    /// What the ledger has under a symbol of the counter; null where nothing is.
    pub async fn value(&self, symbol: &str) -> Value {
        let (counter, url) = (&self.counter, &self.world.ledger.url);
        let url = format!("{url}/sandbox/contract?id={counter}&symbol={symbol}");
        let answer = self.http.get(url).send().await.unwrap();
        if answer.status() == 404 {
            return Value::Null;
        }
        let entry: Value = answer.json().await.unwrap();
        entry["value"].clone()
    }

    /// How far it has counted.
    pub async fn count(&self) -> u64 {
        self.value("COUNT").await["u32"].as_u64().unwrap_or(0)
    }

    /// A control of contracts.
    pub async fn control(&self, path: &str) -> Value {
        let url = format!("{}/sandbox/contract{path}", self.world.ledger.url);
        let answer = self.http.post(url).send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// A call of a function for a workflow.
    pub fn call(&self, workflow: &str, function: &str, args: &[Value]) -> Value {
        json!({
            "workflow_id": workflow,
            "operations": [{
                "type": "invoke_contract", "contract": self.counter, "function": function, "args": args,
            }],
        })
    }

    /// `inc`, authorised by the source.
    pub fn inc(&self, workflow: &str) -> Value {
        self.call(workflow, "inc", &[json!({"address": account("source")})])
    }
}
