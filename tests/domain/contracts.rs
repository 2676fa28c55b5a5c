//! Contract operations: their mistakes, their normal form, their transactions, and whose a landed one is.

use std::sync::Arc;

use serde_json::{Value, json};
use stellar_submitter::domain::envelope::{
    Plan, attach, build, fee_bump, plan_of, recognise, tag_of,
};
use stellar_submitter::domain::intent::{
    Accounts, IntentKey, Request, first_difference, read, read_stored,
};
use stellar_submitter::domain::operation::contract::asset_contract;
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, NetworkId, Sequence};
use stellar_submitter::domain::soroban::auth::{attach as sign, by_address, set_nonces};
use stellar_submitter::domain::soroban_plan::SorobanPlan;
use stellar_submitter::domain::tag::Tag;
use stellar_xdr::{
    InvokeContractArgs, LedgerFootprint, LedgerKey, LedgerKeyContractCode, OperationBody,
    ScAddress, ScSymbol, SorobanAuthorizationEntry, SorobanAuthorizedFunction,
    SorobanAuthorizedInvocation, SorobanCredentials, SorobanResources, SorobanTransactionData,
    SorobanTransactionDataExt, Transaction, TransactionExt, VecM, WriteXdr as _,
};

use crate::fixture::{account, accounts, channel, network, source, stranger, stroops};
use crate::mistakes::{mistakes, only};

/// The counter of the recorded calls.
const CONTRACT: &str = "CDDY76AYXHVJRAMEJLJT2CVXUHXASQLCPWLQIMDNSS6O7PDZLIAOLZAZ";
/// The contract of lumens on the network that was recorded.
const LUMENS: &str = "CDMLFMKMMD7MWZP3FKUBZPVHTUEDLSX4BYGYKH4GCESXYHS3IHQ4EIG4";

pub fn body(operation: &Value) -> Value {
    json!({"workflow_id": "w-1", "operations": [operation]})
}

pub fn inc(args: &Value) -> Value {
    body(&json!({"type": "invoke_contract", "contract": CONTRACT, "function": "inc", "args": args}))
}

pub fn request(body: &Value) -> Request {
    read(body, &accounts()).unwrap_or_else(|errors| panic!("{body}: {errors:?}"))
}

pub fn own() -> Value {
    json!([{"address": source().to_string()}])
}

#[test]
fn each_mistake_is_named_where_it_is() {
    let call = |name: &str, value: Value| {
        let mut body = inc(&own());
        body["operations"][0][name] = value;
        body
    };
    for (name, value, below, detail) in [
        (
            "contract",
            json!(account(7)),
            "",
            "is not a contract's address",
        ),
        ("contract", Value::Null, "", "is required"),
        (
            "function",
            json!("a-b"),
            "",
            "is not the name of a function",
        ),
        ("function", json!(""), "", "is not the name of a function"),
        (
            "function",
            json!("a".repeat(33)),
            "",
            "is not the name of a function",
        ),
        ("args", json!({}), "", "must be an array"),
        ("args", json!([5]), "/0", "must say its type"),
        (
            "args",
            json!([true, {"u32": -1}]),
            "/1/u32",
            "must be a whole number",
        ),
        (
            "args",
            json!([{"vec": [{"map": {"k": {"i128": "x"}}}]}]),
            "/0/vec/0/map/k/i128",
            "must be a whole number",
        ),
        (
            "auth",
            json!("nobody"),
            "",
            "must be address or source_account",
        ),
        (
            "auth_entries",
            json!(["AAAA"]),
            "/0",
            "is not a SorobanAuthorizationEntry",
        ),
        ("nonce", json!(5), "", "is not a field that is known here"),
    ] {
        let pointer = format!("/operations/0/{name}{below}");
        only(&call(name, value), &pointer, detail);
    }
    let own_entry = entry(SorobanCredentials::SourceAccount);
    let mut signed = [entry(SorobanCredentials::SourceAccount)];
    by_address(&mut signed, source());
    sign(&mut signed[0], source(), [1; 64]);
    let text = |entry: &SorobanAuthorizationEntry| {
        entry
            .to_xdr_base64(stellar_xdr::Limits::none())
            .expect("it encodes")
    };
    only(
        &call("auth_entries", json!([text(&own_entry)])),
        "/operations/0/auth_entries/0",
        "has the credentials of the source account",
    );
    only(
        &call("auth_entries", json!([text(&signed[0])])),
        "/operations/0/auth_entries",
        "has one of the intent's source",
    );
    let mut memo = inc(&own());
    memo["memo"] = json!({"type": "text", "value": "hello"});
    only(&memo, "/memo", "cannot be given with a contract call");
    let mut muxed = inc(&own());
    muxed["source"] =
        json!("MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK");
    assert!(
        mistakes(&muxed)
            .iter()
            .any(|error| error.pointer == "/source")
    );
    let mut two = inc(&own());
    let payment =
        json!({"type": "payment", "destination": account(7), "asset": "native", "amount": "1"});
    two["operations"]
        .as_array_mut()
        .expect("a list")
        .push(payment);
    only(&two, "/operations/0/type", "must be the only operation");
    for (kind, name, value, below, detail) in [
        (
            "token_transfer",
            "to",
            json!("nowhere"),
            "",
            "is not an address",
        ),
        ("token_transfer", "amount", json!("1.23456789"), "", ""),
        (
            "token_transfer",
            "amount",
            json!("0"),
            "",
            "must be more than 0",
        ),
        ("token_transfer", "asset", Value::Null, "", "is required"),
        (
            "token_transfer",
            "contract",
            json!(CONTRACT),
            "",
            "is not the contract of this asset",
        ),
        (
            "extend_footprint_ttl",
            "extend_to",
            json!(0),
            "",
            "must be a whole number",
        ),
        (
            "extend_footprint_ttl",
            "keys",
            json!([]),
            "",
            "must have 1 to 100 items",
        ),
        ("restore_footprint", "keys", json!(["AAAA"]), "/0", ""),
        (
            "restore_footprint",
            "keys",
            json!([{"wasm": "00"}]),
            "/0/wasm",
            "must be 64",
        ),
        (
            "restore_footprint",
            "keys",
            json!([{"contract": CONTRACT, "key": 5}]),
            "/0/key",
            "must say its type",
        ),
    ] {
        let mut operation = good(kind);
        operation[name] = value.clone();
        let at = if value.is_null() { "contract" } else { name };
        only(
            &body(&operation),
            &format!("/operations/0/{at}{below}"),
            detail,
        );
    }
    let nowhere = Accounts {
        contracts: None,
        ..accounts()
    };
    let errors = read(&inc(&own()), &nowhere).expect_err("no Stellar RPC");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].pointer, "/operations/0/type");
    assert!(errors[0].detail.contains("Stellar RPC"), "{errors:?}");
}

pub fn good(kind: &str) -> Value {
    match kind {
        "token_transfer" => {
            json!({"type": kind, "asset": "native", "to": CONTRACT, "amount": "1.5"})
        }
        "extend_footprint_ttl" => {
            json!({"type": kind, "keys": [{"contract": CONTRACT}], "extend_to": 100})
        }
        _ => json!({"type": kind, "keys": [{"contract": CONTRACT, "key": {"symbol": "COUNT"}}]}),
    }
}

#[test]
fn equal_spellings_are_one_request() {
    let pairs = [
        (
            inc(&json!([{"u64": 5}, true, null, {"map": {"b": {"u32": 1}, "a": {"u32": 2}}}])),
            inc(&json!([{"u64": "5"}, {"bool": true}, "void",
                {"map": [{"key": {"symbol": "a"}, "val": {"u32": "2"}}, {"key": {"symbol": "b"}, "val": {"u32": 1}}]}])),
        ),
        (
            body(
                &json!({"type": "token_transfer", "asset": "native", "to": CONTRACT, "amount": "1.50"}),
            ),
            body(
                &json!({"type": "token_transfer", "asset": "native", "contract": LUMENS, "to": CONTRACT, "amount": "1.5"}),
            ),
        ),
        (
            body(
                &json!({"type": "restore_footprint", "keys": [{"contract": CONTRACT}, {"wasm": "ab".repeat(32)}]}),
            ),
            body(
                &json!({"type": "restore_footprint", "keys": [{"wasm": "AB".repeat(32)}, {"contract": CONTRACT}, {"contract": CONTRACT}]}),
            ),
        ),
    ];
    for (left, right) in pairs {
        let (left, right) = (request(&left), request(&right));
        assert_eq!(left, right);
        assert_eq!(first_difference(&left, &right), None);
        let form = left.to_json();
        assert_eq!(form.to_string(), left.to_text());
        assert_eq!(read_stored(&form), Ok(left));
    }
    let (left, right) = (
        request(&inc(&own())),
        request(&inc(&json!([{"address": stranger()}]))),
    );
    let differs = first_difference(&left, &right);
    assert_eq!(differs.as_deref(), Some("/operations/0/args/0/address"));
}

#[test]
fn what_names_it_and_what_it_calls() {
    assert_eq!(request(&inc(&own())).method, "inc");
    for kind in [
        "token_transfer",
        "extend_footprint_ttl",
        "restore_footprint",
    ] {
        assert_eq!(request(&body(&good(kind))).method, kind);
    }
    // The contract of lumens is the one that a real network has.
    let native = "native".parse().expect("an asset");
    assert_eq!(asset_contract(network(), &native).to_string(), LUMENS);
    assert_ne!(
        asset_contract(NetworkId([1; 32]), &native).to_string(),
        LUMENS
    );
}

pub fn entry(credentials: SorobanCredentials) -> SorobanAuthorizationEntry {
    SorobanAuthorizationEntry {
        credentials,
        root_invocation: SorobanAuthorizedInvocation {
            function: SorobanAuthorizedFunction::ContractFn(InvokeContractArgs {
                contract_address: ScAddress::Contract(CONTRACT.parse().expect("a contract")),
                function_name: ScSymbol("inc".try_into().expect("short")),
                args: VecM::default(),
            }),
            sub_invocations: VecM::default(),
        },
    }
}

fn data() -> SorobanTransactionData {
    SorobanTransactionData {
        ext: SorobanTransactionDataExt::V0,
        resources: SorobanResources {
            footprint: LedgerFootprint::default(),
            instructions: 1000,
            disk_read_bytes: 0,
            write_bytes: 100,
        },
        resource_fee: 5000,
    }
}

pub fn tag(workflow: &str) -> Tag {
    key(workflow).tag(network())
}

fn key(workflow: &str) -> IntentKey {
    IntentKey {
        tenant: "default".to_owned(),
        workflow_id: workflow.to_owned(),
        method: "inc".to_owned(),
    }
}

pub fn plan(soroban: SorobanPlan) -> Plan {
    Plan {
        channel: channel(),
        sequence: Sequence(5),
        min_time: ChainTime(0),
        max_time: ChainTime(100),
        max_ledger: LedgerSeq(50),
        base_fee: stroops(100),
        soroban: Some(Arc::new(soroban)),
    }
}

/// With a nonce of the source where the call asks for it.
pub fn soroban(authorised: bool, workflow: &str) -> SorobanPlan {
    let mut data = data();
    let mut auth = vec![
        entry(SorobanCredentials::SourceAccount),
        entry(SorobanCredentials::SourceAccount),
    ];
    by_address(&mut auth, source());
    set_nonces(&mut auth, &mut data, source(), tag(workflow), LedgerSeq(60));
    for entry in &mut auth {
        sign(entry, source(), [1; 64]);
    }
    SorobanPlan {
        data,
        auth: if authorised { auth } else { Vec::new() },
        restores: false,
    }
}

pub fn built(workflow: &str, body: &Value, soroban: SorobanPlan) -> Transaction {
    build(&request(body), tag(workflow), &plan(soroban))
}

#[test]
fn a_call_carries_its_tag_as_the_nonce_and_nothing_that_protocol_25_forbids() {
    let plan_of_call = soroban(true, "w-1");
    let tx = built("w-1", &inc(&own()), plan_of_call.clone());
    assert_eq!(tx.source_account, channel().plain());
    assert_eq!(tx.fee, 5100);
    assert_eq!(tx.ext, TransactionExt::V1(plan_of_call.data.clone()));
    assert_eq!(tx.operations[0].source_account, None);
    assert_eq!(tag_of(&tx, None), Some(tag("w-1")));
    let read = plan_of(&tx).expect("a plan");
    assert_eq!(read, plan(plan_of_call.clone()));
    assert_eq!(
        SorobanPlan::from_json(&plan_of_call.to_json()),
        Some(plan_of_call.clone())
    );
    // Two authorisations of one account have two nonces: no transaction can use one twice.
    let nonces = plan_of_call.tagged_auth(source(), tag("w-1"));
    assert_eq!(nonces, plan_of_call.auth);
    assert_ne!(nonces[0], nonces[1]);

    let request = request(&inc(&own()));
    assert!(recognise(network(), &key("w-1"), &request, &tx, None));
    // The nonce is the intent's, not the chain's: the same call of another workflow is another transaction.
    assert!(!recognise(network(), &key("w-2"), &request, &tx, None));
    let other = self::request(&inc(&json!([{"address": stranger()}])));
    assert!(!recognise(network(), &key("w-1"), &other, &tx, None));
}

#[test]
fn a_call_without_a_nonce_is_recognised_by_its_fee_bump_alone() {
    let tx = built("w-1", &inc(&own()), soroban(false, "w-1"));
    let again = built("w-2", &inc(&own()), soroban(false, "w-2"));
    assert_eq!(
        tx, again,
        "equal calls of two workflows differ in nothing inside"
    );
    let request = request(&inc(&own()));
    assert!(!recognise(network(), &key("w-1"), &request, &tx, None));
    let bump = fee_bump(
        attach(tx.clone(), Vec::new()),
        source(),
        tag("w-1"),
        stroops(5300),
    );
    assert_eq!(tag_of(&tx, Some(&bump)), Some(tag("w-1")));
    assert!(recognise(
        network(),
        &key("w-1"),
        &request,
        &tx,
        Some(&bump)
    ));
    assert!(!recognise(
        network(),
        &key("w-2"),
        &request,
        &tx,
        Some(&bump)
    ));
}

#[test]
fn who_authorises_by_being_the_source_is_the_operations_source() {
    let mut body = inc(&own());
    body["operations"][0]["auth"] = json!("source_account");
    let tx = built("w-1", &body, soroban(false, "w-1"));
    assert_eq!(tx.source_account, channel().plain());
    assert_eq!(tx.operations[0].source_account, Some(source().plain()));
}

#[test]
fn a_footprint_that_was_asked_for_is_the_one_that_is_declared() {
    let body = body(&good("restore_footprint"));
    let request = request(&body);
    let tx = built("w-1", &body, soroban(false, "w-1"));
    assert_eq!(tx.source_account, channel().muxed(tag("w-1").get()));
    assert!(matches!(
        tx.operations[0].body,
        OperationBody::RestoreFootprint(_)
    ));
    let TransactionExt::V1(declared) = &tx.ext else {
        panic!("no resources");
    };
    assert_eq!(declared.resources.footprint.read_write.len(), 1);
    assert!(recognise(network(), &key("w-1"), &request, &tx, None));
    let mut other = tx.clone();
    let TransactionExt::V1(declared) = &mut other.ext else {
        panic!("no resources");
    };
    let code = LedgerKey::ContractCode(LedgerKeyContractCode::default());
    declared.resources.footprint.read_write = vec![code].try_into().expect("one fits");
    assert!(!recognise(network(), &key("w-1"), &request, &other, None));
    // A restoration before a call is the call's attempt, and not the call.
    let mut before = soroban(false, "w-1");
    before.restores = true;
    let tx = built("w-1", &inc(&own()), before);
    assert!(matches!(
        tx.operations[0].body,
        OperationBody::RestoreFootprint(_)
    ));
    assert!(plan_of(&tx).expect("a plan").restores());
    assert!(recognise(
        network(),
        &key("w-1"),
        &self::request(&inc(&own())),
        &tx,
        None
    ));
}
