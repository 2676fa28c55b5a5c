//! What a contract call is sent with: who signs its transaction, where its tag stands, and what the records keep of it.

use serde_json::{Value, json};
use stellar_submitter::domain::envelope::{Plan, plan_of};
use stellar_submitter::domain::intent::Request;
use stellar_submitter::domain::primitives::AccountId;
use stellar_submitter::domain::soroban::auth::{by_address, credentials, nonce};
use stellar_submitter::domain::soroban_plan::{
    SorobanPlan, authorized_by, is_restoration, only_restores, own_credentials,
};
use stellar_xdr::{
    self as xdr, Limits, ScVal, SorobanAuthorizationEntry, SorobanCredentials, WriteXdr as _,
};

use crate::authorisations::with_delegates;
use crate::bodies::{body, data, good};
use crate::contracts::{self, built, entry, inc, own, plan, request, soroban, tag};
use crate::fixture::{attempt, channel, source, stranger};

/// An authorisation by an account's address.
fn authorisation(account: AccountId) -> SorobanAuthorizationEntry {
    let mut auth = [entry(SorobanCredentials::SourceAccount)];
    by_address(&mut auth, account);
    let [authorisation] = auth;
    authorisation
}

fn with(auth: Vec<SorobanAuthorizationEntry>) -> SorobanPlan {
    SorobanPlan {
        auth,
        ..soroban(false, "w-1")
    }
}

fn restoring() -> SorobanPlan {
    SorobanPlan {
        restores: true,
        ..soroban(false, "w-1")
    }
}

fn payment() -> Request {
    request(&body(&[good("payment")]))
}

fn restoration() -> Value {
    contracts::body(&contracts::good("restore_footprint"))
}

fn call() -> Request {
    request(&inc(&own()))
}

/// The same call, which its source authorises by being the operation's source.
fn call_by_source() -> Request {
    let mut body = inc(&own());
    body["operations"][0]["auth"] = json!("source_account");
    request(&body)
}

/// The nonce of an authorisation by address.
fn nonce_of(entry: &SorobanAuthorizationEntry) -> i64 {
    credentials(entry).expect("an address").nonce
}

fn base64(value: &impl xdr::WriteXdr) -> String {
    value.to_xdr_base64(Limits::none()).expect("it encodes")
}

#[test]
fn a_call_alone_that_its_source_gives_no_nonce_carries_no_tag() {
    let unplanned = attempt().plan;
    for (told, request, plan, carries) in [
        ("a payment", payment(), unplanned.clone(), true),
        ("with a nonce", call(), plan(soroban(true, "w-1")), true),
        ("without", call(), plan(with(Vec::new())), false),
        ("never simulated", call(), unplanned, false),
        (
            "with a nonce of somebody else",
            call(),
            plan(with(vec![authorisation(stranger())])),
            false,
        ),
        (
            "by being the source",
            call(),
            plan(with(vec![entry(SorobanCredentials::SourceAccount)])),
            false,
        ),
        (
            "behind somebody else's",
            call(),
            plan(with(vec![
                authorisation(stranger()),
                authorisation(source()),
            ])),
            true,
        ),
        // Its nonce is not ours to set: rebuilt for any workflow, it would be the same transaction.
        (
            "by delegates of the source",
            call(),
            plan(with(vec![with_delegates(source())])),
            false,
        ),
        // What brings entries back is no call, and its source is muxed.
        ("before the call", call(), plan(restoring()), true),
        (
            "a restoration that was asked for",
            request(&restoration()),
            plan(with(Vec::new())),
            true,
        ),
    ] {
        assert_eq!(plan.carries_tag(&request), carries, "{told}");
    }
}

#[test]
fn the_source_signs_the_transaction_unless_it_signs_an_authorisation_or_is_the_channel() {
    let of_channel = |plan: Plan| Plan {
        channel: source(),
        ..plan
    };
    let both = vec![channel(), source()];
    let alone = vec![source()];
    let called = || plan(soroban(true, "w-1"));
    for (told, request, plan, signers) in [
        ("a payment", payment(), attempt().plan, both.clone()),
        (
            "from its own channel",
            payment(),
            of_channel(attempt().plan),
            alone.clone(),
        ),
        ("a call by entry", call(), called(), vec![channel()]),
        (
            "by entry, from its own channel",
            call(),
            of_channel(called()),
            alone.clone(),
        ),
        (
            "a call by its source",
            call_by_source(),
            plan(with(Vec::new())),
            both.clone(),
        ),
        (
            "by its source, from its own channel",
            call_by_source(),
            of_channel(plan(with(Vec::new()))),
            alone,
        ),
        // No entry of it is signed yet: the restoration's operation is the source's own.
        ("before the call", call(), plan(restoring()), both),
    ] {
        assert_eq!(plan.signers(&request), signers, "{told}");
    }
}

#[test]
fn the_records_keep_what_was_simulated_and_nothing_of_a_payment() {
    assert_eq!(attempt().plan.soroban_json(), None);
    let soroban = soroban(true, "w-1");
    let auth: Vec<String> = soroban.auth.iter().map(base64).collect();
    assert_eq!(auth.len(), 2);
    let mut kept = json!({"data": base64(&soroban.data), "auth": auth, "restores": false});
    assert_eq!(plan(soroban.clone()).soroban_json(), Some(kept.clone()));
    assert_eq!(SorobanPlan::from_json(&kept), Some(soroban.clone()));
    kept["restores"] = json!(true);
    let restores = SorobanPlan {
        restores: true,
        ..soroban
    };
    assert_eq!(SorobanPlan::from_json(&kept), Some(restores));
    for (name, odd) in [
        ("data", json!("AAAA")),
        ("data", json!("no base64")),
        ("auth", json!(["AAAA"])),
        ("restores", json!("yes")),
        ("more", json!(1)),
    ] {
        let mut changed = kept.clone();
        changed[name] = odd;
        assert_eq!(SorobanPlan::from_json(&changed), None, "{changed}");
    }
}

#[test]
fn what_is_kept_is_read_up_to_128_kib_a_part_and_not_beyond() {
    const MOST: usize = 128 * 1024;
    let filled = |bytes: usize| {
        let mut entry = authorisation(source());
        let own = own_credentials(&mut entry, source()).expect("an own one");
        let signature = vec![0; bytes].try_into().expect("below 4 GiB");
        own.signature = ScVal::Bytes(xdr::ScBytes(signature));
        entry
    };
    let around = filled(0).to_xdr(Limits::none()).expect("it encodes").len();
    for (more, is_read) in [(0, true), (4, false), (MOST, false)] {
        let entry = filled(MOST - around + more);
        let bytes = entry.to_xdr(Limits::none()).expect("it encodes").len();
        assert_eq!(bytes, MOST + more);
        let kept = with(vec![entry]);
        let read = SorobanPlan::from_json(&kept.to_json());
        assert_eq!(read.is_some(), is_read, "{bytes}");
        assert!(read.is_none_or(|read| read == kept), "{bytes}");
    }
}

#[test]
fn the_tag_becomes_the_nonce_of_the_sources_own_authorisations_and_of_nobody_elses() {
    let tag = tag("w-1");
    let mut theirs = authorisation(stranger());
    let given = own_credentials(&mut theirs, stranger()).expect("theirs");
    given.nonce = 99;
    let mut second_version = authorisation(source());
    if let SorobanCredentials::Address(own) = second_version.credentials {
        second_version.credentials = SorobanCredentials::AddressV2(own);
    }
    let plan = with(vec![
        theirs.clone(),
        entry(SorobanCredentials::SourceAccount),
        authorisation(source()),
        second_version,
    ]);
    assert!(plan.has_nonce_of(source()) && plan.has_nonce_of(stranger()));
    assert!(!plan.has_nonce_of(channel()));
    let auth = plan.tagged_auth(source(), tag);
    assert_eq!(auth[..2], plan.auth[..2], "not the source's");
    assert_eq!(nonce_of(&auth[2]), tag.to_i64());
    assert_eq!(nonce_of(&auth[3]), nonce(tag, 1));
    assert_ne!(nonce_of(&auth[3]), tag.to_i64());
    // Nothing of nobody.
    assert_eq!(own_credentials(&mut theirs, source()), None);
}

#[test]
fn a_call_is_authorised_by_whose_entry_it_carries() {
    let tx = built("w-1", &inc(&own()), soroban(true, "w-1"));
    let called = &tx.operations[0].body;
    assert!(authorized_by(called, source()));
    assert!(!authorized_by(called, stranger()));
    assert!(!authorized_by(called, channel()));
    // Not by being the source, and nothing else has an authorisation at all.
    let by_source = with(vec![entry(SorobanCredentials::SourceAccount)]);
    let tx = built("w-1", &inc(&own()), by_source);
    assert!(!authorized_by(&tx.operations[0].body, source()));
    assert!(!authorized_by(&data("name"), source()));
}

/// A transaction of these operations.
fn of(operations: Vec<xdr::OperationBody>) -> xdr::Transaction {
    let operations: Vec<xdr::Operation> = operations
        .into_iter()
        .map(|body| xdr::Operation {
            source_account: None,
            body,
        })
        .collect();
    xdr::Transaction {
        operations: operations.try_into().expect("few"),
        ..built("w-1", &inc(&own()), restoring())
    }
}

#[test]
fn a_restoration_brings_entries_back_and_does_nothing_else() {
    let restore = || {
        let ext = xdr::ExtensionPoint::V0;
        xdr::OperationBody::RestoreFootprint(xdr::RestoreFootprintOp { ext })
    };
    for (told, operations, is) in [
        ("one", vec![restore()], true),
        ("nothing at all", Vec::new(), false),
        ("something else", vec![data("name")], false),
        ("and something else", vec![restore(), data("name")], false),
    ] {
        let tx = of(operations);
        assert_eq!(is_restoration(&tx), is, "{told}");
        // It is no success of the call that it was made for.
        assert_eq!(only_restores(&call(), &tx), is, "{told}");
        // Where a restoration is what was asked for, it is the success; and a payment needs none.
        assert!(!only_restores(&request(&restoration()), &tx), "{told}");
        assert!(!only_restores(&payment(), &tx), "{told}");
    }
    let tx = built("w-1", &inc(&own()), soroban(true, "w-1"));
    assert!(!only_restores(&call(), &tx), "the call itself");
}

#[test]
fn a_resource_fee_that_no_transaction_can_have_makes_no_plan() {
    let with_fee = |resource_fee: i64| {
        let mut transaction = built("w-1", &inc(&own()), with(Vec::new()));
        let xdr::TransactionExt::V1(data) = &mut transaction.ext else {
            panic!("a call declares its resources");
        };
        data.resource_fee = resource_fee;
        plan_of(&transaction)
    };
    assert!(with_fee(0).is_some());
    assert_eq!(with_fee(i64::MIN), None);
    assert_eq!(with_fee(i64::MAX), None);
}
