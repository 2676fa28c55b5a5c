//! The recorded exchanges, and one line of text for what the client makes of an answer.

use std::fmt::Write as _;
use std::path::Path;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use stellar_submitter::domain::observation::{
    AccountSnapshot, FeeStats, Landed, LedgerHeader, LookUp, NetworkStatus, SubmitAnswer,
    TransactionPage, Unknown,
};
use stellar_submitter::domain::primitives::{AccountId, LedgerSeq, NetworkId, TxHash};
use stellar_submitter::domain::result_code::{TransactionOutcome, transaction_code_name};
use stellar_submitter::horizon::{Answer, observe};

pub const PASSPHRASE: &str = "Standalone Network ; February 2017";
const NOT_EXCHANGES: [&str; 2] = ["apply-vectors.json", "keys.json"];

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
    pub path: String,
    #[serde(default)]
    pub query: Option<Value>,
    #[serde(default)]
    pub form: Option<Value>,
}

#[derive(Deserialize)]
pub struct Response {
    pub status: u16,
    pub headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    pub body: Option<Value>,
    #[serde(default)]
    pub text: Option<String>,
}

/// Every exchange, by name.
pub fn all() -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/horizon-captures");
    let mut captures: Vec<Capture> = std::fs::read_dir(folder)
        .expect("the captures are in the repository")
        .map(|entry| entry.expect("a folder that can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter(|path| !NOT_EXCHANGES.iter().any(|name| path.ends_with(name)))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a capture that can be read");
            serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect();
    captures.sort_by(|one, other| one.name.cmp(&other.name));
    captures
}

pub fn named(name: &str) -> Capture {
    all()
        .into_iter()
        .find(|capture| capture.name == name)
        .unwrap_or_else(|| panic!("no capture {name}"))
}

/// What a request asks for.
pub enum Question {
    Root,
    FeeStats,
    Ledger(LedgerSeq),
    NewestLedger,
    LedgerTransactions(LedgerSeq),
    Account(AccountId),
    AccountTransactions(AccountId),
    /// All transactions of the network: the client pages through accounts and ledgers only.
    Transactions,
    LookUp(TxHash),
    Submit(String),
    SubmitAsync(String),
    /// Nothing that the client ever asks for.
    Other,
}

impl Capture {
    pub fn body(&self) -> Vec<u8> {
        match (&self.response.body, &self.response.text) {
            (Some(body), _) => body.to_string().into_bytes(),
            (None, Some(text)) => text.clone().into_bytes(),
            (None, None) => Vec::new(),
        }
    }

    pub fn answer(&self) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.response.headers {
            let name: HeaderName = name.parse().expect("a header's name");
            headers.insert(
                name,
                HeaderValue::from_str(value).expect("a header's value"),
            );
        }
        Answer::new(self.response.status, &headers, Some(self.body()))
    }

    pub fn question(&self) -> Question {
        let is_stream = self
            .response
            .text
            .as_ref()
            .is_some_and(|text| text.starts_with("retry:"));
        let path: Vec<&str> = self.request.path.split('/').skip(1).collect();
        let tx = || {
            let form = self.request.form.as_ref().and_then(|form| form.get("tx"));
            form.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match (self.request.method.as_str(), path.as_slice()) {
            _ if is_stream => Question::Other,
            ("GET", [""]) => Question::Root,
            ("GET", ["fee_stats"]) => Question::FeeStats,
            ("GET", ["ledgers"]) => Question::NewestLedger,
            ("GET", ["ledgers", number]) => Question::Ledger(ledger(number)),
            ("GET", ["ledgers", number, "transactions"]) => {
                Question::LedgerTransactions(ledger(number))
            }
            ("GET", ["accounts", id]) => id.parse().map_or(Question::Other, Question::Account),
            ("GET", ["accounts", id, "transactions"]) => {
                Question::AccountTransactions(id.parse().expect("an account in the path"))
            }
            ("GET", ["transactions"]) => Question::Transactions,
            ("GET", ["transactions", hash]) if *hash == hash.to_lowercase() => {
                hash.parse().map_or(Question::Other, Question::LookUp)
            }
            ("POST", ["transactions"]) => Question::Submit(tx()),
            ("POST", ["transactions_async"]) => Question::SubmitAsync(tx()),
            _ => Question::Other,
        }
    }

    /// The line for what the pure functions make of it. What the client never asks for is read as a transaction,
    /// which must end in "unknown".
    pub fn observed(&self) -> String {
        let network = NetworkId::of(PASSPHRASE);
        let answer = self.answer();
        match self.question() {
            Question::Root => line(observe::root(&answer), network_status),
            Question::FeeStats => line(observe::fee_stats(&answer), fee_stats),
            Question::Ledger(number) => line(observe::ledger(number, &answer), ledger_header),
            Question::NewestLedger => line(observe::newest_ledger(&answer), ledger_header),
            Question::LedgerTransactions(number) => line(
                observe::page(network, 200, Some(number), &|_| true, &answer),
                page,
            ),
            Question::AccountTransactions(_) | Question::Transactions => line(
                observe::page(network, self.limit(), None, &|_| true, &answer),
                page,
            ),
            Question::Account(id) => line(observe::account(id, &answer), account),
            Question::LookUp(hash) => look_up(observe::look_up(network, hash, &answer)),
            Question::Submit(tx) => submitted(observe::submitted(network, &tx, &answer)),
            Question::SubmitAsync(tx) => submitted(observe::submitted_async(network, &tx, &answer)),
            Question::Other => look_up(observe::look_up(network, TxHash([0; 32]), &answer)),
        }
    }

    pub fn limit(&self) -> u8 {
        let limit = self
            .request
            .query
            .as_ref()
            .and_then(|query| query.get("limit"));
        limit.and_then(Value::as_u64).unwrap_or(200).min(200) as u8
    }
}

fn ledger(number: &str) -> LedgerSeq {
    LedgerSeq(number.parse().expect("a ledger's number in the path"))
}

pub fn line<T>(result: Result<T, Unknown>, show: impl Fn(T) -> String) -> String {
    result.map_or_else(|nothing| unknown(&nothing), show)
}

pub fn unknown(nothing: &Unknown) -> String {
    let wait = nothing
        .retry_after
        .map(|wait| format!(", wait {} s", wait.as_secs()))
        .unwrap_or_default();
    format!("unknown: {:?} ({}){wait}", nothing.kind, nothing.detail)
}

pub fn network_status(status: NetworkStatus) -> String {
    format!(
        "network {:?}: history {}..{} closed {}, core {}, protocol {}, Horizon {}",
        status.passphrase,
        status.elder,
        status.latest,
        status
            .latest_closed_at
            .map_or("never".to_owned(), |at| at.0.to_string()),
        status.core_latest,
        status.protocol_version,
        status.horizon_version
    )
}

pub fn fee_stats(stats: FeeStats) -> String {
    format!(
        "fees: base {}, used {}‰, charged {:?}, bid {:?}",
        stats.last_ledger_base_fee, stats.capacity_usage_permille, stats.charged, stats.bid
    )
}

pub fn ledger_header(header: Option<LedgerHeader>) -> String {
    header.map_or("absent".to_owned(), |header| {
        format!(
            "ledger {} {}… closed {}, base fee {}, reserve {}, takes {}, protocol {}",
            header.sequence,
            &hex::encode(header.hash)[..8],
            header.closed_at.0,
            header.base_fee.get(),
            header.base_reserve.get(),
            header.max_tx_set_size,
            header.protocol_version
        )
    })
}

pub fn account(snapshot: AccountSnapshot) -> String {
    let Some(state) = snapshot.state else {
        return format!("account as of {}: absent", snapshot.as_of);
    };
    let mut text = format!(
        "account as of {}: sequence {} in {}, {} XLM, entries {}+{}-{}, signers {}, needs {}",
        snapshot.as_of,
        state.sequence,
        state
            .sequence_ledger
            .map_or("?".to_owned(), |ledger| ledger.to_string()),
        state.native_balance,
        state.subentries,
        state.sponsoring,
        state.sponsored,
        state.signers.len(),
        state.medium_threshold
    );
    for held in state.trustlines {
        let code = held.asset.split(':').next().unwrap_or_default();
        let authorized = if held.authorized { "" } else { " unauthorized" };
        write!(
            text,
            ", {} of {} {code}{authorized}",
            held.balance, held.limit
        )
        .expect("a String takes text");
    }
    text
}

pub fn page(found: Option<TransactionPage>) -> String {
    let Some(found) = found else {
        return "absent".to_owned();
    };
    let marks: Vec<String> = found
        .transactions
        .iter()
        .map(|landed| {
            let mark = if landed.successful { '+' } else { '-' };
            format!("{mark}{}", landed.sequence)
        })
        .collect();
    let end = if found.is_last { ", the last" } else { "" };
    let unreadable = match found.unreadable.len() {
        0 => String::new(),
        count => format!(", {count} unreadable"),
    };
    let last = found
        .last
        .map_or("nowhere".to_owned(), |cursor| cursor.0.to_string());
    format!("page [{}]{unreadable} to {last}{end}", marks.join(" "))
}

pub fn look_up(found: LookUp) -> String {
    match found {
        LookUp::Landed(landed) => landed_line(&landed),
        LookUp::Absent => "absent".to_owned(),
        LookUp::Unknown(nothing) => unknown(&nothing),
    }
}

pub fn submitted(answer: SubmitAnswer) -> String {
    match answer {
        SubmitAnswer::Landed(landed) => landed_line(&landed),
        SubmitAnswer::Queued { duplicate: false } => "queued".to_owned(),
        SubmitAnswer::Queued { duplicate: true } => "queued before".to_owned(),
        SubmitAnswer::TryAgainLater => "try again later".to_owned(),
        SubmitAnswer::Refused(outcome) => format!("refused: {}", outcome_line(&outcome)),
        SubmitAnswer::Malformed(name) => format!("malformed: {name}"),
        SubmitAnswer::Unknown(nothing) => unknown(&nothing),
    }
}

pub fn outcome_line(outcome: &TransactionOutcome) -> String {
    let mut text = transaction_code_name(outcome.code).to_owned();
    if let Some(inner) = outcome.inner {
        write!(text, " ({})", transaction_code_name(inner)).expect("a String takes text");
    }
    if !outcome.operations.is_empty() {
        let codes: Vec<&str> = outcome.operations.iter().map(|one| one.code).collect();
        write!(text, " [{}]", codes.join(" ")).expect("a String takes text");
    }
    write!(text, " fee {}", outcome.fee_charged).expect("a String takes text");
    text
}

fn landed_line(landed: &Landed) -> String {
    let short = |hash: TxHash| hash.to_string()[..8].to_owned();
    let muxed = |id: Option<u64>| id.map(|id| format!("/{id}")).unwrap_or_default();
    format!(
        "landed {} {}{} in {} at {}: {}, sequence {}{}, paid {} by {}{}",
        if landed.successful {
            "successful"
        } else {
            "failed"
        },
        short(landed.inner_hash),
        landed
            .fee_bump_hash
            .map(|hash| format!(" in bump {}", short(hash)))
            .unwrap_or_default(),
        landed.ledger,
        landed.closed_at.0,
        outcome_line(&landed.outcome),
        landed.sequence,
        muxed(landed.source_muxed_id),
        landed.fee_charged.get(),
        if landed.fee_account == landed.source_account {
            "source"
        } else {
            "another"
        },
        muxed(landed.fee_muxed_id),
    )
}
