//! Every operation's result code: its name as Horizon spells it, and what it means for the intent.
//!
//! The matches are exhaustive over the XDR enums: a protocol that adds a code must be looked at before this builds.

use stellar_xdr as xdr;

use super::OperationMeaning::{self, Contract, Market, Permanent, State, Success};
use super::OperationOutcome;

const fn of(code: &'static str, meaning: OperationMeaning) -> OperationOutcome {
    OperationOutcome { code, meaning }
}

/// What one operation's result says.
#[must_use]
pub fn operation_outcome(result: &xdr::OperationResult) -> OperationOutcome {
    match result {
        xdr::OperationResult::OpInner(inner) => inner_outcome(inner),
        xdr::OperationResult::OpBadAuth => of("op_bad_auth", State),
        xdr::OperationResult::OpNoAccount => of("op_no_source_account", State),
        xdr::OperationResult::OpNotSupported => of("op_not_supported", Permanent),
        xdr::OperationResult::OpTooManySubentries => of("op_too_many_subentries", State),
        xdr::OperationResult::OpExceededWorkLimit => of("op_exceeded_work_limit", Market),
        xdr::OperationResult::OpTooManySponsoring => of("op_too_many_sponsoring", State),
    }
}

fn inner_outcome(result: &xdr::OperationResultTr) -> OperationOutcome {
    use xdr::OperationResultTr as Tr;
    match result {
        Tr::CreateAccount(inner) => create_account(inner),
        Tr::Payment(inner) => payment(inner),
        Tr::PathPaymentStrictReceive(inner) => path_payment_strict_receive(inner),
        Tr::ManageSellOffer(inner) => manage_sell_offer(inner),
        Tr::CreatePassiveSellOffer(inner) => manage_sell_offer(inner),
        Tr::SetOptions(inner) => set_options(inner),
        Tr::ChangeTrust(inner) => change_trust(inner),
        Tr::AllowTrust(inner) => allow_trust(inner),
        Tr::AccountMerge(inner) => account_merge(inner),
        Tr::Inflation(inner) => inflation(inner),
        Tr::ManageData(inner) => manage_data(inner),
        Tr::BumpSequence(inner) => bump_sequence(inner),
        Tr::ManageBuyOffer(inner) => manage_buy_offer(inner),
        Tr::PathPaymentStrictSend(inner) => path_payment_strict_send(inner),
        Tr::CreateClaimableBalance(inner) => create_claimable_balance(inner),
        Tr::ClaimClaimableBalance(inner) => claim_claimable_balance(inner),
        Tr::BeginSponsoringFutureReserves(inner) => begin_sponsoring_future_reserves(inner),
        Tr::EndSponsoringFutureReserves(inner) => end_sponsoring_future_reserves(inner),
        Tr::RevokeSponsorship(inner) => revoke_sponsorship(inner),
        Tr::Clawback(inner) => clawback(inner),
        Tr::ClawbackClaimableBalance(inner) => clawback_claimable_balance(inner),
        Tr::SetTrustLineFlags(inner) => set_trust_line_flags(inner),
        Tr::LiquidityPoolDeposit(inner) => liquidity_pool_deposit(inner),
        Tr::LiquidityPoolWithdraw(inner) => liquidity_pool_withdraw(inner),
        Tr::InvokeHostFunction(inner) => invoke_host_function(inner),
        Tr::ExtendFootprintTtl(inner) => extend_footprint_ttl(inner),
        Tr::RestoreFootprint(inner) => restore_footprint(inner),
    }
}

fn create_account(result: &xdr::CreateAccountResult) -> OperationOutcome {
    use xdr::CreateAccountResult;
    match result {
        CreateAccountResult::Success => of("op_success", Success),
        CreateAccountResult::Malformed => of("op_malformed", Permanent),
        CreateAccountResult::Underfunded => of("op_underfunded", State),
        CreateAccountResult::LowReserve => of("op_low_reserve", State),
        CreateAccountResult::AlreadyExist => of("op_already_exists", Permanent),
    }
}

fn payment(result: &xdr::PaymentResult) -> OperationOutcome {
    use xdr::PaymentResult;
    match result {
        PaymentResult::Success => of("op_success", Success),
        PaymentResult::Malformed => of("op_malformed", Permanent),
        PaymentResult::Underfunded => of("op_underfunded", State),
        PaymentResult::SrcNoTrust => of("op_src_no_trust", State),
        PaymentResult::SrcNotAuthorized => of("op_src_not_authorized", State),
        PaymentResult::NoDestination => of("op_no_destination", State),
        PaymentResult::NoTrust => of("op_no_trust", State),
        PaymentResult::NotAuthorized => of("op_not_authorized", State),
        PaymentResult::LineFull => of("op_line_full", State),
        PaymentResult::NoIssuer => of("op_no_issuer", State),
    }
}

fn path_payment_strict_receive(result: &xdr::PathPaymentStrictReceiveResult) -> OperationOutcome {
    use xdr::PathPaymentStrictReceiveResult;
    match result {
        PathPaymentStrictReceiveResult::Success(_) => of("op_success", Success),
        PathPaymentStrictReceiveResult::Malformed => of("op_malformed", Permanent),
        PathPaymentStrictReceiveResult::Underfunded => of("op_underfunded", State),
        PathPaymentStrictReceiveResult::SrcNoTrust => of("op_src_no_trust", State),
        PathPaymentStrictReceiveResult::SrcNotAuthorized => of("op_src_not_authorized", State),
        PathPaymentStrictReceiveResult::NoDestination => of("op_no_destination", State),
        PathPaymentStrictReceiveResult::NoTrust => of("op_no_trust", State),
        PathPaymentStrictReceiveResult::NotAuthorized => of("op_not_authorized", State),
        PathPaymentStrictReceiveResult::LineFull => of("op_line_full", State),
        PathPaymentStrictReceiveResult::NoIssuer(_) => of("op_no_issuer", State),
        PathPaymentStrictReceiveResult::TooFewOffers => of("op_too_few_offers", Market),
        PathPaymentStrictReceiveResult::OfferCrossSelf => of("op_cross_self", Market),
        PathPaymentStrictReceiveResult::OverSendmax => of("op_over_source_max", Market),
    }
}

fn manage_sell_offer(result: &xdr::ManageSellOfferResult) -> OperationOutcome {
    use xdr::ManageSellOfferResult;
    match result {
        ManageSellOfferResult::Success(_) => of("op_success", Success),
        ManageSellOfferResult::Malformed => of("op_malformed", Permanent),
        ManageSellOfferResult::SellNoTrust => of("op_sell_no_trust", State),
        ManageSellOfferResult::BuyNoTrust => of("op_buy_no_trust", State),
        ManageSellOfferResult::SellNotAuthorized => of("op_sell_not_authorized", State),
        ManageSellOfferResult::BuyNotAuthorized => of("op_buy_not_authorized", State),
        ManageSellOfferResult::LineFull => of("op_line_full", State),
        ManageSellOfferResult::Underfunded => of("op_underfunded", State),
        ManageSellOfferResult::CrossSelf => of("op_cross_self", Market),
        ManageSellOfferResult::SellNoIssuer => of("op_sell_no_issuer", State),
        ManageSellOfferResult::BuyNoIssuer => of("op_buy_no_issuer", State),
        ManageSellOfferResult::NotFound => of("op_offer_not_found", Permanent),
        ManageSellOfferResult::LowReserve => of("op_low_reserve", State),
    }
}

fn set_options(result: &xdr::SetOptionsResult) -> OperationOutcome {
    use xdr::SetOptionsResult;
    match result {
        SetOptionsResult::Success => of("op_success", Success),
        SetOptionsResult::LowReserve => of("op_low_reserve", State),
        SetOptionsResult::TooManySigners => of("op_too_many_signers", Permanent),
        SetOptionsResult::BadFlags => of("op_bad_flags", Permanent),
        SetOptionsResult::InvalidInflation => of("op_invalid_inflation", Permanent),
        SetOptionsResult::CantChange => of("op_cant_change", Permanent),
        SetOptionsResult::UnknownFlag => of("op_unknown_flag", Permanent),
        SetOptionsResult::ThresholdOutOfRange => of("op_threshold_out_of_range", Permanent),
        SetOptionsResult::BadSigner => of("op_bad_signer", Permanent),
        SetOptionsResult::InvalidHomeDomain => of("op_invalid_home_domain", Permanent),
        SetOptionsResult::AuthRevocableRequired => of("op_auth_revocable_required", Permanent),
    }
}

fn change_trust(result: &xdr::ChangeTrustResult) -> OperationOutcome {
    use xdr::ChangeTrustResult;
    match result {
        ChangeTrustResult::Success => of("op_success", Success),
        ChangeTrustResult::Malformed => of("op_malformed", Permanent),
        ChangeTrustResult::NoIssuer => of("op_no_issuer", State),
        ChangeTrustResult::InvalidLimit => of("op_invalid_limit", State),
        ChangeTrustResult::LowReserve => of("op_low_reserve", State),
        ChangeTrustResult::SelfNotAllowed => of("op_self_not_allowed", Permanent),
        ChangeTrustResult::TrustLineMissing => of("op_trust_line_missing", State),
        ChangeTrustResult::CannotDelete => of("op_cannot_delete", State),
        ChangeTrustResult::NotAuthMaintainLiabilities => {
            of("op_not_auth_maintain_liabilities", State)
        }
    }
}

fn allow_trust(result: &xdr::AllowTrustResult) -> OperationOutcome {
    use xdr::AllowTrustResult;
    match result {
        AllowTrustResult::Success => of("op_success", Success),
        AllowTrustResult::Malformed => of("op_malformed", Permanent),
        AllowTrustResult::NoTrustLine => of("op_no_trust_line", State),
        AllowTrustResult::TrustNotRequired => of("op_trust_not_required", Permanent),
        AllowTrustResult::CantRevoke => of("op_cant_revoke", State),
        AllowTrustResult::SelfNotAllowed => of("op_self_not_allowed", Permanent),
        AllowTrustResult::LowReserve => of("op_low_reserve", State),
    }
}

fn account_merge(result: &xdr::AccountMergeResult) -> OperationOutcome {
    use xdr::AccountMergeResult;
    match result {
        AccountMergeResult::Success(_) => of("op_success", Success),
        AccountMergeResult::Malformed => of("op_malformed", Permanent),
        AccountMergeResult::NoAccount => of("op_no_account", Permanent),
        AccountMergeResult::ImmutableSet => of("op_immutable_set", Permanent),
        AccountMergeResult::HasSubEntries => of("op_has_sub_entries", Permanent),
        AccountMergeResult::SeqnumTooFar => of("op_seq_num_too_far", Permanent),
        AccountMergeResult::DestFull => of("op_dest_full", State),
        AccountMergeResult::IsSponsor => of("op_is_sponsor", Permanent),
    }
}

fn inflation(result: &xdr::InflationResult) -> OperationOutcome {
    use xdr::InflationResult;
    match result {
        InflationResult::Success(_) => of("op_success", Success),
        InflationResult::NotTime => of("op_not_time", Permanent),
    }
}

fn manage_data(result: &xdr::ManageDataResult) -> OperationOutcome {
    use xdr::ManageDataResult;
    match result {
        ManageDataResult::Success => of("op_success", Success),
        ManageDataResult::NotSupportedYet => of("op_not_supported_yet", Permanent),
        ManageDataResult::NameNotFound => of("op_data_name_not_found", Permanent),
        ManageDataResult::LowReserve => of("op_low_reserve", State),
        ManageDataResult::InvalidName => of("op_data_invalid_name", Permanent),
    }
}

fn bump_sequence(result: &xdr::BumpSequenceResult) -> OperationOutcome {
    use xdr::BumpSequenceResult;
    match result {
        BumpSequenceResult::Success => of("op_success", Success),
        BumpSequenceResult::BadSeq => of("op_bad_seq", Permanent),
    }
}

fn manage_buy_offer(result: &xdr::ManageBuyOfferResult) -> OperationOutcome {
    use xdr::ManageBuyOfferResult;
    match result {
        ManageBuyOfferResult::Success(_) => of("op_success", Success),
        ManageBuyOfferResult::Malformed => of("op_malformed", Permanent),
        ManageBuyOfferResult::SellNoTrust => of("op_sell_no_trust", State),
        ManageBuyOfferResult::BuyNoTrust => of("op_buy_no_trust", State),
        ManageBuyOfferResult::SellNotAuthorized => of("op_sell_not_authorized", State),
        ManageBuyOfferResult::BuyNotAuthorized => of("op_buy_not_authorized", State),
        ManageBuyOfferResult::LineFull => of("op_line_full", State),
        ManageBuyOfferResult::Underfunded => of("op_underfunded", State),
        ManageBuyOfferResult::CrossSelf => of("op_cross_self", Market),
        ManageBuyOfferResult::SellNoIssuer => of("op_sell_no_issuer", State),
        ManageBuyOfferResult::BuyNoIssuer => of("op_buy_no_issuer", State),
        ManageBuyOfferResult::NotFound => of("op_offer_not_found", Permanent),
        ManageBuyOfferResult::LowReserve => of("op_low_reserve", State),
    }
}

fn path_payment_strict_send(result: &xdr::PathPaymentStrictSendResult) -> OperationOutcome {
    use xdr::PathPaymentStrictSendResult;
    match result {
        PathPaymentStrictSendResult::Success(_) => of("op_success", Success),
        PathPaymentStrictSendResult::Malformed => of("op_malformed", Permanent),
        PathPaymentStrictSendResult::Underfunded => of("op_underfunded", State),
        PathPaymentStrictSendResult::SrcNoTrust => of("op_src_no_trust", State),
        PathPaymentStrictSendResult::SrcNotAuthorized => of("op_src_not_authorized", State),
        PathPaymentStrictSendResult::NoDestination => of("op_no_destination", State),
        PathPaymentStrictSendResult::NoTrust => of("op_no_trust", State),
        PathPaymentStrictSendResult::NotAuthorized => of("op_not_authorized", State),
        PathPaymentStrictSendResult::LineFull => of("op_line_full", State),
        PathPaymentStrictSendResult::NoIssuer(_) => of("op_no_issuer", State),
        PathPaymentStrictSendResult::TooFewOffers => of("op_too_few_offers", Market),
        PathPaymentStrictSendResult::OfferCrossSelf => of("op_cross_self", Market),
        PathPaymentStrictSendResult::UnderDestmin => of("op_under_dest_min", Market),
    }
}

fn create_claimable_balance(result: &xdr::CreateClaimableBalanceResult) -> OperationOutcome {
    use xdr::CreateClaimableBalanceResult;
    match result {
        CreateClaimableBalanceResult::Success(_) => of("op_success", Success),
        CreateClaimableBalanceResult::Malformed => of("op_malformed", Permanent),
        CreateClaimableBalanceResult::LowReserve => of("op_low_reserve", State),
        CreateClaimableBalanceResult::NoTrust => of("op_no_trust", State),
        CreateClaimableBalanceResult::NotAuthorized => of("op_not_authorized", State),
        CreateClaimableBalanceResult::Underfunded => of("op_underfunded", State),
    }
}

fn claim_claimable_balance(result: &xdr::ClaimClaimableBalanceResult) -> OperationOutcome {
    use xdr::ClaimClaimableBalanceResult;
    match result {
        ClaimClaimableBalanceResult::Success => of("op_success", Success),
        ClaimClaimableBalanceResult::DoesNotExist => of("op_does_not_exist", Permanent),
        ClaimClaimableBalanceResult::CannotClaim => of("op_cannot_claim", State),
        ClaimClaimableBalanceResult::LineFull => of("op_line_full", State),
        ClaimClaimableBalanceResult::NoTrust => of("op_no_trust", State),
        ClaimClaimableBalanceResult::NotAuthorized => of("op_not_authorized", State),
        ClaimClaimableBalanceResult::TrustlineFrozen => of("op_trustline_frozen", State),
    }
}

fn begin_sponsoring_future_reserves(
    result: &xdr::BeginSponsoringFutureReservesResult,
) -> OperationOutcome {
    use xdr::BeginSponsoringFutureReservesResult;
    match result {
        BeginSponsoringFutureReservesResult::Success => of("op_success", Success),
        BeginSponsoringFutureReservesResult::Malformed => of("op_malformed", Permanent),
        BeginSponsoringFutureReservesResult::AlreadySponsored => {
            of("op_already_sponsored", Permanent)
        }
        BeginSponsoringFutureReservesResult::Recursive => of("op_recursive", Permanent),
    }
}

fn end_sponsoring_future_reserves(
    result: &xdr::EndSponsoringFutureReservesResult,
) -> OperationOutcome {
    use xdr::EndSponsoringFutureReservesResult;
    match result {
        EndSponsoringFutureReservesResult::Success => of("op_success", Success),
        EndSponsoringFutureReservesResult::NotSponsored => of("op_not_sponsored", Permanent),
    }
}

fn revoke_sponsorship(result: &xdr::RevokeSponsorshipResult) -> OperationOutcome {
    use xdr::RevokeSponsorshipResult;
    match result {
        RevokeSponsorshipResult::Success => of("op_success", Success),
        RevokeSponsorshipResult::DoesNotExist => of("op_does_not_exist", Permanent),
        RevokeSponsorshipResult::NotSponsor => of("op_not_sponsor", Permanent),
        RevokeSponsorshipResult::LowReserve => of("op_low_reserve", State),
        RevokeSponsorshipResult::OnlyTransferable => of("op_only_transferable", Permanent),
        RevokeSponsorshipResult::Malformed => of("op_malformed", Permanent),
    }
}

fn clawback(result: &xdr::ClawbackResult) -> OperationOutcome {
    use xdr::ClawbackResult;
    match result {
        ClawbackResult::Success => of("op_success", Success),
        ClawbackResult::Malformed => of("op_malformed", Permanent),
        ClawbackResult::NotClawbackEnabled => of("op_not_clawback_enabled", State),
        ClawbackResult::NoTrust => of("op_no_trust", State),
        ClawbackResult::Underfunded => of("op_underfunded", State),
    }
}

fn clawback_claimable_balance(result: &xdr::ClawbackClaimableBalanceResult) -> OperationOutcome {
    use xdr::ClawbackClaimableBalanceResult;
    match result {
        ClawbackClaimableBalanceResult::Success => of("op_success", Success),
        ClawbackClaimableBalanceResult::DoesNotExist => of("op_does_not_exist", Permanent),
        ClawbackClaimableBalanceResult::NotIssuer => of("op_not_issuer", Permanent),
        ClawbackClaimableBalanceResult::NotClawbackEnabled => of("op_not_clawback_enabled", State),
    }
}

fn set_trust_line_flags(result: &xdr::SetTrustLineFlagsResult) -> OperationOutcome {
    use xdr::SetTrustLineFlagsResult;
    match result {
        SetTrustLineFlagsResult::Success => of("op_success", Success),
        SetTrustLineFlagsResult::Malformed => of("op_malformed", Permanent),
        SetTrustLineFlagsResult::NoTrustLine => of("op_no_trust_line", State),
        SetTrustLineFlagsResult::CantRevoke => of("op_cant_revoke", State),
        SetTrustLineFlagsResult::InvalidState => of("op_invalid_state", Permanent),
        SetTrustLineFlagsResult::LowReserve => of("op_low_reserve", State),
    }
}

fn liquidity_pool_deposit(result: &xdr::LiquidityPoolDepositResult) -> OperationOutcome {
    use xdr::LiquidityPoolDepositResult;
    match result {
        LiquidityPoolDepositResult::Success => of("op_success", Success),
        LiquidityPoolDepositResult::Malformed => of("op_malformed", Permanent),
        LiquidityPoolDepositResult::NoTrust => of("op_no_trust", State),
        LiquidityPoolDepositResult::NotAuthorized => of("op_not_authorized", State),
        LiquidityPoolDepositResult::Underfunded => of("op_underfunded", State),
        LiquidityPoolDepositResult::LineFull => of("op_line_full", State),
        LiquidityPoolDepositResult::BadPrice => of("op_bad_price", Market),
        LiquidityPoolDepositResult::PoolFull => of("op_pool_full", State),
        LiquidityPoolDepositResult::TrustlineFrozen => of("op_trustline_frozen", State),
    }
}

fn liquidity_pool_withdraw(result: &xdr::LiquidityPoolWithdrawResult) -> OperationOutcome {
    use xdr::LiquidityPoolWithdrawResult;
    match result {
        LiquidityPoolWithdrawResult::Success => of("op_success", Success),
        LiquidityPoolWithdrawResult::Malformed => of("op_malformed", Permanent),
        LiquidityPoolWithdrawResult::NoTrust => of("op_no_trust", State),
        LiquidityPoolWithdrawResult::Underfunded => of("op_underfunded", State),
        LiquidityPoolWithdrawResult::LineFull => of("op_line_full", State),
        LiquidityPoolWithdrawResult::UnderMinimum => of("op_under_minimum", Market),
        LiquidityPoolWithdrawResult::TrustlineFrozen => of("op_trustline_frozen", State),
    }
}

fn invoke_host_function(result: &xdr::InvokeHostFunctionResult) -> OperationOutcome {
    use xdr::InvokeHostFunctionResult;
    match result {
        InvokeHostFunctionResult::Success(_) => of("op_success", Success),
        InvokeHostFunctionResult::Malformed => of("op_malformed", Permanent),
        InvokeHostFunctionResult::Trapped => of("op_function_trapped", Contract),
        InvokeHostFunctionResult::ResourceLimitExceeded => {
            of("op_resource_limit_exceeded", Contract)
        }
        InvokeHostFunctionResult::EntryArchived => of("op_entry_archived", Contract),
        InvokeHostFunctionResult::InsufficientRefundableFee => {
            of("op_insufficient_refundable_fee", Contract)
        }
    }
}

fn extend_footprint_ttl(result: &xdr::ExtendFootprintTtlResult) -> OperationOutcome {
    use xdr::ExtendFootprintTtlResult;
    match result {
        ExtendFootprintTtlResult::Success => of("op_success", Success),
        ExtendFootprintTtlResult::Malformed => of("op_malformed", Permanent),
        ExtendFootprintTtlResult::ResourceLimitExceeded => {
            of("op_resource_limit_exceeded", Contract)
        }
        ExtendFootprintTtlResult::InsufficientRefundableFee => {
            of("op_insufficient_refundable_fee", Contract)
        }
    }
}

fn restore_footprint(result: &xdr::RestoreFootprintResult) -> OperationOutcome {
    use xdr::RestoreFootprintResult;
    match result {
        RestoreFootprintResult::Success => of("op_success", Success),
        RestoreFootprintResult::Malformed => of("op_malformed", Permanent),
        RestoreFootprintResult::ResourceLimitExceeded => of("op_resource_limit_exceeded", Contract),
        RestoreFootprintResult::InsufficientRefundableFee => {
            of("op_insufficient_refundable_fee", Contract)
        }
    }
}
