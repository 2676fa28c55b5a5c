//! Authorisations of a call: their nonces, what is signed, what others supply, and who has not signed.

use std::slice;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use stellar_submitter::domain::primitives::{AccountId, LedgerSeq};
use stellar_submitter::domain::soroban::Nonce;
use stellar_submitter::domain::soroban::auth::{
    AuthError, address_of, adopt, attach, credentials, missing_signatures, nonce_key, payload,
    set_nonces, unsigned_of,
};
use stellar_submitter::domain::soroban_plan::own_credentials;
use stellar_submitter::domain::tag::Tag;
use stellar_submitter::signer::SecretKey;
use stellar_xdr::{
    self as xdr, LedgerKey, Limits, ScVal, SorobanAddressCredentials,
    SorobanAddressCredentialsWithDelegates, SorobanAuthorizationEntry, SorobanAuthorizedFunction,
    SorobanCredentials, WriteXdr as _,
};

use crate::contracts::entry;
use crate::fixture::{account, network, source, stranger};
use crate::recorded::{auth_of, data_of, decoded, exchange, secret, sent, simulated};

/// The nonce of the recorded call.
const RECORDED_NONCE: i64 = 0x7123_4567_f4ae_45a2;

/// The source of the recorded calls.
fn recorded_source() -> AccountId {
    let address = "GAS6FCRZ47IGCFJCGMYOHD22K63J45K7QJRIGKZW7BKJK2ZYFNWC6SPA";
    address.parse().expect("an address")
}

fn unsigned(account: AccountId, nonce: i64) -> SorobanAddressCredentials {
    SorobanAddressCredentials {
        address: address_of(account),
        nonce,
        signature_expiration_ledger: 9,
        signature: ScVal::Void,
    }
}

/// An authorisation that waits for a signature.
fn asked(account: AccountId, nonce: i64) -> SorobanAuthorizationEntry {
    entry(SorobanCredentials::Address(unsigned(account, nonce)))
}

pub fn with_delegates(account: AccountId) -> SorobanAuthorizationEntry {
    entry(SorobanCredentials::AddressWithDelegates(
        SorobanAddressCredentialsWithDelegates {
            address_credentials: unsigned(account, 5),
            delegates: xdr::VecM::default(),
        },
    ))
}

/// The same, signed.
fn signed(account: AccountId, nonce: i64) -> SorobanAuthorizationEntry {
    let mut entry = asked(account, nonce);
    attach(&mut entry, account, [7; 64]);
    entry
}

/// The same authorisation for another function.
fn for_another_call(mut entry: SorobanAuthorizationEntry) -> SorobanAuthorizationEntry {
    if let SorobanAuthorizedFunction::ContractFn(call) = &mut entry.root_invocation.function {
        call.function_name = xdr::ScSymbol("boom".try_into().expect("short"));
    }
    entry
}

/// Resources whose footprint reads and writes these keys.
fn footprint(read_only: Vec<LedgerKey>, read_write: Vec<LedgerKey>) -> xdr::SorobanTransactionData {
    let mut data = xdr::SorobanTransactionData::default();
    data.resources.footprint = xdr::LedgerFootprint {
        read_only: read_only.try_into().expect("few"),
        read_write: read_write.try_into().expect("few"),
    };
    data
}

fn key(account: AccountId, nonce: i64) -> LedgerKey {
    nonce_key(&address_of(account), nonce)
}

#[test]
fn a_used_nonce_stands_under_the_key_that_a_real_ledger_has_for_it() {
    let asked = exchange("get-ledger-entries-nonce");
    let recorded: LedgerKey = decoded(&asked["request"]["params"]["keys"][0]);
    assert_eq!(key(recorded_source(), RECORDED_NONCE), recorded);
    let auth = auth_of(&sent("send-pending"));
    let nonce = Nonce::of(&auth[0]).expect("a nonce");
    assert_eq!(nonce, Nonce::of_account(recorded_source(), RECORDED_NONCE));
    assert_eq!(nonce.key(), recorded);
    assert_eq!(
        nonce.to_string(),
        format!("{} with the nonce {RECORDED_NONCE}", recorded_source())
    );
    assert_eq!(Nonce::of(&entry(SorobanCredentials::SourceAccount)), None);
}

#[test]
fn the_recorded_calls_are_tagged_and_signed_as_the_network_took_them() {
    let secret = SecretKey::parse(&secret("source")).expect("a key");
    for (first, second) in [
        ("simulate-inc-address-credentials", "simulate-again-inc"),
        ("simulate-sac-transfer", "simulate-again-sac-transfer"),
    ] {
        let (asked, given) = (simulated(first), sent(second));
        let (mut auth, mut data) = (asked.auth, asked.data);
        let wanted = auth_of(&given);
        let own = credentials(&wanted[0]).expect("by address");
        let tag = Tag::from_i64(own.nonce).expect("a tag");
        let expires = LedgerSeq(own.signature_expiration_ledger);
        let source = recorded_source();
        assert_eq!(set_nonces(&mut auth, &mut data, source, tag, expires), 1);
        assert_eq!(data, data_of(&given), "{first}: the footprint");
        let digest = payload(&auth[0], network()).expect("it is signed here");
        attach(&mut auth[0], source, secret.sign_digest(&digest));
        assert_eq!(auth, wanted, "{first}: the entry");
    }
}

#[test]
fn a_nonce_is_replaced_wherever_the_footprint_has_it_and_no_other_key_is() {
    let tag = Tag::from_i64(77).expect("a tag");
    let others = [key(stranger(), 5), key(source(), 6)];
    let before = |own: LedgerKey| {
        let [theirs, unused] = others.clone();
        footprint(vec![own.clone(), theirs], vec![unused, own])
    };
    let mut data = before(key(source(), 5));
    let mut auth = [asked(stranger(), 5), asked(source(), 5)];
    let set = set_nonces(&mut auth, &mut data, source(), tag, LedgerSeq(60));
    assert_eq!(set, 1);
    assert_eq!(data, before(key(source(), 77)));
    assert_eq!(auth[0], asked(stranger(), 5));
    let own = credentials(&auth[1]).expect("by address");
    assert_eq!((own.nonce, own.signature_expiration_ledger), (77, 60));
}

#[test]
fn what_is_signed_of_the_second_version_names_the_address_too() {
    let own = unsigned(source(), 0x0102_0304_0506_0708);
    let entry = entry(SorobanCredentials::AddressV2(own));
    // By hand: the envelope type of CAP-71, the network, nonce, expiration ledger, address and invocation.
    let mut bytes = vec![0, 0, 0, 10];
    bytes.extend(network().0);
    bytes.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    bytes.extend([0, 0, 0, 9]);
    // An address of an account, whose key is of the first type.
    bytes.extend([0; 8]);
    bytes.extend(source().0);
    let invocation = entry.root_invocation.to_xdr(Limits::none());
    bytes.extend(invocation.expect("it encodes"));
    let expected: [u8; 32] = Sha256::digest(bytes).into();
    assert_eq!(payload(&entry, network()), Ok(expected));
}

#[test]
fn what_cannot_be_signed_here_says_so() {
    let by_source = entry(SorobanCredentials::SourceAccount);
    assert_eq!(
        payload(&by_source, network()),
        Err(AuthError::NothingToSign)
    );
    let delegated = with_delegates(source());
    assert_eq!(payload(&delegated, network()), Err(AuthError::Delegates));
}

#[test]
fn a_supplied_authorisation_takes_the_place_of_the_one_that_was_asked_for() {
    let mut auth = [
        asked(source(), 1),
        for_another_call(asked(stranger(), 2)),
        asked(stranger(), 3),
    ];
    let unchanged = [auth[0].clone(), auth[1].clone()];
    let before = |nonce| {
        let read_write = vec![key(stranger(), 2), key(stranger(), nonce)];
        footprint(vec![key(source(), 1)], read_write)
    };
    let mut data = before(3);
    let given = signed(stranger(), 99);
    assert_eq!(adopt(&mut auth, &mut data, slice::from_ref(&given)), Ok(()));
    assert_eq!(auth[..2], unchanged);
    assert_eq!(auth[2], given);
    // The nonce is the one that was signed, and so is the key that the call writes.
    assert_eq!(data, before(99));
}

#[test]
fn equal_authorisations_take_the_place_of_as_many_as_were_asked_for_and_of_no_more() {
    let asked = || [asked(stranger(), 1), asked(stranger(), 2)];
    let given = [signed(stranger(), 11), signed(stranger(), 12)];
    let mut data = footprint(Vec::new(), vec![key(stranger(), 1), key(stranger(), 2)]);
    let mut auth = asked();
    assert_eq!(adopt(&mut auth, &mut data, &given), Ok(()));
    assert_eq!(auth, given);
    let written = vec![key(stranger(), 11), key(stranger(), 12)];
    assert_eq!(data, footprint(Vec::new(), written));
    let [first, second] = given;
    let thrice = [first, second, signed(stranger(), 13)];
    let refused = adopt(&mut asked(), &mut data, &thrice);
    let theirs = stranger().to_string();
    assert_eq!(refused, Err(AuthError::NotAskedFor(theirs)));
}

#[test]
fn an_authorisation_that_the_call_does_not_ask_for_is_refused_with_its_address() {
    let (own, theirs) = (source().to_string(), stranger().to_string());
    for (told, given, error) in [
        (
            "of another account",
            signed(source(), 9),
            AuthError::NotAskedFor(own),
        ),
        (
            "for another call",
            for_another_call(signed(stranger(), 9)),
            AuthError::NotAskedFor(theirs),
        ),
        (
            "by being the source",
            entry(SorobanCredentials::SourceAccount),
            AuthError::NothingToSign,
        ),
    ] {
        let mut auth = [asked(stranger(), 1)];
        let mut data = footprint(Vec::new(), vec![key(stranger(), 1)]);
        assert_eq!(adopt(&mut auth, &mut data, &[given]), Err(error), "{told}");
        assert_eq!(auth, [asked(stranger(), 1)], "{told}");
    }
}

#[test]
fn only_an_accounts_own_entries_without_a_signature_are_to_be_signed() {
    let auth = [
        asked(stranger(), 1),
        asked(source(), 2),
        signed(source(), 3),
        entry(SorobanCredentials::SourceAccount),
        asked(source(), 4),
    ];
    let of = |account| unsigned_of(&auth, account).collect::<Vec<usize>>();
    assert_eq!(of(source()), [1, 4]);
    assert_eq!(of(stranger()), [0]);
    assert_eq!(of(account(7)), [] as [usize; 0]);
}

#[test]
fn whoever_has_not_signed_is_named_once_and_in_order() {
    let auth = [
        asked(stranger(), 1),
        entry(SorobanCredentials::SourceAccount),
        signed(account(7), 2),
        // Whether its delegates suffice, the second simulation says.
        with_delegates(account(8)),
        asked(source(), 3),
        asked(stranger(), 4),
    ];
    let missing = [address_of(stranger()), address_of(source())];
    assert_eq!(missing_signatures(&auth), missing);
    assert_eq!(missing_signatures(&auth[1..4]), []);
}

#[test]
fn a_signature_is_one_map_of_key_and_signature_in_a_list() {
    let mut entry = signed(source(), 1);
    let own = own_credentials(&mut entry, source()).expect("an own one");
    let shown = serde_json::to_value(&own.signature).expect("JSON");
    let bytes = |text: String| json!({"bytes": text});
    let expected = json!({"vec": [{"map": [
        {"key": {"symbol": "public_key"}, "val": bytes("01".repeat(32))},
        {"key": {"symbol": "signature"}, "val": bytes("07".repeat(64))},
    ]}]});
    assert_eq!(shown, expected);
}
