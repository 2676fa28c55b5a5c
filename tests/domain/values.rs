//! A contract's values: what each spelling means, and which have none.

use serde_json::{Value, json};
use stellar_submitter::domain::fields::{Errors, FieldError};
use stellar_submitter::domain::operation::scval::{self, of_i128, to_json};
use stellar_xdr::{
    Duration, Int128Parts, Int256Parts, ScBytes, ScError, ScErrorCode, ScString, ScVal, TimePoint,
    UInt128Parts, UInt256Parts,
};

fn read(given: &Value) -> Result<ScVal, Vec<FieldError>> {
    let mut errors = Errors::default();
    let value = scval::read(given, "/a".to_owned(), &mut errors);
    errors.finish(value)
}

fn taken(given: &Value) -> ScVal {
    read(given).unwrap_or_else(|errors| panic!("{given} is refused: {errors:?}"))
}

/// The value has exactly this mistake.
fn refused(given: &Value, pointer: &str, detail: &str) {
    let errors = read(given).expect_err("a mistake in it");
    assert!(
        errors.len() == 1 && errors[0].pointer == pointer && errors[0].detail.contains(detail),
        "wanted {pointer:?} {detail:?}, got {errors:?} for {given}"
    );
}

/// A type, and the least and the most of it, each with its neighbour that is none.
const NUMBERS: [(&str, [&str; 2], [&str; 2]); 10] = [
    ("u32", ["-1", "0"], ["4294967295", "4294967296"]),
    (
        "i32",
        ["-2147483649", "-2147483648"],
        ["2147483647", "2147483648"],
    ),
    (
        "u64",
        ["-1", "0"],
        ["18446744073709551615", "18446744073709551616"],
    ),
    (
        "i64",
        ["-9223372036854775809", "-9223372036854775808"],
        ["9223372036854775807", "9223372036854775808"],
    ),
    (
        "timepoint",
        ["-1", "0"],
        ["18446744073709551615", "18446744073709551616"],
    ),
    (
        "duration",
        ["-1", "0"],
        ["18446744073709551615", "18446744073709551616"],
    ),
    (
        "u128",
        ["-1", "0"],
        [
            "340282366920938463463374607431768211455",
            "340282366920938463463374607431768211456",
        ],
    ),
    (
        "i128",
        [
            "-170141183460469231731687303715884105729",
            "-170141183460469231731687303715884105728",
        ],
        [
            "170141183460469231731687303715884105727",
            "170141183460469231731687303715884105728",
        ],
    ),
    (
        "u256",
        ["-1", "0"],
        [
            "115792089237316195423570985008687907853269984665640564039457584007913129639935",
            "115792089237316195423570985008687907853269984665640564039457584007913129639936",
        ],
    ),
    (
        "i256",
        [
            "-57896044618658097711785492504343953926634992332820282019728792003956564819969",
            "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
        ],
        [
            "57896044618658097711785492504343953926634992332820282019728792003956564819967",
            "57896044618658097711785492504343953926634992332820282019728792003956564819968",
        ],
    ),
];

const NO_NUMBER: &str = "must be a whole number of this type";

#[test]
fn each_number_is_taken_from_the_least_to_the_most_of_its_type() {
    for (kind, [below, least], [most, above]) in NUMBERS {
        for text in [least, most] {
            let normal = match kind {
                "u32" | "i32" => json!({kind: text.parse::<i64>().expect("a number")}),
                _ => json!({kind: text}),
            };
            assert_eq!(to_json(&taken(&json!({kind: text}))), normal);
        }
        for text in [below, above] {
            refused(&json!({kind: text}), &format!("/a/{kind}"), NO_NUMBER);
        }
    }
}

#[test]
fn a_number_has_one_spelling_and_is_whole() {
    for (kind, _, _) in NUMBERS {
        let pointer = format!("/a/{kind}");
        for text in [
            "", "-", "+5", "--5", "0x5", " 5", "5 ", "5.0", "1e3", "1_000", "1,000", "５", "five",
        ] {
            refused(&json!({kind: text}), &pointer, NO_NUMBER);
        }
        for other in [
            json!(5.0),
            json!(0.5),
            json!(1e30),
            json!(true),
            Value::Null,
            json!([5]),
            json!({"u32": 5}),
        ] {
            refused(&json!({kind: other}), &pointer, NO_NUMBER);
        }
    }
}

#[test]
fn each_type_of_value_is_that_of_the_protocol() {
    let bytes = |bytes: &[u8]| ScVal::Bytes(ScBytes(bytes.try_into().expect("short")));
    let string = |bytes: &[u8]| ScVal::String(ScString(bytes.try_into().expect("short")));
    let most = u64::MAX;
    for (given, value) in [
        (json!({"u32": 7}), ScVal::U32(7)),
        (json!({"i32": -7}), ScVal::I32(-7)),
        (json!({"u64": most}), ScVal::U64(most)),
        (json!({"i64": i64::MIN}), ScVal::I64(i64::MIN)),
        (json!({"timepoint": 7}), ScVal::Timepoint(TimePoint(7))),
        (json!({"duration": "8"}), ScVal::Duration(Duration(8))),
        // 2^64 + 5, and one below zero, in parts of 64 bits.
        (
            json!({"u128": "18446744073709551621"}),
            ScVal::U128(UInt128Parts { hi: 1, lo: 5 }),
        ),
        (
            json!({"i128": -1}),
            ScVal::I128(Int128Parts { hi: -1, lo: most }),
        ),
        (
            json!({"u256": "18446744073709551621"}),
            ScVal::U256(UInt256Parts {
                hi_hi: 0,
                hi_lo: 0,
                lo_hi: 1,
                lo_lo: 5,
            }),
        ),
        (
            json!({"i256": -1}),
            ScVal::I256(Int256Parts {
                hi_hi: -1,
                hi_lo: most,
                lo_hi: most,
                lo_lo: most,
            }),
        ),
        (json!({"bytes": ""}), bytes(&[])),
        (json!({"bytes": "00fFa0"}), bytes(&[0, 0xff, 0xa0])),
        (json!({"string": ""}), string(b"")),
        (json!({"string": "a b"}), string(b"a b")),
        // What is not ASCII, written plainly or escaped.
        (json!({"string": "é"}), string(&[0xc3, 0xa9])),
        (
            json!({"string": "\\xc3\\xa9\\\\"}),
            string(&[0xc3, 0xa9, b'\\']),
        ),
        (
            json!({"error": {"contract": 7}}),
            ScVal::Error(ScError::Contract(7)),
        ),
        (
            json!({"error": {"auth": "invalid_action"}}),
            ScVal::Error(ScError::Auth(ScErrorCode::InvalidAction)),
        ),
        (json!({"bool": false}), ScVal::Bool(false)),
        (json!(true), ScVal::Bool(true)),
        (json!(null), ScVal::Void),
        (json!("void"), ScVal::Void),
    ] {
        assert_eq!(taken(&given), value, "{given}");
    }
}

#[test]
fn a_value_says_one_type_that_there_is() {
    let must = "must say its type";
    for given in [
        json!(5),
        json!(""),
        json!("Void"),
        json!("true"),
        json!([]),
        json!({}),
        json!({"u32": 1, "u64": 1}),
    ] {
        refused(&given, "/a", must);
    }
    for name in ["U32", "void", "ledger_key_nonce", "contract_instance"] {
        refused(
            &json!({name: 1}),
            &format!("/a/{name}"),
            "is not a type of value",
        );
    }
    for (given, pointer, detail) in [
        (json!({"bool": "true"}), "/a/bool", "must be true or false"),
        (json!({"bytes": "0"}), "/a/bytes", "hexadecimal"),
        (json!({"bytes": "0x00"}), "/a/bytes", "hexadecimal"),
        (json!({"bytes": "gg"}), "/a/bytes", "hexadecimal"),
        (json!({"bytes": 5}), "/a/bytes", "hexadecimal"),
        (json!({"string": "\\q"}), "/a/string", "backslash"),
        (json!({"string": "\\"}), "/a/string", "backslash"),
        (json!({"string": 5}), "/a/string", "must be a string"),
        (json!({"error": 7}), "/a/error", "is not a contract's error"),
    ] {
        refused(&given, pointer, detail);
    }
}

#[test]
fn values_are_nested_twelve_deep_and_no_deeper() {
    type Around = fn(Value) -> Value;
    let ways: [(&str, Around); 4] = [
        ("/vec/0", |inner| json!({"vec": [inner]})),
        ("/map/k", |inner| json!({"map": {"k": inner}})),
        (
            "/map/0/key",
            |inner| json!({"map": [{"key": inner, "val": true}]}),
        ),
        (
            "/map/0/val",
            |inner| json!({"map": [{"key": true, "val": inner}]}),
        ),
    ];
    let nested = |around: Around, levels: usize| {
        // The innermost one is a level, too.
        (1..levels).fold(json!(true), |inner, _| around(inner))
    };
    for (below, around) in ways {
        taken(&nested(around, 12));
        let errors = read(&nested(around, 13)).expect_err("too deep");
        let pointer = format!("/a{}", below.repeat(12));
        assert!(errors.iter().any(|error| error.pointer == pointer));
        // What stands beside the innermost one is as deep.
        for error in errors {
            assert_eq!(
                error.detail, "is nested deeper than 12",
                "{}",
                error.pointer
            );
        }
    }
}

#[test]
fn an_amount_of_128_bits_is_its_upper_and_its_lower_half() {
    for (amount, hi, lo) in [
        (0, 0, 0),
        (1, 0, 1),
        (-1, -1, u64::MAX),
        (18_446_744_073_709_551_615, 0, u64::MAX),
        (18_446_744_073_709_551_621, 1, 5),
        (i128::MAX, i64::MAX, u64::MAX),
        (i128::MIN, i64::MIN, 0),
    ] {
        assert_eq!(
            of_i128(amount),
            ScVal::I128(Int128Parts { hi, lo }),
            "{amount}"
        );
    }
}

#[test]
fn of_two_equal_keys_the_later_one_is_named() {
    let entry = |key: u32| json!({"key": {"u32": key}, "val": {"bool": true}});
    let mut entries: Vec<Value> = (0..10).map(entry).collect();
    entries.push(entry(9));
    refused(&json!({"map": entries}), "/a/map/10", "stands there twice");
}
