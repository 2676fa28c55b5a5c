//! The recorded exchanges, and one line of text for what the client makes of an answer.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use stellar_submitter::domain::envelope::decode;
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer, Unknown};
use stellar_submitter::domain::primitives::{AccountId, NetworkId, TxHash};
use stellar_submitter::domain::result_code::{TransactionOutcome, transaction_code_name};
use stellar_submitter::domain::soroban::{Need, Simulated, Simulation, SimulationOutcome};
use stellar_submitter::rpc::{Answer, Found, observe};
use stellar_xdr as xdr;
use stellar_xdr::ReadXdr as _;

pub const PASSPHRASE: &str = "Standalone Network ; February 2017";
const FOLDER: &str = "tests/fixtures/rpc-captures";

#[derive(Deserialize)]
pub struct Capture {
    pub name: String,
    pub observation: String,
    pub request: Request,
    pub response: Response,
}

#[derive(Deserialize)]
pub struct Request {
    pub method: String,
    #[serde(default)]
    pub params: Value,
}

#[derive(Deserialize)]
pub struct Response {
    pub status: u16,
    pub body: Value,
}

pub fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(FOLDER)
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every exchange, by name.
pub fn all() -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let mut captures: Vec<Capture> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json") && name != "contracts.json")
        .map(|name| serde_json::from_str(&read(&name)).unwrap())
        .collect();
    captures.sort_by(|one, other| one.name.cmp(&other.name));
    captures
}

pub fn named(name: &str) -> Capture {
    serde_json::from_str(&read(&format!("{name}.json"))).unwrap()
}

/// A key of the captured network.
pub fn secret(name: &str) -> String {
    let keys: Value = serde_json::from_str(&read("contracts.json")).unwrap();
    keys["keys"][name].as_str().unwrap().to_owned()
}

pub fn network() -> NetworkId {
    NetworkId::of(PASSPHRASE)
}

impl Capture {
    pub fn id(&self) -> u64 {
        self.response.body["id"].as_u64().unwrap()
    }

    pub fn answer(&self) -> Answer {
        let body = self.response.body.to_string().into_bytes();
        Answer::new(self.response.status, &HeaderMap::new(), Some(body))
    }

    /// The envelope that was sent or simulated, in base64.
    pub fn posted(&self) -> &str {
        self.request.params["transaction"].as_str().unwrap()
    }

    /// The inner envelope that was sent or simulated.
    pub fn inner(&self) -> xdr::TransactionV1Envelope {
        decode(&STANDARD.decode(self.posted()).unwrap()).unwrap().0
    }

    pub fn simulation(&self) -> Result<Simulation, Unknown> {
        observe::simulation(self.id(), &self.answer())
    }

    pub fn simulated(&self) -> Simulated {
        match self.simulation().unwrap().outcome {
            SimulationOutcome::Runs(simulated) => *simulated,
            SimulationOutcome::Fails(failure) => panic!("{}: {failure:?}", self.name),
        }
    }

    pub fn look_up(&self) -> Found {
        let asked = self.request.params["hash"].as_str().unwrap();
        // What is no hash is never asked for.
        let asked = asked.parse().unwrap_or(TxHash([0; 32]));
        observe::look_up(network(), asked, self.id(), &self.answer())
    }

    pub fn sent(&self) -> SubmitAnswer {
        observe::sent(network(), self.posted(), self.id(), &self.answer())
    }

    /// What the client makes of it, in one line.
    pub fn told(&self) -> String {
        let (id, answer) = (self.id(), self.answer());
        match self.request.method.as_str() {
            "getNetwork" => line(observe::network(id, &answer), |network| {
                format!(
                    "{}, protocol {}",
                    network.passphrase, network.protocol_version
                )
            }),
            "getHealth" => line(observe::health(id, &answer), |span| {
                format!("ledgers {}..{}", span.oldest, span.latest)
            }),
            "getLatestLedger" => line(observe::latest_ledger(id, &answer), |newest| {
                format!(
                    "ledger {}, protocol {}",
                    newest.ledger, newest.protocol_version
                )
            }),
            "getVersionInfo" => line(observe::version(id, &answer), |version| version),
            "getFeeStats" => line(observe::fee_stats(id, &answer), |fees| {
                let (percentiles, most) = (fees.percentiles, fees.max);
                let (transactions, ledgers) = (fees.transactions, fees.ledgers);
                format!("{percentiles:?}, at most {most}, of {transactions} in {ledgers} ledgers")
            }),
            "getLedgerEntries" => self.entries(),
            "simulateTransaction" => line(self.simulation(), told_simulation),
            "sendTransaction" => told_answer(&self.sent()),
            "getTransaction" => told_found(&self.look_up()),
            "getTransactions" => self.page(),
            "getEvents" => "never asked".to_owned(),
            // Any question will do: it is the server's error that is read.
            _ => line(observe::version(id, &answer), |version| version),
        }
    }

    fn entries(&self) -> String {
        let keys: Vec<xdr::LedgerKey> = self.request.params["keys"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|key| {
                xdr::LedgerKey::from_xdr_base64(key.as_str().unwrap(), xdr::Limits::none()).ok()
            })
            .collect();
        let found = observe::ledger_entries(self.id(), &keys, &self.answer());
        line(found, |found| {
            let entries: Vec<String> = found
                .entries
                .iter()
                .map(|entry| {
                    let until = entry.live_until.map(|ledger| format!(" until {ledger}"));
                    let place = keys.iter().position(|key| *key == entry.key).unwrap();
                    format!(
                        "key {place} of {}{}",
                        entry.modified,
                        until.unwrap_or_default()
                    )
                })
                .collect();
            let asked = keys.len();
            let (as_of, entries) = (found.as_of, entries.join(", "));
            format!("as of {as_of}: {entries}; asked for {asked}")
        })
    }

    /// The records of a page, each as the look-up of its hash would answer.
    fn page(&self) -> String {
        let Some(page) = self.response.body.get("result") else {
            return line(observe::version(self.id(), &self.answer()), |version| {
                version
            });
        };
        let records = page["transactions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| {
                let mut record = record.clone();
                record["latestLedger"] = page["latestLedger"].clone();
                record["oldestLedger"] = page["oldestLedger"].clone();
                let hash = record["txHash"].as_str().unwrap().parse().unwrap();
                let body = json!({"jsonrpc": "2.0", "id": 1, "result": record});
                let body = body.to_string().into_bytes();
                let answer = Answer::new(200, &HeaderMap::new(), Some(body));
                told_found(&observe::look_up(network(), hash, 1, &answer))
            });
        records.collect::<Vec<_>>().join(" | ")
    }
}

fn line<T>(result: Result<T, Unknown>, tell: impl FnOnce(T) -> String) -> String {
    result.map_or_else(|unknown| told_unknown(&unknown), tell)
}

pub fn told_unknown(unknown: &Unknown) -> String {
    format!("unknown: {:?}, {}", unknown.kind, unknown.detail)
}

fn told_simulation(simulation: Simulation) -> String {
    let ledger = simulation.latest_ledger;
    match simulation.outcome {
        SimulationOutcome::Fails(failure) => format!("at {ledger}: {:?}", failure.kind),
        SimulationOutcome::Runs(simulated) => {
            let source: AccountId = source();
            let need = Need::of(&simulated, source);
            let archived = match &simulated.data.ext {
                xdr::SorobanTransactionDataExt::V0 => 0,
                xdr::SorobanTransactionDataExt::V1(ext) => ext.archived_soroban_entries.len(),
            };
            let footprint = &simulated.data.resources.footprint;
            format!(
                "at {ledger}: {need:?}, fee {}, reads {} writes {} restores {archived}, {}",
                simulated.min_resource_fee,
                footprint.read_only.len(),
                footprint.read_write.len(),
                value(simulated.value.as_ref())
            )
        }
    }
}

/// The account that calls.
pub fn source() -> AccountId {
    stellar_submitter::signer::SecretKey::parse(&secret("source"))
        .unwrap()
        .account()
}

fn value(value: Option<&xdr::ScVal>) -> String {
    value.map_or_else(
        || "no value".to_owned(),
        |value| serde_json::to_string(value).unwrap(),
    )
}

pub fn told_answer(answer: &SubmitAnswer) -> String {
    match answer {
        SubmitAnswer::Landed(_) => "landed".to_owned(),
        SubmitAnswer::Queued { duplicate: false } => "queued".to_owned(),
        SubmitAnswer::Queued { duplicate: true } => "queued before".to_owned(),
        SubmitAnswer::TryAgainLater => "try again later".to_owned(),
        SubmitAnswer::Refused(outcome) => format!("refused: {}", told_outcome(outcome)),
        SubmitAnswer::Malformed(detail) => format!("malformed: {detail}"),
        SubmitAnswer::Unknown(unknown) => told_unknown(unknown),
    }
}

fn told_outcome(outcome: &TransactionOutcome) -> String {
    let operations: Vec<&str> = outcome.operations.iter().map(|one| one.code).collect();
    let code = transaction_code_name(outcome.code);
    format!("{code} {} {}", operations.join(","), outcome.fee_charged)
}

fn told_found(found: &Found) -> String {
    let span = found.span.map_or_else(String::new, |span| {
        format!(" within {}..{}", span.oldest, span.latest)
    });
    match &found.look_up {
        LookUp::Unknown(unknown) => told_unknown(unknown),
        LookUp::Absent => format!("absent{span}"),
        LookUp::Landed(landed) => {
            let how = if landed.successful {
                "successful"
            } else {
                "failed"
            };
            let call = found.call.as_ref().unwrap();
            let failure = call.failure().map(|kind| format!(", {kind:?}"));
            format!(
                "landed {how} in {}: {}, {}, {} events{}{}",
                landed.ledger,
                told_outcome(&landed.outcome),
                value(call.value.as_ref()),
                call.events.len(),
                failure.unwrap_or_default(),
                if landed.fee_bump_hash.is_some() {
                    ", bumped"
                } else {
                    ""
                }
            )
        }
    }
}
