//! (intent, plan) → transaction → hash: pure, so the same row always gives the same bytes.

use stellar_xdr as xdr;
use thiserror::Error;
use xdr::{Limits, ReadXdr, WriteXdr};

use super::intent::{Content, IntentKey, Request};
use super::primitives::{AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash};
use super::tag::Tag;

/// The most bytes of an envelope that is read: core takes none above 100 KiB.
const MAX_ENVELOPE_BYTES: usize = 128 * 1024;

/// Everything about an attempt that the intent does not say. Committed before the first send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whose sequence number it uses.
    pub channel: AccountId,
    /// Which one.
    pub sequence: Sequence,
    /// The first close time with which it can land; 0 for any.
    pub min_time: ChainTime,
    /// The last close time with which it can land.
    pub max_time: ChainTime,
    /// The first ledger that is too late.
    pub max_ledger: LedgerSeq,
    /// The bid in stroops for each operation.
    pub base_fee: Stroops,
}

/// Builds the inner transaction of an intent of operations. A presigned one is returned as it was signed.
///
/// # Panics
/// Never for a request that was read by [`super::intent::read`]: the number of operations was checked.
#[must_use]
pub fn build(request: &Request, tag: Tag, plan: &Plan) -> xdr::Transaction {
    let operations = match &request.content {
        Content::Presigned(presigned) => return presigned.envelope().tx.clone(),
        Content::Operations(operations) => operations,
    };
    // The operation names its own source exactly when the channel is another account.
    let source = (request.source != plan.channel).then(|| request.source.plain());
    let operations: Vec<xdr::Operation> = operations
        .iter()
        .map(|operation| xdr::Operation {
            source_account: source.clone(),
            body: operation.to_xdr(),
        })
        .collect();
    let count = u32::try_from(operations.len()).expect("at most 100 operations");
    // The largest bid that the field holds is still the same for each operation, or the plan could not be read back
    // from the chain and the transaction would not be recognised.
    let rate = u32::try_from(plan.base_fee.get()).unwrap_or(u32::MAX);
    let fee = rate.min(u32::MAX / count.max(1)) * count;
    xdr::Transaction {
        source_account: plan.channel.muxed(tag.get()),
        fee,
        seq_num: xdr::SequenceNumber(plan.sequence.0),
        cond: xdr::Preconditions::V2(xdr::PreconditionsV2 {
            time_bounds: Some(xdr::TimeBounds {
                min_time: xdr::TimePoint(plan.min_time.0),
                max_time: xdr::TimePoint(plan.max_time.0),
            }),
            ledger_bounds: Some(xdr::LedgerBounds {
                min_ledger: 0,
                max_ledger: plan.max_ledger.0,
            }),
            min_seq_num: None,
            min_seq_age: xdr::Duration(0),
            min_seq_ledger_gap: 0,
            extra_signers: xdr::VecM::default(),
        }),
        memo: request.memo.to_xdr(),
        operations: operations.try_into().expect("at most 100 operations"),
        ext: xdr::TransactionExt::V0,
    }
}

/// The hash of an inner transaction: what its signatures sign.
///
/// # Panics
/// Never: what was built or decoded can be encoded.
#[must_use]
pub fn inner_hash(transaction: &xdr::Transaction, network: NetworkId) -> TxHash {
    TxHash(transaction.hash(network.0).expect("a transaction encodes"))
}

/// The transaction with its signatures, in the order given.
///
/// # Panics
/// Never for up to 20 signatures.
#[must_use]
pub fn attach(
    tx: xdr::Transaction,
    signatures: Vec<xdr::DecoratedSignature>,
) -> xdr::TransactionV1Envelope {
    let signatures = signatures.try_into().expect("at most 20 signatures");
    xdr::TransactionV1Envelope { tx, signatures }
}

/// A fee bump around a signed inner transaction; its fee source carries the tag.
#[must_use]
pub fn fee_bump(
    inner: xdr::TransactionV1Envelope,
    fee_account: AccountId,
    tag: Tag,
    fee: Stroops,
) -> xdr::FeeBumpTransaction {
    xdr::FeeBumpTransaction {
        fee_source: fee_account.muxed(tag.get()),
        fee: fee.get(),
        inner_tx: xdr::FeeBumpTransactionInnerTx::Tx(inner),
        ext: xdr::FeeBumpTransactionExt::V0,
    }
}

/// The hash of a fee bump.
///
/// # Panics
/// Never: what was built or decoded can be encoded.
#[must_use]
pub fn fee_bump_hash(bump: &xdr::FeeBumpTransaction, network: NetworkId) -> TxHash {
    TxHash(bump.hash(network.0).expect("a fee bump encodes"))
}

/// The bytes of an envelope.
///
/// # Panics
/// Never: what was built or decoded can be encoded.
#[must_use]
pub fn encode(envelope: &xdr::TransactionEnvelope) -> Vec<u8> {
    envelope
        .to_xdr(Limits::none())
        .expect("an envelope encodes")
}

/// Why bytes are no envelope of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// Not XDR of an envelope.
    #[error("the bytes are not a transaction envelope")]
    Malformed,
    /// A version 0 envelope, which we never make.
    #[error("a version 0 envelope")]
    Version0,
}

/// Decodes an envelope of either kind into its inner one and, for a fee bump, the bump.
///
/// # Errors
/// See [`EnvelopeError`].
pub fn decode(
    bytes: &[u8],
) -> Result<(xdr::TransactionV1Envelope, Option<xdr::FeeBumpTransaction>), EnvelopeError> {
    if bytes.len() > MAX_ENVELOPE_BYTES {
        return Err(EnvelopeError::Malformed);
    }
    let limits = Limits {
        depth: 100,
        len: bytes.len(),
    };
    match xdr::TransactionEnvelope::from_xdr(bytes, limits) {
        Ok(xdr::TransactionEnvelope::Tx(inner)) => Ok((inner, None)),
        Ok(xdr::TransactionEnvelope::TxFeeBump(bump)) => {
            let xdr::FeeBumpTransactionInnerTx::Tx(inner) = bump.tx.inner_tx.clone();
            Ok((inner, Some(bump.tx)))
        }
        Ok(xdr::TransactionEnvelope::TxV0(_)) => Err(EnvelopeError::Version0),
        Err(_) => Err(EnvelopeError::Malformed),
    }
}

/// The tag of a landed envelope: the muxed id of its source, or else of its fee source.
#[must_use]
pub fn tag_of(inner: &xdr::Transaction, bump: Option<&xdr::FeeBumpTransaction>) -> Option<Tag> {
    let id = |account: &xdr::MuxedAccount| match account {
        xdr::MuxedAccount::Ed25519(_) => None,
        xdr::MuxedAccount::MuxedEd25519(muxed) => Tag::from_muxed_id(muxed.id),
    };
    id(&inner.source_account).or_else(|| bump.and_then(|bump| id(&bump.fee_source)))
}

/// The plan that a landed transaction was built by, as far as the chain tells.
///
/// `None` where it has preconditions that we never set.
#[must_use]
pub fn plan_of(transaction: &xdr::Transaction) -> Option<Plan> {
    let xdr::Preconditions::V2(conditions) = &transaction.cond else {
        return None;
    };
    let time = conditions.time_bounds.as_ref()?;
    let ledger = conditions.ledger_bounds.as_ref()?;
    let operations = i64::try_from(transaction.operations.len())
        .ok()
        .filter(|count| *count > 0)?;
    let fee = i64::from(transaction.fee);
    Some(Plan {
        channel: AccountId::of_muxed(&transaction.source_account),
        sequence: Sequence(transaction.seq_num.0),
        min_time: ChainTime(time.min_time.0),
        max_time: ChainTime(time.max_time.0),
        max_ledger: LedgerSeq(ledger.max_ledger),
        base_fee: Stroops::new(fee / operations).ok()?,
    })
}

/// Whether a landed envelope is this intent's: rebuilt with the chain's channel, sequence and bounds it has the same hash.
/// That is proof, not a guess.
#[must_use]
pub fn recognise(
    network: NetworkId,
    key: &IntentKey,
    request: &Request,
    landed: &xdr::Transaction,
) -> bool {
    if let Content::Presigned(presigned) = &request.content {
        return presigned.envelope().tx == *landed;
    }
    let Some(plan) = plan_of(landed) else {
        return false;
    };
    let rebuilt = build(request, key.tag(network), &plan);
    inner_hash(&rebuilt, network) == inner_hash(landed, network)
}

/// A fee bump with its signatures.
///
/// # Panics
/// Never for up to 20 signatures.
#[must_use]
pub fn sign_fee_bump(
    tx: xdr::FeeBumpTransaction,
    signatures: Vec<xdr::DecoratedSignature>,
) -> xdr::TransactionEnvelope {
    let signatures = signatures.try_into().expect("at most 20 signatures");
    xdr::TransactionEnvelope::TxFeeBump(xdr::FeeBumpTransactionEnvelope { tx, signatures })
}
