//! Histories that are made by hand: a real engine, records in memory, the sandbox's ledger, and Horizons that do what a case needs.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, header};
use serde_json::{Value, json};
use stellar_submitter::clock::{Clock as TimeOfDay, ManualClock};
use stellar_submitter::domain::fee::Percentile;
use stellar_submitter::domain::intent::{self, Accounts};
use stellar_submitter::domain::observation::{Unknown, UnknownKind};
use stellar_submitter::domain::primitives::{AccountId, NetworkId, Stroops};
use stellar_submitter::horizon::{Answer, Call, Deadlines, Horizon, HorizonOptions, Line};
use stellar_submitter::sandbox::clock::Clock;
use stellar_submitter::sandbox::ledger::account::{Account, AccountKey};
use stellar_submitter::sandbox::ledger::genesis::Genesis;
use stellar_submitter::sandbox::node::Node;
use stellar_submitter::sandbox::{Config, Link, Pace, router};
use stellar_submitter::signer::{Keyring, SecretKey, Signer as _};
use stellar_submitter::simulation::records::MemoryRecords;
use stellar_submitter::store::accept::{Lane, NewIntent};
use stellar_submitter::worker::records::Records as _;
use stellar_submitter::worker::{Engine, FeePayer, Settings, Status, SubmitMode};
use stellar_xdr::{
    Asset, Limits, Memo, MuxedAccount, MuxedAccountMed25519, Operation, OperationBody, PaymentOp,
    Preconditions, SequenceNumber, Transaction, TransactionEnvelope, TransactionExt,
    TransactionV1Envelope, Uint256, WriteXdr as _,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{mpsc, oneshot, watch};
use tower::ServiceExt as _;
use url::form_urlencoded;

const BEGINNING: u64 = 1_800_000_000;
const PASSPHRASE: &str = "By hand ; January 2027";
const TENANT: &str = "treasury";
const LEDGER_SECONDS: u64 = 5;
const WEALTH: i64 = 1_000_000 * 10_000_000;

/// What a Horizon does with a request.
pub enum Does {
    Answers,
    /// It shows the chain as of this ledger.
    Shows(u32),
    /// The answer comes once somebody lets it.
    Waits,
    /// It comes after so many seconds.
    Takes(u64),
    /// 503.
    Fails,
    /// The request is lost on its way.
    Loses,
}

/// What it does with which path.
pub type Rule = Box<dyn Fn(&[&str]) -> Does + Send + Sync>;

/// The chain, the keys, and what waits.
pub struct Site {
    node: Arc<Node>,
    routes: Router,
    clock: Arc<AtomicU64>,
    keys: Arc<Keyring>,
    source: AccountId,
    fees: AccountId,
    payee: AccountId,
    /// Answers that are held back.
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
    /// Questions about a hash, and what was sent.
    asked: AtomicUsize,
}

struct Replica {
    site: Arc<Site>,
    name: &'static str,
    rule: Rule,
}

/// An engine that runs.
pub struct Running {
    task: tokio::task::JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

#[derive(Debug)]
struct OfChain(Arc<AtomicU64>);

impl TimeOfDay for OfChain {
    fn now(&self) -> OffsetDateTime {
        unix(self.0.load(Ordering::Relaxed))
    }
}

fn unix(seconds: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap()
}

impl Running {
    /// Whether it has not ended by itself.
    pub fn is_alive(&self) -> bool {
        !self.task.is_finished()
    }

    /// Ends it at once.
    pub fn kill(self) {
        self.task.abort();
    }
}

impl Site {
    pub fn new() -> Arc<Self> {
        let keys = Keyring::new(None);
        let [source, fees, payee] =
            [1, 2, 3].map(|number| keys.add(&SecretKey::from_bytes([number; 32])));
        let (clock, seconds) = Clock::manual(BEGINNING);
        let mut genesis = Genesis::standalone(PASSPHRASE, BEGINNING);
        for account in [source, fees, payee] {
            let account = AccountKey(account.0);
            genesis.accounts.push((account, Account::new(WEALTH, 0)));
        }
        let config = Config {
            passphrase: PASSPHRASE.to_owned(),
            pace: Pace::Manual,
            clock,
            genesis: Some(genesis),
            ..Config::default()
        };
        let node = Arc::new(Node::new(config, mpsc::channel(1).0));
        Arc::new(Self {
            routes: router(Arc::clone(&node)),
            node,
            clock: seconds,
            keys: Arc::new(keys),
            source,
            fees,
            payee,
            waiting: Mutex::default(),
            asked: AtomicUsize::new(0),
        })
    }

    pub fn newest(&self) -> u32 {
        self.node.core().ledger().sequence()
    }

    fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Empty records whose clock is right.
    pub fn records(&self) -> MemoryRecords {
        MemoryRecords::new(i64::try_from(self.now()).unwrap())
    }

    /// Has so many ledgers close.
    pub async fn pass(&self, ledgers: u32) {
        for _ in 0..ledgers {
            tokio::time::sleep(Duration::from_secs(LEDGER_SECONDS)).await;
            self.clock.fetch_add(LEDGER_SECONDS, Ordering::Relaxed);
            self.node.close(1);
        }
    }

    fn accounts(&self) -> Accounts {
        Accounts {
            default_source: self.source,
            other_sources: Vec::new(),
            contracts: None,
        }
    }

    /// A payment that must land within so many seconds of the beginning, if at all.
    pub fn payment(&self, workflow: &str, within: Option<u64>) -> Value {
        let mut body = json!({
            "workflow_id": workflow,
            "operations": [{"type": "payment", "destination": self.payee.to_string(), "asset": "native", "amount": "1.5"}],
        });
        if let Some(within) = within {
            body["valid_until"] = json!(unix(BEGINNING + within).format(&Rfc3339).unwrap());
        }
        body
    }

    pub async fn accept(&self, records: &MemoryRecords, body: &Value) {
        let request = intent::read(body, &self.accounts()).unwrap();
        let new = NewIntent {
            id: records.new_id(),
            tenant: TENANT.to_owned(),
            tag: request.key(TENANT).tag(NetworkId::of(PASSPHRASE)),
            lane: Lane::User,
            form: request.to_text(),
            request,
            key: None,
        };
        records.accept(&[&new]).await.unwrap();
    }

    /// Somebody pays by hand from our source account, perhaps in the name of a sub-account.
    pub async fn use_source(&self, sub_account: Option<u64>) {
        let sequence = {
            let core = self.node.core();
            let state = core.ledger().state().account(AccountKey(self.source.0));
            state.unwrap().sequence
        };
        let plain = |account: AccountId| MuxedAccount::Ed25519(Uint256(account.0));
        let source_account = match sub_account {
            None => plain(self.source),
            Some(id) => MuxedAccount::MuxedEd25519(MuxedAccountMed25519 {
                id,
                ed25519: Uint256(self.source.0),
            }),
        };
        let payment = PaymentOp {
            destination: plain(self.payee),
            asset: Asset::Native,
            amount: 7,
        };
        let operation = Operation {
            source_account: None,
            body: OperationBody::Payment(payment),
        };
        let tx = Transaction {
            source_account,
            fee: 100,
            seq_num: SequenceNumber(sequence + 1),
            cond: Preconditions::None,
            memo: Memo::None,
            operations: vec![operation].try_into().unwrap(),
            ext: TransactionExt::V0,
        };
        let hash = tx.hash(self.node.network_id()).unwrap();
        let signature = self.keys.sign(self.source, &hash).unwrap();
        let signatures = vec![signature].try_into().unwrap();
        let envelope = TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures });
        let envelope = envelope.to_xdr_base64(Limits::none()).unwrap();
        let call = Call {
            path: &["transactions_async"],
            query: &[],
            form: Some(&[("tx", &envelope)]),
            json: None,
            deadline: Duration::from_secs(1),
        };
        let answer = self.answer(&call, 0).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// The time by the chain.
    pub fn time_of_day(&self) -> Arc<dyn TimeOfDay> {
        Arc::new(OfChain(Arc::clone(&self.clock)))
    }

    /// Runs a daemon over Horizons that do what these rules say.
    pub fn run(
        self: &Arc<Self>,
        records: &MemoryRecords,
        payer: FeePayer,
        rules: Vec<Rule>,
    ) -> Running {
        // Not this machine's time; a clock that is behind refuses nothing.
        let clock = Arc::new(ManualClock::at(unix(BEGINNING)));
        self.run_by(records, payer, rules, clock)
    }

    /// The same by this clock.
    pub fn run_by(
        self: &Arc<Self>,
        records: &MemoryRecords,
        payer: FeePayer,
        rules: Vec<Rule>,
        clock: Arc<dyn TimeOfDay>,
    ) -> Running {
        let names = ["horizon-a", "horizon-b"];
        let lines = names.into_iter().zip(rules).map(|(name, rule)| {
            let site = Arc::clone(self);
            Arc::new(Replica { site, name, rule }) as Arc<dyn Line>
        });
        let options = HorizonOptions {
            urls: Vec::new(),
            passphrase: PASSPHRASE.to_owned(),
            requests_per_hour: 0,
            deadlines: Deadlines::default(),
        };
        let engine = Engine::new(
            Arc::new(records.clone()),
            Arc::new(Horizon::over(lines.collect(), &options)),
            Arc::clone(&self.keys),
            PASSPHRASE,
            self.accounts(),
            self.settings(payer),
            Status::default(),
        )
        .timed_by(clock);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            engine.run(stopped).await.unwrap();
        });
        Running { task, _stop: stop }
    }

    fn settings(&self, payer: FeePayer) -> Settings {
        let stroops = |count| Stroops::new(count).unwrap();
        Settings {
            name: "daemon".to_owned(),
            source: self.source,
            fee_account: self.fees,
            payer,
            submit: SubmitMode::Async,
            validity_ledgers: 10,
            resubmit_after: 2,
            batch: 100,
            max_in_flight: 1_000,
            concurrent_posts: 16,
            concurrent_reads: 8,
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(2),
            ledger_poll: Duration::from_secs(2),
            drain: Duration::from_secs(5),
            fee_cap: stroops(100_000),
            percentile: Percentile::P95,
            channels: 0,
            channel_starting_balance: stroops(30_000_000),
            channel_top_up_below: stroops(20_000_000),
            pause_source: false,
        }
    }

    async fn answer(&self, call: &Call<'_>, lag: u32) -> Answer {
        let query = call
            .query
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        let target = format!("/{}?{query}", call.path.join("/"));
        let request = match call.form {
            Some(form) => {
                let form = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(form)
                    .finish();
                Request::post(target)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Body::from(form))
            }
            None => Request::get(target).body(Body::empty()),
        };
        let mut request = request.unwrap();
        let link = Link::new(SocketAddr::from(([127, 0, 0, 1], 1)));
        request.extensions_mut().insert(ConnectInfo(link));
        // Read before anything else can run.
        self.node.set_least_lag(lag);
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer::new(parts.status.as_u16(), &parts.headers, Some(body.to_vec()))
    }

    /// Lets the answer go that has waited the longest.
    pub fn release(&self) {
        let first = self.waiting.lock().unwrap().remove(0);
        first.send(()).unwrap();
    }

    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Line for Replica {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    async fn call(&self, call: Call<'_>) -> Result<Answer, Unknown> {
        let site = &self.site;
        if call.form.is_some() || matches!(call.path, ["transactions", _]) {
            site.asked.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        match (self.rule)(call.path) {
            Does::Answers => {}
            Does::Shows(ledger) => {
                let lag = site.newest().saturating_sub(ledger);
                return Ok(site.answer(&call, lag).await);
            }
            Does::Waits => {
                let (free, freed) = oneshot::channel();
                site.waiting.lock().unwrap().push(free);
                freed.await.unwrap();
            }
            Does::Takes(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Does::Fails => return Ok(Answer::new(503, &HeaderMap::new(), Some(Vec::new()))),
            Does::Loses => {
                return Err(Unknown {
                    kind: UnknownKind::Unreachable,
                    status: None,
                    detail: "no connection".to_owned(),
                    retry_after: None,
                });
            }
        }
        Ok(site.answer(&call, 0).await)
    }
}
