//! What every payment costs in computation alone: no database, no network, no clock.
//! `cargo bench` runs all; `cargo bench -- tag` one.
#![allow(
    clippy::unwrap_used,
    reason = "a measurement that cannot be made must end"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use stellar_submitter::domain::attempt::{Attempt, Head, Progress, Snapshot, Terms};
use stellar_submitter::domain::decide::{Action, next};
use stellar_submitter::domain::envelope::{self, Plan};
use stellar_submitter::domain::fee::FeeCap;
use stellar_submitter::domain::intent::{self, Accounts, OnStateError, Request};
use stellar_submitter::domain::observation::{Landed, LookUp, SubmitAnswer};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops,
};
use stellar_submitter::domain::tag::Tag;
use stellar_submitter::domain::transition::{Observed, Pace, Transition, absorb};
use stellar_submitter::horizon::{Answer, observe};
use stellar_submitter::signer::{LocalKeys, SecretKey, Signer as _};
use stellar_xdr::TransactionEnvelope;

const PASSPHRASE: &str = "Standalone Network ; February 2017";
/// A ledger of a real Horizon, with failed transactions and fee bumps.
const LEDGER: &str = include_str!("../tests/fixtures/horizon-captures/ledger-transactions.json");
/// Records of the largest page that Horizon gives.
const PAGE: u8 = 200;

fn network() -> NetworkId {
    NetworkId::of(PASSPHRASE)
}

/// Two keys: of a channel, and of the source.
fn keys() -> (LocalKeys, AccountId, AccountId) {
    let keys = LocalKeys::new();
    let channel = keys.add(&SecretKey::from_bytes([1; 32]));
    let source = keys.add(&SecretKey::from_bytes([2; 32]));
    (keys, channel, source)
}

/// One payment as a client posts it.
fn body() -> Vec<u8> {
    let destination = AccountId([3; 32]).to_string();
    let body = json!({
        "workflow_id": "payout-2026-000123",
        "operations": [{"type": "payment", "destination": destination, "asset": "native", "amount": "12.5"}],
        "memo": {"type": "text", "value": "invoice 123"},
        "metadata": {"customer": 4711, "batch": "2026-11"},
    });
    serde_json::to_vec(&body).unwrap()
}

fn read(bytes: &[u8], accounts: &Accounts) -> Request {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    intent::read(&value, accounts).unwrap()
}

fn accounts(source: AccountId) -> Accounts {
    Accounts {
        default_source: source,
        other_sources: Vec::new(),
        contracts: None,
    }
}

fn plan(channel: AccountId) -> Plan {
    Plan {
        channel,
        sequence: Sequence(1 << 32 | 7),
        min_time: ChainTime(0),
        max_time: ChainTime(1_795_348_800),
        max_ledger: LedgerSeq(1_030),
        base_fee: Stroops::new(100).unwrap(),
        soroban: None,
    }
}

/// (intent, plan) → the bytes that are put on record.
fn signed(request: &Request, plan: &Plan, keys: &LocalKeys) -> Vec<u8> {
    let tag = request.key("default").tag(network());
    let tx = envelope::build(request, tag, plan);
    let hash = envelope::inner_hash(&tx, network());
    let signatures = [plan.channel, request.source]
        .map(|account| keys.sign(account, &hash.0).unwrap())
        .to_vec();
    envelope::encode(&TransactionEnvelope::Tx(envelope::attach(tx, signatures)))
}

/// A page of as many records as one can have: those of the ledger, again and again.
fn page() -> Answer {
    let capture: Value = serde_json::from_str(LEDGER).unwrap();
    let mut body = capture["response"]["body"].clone();
    let records = body["_embedded"]["records"].as_array_mut().unwrap();
    let all: Vec<Value> = records.iter().cycle().take(PAGE.into()).cloned().collect();
    *records = all;
    let bytes = serde_json::to_vec(&body).unwrap();
    Answer::new(200, &HeaderMap::new(), Some(bytes))
}

/// A transaction of that ledger that was sent plain and succeeded.
fn landed() -> Landed {
    let page = observe::page(network(), PAGE, None, &|_| true, &page()).unwrap();
    let mut landed = page.unwrap().transactions.into_iter();
    landed
        .find(|landed| landed.successful && landed.fee_bump_hash.is_none())
        .unwrap()
}

/// The attempt that it was, in flight.
fn in_flight(landed: &Landed) -> (Snapshot, Head) {
    let (inner, _) = envelope::decode(&landed.envelope_xdr).unwrap();
    let at = LedgerSeq(landed.ledger.0 - 2);
    let mut progress = Progress::fresh();
    progress.maybe_sent = true;
    progress.sends = 1;
    progress.first_sent = Some(at);
    progress.resend_at = at.plus(3);
    let attempt = Attempt {
        number: 1,
        plan: Plan {
            channel: landed.source_account,
            sequence: landed.sequence,
            max_ledger: at.plus(30),
            max_time: ChainTime(landed.closed_at.0 + 300),
            ..plan(landed.source_account)
        },
        inner_hash: landed.inner_hash,
        operations: u32::try_from(inner.tx.operations.len()).unwrap(),
        plain_fee: Stroops::new(inner.tx.fee.into()).unwrap(),
        bumps: Vec::new(),
        sponsored: false,
        presigned: false,
        signed_at: at,
    };
    let terms = Terms {
        cancel_requested: false,
        valid_until: None,
        on_state_error: OnStateError::Fail,
        cap: FeeCap(Stroops::new(10_000).unwrap()),
        parked_times: 0,
    };
    let head = Head {
        ledger: landed.ledger,
        closed_at: landed.closed_at,
    };
    (
        Snapshot {
            terms,
            attempt,
            progress,
        },
        head,
    )
}

fn making(criterion: &mut Criterion) {
    let (keys, channel, source) = keys();
    let (accounts, body, plan, network) = (accounts(source), body(), plan(channel), network());
    let request = read(&body, &accounts);
    criterion.bench_function("tag: derive", |bencher| {
        bencher.iter(|| {
            let workflow = black_box("payout-2026-000123");
            Tag::derive(black_box(network), "default", workflow, "payment")
        });
    });
    criterion.bench_function("intent: read a body", |bencher| {
        bencher.iter(|| read(black_box(&body), &accounts));
    });
    criterion.bench_function("envelope: build and hash", |bencher| {
        let tag = request.key("default").tag(network);
        bencher.iter(|| {
            envelope::inner_hash(&envelope::build(black_box(&request), tag, &plan), network)
        });
    });
    criterion.bench_function("envelope: build, hash, sign twice, encode", |bencher| {
        bencher.iter(|| signed(black_box(&request), &plan, &keys));
    });
}

fn settling(criterion: &mut Criterion) {
    let (page, network) = (page(), network());
    let mut pages = criterion.benchmark_group("horizon");
    pages.throughput(Throughput::Elements(PAGE.into()));
    pages.bench_function("read a page of 200", |bencher| {
        bencher.iter(|| observe::page(network, PAGE, None, &|_| true, black_box(&page)).unwrap());
    });
    pages.finish();

    let landed = landed();
    let (snapshot, head) = in_flight(&landed);
    let pace = Pace { resubmit_after: 3 };
    // Each of them costs a clone of the snapshot or the record as well, which the set-up does outside of the measure.
    let mut observe = |name: &str, observed: &dyn Fn() -> Observed, settles: bool| {
        criterion.bench_function(name, |bencher| {
            bencher.iter_batched(
                || (snapshot.clone(), observed()),
                |(mut snapshot, observed)| {
                    let transition = absorb(&mut snapshot, observed, head, pace).unwrap();
                    assert_eq!(matches!(transition, Transition::Settled(_)), settles);
                    (snapshot, transition)
                },
                BatchSize::SmallInput,
            );
        });
    };
    observe(
        "absorb: it stands in a ledger",
        &|| Observed::InLedger(Box::new(landed.clone())),
        true,
    );
    observe(
        "absorb: the queue took it",
        &|| Observed::Answered(SubmitAnswer::Queued { duplicate: false }),
        false,
    );
    observe(
        "absorb: it is absent",
        &|| Observed::LookedUp(LookUp::Absent),
        false,
    );
    assert_eq!(next(&snapshot, head), Action::Wait);
    criterion.bench_function("next: wait", |bencher| {
        bencher.iter(|| next(black_box(&snapshot), head));
    });
    let late = Head {
        ledger: snapshot.attempt.plan.max_ledger,
        ..head
    };
    assert_eq!(next(&snapshot, late), Action::Prove);
    criterion.bench_function("next: prove", |bencher| {
        bencher.iter(|| next(black_box(&snapshot), late));
    });
}

criterion_group!(benches, making, settling);
criterion_main!(benches);
