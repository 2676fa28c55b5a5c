//! Which operations the sandbox can do.

use stellar_xdr::OperationBody;

use super::{CONTRACTS, asset};

/// Whether an operation is a contract transaction's.
pub fn is_soroban(body: &OperationBody) -> bool {
    matches!(
        body,
        OperationBody::InvokeHostFunction(_)
            | OperationBody::ExtendFootprintTtl(_)
            | OperationBody::RestoreFootprint(_)
    )
}

/// The name of what it cannot do, if it cannot do it.
pub fn unsupported(body: &OperationBody) -> Option<&'static str> {
    match body {
        OperationBody::CreateAccount(_)
        | OperationBody::Payment(_)
        | OperationBody::PathPaymentStrictReceive(_)
        | OperationBody::PathPaymentStrictSend(_)
        | OperationBody::SetOptions(_)
        | OperationBody::AccountMerge(_)
        | OperationBody::ManageData(_)
        | OperationBody::BumpSequence(_)
        | OperationBody::CreateClaimableBalance(_)
        | OperationBody::ClaimClaimableBalance(_)
        | OperationBody::Clawback(_)
        | OperationBody::ClawbackClaimableBalance(_)
        | OperationBody::SetTrustLineFlags(_) => None,
        OperationBody::ChangeTrust(op) => asset::of_trust(&op.line)
            .is_none()
            .then_some("change_trust of a liquidity pool's share"),
        OperationBody::ManageSellOffer(_) => Some("manage_sell_offer"),
        OperationBody::CreatePassiveSellOffer(_) => Some("create_passive_sell_offer"),
        OperationBody::AllowTrust(_) => Some("allow_trust"),
        OperationBody::Inflation => Some("inflation"),
        OperationBody::ManageBuyOffer(_) => Some("manage_buy_offer"),
        OperationBody::BeginSponsoringFutureReserves(_) => Some("begin_sponsoring_future_reserves"),
        OperationBody::EndSponsoringFutureReserves => Some("end_sponsoring_future_reserves"),
        OperationBody::RevokeSponsorship(_) => Some("revoke_sponsorship"),
        OperationBody::LiquidityPoolDeposit(_) => Some("liquidity_pool_deposit"),
        OperationBody::LiquidityPoolWithdraw(_) => Some("liquidity_pool_withdraw"),
        OperationBody::InvokeHostFunction(_) => (!CONTRACTS).then_some("invoke_host_function"),
        OperationBody::ExtendFootprintTtl(_) => (!CONTRACTS).then_some("extend_footprint_ttl"),
        OperationBody::RestoreFootprint(_) => (!CONTRACTS).then_some("restore_footprint"),
    }
}
