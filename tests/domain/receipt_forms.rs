//! What of a receipt is signed, by whom, and what is read as one.

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stellar_submitter::domain::primitives::AccountId;
use stellar_submitter::domain::reason::Reason;
use stellar_submitter::domain::receipt::{
    FORMAT, MAX_RECEIPT_BYTES, NotCanonical, Receipt, ReceiptError, SignedReceipt, Standing,
    canonical, carried, check, restored,
};

use crate::fixture::stranger;
use crate::receipts::{bump, dead, doubts, issued, landed, payment, public};

#[test]
fn the_canonical_form_is_rfc_8785s() {
    let value = json!({
        "peach": "This sorting order", "1": [], "\n": null, "10": {"b": true, "a": [false]}, "": {},
        "numbers": [0, -1, 9_007_199_254_740_991_u64, -9_007_199_254_740_991_i64],
        "string": "\u{20ac}$\u{000f}\nA'B\"\\\\\"/",
    });
    let expected = concat!(
        r#"{"":{},"\n":null,"1":[],"10":{"a":[false],"b":true},"#,
        r#""numbers":[0,-1,9007199254740991,-9007199254740991],"peach":"This sorting order","#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#,
    );
    assert_eq!(canonical(&value).as_deref(), Ok(expected));
    for (value, text) in [
        (json!(null), "null"),
        (json!([1]), "[1]"),
        (json!([1, 2, 3]), "[1,2,3]"),
        (json!({"b": 1, "B": 2, "a": 3}), r#"{"B":2,"a":3,"b":1}"#),
    ] {
        assert_eq!(canonical(&value).as_deref(), Ok(text));
    }
}

#[test]
fn what_readers_of_json_keep_differently_has_no_canonical_form() {
    for number in [
        json!(0.5),
        json!(1e3),
        json!(9_007_199_254_740_992_u64),
        json!(u64::MAX),
        json!(-9_007_199_254_740_992_i64),
        json!(i64::MIN),
    ] {
        for value in [number.clone(), json!([1, number]), json!({"a": number})] {
            assert_eq!(canonical(&value), Err(NotCanonical::Number), "{value}");
        }
    }
    for value in [json!({"é": 1}), json!([{"a": {"b": 1, "\u{20ac}": 2}}])] {
        assert_eq!(canonical(&value), Err(NotCanonical::Name), "{value}");
    }
}

/// One that was never valid, and its canonical text, written by hand.
fn never_valid() -> (Receipt, &'static str) {
    let mut receipt = dead();
    receipt.status = "failed".to_owned();
    receipt.reason = Some(Reason::new("invalid", "Invalid", "is no list", false));
    receipt.request = None;
    receipt.enqueued = Some(r#"{"operations":5}"#.to_owned());
    receipt.attempts.clear();
    let text = concat!(
        r#"{"accepted_at":"2029-12-31T23:58:00Z","attempts":[],"enqueued":"{\"operations\":5}","#,
        r#""finished_at":"2029-12-31T23:59:30Z","format":"stellar-submitter/receipt/v1","#,
        r#""intent_id":"01a2212e-31d6-773a-a8a2-1233ba18782e","issued_at":"2030-01-01T00:00:00Z","#,
        r#""method":"payout","network":"Test SDF Network ; September 2015","#,
        r#""reason":{"code":"invalid","detail":"is no list","retryable":false,"title":"Invalid"},"#,
        r#""request":null,"status":"failed","tag":"5248816756927074073","tenant":"acme","#,
        r#""transaction":null,"workflow_id":"payout-2026-000123"}"#,
    );
    (receipt, text)
}

#[test]
fn what_is_signed_is_the_hash_of_the_separator_and_the_canonical_form() {
    let (receipt, text) = never_valid();
    let mut hash = Sha256::new();
    hash.update(b"stellar-submitter/receipt/v1\n");
    hash.update(text);
    let digest: [u8; 32] = hash.finalize().into();
    assert_eq!(
        hex::encode(receipt.digest().expect("it has one")),
        hex::encode(digest)
    );
    // So a signature of these bytes, however it was made, is the receipt's; one of the text alone is not.
    let daemon = SigningKey::from_bytes(&[5; 32]);
    let signed = |signature| SignedReceipt {
        receipt: receipt.clone(),
        public_key: public(&daemon),
        signature,
    };
    assert!(signed(daemon.sign(&digest).to_bytes()).is_signed());
    assert!(!signed(daemon.sign(text.as_bytes()).to_bytes()).is_signed());
    let bare: [u8; 32] = Sha256::digest(text).into();
    assert!(!signed(daemon.sign(&bare).to_bytes()).is_signed());
}

#[test]
fn a_receipt_with_a_fraction_is_not_signed_by_anybody() {
    let mut signed = issued(landed());
    assert!(signed.is_signed());
    signed.receipt.request = Some(json!({"metadata": 0.5}));
    assert!(matches!(
        signed.receipt.digest(),
        Err(ReceiptError::Canonical(NotCanonical::Number))
    ));
    assert!(!signed.is_signed());
}

fn standing(signed: &SignedReceipt, key: Option<AccountId>) -> (Standing, String) {
    let mut all = check(signed, key).into_iter();
    let found = all.find(|one| one.what == "signature");
    let found = found.expect("it was checked");
    (found.standing, found.detail)
}

#[test]
fn a_signature_is_the_daemons_only_by_its_key() {
    let signed = issued(landed());
    let daemon = signed.public_key;
    let (alone, detail) = standing(&signed, None);
    assert_eq!(alone, Standing::Right);
    assert!(detail.contains("--public-key"), "{detail}");
    let (known, detail) = standing(&signed, Some(daemon));
    assert_eq!(known, Standing::Right);
    assert!(detail.contains("as expected"), "{detail}");
    let (other, detail) = standing(&signed, Some(stranger()));
    assert_eq!(other, Standing::Wrong);
    assert!(detail.contains(&stranger().to_string()), "{detail}");

    let mut forged = signed.clone();
    forged.signature[7] ^= 1;
    let mut claimed = signed.clone();
    claimed.public_key = public(&SigningKey::from_bytes(&[4; 32]));
    for forged in [forged, claimed] {
        assert!(!forged.is_signed());
        for key in [None, Some(forged.public_key), Some(daemon)] {
            let (standing, detail) = standing(&forged, key);
            assert_eq!(standing, Standing::Wrong);
            assert!(detail.contains("is not signed by"), "{detail}");
        }
    }
}

#[test]
fn a_key_that_would_sign_everything_is_none() {
    // The neutral point as key and as commitment: without strictness this holds for every text.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signed = issued(landed());
    signed.public_key = AccountId(neutral);
    signed.signature = [0; 64];
    signed.signature[0] = 1;
    assert!(!signed.is_signed());
    // And what is no point at all.
    signed.public_key = AccountId([2; 32]);
    assert!(!signed.is_signed());
}

#[test]
fn a_receipt_is_read_up_to_a_size_and_not_beyond() {
    const MOST: usize = 67_108_864;
    assert_eq!(MAX_RECEIPT_BYTES, MOST);
    let mut text = vec![b'x'; MOST];
    assert!(matches!(
        SignedReceipt::read(&text),
        Err(ReceiptError::Form(_))
    ));
    text.push(b'x');
    assert!(matches!(
        SignedReceipt::read(&text),
        Err(ReceiptError::TooLarge)
    ));
    assert!(matches!(
        SignedReceipt::read(b""),
        Err(ReceiptError::Form(_))
    ));
}

#[test]
fn a_receipt_comes_back_as_it_was_written() {
    for receipt in [landed(), dead(), never_valid().0] {
        let signed = issued(receipt);
        for text in [
            serde_json::to_string(&signed).expect("it is written"),
            serde_json::to_string_pretty(&signed).expect("it is written"),
        ] {
            let read = SignedReceipt::read(text.as_bytes()).expect("it is read");
            assert_eq!(read, signed);
            assert!(read.is_signed());
        }
    }
}

#[test]
fn a_field_that_would_not_be_checked_is_refused() {
    let mut receipt = landed();
    receipt.attempts[0].fee_bumps = vec![bump(&payment())];
    receipt.attempts[0].death_proof = dead().attempts.swap_remove(0).death_proof;
    let written = serde_json::to_value(issued(receipt)).expect("it is written");
    let read = |value: &Value| SignedReceipt::read(value.to_string().as_bytes());
    assert!(read(&written).is_ok());
    for place in [
        "",
        "/receipt",
        "/receipt/attempts/0",
        "/receipt/attempts/0/plan",
        "/receipt/attempts/0/fee_bumps/0",
        "/receipt/attempts/0/landed",
        "/receipt/attempts/0/death_proof",
        "/receipt/transaction",
    ] {
        let mut more = written.clone();
        more.pointer_mut(place).expect("it is there")["more"] = json!(1);
        assert!(matches!(read(&more), Err(ReceiptError::Form(_))), "{place}");
    }
    assert_eq!(written["receipt"]["format"], FORMAT);
}

#[test]
fn metadata_is_carried_as_text_and_comes_back() {
    let metadata = json!({"n": 1.5, "big": 9_007_199_254_740_993_u64, "é": [null, "x"]});
    let form = json!({"workflow_id": "w", "metadata": metadata, "memo": null});
    let told = carried(form.clone());
    let text = told["metadata"].as_str().expect("a text");
    assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), metadata);
    assert_eq!(told["workflow_id"], "w");
    assert!(canonical(&told).is_ok() && canonical(&form).is_err());
    assert_eq!(restored(told), Some(form));
    // A text is carried as one, too: it is told from JSON by its quotes.
    let form = json!({"metadata": "5"});
    assert_eq!(carried(form.clone()), json!({"metadata": "\"5\""}));
    assert_eq!(restored(carried(form.clone())), Some(form));
    for without in [
        json!({"metadata": null}),
        json!({"workflow_id": "w"}),
        json!({}),
    ] {
        assert_eq!(carried(without.clone()), without);
        assert_eq!(restored(without.clone()), Some(without));
    }
    for text in ["", "{", "no JSON", "{} {}"] {
        assert_eq!(restored(json!({"metadata": text})), None, "{text:?}");
    }
}

#[test]
fn metadata_is_signed_and_is_no_part_of_the_transaction() {
    let mut receipt = landed();
    let form = receipt.request.as_mut().expect("a request");
    form["metadata"] = json!(r#"{"n":1.5,"é":null}"#);
    assert_eq!(doubts(&receipt), []);
    let signed = issued(receipt);
    let mut other = signed.clone();
    let form = other.receipt.request.as_mut().expect("a request");
    form["metadata"] = json!(r#"{"n":1.6,"é":null}"#);
    assert!(signed.is_signed() && !other.is_signed());
}

#[test]
fn what_is_changed_after_it_was_signed_breaks_the_signature() {
    let changes: [fn(&mut Receipt); 5] = [
        |it| it.issued_at = "2030-01-01T00:00:01Z".to_owned(),
        |it| it.finished_at = "2029-12-31T23:59:31Z".to_owned(),
        |it| it.intent_id = "01a2212e-31d6-773a-a8a2-1233ba18782f".to_owned(),
        |it| it.enqueued = Some(String::new()),
        |it| it.attempts[0].signed_at_ledger += 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut signed = issued(landed());
        change(&mut signed.receipt);
        assert!(!signed.is_signed(), "change {number}");
        let all = check(&signed, None);
        let wrong = all.iter().filter(|one| one.standing != Standing::Right);
        let wrong: Vec<&str> = wrong.map(|one| one.what.as_str()).collect();
        assert_eq!(wrong, ["signature"], "change {number}");
    }
}
