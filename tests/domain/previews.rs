//! What balances, trustlines and accounts say of an intent before it is sent.

use serde_json::{Value, json};
use stellar_submitter::domain::intent::{Request, read};
use stellar_submitter::domain::observation::{AccountState, Trustline};
use stellar_submitter::domain::preview::{
    Finding, Severity, Sight, Sights, accounts as wanted, findings, payer_findings,
};
use stellar_submitter::domain::primitives::{AccountId, Sequence};

use crate::bodies::usd;
use crate::fixture::{account, accounts, issuer, source, stroops};

/// Stroops of a unit.
pub const UNIT: i64 = 10_000_000;
/// Stroops of reserve an entry.
pub const RESERVE: i64 = 5_000_000;

pub fn state(of: AccountId, lumens: i64) -> AccountState {
    AccountState {
        sequence: Sequence(7),
        sequence_ledger: None,
        native_balance: stroops(lumens * UNIT),
        selling_liabilities: stroops(0),
        subentries: 0,
        sponsoring: 0,
        sponsored: 0,
        signers: vec![(of.to_string(), 1)],
        medium_threshold: 0,
        trustlines: Vec::new(),
    }
}

pub fn line(balance: i64, limit: i64, authorized: bool) -> Trustline {
    Trustline {
        asset: usd(),
        balance: stroops(balance * UNIT),
        limit: stroops(limit * UNIT),
        authorized,
    }
}

pub fn there(state: AccountState) -> Sight {
    Sight::There(Box::new(state))
}

/// A source with 100 lumens and 50 of 1000 dollars, somebody with as many, and the issuer.
pub fn sights() -> Sights {
    let mut rich = state(source(), 100);
    rich.trustlines = vec![line(50, 1_000, true)];
    let mut other = state(account(7), 100);
    other.trustlines = vec![line(50, 1_000, true)];
    Sights::from([
        (source(), there(rich)),
        (account(7), there(other)),
        (account(8), Sight::Absent),
        (issuer(), there(state(issuer(), 100))),
    ])
}

pub fn request(operations: Value) -> Request {
    let body = json!({"workflow_id": "w", "operations": operations});
    read(&body, &accounts()).expect("a good body")
}

pub fn pay(to: AccountId, asset: &str, amount: &str) -> Value {
    json!({"type": "payment", "destination": to, "asset": asset, "amount": amount})
}

pub fn create(to: AccountId, balance: &str) -> Value {
    json!({"type": "create_account", "destination": to, "starting_balance": balance})
}

fn found(operations: Value, sights: &Sights) -> Vec<(String, String)> {
    let all = findings(&request(operations), sights, stroops(RESERVE), 100);
    assert!(
        all.iter().all(|one| one.severity == Severity::Error),
        "{all:?}"
    );
    all.into_iter().map(|one| (one.code, one.pointer)).collect()
}

#[track_caller]
pub fn finds(operations: Value, sights: &Sights, code: &str, pointer: &str) {
    assert_eq!(
        found(operations, sights),
        [(code.to_owned(), pointer.to_owned())]
    );
}

#[track_caller]
pub fn fine(operations: Value, sights: &Sights) {
    assert_eq!(found(operations, sights), []);
}

#[test]
fn what_the_ledger_would_take_has_no_findings() {
    let sights = sights();
    let (other, usd) = (account(7), usd());
    fine(json!([pay(other, "native", "98.9")]), &sights);
    fine(json!([pay(other, &usd, "50")]), &sights);
    fine(json!([pay(issuer(), &usd, "50")]), &sights);
    fine(
        json!([create(account(8), "1"), pay(account(8), "native", "1")]),
        &sights,
    );
    fine(
        json!([{"type": "change_trust", "asset": usd, "limit": "50"}]),
        &sights,
    );
}

#[test]
fn lumens_are_counted_through_all_operations_down_to_reserve_and_fee() {
    let sights = sights();
    let other = account(7);
    // 100 lumens less two reserves, and 100 stroops of fee.
    finds(
        json!([pay(other, "native", "99")]),
        &sights,
        "op_underfunded",
        "/operations/0",
    );
    fine(json!([pay(other, "native", "98.99999")]), &sights);
    let two = json!([pay(other, "native", "60"), pay(other, "native", "60")]);
    finds(two, &sights, "op_underfunded", "/operations/1");
    let mut tied = state(source(), 100);
    tied.subentries = 100;
    tied.selling_liabilities = stroops(40 * UNIT);
    let mut sights = sights;
    sights.insert(source(), there(tied));
    finds(
        json!([pay(other, "native", "10")]),
        &sights,
        "op_underfunded",
        "/operations/0",
    );
    fine(json!([pay(other, "native", "8")]), &sights);
}

#[test]
fn credits_need_lines_on_both_sides() {
    let usd = usd();
    let sent = |amount: &str| json!([pay(account(7), &usd, amount)]);
    let of = |who: AccountId, lines: Vec<Trustline>| {
        let mut sights = sights();
        let mut other = state(who, 100);
        other.trustlines = lines;
        sights.insert(who, there(other));
        sights
    };
    let (asset, to) = ("/operations/0/asset", "/operations/0/destination");
    let missing = of(source(), Vec::new());
    finds(sent("1"), &missing, "op_src_no_trust", asset);
    let shut = of(source(), vec![line(50, 1_000, false)]);
    finds(sent("1"), &shut, "op_src_not_authorized", asset);
    finds(sent("51"), &sights(), "op_underfunded", "/operations/0");
    let twice = json!([pay(account(7), &usd, "30"), pay(account(7), &usd, "30")]);
    finds(twice, &sights(), "op_underfunded", "/operations/1");
    finds(sent("1"), &of(account(7), Vec::new()), "op_no_trust", asset);
    let shut = of(account(7), vec![line(50, 1_000, false)]);
    finds(sent("1"), &shut, "op_not_authorized", asset);
    let full = of(account(7), vec![line(995, 1_000, true)]);
    finds(sent("6"), &full, "op_line_full", to);
    fine(sent("5"), &full);
    let made = json!([create(account(8), "5"), pay(account(8), &usd, "1")]);
    finds(made, &sights(), "op_no_trust", "/operations/1/asset");
}

#[test]
fn accounts_are_there_or_not() {
    let sights = sights();
    let to = "/operations/0/destination";
    finds(
        json!([pay(account(8), "native", "1")]),
        &sights,
        "op_no_destination",
        to,
    );
    finds(
        json!([create(account(7), "5")]),
        &sights,
        "op_already_exists",
        to,
    );
    let twice = json!([create(account(8), "5"), create(account(8), "5")]);
    finds(
        twice,
        &sights,
        "op_already_exists",
        "/operations/1/destination",
    );
    let poor = json!([create(account(8), "0.9")]);
    finds(
        poor,
        &sights,
        "op_low_reserve",
        "/operations/0/starting_balance",
    );
    let mut gone = sights;
    gone.insert(source(), Sight::Absent);
    finds(
        json!([pay(account(7), "native", "1")]),
        &gone,
        "op_no_source_account",
        "/source",
    );
}

#[test]
fn the_sources_own_key_must_suffice() {
    let mut sights = sights();
    let mut guarded = state(source(), 100);
    guarded.medium_threshold = 2;
    sights.insert(source(), there(guarded.clone()));
    finds(
        json!([pay(account(7), "native", "1")]),
        &sights,
        "op_bad_auth",
        "/source",
    );
    guarded.signers = vec![(source().to_string(), 2)];
    sights.insert(source(), there(guarded));
    fine(json!([pay(account(7), "native", "1")]), &sights);
}

#[test]
fn what_could_not_be_looked_at_is_unknown_and_no_error() {
    let mut sights = sights();
    sights.insert(account(7), Sight::Unknown);
    let request = request(json!([pay(account(7), "native", "1")]));
    assert!(wanted(&request).contains(&account(7)));
    let all = findings(&request, &sights, stroops(RESERVE), 100);
    let [Finding { severity, code, .. }] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!(
        (*severity, code.as_str()),
        (Severity::Unknown, "not_looked_at")
    );
}

#[test]
fn whoever_pays_the_fee_needs_it() {
    let payer = account(9);
    let of = |sight: Option<Sight>| {
        let found = payer_findings(payer, sight.as_ref(), stroops(RESERVE), 200);
        found.map(|finding| finding.code)
    };
    assert_eq!(of(Some(there(state(payer, 2)))), None);
    assert_eq!(
        of(Some(there(state(payer, 1)))).unwrap(),
        "tx_insufficient_balance"
    );
    assert_eq!(of(Some(Sight::Absent)).unwrap(), "tx_no_source_account");
    assert_eq!(of(Some(Sight::Unknown)).unwrap(), "not_looked_at");
    assert_eq!(of(None), None);
}
