//! A recorded transaction, believed only as far as its own envelope bears it out.

use stellar_xdr::{
    self as xdr, FeeBumpTransactionInnerTx, Limits, ReadXdr, TransactionEnvelope, TransactionResult,
};
use thiserror::Error;

use super::answer::Answer;
use super::wire::Transaction;
use crate::domain::observation::{Landed, LookUp, Unknown, UnknownKind};
use crate::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash,
};
use crate::domain::result_code::{TransactionMeaning, TransactionOutcome, transaction_meaning};

/// The largest envelope or result that is decoded, in bytes. The network's own limit is far below.
const MAX_XDR_BYTES: usize = 1024 * 1024;
/// How deep XDR may nest, in levels: core allows less, and our stack more.
const MAX_XDR_DEPTH: u32 = 500;

const XDR_LIMITS: Limits = Limits {
    depth: MAX_XDR_DEPTH,
    len: MAX_XDR_BYTES,
};

/// Why a record is no fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LandedError {
    /// We cannot read it: perhaps of a newer protocol.
    #[error("unreadable: {0}")]
    Unreadable(&'static str),
    /// It contradicts itself or the question.
    #[error("cannot be true: {0}")]
    Lying(&'static str),
}

/// The inner hash and, for a fee bump, the outer one, of an envelope in base64.
///
/// # Errors
/// [`LandedError::Unreadable`] where it does not decode.
pub fn envelope_hashes(
    network: NetworkId,
    envelope: &str,
) -> Result<(TxHash, Option<TxHash>), LandedError> {
    Facts::of(network, &decode(envelope)?).map(|facts| (facts.inner_hash, facts.fee_bump_hash))
}

/// The outcome that a result in base64 tells.
pub(super) fn outcome(result: &str) -> TransactionOutcome {
    TransactionResult::from_xdr_base64(result, XDR_LIMITS).map_or_else(
        |_| TransactionOutcome::unrecognised(),
        |result| TransactionOutcome::of(&result),
    )
}

/// The result in the record of the transaction with this hash.
///
/// # Errors
/// [`Unknown`] for everything but a whole 200 of that transaction.
pub(super) fn result(
    network: NetworkId,
    asked: TxHash,
    answer: &Answer,
) -> Result<TransactionResult, Unknown> {
    if let LookUp::Unknown(unknown) = super::observe::look_up(network, asked, answer) {
        return Err(unknown);
    }
    let record: Transaction = answer.json("a transaction")?;
    TransactionResult::from_xdr_base64(&record.result_xdr, XDR_LIMITS)
        .map_err(|_| answer.unknown(UnknownKind::Unparsable, "a result that does not decode"))
}

/// The record as a fact, or why it is none.
pub(super) fn landed(network: NetworkId, record: &Transaction) -> Result<Landed, LandedError> {
    use LandedError::{Lying, Unreadable};
    let facts = Facts::of(network, &decode(&record.envelope_xdr)?)?;
    let is_ours = |hash: &TxHash| *hash == facts.inner_hash || Some(*hash) == facts.fee_bump_hash;
    if !is_ours(&record.hash) {
        return Err(Lying("its envelope has another hash on this network"));
    }
    let claims = [
        (&record.fee_bump_transaction, facts.fee_bump_hash),
        (&record.inner_transaction, Some(facts.inner_hash)),
    ];
    for (claimed, computed) in claims {
        if claimed
            .as_ref()
            .is_some_and(|hash| Some(hash.hash) != computed)
        {
            return Err(Lying("its fee bump's hashes are not those of its envelope"));
        }
    }
    let same = record.source_account == facts.source.0
        && record.fee_account == facts.fee.0
        && record.source_account_sequence == facts.sequence;
    if !same {
        return Err(Lying(
            "its accounts or sequence number are not those of its envelope",
        ));
    }
    let outcome = checked_outcome(record, facts.inner_hash)?;
    let closed_at = u64::try_from(record.created_at.unix_timestamp())
        .map_err(|_| Unreadable("it was recorded before 1970"))?;
    let fee_charged =
        Stroops::new(record.fee_charged).map_err(|_| Unreadable("its fee is negative"))?;
    Ok(Landed {
        inner_hash: facts.inner_hash,
        fee_bump_hash: facts.fee_bump_hash,
        ledger: LedgerSeq(record.ledger),
        closed_at: ChainTime(closed_at),
        successful: record.successful,
        outcome,
        fee_charged,
        source_account: facts.source.0,
        source_muxed_id: facts.source.1,
        sequence: Sequence(facts.sequence),
        fee_account: facts.fee.0,
        fee_muxed_id: facts.fee.1,
        envelope_xdr: facts.bytes,
    })
}

/// The recorded result, where it agrees with `successful` and names this inner transaction.
/// One that does not decode is unrecognised, not a lie: that it landed is still so.
fn checked_outcome(
    record: &Transaction,
    inner_hash: TxHash,
) -> Result<TransactionOutcome, LandedError> {
    use xdr::TransactionResultResult as R;
    let Ok(result) = TransactionResult::from_xdr_base64(&record.result_xdr, XDR_LIMITS) else {
        return Ok(TransactionOutcome::unrecognised());
    };
    if let R::TxFeeBumpInnerSuccess(pair) | R::TxFeeBumpInnerFailed(pair) = &result.result
        && pair.transaction_hash.0 != inner_hash.0
    {
        return Err(LandedError::Lying("its result is of another transaction"));
    }
    let outcome = TransactionOutcome::of(&result);
    let succeeded = transaction_meaning(outcome.code) == TransactionMeaning::Success;
    if succeeded != record.successful {
        return Err(LandedError::Lying("its result contradicts `successful`"));
    }
    Ok(outcome)
}

fn decode(envelope: &str) -> Result<TransactionEnvelope, LandedError> {
    TransactionEnvelope::from_xdr_base64(envelope, XDR_LIMITS)
        .map_err(|_| LandedError::Unreadable("its envelope does not decode"))
}

/// What the envelope itself says.
struct Facts {
    inner_hash: TxHash,
    fee_bump_hash: Option<TxHash>,
    source: (AccountId, Option<u64>),
    fee: (AccountId, Option<u64>),
    sequence: i64,
    bytes: Vec<u8>,
}

impl Facts {
    fn of(network: NetworkId, envelope: &TransactionEnvelope) -> Result<Self, LandedError> {
        let (inner, source, sequence, fee_source) = match envelope {
            TransactionEnvelope::TxV0(old) => {
                let source = AccountId(old.tx.source_account_ed25519.0);
                (
                    old.tx.hash(network.0),
                    (source, None),
                    old.tx.seq_num.0,
                    None,
                )
            }
            TransactionEnvelope::Tx(plain) => (
                plain.tx.hash(network.0),
                unmux(&plain.tx.source_account),
                plain.tx.seq_num.0,
                None,
            ),
            TransactionEnvelope::TxFeeBump(bump) => {
                let FeeBumpTransactionInnerTx::Tx(inner) = &bump.tx.inner_tx;
                (
                    inner.tx.hash(network.0),
                    unmux(&inner.tx.source_account),
                    inner.tx.seq_num.0,
                    Some(unmux(&bump.tx.fee_source)),
                )
            }
        };
        let unreadable = |_| LandedError::Unreadable("its envelope does not encode again");
        let fee_bump_hash = match fee_source {
            Some(_) => Some(TxHash(envelope.hash(network.0).map_err(unreadable)?)),
            None => None,
        };
        Ok(Self {
            inner_hash: TxHash(inner.map_err(unreadable)?),
            fee_bump_hash,
            source,
            fee: fee_source.unwrap_or(source),
            sequence,
            bytes: xdr::WriteXdr::to_xdr(envelope, XDR_LIMITS).map_err(unreadable)?,
        })
    }
}

const fn unmux(account: &xdr::MuxedAccount) -> (AccountId, Option<u64>) {
    let id = match account {
        xdr::MuxedAccount::Ed25519(_) => None,
        xdr::MuxedAccount::MuxedEd25519(muxed) => Some(muxed.id),
    };
    (AccountId::of_muxed(account), id)
}
