//! What resources cost, in stroops.

use soroban_env_host::fees::{TransactionResources, compute_transaction_resource_fee};
use stellar_xdr::SorobanTransactionData;

use super::settings::Settings;
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::load::disk_reads;

/// What has to be paid whatever the call does; it cannot be given back.
pub fn before(frame: &Frame, data: &SorobanTransactionData, settings: &Settings) -> i64 {
    parts(frame, data, settings, 0).0
}

/// What the events and the return value cost, by their size in bytes.
pub fn of_events(
    frame: &Frame,
    data: &SorobanTransactionData,
    settings: &Settings,
    bytes: u32,
) -> i64 {
    parts(frame, data, settings, bytes).1
}

fn parts(
    frame: &Frame,
    data: &SorobanTransactionData,
    settings: &Settings,
    event_bytes: u32,
) -> (i64, i64) {
    let resources = &data.resources;
    let used = TransactionResources {
        instructions: resources.instructions,
        disk_read_entries: disk_reads(data),
        write_entries: u32::try_from(resources.footprint.read_write.len()).unwrap_or(u32::MAX),
        disk_read_bytes: resources.disk_read_bytes,
        write_bytes: resources.write_bytes,
        contract_events_size_bytes: event_bytes,
        transaction_size_bytes: frame.inner_size(),
    };
    compute_transaction_resource_fee(&used, &settings.fees())
}
