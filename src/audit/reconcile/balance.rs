//! An account's balances against the sum of what recorded transactions did to them. Pure.
//!
//! What a transaction did follows from its envelope, and where that gives only a bound (path payments, merges) from its
//! recorded result. What follows from neither (claimed balances, offers, pools, contracts) is counted as inexact.

use std::collections::BTreeMap;

use serde::Serialize;
use stellar_xdr as xdr;

use crate::domain::asset::Asset;
use crate::domain::envelope::decode;
use crate::domain::observation::{AccountState, Landed};
use crate::domain::primitives::{AccountId, LedgerSeq};
use crate::store::reconciliations::Held;

/// How lumens are named.
pub const NATIVE: &str = "native";

/// What an account holds: by asset, in stroops.
#[must_use]
pub fn held(state: &AccountState) -> Held {
    let lines = state.trustlines.iter();
    let credit = lines.map(|line| (line.asset.clone(), line.balance.get()));
    let native = (NATIVE.to_owned(), state.native_balance.get());
    std::iter::once(native).chain(credit).collect()
}

/// One balance of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceReport {
    /// Whose.
    pub account: AccountId,
    /// `native`, or `CODE:ISSUER`.
    pub asset: String,
    /// The ledger after which the account of it begins; null where this is the first look.
    pub from_ledger: Option<LedgerSeq>,
    /// What it was then, in stroops.
    pub start: Option<String>,
    /// The ledger after which it was looked at.
    pub to_ledger: LedgerSeq,
    /// What it is then, in stroops.
    pub end: String,
    /// What recorded transactions added or took in between, in stroops.
    pub change: Option<String>,
    /// What they do not explain, in stroops: 0.
    pub unexplained: Option<String>,
    /// Operations in between whose amounts cannot be known from what is recorded of them.
    pub inexact: u64,
}

/// The account of one account's balances, as far as it has come.
#[derive(Clone, Debug)]
pub struct Balances {
    account: AccountId,
    /// After which ledger it begins, and what was held then.
    start: Option<(LedgerSeq, Held)>,
    /// After which ledger it ends, and what is held then.
    end: (LedgerSeq, Held),
    change: BTreeMap<String, i128>,
    inexact: u64,
    taken: u64,
}

impl Balances {
    /// Begins where the last account ended, if there was one; ends with what is held now.
    #[must_use]
    pub const fn new(
        account: AccountId,
        start: Option<(LedgerSeq, Held)>,
        end: (LedgerSeq, Held),
    ) -> Self {
        Self {
            account,
            start,
            end,
            change: BTreeMap::new(),
            inexact: 0,
            taken: 0,
        }
    }

    /// Whether a transaction's recorded result is needed to know what it did.
    #[must_use]
    pub fn needs_result(&self, landed: &Landed) -> bool {
        use xdr::OperationBody as B;
        self.is_within(landed)
            && landed.successful
            && decode(&landed.envelope_xdr).is_ok_and(|(inner, _)| {
                inner.tx.operations.iter().any(|operation| {
                    let concerned = match &operation.body {
                        B::PathPaymentStrictReceive(payment) => is(self, &payment.destination),
                        B::PathPaymentStrictSend(payment) => is(self, &payment.destination),
                        B::AccountMerge(into) => is(self, into),
                        _ => return false,
                    };
                    concerned || self.source(operation, &inner.tx) == self.account
                })
            })
    }

    const fn is_within(&self, landed: &Landed) -> bool {
        let (last, ledger) = (self.end.0.0, landed.ledger.0);
        let begun = match &self.start {
            Some((first, _)) => ledger > first.0,
            None => true,
        };
        begun && ledger <= last
    }

    fn source(&self, operation: &xdr::Operation, tx: &xdr::Transaction) -> AccountId {
        let source = operation.source_account.as_ref();
        AccountId::of_muxed(source.unwrap_or(&tx.source_account))
    }

    /// Takes a transaction of the account's list in, in the ledger's order.
    pub fn take(&mut self, landed: &Landed, result: Option<&xdr::TransactionResult>) {
        if !self.is_within(landed) {
            return;
        }
        self.taken += 1;
        if landed.fee_account == self.account {
            self.add(NATIVE, -i128::from(landed.fee_charged.get()));
        }
        if !landed.successful {
            return;
        }
        let Ok((inner, _)) = decode(&landed.envelope_xdr) else {
            self.inexact += 1;
            return;
        };
        let results = result.map(operation_results).unwrap_or_default();
        for (n, operation) in inner.tx.operations.iter().enumerate() {
            let source = self.source(operation, &inner.tx);
            self.operation(&operation.body, source, results.get(n).copied(), landed);
        }
    }

    fn operation(
        &mut self,
        body: &xdr::OperationBody,
        source: AccountId,
        result: Option<&xdr::OperationResultTr>,
        landed: &Landed,
    ) {
        use xdr::OperationBody as B;
        let own = source == self.account;
        match body {
            B::CreateAccount(create) => {
                if AccountId::from_xdr(&create.destination) == self.account {
                    // It begins here, with nothing.
                    let before = LedgerSeq(landed.ledger.0.saturating_sub(1));
                    self.start = Some((before, Held::new()));
                    self.change.clear();
                    self.inexact = 0;
                    self.add(NATIVE, i128::from(create.starting_balance));
                }
                self.debit(own, &xdr::Asset::Native, create.starting_balance);
            }
            B::Payment(payment) => {
                self.debit(own, &payment.asset, payment.amount);
                let credited = is(self, &payment.destination);
                self.credit(credited, &payment.asset, payment.amount);
            }
            B::PathPaymentStrictReceive(payment) => {
                let credited = is(self, &payment.destination);
                self.credit(credited, &payment.dest_asset, payment.dest_amount);
                match result.and_then(sent) {
                    Some(sent) => self.debit(own, &payment.send_asset, sent),
                    None => self.inexact += u64::from(own),
                }
                self.passed_by(own || credited);
            }
            B::PathPaymentStrictSend(payment) => {
                let credited = is(self, &payment.destination);
                self.debit(own, &payment.send_asset, payment.send_amount);
                match result.and_then(received) {
                    Some(received) => self.credit(credited, &payment.dest_asset, received),
                    None => self.inexact += u64::from(credited),
                }
                self.passed_by(own || credited);
            }
            B::AccountMerge(into) => {
                let credited = is(self, into);
                match result.and_then(merged) {
                    Some(amount) => {
                        self.debit(own, &xdr::Asset::Native, amount);
                        self.credit(credited, &xdr::Asset::Native, amount);
                    }
                    None => self.inexact += u64::from(own || credited),
                }
            }
            B::CreateClaimableBalance(create) => self.debit(own, &create.asset, create.amount),
            B::Clawback(clawback) => {
                let from = is(self, &clawback.from);
                self.debit(from, &clawback.asset, clawback.amount);
            }
            B::ClaimClaimableBalance(_)
            | B::LiquidityPoolDeposit(_)
            | B::LiquidityPoolWithdraw(_) => self.inexact += u64::from(own),
            // An offer takes what others offer: perhaps this account.
            B::ManageSellOffer(_) | B::ManageBuyOffer(_) | B::CreatePassiveSellOffer(_) => {
                self.inexact += 1;
            }
            B::InvokeHostFunction(_) | B::Inflation => self.inexact += 1,
            B::SetOptions(_)
            | B::ChangeTrust(_)
            | B::AllowTrust(_)
            | B::ManageData(_)
            | B::BumpSequence(_)
            | B::BeginSponsoringFutureReserves(_)
            | B::EndSponsoringFutureReserves
            | B::RevokeSponsorship(_)
            | B::ClawbackClaimableBalance(_)
            | B::SetTrustLineFlags(_)
            | B::ExtendFootprintTtl(_)
            | B::RestoreFootprint(_) => {}
        }
    }

    /// A path payment between others is in the account's list where it took an offer of the account's.
    fn passed_by(&mut self, concerned: bool) {
        self.inexact += u64::from(!concerned);
    }

    fn debit(&mut self, concerned: bool, asset: &xdr::Asset, amount: i64) {
        self.credit_signed(concerned, asset, -i128::from(amount));
    }

    fn credit(&mut self, concerned: bool, asset: &xdr::Asset, amount: i64) {
        self.credit_signed(concerned, asset, i128::from(amount));
    }

    fn credit_signed(&mut self, concerned: bool, asset: &xdr::Asset, amount: i128) {
        let asset = Asset::from_xdr(asset.clone());
        // Whoever issues an asset holds none of it.
        if !concerned || asset.issuer() == Some(self.account) {
            return;
        }
        if asset.is_native() {
            self.add(NATIVE, amount);
        } else {
            self.add(&asset.to_string(), amount);
        }
    }

    fn add(&mut self, asset: &str, amount: i128) {
        *self.change.entry(asset.to_owned()).or_default() += amount;
    }

    /// The account's name, the ledger, and what it holds then: where the next account begins.
    #[must_use]
    pub fn end(&self) -> (String, (u32, Held)) {
        (self.account.to_string(), (self.end.0.0, self.end.1.clone()))
    }

    /// Each balance, explained or not.
    #[must_use]
    pub fn report(&self) -> Vec<BalanceReport> {
        let started = self.start.iter().flat_map(|(_, held)| held.keys());
        let mut assets: Vec<&String> = self.end.1.keys().chain(started).collect();
        if self.start.is_some() {
            assets.extend(self.change.keys());
        }
        assets.sort();
        assets.dedup();
        assets
            .into_iter()
            .map(|asset| self.balance(asset))
            .collect()
    }

    fn balance(&self, asset: &str) -> BalanceReport {
        let at = |held: &Held| i128::from(held.get(asset).copied().unwrap_or(0));
        let end = at(&self.end.1);
        let start = self.start.as_ref().map(|(_, held)| at(held));
        let change = self.change.get(asset).copied().unwrap_or(0);
        BalanceReport {
            account: self.account,
            asset: asset.to_owned(),
            from_ledger: self.start.as_ref().map(|(ledger, _)| *ledger),
            start: start.map(|start| start.to_string()),
            to_ledger: self.end.0,
            end: end.to_string(),
            change: start.map(|_| change.to_string()),
            unexplained: start.map(|start| (end - start - change).to_string()),
            inexact: self.inexact,
        }
    }
}

fn is(balances: &Balances, account: &xdr::MuxedAccount) -> bool {
    AccountId::of_muxed(account) == balances.account
}

/// The results of a successful transaction's operations.
fn operation_results(result: &xdr::TransactionResult) -> Vec<&xdr::OperationResultTr> {
    use xdr::{InnerTransactionResultResult as I, TransactionResultResult as R};
    let results = match &result.result {
        R::TxSuccess(results) => results,
        R::TxFeeBumpInnerSuccess(pair) => match &pair.result.result {
            I::TxSuccess(results) => results,
            _ => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let inner = results.iter().map(|result| match result {
        xdr::OperationResult::OpInner(inner) => Some(inner),
        _ => None,
    });
    inner.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// What a strict receive took from its source: what the first hop took, or without a hop what arrived.
fn sent(result: &xdr::OperationResultTr) -> Option<i64> {
    let xdr::OperationResultTr::PathPaymentStrictReceive(
        xdr::PathPaymentStrictReceiveResult::Success(success),
    ) = result
    else {
        return None;
    };
    let Some(first) = success.offers.first() else {
        return Some(success.last.amount);
    };
    let asset = bought(first).0;
    let hop = success.offers.iter().map(bought);
    let mut amounts = hop
        .take_while(|(of, _)| **of == *asset)
        .map(|(_, amount)| amount);
    amounts.try_fold(0_i64, |sum, amount| sum.checked_add(amount))
}

/// What an offer was given for what it sold.
const fn bought(atom: &xdr::ClaimAtom) -> (&xdr::Asset, i64) {
    match atom {
        xdr::ClaimAtom::V0(atom) => (&atom.asset_bought, atom.amount_bought),
        xdr::ClaimAtom::OrderBook(atom) => (&atom.asset_bought, atom.amount_bought),
        xdr::ClaimAtom::LiquidityPool(atom) => (&atom.asset_bought, atom.amount_bought),
    }
}

/// What a strict send brought its destination.
const fn received(result: &xdr::OperationResultTr) -> Option<i64> {
    match result {
        xdr::OperationResultTr::PathPaymentStrictSend(
            xdr::PathPaymentStrictSendResult::Success(success),
        ) => Some(success.last.amount),
        _ => None,
    }
}

/// What a merged account still had.
const fn merged(result: &xdr::OperationResultTr) -> Option<i64> {
    match result {
        xdr::OperationResultTr::AccountMerge(xdr::AccountMergeResult::Success(amount)) => {
            Some(*amount)
        }
        _ => None,
    }
}
