//! A long history, made as it is asked for, and what it takes to judge it. By hand, a million transactions:
//!
//! `AUDIT_TRANSACTIONS=1000000 cargo test --test audit a_long_history -- --nocapture`

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use stellar_submitter::domain::envelope::{self, Plan};
use stellar_submitter::domain::intent::{self, Accounts, Request};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops,
};
use stellar_submitter::domain::tag::Tag;
use stellar_xdr::{
    DecoratedSignature, Limits, OperationResult, OperationResultTr, PaymentResult, Signature,
    SignatureHint, TransactionEnvelope, TransactionResult, TransactionResultExt,
    TransactionResultResult, WriteXdr as _,
};

use crate::horizon::serve;
use crate::program::run;
use crate::world::ledger::PASSPHRASE;
use crate::world::{account, payment};

/// The ledger that has the first of them.
const FIRST_LEDGER: u64 = 100;
/// Transactions of a ledger.
const OF_LEDGER: u64 = 500;
/// Channels, each of which lends its numbers in turn.
const CHANNELS: u64 = 20;
/// The ledger in which the channels were made.
const MADE_IN: i64 = 50;
/// Bytes that a verification may take before its first transaction: the program itself.
const BASE_BYTES: u64 = 120_000_000;
/// Bytes that each transaction may take.
const BYTES_EACH: u64 = 60;

struct Long {
    count: u64,
    /// Whether the last one carries the tag of the first.
    twice: bool,
    channels: Vec<AccountId>,
    request: Request,
    result: String,
}

impl Long {
    fn new(count: u64, twice: bool) -> Self {
        let accounts = Accounts {
            default_source: account("source"),
            other_sources: Vec::new(),
            contracts: None,
        };
        let body = payment("long", account("bob"), 1);
        let done = OperationResult::OpInner(OperationResultTr::Payment(PaymentResult::Success));
        let result = TransactionResult {
            fee_charged: 100,
            result: TransactionResultResult::TxSuccess(vec![done].try_into().unwrap()),
            ext: TransactionResultExt::V0,
        };
        Self {
            count,
            twice,
            channels: (0..CHANNELS)
                .map(|number| account(&format!("channel {number}")))
                .collect(),
            request: intent::read(&body, &accounts).unwrap(),
            result: result.to_xdr_base64(Limits::none()).unwrap(),
        }
    }

    fn last_ledger(&self) -> u64 {
        FIRST_LEDGER + (self.count - 1) / OF_LEDGER
    }

    fn token(number: u64) -> u64 {
        let (ledger, order) = (FIRST_LEDGER + number / OF_LEDGER, number % OF_LEDGER + 1);
        ledger << 32 | order << 12
    }

    fn record(&self, number: u64) -> Value {
        let network = NetworkId::of(PASSPHRASE);
        let channel = self.channels[usize::try_from(number % CHANNELS).unwrap()];
        let sequence = (MADE_IN << 32) + i64::try_from(number / CHANNELS).unwrap() + 1;
        let tag = if self.twice && number + 1 == self.count {
            1
        } else {
            number + 1
        };
        let plan = Plan {
            channel,
            sequence: Sequence(sequence),
            min_time: ChainTime(0),
            max_time: ChainTime(2_000_000_000),
            max_ledger: LedgerSeq(4_000_000_000),
            base_fee: Stroops::new(100).unwrap(),
            soroban: None,
        };
        let tx = envelope::build(&self.request, Tag::from_muxed_id(tag).unwrap(), &plan);
        let hash = envelope::inner_hash(&tx, network);
        let signature = DecoratedSignature {
            hint: SignatureHint([0; 4]),
            signature: Signature(vec![0; 64].try_into().unwrap()),
        };
        let signed = TransactionEnvelope::Tx(envelope::attach(tx, vec![signature; 2]));
        json!({
            "paging_token": Self::token(number).to_string(), "hash": hash, "successful": true,
            "ledger": FIRST_LEDGER + number / OF_LEDGER, "created_at": "2026-01-01T00:00:00Z",
            "source_account": channel, "source_account_sequence": sequence.to_string(),
            "fee_account": channel, "fee_charged": "100",
            "envelope_xdr": signed.to_xdr_base64(Limits::none()).unwrap(), "result_xdr": self.result,
        })
    }

    /// The numbers of the transactions in an account's list, as (first, step).
    fn list(&self, account: &str) -> (u64, u64) {
        let position = self
            .channels
            .iter()
            .position(|one| one.to_string() == account);
        position.map_or((0, 1), |position| (position as u64, CHANNELS))
    }
}

async fn root(State(long): State<Arc<Long>>) -> String {
    json!({
        "horizon_version": "test", "history_latest_ledger": long.last_ledger(), "history_elder_ledger": 2,
        "core_latest_ledger": long.last_ledger(), "network_passphrase": PASSPHRASE, "current_protocol_version": 23,
    })
    .to_string()
}

async fn state(State(long): State<Arc<Long>>, Path(id): Path<String>) -> Response {
    let (first, step) = long.list(&id);
    let used = if step == 1 {
        0
    } else {
        (long.count - first).div_ceil(step)
    };
    let newest = first + used.saturating_sub(1) * step;
    let body = json!({
        "account_id": id, "sequence": ((MADE_IN << 32) + i64::try_from(used).unwrap()).to_string(),
        "sequence_ledger": (used > 0).then_some(FIRST_LEDGER + newest / OF_LEDGER),
        "subentry_count": 0, "num_sponsoring": 0, "num_sponsored": 0, "thresholds": {"med_threshold": 0}, "signers": [],
        "balances": [{"asset_type": "native", "balance": "10.0000000", "selling_liabilities": "0.0000000"}],
    });
    let latest = [("latest-ledger", long.last_ledger().to_string())];
    (StatusCode::OK, latest, body.to_string()).into_response()
}

async fn transactions(
    State(long): State<Arc<Long>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> String {
    let (first, step) = long.list(&id);
    let limit: usize = query["limit"].parse().unwrap();
    let cursor: u64 = query["cursor"].parse().unwrap();
    let mut records = Vec::new();
    // Nothing came before them.
    if query["order"] == "asc" {
        let ledger = (cursor >> 32).max(FIRST_LEDGER);
        let begin = (ledger - FIRST_LEDGER) * OF_LEDGER + ((cursor & 0xffff_ffff) >> 12);
        let begin = if cursor >> 32 < FIRST_LEDGER {
            0
        } else {
            begin
        };
        let skipped = begin.saturating_sub(first).div_ceil(step);
        let numbers = (first + skipped * step..long.count).step_by(usize::try_from(step).unwrap());
        records.extend(numbers.take(limit).map(|number| long.record(number)));
    }
    json!({"_embedded": {"records": records}}).to_string()
}

async fn verify(count: u64, twice: bool) -> (i32, Value) {
    let long = Arc::new(Long::new(count, twice));
    let app = Router::new()
        .route("/", get(root))
        .route("/accounts/{id}", get(state))
        .route("/accounts/{id}/transactions", get(transactions))
        .with_state(Arc::clone(&long));
    let (url, task) = serve(app).await;
    let source = account("source").to_string();
    let begun = std::time::Instant::now();
    let ran = run(
        &["verify", "--json", "--horizon", &url, "--accounts", &source],
        &[],
    )
    .await;
    task.abort();
    let report = ran.json();
    println!(
        "{count} transactions, each in two lists: {:.0?}, {} bytes of memory at most",
        begun.elapsed(),
        report["peak_memory_bytes"]
    );
    (ran.code, report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_takes_little_memory() {
    let asked = std::env::var("AUDIT_TRANSACTIONS");
    let count = asked.map_or(3_000, |count| count.parse().unwrap());
    let (code, report) = verify(count, false).await;
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["counts"]["succeeded_once"], count, "{report}");
    assert_eq!(
        report["accounts"].as_array().unwrap().len() as u64,
        CHANNELS + 1
    );
    if let Some(peak) = report["peak_memory_bytes"].as_u64() {
        assert!(peak < BASE_BYTES + BYTES_EACH * count, "{peak} bytes");
    }
}

#[tokio::test]
async fn one_that_landed_twice_is_found_among_many() {
    let (code, report) = verify(1_000, true).await;
    assert_eq!(code, 1, "{report}");
    assert_eq!(
        report["violations"]["items"][0]["kind"], "landed_twice",
        "{report}"
    );
    assert_eq!(report["violations"]["items"][0]["tag"], "1", "{report}");
}
