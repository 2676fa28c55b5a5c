//! Keys and signatures against vectors of an independent SDK.

use secrecy::ExposeSecret as _;
use serde_json::Value;
use stellar_submitter::domain::primitives::{AccountId, NetworkId};
use stellar_submitter::signer::{
    ChannelSeed, LocalKeys, SecretKey, SecretKeyError, SeedError, SignError, Signer as _,
};
use stellar_xdr::{FeeBumpTransactionInnerTx, Limits, ReadXdr as _, TransactionEnvelope};

const MNEMONIC: &str = "illness spike retreat truth genius clock brain pass fit cave bargain toe";

fn vectors() -> Value {
    serde_json::from_str(include_str!("fixtures/vectors/envelopes.json")).expect("the vectors")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text {key}"))
}

#[test]
fn sep5_accounts_are_those_of_the_vectors() {
    let sep5 = &vectors()["sep5"];
    let seed = ChannelSeed::from_mnemonic(text(sep5, "mnemonic"), text(sep5, "passphrase"));
    let seed = seed.expect("a mnemonic");
    let accounts = sep5["accounts"].as_array().expect("accounts");
    assert_eq!(accounts.len(), 10);
    for (index, account) in accounts.iter().enumerate() {
        let key = seed
            .channel(u32::try_from(index).expect("few"))
            .expect("an index");
        assert_eq!(key.account().to_string(), text(account, "public"));
        assert_eq!(key.written().expose_secret(), text(account, "secret"));
    }
}

#[test]
fn a_passphrase_makes_other_accounts() {
    // SEP-5, test 4.
    let words = "cable spray genius state float twenty onion head street palace net private method loan turn phrase state blanket interest dry amazing dress blast tube";
    let seed = ChannelSeed::from_mnemonic(words, "p4ssphr4se").expect("a mnemonic");
    let first = seed.channel(0).expect("an index").account().to_string();
    assert_eq!(
        first,
        "GDAHPZ2NSYIIHZXM56Y36SBVTV5QKFIZGYMMBHOU53ETUSWTP62B63EQ"
    );
}

#[test]
fn a_mnemonic_in_any_case_and_its_seed_in_hexadecimal_are_the_same() {
    let hexadecimal = "e4a5a632e70943ae7f07659df1332160937fad82587216a4c64315a0fb39497ee4a01f76ddab4cba68147977f3a147b6ad584c41808e8238a07f6cc4b582f186";
    let first = "GDRXE2BQUC3AZNPVFSCEZ76NJ3WWL25FYFK6RGZGIEKWE4SOOHSUJUJ6";
    let loud = format!("  {}\n", MNEMONIC.to_uppercase().replace(' ', "  "));
    for text in [MNEMONIC, &loud, hexadecimal] {
        let seed = ChannelSeed::parse(text).expect("a seed");
        assert_eq!(
            seed.channel(0).expect("an index").account().to_string(),
            first
        );
    }
    assert_eq!(
        ChannelSeed::parse(MNEMONIC)
            .expect("a seed")
            .channel(1 << 31)
            .expect_err("no index"),
        SeedError::Index(1 << 31)
    );
}

#[test]
fn a_wrong_seed_is_named_and_not_repeated() {
    let cases = [
        (MNEMONIC.replace("retreat", "retreet"), SeedError::Word(3)),
        (MNEMONIC.replace(" toe", ""), SeedError::WordCount(11)),
        (
            MNEMONIC.replace("illness spike", "spike illness"),
            SeedError::Checksum,
        ),
        (
            "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMN".to_owned(),
            SeedError::SecretKey,
        ),
        ("nonsense".to_owned(), SeedError::Malformed),
        ("abc".to_owned(), SeedError::OddDigits),
        ("ab".repeat(15), SeedError::Length(15)),
        ("ab".repeat(65), SeedError::Length(65)),
    ];
    for (given, expected) in cases {
        let error = ChannelSeed::parse(&given).expect_err("not a seed");
        assert_eq!(error, expected);
        for word in given.split_whitespace() {
            assert!(!error.to_string().contains(word), "{error}");
        }
    }
    ChannelSeed::parse(&"ab".repeat(16)).expect("16 bytes are a seed");
}

#[test]
fn a_wrong_secret_key_is_named_and_not_repeated() {
    let secret = "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMN";
    let cases = [
        (
            "GDRXE2BQUC3AZNPVFSCEZ76NJ3WWL25FYFK6RGZGIEKWE4SOOHSUJUJ6",
            SecretKeyError::Address("G…"),
        ),
        (
            "MBDVP4ULM2YGOQXJ5C57OJA4QQDVAB4KCZZYBKMQW2U5TP54NJ7T24JDIVTYTK6N6DA6E",
            SecretKeyError::Address("M…"),
        ),
        (MNEMONIC, SecretKeyError::Words),
        (
            "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMM",
            SecretKeyError::Checksum,
        ),
        (
            "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVM",
            SecretKeyError::Malformed,
        ),
    ];
    for (given, expected) in cases {
        let error = SecretKey::parse(given).expect_err("not a secret key");
        assert_eq!(error, expected);
        assert!(!error.to_string().contains(given));
    }
    let key = SecretKey::parse(secret).expect("a key");
    let keys = LocalKeys::new();
    keys.add(&key);
    let shown = format!("{key:?} {keys:?} {:?}", ChannelSeed::parse(MNEMONIC));
    assert!(
        !shown.contains("SBGW") && !shown.contains("illness"),
        "{shown}"
    );
}

#[test]
fn signatures_are_those_of_the_vectors_byte_for_byte() {
    let vectors = vectors();
    let envelopes = vectors["envelopes"].as_array().expect("envelopes");
    let mut compared = 0;
    for vector in envelopes {
        let keys = LocalKeys::new();
        for secret in vector["secrets"].as_object().expect("secrets").values() {
            keys.add(&SecretKey::parse(secret.as_str().expect("text")).expect("a secret key"));
        }
        let network = NetworkId::of(text(vector, "network_passphrase"));
        let bump = TransactionEnvelope::from_xdr_base64(
            text(vector, "fee_bump_envelope_xdr"),
            Limits::none(),
        );
        let Ok(TransactionEnvelope::TxFeeBump(bump)) = bump else {
            panic!("{}: no fee bump", text(vector, "name"));
        };
        let FeeBumpTransactionInnerTx::Tx(inner) = &bump.tx.inner_tx;
        let account = |key: &str| text(vector, key).parse::<AccountId>().expect("an account");
        let inner_hash = inner.tx.hash(network.0).expect("it encodes");
        let outer_hash = bump.tx.hash(network.0).expect("it encodes");
        let mut signers = vec![account("channel")];
        if account("source") != account("channel") {
            signers.push(account("source"));
        }
        assert_eq!(signers.len(), inner.signatures.len());
        for (signer, expected) in signers.into_iter().zip(inner.signatures.iter()) {
            assert_eq!(keys.sign(signer, &inner_hash).as_ref(), Ok(expected));
            compared += 1;
        }
        let fee = keys.sign(account("fee_account"), &outer_hash);
        assert_eq!(fee.as_ref(), Ok(&bump.signatures[0]));
        compared += 1;
    }
    assert!(compared > 50, "only {compared} signatures were compared");
}

#[test]
fn an_account_without_a_key_is_an_error() {
    let nobody = AccountId([9; 32]);
    let keys = LocalKeys::new();
    assert_eq!(
        keys.sign(nobody, &[0; 32]),
        Err(SignError::UnknownAccount(nobody))
    );
    assert!(!keys.holds(nobody));
}
