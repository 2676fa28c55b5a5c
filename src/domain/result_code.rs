//! What a transaction's recorded or refused result means: `safety.md`'s table as exhaustive matches.

mod operation;

use stellar_xdr as xdr;
use stellar_xdr::TransactionResultCode as Code;

pub use operation::operation_outcome;

/// What one operation's result code means for its intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationMeaning {
    /// Applied (and undone where another operation of the transaction failed).
    Success,
    /// The same operation will never succeed.
    Permanent,
    /// It may succeed when the state of an account changes.
    State,
    /// It may succeed at other prices.
    Market,
    /// A contract call that may succeed when simulated again.
    Contract,
}

/// One operation's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperationOutcome {
    /// The code as Horizon spells it, such as `op_underfunded`.
    pub code: &'static str,
    /// What it means.
    pub meaning: OperationMeaning,
}

/// A transaction's code, which may be one that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionCode {
    /// One of the protocol's.
    Known(Code),
    /// A result that does not decode: a newer protocol, or not a result at all.
    Unrecognised,
}

/// A transaction's result, decoded from its XDR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionOutcome {
    /// The outermost code.
    pub code: TransactionCode,
    /// The inner transaction's code, where the outer one is a fee bump's.
    pub inner: Option<TransactionCode>,
    /// `feeCharged` in stroops: of a recorded result what was paid, of a refusal the fee that would do, or 0.
    pub fee_charged: i64,
    /// One outcome an operation, where the result lists them.
    pub operations: Vec<OperationOutcome>,
}

/// What a transaction's code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionMeaning {
    /// Applied.
    Success,
    /// An operation failed: look at the operations.
    Failed,
    /// Its time has not come.
    Early,
    /// Its time is over: prove that it is dead, then build again.
    Late,
    /// The account is at another sequence number, often because this transaction has landed.
    BadSequence,
    /// Signatures do not suffice, or are too many.
    BadAuth,
    /// The account that pays the fee cannot.
    FeeAccountShort,
    /// The bid is too low now.
    FeeTooLow,
    /// The source of the sequence number does not exist.
    NoAccount,
    /// Never valid: prove that it is dead, then fail.
    Invalid,
    /// A contract call's resources were refused: prove that it is dead, then simulate again.
    SorobanInvalid,
    /// A ledger key that it needs is frozen.
    Frozen,
    /// A code that is not known here.
    Unrecognised,
}

/// What the code means, whoever says it. Only a recorded one is a fact.
#[must_use]
pub const fn transaction_meaning(code: TransactionCode) -> TransactionMeaning {
    let TransactionCode::Known(code) = code else {
        return TransactionMeaning::Unrecognised;
    };
    match code {
        Code::TxSuccess | Code::TxFeeBumpInnerSuccess => TransactionMeaning::Success,
        // A fee bump that failed is judged by its inner code; alone, it says only that something failed.
        Code::TxFailed | Code::TxFeeBumpInnerFailed => TransactionMeaning::Failed,
        Code::TxTooEarly | Code::TxBadMinSeqAgeOrGap => TransactionMeaning::Early,
        Code::TxTooLate => TransactionMeaning::Late,
        Code::TxBadSeq => TransactionMeaning::BadSequence,
        Code::TxBadAuth | Code::TxBadAuthExtra => TransactionMeaning::BadAuth,
        Code::TxInsufficientBalance => TransactionMeaning::FeeAccountShort,
        Code::TxInsufficientFee => TransactionMeaning::FeeTooLow,
        Code::TxNoAccount => TransactionMeaning::NoAccount,
        Code::TxMissingOperation
        | Code::TxMalformed
        | Code::TxNotSupported
        | Code::TxBadSponsorship
        | Code::TxInternalError => TransactionMeaning::Invalid,
        Code::TxSorobanInvalid => TransactionMeaning::SorobanInvalid,
        Code::TxFrozenKeyAccessed => TransactionMeaning::Frozen,
    }
}

/// What a recorded failure did to the sequence number of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SequenceEffect {
    /// Consumed: the transaction can never be applied again.
    Consumed,
    /// Left as it was: the record is no end.
    Unused,
    /// Either, as far as the code tells.
    Unsure,
}

/// What a recorded failure with this code did to the sequence number.
///
/// Core's `TransactionFrame::commonValid` takes the sequence number only after the checks that give the codes under
/// `Unused`; those under `Consumed` come from what follows.
#[must_use]
pub const fn sequence_effect(code: TransactionCode) -> SequenceEffect {
    let TransactionCode::Known(code) = code else {
        return SequenceEffect::Unsure;
    };
    match code {
        Code::TxFailed
        | Code::TxBadMinSeqAgeOrGap
        | Code::TxBadAuth
        | Code::TxBadAuthExtra
        | Code::TxBadSponsorship => SequenceEffect::Consumed,
        Code::TxTooEarly
        | Code::TxTooLate
        | Code::TxMissingOperation
        | Code::TxBadSeq
        | Code::TxNoAccount
        | Code::TxInsufficientFee
        | Code::TxNotSupported
        | Code::TxMalformed
        | Code::TxSorobanInvalid => SequenceEffect::Unused,
        Code::TxSuccess
        | Code::TxFeeBumpInnerSuccess
        | Code::TxFeeBumpInnerFailed
        | Code::TxInsufficientBalance
        | Code::TxInternalError
        | Code::TxFrozenKeyAccessed => SequenceEffect::Unsure,
    }
}

/// The code as Horizon spells it.
#[must_use]
pub const fn transaction_code_name(code: TransactionCode) -> &'static str {
    let TransactionCode::Known(code) = code else {
        return "tx_unrecognised";
    };
    match code {
        Code::TxSuccess => "tx_success",
        Code::TxFeeBumpInnerSuccess => "tx_fee_bump_inner_success",
        Code::TxFailed => "tx_failed",
        Code::TxFeeBumpInnerFailed => "tx_fee_bump_inner_failed",
        Code::TxTooEarly => "tx_too_early",
        Code::TxTooLate => "tx_too_late",
        Code::TxMissingOperation => "tx_missing_operation",
        Code::TxBadSeq => "tx_bad_seq",
        Code::TxBadAuth => "tx_bad_auth",
        Code::TxInsufficientBalance => "tx_insufficient_balance",
        Code::TxNoAccount => "tx_no_source_account",
        Code::TxInsufficientFee => "tx_insufficient_fee",
        Code::TxBadAuthExtra => "tx_bad_auth_extra",
        Code::TxInternalError => "tx_internal_error",
        Code::TxNotSupported => "tx_not_supported",
        Code::TxBadSponsorship => "tx_bad_sponsorship",
        Code::TxBadMinSeqAgeOrGap => "tx_bad_minseq_age_or_gap",
        Code::TxMalformed => "tx_malformed",
        Code::TxSorobanInvalid => "tx_soroban_invalid",
        Code::TxFrozenKeyAccessed => "tx_frozen_key_accessed",
    }
}

impl TransactionOutcome {
    /// What a result that did not decode tells: that there is one.
    #[must_use]
    pub const fn unrecognised() -> Self {
        Self {
            code: TransactionCode::Unrecognised,
            inner: None,
            fee_charged: 0,
            operations: Vec::new(),
        }
    }

    /// Decodes a result.
    #[must_use]
    pub fn of(result: &xdr::TransactionResult) -> Self {
        use xdr::TransactionResultResult as R;
        let outcomes = |list: &xdr::VecM<xdr::OperationResult>| {
            list.iter().map(operation_outcome).collect::<Vec<_>>()
        };
        let (inner, operations) = match &result.result {
            R::TxSuccess(list) | R::TxFailed(list) => (None, outcomes(list)),
            R::TxFeeBumpInnerSuccess(pair) | R::TxFeeBumpInnerFailed(pair) => {
                use xdr::InnerTransactionResultResult as I;
                let operations = match &pair.result.result {
                    I::TxSuccess(list) | I::TxFailed(list) => outcomes(list),
                    _ => Vec::new(),
                };
                let code = pair.result.result.discriminant();
                (Some(TransactionCode::Known(code)), operations)
            }
            _ => (None, Vec::new()),
        };
        Self {
            code: TransactionCode::Known(result.result.discriminant()),
            inner,
            fee_charged: result.fee_charged,
            operations,
        }
    }

    /// The code that says what became of the operations: the inner one of a fee bump that came that far.
    #[must_use]
    pub const fn effective(&self) -> TransactionCode {
        match self.inner {
            Some(inner) => inner,
            None => self.code,
        }
    }

    /// What the effective code means.
    #[must_use]
    pub const fn meaning(&self) -> TransactionMeaning {
        transaction_meaning(self.effective())
    }

    /// What a recorded failure with this result did to the sequence number.
    #[must_use]
    pub const fn sequence_effect(&self) -> SequenceEffect {
        sequence_effect(self.effective())
    }

    /// The first operation that did not succeed, with its index.
    #[must_use]
    pub fn first_failure(&self) -> Option<(usize, OperationOutcome)> {
        self.operations
            .iter()
            .copied()
            .enumerate()
            .find(|(_, outcome)| outcome.meaning != OperationMeaning::Success)
    }

    /// The code to show for it: the first failed operation's, or the transaction's.
    #[must_use]
    pub fn code_name(&self) -> &'static str {
        match self.first_failure() {
            Some((_, outcome)) => outcome.code,
            None => transaction_code_name(self.effective()),
        }
    }
}
