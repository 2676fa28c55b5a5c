//! A recorded transaction, believed only as far as its own envelope bears it out.

use stellar_xdr::{
    self as xdr, FeeBumpTransactionInnerTx, Limits, ReadXdr, TransactionEnvelope, TransactionResult,
};
use thiserror::Error;

use super::observation::Landed;
use super::primitives::{AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash};
use super::result_code::{TransactionMeaning, TransactionOutcome, transaction_meaning};

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
#[must_use]
pub fn outcome(result: &str) -> TransactionOutcome {
    TransactionResult::from_xdr_base64(result, XDR_LIMITS).map_or_else(
        |_| TransactionOutcome::unrecognised(),
        |result| TransactionOutcome::of(&result),
    )
}

/// A result in base64; `None` where it does not decode.
#[must_use]
pub fn result(text: &str) -> Option<TransactionResult> {
    TransactionResult::from_xdr_base64(text, XDR_LIMITS).ok()
}

/// What is said of a recorded transaction.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The envelope in base64.
    pub envelope: &'a str,
    /// The result in base64.
    pub result: &'a str,
    /// A hash that it is said to have, inner or outer.
    pub hash: TxHash,
    /// Whether its operations are said to have been applied.
    pub successful: bool,
    /// The ledger that is said to have recorded it.
    pub ledger: LedgerSeq,
    /// When that is said to have closed, in seconds since 1970.
    pub closed_at: i64,
    /// What the fee account is said to have paid, in stroops; `None`: the result alone says it.
    pub fee_charged: Option<i64>,
}

/// The record as a fact, or why it is none.
///
/// # Errors
/// [`LandedError`] where it cannot be read, or contradicts itself.
pub fn landed(network: NetworkId, record: &Record<'_>) -> Result<Landed, LandedError> {
    let facts = Facts::of(network, &decode(record.envelope)?)?;
    facts.borne_out(record)
}

/// The recorded result, where it agrees with `successful` and names this inner transaction.
/// One that does not decode is unrecognised, not a lie: that it landed is still so.
fn checked_outcome(
    record: &Record<'_>,
    inner_hash: TxHash,
) -> Result<TransactionOutcome, LandedError> {
    use xdr::TransactionResultResult as R;
    let Ok(result) = TransactionResult::from_xdr_base64(record.result, XDR_LIMITS) else {
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
#[derive(Clone, Debug)]
pub struct Facts {
    /// The hash of the inner transaction.
    pub inner_hash: TxHash,
    /// The hash of the fee bump, where it is one.
    pub fee_bump_hash: Option<TxHash>,
    /// Whose sequence number it uses, and the id on top.
    pub source: (AccountId, Option<u64>),
    /// Who pays, and the id on top.
    pub fee: (AccountId, Option<u64>),
    /// The sequence number that it uses.
    pub sequence: i64,
    bytes: Vec<u8>,
}

impl Facts {
    /// What an envelope in base64 says of itself.
    ///
    /// # Errors
    /// [`LandedError::Unreadable`] where it does not decode.
    pub fn read(network: NetworkId, envelope: &str) -> Result<Self, LandedError> {
        Self::of(network, &decode(envelope)?)
    }

    /// A record of this envelope as a fact, where the envelope bears it out.
    ///
    /// # Errors
    /// [`LandedError`] where it contradicts the envelope or itself.
    pub fn borne_out(self, record: &Record<'_>) -> Result<Landed, LandedError> {
        use LandedError::{Lying, Unreadable};
        if record.hash != self.inner_hash && Some(record.hash) != self.fee_bump_hash {
            return Err(Lying("its envelope has another hash on this network"));
        }
        let outcome = checked_outcome(record, self.inner_hash)?;
        let closed_at = u64::try_from(record.closed_at)
            .map_err(|_| Unreadable("it was recorded before 1970"))?;
        let fee_charged = record.fee_charged.unwrap_or(outcome.fee_charged);
        let fee_charged =
            Stroops::new(fee_charged).map_err(|_| Unreadable("its fee is negative"))?;
        Ok(Landed {
            inner_hash: self.inner_hash,
            fee_bump_hash: self.fee_bump_hash,
            ledger: record.ledger,
            closed_at: ChainTime(closed_at),
            successful: record.successful,
            outcome,
            fee_charged,
            source_account: self.source.0,
            source_muxed_id: self.source.1,
            sequence: Sequence(self.sequence),
            fee_account: self.fee.0,
            fee_muxed_id: self.fee.1,
            envelope_xdr: self.bytes,
            result_xdr: record.result.to_owned(),
        })
    }

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
