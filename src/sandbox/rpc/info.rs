//! The network, the server, and what fees are.

use serde_json::{Map, Value, json};

use super::{Failure, latest, oldest};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::genesis::PROTOCOL_VERSION;
use crate::sandbox::ledger::history::{FeeCounts, LedgerRecord};

/// How many ledgers a real server keeps when nothing is said.
const RETENTION_LEDGERS: u32 = 120_960;
/// The ledgers that the statistics of contract transactions are of.
const SOROBAN_FEE_LEDGERS: u32 = 50;
/// The ledgers that those of classic transactions are of.
const CLASSIC_FEE_LEDGERS: u32 = 10;
/// The percentiles shown.
const PERCENTILES: [u64; 11] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99];

/// `getHealth`
pub fn health(ledger: &Ledger, head: u32) -> Result<Value, Failure> {
    Ok(json!({
        "status": "healthy",
        "latestLedger": latest(ledger, head)?.0,
        "oldestLedger": oldest(ledger)?.0,
        "ledgerRetentionWindow": RETENTION_LEDGERS,
    }))
}

/// `getNetwork`
pub fn network(passphrase: &str) -> Value {
    json!({ "passphrase": passphrase, "protocolVersion": PROTOCOL_VERSION })
}

/// `getLatestLedger`
pub fn latest_ledger(ledger: &Ledger, head: u32) -> Result<Value, Failure> {
    let record = ledger.history().ledger(head).ok_or_else(Failure::empty)?;
    Ok(json!({
        "id": hex::encode(record.hash),
        "protocolVersion": record.protocol,
        "sequence": record.sequence,
    }))
}

/// `getVersionInfo`
pub fn version() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commitHash": "",
        "buildTimestamp": "",
        "captiveCoreVersion": "sandbox",
        "protocolVersion": PROTOCOL_VERSION,
    })
}

/// `getFeeStats`
pub fn fee_stats(ledger: &Ledger, head: u32) -> Result<Value, Failure> {
    let (head, _) = latest(ledger, head)?;
    let gather = |ledgers: u32, of: fn(&LedgerRecord) -> &FeeCounts| {
        let mut counts = FeeCounts::new();
        let mut seen = 0u32;
        for record in (head.saturating_sub(ledgers - 1)..=head)
            .filter_map(|sequence| ledger.history().ledger(sequence))
        {
            seen += 1;
            for (fee, count) in of(record) {
                *counts.entry(*fee).or_default() += count;
            }
        }
        distribution(&counts, seen)
    };
    Ok(json!({
        "sorobanInclusionFee": gather(SOROBAN_FEE_LEDGERS, |record| &record.soroban_fees),
        "inclusionFee": gather(CLASSIC_FEE_LEDGERS, |record| &record.fees_charged),
        "latestLedger": head,
    }))
}

fn distribution(counts: &FeeCounts, ledgers: u32) -> Value {
    let total: u64 = counts.values().sum();
    let at = |percent: u64| {
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map_or(0, |(fee, _)| *fee).to_string()
    };
    let mut fields: Map<String, Value> = PERCENTILES
        .iter()
        .map(|percent| (format!("p{percent}"), at(*percent).into()))
        .collect();
    let mode = counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| **count)
        .map_or(0, |(fee, _)| *fee);
    let (least, most) = (counts.keys().next(), counts.keys().next_back());
    for (name, fee) in [("min", least), ("max", most), ("mode", Some(&mode))] {
        fields.insert(
            name.to_owned(),
            fee.copied().unwrap_or(0).to_string().into(),
        );
    }
    fields.insert("transactionCount".to_owned(), total.to_string().into());
    let ledgers = if total == 0 { 0 } else { ledgers };
    fields.insert("ledgerCount".to_owned(), ledgers.into());
    fields.into()
}
