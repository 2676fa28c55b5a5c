//! From the recorded simulations to the recorded envelopes: nonce, footprint, signature, resources, byte for byte.

use stellar_submitter::domain::envelope::inner_hash;
use stellar_submitter::domain::landed::envelope_hashes;
use stellar_submitter::domain::primitives::{AccountId, LedgerSeq, TxHash};
use stellar_submitter::domain::soroban::auth::{
    AuthError, adopt, attach, by_address, credentials, missing_signatures, nonce, nonce_key,
    payload, set_nonces, unsigned_of,
};
use stellar_submitter::domain::soroban::{
    LimitExceeded, Margin, Need, NetworkLimits, Resource, Simulated, limits, plan,
};
use stellar_submitter::domain::tag::Tag;
use stellar_submitter::signer::SecretKey;
use stellar_xdr as xdr;

use crate::capture::{Capture, named, network, secret, source};

/// The limits of the captured network, as testnet has them.
fn network_limits() -> NetworkLimits {
    NetworkLimits {
        instructions: 100_000_000,
        disk_read_entries: 100,
        disk_read_bytes: 200_000,
        write_entries: 50,
        write_bytes: 132_096,
        footprint_entries: Some(100),
        size_bytes: 132_096,
        key_bytes: 250,
        max_entry_ttl: 3_110_400,
    }
}

fn data_of(envelope: &xdr::TransactionV1Envelope) -> xdr::SorobanTransactionData {
    match &envelope.tx.ext {
        xdr::TransactionExt::V1(data) => data.clone(),
        xdr::TransactionExt::V0 => panic!("no Soroban data"),
    }
}

fn auth_of(envelope: &xdr::TransactionV1Envelope) -> Vec<xdr::SorobanAuthorizationEntry> {
    match &envelope.tx.operations[0].body {
        xdr::OperationBody::InvokeHostFunction(call) => call.auth.to_vec(),
        other => panic!("{}", other.name()),
    }
}

fn planned(simulated: &Simulated) -> xdr::SorobanTransactionData {
    plan::resources(simulated, Margin::NONE, &network_limits()).unwrap()
}

/// The captured transaction with this data and these entries in the place of its own has its hash.
fn assert_builds(
    capture: &Capture,
    data: xdr::SorobanTransactionData,
    auth: Vec<xdr::SorobanAuthorizationEntry>,
) {
    let sent = capture.inner();
    let mut built = sent.tx.clone();
    built.ext = xdr::TransactionExt::V1(data);
    let mut operations = built.operations.to_vec();
    if let xdr::OperationBody::InvokeHostFunction(call) = &mut operations[0].body {
        call.auth = auth.try_into().unwrap();
    }
    built.operations = operations.try_into().unwrap();
    assert_eq!(built, sent.tx, "{}", capture.name);
    let hash: TxHash = capture.response.body["result"]["hash"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let (inner, outer) = envelope_hashes(network(), capture.posted()).unwrap();
    assert_eq!(inner_hash(&built, network()), inner, "{}", capture.name);
    assert_eq!(outer.unwrap_or(inner), hash, "{}", capture.name);
}

#[test]
fn the_tag_takes_the_place_of_the_nonce_in_the_entry_and_in_the_footprint() {
    for (first, second) in [
        ("simulate-inc-address-credentials", "simulate-again-inc"),
        ("simulate-sac-transfer", "simulate-again-sac-transfer"),
    ] {
        let (first, second) = (named(first).simulated(), named(second).inner());
        assert_eq!(Need::of(&first, source()), Need::Address);
        let (mut data, mut auth) = (first.data, first.auth);
        let random = credentials(&auth[0]).unwrap().nonce;
        let given = auth_of(&second);
        let wanted = credentials(&given[0]).unwrap();
        let tag = Tag::from_i64(wanted.nonce).unwrap();
        let expires = LedgerSeq(wanted.signature_expiration_ledger);

        assert_eq!(set_nonces(&mut auth, &mut data, source(), tag, expires), 1);
        assert_eq!(
            data,
            data_of(&second),
            "the footprint that was simulated again"
        );
        let random = nonce_key(&credentials(&auth[0]).unwrap().address, random);
        assert!(!data.resources.footprint.read_write.contains(&random));

        let unsigned: Vec<usize> = unsigned_of(&auth, source()).collect();
        assert_eq!(unsigned, [0]);
        assert_eq!(missing_signatures(&auth).len(), 1);
        let key = SecretKey::parse(&secret("source")).unwrap();
        let digest = payload(&auth[0], network()).unwrap();
        attach(&mut auth[0], key.account(), key.sign_digest(&digest));
        assert_eq!(auth, given, "the entry that was signed");
        assert!(missing_signatures(&auth).is_empty());
    }
}

#[test]
fn the_second_simulation_gives_the_resources_and_footprints_that_were_sent() {
    for (simulation, sent) in [
        ("simulate-again-inc", "send-pending"),
        ("simulate-again-inc", "send-nonce-used"),
        ("simulate-again-sac-transfer", "send-sac-transfer"),
        ("simulate-again-tick", "send-fee-bump-muxed"),
        ("simulate-archived", "send-archived-autorestore"),
        ("simulate-again-inc-for-errors", "send-error-bad-seq"),
        ("simulate-again-inc-for-errors", "send-error-bad-auth"),
    ] {
        let simulated = named(simulation).simulated();
        assert_builds(&named(sent), planned(&simulated), simulated.auth);
    }
    // What was recorded to fail differs from its simulation in exactly what makes it fail.
    let right = planned(&named("simulate-again-inc-for-errors").simulated());
    let wrong = data_of(&named("send-resource-limit").inner());
    assert_eq!(right.resources.footprint, wrong.resources.footprint);
    assert!(wrong.resources.instructions < right.resources.instructions);
    let wrong = data_of(&named("send-error-resource-fee").inner());
    assert_eq!(right.resources, wrong.resources);
    assert!(wrong.resource_fee < right.resource_fee);
}

#[test]
fn archived_entries_are_restored_by_the_call_itself() {
    let simulated = named("simulate-archived").simulated();
    assert_eq!(simulated.restoration, None);
    let sent = data_of(&named("send-archived-autorestore").inner());
    assert!(matches!(sent.ext, xdr::SorobanTransactionDataExt::V1(_)));
    assert_eq!(sent, planned(&simulated));
    // Without them named, it failed in the ledger.
    let without = data_of(&named("send-entry-archived").inner());
    assert!(matches!(without.ext, xdr::SorobanTransactionDataExt::V0));
}

#[test]
fn what_no_ledger_takes_is_refused_by_name_before_it_is_sent() {
    let sent = data_of(&named("send-error-soroban-invalid").inner());
    let asked = u64::from(sent.resources.instructions);
    let limits = network_limits();
    assert_eq!(
        limits.check(&sent),
        Err(LimitExceeded {
            resource: Resource::Instructions,
            asked,
            limit: 100_000_000
        })
    );
    let text = limits.check(&sent).unwrap_err().to_string();
    assert!(
        text.contains(&asked.to_string()) && text.contains("instructions"),
        "{text}"
    );

    let simulated = named("simulate-archived").simulated();
    let refused = |limits: NetworkLimits| {
        let refused = plan::resources(&simulated, Margin::NONE, &limits).unwrap_err();
        (refused.resource, refused.asked, refused.limit)
    };
    assert_eq!(
        refused(NetworkLimits {
            disk_read_entries: 1,
            ..limits
        }),
        (Resource::DiskReadEntries, 2, 1)
    );
    assert_eq!(
        refused(NetworkLimits {
            disk_read_bytes: 183,
            ..limits
        }),
        (Resource::DiskReadBytes, 184, 183)
    );
    assert_eq!(
        refused(NetworkLimits {
            write_entries: 1,
            ..limits
        }),
        (Resource::WriteEntries, 2, 1)
    );
    assert_eq!(
        refused(NetworkLimits {
            write_bytes: 100,
            ..limits
        }),
        (Resource::WriteBytes, 184, 100)
    );
    assert_eq!(
        refused(NetworkLimits {
            footprint_entries: Some(2),
            ..limits
        }),
        (Resource::FootprintEntries, 3, 2)
    );
    assert_eq!(
        refused(NetworkLimits {
            key_bytes: 10,
            ..limits
        })
        .0,
        Resource::KeySize
    );
    assert_eq!(limits.check_size(132_096), Ok(()));
    assert_eq!(
        limits.check_size(132_097).unwrap_err().resource,
        Resource::Size
    );
}

#[test]
fn a_margin_raises_resources_and_fee_and_stops_at_the_limits() {
    let simulated = named("simulate-again-inc").simulated();
    let limits = network_limits();
    let exact = planned(&simulated);
    let raised = plan::resources(&simulated, Margin::percent(10), &limits).unwrap();
    let (is, was) = (&raised.resources, &exact.resources);
    assert_eq!(
        u64::from(is.instructions),
        (u64::from(was.instructions) * 110).div_ceil(100)
    );
    assert_eq!(is.disk_read_bytes, 159, "144 bytes and a tenth, rounded up");
    assert_eq!(is.write_bytes, 172, "156 bytes and a tenth, rounded up");
    assert_eq!(is.footprint, was.footprint);
    assert_eq!(raised.resource_fee, 119_737 * 11 / 10 + 1 + 100);

    let tight = NetworkLimits {
        instructions: i64::from(was.instructions) + 5,
        write_bytes: was.write_bytes,
        ..limits
    };
    let raised = plan::resources(&simulated, Margin::percent(200), &tight).unwrap();
    assert_eq!(raised.resources.instructions, was.instructions + 5);
    assert_eq!(raised.resources.write_bytes, was.write_bytes);
}

#[test]
fn what_a_call_asks_of_its_source_decides_its_guard() {
    for (name, need) in [
        ("simulate-inc-address-credentials", Need::Address),
        (
            "simulate-inc-source-is-operation-source",
            Need::SourceAccount,
        ),
        ("simulate-tick-no-auth", Need::Nothing),
        ("simulate-get-read-only", Need::ReadOnly),
    ] {
        assert_eq!(Need::of(&named(name).simulated(), source()), need, "{name}");
    }
    // Somebody else's authorisation is nothing of the source.
    let theirs = named("simulate-inc-address-credentials").simulated();
    assert_eq!(Need::of(&theirs, AccountId([7; 32])), Need::Nothing);
}

#[test]
fn an_authorisation_by_source_account_becomes_one_with_a_nonce() {
    let simulated = named("simulate-inc-source-is-operation-source").simulated();
    let (mut data, mut auth) = (simulated.data, simulated.auth);
    assert_eq!(payload(&auth[0], network()), Err(AuthError::NothingToSign));
    by_address(&mut auth, source());
    let tag = Tag::from_i64(12).unwrap();
    assert_eq!(
        set_nonces(&mut auth, &mut data, source(), tag, LedgerSeq(9)),
        1
    );
    let own = credentials(&auth[0]).unwrap();
    assert_eq!((own.nonce, own.signature_expiration_ledger), (12, 9));
}

#[test]
fn nonces_behind_the_tag_differ_and_come_from_it() {
    let simulated = named("simulate-inc-address-credentials").simulated();
    let mut auth = vec![simulated.auth[0].clone(); 3];
    let mut data = simulated.data;
    let tag = Tag::from_i64(77).unwrap();
    assert_eq!(
        set_nonces(&mut auth, &mut data, source(), tag, LedgerSeq(9)),
        3
    );
    let nonces: Vec<i64> = auth
        .iter()
        .map(|one| credentials(one).unwrap().nonce)
        .collect();
    assert_eq!(nonces, [77, nonce(tag, 1), nonce(tag, 2)]);
    assert!(nonces[1] > 0 && nonces[2] > 0 && nonces[1] != nonces[2] && nonces[1] != 77);
}

#[test]
fn supplied_entries_of_others_are_taken_for_what_they_authorise_and_nothing_else() {
    let asked = named("simulate-inc-address-credentials").simulated();
    let signed = auth_of(&named("simulate-again-inc").inner());
    let (mut data, mut auth) = (asked.data.clone(), asked.auth.clone());
    adopt(&mut auth, &mut data, &signed).unwrap();
    assert_eq!(auth, signed);
    assert_eq!(data, data_of(&named("simulate-again-inc").inner()));
    // Twice is once too often, and another call is another matter.
    let twice = [signed[0].clone(), signed[0].clone()];
    let (mut data, mut auth) = (asked.data.clone(), asked.auth.clone());
    let refused = adopt(&mut auth, &mut data, &twice).unwrap_err();
    assert_eq!(refused, AuthError::NotAskedFor(source().to_string()));
    let other = auth_of(&named("simulate-again-sac-transfer").inner());
    let (mut data, mut auth) = (asked.data, asked.auth);
    assert!(adopt(&mut auth, &mut data, &other).is_err());
}

#[test]
fn the_networks_settings_are_read_and_a_missing_one_is_named() {
    let keys = limits::setting_keys();
    assert_eq!(keys.len(), 6);
    let missing = NetworkLimits::of(&[]).unwrap_err();
    assert!(
        missing.to_string().contains("contract_compute_v0"),
        "{missing}"
    );
}
