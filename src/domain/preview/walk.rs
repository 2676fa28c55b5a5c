//! Operations gone through in their order, so that one may spend, make or trust what one before it has left. Behind one whose
//! effect is not followed (it may bring funds, or open a line) nothing is an error any more, only unknown.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::{ACCOUNT_RESERVES, account};
use super::{Finding, Sight, Sights};
use crate::domain::asset::Asset;
use crate::domain::intent::Request;
use crate::domain::observation::{AccountState, Trustline};
use crate::domain::operation::Operation;
use crate::domain::primitives::{AccountId, Stroops};

/// The state as the operations before have left it.
pub(super) struct Walk<'a> {
    pub(super) request: &'a Request,
    pub(super) sights: &'a Sights,
    pub(super) source: &'a AccountState,
    pub(super) base_reserve: i64,
    /// Lumens that the source can still spend.
    pub(super) lumens: i64,
    /// What the source has spent of each credit.
    pub(super) credits: BTreeMap<String, i64>,
    /// Accounts that were made.
    pub(super) made: BTreeSet<AccountId>,
    /// Something before may have changed what is looked at here.
    pub(super) is_uncertain: bool,
    pub(super) found: Vec<Finding>,
}

impl Walk<'_> {
    pub(super) fn operation(&mut self, at: &str, operation: &Operation) {
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
        let closes = limit.get() == 0;
        match has {
            Some(line) if limit.get() < self.left(line) => {
                let balance = decimal(self.left(line));
                let detail = format!("the source holds {balance} {name}");
                self.error("op_invalid_limit", format!("{at}/limit"), detail);
            }
            None if closes => {
                let detail = format!("the source has no trustline to {name} that could be closed");
                self.error("op_invalid_limit", format!("{at}/limit"), detail);
            }
            Some(_) if closes => {}
            Some(_) | None
                if matches!(self.sights.get(&issuer), Some(Sight::Absent))
                    && !self.made.contains(&issuer) =>
            {
                let detail = format!("the issuer {issuer} does not exist");
                self.error("op_no_issuer", format!("{at}/asset"), detail);
            }
            Some(_) => {}
            None if self.lumens < self.base_reserve => {
                let detail = format!(
                    "a trustline needs {} lumens of reserve, and {} are left",
                    decimal(self.base_reserve),
                    decimal(self.lumens.max(0))
                );
                self.error("op_low_reserve", at.to_owned(), detail);
            }
            None => self.lumens = self.lumens.saturating_sub(self.base_reserve),
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
