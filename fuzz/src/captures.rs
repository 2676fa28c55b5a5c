//! The recorded exchanges with a real Horizon: what was asked, and what was answered.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use stellar_submitter::domain::primitives::{AccountId, LedgerSeq, TxHash};

/// What was asked.
#[derive(Clone, Debug)]
pub enum Question {
    Root,
    FeeStats,
    Ledger(LedgerSeq),
    NewestLedger,
    LedgerTransactions(LedgerSeq),
    Account(AccountId),
    AccountTransactions,
    LookUp(TxHash),
    Submit(String),
    SubmitAsync(String),
}

/// One exchange.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub question: Question,
    pub status: u16,
    pub latest_ledger: Option<u32>,
    pub body: Vec<u8>,
}

/// Every exchange that the client could have had, in the order of their names.
pub static EXCHANGES: LazyLock<Vec<Exchange>> = LazyLock::new(|| {
    let mut exchanges = Vec::new();
    for text in files("horizon-captures") {
        let capture: Value = serde_json::from_str(&text).expect("a capture is JSON");
        exchanges.extend(exchange(&capture));
    }
    assert!(exchanges.len() > 100, "only {} exchanges", exchanges.len());
    exchanges
});

/// The bytes before the body of an answer: which exchange, which status, and what else the target changes.
pub const HEAD: usize = 3;

/// The recorded answers as inputs, each as it was.
pub fn inputs<'a>(bodies: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let input = |(index, body): (usize, &[u8])| {
        let index = u8::try_from(index).expect("a byte names every exchange");
        [&[index, 0, 0], body].concat()
    };
    bodies.enumerate().map(input).collect()
}

/// The status that a byte chooses among these; 0 among them stands for the recorded one.
pub fn status_of(statuses: &[u16], choice: u8, recorded: u16) -> u16 {
    match statuses[usize::from(choice) % statuses.len()] {
        0 => recorded,
        status => status,
    }
}

/// Every JSON file of a folder of fixtures, in the order of their names.
pub fn files(folder: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inside = root.join("tests/fixtures").join(folder);
    let beside = root.join("../tests/fixtures").join(folder);
    let folder = if inside.is_dir() { inside } else { beside };
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the fixtures are in the repository")
        .map(|entry| entry.expect("a folder that can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    let read = |path| std::fs::read_to_string(path).expect("a fixture that can be read");
    paths.into_iter().map(read).collect()
}

fn exchange(capture: &Value) -> Option<Exchange> {
    let (request, response) = (capture.get("request")?, capture.get("response")?);
    let path: Vec<&str> = request["path"].as_str()?.split('/').skip(1).collect();
    let tx = || {
        let tx = request["form"]["tx"].as_str();
        tx.unwrap_or_default().to_owned()
    };
    let question = match (request["method"].as_str()?, path.as_slice()) {
        ("GET", [""]) => Question::Root,
        ("GET", ["fee_stats"]) => Question::FeeStats,
        ("GET", ["ledgers"]) => Question::NewestLedger,
        ("GET", ["ledgers", ledger]) => Question::Ledger(LedgerSeq(ledger.parse().ok()?)),
        ("GET", ["ledgers", ledger, "transactions"]) => {
            Question::LedgerTransactions(LedgerSeq(ledger.parse().ok()?))
        }
        ("GET", ["accounts", id]) => Question::Account(id.parse().ok()?),
        ("GET", ["accounts", _, "transactions"] | ["transactions"]) => {
            Question::AccountTransactions
        }
        ("GET", ["transactions", hash]) => Question::LookUp(hash.to_lowercase().parse().ok()?),
        ("POST", ["transactions"]) => Question::Submit(tx()),
        ("POST", ["transactions_async"]) => Question::SubmitAsync(tx()),
        _ => return None,
    };
    let body = match response.get("body") {
        Some(body) => body.to_string(),
        None => response["text"].as_str().unwrap_or_default().to_owned(),
    };
    let latest_ledger = response["headers"]["latest-ledger"].as_str();
    Some(Exchange {
        question,
        status: u16::try_from(response["status"].as_u64()?).ok()?,
        latest_ledger: latest_ledger.and_then(|ledger| ledger.parse().ok()),
        body: body.into_bytes(),
    })
}
