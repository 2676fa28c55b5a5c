//! `run` as a process of its own, with nothing but the variables that the contract names.

use std::process::ExitStatus;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use stellar_submitter::domain::receipt::{SignedReceipt, Standing, check};

use super::{CHANNEL_SEED, Ledger, PATIENCE, eventually, key, ledger};
use crate::support::Process;

/// The key that clients use.
pub const API_KEY: &str = "test-key-of-all-scopes";
/// How long the process may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a drain may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// Between two tries to post.
const POST_RETRY: Duration = Duration::from_millis(100);

/// The variables of a daemon.
#[derive(Clone)]
pub struct Setup(Vec<(String, String)>);

impl Setup {
    /// Everything that is needed, and a validity window that tests can wait out.
    pub fn new(ledger: &Ledger, database: &str) -> Self {
        let mut setup = Self(Vec::new());
        setup
            .set("DATABASE__URL", database)
            .set("HORIZON__URLS", &ledger.url)
            .set("NETWORK__PASSPHRASE", ledger::PASSPHRASE)
            .set(
                "ACCOUNTS__SOURCE_SECRET",
                key("source").written().expose_secret(),
            )
            .set("API__LISTEN", "127.0.0.1:0")
            .set("API__BOOTSTRAP_KEY", API_KEY)
            .set("ENGINE__VALIDITY_LEDGERS", "12")
            .set("ENGINE__LEASE_SECONDS", "3")
            .set("ENGINE__POLL_MS", "100");
        setup
    }

    /// `SUBMITTER__` and this name.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        let name = format!("SUBMITTER__{name}");
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.to_owned()));
        self
    }

    /// So many channels of the tests' seed.
    pub fn channels(&mut self, count: u32) -> &mut Self {
        if count > 0 {
            self.set("ACCOUNTS__CHANNEL_SEED", CHANNEL_SEED);
        }
        self.set("ACCOUNTS__CHANNELS", &count.to_string())
    }

    /// A command of ours as a process with these variables.
    pub fn spawn(&self, args: &[&str]) -> Process {
        let env: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Process::spawn(args, &env)
    }
}

/// A daemon that listens.
pub struct Daemon {
    pub process: Process,
    pub client: Client,
}

impl Daemon {
    /// Returns when the API listens, whether it is ready or not.
    pub async fn start(setup: &Setup) -> Self {
        let mut process = setup.spawn(&["run"]);
        let api = eventually("the daemon listens", START_LIMIT, async || {
            assert!(
                process.ended().is_none(),
                "the daemon ended: {}",
                process.log()
            );
            let log = process.log();
            let line = log.lines().find(|line| line.contains("the daemon runs"))?;
            let line: Value = serde_json::from_str(line).unwrap();
            let address = find_text(&line, "api")?;
            Some(format!("http://{address}"))
        })
        .await;
        Self {
            process,
            client: Client::new(api),
        }
    }

    /// Returns when it is ready and has the channels that the setup asks for.
    pub async fn start_ready(setup: &Setup) -> Self {
        let mut daemon = Self::start(setup).await;
        let wanted = setup
            .0
            .iter()
            .find(|(name, _)| name.ends_with("ACCOUNTS__CHANNELS"))
            .map_or(0, |(_, count)| count.parse().unwrap());
        daemon.wait_until_ready().await;
        let client = daemon.client.clone();
        eventually("the channels are made", PATIENCE, async || {
            (client.open_channels().await >= wanted).then_some(())
        })
        .await;
        daemon
    }

    pub async fn wait_until_ready(&mut self) {
        let client = self.client.clone();
        eventually("the daemon is ready", PATIENCE, async || {
            assert!(
                self.process.ended().is_none(),
                "the daemon ended: {}",
                self.process.log()
            );
            (client.readiness().await.0 == 200).then_some(())
        })
        .await;
    }

    /// SIGTERM, and waits for the end of the drain.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.terminate(DRAIN_LIMIT)
    }
}

/// The first text of this name anywhere in a log line.
fn find_text(value: &Value, name: &str) -> Option<String> {
    let map = value.as_object()?;
    if let Some(text) = map.get(name).and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    map.values().find_map(|inner| find_text(inner, name))
}

/// What a user of the API does.
#[derive(Clone)]
pub struct Client {
    pub api: String,
    http: reqwest::Client,
}

impl Client {
    pub fn new(api: String) -> Self {
        Self {
            api,
            http: ledger::client(),
        }
    }

    /// The same client for a daemon elsewhere.
    pub fn at(&self, api: &str) -> Self {
        Self {
            api: api.to_owned(),
            http: self.http.clone(),
        }
    }

    /// Sends; an error is one of the connection.
    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<(u16, Value)> {
        let answer = request.bearer_auth(API_KEY).send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        ))
    }

    /// Posts an intent once.
    pub async fn try_post(&self, key: &str, body: &Value) -> reqwest::Result<(u16, Value)> {
        let request = self.http.post(format!("{}/v1/intents", self.api));
        self.send(request.header("Idempotency-Key", key).json(body))
            .await
    }

    /// Posts many intents once.
    pub async fn try_bulk(&self, bodies: &[&Value]) -> reqwest::Result<(u16, Value)> {
        let request = self.http.post(format!("{}/v1/intents/bulk", self.api));
        self.send(request.json(bodies)).await
    }

    /// What would become of an intent.
    pub async fn preview(&self, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}/v1/intents/preview", self.api));
        self.send(request.json(body)).await.unwrap()
    }

    /// Posts an intent, its workflow being its key; returns its id.
    pub async fn post(&self, body: &Value) -> String {
        let workflow = body["workflow_id"].as_str().unwrap();
        let (status, answer) = self.try_post(workflow, body).await.unwrap();
        assert!(matches!(status, 200 | 202), "{status}: {answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Posts until it is accepted, whatever is in the way: the same key and body each time, or twice at once.
    pub async fn post_until_accepted(&self, body: &Value, twice: bool) -> String {
        let key = body["workflow_id"].as_str().unwrap();
        loop {
            let answers = if twice {
                let (first, second) =
                    tokio::join!(self.try_post(key, body), self.try_post(key, body));
                vec![first, second]
            } else {
                vec![self.try_post(key, body).await]
            };
            let mut ids = Vec::new();
            for answer in answers {
                match answer {
                    Ok((200 | 202, intent)) => ids.push(intent["id"].as_str().unwrap().to_owned()),
                    // In flight, too many at once, the database away, nobody there: asked again.
                    Ok((409 | 429 | 503, _)) | Err(_) => {}
                    Ok((status, problem)) => panic!("{status}: {problem}"),
                }
            }
            ids.dedup();
            assert!(ids.len() <= 1, "one workflow has two intents: {ids:?}");
            if let Some(id) = ids.pop() {
                return id;
            }
            tokio::time::sleep(POST_RETRY).await;
        }
    }

    /// A change of an intent: `cancel` or `retry`.
    pub async fn change(&self, id: &str, what: &str) -> (u16, Value) {
        self.try_change(id, what).await.unwrap()
    }

    /// The same of a daemon that may be gone.
    pub async fn try_change(&self, id: &str, what: &str) -> reqwest::Result<(u16, Value)> {
        let request = self
            .http
            .post(format!("{}/v1/intents/{id}/{what}", self.api));
        self.send(request).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.try_get(path).await.unwrap()
    }

    /// The same of a daemon that may be gone.
    pub async fn try_get(&self, path: &str) -> reqwest::Result<(u16, Value)> {
        self.send(self.http.get(format!("{}{path}", self.api)))
            .await
    }

    pub async fn intent(&self, id: &str) -> Value {
        let (status, body) = self.get(&format!("/v1/intents/{id}")).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub async fn attempts(&self, id: &str) -> Vec<Value> {
        let (status, body) = self
            .get(&format!("/v1/intents/{id}/attempts?limit=200"))
            .await;
        assert_eq!(status, 200, "{body}");
        body["items"].as_array().unwrap().clone()
    }

    /// Everything that its receipt says follows from what it holds.
    pub async fn stands(&self, id: &str) {
        let (status, body) = self.get(&format!("/v1/intents/{id}/receipt")).await;
        assert_eq!(status, 200, "{body}");
        let receipt: SignedReceipt = serde_json::from_value(body).unwrap();
        let mut doubts = check(&receipt, None);
        doubts.retain(|one| one.standing != Standing::Right);
        assert!(doubts.is_empty(), "{doubts:#?}");
    }

    /// Waits until it is in this status; fails at once where it is final in another.
    pub async fn wait_for(&self, id: &str, status: &str, limit: Duration) -> Value {
        eventually(&format!("intent {id} is {status}"), limit, async || {
            let intent = self.intent(id).await;
            if intent["status"] == status {
                return Some(intent);
            }
            assert!(
                intent["finished_at"].is_null(),
                "it should be {status}: {intent}"
            );
            None
        })
        .await
    }

    /// Waits until all of these are final, and returns them.
    pub async fn wait_until_final(&self, ids: &[String], limit: Duration) -> Vec<Value> {
        let begun = std::time::Instant::now();
        let mut all = Vec::new();
        for id in ids {
            let left = limit.saturating_sub(begun.elapsed());
            all.push(
                eventually(&format!("intent {id} is final"), left, async || {
                    let intent = self.intent(id).await;
                    (!intent["finished_at"].is_null()).then_some(intent)
                })
                .await,
            );
        }
        all
    }

    pub async fn readiness(&self) -> (u16, Value) {
        match self.http.get(format!("{}/readyz", self.api)).send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                (status, answer.json().await.unwrap_or_default())
            }
            Err(_) => (0, Value::Null),
        }
    }

    /// What readiness says of one thing.
    pub async fn check(&self, name: &str) -> String {
        let (_, body) = self.readiness().await;
        let checks = body["checks"].as_array().cloned().unwrap_or_default();
        let found = checks.iter().find(|check| check["name"] == name);
        found.map_or_else(String::new, |check| {
            check["detail"].as_str().unwrap().to_owned()
        })
    }

    pub async fn channels(&self) -> Vec<Value> {
        let (status, body) = self.get("/v1/channels").await;
        assert_eq!(status, 200, "{body}");
        body["items"].as_array().unwrap().clone()
    }

    pub async fn open_channels(&self) -> usize {
        let all = self.channels().await;
        all.iter()
            .filter(|channel| channel["kind"] == "channel" && channel["state"] == "open")
            .count()
    }
}
