//! What a transaction takes of a ledger, and of the queue.

use stellar_xdr::{LedgerKey, SorobanTransactionData, SorobanTransactionDataExt};

use super::frame::Frame;

/// How many things are counted.
const DIMENSIONS: usize = 7;

/// Operations (of a contract transaction: one), instructions, bytes of the transaction, bytes read and written, entries read
/// and written. Of a classic transaction only its operations count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load([i64; DIMENSIONS]);

impl Load {
    /// So many operations.
    pub fn classic(operations: i64) -> Self {
        let mut load = Self::default();
        load.0[0] = operations;
        load
    }

    /// Transactions, instructions, bytes of transactions; and bytes read, bytes written, entries read, entries written.
    pub fn soroban(count: i64, instructions: i64, bytes: i64, storage: [i64; 4]) -> Self {
        let [read_bytes, written_bytes, read, written] = storage;
        Self([
            count,
            instructions,
            bytes,
            read_bytes,
            written_bytes,
            read,
            written,
        ])
    }

    /// Of a transaction.
    pub fn of(frame: &Frame) -> Self {
        match frame.soroban_data() {
            Some(data) if frame.is_soroban() => {
                let resources = &data.resources;
                Self::soroban(
                    1,
                    i64::from(resources.instructions),
                    i64::from(frame.inner_size()),
                    [
                        i64::from(resources.disk_read_bytes),
                        i64::from(resources.write_bytes),
                        i64::from(disk_reads(data)),
                        count(resources.footprint.read_write.len()),
                    ],
                )
            }
            Some(_) | None => Self::classic(frame.operation_count()),
        }
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, factor: i64) -> Self {
        Self(self.0.map(|part| part.saturating_mul(factor)))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i].saturating_add(other.0[i])
        }))
    }

    /// What is left without the other.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i].saturating_sub(other.0[i])
        }))
    }

    /// Whether there is more of anything than a limit allows.
    pub fn exceeds(self, limit: Self) -> bool {
        (0..DIMENSIONS).any(|i| self.0[i] > limit.0[i])
    }
}

/// Entries read from disk: those that are no contract's, and the archived ones.
pub fn disk_reads(data: &SorobanTransactionData) -> u32 {
    let footprint = &data.resources.footprint;
    let classic = footprint
        .read_only
        .iter()
        .chain(footprint.read_write.iter())
        .filter(|key| !matches!(key, LedgerKey::ContractData(_) | LedgerKey::ContractCode(_)))
        .count();
    let archived = match &data.ext {
        SorobanTransactionDataExt::V0 => 0,
        SorobanTransactionDataExt::V1(ext) => ext.archived_soroban_entries.len(),
    };
    u32::try_from(classic + archived).unwrap_or(u32::MAX)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
