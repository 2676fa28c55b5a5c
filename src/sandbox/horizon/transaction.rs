//! The transaction resource, made from the recorded bytes when somebody asks.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use stellar_xdr::{
    DecoratedSignature, Limits, Memo, Preconditions, PreconditionsV2, ReadXdr, TransactionResult,
};

use super::{link, put_account, put_muxed, template, timestamp};
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::history::TxRecord;

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
    pub fn frame(&self, network_id: [u8; 32]) -> Frame {
        Frame::parse(&self.tx.envelope, network_id)
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

/// A transaction as asked for by a hash: outer or, for a fee bump, inner. `base` is where this Horizon answers.
pub fn transaction(base: &str, landed: &Landed, network_id: [u8; 32], asked: [u8; 32]) -> Value {
    let tx = &landed.tx;
    let frame = landed.frame(network_id);
    let hash = hex::encode(asked);
    let token = tx.toid.0.to_string();
    let mut body = Map::new();
    put_memo(&mut body, frame.memo());
    put_account(&mut body, "source_account", &frame.tx().source_account);
    rename_muxed(&mut body);
    body.insert(
        "fee_account".to_owned(),
        frame.fee_source().to_string().into(),
    );
    put_muxed(&mut body, "fee_account", frame.fee_address());
    let signatures = if landed.is_inner(&asked) {
        frame.inner_signatures()
    } else {
        frame.signatures()
    };
    let rest = json!({
        "_links": links(base, &hash, frame.source(), tx.toid.ledger_number(), &token),
        "id": hash,
        "paging_token": token,
        "successful": tx.successful,
        "hash": hash,
        "ledger": tx.toid.ledger_number(),
        "created_at": timestamp(landed.close_time),
        "source_account_sequence": frame.sequence().to_string(),
        "fee_charged": tx.fee_charged.to_string(),
        "max_fee": frame.fee_bid().to_string(),
        "operation_count": frame.operations().len(),
        "envelope_xdr": BASE64.encode(&tx.envelope),
        "result_xdr": BASE64.encode(&tx.result),
        "signatures": texts(signatures),
    });
    if let Value::Object(rest) = rest {
        body.extend(rest);
    }
    put_preconditions(&mut body, &frame.tx().cond);
    if let (Some(inner_hash), Some(bump)) = (tx.inner_hash, frame.fee_bump()) {
        body.insert(
            "fee_bump_transaction".to_owned(),
            json!({ "hash": hex::encode(tx.hash), "signatures": texts(&bump.signatures) }),
        );
        body.insert(
            "inner_transaction".to_owned(),
            json!({
                "hash": hex::encode(inner_hash),
                "signatures": texts(frame.inner_signatures()),
                "max_fee": frame.inner_fee_bid().to_string(),
            }),
        );
    }
    body.into()
}

fn links(base: &str, hash: &str, source: AccountKey, ledger: u32, token: &str) -> Value {
    let own = format!("{base}/transactions/{hash}");
    let list = |name: &str| template(format!("{own}/{name}{{?cursor,limit,order}}"));
    json!({
        "self": link(own.clone()),
        "account": link(format!("{base}/accounts/{source}")),
        "ledger": link(format!("{base}/ledgers/{ledger}")),
        "operations": list("operations"),
        "effects": list("effects"),
        "precedes": link(format!("{base}/transactions?order=asc&cursor={token}")),
        "succeeds": link(format!("{base}/transactions?order=desc&cursor={token}")),
        "transaction": link(own),
    })
}

/// Horizon calls the source's muxed address `account_muxed`, without "source".
fn rename_muxed(body: &mut Map<String, Value>) {
    for (from, to) in [
        ("source_account_muxed", "account_muxed"),
        ("source_account_muxed_id", "account_muxed_id"),
    ] {
        if let Some(value) = body.remove(from) {
            body.insert(to.to_owned(), value);
        }
    }
}

fn put_memo(body: &mut Map<String, Value>, memo: &Memo) {
    let (kind, value) = match memo {
        Memo::None => ("none", None),
        Memo::Text(text) => {
            body.insert(
                "memo_bytes".to_owned(),
                BASE64.encode(text.as_slice()).into(),
            );
            ("text", Some(text.to_utf8_string_lossy()))
        }
        Memo::Id(id) => ("id", Some(id.to_string())),
        Memo::Hash(hash) => ("hash", Some(BASE64.encode(hash.0))),
        Memo::Return(hash) => ("return", Some(BASE64.encode(hash.0))),
    };
    body.insert("memo_type".to_owned(), kind.into());
    if let Some(value) = value {
        body.insert("memo".to_owned(), value.into());
    }
}

fn put_preconditions(body: &mut Map<String, Value>, cond: &Preconditions) {
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
    if !all.is_empty() {
        body.insert("preconditions".to_owned(), all.into());
    }
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
