//! From the body to the signed envelope, byte for byte as an independent SDK makes them.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stellar_submitter::domain::envelope::{self, Plan};
use stellar_submitter::domain::intent::{Accounts, Request, read, read_stored};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops,
};
use stellar_submitter::domain::tag::Tag;
use stellar_submitter::signer::{LocalKeys, SecretKey, Signer as _};
use stellar_xdr::{Limits, TransactionEnvelope, WriteXdr as _};

pub fn all() -> Vec<Value> {
    let file: Value =
        serde_json::from_str(include_str!("../fixtures/vectors/envelopes.json")).expect("JSON");
    let vectors = file["envelopes"].as_array().expect("envelopes").clone();
    assert!(vectors.len() >= 20, "only {} vectors", vectors.len());
    vectors
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("a text")
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value, key: &str) -> T {
    text(value, key).parse().expect("a number")
}

pub fn account(vector: &Value, key: &str) -> AccountId {
    text(vector, key).parse().expect("an account")
}

pub fn request(vector: &Value) -> Request {
    let accounts = Accounts {
        default_source: account(vector, "source"),
        other_sources: Vec::new(),
        contracts: None,
    };
    read(&vector["body"], &accounts).expect("a body")
}

fn plan(vector: &Value) -> Plan {
    let plan = &vector["plan"];
    Plan {
        channel: account(vector, "channel"),
        sequence: Sequence(number(plan, "sequence")),
        min_time: ChainTime(number(plan, "min_time")),
        max_time: ChainTime(number(plan, "max_time")),
        max_ledger: LedgerSeq(number(plan, "max_ledger")),
        base_fee: Stroops::new(number(plan, "base_fee")).expect("a fee"),
        soroban: None,
    }
}

#[test]
fn tags_are_those_of_the_vectors() {
    for vector in all() {
        let request = request(&vector);
        assert_eq!(request.method, text(&vector, "method"));
        let network = NetworkId::of(text(&vector, "network_passphrase"));
        let parts = [
            text(&vector, "tenant"),
            &request.workflow_id,
            &request.method,
        ];
        let mut hashed = b"stellar-submitter/v1".to_vec();
        hashed.extend(network.0);
        for part in parts {
            hashed.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
            hashed.extend(part.as_bytes());
        }
        let digest: [u8; 32] = Sha256::digest(&hashed).into();
        assert_eq!(hex::encode(digest), text(&vector, "tag_digest"));
        let tag = request.key(text(&vector, "tenant")).tag(network);
        assert_eq!(tag, Tag::from_digest(digest));
        assert_eq!(tag.to_string(), text(&vector, "tag"));
    }
}

#[test]
fn envelopes_are_those_of_the_vectors_byte_for_byte() {
    for vector in all() {
        let name = text(&vector, "name");
        let read = request(&vector);
        // What is built is built from the record, so it goes through it here too.
        let request = read_stored(&read.to_json()).expect("a normal form");
        assert_eq!(request, read, "{name}");

        let keys = LocalKeys::new();
        for secret in vector["secrets"].as_object().expect("secrets").values() {
            keys.add(&SecretKey::parse(secret.as_str().expect("text")).expect("a secret key"));
        }
        let network = NetworkId::of(text(&vector, "network_passphrase"));
        let key = request.key(text(&vector, "tenant"));
        let plan = plan(&vector);

        let inner = envelope::build(&request, key.tag(network), &plan);
        let hash = envelope::inner_hash(&inner, network);
        assert_eq!(hash.to_string(), text(&vector, "inner_hash"), "{name}");
        assert_eq!(envelope::plan_of(&inner).as_ref(), Some(&plan), "{name}");
        assert!(
            envelope::recognise(network, &key, &request, &inner, None),
            "{name}"
        );

        let mut signers = vec![plan.channel];
        if request.source != plan.channel {
            signers.push(request.source);
        }
        let sign = |account| keys.sign(account, &hash.0).expect("a key");
        let signed = envelope::attach(inner, signers.into_iter().map(sign).collect());
        let plain = TransactionEnvelope::Tx(signed.clone());
        let base64 = plain.to_xdr_base64(Limits::none()).expect("it encodes");
        assert_eq!(base64, text(&vector, "inner_envelope_xdr"), "{name}");

        let fee_account = account(&vector, "fee_account");
        let fee = Stroops::new(number(&vector["plan"], "fee_bump_fee")).expect("a fee");
        let bump = envelope::fee_bump(signed.clone(), fee_account, key.tag(network), fee);
        let outer_hash = envelope::fee_bump_hash(&bump, network);
        assert_eq!(
            outer_hash.to_string(),
            text(&vector, "fee_bump_hash"),
            "{name}"
        );
        let signature = keys.sign(fee_account, &outer_hash.0).expect("a key");
        let bumped = envelope::sign_fee_bump(bump.clone(), vec![signature]);
        let base64 = bumped.to_xdr_base64(Limits::none()).expect("it encodes");
        assert_eq!(base64, text(&vector, "fee_bump_envelope_xdr"), "{name}");

        let decoded = envelope::decode(&envelope::encode(&bumped)).expect("an envelope");
        assert_eq!(decoded, (signed.clone(), Some(bump)), "{name}");
        let tag = envelope::tag_of(&decoded.0.tx, decoded.1.as_ref());
        assert_eq!(tag, Some(key.tag(network)), "{name}");
        let decoded = envelope::decode(&envelope::encode(&plain)).expect("an envelope");
        assert_eq!(decoded, (signed, None), "{name}");
        assert_eq!(
            envelope::tag_of(&decoded.0.tx, None),
            Some(key.tag(network)),
            "{name}"
        );
    }
}
