//! What the network lets one transaction have. Core answers TRY_AGAIN_LATER to more, for ever, so it is checked before.

use std::fmt;

use stellar_xdr as xdr;
use thiserror::Error;
use xdr::{ConfigSettingEntry, ConfigSettingId, LedgerKey, Limits, WriteXdr};

/// The network's settings that are read for [`NetworkLimits`].
pub const SETTINGS: [ConfigSettingId; 6] = [
    ConfigSettingId::ContractComputeV0,
    ConfigSettingId::ContractLedgerCostV0,
    ConfigSettingId::ContractLedgerCostExtV0,
    ConfigSettingId::ContractBandwidthV0,
    ConfigSettingId::ContractDataKeySizeBytes,
    ConfigSettingId::StateArchival,
];

/// The ledger keys of [`SETTINGS`].
#[must_use]
pub fn setting_keys() -> Vec<LedgerKey> {
    let key = |id| {
        LedgerKey::ConfigSetting(xdr::LedgerKeyConfigSetting {
            config_setting_id: id,
        })
    };
    SETTINGS.map(key).to_vec()
}

/// What one transaction may have at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Instructions.
    pub instructions: i64,
    /// Entries read from disk: classic ones, and archived ones that are restored.
    pub disk_read_entries: u32,
    /// Bytes read from disk.
    pub disk_read_bytes: u32,
    /// Entries written.
    pub write_entries: u32,
    /// Bytes written.
    pub write_bytes: u32,
    /// Keys of the footprint; `None` before protocol 23, where there was no such limit.
    pub footprint_entries: Option<u32>,
    /// Bytes of the envelope.
    pub size_bytes: u32,
    /// Bytes of one ledger key.
    pub key_bytes: u32,
    /// Ledgers that an entry may live from now on, and with it a nonce: a signature must expire sooner.
    pub max_entry_ttl: u32,
}

/// A setting of the network that the answer did not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the network's setting {0} was not in the answer")]
pub struct MissingSetting(pub &'static str);

/// What there is a limit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Instructions.
    Instructions,
    /// Entries read from disk.
    DiskReadEntries,
    /// Bytes read from disk.
    DiskReadBytes,
    /// Entries written.
    WriteEntries,
    /// Bytes written.
    WriteBytes,
    /// Keys of the footprint.
    FootprintEntries,
    /// Bytes of the envelope.
    Size,
    /// Bytes of one ledger key.
    KeySize,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instructions => "instructions",
            Self::DiskReadEntries => "entries read from disk",
            Self::DiskReadBytes => "bytes read from disk",
            Self::WriteEntries => "entries written",
            Self::WriteBytes => "bytes written",
            Self::FootprintEntries => "entries in the footprint",
            Self::Size => "bytes of the transaction",
            Self::KeySize => "bytes of a ledger key",
        })
    }
}

/// A call that no ledger will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it needs {asked} {resource}, and the network lets one transaction have {limit}")]
pub struct LimitExceeded {
    /// Of what.
    pub resource: Resource,
    /// How much it needs.
    pub asked: u64,
    /// How much there is.
    pub limit: u64,
}

impl NetworkLimits {
    /// The limits in the network's settings.
    ///
    /// # Errors
    /// [`MissingSetting`] where one is not there.
    pub fn of(settings: &[ConfigSettingEntry]) -> Result<Self, MissingSetting> {
        let compute = settings.iter().find_map(|setting| match setting {
            ConfigSettingEntry::ContractComputeV0(compute) => Some(compute),
            _ => None,
        });
        let cost = settings.iter().find_map(|setting| match setting {
            ConfigSettingEntry::ContractLedgerCostV0(cost) => Some(cost),
            _ => None,
        });
        let footprint_entries = settings.iter().find_map(|setting| match setting {
            ConfigSettingEntry::ContractLedgerCostExtV0(cost) => {
                Some(cost.tx_max_footprint_entries)
            }
            _ => None,
        });
        let size_bytes = settings.iter().find_map(|setting| match setting {
            ConfigSettingEntry::ContractBandwidthV0(bandwidth) => Some(bandwidth.tx_max_size_bytes),
            _ => None,
        });
        let key_bytes = settings.iter().find_map(|setting| match setting {
            ConfigSettingEntry::ContractDataKeySizeBytes(bytes) => Some(*bytes),
            _ => None,
        });
        let max_entry_ttl = settings.iter().find_map(|setting| match setting {
            ConfigSettingEntry::StateArchival(archival) => Some(archival.max_entry_ttl),
            _ => None,
        });
        let compute = compute.ok_or(MissingSetting("contract_compute_v0"))?;
        let cost = cost.ok_or(MissingSetting("contract_ledger_cost_v0"))?;
        Ok(Self {
            instructions: compute.tx_max_instructions,
            disk_read_entries: cost.tx_max_disk_read_entries,
            disk_read_bytes: cost.tx_max_disk_read_bytes,
            write_entries: cost.tx_max_write_ledger_entries,
            write_bytes: cost.tx_max_write_bytes,
            footprint_entries,
            size_bytes: size_bytes.ok_or(MissingSetting("contract_bandwidth_v0"))?,
            key_bytes: key_bytes.ok_or(MissingSetting("contract_data_key_size_bytes"))?,
            max_entry_ttl: max_entry_ttl.ok_or(MissingSetting("state_archival"))?,
        })
    }

    /// Whether these resources are within the limits.
    ///
    /// # Errors
    /// [`LimitExceeded`] names the first that is not.
    pub fn check(&self, data: &xdr::SorobanTransactionData) -> Result<(), LimitExceeded> {
        let resources = &data.resources;
        let footprint = &resources.footprint;
        let keys = || {
            footprint
                .read_only
                .iter()
                .chain(footprint.read_write.iter())
        };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let of = |number: u32| u64::from(number);
        // Live contract entries are in memory; core counts the others, and those that come back from the archive.
        let classic = keys().filter(|key| !is_contract_entry(key)).count();
        let archived = match &data.ext {
            xdr::SorobanTransactionDataExt::V0 => 0,
            xdr::SorobanTransactionDataExt::V1(ext) => ext.archived_soroban_entries.len(),
        };
        let largest_key = keys().map(key_bytes).max().unwrap_or(0);
        let instructions = u64::try_from(self.instructions).unwrap_or(0);
        let footprint_entries = self.footprint_entries.map_or(u64::MAX, of);
        for (resource, asked, limit) in [
            (
                Resource::Instructions,
                of(resources.instructions),
                instructions,
            ),
            (
                Resource::DiskReadEntries,
                count(classic + archived),
                of(self.disk_read_entries),
            ),
            (
                Resource::DiskReadBytes,
                of(resources.disk_read_bytes),
                of(self.disk_read_bytes),
            ),
            (
                Resource::WriteEntries,
                count(footprint.read_write.len()),
                of(self.write_entries),
            ),
            (
                Resource::WriteBytes,
                of(resources.write_bytes),
                of(self.write_bytes),
            ),
            (
                Resource::FootprintEntries,
                count(keys().count()),
                footprint_entries,
            ),
            (Resource::KeySize, largest_key, of(self.key_bytes)),
        ] {
            within(resource, asked, limit)?;
        }
        Ok(())
    }

    /// Whether an envelope of so many bytes is within the limit.
    ///
    /// # Errors
    /// [`LimitExceeded`] where it is not.
    pub fn check_size(&self, envelope_bytes: usize) -> Result<(), LimitExceeded> {
        let asked = u64::try_from(envelope_bytes).unwrap_or(u64::MAX);
        within(Resource::Size, asked, u64::from(self.size_bytes))
    }
}

const fn within(resource: Resource, asked: u64, limit: u64) -> Result<(), LimitExceeded> {
    if asked > limit {
        return Err(LimitExceeded {
            resource,
            asked,
            limit,
        });
    }
    Ok(())
}

const fn is_contract_entry(key: &LedgerKey) -> bool {
    matches!(key, LedgerKey::ContractData(_) | LedgerKey::ContractCode(_))
}

fn key_bytes(key: &LedgerKey) -> u64 {
    let bytes = key
        .to_xdr(Limits::none())
        .map_or(usize::MAX, |key| key.len());
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// What contract calls paid for inclusion in the last ledgers, in stroops a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InclusionFees {
    /// Percentiles: 50, 80, 95.
    pub percentiles: [i64; 3],
    /// The highest.
    pub max: i64,
    /// How many transactions these are of; 0: they say nothing.
    pub transactions: u32,
    /// How many ledgers these are of.
    pub ledgers: u32,
}
