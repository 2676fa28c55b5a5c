//! Horizon's names for the network's result codes.

use serde_json::{Map, Value};
use stellar_xdr::{
    AccountMergeResult, BumpSequenceResult, ChangeTrustResult, ClaimClaimableBalanceResult,
    ClawbackClaimableBalanceResult, ClawbackResult, CreateAccountResult,
    CreateClaimableBalanceResult, ExtendFootprintTtlResult, InnerTransactionResultResult as Inner,
    InvokeHostFunctionResult, ManageDataResult, OperationResult, OperationResultTr as Tr,
    PathPaymentStrictReceiveResult as Receive, PathPaymentStrictSendResult as Send, PaymentResult,
    RestoreFootprintResult, SetOptionsResult, SetTrustLineFlagsResult, TransactionResult,
    TransactionResultResult as Outer,
};

/// The `result_codes` of a problem: the transaction's code, the inner one's in a fee bump, and the operations' if they were reached.
pub fn result_codes(result: &TransactionResult) -> Value {
    let mut codes = Map::new();
    codes.insert("transaction".to_owned(), transaction(&result.result).into());
    let operations = match &result.result {
        Outer::TxFeeBumpInnerSuccess(pair) | Outer::TxFeeBumpInnerFailed(pair) => {
            codes.insert(
                "inner_transaction".to_owned(),
                inner(&pair.result.result).into(),
            );
            match &pair.result.result {
                Inner::TxFailed(list) => Some(list),
                _ => None,
            }
        }
        Outer::TxFailed(list) => Some(list),
        _ => None,
    };
    if let Some(list) = operations {
        codes.insert(
            "operations".to_owned(),
            list.iter().map(operation).collect(),
        );
    }
    codes.into()
}

/// The codes of the inner transaction alone, as they are shown to who asked for the inner hash.
pub fn inner_result_codes(result: &TransactionResult) -> Value {
    let (Outer::TxFeeBumpInnerSuccess(pair) | Outer::TxFeeBumpInnerFailed(pair)) = &result.result
    else {
        return result_codes(result);
    };
    let mut codes = Map::new();
    codes.insert("transaction".to_owned(), inner(&pair.result.result).into());
    if let Inner::TxFailed(list) = &pair.result.result {
        codes.insert(
            "operations".to_owned(),
            list.iter().map(operation).collect(),
        );
    }
    codes.into()
}

/// A transaction's code.
pub fn transaction(result: &Outer) -> &'static str {
    match result {
        Outer::TxFeeBumpInnerSuccess(_) => "tx_fee_bump_inner_success",
        Outer::TxFeeBumpInnerFailed(_) => "tx_fee_bump_inner_failed",
        Outer::TxSuccess(_) => "tx_success",
        Outer::TxFailed(_) => "tx_failed",
        Outer::TxTooEarly => "tx_too_early",
        Outer::TxTooLate => "tx_too_late",
        Outer::TxMissingOperation => "tx_missing_operation",
        Outer::TxBadSeq => "tx_bad_seq",
        Outer::TxBadAuth => "tx_bad_auth",
        Outer::TxInsufficientBalance => "tx_insufficient_balance",
        Outer::TxNoAccount => "tx_no_source_account",
        Outer::TxInsufficientFee => "tx_insufficient_fee",
        Outer::TxBadAuthExtra => "tx_bad_auth_extra",
        Outer::TxInternalError => "tx_internal_error",
        Outer::TxNotSupported => "tx_not_supported",
        Outer::TxBadSponsorship => "tx_bad_sponsorship",
        Outer::TxBadMinSeqAgeOrGap => "tx_bad_minseq_age_or_gap",
        Outer::TxMalformed => "tx_malformed",
        Outer::TxSorobanInvalid => "tx_soroban_invalid",
        Outer::TxFrozenKeyAccessed => "tx_frozen_key_accessed",
    }
}

/// The code of the transaction in a fee bump.
pub fn inner(result: &Inner) -> &'static str {
    match result {
        Inner::TxSuccess(_) => "tx_success",
        Inner::TxFailed(_) => "tx_failed",
        Inner::TxTooEarly => "tx_too_early",
        Inner::TxTooLate => "tx_too_late",
        Inner::TxMissingOperation => "tx_missing_operation",
        Inner::TxBadSeq => "tx_bad_seq",
        Inner::TxBadAuth => "tx_bad_auth",
        Inner::TxInsufficientBalance => "tx_insufficient_balance",
        Inner::TxNoAccount => "tx_no_source_account",
        Inner::TxInsufficientFee => "tx_insufficient_fee",
        Inner::TxBadAuthExtra => "tx_bad_auth_extra",
        Inner::TxInternalError => "tx_internal_error",
        Inner::TxNotSupported => "tx_not_supported",
        Inner::TxBadSponsorship => "tx_bad_sponsorship",
        Inner::TxBadMinSeqAgeOrGap => "tx_bad_minseq_age_or_gap",
        Inner::TxMalformed => "tx_malformed",
        Inner::TxSorobanInvalid => "tx_soroban_invalid",
        Inner::TxFrozenKeyAccessed => "tx_frozen_key_accessed",
    }
}

/// An operation's code.
pub fn operation(result: &OperationResult) -> &'static str {
    match result {
        OperationResult::OpInner(result) => own(result),
        OperationResult::OpBadAuth => "op_bad_auth",
        OperationResult::OpNoAccount => "op_no_source_account",
        OperationResult::OpNotSupported => "op_not_supported",
        OperationResult::OpTooManySubentries => "op_too_many_subentries",
        OperationResult::OpExceededWorkLimit => "op_exceeded_work_limit",
        OperationResult::OpTooManySponsoring => "op_too_many_sponsoring",
    }
}

fn own(result: &Tr) -> &'static str {
    match result {
        Tr::CreateAccount(code) => create_account(code),
        Tr::Payment(code) => payment(code),
        Tr::PathPaymentStrictReceive(code) => receive(code),
        Tr::PathPaymentStrictSend(code) => send(code),
        Tr::SetOptions(code) => set_options(code),
        Tr::ChangeTrust(code) => change_trust(code),
        Tr::AccountMerge(code) => merge(code),
        Tr::ManageData(code) => manage_data(code),
        Tr::BumpSequence(code) => bump_sequence(code),
        Tr::CreateClaimableBalance(code) => create_claimable(code),
        Tr::ClaimClaimableBalance(code) => claim(code),
        Tr::Clawback(code) => clawback(code),
        Tr::ClawbackClaimableBalance(code) => clawback_claimable(code),
        Tr::SetTrustLineFlags(code) => trust_flags(code),
        Tr::ManageSellOffer(_)
        | Tr::CreatePassiveSellOffer(_)
        | Tr::AllowTrust(_)
        | Tr::Inflation(_)
        | Tr::ManageBuyOffer(_)
        | Tr::BeginSponsoringFutureReserves(_)
        | Tr::EndSponsoringFutureReserves(_)
        | Tr::RevokeSponsorship(_)
        | Tr::LiquidityPoolDeposit(_)
        | Tr::LiquidityPoolWithdraw(_) => "op_not_supported",
        Tr::InvokeHostFunction(code) => invoke(code),
        Tr::ExtendFootprintTtl(code) => extend(code),
        Tr::RestoreFootprint(code) => restore(code),
    }
}

/// Contract operations' codes have no `op_` but where they are everybody's.
fn invoke(code: &InvokeHostFunctionResult) -> &'static str {
    match code {
        InvokeHostFunctionResult::Success(_) => "op_success",
        InvokeHostFunctionResult::Malformed => "op_malformed",
        InvokeHostFunctionResult::Trapped => "function_trapped",
        InvokeHostFunctionResult::ResourceLimitExceeded => "resource_limit_exceeded",
        InvokeHostFunctionResult::EntryArchived => "entry_archived",
        InvokeHostFunctionResult::InsufficientRefundableFee => "insufficient_refundable_fee",
    }
}

fn extend(code: &ExtendFootprintTtlResult) -> &'static str {
    match code {
        ExtendFootprintTtlResult::Success => "op_success",
        ExtendFootprintTtlResult::Malformed => "op_malformed",
        ExtendFootprintTtlResult::ResourceLimitExceeded => "resource_limit_exceeded",
        ExtendFootprintTtlResult::InsufficientRefundableFee => "insufficient_refundable_fee",
    }
}

fn restore(code: &RestoreFootprintResult) -> &'static str {
    match code {
        RestoreFootprintResult::Success => "op_success",
        RestoreFootprintResult::Malformed => "op_malformed",
        RestoreFootprintResult::ResourceLimitExceeded => "resource_limit_exceeded",
        RestoreFootprintResult::InsufficientRefundableFee => "insufficient_refundable_fee",
    }
}

fn create_account(code: &CreateAccountResult) -> &'static str {
    match code {
        CreateAccountResult::Success => "op_success",
        CreateAccountResult::Malformed => "op_malformed",
        CreateAccountResult::Underfunded => "op_underfunded",
        CreateAccountResult::LowReserve => "op_low_reserve",
        CreateAccountResult::AlreadyExist => "op_already_exists",
    }
}

fn payment(code: &PaymentResult) -> &'static str {
    match code {
        PaymentResult::Success => "op_success",
        PaymentResult::Malformed => "op_malformed",
        PaymentResult::Underfunded => "op_underfunded",
        PaymentResult::SrcNoTrust => "op_src_no_trust",
        PaymentResult::SrcNotAuthorized => "op_src_not_authorized",
        PaymentResult::NoDestination => "op_no_destination",
        PaymentResult::NoTrust => "op_no_trust",
        PaymentResult::NotAuthorized => "op_not_authorized",
        PaymentResult::LineFull => "op_line_full",
        PaymentResult::NoIssuer => "op_no_issuer",
    }
}

fn receive(code: &Receive) -> &'static str {
    match code {
        Receive::Success(_) => "op_success",
        Receive::Malformed => "op_malformed",
        Receive::Underfunded => "op_underfunded",
        Receive::SrcNoTrust => "op_src_no_trust",
        Receive::SrcNotAuthorized => "op_src_not_authorized",
        Receive::NoDestination => "op_no_destination",
        Receive::NoTrust => "op_no_trust",
        Receive::NotAuthorized => "op_not_authorized",
        Receive::LineFull => "op_line_full",
        Receive::NoIssuer(_) => "op_no_issuer",
        Receive::TooFewOffers => "op_too_few_offers",
        Receive::OfferCrossSelf => "op_cross_self",
        Receive::OverSendmax => "op_over_source_max",
    }
}

fn send(code: &Send) -> &'static str {
    match code {
        Send::Success(_) => "op_success",
        Send::Malformed => "op_malformed",
        Send::Underfunded => "op_underfunded",
        Send::SrcNoTrust => "op_src_no_trust",
        Send::SrcNotAuthorized => "op_src_not_authorized",
        Send::NoDestination => "op_no_destination",
        Send::NoTrust => "op_no_trust",
        Send::NotAuthorized => "op_not_authorized",
        Send::LineFull => "op_line_full",
        Send::NoIssuer(_) => "op_no_issuer",
        Send::TooFewOffers => "op_too_few_offers",
        Send::OfferCrossSelf => "op_cross_self",
        Send::UnderDestmin => "op_under_dest_min",
    }
}

fn set_options(code: &SetOptionsResult) -> &'static str {
    match code {
        SetOptionsResult::Success => "op_success",
        SetOptionsResult::LowReserve => "op_low_reserve",
        SetOptionsResult::TooManySigners => "op_too_many_signers",
        SetOptionsResult::BadFlags => "op_bad_flags",
        SetOptionsResult::InvalidInflation => "op_invalid_inflation",
        SetOptionsResult::CantChange => "op_cant_change",
        SetOptionsResult::UnknownFlag => "op_unknown_flag",
        SetOptionsResult::ThresholdOutOfRange => "op_threshold_out_of_range",
        SetOptionsResult::BadSigner => "op_bad_signer",
        SetOptionsResult::InvalidHomeDomain => "op_invalid_home_domain",
        SetOptionsResult::AuthRevocableRequired => "op_auth_revocable_required",
    }
}

fn change_trust(code: &ChangeTrustResult) -> &'static str {
    match code {
        ChangeTrustResult::Success => "op_success",
        ChangeTrustResult::Malformed => "op_malformed",
        ChangeTrustResult::NoIssuer => "op_no_issuer",
        ChangeTrustResult::InvalidLimit => "op_invalid_limit",
        ChangeTrustResult::LowReserve => "op_low_reserve",
        ChangeTrustResult::SelfNotAllowed => "op_self_not_allowed",
        ChangeTrustResult::TrustLineMissing => "op_trust_line_missing",
        ChangeTrustResult::CannotDelete => "op_cannot_delete",
        ChangeTrustResult::NotAuthMaintainLiabilities => "op_not_aut_maintain_liabilities",
    }
}

fn merge(code: &AccountMergeResult) -> &'static str {
    match code {
        AccountMergeResult::Success(_) => "op_success",
        AccountMergeResult::Malformed => "op_malformed",
        AccountMergeResult::NoAccount => "op_no_account",
        AccountMergeResult::ImmutableSet => "op_immutable_set",
        AccountMergeResult::HasSubEntries => "op_has_sub_entries",
        AccountMergeResult::SeqnumTooFar => "op_seq_num_too_far",
        AccountMergeResult::DestFull => "op_dest_full",
        AccountMergeResult::IsSponsor => "op_is_sponsor",
    }
}

fn manage_data(code: &ManageDataResult) -> &'static str {
    match code {
        ManageDataResult::Success => "op_success",
        ManageDataResult::NotSupportedYet => "op_not_supported_yet",
        ManageDataResult::NameNotFound => "op_data_name_not_found",
        ManageDataResult::LowReserve => "op_low_reserve",
        ManageDataResult::InvalidName => "op_data_invalid_name",
    }
}

fn bump_sequence(code: &BumpSequenceResult) -> &'static str {
    match code {
        BumpSequenceResult::Success => "op_success",
        BumpSequenceResult::BadSeq => "op_bad_seq",
    }
}

fn create_claimable(code: &CreateClaimableBalanceResult) -> &'static str {
    match code {
        CreateClaimableBalanceResult::Success(_) => "op_success",
        CreateClaimableBalanceResult::Malformed => "op_malformed",
        CreateClaimableBalanceResult::LowReserve => "op_low_reserve",
        CreateClaimableBalanceResult::NoTrust => "op_no_trust",
        CreateClaimableBalanceResult::NotAuthorized => "op_not_authorized",
        CreateClaimableBalanceResult::Underfunded => "op_underfunded",
    }
}

fn claim(code: &ClaimClaimableBalanceResult) -> &'static str {
    match code {
        ClaimClaimableBalanceResult::Success => "op_success",
        ClaimClaimableBalanceResult::DoesNotExist => "op_does_not_exist",
        ClaimClaimableBalanceResult::CannotClaim => "op_cannot_claim",
        ClaimClaimableBalanceResult::LineFull => "op_line_full",
        ClaimClaimableBalanceResult::NoTrust => "op_no_trust",
        ClaimClaimableBalanceResult::NotAuthorized => "op_not_authorized",
        ClaimClaimableBalanceResult::TrustlineFrozen => "op_trustline_frozen",
    }
}

fn clawback(code: &ClawbackResult) -> &'static str {
    match code {
        ClawbackResult::Success => "op_success",
        ClawbackResult::Malformed => "op_malformed",
        ClawbackResult::NotClawbackEnabled => "op_not_clawback_enabled",
        ClawbackResult::NoTrust => "op_no_trust",
        ClawbackResult::Underfunded => "op_underfunded",
    }
}

fn clawback_claimable(code: &ClawbackClaimableBalanceResult) -> &'static str {
    match code {
        ClawbackClaimableBalanceResult::Success => "op_success",
        ClawbackClaimableBalanceResult::DoesNotExist => "op_does_not_exist",
        ClawbackClaimableBalanceResult::NotIssuer => "op_no_issuer",
        ClawbackClaimableBalanceResult::NotClawbackEnabled => "op_not_clawback_enabled",
    }
}

fn trust_flags(code: &SetTrustLineFlagsResult) -> &'static str {
    match code {
        SetTrustLineFlagsResult::Success => "op_success",
        SetTrustLineFlagsResult::Malformed => "op_malformed",
        SetTrustLineFlagsResult::NoTrustLine => "op_no_trust",
        SetTrustLineFlagsResult::CantRevoke => "op_cant_revoke",
        SetTrustLineFlagsResult::InvalidState => "op_invalid_state",
        SetTrustLineFlagsResult::LowReserve => "op_low_reserve",
    }
}
