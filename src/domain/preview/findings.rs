//! Balances, trustlines and accounts, as far as they decide whether operations succeed.
//!
//! The operations are gone through in their order, so that one may spend, make or trust what one before it has left.
//! Behind one whose effect is not followed (it may bring funds, or open a line) nothing is an error any more, only unknown.

use std::collections::{BTreeMap, BTreeSet};

use stellar_xdr as xdr;

use super::{Finding, Sight, Sights};
use crate::domain::asset::{Asset, Destination};
use crate::domain::intent::{Content, Presigned, Request};
use crate::domain::observation::{AccountState, Trustline};
use crate::domain::operation::Operation;
use crate::domain::primitives::{AccountId, Stroops};

/// Base reserves of an account without entries.
const ACCOUNT_RESERVES: i64 = 2;

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
    let mut skips = false;
    if let xdr::Preconditions::V2(given) = &presigned.envelope().tx.cond {
        skips = given.min_seq_num.is_some();
    }
    let fits = wanted == next || skips && wanted > next;
    (!fits).then(|| {
        let detail =
            format!("it has the sequence number {wanted}, and the next of its account is {next}");
        Finding::error("tx_bad_seq", "/transaction_xdr", detail)
    })
}

fn account(destination: &Destination) -> AccountId {
    AccountId::of_muxed(&destination.0)
}

/// The state as the operations before have left it.
struct Walk<'a> {
    request: &'a Request,
    sights: &'a Sights,
    source: &'a AccountState,
    base_reserve: i64,
    /// Lumens that the source can still spend.
    lumens: i64,
    /// What the source has spent of each credit.
    credits: BTreeMap<String, i64>,
    /// Accounts that were made.
    made: BTreeSet<AccountId>,
    /// Something before may have changed what is looked at here.
    is_uncertain: bool,
    found: Vec<Finding>,
}

impl Walk<'_> {
    fn operation(&mut self, at: &str, operation: &Operation) {
        match operation {
            Operation::Payment {
                destination,
                asset,
                amount,
            } => {
                let to = account(destination);
                if to == self.request.source {
                    // Lumens to oneself change nothing; of a credit the line must be there, and keeps what it has.
                    self.spend(at, asset, Stroops::ZERO, "asset");
                } else {
                    self.spend(at, asset, *amount, "asset");
                    self.receive(at, to, asset, Some(*amount), "asset");
                }
            }
            Operation::PathPaymentStrictSend {
                destination,
                send_asset,
                send_amount,
                dest_asset,
                dest_min,
                ..
            } => {
                self.spend(at, send_asset, *send_amount, "send_asset");
                let to = account(destination);
                self.receive(at, to, dest_asset, Some(*dest_min), "dest_asset");
                self.is_uncertain |= to == self.request.source;
            }
            Operation::PathPaymentStrictReceive {
                destination,
                send_asset,
                dest_asset,
                dest_amount,
                ..
            } => {
                // How much of it is sent is for the market to say.
                self.spend(at, send_asset, Stroops::ZERO, "send_asset");
                let to = account(destination);
                self.receive(at, to, dest_asset, Some(*dest_amount), "dest_asset");
                self.is_uncertain |= to == self.request.source;
            }
            Operation::CreateAccount {
                destination,
                starting_balance,
            } => self.make(at, *destination, *starting_balance),
            Operation::ChangeTrust { asset, limit } => {
                self.trust(at, asset, *limit);
                self.is_uncertain = true;
            }
            Operation::CreateClaimableBalance {
                asset,
                amount,
                claimants,
            } => {
                let reserves = i64::try_from(claimants.len()).unwrap_or(i64::MAX);
                self.spend(at, asset, *amount, "asset");
                let reserves = reserves.saturating_mul(self.base_reserve);
                self.pay_lumens(at, reserves, "op_low_reserve");
            }
            // What these need is in entries that are not looked at.
            Operation::ClaimClaimableBalance { .. }
            | Operation::Clawback { .. }
            | Operation::ManageData { .. }
            | Operation::SetTrustLineFlags { .. }
            | Operation::Contract(_)
            | Operation::Xdr(_) => self.is_uncertain = true,
        }
    }

    fn error(&mut self, code: &str, pointer: String, detail: String) {
        self.found.push(if self.is_uncertain {
            Finding::unknown(code, pointer, detail)
        } else {
            Finding::error(code, pointer, detail)
        });
    }

    /// The source pays this.
    fn spend(&mut self, at: &str, asset: &Asset, amount: Stroops, field: &str) {
        if asset.is_native() {
            self.pay_lumens(at, amount.get(), "op_underfunded");
            return;
        }
        if asset.issuer() == Some(self.request.source) {
            return;
        }
        let (name, pointer) = (asset.to_string(), format!("{at}/{field}"));
        let who = self.request.source;
        let Some(line) = line(self.source, &name) else {
            let detail = format!("the source {who} has no trustline to {name}");
            self.error("op_src_no_trust", pointer, detail);
            return;
        };
        if !line.authorized {
            let detail = format!("the source {who} may not hold {name}");
            self.error("op_src_not_authorized", pointer, detail);
            return;
        }
        let balance = line.balance.get();
        let spent = self.credits.entry(name.clone()).or_default();
        *spent = spent.saturating_add(amount.get());
        if balance < *spent {
            let detail = format!(
                "up to here {} {name} are spent, and the source {who} has {}",
                decimal(*spent),
                decimal(balance)
            );
            self.error("op_underfunded", at.to_owned(), detail);
        }
    }

    fn pay_lumens(&mut self, at: &str, stroops: i64, code: &str) {
        let before = self.lumens;
        self.lumens = before.saturating_sub(stroops);
        if self.lumens < 0 && stroops > 0 {
            let detail = format!(
                "it needs {} lumens, and the source {} has {} to spend here: above its reserve, after fee and the operations before",
                decimal(stroops),
                self.request.source,
                decimal(before.max(0))
            );
            self.error(code, at.to_owned(), detail);
        }
    }

    /// Somebody gets this.
    fn receive(
        &mut self,
        at: &str,
        to: AccountId,
        asset: &Asset,
        amount: Option<Stroops>,
        field: &str,
    ) {
        // An issuer takes back what is his, also where his account is gone.
        if self.made.contains(&to) && asset.is_native() || asset.issuer() == Some(to) {
            return;
        }
        let sights = self.sights;
        let state = match sights.get(&to) {
            Some(Sight::There(state)) => Some(state.as_ref()),
            Some(Sight::Absent) if self.made.contains(&to) => None,
            Some(Sight::Absent) => {
                let detail = format!("{to} does not exist");
                self.error("op_no_destination", format!("{at}/destination"), detail);
                return;
            }
            Some(Sight::Unknown) | None => return,
        };
        if asset.is_native() || to == self.request.source {
            return;
        }
        let (name, pointer) = (asset.to_string(), format!("{at}/{field}"));
        let Some(line) = state.and_then(|state| line(state, &name)) else {
            let detail = format!("{to} has no trustline to {name}");
            self.error("op_no_trust", pointer, detail);
            return;
        };
        if !line.authorized {
            let detail = format!("{to} may not hold {name}");
            self.error("op_not_authorized", pointer, detail);
            return;
        }
        let room = line.limit.get().saturating_sub(line.balance.get());
        if amount.is_some_and(|amount| amount.get() > room) {
            let detail = format!("{to} can take {} {name} more", decimal(room.max(0)));
            self.error("op_line_full", format!("{at}/destination"), detail);
        }
    }

    /// What the operations before have left of a credit.
    fn left(&self, line: &Trustline) -> i64 {
        let spent = self.credits.get(&line.asset).copied().unwrap_or(0);
        line.balance.get().saturating_sub(spent)
    }

    fn make(&mut self, at: &str, account: AccountId, balance: Stroops) {
        let is_there = matches!(self.sights.get(&account), Some(Sight::There(_)));
        if is_there || self.made.contains(&account) {
            let detail = format!("{account} exists already");
            self.error("op_already_exists", format!("{at}/destination"), detail);
            return;
        }
        let reserve = ACCOUNT_RESERVES.saturating_mul(self.base_reserve);
        if balance.get() < reserve {
            let detail = format!("an account needs {} lumens", decimal(reserve));
            self.error("op_low_reserve", format!("{at}/starting_balance"), detail);
        }
        self.pay_lumens(at, balance.get(), "op_underfunded");
        self.made.insert(account);
    }

    fn trust(&mut self, at: &str, asset: &Asset, limit: Stroops) {
        let Some(issuer) = asset.issuer() else { return };
        let name = asset.to_string();
        let has = line(self.source, &name);
        match has {
            Some(line) if limit.get() < self.left(line) => {
                let balance = decimal(self.left(line));
                let detail = format!("the source holds {balance} {name}");
                self.error("op_invalid_limit", format!("{at}/limit"), detail);
            }
            None if matches!(self.sights.get(&issuer), Some(Sight::Absent))
                && !self.made.contains(&issuer) =>
            {
                let detail = format!("the issuer {issuer} does not exist");
                self.error("op_no_issuer", format!("{at}/asset"), detail);
            }
            None if self.lumens < self.base_reserve && limit.get() > 0 => {
                let detail = format!(
                    "a trustline needs {} lumens of reserve, and {} are left",
                    decimal(self.base_reserve),
                    decimal(self.lumens.max(0))
                );
                self.error("op_low_reserve", at.to_owned(), detail);
            }
            None if limit.get() > 0 => self.lumens = self.lumens.saturating_sub(self.base_reserve),
            Some(_) | None => {}
        }
    }
}

fn line<'a>(state: &'a AccountState, asset: &str) -> Option<&'a Trustline> {
    state.trustlines.iter().find(|line| line.asset == asset)
}

/// Stroops as a decimal number.
fn decimal(stroops: i64) -> String {
    Stroops::new(stroops).map_or_else(|_| stroops.to_string(), |amount| amount.to_string())
}
