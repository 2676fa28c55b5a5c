//! Transaction results: how a code, a fee and a list of operation results become the XDR that everybody sees.

use stellar_xdr::{
    Hash, InnerTransactionResult, InnerTransactionResultExt, InnerTransactionResultPair,
    InnerTransactionResultResult as Inner, Limits, OperationResult, TransactionResult,
    TransactionResultExt, TransactionResultResult as Outer, VecM, WriteXdr,
};

use super::frame::Frame;
use super::operation;

/// Why a transaction is not valid.
#[derive(Debug)]
pub enum Invalid {
    /// The fee bump itself is not. Boxed: results are large beside the happy path.
    Outer(Box<Outer>),
    /// The transaction is not.
    Inner(Box<Inner>),
    /// The fee bump bids less than the transaction in it; this many stroops would do.
    BumpTooLow(i64),
}

impl From<Inner> for Invalid {
    fn from(code: Inner) -> Self {
        Self::Inner(Box::new(code))
    }
}

impl From<Outer> for Invalid {
    fn from(code: Outer) -> Self {
        Self::Outer(Box::new(code))
    }
}

/// What was charged, in stroops.
#[derive(Clone, Copy, Debug)]
pub struct Charged {
    /// In all.
    pub fee: i64,
    /// What the result of the inner transaction of a fee bump says.
    pub inner_fee: i64,
}

/// The result of a transaction that is not valid, or not even queued.
pub fn refused(frame: &Frame, invalid: Invalid, charged: Charged) -> TransactionResult {
    match invalid {
        Invalid::Outer(code) => outer(charged.fee, *code),
        Invalid::Inner(code) => wrap(frame, *code, charged),
        Invalid::BumpTooLow(needed) => outer(needed, Outer::TxInsufficientFee),
    }
}

/// A result of the outermost layer.
pub fn outer(fee_charged: i64, result: Outer) -> TransactionResult {
    TransactionResult {
        fee_charged,
        result,
        ext: TransactionResultExt::V0,
    }
}

/// The transaction's own result, in a fee bump's where it is in one.
pub fn wrap(frame: &Frame, code: Inner, charged: Charged) -> TransactionResult {
    let Some(inner_hash) = frame.inner_hash() else {
        return outer(charged.fee, lift(code));
    };
    let success = matches!(code, Inner::TxSuccess(_));
    let pair = InnerTransactionResultPair {
        transaction_hash: Hash(inner_hash),
        result: InnerTransactionResult {
            fee_charged: charged.inner_fee,
            result: code,
            ext: InnerTransactionResultExt::V0,
        },
    };
    outer(
        charged.fee,
        if success {
            Outer::TxFeeBumpInnerSuccess(pair)
        } else {
            Outer::TxFeeBumpInnerFailed(pair)
        },
    )
}

/// Says in a result what was charged in the end.
pub fn recharge(result: &mut TransactionResult, charged: Charged) {
    result.fee_charged = charged.fee;
    if let Outer::TxFeeBumpInnerSuccess(pair) | Outer::TxFeeBumpInnerFailed(pair) =
        &mut result.result
    {
        pair.result.fee_charged = charged.inner_fee;
    }
}

/// Whether a recorded result is a success.
pub fn is_success(result: &TransactionResult) -> bool {
    matches!(
        result.result,
        Outer::TxSuccess(_) | Outer::TxFeeBumpInnerSuccess(_)
    )
}

/// The list before anything was done: every operation a success with nothing in it.
pub fn untouched(frame: &Frame) -> Vec<OperationResult> {
    frame
        .operations()
        .iter()
        .map(|op| operation::untouched(&op.body))
        .collect()
}

/// A failed result with its list.
pub fn failed(results: Vec<OperationResult>) -> Inner {
    Inner::TxFailed(list(results))
}

/// A successful result with its list.
pub fn succeeded(results: Vec<OperationResult>) -> Inner {
    Inner::TxSuccess(list(results))
}

/// The XDR of a result.
pub fn to_bytes(result: &TransactionResult) -> Box<[u8]> {
    result
        .to_xdr(Limits::none())
        .expect("writing to memory without limits cannot fail")
        .into_boxed_slice()
}

fn list(results: Vec<OperationResult>) -> VecM<OperationResult> {
    results
        .try_into()
        .expect("at most 100 operations fit a list without a limit")
}

fn lift(code: Inner) -> Outer {
    match code {
        Inner::TxSuccess(list) => Outer::TxSuccess(list),
        Inner::TxFailed(list) => Outer::TxFailed(list),
        Inner::TxTooEarly => Outer::TxTooEarly,
        Inner::TxTooLate => Outer::TxTooLate,
        Inner::TxMissingOperation => Outer::TxMissingOperation,
        Inner::TxBadSeq => Outer::TxBadSeq,
        Inner::TxBadAuth => Outer::TxBadAuth,
        Inner::TxInsufficientBalance => Outer::TxInsufficientBalance,
        Inner::TxNoAccount => Outer::TxNoAccount,
        Inner::TxInsufficientFee => Outer::TxInsufficientFee,
        Inner::TxBadAuthExtra => Outer::TxBadAuthExtra,
        Inner::TxInternalError => Outer::TxInternalError,
        Inner::TxNotSupported => Outer::TxNotSupported,
        Inner::TxBadSponsorship => Outer::TxBadSponsorship,
        Inner::TxBadMinSeqAgeOrGap => Outer::TxBadMinSeqAgeOrGap,
        Inner::TxMalformed => Outer::TxMalformed,
        Inner::TxSorobanInvalid => Outer::TxSorobanInvalid,
        Inner::TxFrozenKeyAccessed => Outer::TxFrozenKeyAccessed,
    }
}
