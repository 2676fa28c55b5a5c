//! The network's settings for contracts: limits, prices and the lives of entries.
//!
//! Prices and lives are those by which the recorded network charged its calls; limits are the public test network's.

use std::sync::LazyLock;

use soroban_env_host::budget::Budget;
use soroban_env_host::fees::{FeeConfiguration, RentFeeConfiguration};
use soroban_simulation::NetworkConfig;
use stellar_xdr::{
    ConfigSettingContractBandwidthV0, ConfigSettingContractComputeV0,
    ConfigSettingContractEventsV0, ConfigSettingContractExecutionLanesV0,
    ConfigSettingContractHistoricalDataV0, ConfigSettingContractLedgerCostExtV0,
    ConfigSettingContractLedgerCostV0, ConfigSettingContractParallelComputeV0, ConfigSettingEntry,
    ConfigSettingId, ContractCostParamEntry, ContractCostParams, ContractCostType, ExtensionPoint,
    StateArchivalSettings,
};

use crate::sandbox::ledger::load::Load;

/// Stroops a KB and ledger that rent costs: the minimum, since a sandbox's state is small beside a network's.
const RENT_FEE_1KB: i64 = 1000;

/// Everything a contract transaction is measured and paid by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Instructions and memory.
    pub compute: ConfigSettingContractComputeV0,
    /// Reads and writes.
    pub ledger_cost: ConfigSettingContractLedgerCostV0,
    /// The footprint, and the price of writing.
    pub ledger_cost_ext: ConfigSettingContractLedgerCostExtV0,
    /// The price of history.
    pub historical: ConfigSettingContractHistoricalDataV0,
    /// Events.
    pub events: ConfigSettingContractEventsV0,
    /// The size of transactions.
    pub bandwidth: ConfigSettingContractBandwidthV0,
    /// How long entries live.
    pub archival: StateArchivalSettings,
    /// Transactions a ledger.
    pub lanes: ConfigSettingContractExecutionLanesV0,
    /// Bytes of a contract's code.
    pub max_code_bytes: u32,
    /// Bytes of a data entry's key.
    pub max_key_bytes: u32,
    /// Bytes of a data entry.
    pub max_entry_bytes: u32,
    cpu: ContractCostParams,
    memory: ContractCostParams,
}

impl Default for Settings {
    fn default() -> Self {
        /// They are the same for every ledger, and take a while to find.
        static COSTS: LazyLock<(ContractCostParams, ContractCostParams)> =
            LazyLock::new(cost_parameters);
        let (cpu, memory) = COSTS.clone();
        Self {
            compute: ConfigSettingContractComputeV0 {
                ledger_max_instructions: 600_000_000,
                tx_max_instructions: 400_000_000,
                fee_rate_per_instructions_increment: 25,
                tx_memory_limit: 41_943_040,
            },
            ledger_cost: ConfigSettingContractLedgerCostV0 {
                ledger_max_disk_read_entries: 1000,
                ledger_max_disk_read_bytes: 3_500_000,
                ledger_max_write_ledger_entries: 1000,
                ledger_max_write_bytes: 286_720,
                tx_max_disk_read_entries: 200,
                tx_max_disk_read_bytes: 200_000,
                tx_max_write_ledger_entries: 200,
                tx_max_write_bytes: 132_096,
                fee_disk_read_ledger_entry: 6250,
                fee_write_ledger_entry: 10_000,
                fee_disk_read1_kb: 1786,
                soroban_state_target_size_bytes: 3_000_000_000,
                rent_fee1_kb_soroban_state_size_low: -17_000,
                rent_fee1_kb_soroban_state_size_high: 10_000,
                soroban_state_rent_fee_growth_factor: 5000,
            },
            ledger_cost_ext: ConfigSettingContractLedgerCostExtV0 {
                tx_max_footprint_entries: 400,
                fee_write1_kb: 3500,
            },
            historical: ConfigSettingContractHistoricalDataV0 {
                fee_historical1_kb: 16_235,
            },
            events: ConfigSettingContractEventsV0 {
                tx_max_contract_events_size_bytes: 16_384,
                fee_contract_events1_kb: 10_000,
            },
            bandwidth: ConfigSettingContractBandwidthV0 {
                ledger_max_txs_size_bytes: 266_240,
                tx_max_size_bytes: 132_096,
                fee_tx_size1_kb: 1624,
            },
            archival: StateArchivalSettings {
                max_entry_ttl: 3_110_400,
                min_temporary_ttl: 720,
                min_persistent_ttl: 120_960,
                persistent_rent_rate_denominator: 1215,
                temp_rent_rate_denominator: 2430,
                max_entries_to_archive: 1000,
                live_soroban_state_size_window_sample_size: 30,
                live_soroban_state_size_window_sample_period: 64,
                eviction_scan_size: 500_000,
                starting_eviction_scan_level: 7,
            },
            lanes: ConfigSettingContractExecutionLanesV0 {
                ledger_max_tx_count: 500,
            },
            max_code_bytes: 131_072,
            max_key_bytes: 250,
            max_entry_bytes: 65_536,
            cpu,
            memory,
        }
    }
}

impl Settings {
    /// A setting as the ledger entry that clients read.
    pub fn entry(&self, id: ConfigSettingId) -> Option<ConfigSettingEntry> {
        use ConfigSettingEntry as Entry;
        Some(match id {
            ConfigSettingId::ContractMaxSizeBytes => {
                Entry::ContractMaxSizeBytes(self.max_code_bytes)
            }
            ConfigSettingId::ContractComputeV0 => Entry::ContractComputeV0(self.compute.clone()),
            ConfigSettingId::ContractLedgerCostV0 => {
                Entry::ContractLedgerCostV0(self.ledger_cost.clone())
            }
            ConfigSettingId::ContractHistoricalDataV0 => {
                Entry::ContractHistoricalDataV0(self.historical.clone())
            }
            ConfigSettingId::ContractEventsV0 => Entry::ContractEventsV0(self.events.clone()),
            ConfigSettingId::ContractBandwidthV0 => {
                Entry::ContractBandwidthV0(self.bandwidth.clone())
            }
            ConfigSettingId::ContractCostParamsCpuInstructions => {
                Entry::ContractCostParamsCpuInstructions(self.cpu.clone())
            }
            ConfigSettingId::ContractCostParamsMemoryBytes => {
                Entry::ContractCostParamsMemoryBytes(self.memory.clone())
            }
            ConfigSettingId::ContractDataKeySizeBytes => {
                Entry::ContractDataKeySizeBytes(self.max_key_bytes)
            }
            ConfigSettingId::ContractDataEntrySizeBytes => {
                Entry::ContractDataEntrySizeBytes(self.max_entry_bytes)
            }
            ConfigSettingId::StateArchival => Entry::StateArchival(self.archival.clone()),
            ConfigSettingId::ContractExecutionLanes => {
                Entry::ContractExecutionLanes(self.lanes.clone())
            }
            ConfigSettingId::ContractParallelComputeV0 => {
                Entry::ContractParallelComputeV0(ConfigSettingContractParallelComputeV0 {
                    ledger_max_dependent_tx_clusters: 1,
                })
            }
            ConfigSettingId::ContractLedgerCostExtV0 => {
                Entry::ContractLedgerCostExtV0(self.ledger_cost_ext.clone())
            }
            _ => return None,
        })
    }

    /// What a ledger takes of contract transactions.
    pub fn ledger_limit(&self) -> Load {
        Load::soroban(
            i64::from(self.lanes.ledger_max_tx_count),
            self.compute.ledger_max_instructions,
            i64::from(self.bandwidth.ledger_max_txs_size_bytes),
            [
                i64::from(self.ledger_cost.ledger_max_disk_read_bytes),
                i64::from(self.ledger_cost.ledger_max_write_bytes),
                i64::from(self.ledger_cost.ledger_max_disk_read_entries),
                i64::from(self.ledger_cost.ledger_max_write_ledger_entries),
            ],
        )
    }

    /// The same as the simulation wants them.
    pub fn network(&self) -> NetworkConfig {
        NetworkConfig {
            fee_configuration: self.fees(),
            rent_fee_configuration: self.rent(),
            tx_max_instructions: self.compute.tx_max_instructions,
            tx_memory_limit: self.compute.tx_memory_limit,
            cpu_cost_params: self.cpu.clone(),
            memory_cost_params: self.memory.clone(),
            min_temp_entry_ttl: self.archival.min_temporary_ttl,
            min_persistent_entry_ttl: self.archival.min_persistent_ttl,
            max_entry_ttl: self.archival.max_entry_ttl,
        }
    }

    /// Prices of resources.
    pub fn fees(&self) -> FeeConfiguration {
        FeeConfiguration {
            fee_per_instruction_increment: self.compute.fee_rate_per_instructions_increment,
            fee_per_disk_read_entry: self.ledger_cost.fee_disk_read_ledger_entry,
            fee_per_write_entry: self.ledger_cost.fee_write_ledger_entry,
            fee_per_disk_read_1kb: self.ledger_cost.fee_disk_read1_kb,
            fee_per_write_1kb: self.ledger_cost_ext.fee_write1_kb,
            fee_per_historical_1kb: self.historical.fee_historical1_kb,
            fee_per_contract_event_1kb: self.events.fee_contract_events1_kb,
            fee_per_transaction_size_1kb: self.bandwidth.fee_tx_size1_kb,
        }
    }

    /// Prices of rent.
    pub fn rent(&self) -> RentFeeConfiguration {
        RentFeeConfiguration {
            fee_per_write_1kb: self.ledger_cost_ext.fee_write1_kb,
            fee_per_rent_1kb: RENT_FEE_1KB,
            fee_per_write_entry: self.ledger_cost.fee_write_ledger_entry,
            persistent_rent_rate_denominator: self.archival.persistent_rent_rate_denominator,
            temporary_rent_rate_denominator: self.archival.temp_rent_rate_denominator,
        }
    }

    /// A budget of so many instructions, and of the network's memory.
    pub fn budget(&self, instructions: u32) -> Budget {
        let budget = Budget::try_from_configs(
            u64::from(instructions),
            u64::from(self.compute.tx_memory_limit),
            self.cpu.clone(),
            self.memory.clone(),
        );
        budget.expect("the parameters are the host's own")
    }
}

/// What the host charges for each kind of work, in instructions and in bytes of memory: a constant, and a rate by the input.
///
/// The host keeps its own calibration to itself, so each kind is charged once for no input and once for an input of the
/// rate's scale; the difference is the rate.
fn cost_parameters() -> (ContractCostParams, ContractCostParams) {
    /// Rates are in parts of so many.
    const SCALE: u64 = 128;
    let measure = |kind: ContractCostType, amount: u64| {
        let budget = Budget::default();
        let by_input = budget
            .get_tracker(kind)
            .is_ok_and(|tracker| tracker.inputs.is_some());
        // Work beyond the default budget is charged all the same, and then refused.
        let _ = budget.charge(kind, by_input.then_some(amount));
        budget
            .get_tracker(kind)
            .map_or((0, 0), |tracker| (tracker.cpu, tracker.mem))
    };
    let entry = |constant: u64, scaled: u64| ContractCostParamEntry {
        ext: ExtensionPoint::V0,
        const_term: i64::try_from(constant).unwrap_or(i64::MAX),
        linear_term: i64::try_from(scaled.saturating_sub(constant)).unwrap_or(i64::MAX),
    };
    let (cpu, memory): (Vec<_>, Vec<_>) = ContractCostType::VARIANTS
        .iter()
        .map(|kind| {
            let (none, some) = (measure(*kind, 0), measure(*kind, SCALE));
            (entry(none.0, some.0), entry(none.1, some.1))
        })
        .unzip();
    let list = |entries: Vec<_>| {
        ContractCostParams(
            entries
                .try_into()
                .expect("there are fewer than 1024 kinds of work"),
        )
    };
    (list(cpu), list(memory))
}
