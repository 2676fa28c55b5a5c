//! Operations: what makes each malformed, and what each does to the ledger.
//!
//! Every check and its order follow stellar-core at protocol 24, because the order decides which code a failure gets.

mod bump_sequence;
mod change_trust;
pub mod claimable_balance;
mod clawback;
pub mod create_account;
mod manage_data;
mod merge;
mod payment;
mod set_options;
mod trust_flags;

use std::collections::BTreeSet;

use stellar_xdr::{
    AccountMergeResult, BumpSequenceResult, ChangeTrustResult, ClaimClaimableBalanceResult,
    ClawbackClaimableBalanceResult, ClawbackResult, CreateAccountResult,
    CreateClaimableBalanceResult, ExtendFootprintTtlResult, InvokeHostFunctionResult,
    ManageDataResult, Operation, OperationBody, OperationResult, OperationResultTr,
    PathPaymentStrictReceiveResult, PathPaymentStrictSendResult, PaymentResult,
    RestoreFootprintResult, SetOptionsResult, SetTrustLineFlagsResult,
};

use super::account::AccountKey;
use super::state::State;

/// Which signatures an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Index of the low threshold.
    Low = 1,
    /// Index of the medium threshold.
    Medium = 2,
    /// Index of the high threshold.
    High = 3,
}

/// Why an operation failed.
#[derive(Debug)]
pub enum Failure<R> {
    /// With a code of the operation's own.
    Own(R),
    /// The account has 1000 subentries.
    TooManySubentries,
    /// The account sponsors too much.
    TooManySponsoring,
}

impl<R> From<R> for Failure<R> {
    fn from(result: R) -> Self {
        Self::Own(result)
    }
}

impl<R> Failure<R> {
    fn into_result(self, wrap: impl FnOnce(R) -> OperationResultTr) -> OperationResult {
        match self {
            Self::Own(result) => OperationResult::OpInner(wrap(result)),
            Self::TooManySubentries => OperationResult::OpTooManySubentries,
            Self::TooManySponsoring => OperationResult::OpTooManySponsoring,
        }
    }
}

/// Where an operation stands in its transaction.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The account that acts.
    pub source: AccountKey,
    /// The transaction's source account.
    pub tx_source: AccountKey,
    /// The transaction's sequence number.
    pub sequence: i64,
    /// The operation's number in the transaction, from 0.
    pub index: u32,
}

/// The signatures that an operation needs.
pub fn threshold(body: &OperationBody) -> Threshold {
    match body {
        OperationBody::SetOptions(op) => set_options::threshold(op),
        OperationBody::AccountMerge(_) => Threshold::High,
        OperationBody::BumpSequence(_)
        | OperationBody::ClaimClaimableBalance(_)
        | OperationBody::SetTrustLineFlags(_)
        | OperationBody::AllowTrust(_)
        | OperationBody::Inflation
        | OperationBody::ExtendFootprintTtl(_)
        | OperationBody::RestoreFootprint(_) => Threshold::Low,
        OperationBody::CreateAccount(_)
        | OperationBody::Payment(_)
        | OperationBody::PathPaymentStrictReceive(_)
        | OperationBody::ManageSellOffer(_)
        | OperationBody::CreatePassiveSellOffer(_)
        | OperationBody::ChangeTrust(_)
        | OperationBody::ManageData(_)
        | OperationBody::ManageBuyOffer(_)
        | OperationBody::PathPaymentStrictSend(_)
        | OperationBody::CreateClaimableBalance(_)
        | OperationBody::BeginSponsoringFutureReserves(_)
        | OperationBody::EndSponsoringFutureReserves
        | OperationBody::RevokeSponsorship(_)
        | OperationBody::Clawback(_)
        | OperationBody::ClawbackClaimableBalance(_)
        | OperationBody::LiquidityPoolDeposit(_)
        | OperationBody::LiquidityPoolWithdraw(_)
        | OperationBody::InvokeHostFunction(_) => Threshold::Medium,
    }
}

/// The result that stands in the list until the operation's own replaces it.
pub fn untouched(body: &OperationBody) -> OperationResult {
    let result = match body {
        OperationBody::CreateAccount(_) => {
            OperationResultTr::CreateAccount(CreateAccountResult::default())
        }
        OperationBody::Payment(_) => OperationResultTr::Payment(PaymentResult::default()),
        OperationBody::PathPaymentStrictReceive(_) => {
            OperationResultTr::PathPaymentStrictReceive(PathPaymentStrictReceiveResult::default())
        }
        OperationBody::PathPaymentStrictSend(_) => {
            OperationResultTr::PathPaymentStrictSend(PathPaymentStrictSendResult::default())
        }
        OperationBody::SetOptions(_) => OperationResultTr::SetOptions(SetOptionsResult::default()),
        OperationBody::ChangeTrust(_) => {
            OperationResultTr::ChangeTrust(ChangeTrustResult::default())
        }
        OperationBody::AccountMerge(_) => {
            OperationResultTr::AccountMerge(AccountMergeResult::default())
        }
        OperationBody::ManageData(_) => OperationResultTr::ManageData(ManageDataResult::default()),
        OperationBody::BumpSequence(_) => {
            OperationResultTr::BumpSequence(BumpSequenceResult::default())
        }
        OperationBody::CreateClaimableBalance(_) => {
            OperationResultTr::CreateClaimableBalance(CreateClaimableBalanceResult::default())
        }
        OperationBody::ClaimClaimableBalance(_) => {
            OperationResultTr::ClaimClaimableBalance(ClaimClaimableBalanceResult::default())
        }
        OperationBody::Clawback(_) => OperationResultTr::Clawback(ClawbackResult::default()),
        OperationBody::ClawbackClaimableBalance(_) => {
            OperationResultTr::ClawbackClaimableBalance(ClawbackClaimableBalanceResult::default())
        }
        OperationBody::SetTrustLineFlags(_) => {
            OperationResultTr::SetTrustLineFlags(SetTrustLineFlagsResult::default())
        }
        OperationBody::InvokeHostFunction(_) => {
            OperationResultTr::InvokeHostFunction(InvokeHostFunctionResult::default())
        }
        OperationBody::ExtendFootprintTtl(_) => {
            OperationResultTr::ExtendFootprintTtl(ExtendFootprintTtlResult::default())
        }
        OperationBody::RestoreFootprint(_) => {
            OperationResultTr::RestoreFootprint(RestoreFootprintResult::default())
        }
        OperationBody::ManageSellOffer(_)
        | OperationBody::CreatePassiveSellOffer(_)
        | OperationBody::AllowTrust(_)
        | OperationBody::Inflation
        | OperationBody::ManageBuyOffer(_)
        | OperationBody::BeginSponsoringFutureReserves(_)
        | OperationBody::EndSponsoringFutureReserves
        | OperationBody::RevokeSponsorship(_)
        | OperationBody::LiquidityPoolDeposit(_)
        | OperationBody::LiquidityPoolWithdraw(_) => return OperationResult::OpNotSupported,
    };
    OperationResult::OpInner(result)
}

/// What can be said of an operation without the ledger; an error is the operation's result.
pub fn check(body: &OperationBody, source: AccountKey) -> Result<(), Box<OperationResult>> {
    let malformed = match body {
        OperationBody::CreateAccount(op) => {
            create_account::check(op, source).map(OperationResultTr::CreateAccount)
        }
        OperationBody::Payment(op) => payment::check(op).map(OperationResultTr::Payment),
        OperationBody::PathPaymentStrictReceive(op) => {
            payment::check_receive(op).map(OperationResultTr::PathPaymentStrictReceive)
        }
        OperationBody::PathPaymentStrictSend(op) => {
            payment::check_send(op).map(OperationResultTr::PathPaymentStrictSend)
        }
        OperationBody::SetOptions(op) => {
            set_options::check(op, source).map(OperationResultTr::SetOptions)
        }
        OperationBody::ChangeTrust(op) => {
            change_trust::check(op, source).map(OperationResultTr::ChangeTrust)
        }
        OperationBody::AccountMerge(to) => {
            merge::check(to, source).map(OperationResultTr::AccountMerge)
        }
        OperationBody::ManageData(op) => manage_data::check(op).map(OperationResultTr::ManageData),
        OperationBody::BumpSequence(op) => {
            bump_sequence::check(op).map(OperationResultTr::BumpSequence)
        }
        OperationBody::CreateClaimableBalance(op) => {
            claimable_balance::check_create(op).map(OperationResultTr::CreateClaimableBalance)
        }
        OperationBody::Clawback(op) => clawback::check(op, source).map(OperationResultTr::Clawback),
        OperationBody::SetTrustLineFlags(op) => {
            trust_flags::check(op, source).map(OperationResultTr::SetTrustLineFlags)
        }
        OperationBody::ClaimClaimableBalance(_) | OperationBody::ClawbackClaimableBalance(_) => {
            None
        }
        OperationBody::ManageSellOffer(_)
        | OperationBody::CreatePassiveSellOffer(_)
        | OperationBody::AllowTrust(_)
        | OperationBody::Inflation
        | OperationBody::ManageBuyOffer(_)
        | OperationBody::BeginSponsoringFutureReserves(_)
        | OperationBody::EndSponsoringFutureReserves
        | OperationBody::RevokeSponsorship(_)
        | OperationBody::LiquidityPoolDeposit(_)
        | OperationBody::LiquidityPoolWithdraw(_)
        | OperationBody::InvokeHostFunction(_)
        | OperationBody::ExtendFootprintTtl(_)
        | OperationBody::RestoreFootprint(_) => {
            return Err(Box::new(OperationResult::OpNotSupported));
        }
    };
    malformed.map_or(Ok(()), |result| {
        Err(Box::new(OperationResult::OpInner(result)))
    })
}

/// Does an operation that [`check`] let through. On failure the caller undoes what was changed.
pub fn apply(
    state: &mut State,
    body: &OperationBody,
    place: Place,
) -> Result<OperationResult, Box<OperationResult>> {
    use OperationResultTr as Tr;
    let source = place.source;
    let done = match body {
        OperationBody::CreateAccount(op) => {
            finish(create_account::apply(state, op, source), Tr::CreateAccount)?
        }
        OperationBody::Payment(op) => finish(payment::apply(state, op, source), Tr::Payment)?,
        OperationBody::PathPaymentStrictReceive(op) => finish(
            payment::apply_receive(state, op, source),
            Tr::PathPaymentStrictReceive,
        )?,
        OperationBody::PathPaymentStrictSend(op) => finish(
            payment::apply_send(state, op, source),
            Tr::PathPaymentStrictSend,
        )?,
        OperationBody::SetOptions(op) => {
            finish(set_options::apply(state, op, source), Tr::SetOptions)?
        }
        OperationBody::ChangeTrust(op) => {
            finish(change_trust::apply(state, op, source), Tr::ChangeTrust)?
        }
        OperationBody::AccountMerge(to) => {
            finish(merge::apply(state, to, source), Tr::AccountMerge)?
        }
        OperationBody::ManageData(op) => {
            finish(manage_data::apply(state, op, source), Tr::ManageData)?
        }
        OperationBody::BumpSequence(op) => {
            finish(bump_sequence::apply(state, op, source), Tr::BumpSequence)?
        }
        OperationBody::CreateClaimableBalance(op) => finish(
            claimable_balance::apply_create(state, op, place),
            Tr::CreateClaimableBalance,
        )?,
        OperationBody::ClaimClaimableBalance(op) => finish(
            claimable_balance::apply_claim(state, op, source),
            Tr::ClaimClaimableBalance,
        )?,
        OperationBody::Clawback(op) => finish(clawback::apply(state, op), Tr::Clawback)?,
        OperationBody::ClawbackClaimableBalance(op) => finish(
            claimable_balance::apply_clawback(state, op, source),
            Tr::ClawbackClaimableBalance,
        )?,
        OperationBody::SetTrustLineFlags(op) => {
            finish(trust_flags::apply(state, op, source), Tr::SetTrustLineFlags)?
        }
        OperationBody::ManageSellOffer(_)
        | OperationBody::CreatePassiveSellOffer(_)
        | OperationBody::AllowTrust(_)
        | OperationBody::Inflation
        | OperationBody::ManageBuyOffer(_)
        | OperationBody::BeginSponsoringFutureReserves(_)
        | OperationBody::EndSponsoringFutureReserves
        | OperationBody::RevokeSponsorship(_)
        | OperationBody::LiquidityPoolDeposit(_)
        | OperationBody::LiquidityPoolWithdraw(_)
        | OperationBody::InvokeHostFunction(_)
        | OperationBody::ExtendFootprintTtl(_)
        | OperationBody::RestoreFootprint(_) => {
            return Err(Box::new(OperationResult::OpNotSupported));
        }
    };
    Ok(done)
}

fn finish<R>(
    outcome: Result<R, Failure<R>>,
    wrap: impl Fn(R) -> OperationResultTr,
) -> Result<OperationResult, Box<OperationResult>> {
    match outcome {
        Ok(result) => Ok(OperationResult::OpInner(wrap(result))),
        Err(failure) => Err(Box::new(failure.into_result(wrap))),
    }
}

/// The accounts that an operation names, its source included: those under which Horizon lists it.
pub fn participants(operation: &Operation, source: AccountKey) -> BTreeSet<AccountKey> {
    let mut named = BTreeSet::from([source]);
    match &operation.body {
        OperationBody::CreateAccount(op) => named.extend([AccountKey::from(&op.destination)]),
        OperationBody::Payment(op) => named.extend([AccountKey::of(&op.destination)]),
        OperationBody::PathPaymentStrictReceive(op) => {
            named.extend([AccountKey::of(&op.destination)])
        }
        OperationBody::PathPaymentStrictSend(op) => named.extend([AccountKey::of(&op.destination)]),
        OperationBody::AccountMerge(to) => named.extend([AccountKey::of(to)]),
        OperationBody::CreateClaimableBalance(op) => {
            named.extend(op.claimants.iter().map(|claimant| {
                let stellar_xdr::Claimant::ClaimantTypeV0(claimant) = claimant;
                AccountKey::from(&claimant.destination)
            }))
        }
        OperationBody::Clawback(op) => named.extend([AccountKey::of(&op.from)]),
        OperationBody::SetTrustLineFlags(op) => named.extend([AccountKey::from(&op.trustor)]),
        OperationBody::SetOptions(_)
        | OperationBody::ChangeTrust(_)
        | OperationBody::ManageData(_)
        | OperationBody::BumpSequence(_)
        | OperationBody::ClaimClaimableBalance(_)
        | OperationBody::ClawbackClaimableBalance(_)
        | OperationBody::ManageSellOffer(_)
        | OperationBody::CreatePassiveSellOffer(_)
        | OperationBody::AllowTrust(_)
        | OperationBody::Inflation
        | OperationBody::ManageBuyOffer(_)
        | OperationBody::BeginSponsoringFutureReserves(_)
        | OperationBody::EndSponsoringFutureReserves
        | OperationBody::RevokeSponsorship(_)
        | OperationBody::LiquidityPoolDeposit(_)
        | OperationBody::LiquidityPoolWithdraw(_)
        | OperationBody::InvokeHostFunction(_)
        | OperationBody::ExtendFootprintTtl(_)
        | OperationBody::RestoreFootprint(_) => {}
    }
    named
}

/// Whether Horizon lists an operation among payments.
pub fn is_payment(body: &OperationBody) -> bool {
    matches!(
        body,
        OperationBody::CreateAccount(_)
            | OperationBody::Payment(_)
            | OperationBody::PathPaymentStrictReceive(_)
            | OperationBody::PathPaymentStrictSend(_)
            | OperationBody::AccountMerge(_)
    )
}
