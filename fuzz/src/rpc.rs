//! Every answer of a Stellar RPC server: whatever it says, nothing becomes a fact that the question and the envelope do not bear out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use reqwest::header::HeaderMap;
use serde_json::Value;
use serde_json::value::RawValue;
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer, Unknown};
use stellar_submitter::domain::primitives::TxHash;
use stellar_submitter::domain::soroban::{Simulation, SimulationOutcome};
use stellar_submitter::rpc::{Answer, observe};
use stellar_xdr::{self as xdr, Limits, ReadXdr as _};

use super::captures::{HEAD, files, inputs, status_of};
use super::horizon::{borne_out, inner_hash, tells_little};
use super::intent::network;

/// The statuses that an answer may have; the first stands for the recorded one.
const STATUSES: [u16; 8] = [0, 200, 201, 400, 429, 500, 503, 504];

/// The longest text of a failed call, in bytes.
const MAX_FAILURE_BYTES: usize = 2048;

/// The most events, or authorisations, of one answer.
const MAX_LISTED: usize = 1000;

/// What was asked.
enum Question {
    Network,
    LatestLedger,
    Health,
    Version,
    FeeStats,
    Entries(Vec<xdr::LedgerKey>),
    Simulate,
    LookUp(TxHash),
    Send(String),
}

struct Exchange {
    question: Question,
    id: u64,
    status: u16,
    body: Vec<u8>,
}

/// Every recorded exchange that the client could have had, in the order of their names.
static EXCHANGES: LazyLock<Vec<Exchange>> = LazyLock::new(|| {
    let captures = files("rpc-captures");
    let exchanges: Vec<Exchange> = captures
        .iter()
        .filter_map(|text| exchange(&serde_json::from_str(text).expect("a capture is JSON")))
        .collect();
    assert!(exchanges.len() > 50, "only {} exchanges", exchanges.len());
    exchanges
});

fn exchange(capture: &Value) -> Option<Exchange> {
    let (request, response) = (capture.get("request")?, capture.get("response")?);
    let params = &request["params"];
    let posted = || params["transaction"].as_str().map(str::to_owned);
    let question = match request["method"].as_str()? {
        "getNetwork" => Question::Network,
        "getLatestLedger" => Question::LatestLedger,
        "getHealth" => Question::Health,
        "getFeeStats" => Question::FeeStats,
        "getLedgerEntries" => {
            let keys = params["keys"].as_array()?.iter();
            let key =
                |key: &Value| xdr::LedgerKey::from_xdr_base64(key.as_str()?, Limits::none()).ok();
            Question::Entries(keys.filter_map(key).collect())
        }
        "simulateTransaction" => Question::Simulate,
        "getTransaction" => Question::LookUp(params["hash"].as_str()?.parse().ok()?),
        "sendTransaction" => Question::Send(posted()?),
        // Of what is never asked for, the answer is another one's.
        _ => Question::Version,
    };
    Some(Exchange {
        question,
        id: response["body"]["id"].as_u64().unwrap_or(0),
        status: u16::try_from(response["status"].as_u64()?).ok()?,
        body: response["body"].to_string().into_bytes(),
    })
}

/// The recorded answers, and each once more with a number that nobody reads and that fits no type.
pub fn seeds() -> Vec<Vec<u8>> {
    let recorded = inputs(EXCHANGES.iter().map(|exchange| exchange.body.as_slice()));
    let mut seeds = recorded.clone();
    for mut input in recorded {
        if let Some(at) = input.iter().rposition(|byte| *byte == b'}') {
            input.splice(at..at, *b",\"unread\":1e400");
            seeds.push(input);
        }
    }
    seeds
}

/// Reads an answer.
pub fn fuzz_one(data: &[u8]) {
    let Some((head, body)) = data.split_at_checked(HEAD) else {
        return;
    };
    let exchange = &EXCHANGES[usize::from(head[0]) % EXCHANGES.len()];
    let status = status_of(&STATUSES, head[1], exchange.status);
    let answer = Answer::new(status, &HeaderMap::new(), Some(body.to_vec()));
    let is_fact = observe_one(&exchange.question, exchange.id, &answer);
    assert!(!is_fact || status == 200, "a fact of status {status}");
    if is_fact {
        // The same answer, had another request been asked.
        let other = exchange.id ^ u64::from(head[2].max(1));
        let is_fact = observe_one(&exchange.question, other, &answer);
        assert!(!is_fact, "a fact of the answer to another request");
    }
}

/// Whether it says anything of what was asked.
fn observe_one(question: &Question, id: u64, answer: &Answer) -> bool {
    match question {
        Question::Network => known(observe::network(id, answer)).is_some(),
        Question::LatestLedger => known(observe::latest_ledger(id, answer)).is_some(),
        Question::Health => known(observe::health(id, answer)).is_some(),
        Question::FeeStats => known(observe::fee_stats(id, answer)).is_some(),
        Question::Version => known(observe::version(id, answer))
            .inspect(|version| assert!(!version.chars().any(char::is_control), "{version:?}"))
            .is_some(),
        Question::Entries(asked) => entries(asked, id, answer),
        Question::Simulate => known(observe::simulation(id, answer))
            .inspect(simulated)
            .is_some(),
        Question::LookUp(asked) => look_up(*asked, id, answer),
        Question::Send(posted) => sent(posted, id, answer),
    }
}

fn known<T>(observed: Result<T, Unknown>) -> Option<T> {
    observed.map_err(|unknown| tells_little(&unknown)).ok()
}

fn entries(asked: &[xdr::LedgerKey], id: u64, answer: &Answer) -> bool {
    let Some(found) = known(observe::ledger_entries(id, asked, answer)) else {
        return false;
    };
    assert!(found.entries.len() <= asked.len());
    for entry in &found.entries {
        assert!(asked.contains(&entry.key), "an entry that nobody asked for");
        assert_eq!(entry.data.to_key(), entry.key, "the entry of another key");
    }
    true
}

fn simulated(simulation: &Simulation) {
    match &simulation.outcome {
        SimulationOutcome::Runs(runs) => {
            assert!(runs.min_resource_fee >= 0, "a fee below nothing");
            assert!(runs.auth.len() <= MAX_LISTED && runs.events.len() <= MAX_LISTED);
            let restoration = runs.restoration.as_ref();
            assert!(restoration.is_none_or(|restoration| restoration.min_resource_fee >= 0));
        }
        SimulationOutcome::Fails(failure) => {
            assert!(failure.text.len() <= MAX_FAILURE_BYTES);
            assert!(!failure.text.chars().any(char::is_control), "{failure:?}");
            assert!(failure.events.len() <= MAX_LISTED);
        }
    }
}

fn look_up(asked: TxHash, id: u64, answer: &Answer) -> bool {
    let found = observe::look_up(network(), asked, id, answer);
    match &found.look_up {
        LookUp::Landed(landed) => {
            let named = [Some(landed.inner_hash), landed.fee_bump_hash];
            assert!(named.contains(&Some(asked)), "another transaction");
            let span = found.span.expect("a landing is of a ledger among others");
            assert!(landed.ledger.0 > 0 && landed.ledger <= span.latest);
            borne_out(landed);
            true
        }
        LookUp::Absent => {
            assert!(found.span.is_some(), "absent from where?");
            true
        }
        LookUp::Unknown(unknown) => {
            tells_little(unknown);
            false
        }
    }
}

fn sent(posted: &str, id: u64, answer: &Answer) -> bool {
    match observe::sent(network(), posted, id, answer) {
        SubmitAnswer::Landed(_) => panic!("core's queue knows no landings"),
        // A refusal, too, is of the very envelope that was sent.
        SubmitAnswer::Queued { .. } | SubmitAnswer::TryAgainLater | SubmitAnswer::Refused(_) => {
            let body = answer.body.as_deref().expect("it has said something");
            let hash = hash_in(body);
            let envelope = xdr::TransactionEnvelope::from_xdr_base64(posted, Limits::none())
                .expect("what was posted decodes");
            if !matches!(envelope, xdr::TransactionEnvelope::TxFeeBump(_)) {
                assert_eq!(
                    hash.parse().ok(),
                    Some(inner_hash(&envelope)),
                    "another one"
                );
            }
            true
        }
        // A server that could not read the request does not know its id.
        SubmitAnswer::Malformed(_) => false,
        SubmitAnswer::Unknown(unknown) => {
            tells_little(&unknown);
            false
        }
    }
}

/// The hash that the result names. What stands beside it may be a number that fits no type: nobody reads it.
fn hash_in(body: &[u8]) -> String {
    type Object = BTreeMap<String, Box<RawValue>>;
    let reply: Object = serde_json::from_slice(body).expect("it was read");
    let result: Object = serde_json::from_str(reply["result"].get()).expect("a result is there");
    serde_json::from_str(result["hash"].get()).expect("it names its hash")
}
