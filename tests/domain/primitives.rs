//! Amounts, addresses, hashes and ledgers as they are written and read.

use serde_json::json;
use stellar_submitter::domain::primitives::{
    AccountId, AddressError, LedgerSeq, NetworkId, Stroops, TxHash, explain_address,
};
use stellar_xdr::Hash;

use crate::bad_values::{contract, muxed};
use crate::fixture::{account, stroops};

#[test]
fn an_amount_is_a_decimal_text_in_json() {
    for (text, written, amount) in [
        ("12.5", "12.5", 125_000_000),
        ("0012.50", "12.5", 125_000_000),
        ("0.0000001", "0.0000001", 1),
        ("0", "0", 0),
        ("922337203685.4775807", "922337203685.4775807", i64::MAX),
    ] {
        let read: Stroops = serde_json::from_value(json!(text)).expect("an amount");
        assert_eq!(read, stroops(amount), "{text}");
        assert_eq!(serde_json::to_value(read).expect("JSON"), json!(written));
    }
    for no_amount in [
        json!(""),
        json!("-1"),
        json!("1e3"),
        json!("0.00000001"),
        json!("922337203685.4775808"),
        json!(1),
        json!(null),
    ] {
        let read = serde_json::from_value::<Stroops>(no_amount.clone());
        assert!(read.is_err(), "{no_amount}");
    }
}

#[test]
fn addresses_and_hashes_are_texts_wherever_they_are_shown() {
    // The key of 32 zeros, as every SDK writes it.
    let zero = "GAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWHF";
    let id = AccountId([0; 32]);
    assert_eq!(id.to_string(), zero);
    assert_eq!(format!("{id:?}"), zero);
    assert_eq!(serde_json::to_value(id).expect("JSON"), json!(zero));
    assert_eq!(
        serde_json::from_value::<AccountId>(json!(zero)).expect("an address"),
        id
    );
    let hash = TxHash([0xab; 32]);
    let text = "ab".repeat(32);
    assert_eq!(hash.to_string(), text);
    assert_eq!(format!("{hash:?}"), text);
    assert_eq!(serde_json::to_value(hash).expect("JSON"), json!(text));
    assert_eq!(
        serde_json::from_value::<TxHash>(json!(text)).expect("a hash"),
        hash
    );
    for none in ["", "ab", &text[1..], &format!("{text}ab"), &"xy".repeat(32)] {
        assert!(none.parse::<TxHash>().is_err(), "{none}");
    }
    assert_eq!(LedgerSeq(51_000_012).to_string(), "51000012");
}

#[test]
fn a_network_is_the_hash_of_its_passphrase() {
    for (passphrase, id) in [
        (
            "Public Global Stellar Network ; September 2015",
            "7ac33997544e3175d266bd022439b22cdb16508c01163f26e5cb2a3e1045a979",
        ),
        (
            "Test SDF Network ; September 2015",
            "cee0302d59844d32bdca915c8203dd44b33fbb7edc19051ea37abedf28ecd472",
        ),
    ] {
        let Hash(bytes) = NetworkId::of(passphrase).to_xdr();
        assert_eq!(hex::encode(bytes), id, "{passphrase}");
    }
}

#[test]
fn an_address_with_letters_mistyped_is_told_from_what_is_none() {
    let of = |first: &str, letters: usize| first.to_owned() + &"A".repeat(letters - first.len());
    for (text, expected) in [
        (of("G", 56), AddressError::Checksum),
        (of("M", 69), AddressError::Checksum),
        // One letter too few or too many, or as many as another kind has.
        (of("G", 55), AddressError::Malformed),
        (of("G", 57), AddressError::Malformed),
        (of("G", 69), AddressError::Malformed),
        (of("M", 68), AddressError::Malformed),
        (of("M", 70), AddressError::Malformed),
        (of("M", 56), AddressError::Malformed),
        (of("A", 56), AddressError::Malformed),
        (of("A", 69), AddressError::Malformed),
        (of("Ga", 56), AddressError::Malformed),
        (of("M-", 69), AddressError::Malformed),
        (muxed(), AddressError::Kind("M… (muxed)")),
        (contract(), AddressError::Kind("C… (contract)")),
        (account(7).to_string(), AddressError::Kind("G…")),
    ] {
        assert_eq!(explain_address(&text), expected, "{text}");
    }
}
