//! What the cases speak about: a network, workers, channels, intents, attempts, what became of them.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stellar_submitter::domain::adoption::Adoption;
use stellar_submitter::domain::attempt::{Attempt, Bump};
use stellar_submitter::domain::envelope::{self, Plan};
use stellar_submitter::domain::intent::{Content, Presigned, Request, read_stored};
use stellar_submitter::domain::observation::{Landed, LedgerHeader};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash,
};
use stellar_submitter::domain::reason::Reason;
use stellar_submitter::domain::result_code::{TransactionCode, TransactionOutcome};
use stellar_submitter::domain::tag::Tag;
use stellar_submitter::domain::transition::{AttemptEnd, DeathProof, IntentEnd, Settlement};
use stellar_submitter::store::StoreError;
use stellar_submitter::store::accept::{Accepted, Lane, NewIntent};
use stellar_submitter::store::attempts::NewBump;
use stellar_submitter::store::prepare::{Claimed, NewAttempt};
use stellar_submitter::store::settle::NewSettlement;
use stellar_submitter::worker::records::Taking;
use stellar_xdr as xdr;
use uuid::Uuid;

use crate::book::Book;

pub const PASSPHRASE: &str = "Standalone Network ; February 2017";
pub const TENANT: &str = "acme";
/// The chain's time: long after whatever the database's clock shows, so that it alone decides what is due.
pub const NOW: ChainTime = ChainTime(1_900_000_000);
/// Before whatever the database's clock shows, so that that alone decides what is due.
pub const LONG_AGO: ChainTime = ChainTime(1_000);
/// Seconds of a lease that outlives a test.
pub const LONG: f64 = 3_600.0;

pub fn account(byte: u8) -> AccountId {
    AccountId([byte; 32])
}

pub fn source() -> AccountId {
    account(1)
}

/// The n-th channel.
pub fn channel(number: u8) -> AccountId {
    account(100 + number)
}

/// The n-th worker's newest life.
pub fn worker(number: u8) -> Uuid {
    Uuid::from_u128(0xF000 + u128::from(number))
}

pub fn reason(code: &str) -> Reason {
    Reason::new(code, "A title", "a detail", true)
}

/// A body with these fields besides.
pub fn body(workflow: &str, fields: Value) -> Value {
    let mut body = json!({
        "workflow_id": workflow, "source": source(),
        "operations": [{"type": "payment", "destination": account(9), "asset": "native", "amount": "1.5"}],
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

pub fn request(workflow: &str, fields: Value) -> Request {
    read_stored(&body(workflow, fields)).unwrap()
}

pub fn tag(request: &Request) -> Tag {
    request.key(TENANT).tag(NetworkId::of(PASSPHRASE))
}

pub fn new_intent(id: Uuid, request: Request) -> NewIntent {
    NewIntent {
        id,
        tenant: TENANT.to_owned(),
        tag: tag(&request),
        lane: Lane::User,
        form: request.to_text(),
        request,
        key: None,
    }
}

/// A transaction that somebody else signed, with this sequence number of this account.
pub fn presigned(workflow: &str, of: AccountId, sequence: i64) -> Request {
    let request = request(workflow, json!({}));
    let plan = Plan {
        channel: of,
        sequence: Sequence(sequence),
        ..plan(of, sequence)
    };
    let tx = envelope::build(&request, tag(&request), &plan);
    let signature = xdr::DecoratedSignature {
        hint: xdr::SignatureHint([0; 4]),
        signature: xdr::Signature(vec![7; 64].try_into().unwrap()),
    };
    let signed = envelope::attach(tx, vec![signature]);
    let bytes = envelope::encode(&xdr::TransactionEnvelope::Tx(signed));
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    Request {
        source: of,
        content: Content::Presigned(Box::new(Presigned::decode(&text).unwrap())),
        ..request
    }
}

fn plan(channel: AccountId, sequence: i64) -> Plan {
    Plan {
        channel,
        sequence: Sequence(sequence),
        min_time: ChainTime(0),
        max_time: ChainTime(NOW.0 + 60),
        max_ledger: LedgerSeq(1_030),
        base_fee: Stroops::new(100).unwrap(),
        soroban: None,
    }
}

/// The hash of the n-th attempt of an intent.
pub fn hash(intent: Uuid, number: u32) -> TxHash {
    TxHash(Sha256::digest(format!("{intent} {number}")).into())
}

/// The next attempt of an intent, on a channel and with a sequence number.
pub fn attempt_on(id: Uuid, attempt_count: i32, channel: AccountId, sequence: i64) -> NewAttempt {
    let number = u32::try_from(attempt_count).unwrap() + 1;
    NewAttempt {
        intent_id: id,
        attempt: Attempt {
            number,
            plan: plan(channel, sequence),
            inner_hash: hash(id, number),
            operations: 1,
            plain_fee: Stroops::new(100).unwrap(),
            bumps: Vec::new(),
            sponsored: false,
            presigned: false,
            signed_at: LedgerSeq(1_000),
        },
        envelope: vec![1, 2, 3],
    }
}

/// The attempt of a claimed pair.
pub fn attempt(claimed: &Claimed) -> NewAttempt {
    let channel = claimed.channel.parse().unwrap();
    attempt_on(
        claimed.id,
        claimed.attempt_count,
        channel,
        claimed.sequence + 1,
    )
}

/// A record of the chain.
pub fn landed(hash: TxHash, sequence: i64, successful: bool) -> Box<Landed> {
    let code = if successful {
        xdr::TransactionResultCode::TxSuccess
    } else {
        xdr::TransactionResultCode::TxFailed
    };
    Box::new(Landed {
        inner_hash: hash,
        fee_bump_hash: None,
        ledger: LedgerSeq(1_002),
        closed_at: NOW,
        successful,
        outcome: TransactionOutcome {
            code: TransactionCode::Known(code),
            inner: None,
            fee_charged: 100,
            operations: Vec::new(),
        },
        fee_charged: Stroops::new(100).unwrap(),
        source_account: channel(1),
        source_muxed_id: None,
        sequence: Sequence(sequence),
        fee_account: channel(1),
        fee_muxed_id: None,
        envelope_xdr: vec![4, 5, 6],
        result_xdr: String::new(),
    })
}

/// How an attempt ended, and where its intent goes.
pub fn settlement(id: Uuid, number: u32, attempt: AttemptEnd, intent: IntentEnd) -> NewSettlement {
    NewSettlement {
        call: None,
        intent_id: id,
        number,
        settlement: Settlement {
            attempt,
            intent,
            channel_sequence: None,
            adopted: None,
            channel_lost: false,
        },
    }
}

/// An attempt of an earlier life that landed, in a fee bump of its own.
pub fn adoption(id: Uuid, number: u32, end: AttemptEnd, intent: IntentEnd) -> Adoption {
    let (AttemptEnd::Landed(landed) | AttemptEnd::LandedFailed(landed)) = &end else {
        panic!("what is dead has not landed");
    };
    let sequence = landed.sequence.0;
    let before = i32::try_from(number).unwrap() - 1;
    let mut attempt = attempt_on(id, before, landed.source_account, sequence).attempt;
    attempt.inner_hash = landed.inner_hash;
    let number = u8::try_from(number).unwrap();
    attempt.bumps = vec![Bump {
        hash: TxHash([0x50 + number; 32]),
        fee: Stroops::new(400).unwrap(),
    }];
    Adoption {
        attempt,
        envelope: vec![7],
        fee_bump: Some(vec![8, number]),
        settlement: Settlement {
            attempt: end,
            intent,
            channel_sequence: None,
            adopted: None,
            channel_lost: false,
        },
    }
}

pub fn dead() -> AttemptEnd {
    AttemptEnd::Dead(DeathProof::Fence {
        as_of: LedgerSeq(1_030),
        sequence: Sequence(10),
        closed_at: None,
    })
}

/// An attempt that has landed: its channel's sequence number is used.
pub fn success(id: Uuid, number: u32, sequence: i64) -> NewSettlement {
    let landed = AttemptEnd::Landed(landed(hash(id, number), sequence, true));
    let mut new = settlement(id, number, landed, IntentEnd::Succeeded);
    new.settlement.channel_sequence = Some(Sequence(sequence));
    new
}

pub fn bump(id: Uuid, number: u32, fee: i64) -> NewBump {
    NewBump {
        intent_id: id,
        number,
        bump: Bump {
            hash: TxHash(Sha256::digest(format!("{id} {number} {fee}")).into()),
            fee: Stroops::new(fee).unwrap(),
        },
        envelope: vec![7, 8],
    }
}

pub fn header(ledger: u32) -> LedgerHeader {
    LedgerHeader {
        sequence: LedgerSeq(ledger),
        hash: [u8::try_from(ledger % 251).unwrap(); 32],
        previous: [0; 32],
        transactions: 0,
        closed_at: ChainTime(NOW.0 + u64::from(ledger)),
        base_fee: Stroops::new(100).unwrap(),
        base_reserve: Stroops::new(5_000_000).unwrap(),
        max_tx_set_size: 1_000,
        protocol_version: 23,
    }
}

/// Explained records, the first worker, and so many channels whose newest number is 10.
pub async fn open(book: &dyn Book, channels: u8) {
    book.tie_to_network(PASSPHRASE).await.unwrap();
    book.note_explained(0).await.unwrap();
    book.begin_lease(worker(1), "one", LONG).await.unwrap();
    for number in 0..channels {
        let index = Some(i32::from(number));
        book.add_channel(channel(number), index, Sequence(10))
            .await
            .unwrap();
    }
}

/// Accepts one intent with these fields; its id.
pub async fn accept(book: &dyn Book, workflow: &str, fields: Value) -> Uuid {
    accept_request(book, request(workflow, fields)).await
}

pub async fn accept_request(book: &dyn Book, request: Request) -> Uuid {
    let new = new_intent(book.new_id(), request);
    let accepted = book.accept(&[&new]).await.unwrap();
    assert!(matches!(accepted[..], [Accepted::New(_)]), "{accepted:?}");
    new.id
}

/// A claim of the first worker for users' intents.
pub async fn claim(book: &dyn Book, limit: i64) -> Taking {
    claim_as(book, worker(1), NOW, limit).await.unwrap()
}

pub async fn claim_as(
    book: &dyn Book,
    worker: Uuid,
    now: ChainTime,
    limit: i64,
) -> Result<Taking, StoreError> {
    book.claim(worker, Lane::User, "channel", now, limit).await
}

/// The ids of what was claimed.
pub fn ids(taking: &Taking) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = taking.claimed.iter().map(|claimed| claimed.id).collect();
    ids.sort_unstable();
    ids
}

/// Gives back what was claimed, and waits until it is free.
pub async fn give_back(taking: Taking) {
    taking.hold.commit(&[]).await.unwrap();
}

/// A claim of so many, some of which were held a moment ago: a connection that was dropped is undone a moment later.
pub async fn claim_freed(book: &dyn Book, count: usize) -> Taking {
    for _ in 0..500 {
        let taking = claim(book, 100).await;
        if taking.claimed.len() == count {
            return taking;
        }
        give_back(taking).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a claim that has ended is held for ever");
}

/// Claims what is due as a worker, and signs all of it; what was claimed.
pub async fn sign_as(book: &dyn Book, worker: Uuid) -> Vec<Claimed> {
    let taking = claim_as(book, worker, NOW, 100).await.unwrap();
    let attempts: Vec<NewAttempt> = taking.claimed.iter().map(attempt).collect();
    taking.hold.commit(&attempts).await.unwrap();
    taking.claimed
}

/// Accepts one intent, and signs its first attempt as the first worker; its id and channel.
pub async fn in_flight(book: &dyn Book, workflow: &str) -> (Uuid, AccountId) {
    let id = accept(book, workflow, json!({})).await;
    let claimed = sign_as(book, worker(1)).await;
    let mine = claimed.iter().find(|claimed| claimed.id == id).unwrap();
    (id, mine.channel.parse().unwrap())
}
