//! Bodies of requests: one good one of each operation, and generated ones.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Map, Value, json};
use stellar_submitter::domain::asset::Destination;
use stellar_submitter::domain::envelope::{self, Plan};
use stellar_submitter::domain::intent::{Request, read};
use stellar_submitter::domain::primitives::{
    AMOUNT_DECIMALS, AccountId, ChainTime, LedgerSeq, Sequence,
};
use stellar_submitter::domain::tag::Tag;
use stellar_xdr::{
    BeginSponsoringFutureReservesOp, DataValue, DecoratedSignature, Limits, ManageDataOp,
    Operation, OperationBody, SetOptionsOp, Signature, String32, String64, TransactionEnvelope,
    WriteXdr as _,
};

use crate::fixture::{account, accounts, issuer, source, stranger, stroops};

/// Every type of operation, as users write it.
pub const KINDS: [&str; 11] = [
    "payment",
    "path_payment_strict_send",
    "path_payment_strict_receive",
    "create_account",
    "change_trust",
    "create_claimable_balance",
    "claim_claimable_balance",
    "clawback",
    "manage_data",
    "set_trust_line_flags",
    "xdr",
];

pub fn usd() -> String {
    format!("USD:{}", issuer())
}

/// A good operation with every field that it may have.
pub fn good(kind: &str) -> Value {
    let destination = account(7).to_string();
    match kind {
        "payment" => {
            json!({"type": kind, "destination": destination, "asset": "native", "amount": "12.5"})
        }
        "path_payment_strict_send" => json!({
            "type": kind, "destination": destination, "send_asset": "native", "send_amount": "3",
            "dest_asset": usd(), "dest_min": "2", "path": [usd(), "native"],
        }),
        "path_payment_strict_receive" => json!({
            "type": kind, "destination": destination, "send_asset": usd(), "send_max": "3",
            "dest_asset": "native", "dest_amount": "2", "path": ["native"],
        }),
        "create_account" => {
            json!({"type": kind, "destination": destination, "starting_balance": "1"})
        }
        "change_trust" => json!({"type": kind, "asset": usd(), "limit": "100"}),
        "create_claimable_balance" => json!({
            "type": kind, "asset": usd(), "amount": "5",
            "claimants": [
                {"destination": destination, "predicate": {"not": {"before_absolute_time": "1900000000"}}},
                {"destination": account(8), "predicate": "unconditional"},
            ],
        }),
        "claim_claimable_balance" => {
            json!({"type": kind, "balance_id": format!("00000000{}", "ab".repeat(32))})
        }
        "clawback" => {
            json!({"type": kind, "asset": usd(), "from": destination, "amount": "0.0000001"})
        }
        "manage_data" => json!({"type": kind, "name": "config", "value": "aGVsbG8="}),
        "set_trust_line_flags" => json!({
            "type": kind, "trustor": destination, "asset": usd(),
            "set_flags": ["authorized"], "clear_flags": ["clawback_enabled"],
        }),
        "xdr" => json!({"type": kind, "xdr": xdr_of(data("name"), None)}),
        other => panic!("no operation {other}"),
    }
}

/// A body with these operations and nothing that is not required.
pub fn body(operations: &[Value]) -> Value {
    json!({"workflow_id": "w-1", "operations": operations})
}

pub fn request(body: &Value) -> Request {
    read(body, &accounts()).unwrap_or_else(|errors| panic!("{body} is refused: {errors:?}"))
}

pub fn data(name: &str) -> OperationBody {
    OperationBody::ManageData(ManageDataOp {
        data_name: String64(name.as_bytes().try_into().expect("short")),
        data_value: Some(DataValue(vec![1, 2, 3].try_into().expect("short"))),
    })
}

pub fn xdr_of(body: OperationBody, named: Option<AccountId>) -> String {
    let operation = Operation {
        source_account: named.map(AccountId::plain),
        body,
    };
    operation.to_xdr_base64(Limits::none()).expect("it encodes")
}

/// The bounds of a plan that somebody else might make.
pub fn foreign_plan() -> Plan {
    Plan {
        channel: stranger(),
        sequence: Sequence(5),
        min_time: ChainTime(0),
        max_time: ChainTime(1_900_000_000),
        max_ledger: LedgerSeq(900),
        base_fee: stroops(100),
        soroban: None,
    }
}

/// A transaction that a stranger built and signed.
pub fn presigned(operation: &Value) -> String {
    let mut request = request(&body(std::slice::from_ref(operation)));
    request.source = stranger();
    let tag = Tag::from_digest([0; 32]);
    let mut tx = envelope::build(&request, tag, &foreign_plan());
    tx.source_account = stranger().plain();
    encode_signed(tx)
}

pub fn encode_signed(tx: stellar_xdr::Transaction) -> String {
    let signature = DecoratedSignature {
        hint: stranger().hint(),
        signature: Signature(vec![7; 64].try_into().expect("64 bytes")),
    };
    TransactionEnvelope::Tx(envelope::attach(tx, vec![signature]))
        .to_xdr_base64(Limits::none())
        .expect("it encodes")
}

fn address() -> impl Strategy<Value = String> {
    any::<[u8; 32]>().prop_map(|key| AccountId(key).to_string())
}

fn destination() -> impl Strategy<Value = String> {
    (any::<[u8; 32]>(), option::of(any::<u64>())).prop_map(|(key, id)| {
        let account = AccountId(key);
        Destination(id.map_or(account.plain(), |id| account.muxed(id))).to_string()
    })
}

fn credit() -> impl Strategy<Value = String> {
    ("[A-Za-z0-9]{1,12}", address()).prop_map(|(code, issuer)| format!("{code}:{issuer}"))
}

fn asset() -> impl Strategy<Value = String> {
    prop_oneof![Just("native".to_owned()), credit()]
}

/// An amount in any of its spellings.
fn amount(least: i64) -> impl Strategy<Value = String> {
    let number = prop_oneof![least..=i64::MAX, least..=1_000_000_000, Just(i64::MAX)];
    (number, any::<bool>(), 0..3_usize).prop_map(|(number, padded, zeros)| {
        let mut text = stroops(number).to_string();
        if padded {
            if !text.contains('.') {
                text.push('.');
            }
            let places = text.split_once('.').map_or(0, |(_, places)| places.len());
            text.push_str(&"0".repeat(AMOUNT_DECIMALS - places));
        }
        format!("{}{text}", "0".repeat(zeros))
    })
}

fn predicate() -> impl Strategy<Value = Value> {
    let seconds = 0..=i64::MAX;
    let leaf = prop_oneof![
        Just(json!("unconditional")),
        seconds
            .clone()
            .prop_map(|at| json!({"before_absolute_time": at.to_string()})),
        seconds.prop_map(|after| json!({"before_relative_time": after.to_string()})),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| json!({"not": inner})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"and": [a, b]})),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"or": [a, b]})),
        ]
    })
}

fn claimants() -> impl Strategy<Value = Vec<Value>> {
    let keys = proptest::collection::hash_set(any::<[u8; 32]>(), 1..=10);
    (keys, vec(option::of(predicate()), 10)).prop_map(|(keys, predicates)| {
        let pairs = keys.into_iter().zip(predicates);
        pairs
            .map(|(key, predicate)| json!({"destination": AccountId(key), "predicate": predicate}))
            .collect()
    })
}

fn flags() -> impl Strategy<Value = (Vec<&'static str>, Vec<&'static str>)> {
    proptest::sample::select(vec![
        (vec![], vec![]),
        (vec!["authorized"], vec![]),
        (
            vec!["authorized_to_maintain_liabilities"],
            vec!["clawback_enabled"],
        ),
        (
            vec![],
            vec!["clawback_enabled", "authorized", "clawback_enabled"],
        ),
        (
            vec!["authorized"],
            vec!["clawback_enabled", "authorized_to_maintain_liabilities"],
        ),
    ])
}

fn xdr_operation() -> impl Strategy<Value = String> {
    let body = prop_oneof![
        "[a-z]{1,64}".prop_map(|name| data(&name)),
        any::<[u8; 32]>().prop_map(|key| OperationBody::BeginSponsoringFutureReserves(
            BeginSponsoringFutureReservesOp {
                sponsored_id: AccountId(key).to_xdr(),
            }
        )),
        Just(OperationBody::EndSponsoringFutureReserves),
        "[a-z.]{0,32}".prop_map(|domain| OperationBody::SetOptions(SetOptionsOp {
            home_domain: Some(String32(domain.as_bytes().try_into().expect("short"))),
            ..SetOptionsOp::default()
        })),
    ];
    (body, any::<bool>()).prop_map(|(body, named)| xdr_of(body, named.then(source)))
}

/// A generated operation of a type.
pub fn operation(kind: &'static str) -> BoxedStrategy<Value> {
    let value = prop_oneof![
        Just(Value::Null),
        vec(any::<u8>(), 1..=64).prop_map(|bytes| {
            use base64::Engine as _;
            json!(base64::engine::general_purpose::STANDARD.encode(bytes))
        }),
    ];
    match kind {
        "payment" => (destination(), asset(), amount(1))
            .prop_map(move |(destination, asset, amount)| {
                json!({"type": kind, "destination": destination, "asset": asset, "amount": amount})
            })
            .boxed(),
        "path_payment_strict_send" | "path_payment_strict_receive" => {
            let [first, second] = if kind.ends_with("send") {
                ["send_amount", "dest_min"]
            } else {
                ["send_max", "dest_amount"]
            };
            let path = option::of(vec(asset(), 0..=5));
            (destination(), asset(), asset(), amount(1), amount(1), path)
                .prop_map(move |(destination, send, dest, a, b, path)| {
                    json!({
                        "type": kind, "destination": destination, "send_asset": send,
                        "dest_asset": dest, first: a, second: b, "path": path,
                    })
                })
                .boxed()
        }
        "create_account" => (address(), amount(0))
            .prop_map(move |(destination, balance)| {
                json!({"type": kind, "destination": destination, "starting_balance": balance})
            })
            .boxed(),
        "change_trust" => (credit(), option::of(amount(0)))
            .prop_map(move |(asset, limit)| json!({"type": kind, "asset": asset, "limit": limit}))
            .boxed(),
        "create_claimable_balance" => (asset(), amount(1), claimants())
            .prop_map(move |(asset, amount, claimants)| {
                json!({"type": kind, "asset": asset, "amount": amount, "claimants": claimants})
            })
            .boxed(),
        "claim_claimable_balance" => any::<[u8; 32]>()
            .prop_map(move |id| {
                json!({"type": kind, "balance_id": format!("00000000{}", hex::encode_upper(id))})
            })
            .boxed(),
        "clawback" => (credit(), destination(), amount(1))
            .prop_map(move |(asset, from, amount)| {
                json!({"type": kind, "asset": asset, "from": from, "amount": amount})
            })
            .boxed(),
        "manage_data" => ("[ -~]{1,64}", value)
            .prop_map(move |(name, value)| json!({"type": kind, "name": name, "value": value}))
            .boxed(),
        "set_trust_line_flags" => (address(), credit(), flags())
            .prop_map(move |(trustor, asset, (set, clear))| {
                json!({
                    "type": kind, "trustor": trustor, "asset": asset,
                    "set_flags": set, "clear_flags": clear,
                })
            })
            .boxed(),
        "xdr" => xdr_operation()
            .prop_map(move |xdr| json!({"type": kind, "xdr": xdr}))
            .boxed(),
        other => panic!("no operation {other}"),
    }
}

fn any_operation() -> impl Strategy<Value = Value> {
    Union::new(KINDS.map(operation))
}

fn memo() -> impl Strategy<Value = Value> {
    let text = "\\PC{0,28}".prop_filter("at most 28 bytes", |text| text.len() <= 28);
    prop_oneof![
        Just(Value::Null),
        Just(json!({"type": "none"})),
        text.prop_map(|text| json!({"type": "text", "value": text})),
        any::<u64>().prop_map(|id| json!({"type": "id", "value": id.to_string()})),
        any::<[u8; 32]>().prop_map(|hash| json!({"type": "hash", "value": hex::encode(hash)})),
        any::<[u8; 32]>()
            .prop_map(|hash| json!({"type": "return", "value": hex::encode_upper(hash)})),
    ]
}

fn time(seconds: std::ops::Range<u64>) -> impl Strategy<Value = String> {
    let offset = proptest::sample::select(vec![(0, "Z"), (5_400, "+01:30"), (-3_600, "-01:00")]);
    let fraction = proptest::sample::select(vec!["", ".0", ".5", ".999999999"]);
    (seconds, offset, fraction).prop_map(|(at, (shift, offset), fraction)| {
        let local = u64::try_from(i64::try_from(at).expect("a time") + shift).expect("after 1970");
        let written = stellar_submitter::domain::intent::rfc3339(ChainTime(local));
        format!("{}{fraction}{offset}", written.trim_end_matches('Z'))
    })
}

fn metadata() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Exact in binary, so that text in between changes nothing; others have a test of their own.
        any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    let inner = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("\\PC{0,10}", inner, 0..4)
                .prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    });
    proptest::collection::btree_map("[a-z/~]{1,10}", inner, 0..4)
        .prop_map(|map| Value::Object(Map::from_iter(map)))
        .prop_filter("at most 4 KiB", |value| value.to_string().len() <= 4_096)
}

/// A generated body with operations from the given strategy, and any of the other fields.
pub fn body_of(operations: impl Strategy<Value = Vec<Value>>) -> impl Strategy<Value = Value> {
    let name = "[^\\p{Cc}]{1,40}";
    let required = (name, operations);
    let names = (option::of(name), option::of(name), any::<bool>());
    // Whole seconds apart, so that rounding cannot turn them round.
    let times = (
        option::of(time(10_000..1_000_000_000)),
        option::of(time(1_000_000_002..253_402_000_000)),
    );
    let rest = (
        memo(),
        option::of(proptest::sample::select(vec!["fail", "park"])),
        option::of(100..=1_000_000_000_i64),
        option::of(metadata()),
    );
    (required, names, times, rest).prop_map(
        |((workflow, operations), (method, ordering, other), (from, until), rest)| {
            let (memo, on_state_error, fee, metadata) = rest;
            json!({
                "workflow_id": workflow, "operations": operations, "method": method,
                "ordering_key": ordering, "source": other.then(|| source().to_string()),
                "not_before": from, "valid_until": until, "memo": memo,
                "on_state_error": on_state_error,
                "max_fee_per_operation": fee.map(|fee| fee.to_string()), "metadata": metadata,
            })
        },
    )
}

/// A generated body of any operations.
pub fn any_body() -> impl Strategy<Value = Value> {
    body_of(vec(any_operation(), 1..6))
}
