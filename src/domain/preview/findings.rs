//! Balances, trustlines and accounts, as far as they decide whether operations succeed.

use std::collections::{BTreeMap, BTreeSet};

use stellar_xdr as xdr;

use super::walk::Walk;
use super::{Finding, Sight, Sights};
use crate::domain::asset::Destination;
use crate::domain::intent::{Content, Presigned, Request};
use crate::domain::observation::AccountState;
use crate::domain::operation::Operation;
use crate::domain::primitives::{AccountId, Stroops};

/// Base reserves of an account without entries.
pub(super) const ACCOUNT_RESERVES: i64 = 2;

/// The accounts on which an intent's success depends: its source, who receives, and who issues what it wants to trust.
#[must_use]
pub fn accounts(request: &Request) -> BTreeSet<AccountId> {
    let mut all = BTreeSet::from([request.source]);
    let Content::Operations(operations) = &request.content else {
        return all;
    };
    for operation in operations {
        all.extend(match operation {
            Operation::Payment { destination, .. }
            | Operation::PathPaymentStrictSend { destination, .. }
            | Operation::PathPaymentStrictReceive { destination, .. } => Some(account(destination)),
            Operation::CreateAccount { destination, .. } => Some(*destination),
            Operation::ChangeTrust { asset, .. } => asset.issuer(),
            Operation::CreateClaimableBalance { .. }
            | Operation::ClaimClaimableBalance { .. }
            | Operation::Clawback { .. }
            | Operation::ManageData { .. }
            | Operation::SetTrustLineFlags { .. }
            | Operation::Contract(_)
            | Operation::Xdr(_) => None,
        });
    }
    all
}

/// What speaks against an intent's success in the state of these accounts. `fee` is what the source pays of it, in stroops.
#[must_use]
pub fn findings(
    request: &Request,
    sights: &Sights,
    base_reserve: Stroops,
    fee: i64,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for (account, sight) in sights {
        if matches!(sight, Sight::Unknown) {
            let detail = format!("{account} could not be looked at");
            found.push(Finding::unknown("not_looked_at", "", detail));
        }
    }
    let source = match sights.get(&request.source) {
        Some(Sight::There(state)) => state,
        Some(Sight::Absent) => {
            let detail = format!("the source account {} does not exist", request.source);
            found.push(Finding::error("op_no_source_account", "/source", detail));
            return found;
        }
        Some(Sight::Unknown) | None => return found,
    };
    found.extend(key_finding(request, source));
    let operations = match &request.content {
        Content::Operations(operations) => operations,
        Content::Presigned(presigned) => {
            found.extend(sequence_finding(presigned, source));
            return found;
        }
    };
    let mut walk = Walk {
        request,
        sights,
        source,
        base_reserve: base_reserve.get(),
        lumens: spendable(source, base_reserve).saturating_sub(fee),
        credits: BTreeMap::new(),
        made: BTreeSet::new(),
        is_uncertain: false,
        found,
    };
    for (place, operation) in operations.iter().enumerate() {
        walk.operation(&format!("/operations/{place}"), operation);
    }
    walk.found
}

/// Whether whoever pays the fee can.
#[must_use]
pub fn payer_findings(
    payer: AccountId,
    sight: Option<&Sight>,
    base_reserve: Stroops,
    fee: i64,
) -> Option<Finding> {
    match sight? {
        Sight::There(state) => {
            let free = spendable(state, base_reserve);
            (free < fee).then(|| {
                let detail =
                    format!("{payer} pays the fee of {fee} stroops, and has {free} to spend");
                Finding::error("tx_insufficient_balance", "", detail)
            })
        }
        Sight::Absent => {
            let detail = format!("{payer} pays the fee, and does not exist");
            Some(Finding::error("tx_no_source_account", "", detail))
        }
        Sight::Unknown => {
            let detail = format!("{payer} pays the fee, and could not be looked at");
            Some(Finding::unknown("not_looked_at", "", detail))
        }
    }
}

/// Lumens above the reserve and what offers hold, in stroops.
fn spendable(state: &AccountState, base_reserve: Stroops) -> i64 {
    let entries = ACCOUNT_RESERVES + i64::from(state.subentries) + i64::from(state.sponsoring)
        - i64::from(state.sponsored);
    let reserve = entries.saturating_mul(base_reserve.get());
    state
        .native_balance
        .get()
        .saturating_sub(reserve)
        .saturating_sub(state.selling_liabilities.get())
}

/// Whether the source's own key suffices, which is the only one that signs for it.
fn key_finding(request: &Request, source: &AccountState) -> Option<Finding> {
    let own = request.source.to_string();
    let signer = source.signers.iter().find(|(key, _)| *key == own);
    let weight = signer.map_or(0, |(_, weight)| *weight);
    let Content::Operations(operations) = &request.content else {
        return None;
    };
    // What needs less is not known here.
    let needed = if operations.iter().any(needs_medium) {
        source.medium_threshold.max(1)
    } else {
        1
    };
    (weight < needed).then(|| {
        let detail = format!("the key of {own} has the weight {weight}, and {needed} is needed");
        Finding::error("op_bad_auth", "/source", detail)
    })
}

/// Whether an operation needs the medium threshold for sure.
const fn needs_medium(operation: &Operation) -> bool {
    match operation {
        Operation::Payment { .. }
        | Operation::PathPaymentStrictSend { .. }
        | Operation::PathPaymentStrictReceive { .. }
        | Operation::CreateAccount { .. }
        | Operation::ChangeTrust { .. }
        | Operation::CreateClaimableBalance { .. }
        | Operation::ManageData { .. } => true,
        Operation::ClaimClaimableBalance { .. }
        | Operation::Clawback { .. }
        | Operation::SetTrustLineFlags { .. }
        | Operation::Contract(_)
        | Operation::Xdr(_) => false,
    }
}

/// A transaction that was signed lands with its own sequence number or never.
fn sequence_finding(presigned: &Presigned, source: &AccountState) -> Option<Finding> {
    let (wanted, next) = (presigned.plan().sequence, source.sequence.next());
    let mut least = None;
    if let xdr::Preconditions::V2(given) = &presigned.envelope().tx.cond {
        least = given.min_seq_num.as_ref();
    }
    // With a smallest number of its own it may go over others; without one it is the very next.
    let fits = match least {
        Some(least) => source.sequence.0 >= least.0 && wanted >= next,
        None => wanted == next,
    };
    (!fits).then(|| {
        let detail =
            format!("it has the sequence number {wanted}, and the next of its account is {next}");
        Finding::error("tx_bad_seq", "/transaction_xdr", detail)
    })
}

pub(super) const fn account(destination: &Destination) -> AccountId {
    AccountId::of_muxed(&destination.0)
}
