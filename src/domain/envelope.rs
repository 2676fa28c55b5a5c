//! (intent, plan) → transaction → hash: pure, so the same row always gives the same bytes.

use std::sync::Arc;

use stellar_xdr as xdr;
use thiserror::Error;
use xdr::{Limits, ReadXdr, WriteXdr};

use super::intent::{Content, IntentKey, Request};
use super::operation::{ContractOperation, Credentials, Operation};
use super::primitives::{AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash};
use super::soroban_plan::{SorobanPlan, nonce_tag};
use super::tag::Tag;

/// The most bytes of an envelope that is read: core takes none above 100 KiB.
const MAX_ENVELOPE_BYTES: usize = 128 * 1024;

/// Everything about an attempt that the intent does not say. Committed before the first send.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What a contract operation's simulation gave.
    pub soroban: Option<Arc<SorobanPlan>>,
}

impl Plan {
    /// The fee for resources, in stroops; 0 where none are declared.
    #[must_use]
    pub fn resource_fee(&self) -> i64 {
        self.soroban
            .as_ref()
            .map_or(0, |soroban| soroban.resource_fee())
    }

    /// What the simulation gave, as the records have it.
    #[must_use]
    pub fn soroban_json(&self) -> Option<serde_json::Value> {
        self.soroban.as_ref().map(|soroban| soroban.to_json())
    }

    /// Whether the inner transaction carries the tag. A call that its source authorises by no entry has no place for it: there
    /// only a fee bump does.
    #[must_use]
    pub fn carries_tag(&self, request: &Request) -> bool {
        !request.calls_contract()
            || self.restores()
            || self
                .soroban
                .as_ref()
                .is_some_and(|soroban| soroban.has_nonce_of(request.source))
    }

    /// Who signs the inner transaction, in this order: the channel, and the source where that is another account. The source of a
    /// call signs its authorisation instead.
    #[must_use]
    pub fn signers(&self, request: &Request) -> Vec<AccountId> {
        let by_entry = request.authorizes_by_entry() && !self.restores();
        let mut signers = vec![self.channel];
        if request.source != self.channel && !by_entry {
            signers.push(request.source);
        }
        signers
    }

    /// Whether the attempt only brings archived entries back for the one after it.
    #[must_use]
    pub fn restores(&self) -> bool {
        self.soroban
            .as_ref()
            .is_some_and(|soroban| soroban.restores)
    }
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
        .map(|operation| match (operation, &plan.soroban) {
            (Operation::Contract(operation), Some(soroban)) => {
                contract_operation(operation, soroban, request.source, tag, source.clone())
            }
            (operation, _) => xdr::Operation {
                source_account: source.clone(),
                body: operation.to_xdr(request.source),
            },
        })
        .collect();
    // A call may have no muxed source (protocol 25): its tag is the nonce, or the fee bump's.
    let calls = matches!(
        operations.first().map(|operation| &operation.body),
        Some(xdr::OperationBody::InvokeHostFunction(_))
    );
    let source_account = if calls {
        plan.channel.plain()
    } else {
        plan.channel.muxed(tag.get())
    };
    let count = u32::try_from(operations.len()).expect("at most 100 operations");
    // The largest bid that the field holds is still the same for each operation, or the plan could not be read back
    // from the chain and the transaction would not be recognised.
    let rate = u32::try_from(plan.base_fee.get()).unwrap_or(u32::MAX);
    let fee = rate.min(u32::MAX / count.max(1)) * count;
    let resource_fee = u32::try_from(plan.resource_fee()).unwrap_or(u32::MAX);
    xdr::Transaction {
        source_account,
        fee: fee.saturating_add(resource_fee),
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
        ext: plan
            .soroban
            .as_ref()
            .map_or(xdr::TransactionExt::V0, |soroban| {
                xdr::TransactionExt::V1(declared(request, soroban))
            }),
    }
}

/// A contract operation as its plan completes it.
fn contract_operation(
    operation: &ContractOperation,
    soroban: &SorobanPlan,
    source: AccountId,
    tag: Tag,
    named: Option<xdr::MuxedAccount>,
) -> xdr::Operation {
    if soroban.restores {
        let ext = xdr::ExtensionPoint::V0;
        return xdr::Operation {
            source_account: named,
            body: xdr::OperationBody::RestoreFootprint(xdr::RestoreFootprintOp { ext }),
        };
    }
    let mut body = operation.to_xdr(source);
    let mut source_account = named;
    if let xdr::OperationBody::InvokeHostFunction(call) = &mut body {
        let auth = soroban.tagged_auth(source, tag);
        call.auth = auth.try_into().expect("any number of authorisations fits");
        // Whoever is the operation's source has authorised it: a nonce only guards where the source is not.
        let by_entry = operation
            .authorization()
            .is_some_and(|auth| auth.credentials == Credentials::Address);
        source_account = source_account.filter(|_| !by_entry);
    }
    xdr::Operation {
        source_account,
        body,
    }
}

/// What the transaction declares: of an operation that names its ledger entries itself, exactly those.
fn declared(request: &Request, soroban: &SorobanPlan) -> xdr::SorobanTransactionData {
    let mut data = soroban.data.clone();
    let named = request.contract().and_then(ContractOperation::footprint);
    if let Some(footprint) = named {
        data.resources.footprint = footprint;
    }
    data
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

/// The tag of a landed envelope: the muxed id of its source, or else of its fee source, or else a contract call's nonce.
#[must_use]
pub fn tag_of(inner: &xdr::Transaction, bump: Option<&xdr::FeeBumpTransaction>) -> Option<Tag> {
    Tag::of_account(&inner.source_account)
        .or_else(|| Tag::of_account(&bump?.fee_source))
        .or_else(|| nonce_tag(&inner.operations.first()?.body))
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
    let soroban = soroban_of(transaction);
    let resources = soroban.as_ref().map_or(0, |soroban| soroban.resource_fee());
    let fee = i64::from(transaction.fee).checked_sub(resources)?;
    Some(Plan {
        channel: AccountId::of_muxed(&transaction.source_account),
        sequence: Sequence(transaction.seq_num.0),
        min_time: ChainTime(time.min_time.0),
        max_time: ChainTime(time.max_time.0),
        max_ledger: LedgerSeq(ledger.max_ledger),
        base_fee: Stroops::new(fee / operations).ok()?,
        soroban: soroban.map(Arc::new),
    })
}

/// The same, as an attempt of this request: of one that asks for a restoration itself, that is the operation.
#[must_use]
pub fn plan_for(request: &Request, transaction: &xdr::Transaction) -> Option<Plan> {
    let mut plan = plan_of(transaction)?;
    let asked = matches!(request.contract(), Some(ContractOperation::Restore { .. }));
    if asked && let Some(soroban) = &mut plan.soroban {
        Arc::make_mut(soroban).restores = false;
    }
    Some(plan)
}

/// What a contract operation's transaction declares, and who authorised it.
fn soroban_of(transaction: &xdr::Transaction) -> Option<SorobanPlan> {
    let xdr::TransactionExt::V1(data) = &transaction.ext else {
        return None;
    };
    let body = &transaction.operations.first()?.body;
    let auth = match body {
        xdr::OperationBody::InvokeHostFunction(call) => call.auth.to_vec(),
        _ => Vec::new(),
    };
    Some(SorobanPlan {
        data: data.clone(),
        auth,
        restores: matches!(body, xdr::OperationBody::RestoreFootprint(_)),
    })
}

/// Whether a landed envelope is this intent's: rebuilt with the chain's channel, sequence, bounds and resources it has the
/// same hash. That is proof, not a guess.
///
/// A call that needs no authorisation of its source carries the tag on its fee bump alone: equal calls of two workflows
/// differ in nothing else, so there the bump must be given, and have it.
#[must_use]
pub fn recognise(
    network: NetworkId,
    key: &IntentKey,
    request: &Request,
    landed: &xdr::Transaction,
    bump: Option<&xdr::FeeBumpTransaction>,
) -> bool {
    if let Content::Presigned(presigned) = &request.content {
        return presigned.envelope().tx == *landed;
    }
    let Some(plan) = plan_for(request, landed) else {
        return false;
    };
    let tag = key.tag(network);
    if !plan.carries_tag(request) && tag_of(landed, bump) != Some(tag) {
        return false;
    }
    let rebuilt = build(request, tag, &plan);
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
