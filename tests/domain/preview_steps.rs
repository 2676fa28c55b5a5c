//! Operations of an intent one after another: what each leaves to those behind it, to the last stroop.

use serde_json::{Value, json};
use stellar_submitter::domain::preview::{
    Draft, Finding, Severity, Sight, Sights, findings, payer_findings,
};
use stellar_submitter::domain::primitives::AccountId;
use stellar_submitter::domain::soroban_plan::SorobanPlan;
use stellar_xdr::{
    Preconditions, PreconditionsV2, SequenceNumber, SorobanTransactionData, TimeBounds, TimePoint,
};

use crate::bodies::{self, foreign_plan, usd};
use crate::contents::signed;
use crate::fixture::{account, attempt, issuer, source, stranger, stroops};
use crate::previews::{
    RESERVE, UNIT, create, finds, fine, line, pay, request, sights, state, there,
};

/// What is found of these operations: how much it weighs, what, where.
fn weighed(operations: Value, sights: &Sights) -> Vec<(Severity, String, String)> {
    let found = findings(&request(operations), sights, stroops(RESERVE), 100);
    let parts = |one: Finding| (one.severity, one.code, one.pointer);
    found.into_iter().map(parts).collect()
}

#[track_caller]
fn weighs(operations: Value, sights: &Sights, severity: Severity, code: &str, pointer: &str) {
    let expected = [(severity, code.to_owned(), pointer.to_owned())];
    assert_eq!(weighed(operations, sights), expected);
}

/// What the only finding says to people.
fn detail(operations: Value, sights: &Sights) -> String {
    let found = findings(&request(operations), sights, stroops(RESERVE), 100);
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    one.detail.clone()
}

/// A source of which nothing but this is special.
fn with(of: impl FnOnce(&mut stellar_submitter::domain::observation::AccountState)) -> Sights {
    let mut sights = sights();
    let mut own = state(source(), 100);
    own.trustlines = vec![line(50, 1_000, true)];
    of(&mut own);
    sights.insert(source(), there(own));
    sights
}

fn trust(limit: &str) -> Value {
    json!({"type": "change_trust", "asset": usd(), "limit": limit})
}

fn path_send(to: AccountId) -> Value {
    json!({
        "type": "path_payment_strict_send", "destination": to, "send_asset": "native", "send_amount": "1",
        "dest_asset": "native", "dest_min": "1",
    })
}

fn path_receive(to: AccountId) -> Value {
    json!({
        "type": "path_payment_strict_receive", "destination": to, "send_asset": "native", "send_max": "1",
        "dest_asset": "native", "dest_amount": "1",
    })
}

#[test]
fn the_last_stroop_above_reserve_and_fee_can_be_spent() {
    // 100 lumens less two reserves of half a lumen and 100 stroops of fee.
    let most = "98.9999900";
    fine(json!([pay(account(7), "native", most)]), &sights());
    let more = json!([pay(account(7), "native", "98.9999901")]);
    finds(more, &sights(), "op_underfunded", "/operations/0");
    // Each entry, and each that is paid for another, holds half a lumen; what another pays for holds none.
    let tied = with(|own| (own.subentries, own.sponsoring, own.sponsored) = (4, 3, 2));
    fine(json!([pay(account(7), "native", "96.4999900")]), &tied);
    let more = json!([pay(account(7), "native", "96.4999901")]);
    finds(more.clone(), &tied, "op_underfunded", "/operations/0");
    let text = detail(more, &tied);
    assert!(text.contains("needs 96.4999901 lumens"), "{text}");
    assert!(text.contains("has 96.49999 to spend"), "{text}");
}

#[test]
fn lumens_to_oneself_need_none() {
    let twice = json!([
        pay(account(7), "native", "200"),
        pay(source(), "native", "200")
    ]);
    finds(twice, &sights(), "op_underfunded", "/operations/0");
}

#[test]
fn the_fee_is_paid_to_the_last_stroop() {
    let payer = account(9);
    let of = |fee: i64| payer_findings(payer, Some(&there(state(payer, 2))), stroops(RESERVE), fee);
    assert_eq!(of(UNIT), None);
    assert_eq!(of(UNIT + 1).unwrap().code, "tx_insufficient_balance");
}

#[test]
fn a_line_is_not_limited_below_what_it_holds() {
    let limit = "/operations/0/limit";
    fine(json!([trust("50")]), &sights());
    finds(
        json!([trust("49.9999999")]),
        &sights(),
        "op_invalid_limit",
        limit,
    );
    let text = detail(json!([trust("49")]), &sights());
    assert!(text.contains("holds 50 USD"), "{text}");
    // What was sent away before is not held any more.
    let sent = |limit: &str| json!([pay(account(7), &usd(), "20"), trust(limit)]);
    fine(sent("30"), &sights());
    finds(
        sent("29"),
        &sights(),
        "op_invalid_limit",
        "/operations/1/limit",
    );
    let text = detail(sent("29"), &sights());
    assert!(text.contains("holds 30 USD"), "{text}");
    // Sent away altogether, it can be closed.
    fine(
        json!([pay(account(7), &usd(), "50"), trust("0")]),
        &sights(),
    );
    finds(json!([trust("0")]), &sights(), "op_invalid_limit", limit);
}

#[test]
fn a_line_that_is_not_there_cannot_be_closed() {
    let none = with(|own| own.trustlines.clear());
    finds(
        json!([trust("0")]),
        &none,
        "op_invalid_limit",
        "/operations/0/limit",
    );
    fine(json!([trust("1")]), &none);
}

#[test]
fn a_line_needs_its_issuer_unless_it_is_closed() {
    let mut none = with(|own| own.trustlines.clear());
    none.insert(issuer(), Sight::Absent);
    finds(
        json!([trust("1")]),
        &none,
        "op_no_issuer",
        "/operations/0/asset",
    );
    // He is made before.
    fine(json!([create(issuer(), "1"), trust("1")]), &none);
    none.insert(issuer(), Sight::Unknown);
    let unknown = weighed(json!([trust("1")]), &none);
    assert_eq!(
        unknown,
        [(Severity::Unknown, "not_looked_at".to_owned(), String::new())]
    );

    let mut open = with(|own| own.trustlines = vec![line(0, 1_000, true)]);
    open.insert(issuer(), Sight::Absent);
    finds(
        json!([trust("1")]),
        &open,
        "op_no_issuer",
        "/operations/0/asset",
    );
    fine(json!([trust("0")]), &open);
}

#[test]
fn a_new_line_holds_a_reserve() {
    // One and a half lumens are the reserve of an account with a line; the fee is 100 stroops.
    let with_lumens = |stroops_left: i64| {
        with(|own| {
            own.trustlines.clear();
            own.native_balance = stroops(UNIT + stroops_left);
        })
    };
    fine(json!([trust("1")]), &with_lumens(RESERVE + 100));
    let short = with_lumens(RESERVE + 99);
    finds(
        json!([trust("1")]),
        &short,
        "op_low_reserve",
        "/operations/0",
    );
    let text = detail(json!([trust("1")]), &short);
    assert!(text.contains("needs 0.5 lumens"), "{text}");
    assert!(text.contains("0.4999999 are left"), "{text}");
    // What it holds cannot be spent behind it. That is no more than likely: a line may bring funds.
    let spent = |amount: &str| json!([trust("1"), pay(account(7), "native", amount)]);
    let rich = with_lumens(UNIT + RESERVE + 100);
    fine(spent("1"), &rich);
    weighs(
        spent("1.0000001"),
        &rich,
        Severity::Unknown,
        "op_underfunded",
        "/operations/1",
    );
    // A line that is there holds nothing more.
    let has = with(|own| (own.native_balance, own.subentries) = (stroops(UNIT + RESERVE + 100), 1));
    fine(json!([trust("60")]), &has);
}

#[test]
fn behind_what_may_bring_funds_nothing_is_certain() {
    let poor = |first: Value| json!([first, pay(account(7), "native", "1000")]);
    let (other, own) = (account(7), source());
    for (first, severity) in [
        (pay(other, "native", "1"), Severity::Error),
        (path_send(other), Severity::Error),
        (path_send(own), Severity::Unknown),
        (path_receive(other), Severity::Error),
        (path_receive(own), Severity::Unknown),
        (trust("60"), Severity::Unknown),
    ] {
        weighs(
            poor(first),
            &sights(),
            severity,
            "op_underfunded",
            "/operations/1",
        );
    }
    // It stays uncertain behind what does not itself make it so.
    for pay_by in [path_send, path_receive] {
        let later = json!([pay_by(own), pay_by(other), pay(other, "native", "1000")]);
        weighs(
            later,
            &sights(),
            Severity::Unknown,
            "op_underfunded",
            "/operations/2",
        );
    }
}

#[test]
fn what_needs_less_than_the_medium_threshold_is_not_refused_for_it() {
    let guarded = with(|own| own.medium_threshold = 2);
    let flags = json!({
        "type": "set_trust_line_flags", "trustor": account(7), "asset": format!("USD:{}", source()), "set_flags": ["authorized"],
    });
    fine(json!([flags.clone()]), &guarded);
    finds(
        json!([flags, pay(account(7), "native", "1")]),
        &guarded,
        "op_bad_auth",
        "/source",
    );
    // A key without any weight signs for nothing.
    let mute = with(|own| own.signers = vec![(own.signers[0].0.clone(), 0)]);
    finds(
        json!([pay(account(7), "native", "1")]),
        &mute,
        "op_bad_auth",
        "/source",
    );
}

/// What is found of a transaction that the stranger signed, whose account has used the number before `next`.
fn presigned(next: i64, least: Option<i64>) -> Vec<String> {
    let text = signed(|tx| {
        if least.is_some() {
            tx.cond = Preconditions::V2(PreconditionsV2 {
                time_bounds: Some(TimeBounds {
                    min_time: TimePoint(0),
                    max_time: TimePoint(1_900_000_000),
                }),
                min_seq_num: least.map(SequenceNumber),
                ..PreconditionsV2::default()
            });
        }
    });
    let request = bodies::request(&json!({"workflow_id": "w", "transaction_xdr": text}));
    let mut own = state(stranger(), 100);
    own.sequence = stellar_submitter::domain::primitives::Sequence(next - 1);
    let sights = Sights::from([(request.source, there(own))]);
    let found = findings(&request, &sights, stroops(RESERVE), 100);
    for one in &found {
        assert_eq!(
            (one.severity, one.pointer.as_str()),
            (Severity::Error, "/transaction_xdr")
        );
    }
    found.into_iter().map(|one| one.code).collect()
}

#[test]
fn what_others_signed_has_the_next_sequence_number_or_a_least_one() {
    let own = foreign_plan().sequence.0;
    let none: [String; 0] = [];
    assert_eq!(presigned(own, None), none);
    assert_eq!(presigned(own - 1, None), ["tx_bad_seq"]);
    assert_eq!(presigned(own + 1, None), ["tx_bad_seq"]);
    // A least number lets it go over others, from that number on, and never back.
    assert_eq!(presigned(own, Some(1)), none);
    assert_eq!(presigned(own - 1, Some(1)), none);
    assert_eq!(presigned(own + 1, Some(1)), ["tx_bad_seq"]);
    assert_eq!(presigned(own - 1, Some(own - 2)), none);
    assert_eq!(presigned(own - 1, Some(own - 1)), ["tx_bad_seq"]);
}

#[test]
fn the_least_fee_is_that_of_each_operation_and_of_the_resources() {
    let mut draft = Draft {
        attempt: attempt(),
        envelope: Vec::new(),
        fee: stroops(10_000),
        cap: stroops(10_000),
        payer: source(),
    };
    draft.attempt.operations = 3;
    assert_eq!(draft.least_fee(stroops(100)), 300);
    // A fee bump is one operation more.
    draft.attempt.sponsored = true;
    assert_eq!(draft.least_fee(stroops(100)), 400);
    let data = SorobanTransactionData {
        resource_fee: 7_000,
        ..SorobanTransactionData::default()
    };
    let plan = SorobanPlan {
        data,
        auth: Vec::new(),
        restores: false,
    };
    draft.attempt.plan.soroban = Some(plan.into());
    assert_eq!(draft.least_fee(stroops(100)), 7_400);
}
