//! What the network lets one transaction have: read from its settings, and held against what a call needs.

use stellar_submitter::domain::soroban::auth::{address_of, nonce_key};
use stellar_submitter::domain::soroban::limits::setting_keys;
use stellar_submitter::domain::soroban::{LimitExceeded, NetworkLimits, Resource};
use stellar_xdr::{
    self as xdr, ConfigSettingContractBandwidthV0, ConfigSettingContractComputeV0,
    ConfigSettingContractLedgerCostExtV0, ConfigSettingContractLedgerCostV0, ConfigSettingEntry,
    LedgerKey, SorobanTransactionData, StateArchivalSettings,
};

use crate::fixture::source;
use crate::recorded::{data_of, sent, simulated};

/// Limits that nothing here reaches.
pub const WIDE: NetworkLimits = NetworkLimits {
    instructions: i64::MAX,
    disk_read_entries: u32::MAX,
    disk_read_bytes: u32::MAX,
    write_entries: u32::MAX,
    write_bytes: u32::MAX,
    footprint_entries: None,
    size_bytes: u32::MAX,
    key_bytes: u32::MAX,
    max_entry_ttl: u32::MAX,
};

/// Each setting that is read, with numbers that differ, and the name by which it is missed.
fn settings() -> Vec<(ConfigSettingEntry, &'static str)> {
    vec![
        (
            ConfigSettingEntry::ContractComputeV0(ConfigSettingContractComputeV0 {
                ledger_max_instructions: 901,
                tx_max_instructions: 101,
                ..Default::default()
            }),
            "contract_compute_v0",
        ),
        (
            ConfigSettingEntry::ContractLedgerCostV0(ConfigSettingContractLedgerCostV0 {
                ledger_max_disk_read_entries: 902,
                ledger_max_disk_read_bytes: 903,
                ledger_max_write_ledger_entries: 904,
                ledger_max_write_bytes: 905,
                tx_max_disk_read_entries: 102,
                tx_max_disk_read_bytes: 103,
                tx_max_write_ledger_entries: 104,
                tx_max_write_bytes: 105,
                ..Default::default()
            }),
            "contract_ledger_cost_v0",
        ),
        (
            ConfigSettingEntry::ContractBandwidthV0(ConfigSettingContractBandwidthV0 {
                ledger_max_txs_size_bytes: 906,
                tx_max_size_bytes: 107,
                ..Default::default()
            }),
            "contract_bandwidth_v0",
        ),
        (
            ConfigSettingEntry::ContractDataKeySizeBytes(108),
            "contract_data_key_size_bytes",
        ),
        (
            ConfigSettingEntry::StateArchival(StateArchivalSettings {
                max_entry_ttl: 109,
                min_temporary_ttl: 907,
                ..Default::default()
            }),
            "state_archival",
        ),
    ]
}

/// The one that networks below protocol 23 do not have.
fn footprint_setting() -> ConfigSettingEntry {
    ConfigSettingEntry::ContractLedgerCostExtV0(ConfigSettingContractLedgerCostExtV0 {
        tx_max_footprint_entries: 106,
        fee_write1_kb: 908,
    })
}

/// The limits that [`settings`] and [`footprint_setting`] are.
fn read_limits() -> NetworkLimits {
    NetworkLimits {
        instructions: 101,
        disk_read_entries: 102,
        disk_read_bytes: 103,
        write_entries: 104,
        write_bytes: 105,
        footprint_entries: Some(106),
        size_bytes: 107,
        key_bytes: 108,
        max_entry_ttl: 109,
    }
}

#[test]
fn every_limit_is_read_from_its_own_setting_in_whatever_order() {
    let mut all: Vec<_> = settings().into_iter().map(|(setting, _)| setting).collect();
    // Others that a server may add are passed over.
    all.push(ConfigSettingEntry::ContractDataEntrySizeBytes(999));
    all.push(ConfigSettingEntry::ContractMaxSizeBytes(998));
    let without = NetworkLimits {
        footprint_entries: None,
        ..read_limits()
    };
    assert_eq!(NetworkLimits::of(&all), Ok(without));
    all.push(footprint_setting());
    assert_eq!(NetworkLimits::of(&all), Ok(read_limits()));
    all.reverse();
    assert_eq!(NetworkLimits::of(&all), Ok(read_limits()));
}

#[test]
fn a_missing_setting_is_named() {
    for (at, (_, name)) in settings().into_iter().enumerate() {
        let mut all: Vec<_> = settings().into_iter().map(|(setting, _)| setting).collect();
        all.push(footprint_setting());
        all.remove(at);
        let missing = NetworkLimits::of(&all).expect_err(name);
        assert_eq!(missing.0, name);
        assert!(missing.to_string().contains(name), "{missing}");
    }
}

#[test]
fn the_settings_that_are_asked_for_are_those_that_are_read() {
    // By the numbers that the protocol gives them.
    let asked: Vec<i32> = setting_keys()
        .into_iter()
        .map(|key| match key {
            LedgerKey::ConfigSetting(key) => key.config_setting_id as i32,
            other => panic!("{}", other.name()),
        })
        .collect();
    let ids = settings().into_iter().map(|(setting, _)| setting);
    let mut read: Vec<i32> = ids
        .chain([footprint_setting()])
        .map(|setting| setting.discriminant() as i32)
        .collect();
    read.sort_unstable();
    let mut sorted = asked.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, read);
    assert_eq!(sorted, [1, 2, 5, 8, 10, 15], "{asked:?}");
}

/// A key of 36 bytes: a type and a hash.
fn code() -> LedgerKey {
    LedgerKey::ContractCode(xdr::LedgerKeyContractCode {
        hash: xdr::Hash([3; 32]),
    })
}

/// A key of 60 bytes: a type, an address of 40, a nonce of 12 and a durability.
fn contract_data() -> LedgerKey {
    nonce_key(&address_of(source()), 1)
}

/// A key of 40 bytes of an entry that is read from disk: a type and an account.
fn classic() -> LedgerKey {
    LedgerKey::Account(xdr::LedgerKeyAccount {
        account_id: source().to_xdr(),
    })
}

/// A call that needs as much as these limits have, and no more of anything.
fn call() -> (SorobanTransactionData, NetworkLimits) {
    let footprint = xdr::LedgerFootprint {
        read_only: vec![code(), classic()].try_into().expect("few"),
        read_write: vec![contract_data(), classic(), code()]
            .try_into()
            .expect("few"),
    };
    let restored = xdr::SorobanResourcesExtV0 {
        archived_soroban_entries: vec![0, 1, 2].try_into().expect("few"),
    };
    let data = SorobanTransactionData {
        ext: xdr::SorobanTransactionDataExt::V1(restored),
        resources: xdr::SorobanResources {
            footprint,
            instructions: 1_000,
            disk_read_bytes: 200,
            write_bytes: 300,
        },
        resource_fee: 5_000,
    };
    let limits = NetworkLimits {
        instructions: 1_000,
        // Two classic ones and three from the archive: what else a contract has is in memory.
        disk_read_entries: 5,
        disk_read_bytes: 200,
        write_entries: 3,
        write_bytes: 300,
        footprint_entries: Some(5),
        size_bytes: 10_000,
        key_bytes: 60,
        max_entry_ttl: 100,
    };
    (data, limits)
}

#[test]
fn a_call_may_have_exactly_the_limit_and_not_one_more() {
    let (data, limits) = call();
    assert_eq!(limits.check(&data), Ok(()));
    let lower = |lower: fn(&mut NetworkLimits)| {
        let mut limits = limits;
        lower(&mut limits);
        limits
    };
    for (resource, asked, limits) in [
        (
            Resource::Instructions,
            1_000,
            lower(|limits| limits.instructions -= 1),
        ),
        (
            Resource::DiskReadEntries,
            5,
            lower(|limits| limits.disk_read_entries -= 1),
        ),
        (
            Resource::DiskReadBytes,
            200,
            lower(|limits| limits.disk_read_bytes -= 1),
        ),
        (
            Resource::WriteEntries,
            3,
            lower(|limits| limits.write_entries -= 1),
        ),
        (
            Resource::WriteBytes,
            300,
            lower(|limits| limits.write_bytes -= 1),
        ),
        (
            Resource::FootprintEntries,
            5,
            lower(|limits| limits.footprint_entries = Some(4)),
        ),
        (Resource::KeySize, 60, lower(|limits| limits.key_bytes -= 1)),
    ] {
        let limit = asked - 1;
        let exceeded = LimitExceeded {
            resource,
            asked,
            limit,
        };
        assert_eq!(limits.check(&data), Err(exceeded));
    }
    // Where the network knows no such limit, there is none; and a negative one lets nothing through.
    let unbounded = lower(|limits| limits.footprint_entries = None);
    assert_eq!(unbounded.check(&data), Ok(()));
    let odd = lower(|limits| limits.instructions = -1).check(&data);
    let refused = odd.map_err(|exceeded| (exceeded.resource, exceeded.limit));
    assert_eq!(refused, Err((Resource::Instructions, 0)));
}

#[test]
fn entries_of_contracts_are_read_from_disk_only_where_they_were_archived() {
    let (mut data, _) = call();
    data.ext = xdr::SorobanTransactionDataExt::V0;
    let reads = |data: &SorobanTransactionData, most: u32| {
        let limits = NetworkLimits {
            disk_read_entries: most,
            ..WIDE
        };
        limits.check(data).map_err(|exceeded| exceeded.asked)
    };
    assert_eq!(reads(&data, 2), Ok(()));
    assert_eq!(reads(&data, 1), Err(2), "the classic ones");
    // Of a recorded one: no classic entry, and both that it writes come back from the archive.
    let archived = simulated("simulate-archived").data;
    assert_eq!(reads(&archived, 1), Err(2));
    // And with nothing archived, the account alone.
    let live = simulated("simulate-inc-address-credentials").data;
    assert_eq!(reads(&live, 0), Err(1));
}

#[test]
fn an_envelope_may_have_exactly_the_limit_of_bytes() {
    let (_, limits) = call();
    assert_eq!(limits.check_size(0), Ok(()));
    assert_eq!(limits.check_size(10_000), Ok(()));
    let exceeded = LimitExceeded {
        resource: Resource::Size,
        asked: 10_001,
        limit: 10_000,
    };
    assert_eq!(limits.check_size(10_001), Err(exceeded));
}

#[test]
fn what_a_network_never_takes_is_told_in_numbers_and_words() {
    // Core answered TRY_AGAIN_LATER to this one, and always would have.
    let data = data_of(&sent("send-error-soroban-invalid"));
    let asked = u64::from(data.resources.instructions);
    let limits = NetworkLimits {
        instructions: 100_000_000,
        disk_read_bytes: 200_000,
        write_bytes: 132_096,
        key_bytes: 250,
        ..call().1
    };
    let exceeded = LimitExceeded {
        resource: Resource::Instructions,
        asked,
        limit: 100_000_000,
    };
    assert_eq!(limits.check(&data), Err(exceeded));
    let text = exceeded.to_string();
    for part in [&asked.to_string(), "instructions", "100000000"] {
        assert!(text.contains(part), "{text}");
    }
    let names = [
        (Resource::DiskReadEntries, "entries read from disk"),
        (Resource::DiskReadBytes, "bytes read from disk"),
        (Resource::WriteEntries, "entries written"),
        (Resource::WriteBytes, "bytes written"),
        (Resource::FootprintEntries, "footprint"),
        (Resource::Size, "bytes of the transaction"),
        (Resource::KeySize, "ledger key"),
    ];
    for (resource, name) in names {
        assert!(resource.to_string().contains(name), "{resource}");
    }
}
