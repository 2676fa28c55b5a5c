//! A server of one test: the API on a port of its own, on a database of its own, with keys of two tenants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Once};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stellar_submitter::api::{self, App, Check, PreviewUnavailable, Previewer, Probe, Settings};
use stellar_submitter::domain::attempt::Attempt;
use stellar_submitter::domain::envelope::Plan;
use stellar_submitter::domain::intent::{Accounts, Request};
use stellar_submitter::domain::preview::{CallPreview, Draft, Finding, Preview};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash,
};
use stellar_submitter::domain::soroban::Need;
use stellar_submitter::store::Store;
use stellar_xdr::ScVal;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::{TestDatabase, database};

pub const ALL_SCOPES: [&str; 3] = ["intents:read", "intents:write", "admin"];
/// A key of tenant `acme` with all scopes.
pub const ACME: &str = "sk_test_acme_3f8a";
/// A key of tenant `zenith` with all scopes.
pub const ZENITH: &str = "sk_test_zenith_9c1d";

pub struct Server {
    pub base: String,
    pub address: SocketAddr,
    pub store: Store,
    pub client: Client,
    pub database: TestDatabase,
    pub end: Option<oneshot::Sender<()>>,
    pub serving: Option<JoinHandle<std::io::Result<()>>>,
}

pub struct Ready(pub bool);

impl Probe for Ready {
    fn readiness(&self) -> Vec<Check> {
        vec![Check {
            name: "horizon".to_owned(),
            ok: self.0,
            detail: "as the test says".to_owned(),
        }]
    }
}

/// A network that answers for the workflow `seen` alone.
struct NoNetwork;

#[async_trait::async_trait]
impl Previewer for NoNetwork {
    async fn preview(&self, _: &str, request: &Request) -> Result<Preview, PreviewUnavailable> {
        if request.workflow_id == "seen" {
            return Ok(seen());
        }
        Err(PreviewUnavailable::Network("a secret address".to_owned()))
    }
}

/// A preview with everything that there can be in one.
fn seen() -> Preview {
    let stroops = |amount| Stroops::new(amount).unwrap();
    let plan = Plan {
        channel: AccountId([1; 32]),
        sequence: Sequence(7),
        min_time: ChainTime(0),
        max_time: ChainTime(1_800_000_000),
        max_ledger: LedgerSeq(9),
        base_fee: stroops(100),
        soroban: None,
    };
    Preview {
        as_of: LedgerSeq(5),
        draft: Some(Draft {
            attempt: Attempt {
                number: 1,
                plan,
                inner_hash: TxHash([2; 32]),
                operations: 1,
                plain_fee: stroops(100),
                bumps: Vec::new(),
                sponsored: true,
                presigned: false,
                signed_at: LedgerSeq(5),
            },
            envelope: vec![0; 8],
            fee: stroops(200),
            cap: stroops(10_000),
            payer: AccountId([3; 32]),
        }),
        call: Some(CallPreview {
            need: Need::ReadOnly,
            restores_before: false,
            value: Some(ScVal::U32(1)),
            events: Vec::new().into(),
        }),
        findings: vec![
            Finding::error("op_no_trust", "/operations/0/asset", "there is none"),
            Finding::unknown("not_looked_at", "", "it does not answer"),
        ],
    }
}

/// The account of this number.
pub fn account(number: u8) -> String {
    AccountId([number; 32]).to_string()
}

/// A well-formed secret key that holds nothing.
pub fn seed(number: u8) -> String {
    stellar_strkey::ed25519::PrivateKey([number; 32])
        .as_unredacted()
        .to_string()
        .as_str()
        .to_owned()
}

/// What signs receipts.
pub fn receipt_key() -> stellar_submitter::signer::SecretKey {
    stellar_submitter::signer::SecretKey::from_bytes([5; 32])
}

/// The configured source, and another that is allowed.
pub const SOURCE: u8 = 1;
pub const OTHER_SOURCE: u8 = 2;

/// A payment of an amount for a workflow.
pub fn payment(workflow: &str, amount: &str) -> Value {
    json!({
        "workflow_id": workflow,
        "operations": [{"type": "payment", "destination": account(9), "asset": "native", "amount": amount}],
    })
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in {} {:?}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// Asserts a whole problem document and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let body = self.json();
        assert_eq!(
            body["type"],
            format!("urn:stellar-submitter:problem:{code}"),
            "{body}"
        );
        assert_eq!(body["status"], status);
        for field in ["title", "detail", "instance"] {
            assert!(
                body[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {body}"
            );
        }
        body
    }

    /// Asserts an intent and returns it.
    #[track_caller]
    pub fn intent(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/json"));
        let body = self.json();
        body["id"].as_str().unwrap().parse::<Uuid>().unwrap();
        body
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(Settings::default(), Arc::new(Ready(true))).await
    }

    pub async fn start_with(settings: Settings, probe: Arc<dyn Probe>) -> Self {
        capture_logs();
        let database = database().await;
        let store = Store::connect(&database.url, 8).await.unwrap();
        // As after the engine's first look at the chain.
        let network = "Standalone Network ; February 2017";
        store.tie_to_network(network).await.unwrap();
        store.note_explained(0).await.unwrap();
        for (tenant, key) in [("acme", ACME), ("zenith", ZENITH)] {
            store
                .add_api_key(Uuid::now_v7(), tenant, "test", key, &ALL_SCOPES)
                .await
                .unwrap();
        }
        let mut server = Self {
            base: String::new(),
            address: ([127, 0, 0, 1], 0).into(),
            store,
            client: Client::builder().no_proxy().build().unwrap(),
            database,
            end: None,
            serving: None,
        };
        server.serve(settings, probe).await;
        server
    }

    /// Serves, in place of what served before.
    pub async fn serve(&mut self, settings: Settings, probe: Arc<dyn Probe>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.address = listener.local_addr().unwrap();
        self.base = format!("http://{}", self.address);
        let app = self.app(settings, probe);
        let (end, ended) = oneshot::channel();
        let ended = async {
            let _ = ended.await;
        };
        self.serving = Some(tokio::spawn(api::serve(listener, app, ended)));
        self.end = Some(end);
    }

    pub fn app(&self, settings: Settings, probe: Arc<dyn Probe>) -> App {
        App {
            store: self.store.clone(),
            network: NetworkId::of("Standalone Network ; February 2017"),
            accounts: Accounts {
                default_source: AccountId([SOURCE; 32]),
                other_sources: vec![AccountId([OTHER_SOURCE; 32])],
                contracts: None,
            },
            settings,
            probe,
            render_metrics: Arc::new(|| "# a metric\nup 1\n".to_owned()),
            receipts: api::Receipts {
                network: "Standalone Network ; February 2017".to_owned(),
                public_key: receipt_key().account(),
                sign: Arc::new(|digest| receipt_key().sign_digest(digest)),
                now: Arc::new(time::OffsetDateTime::now_utc),
            },
            preview: Arc::new(NoNetwork),
            wake: Arc::new(|| ()),
        }
    }

    /// A request with the key of tenant `acme`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(ACME)
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, key: &str, body: &Value) -> Answer {
        send(self.posting(key, body)).await
    }

    pub fn posting(&self, key: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, "/v1/intents")
            .header("idempotency-key", key)
            .json(body)
    }

    /// Posts a payment of 1 and returns the intent's id.
    pub async fn accepted(&self, workflow: &str) -> Uuid {
        let answer = self.post(workflow, &payment(workflow, "1")).await;
        answer.intent(202)["id"].as_str().unwrap().parse().unwrap()
    }

    /// Runs a statement on the test's database: what the engine would have done.
    pub async fn sql(&self, statement: impl Into<String>) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.into()))
            .execute(&self.database.pool)
            .await
            .unwrap();
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("select count(*) from submitter.{table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    /// How many deadlocks the database has seen. Its counts are late by up to a second.
    pub async fn deadlocks(&self) -> i64 {
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        let sql = "select deadlocks from pg_stat_database where datname = current_database()";
        let pool = &self.database.pool;
        sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
    }

    /// Makes an intent final, as the engine would.
    pub async fn fail(&self, id: Uuid) {
        self.sql(format!(
            "update submitter.intents set status = 'failed', finished_at = now(), updated_at = now(), due_at = null,
             reason = '{{\"code\": \"op_underfunded\", \"title\": \"Underfunded\", \"detail\": \"too little\", \"retryable\": false}}'
             where id = '{id}'"
        ))
        .await;
    }

    /// Parks an intent, as the engine would.
    pub async fn park(&self, id: Uuid) {
        self.sql(format!(
            "update submitter.intents set status = 'parked', due_at = null,
             reason = '{{\"code\": \"op_no_trust\", \"title\": \"No trust\", \"detail\": \"none\", \"retryable\": true}}'
             where id = '{id}'"
        ))
        .await;
    }

    /// Puts an intent in flight, as the engine would.
    pub async fn fly(&self, id: Uuid) {
        self.sql(format!(
            "update submitter.intents set status = 'in_flight', owner = '{}', attempt_count = 1 where id = '{id}'",
            Uuid::now_v7()
        ))
        .await;
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

static LOGS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Logs;

impl std::io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGS.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Collects everything that this process logs, at the finest level.
fn capture_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Logs)
            .init();
    });
}

/// Everything that was logged so far.
pub fn logs() -> String {
    String::from_utf8_lossy(&LOGS.lock().unwrap()).into_owned()
}
