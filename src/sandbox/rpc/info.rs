//! The network, the server, and what fees are.

use serde_json::{Value, json};

use super::{Failure, latest, oldest};
use crate::sandbox::fees::{distribution, merge};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::genesis::PROTOCOL_VERSION;
use crate::sandbox::ledger::history::{FeeCounts, LedgerRecord};

/// How many ledgers a real server keeps when nothing is said.
const RETENTION_LEDGERS: u32 = 120_960;
/// The ledgers that the statistics of contract transactions are of.
const SOROBAN_FEE_LEDGERS: u32 = 50;
/// The ledgers that those of classic transactions are of.
const CLASSIC_FEE_LEDGERS: u32 = 10;

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
            merge(&mut counts, of(record));
        }
        shown(&counts, seen)
    };
    Ok(json!({
        "sorobanInclusionFee": gather(SOROBAN_FEE_LEDGERS, |record| &record.soroban_fees),
        "inclusionFee": gather(CLASSIC_FEE_LEDGERS, |record| &record.fees_charged),
        "latestLedger": head,
    }))
}

fn shown(counts: &FeeCounts, ledgers: u32) -> Value {
    let total: u64 = counts.values().sum();
    let mut fields = distribution(counts, 0);
    fields.insert("transactionCount".to_owned(), total.to_string().into());
    let ledgers = if total == 0 { 0 } else { ledgers };
    fields.insert("ledgerCount".to_owned(), ledgers.into());
    fields.into()
}
