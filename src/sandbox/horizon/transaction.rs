//! The transaction resource, made from the recorded bytes when somebody asks.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::{Map, Value};
use stellar_xdr::{
    DecoratedSignature, Limits, Memo, MuxedAccount, Preconditions, PreconditionsV2, ReadXdr,
    TransactionResult,
};

use super::{Link, timestamp};
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::history::TxRecord;

/// Room for the JSON of a payment with two signatures.
const TYPICAL_BYTES: usize = 4096;

/// A recorded transaction and when its ledger closed (Unix seconds).
#[derive(Clone, Debug)]
pub struct Landed {
    /// What the ledger took.
    pub tx: Arc<TxRecord>,
    /// Close time of its ledger.
    pub close_time: u64,
}

impl Landed {
    /// The envelope, read again.
    pub fn frame(&self) -> Frame {
        Frame::recorded(&self.tx.envelope, self.tx.hash, self.tx.inner_hash)
            .expect("the ledger keeps what it has parsed once")
    }

    /// The result, read again.
    pub fn result(&self) -> TransactionResult {
        TransactionResult::from_xdr(&self.tx.result, Limits::none())
            .expect("the ledger wrote it itself")
    }

    /// Whether a hash is the inner one of this fee bump.
    pub fn is_inner(&self, hash: &[u8; 32]) -> bool {
        self.tx.inner_hash.as_ref() == Some(hash)
    }
}

/// Horizon's fields in Horizon's order. A struct and no `Value`: pages of 200 of these are most of what a sandbox sends.
#[derive(Serialize)]
struct Resource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo_bytes: Option<String>,
    #[serde(rename = "_links")]
    links: Links,
    id: &'a str,
    paging_token: &'a str,
    successful: bool,
    hash: &'a str,
    ledger: u32,
    created_at: String,
    source_account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_muxed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_muxed_id: Option<String>,
    source_account_sequence: String,
    fee_account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_account_muxed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_account_muxed_id: Option<String>,
    fee_charged: String,
    max_fee: String,
    operation_count: usize,
    envelope_xdr: String,
    result_xdr: String,
    memo_type: &'static str,
    signatures: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    preconditions: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_bump_transaction: Option<Bump>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_transaction: Option<Bumped>,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    own: Link,
    account: Link,
    ledger: Link,
    operations: Link,
    effects: Link,
    precedes: Link,
    succeeds: Link,
    transaction: Link,
}

#[derive(Serialize)]
struct Bump {
    hash: String,
    signatures: Vec<String>,
}

#[derive(Serialize)]
struct Bumped {
    hash: String,
    signatures: Vec<String>,
    max_fee: String,
}

/// The JSON of a transaction as asked for by a hash: outer or, for a fee bump, inner. `base` is where this Horizon answers.
pub fn transaction(base: &str, landed: &Landed, asked: [u8; 32]) -> String {
    let tx = &landed.tx;
    let frame = landed.frame();
    let hash = hex::encode(asked);
    let token = tx.toid.0.to_string();
    let source = frame.source().to_string();
    let (account_muxed, account_muxed_id) = muxed(&frame.tx().source_account);
    let (fee_account_muxed, fee_account_muxed_id) = muxed(frame.fee_address());
    let (memo_type, memo, memo_bytes) = memo(frame.memo());
    let signatures = if landed.is_inner(&asked) {
        frame.inner_signatures()
    } else {
        frame.signatures()
    };
    let resource = Resource {
        memo,
        memo_bytes,
        links: links(base, &hash, &source, tx.toid.ledger_number(), &token),
        id: &hash,
        paging_token: &token,
        successful: tx.successful,
        hash: &hash,
        ledger: tx.toid.ledger_number(),
        created_at: timestamp(landed.close_time),
        source_account: &source,
        account_muxed,
        account_muxed_id,
        source_account_sequence: frame.sequence().to_string(),
        fee_account: frame.fee_source().to_string(),
        fee_account_muxed,
        fee_account_muxed_id,
        fee_charged: tx.fee_charged.to_string(),
        max_fee: frame.fee_bid().to_string(),
        operation_count: frame.operations().len(),
        envelope_xdr: BASE64.encode(&tx.envelope),
        result_xdr: BASE64.encode(&tx.result),
        memo_type,
        signatures: texts(signatures),
        preconditions: preconditions(&frame.tx().cond),
        fee_bump_transaction: frame.fee_bump().map(|bump| Bump {
            hash: hex::encode(tx.hash),
            signatures: texts(&bump.signatures),
        }),
        inner_transaction: tx.inner_hash.map(|inner_hash| Bumped {
            hash: hex::encode(inner_hash),
            signatures: texts(frame.inner_signatures()),
            max_fee: frame.inner_fee_bid().to_string(),
        }),
    };
    let mut text = Vec::with_capacity(TYPICAL_BYTES);
    serde_json::to_writer(&mut text, &resource)
        .expect("its keys are strings and writing to memory cannot fail");
    String::from_utf8(text).expect("JSON is written as UTF-8")
}

fn links(base: &str, hash: &str, source: &str, ledger: u32, token: &str) -> Links {
    let own = format!("{base}/transactions/{hash}");
    let list = |name: &str| Link::template(format!("{own}/{name}{{?cursor,limit,order}}"));
    Links {
        account: Link::to(format!("{base}/accounts/{source}")),
        ledger: Link::to(format!("{base}/ledgers/{ledger}")),
        operations: list("operations"),
        effects: list("effects"),
        precedes: Link::to(format!("{base}/transactions?order=asc&cursor={token}")),
        succeeds: Link::to(format!("{base}/transactions?order=desc&cursor={token}")),
        transaction: Link::to(own.clone()),
        own: Link::to(own),
    }
}

/// A muxed address and its id; nothing for a plain one.
fn muxed(address: &MuxedAccount) -> (Option<String>, Option<String>) {
    match address {
        MuxedAccount::MuxedEd25519(muxed) => {
            (Some(address.to_string()), Some(muxed.id.to_string()))
        }
        MuxedAccount::Ed25519(_) => (None, None),
    }
}

/// Type, value, and the bytes of a text, which need not be UTF-8.
fn memo(memo: &Memo) -> (&'static str, Option<String>, Option<String>) {
    match memo {
        Memo::None => ("none", None, None),
        Memo::Text(text) => (
            "text",
            Some(text.to_utf8_string_lossy()),
            Some(BASE64.encode(text.as_slice())),
        ),
        Memo::Id(id) => ("id", Some(id.to_string()), None),
        Memo::Hash(hash) => ("hash", Some(BASE64.encode(hash.0)), None),
        Memo::Return(hash) => ("return", Some(BASE64.encode(hash.0)), None),
    }
}

fn preconditions(cond: &Preconditions) -> Map<String, Value> {
    let mut all = Map::new();
    let time = match cond {
        Preconditions::None => None,
        Preconditions::Time(bounds) => Some(bounds),
        Preconditions::V2(conditions) => {
            put_conditions(&mut all, conditions);
            conditions.time_bounds.as_ref()
        }
    };
    if let Some(bounds) = time {
        let mut range = Map::from_iter([(
            "min_time".to_owned(),
            Value::from(bounds.min_time.0.to_string()),
        )]);
        if bounds.max_time.0 != 0 {
            range.insert("max_time".to_owned(), bounds.max_time.0.to_string().into());
        }
        all.insert("timebounds".to_owned(), range.into());
    }
    all
}

fn put_conditions(all: &mut Map<String, Value>, conditions: &PreconditionsV2) {
    if let Some(bounds) = &conditions.ledger_bounds {
        let mut range = Map::from_iter([("min_ledger".to_owned(), Value::from(bounds.min_ledger))]);
        if bounds.max_ledger != 0 {
            range.insert("max_ledger".to_owned(), bounds.max_ledger.into());
        }
        all.insert("ledgerbounds".to_owned(), range.into());
    }
    if let Some(minimum) = &conditions.min_seq_num {
        all.insert(
            "min_account_sequence".to_owned(),
            minimum.0.to_string().into(),
        );
    }
    if conditions.min_seq_age.0 != 0 {
        all.insert(
            "min_account_sequence_age".to_owned(),
            conditions.min_seq_age.0.to_string().into(),
        );
    }
    if conditions.min_seq_ledger_gap != 0 {
        all.insert(
            "min_account_sequence_ledger_gap".to_owned(),
            conditions.min_seq_ledger_gap.into(),
        );
    }
    if !conditions.extra_signers.is_empty() {
        let signers = conditions
            .extra_signers
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        all.insert("extra_signers".to_owned(), signers.into());
    }
}

fn texts(signatures: &[DecoratedSignature]) -> Vec<String> {
    signatures
        .iter()
        .map(|signature| BASE64.encode(signature.signature.0.as_slice()))
        .collect()
}
