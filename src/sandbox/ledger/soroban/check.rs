//! What makes a contract transaction invalid: stellar-core's checks, in its order.

use std::collections::BTreeSet;

use stellar_xdr::{
    AccountId, DiagnosticEvent, ExtendFootprintTtlResult, HostFunction,
    InnerTransactionResultResult as Inner, InvokeHostFunctionResult, LedgerKey, Memo, MuxedAccount,
    OperationBody, OperationResultTr, RestoreFootprintResult, ScErrorCode, ScVal,
    SorobanTransactionData, SorobanTransactionDataExt, TrustLineAsset,
};

use super::event::complaint;
use super::fee;
use super::settings::Settings;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::asset;
use crate::sandbox::ledger::entry::{self, durability, is_persistent};
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::load::disk_reads;

/// The most that may be declared for resources, in stroops.
const MAX_RESOURCE_FEE: i64 = 1 << 50;

/// A code, and why, where core tells why.
pub struct Refusal {
    /// The transaction's code.
    pub code: Inner,
    /// What is told to the sender besides. Boxed: events are large beside the happy path.
    pub reason: Option<Box<DiagnosticEvent>>,
}

fn invalid(kind: ScErrorCode, text: &str, values: &[u64]) -> Refusal {
    let values: Vec<_> = values.iter().map(|value| ScVal::U64(*value)).collect();
    Refusal {
        code: Inner::TxSorobanInvalid,
        reason: Some(Box::new(complaint(kind, text, &values))),
    }
}

/// Checks the form of any transaction as far as contracts are concerned.
pub fn check(frame: &Frame, settings: &Settings) -> Result<(), Refusal> {
    let malformed = |condition: bool| {
        if condition {
            Err(Refusal {
                code: Inner::TxMalformed,
                reason: None,
            })
        } else {
            Ok(())
        }
    };
    let data = match (frame.is_soroban(), frame.soroban_data()) {
        (false, None) => return Ok(()),
        (false, Some(_)) | (true, None) => return malformed(true),
        (true, Some(data)) => data,
    };
    malformed(frame.operations().len() != 1)?;
    malformed(!(0..=MAX_RESOURCE_FEE).contains(&data.resource_fee))?;
    check_memo(frame)?;
    check_resources(frame, data, settings)?;
    if data.resource_fee > frame.inner_fee_bid() {
        return Err(invalid(
            ScErrorCode::ExceededLimit,
            "transaction `sorobanData.resourceFee` is higher than the full transaction fee",
            &[
                data.resource_fee.unsigned_abs(),
                frame.inner_fee_bid().unsigned_abs(),
            ],
        ));
    }
    let needed = fee::before(frame, data, settings);
    if data.resource_fee < needed {
        return Err(invalid(
            ScErrorCode::ExceededLimit,
            "transaction `sorobanData.resourceFee` is lower than the actual Soroban resource fee",
            &[data.resource_fee.unsigned_abs(), needed.unsigned_abs()],
        ));
    }
    let mut seen = BTreeSet::new();
    if keys(data).any(|key| !seen.insert(key)) {
        return Err(invalid(
            ScErrorCode::InvalidInput,
            "Found duplicate key in the Soroban footprint; every key across read-only and read-write footprints has to be unique.",
            &[],
        ));
    }
    Ok(())
}

fn keys(data: &SorobanTransactionData) -> impl Iterator<Item = &LedgerKey> {
    let footprint = &data.resources.footprint;
    footprint
        .read_only
        .iter()
        .chain(footprint.read_write.iter())
}

/// Protocol 25's rule: a call has no memo and no muxed source. A fee bump around it may have a muxed fee source.
fn check_memo(frame: &Frame) -> Result<(), Refusal> {
    let Some(operation) = frame
        .operations()
        .iter()
        .find(|operation| matches!(operation.body, OperationBody::InvokeHostFunction(_)))
    else {
        return Ok(());
    };
    let muxed = |address: &MuxedAccount| matches!(address, MuxedAccount::MuxedEd25519(_));
    if *frame.memo() != Memo::None
        || muxed(&frame.tx().source_account)
        || operation.source_account.as_ref().is_some_and(muxed)
    {
        return Err(invalid(
            ScErrorCode::InvalidInput,
            "Soroban transactions are not allowed to use memo or muxed source account",
            &[],
        ));
    }
    Ok(())
}

fn check_resources(
    frame: &Frame,
    data: &SorobanTransactionData,
    settings: &Settings,
) -> Result<(), Refusal> {
    let resources = &data.resources;
    let cost = &settings.ledger_cost;
    let length = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let entries =
        length(resources.footprint.read_only.len() + resources.footprint.read_write.len());
    let limits = [
        (
            "transaction instructions resources exceed network config limit",
            u64::from(resources.instructions),
            settings.compute.tx_max_instructions.unsigned_abs(),
        ),
        (
            "transaction disk read bytes resources exceed network config limit",
            u64::from(resources.disk_read_bytes),
            u64::from(cost.tx_max_disk_read_bytes),
        ),
        (
            "transaction write bytes resources exceed network config limit",
            u64::from(resources.write_bytes),
            u64::from(cost.tx_max_write_bytes),
        ),
        (
            "transaction entries in footprint exceed network config limit",
            entries,
            u64::from(settings.ledger_cost_ext.tx_max_footprint_entries),
        ),
        (
            "transaction disk read entries exceed network config limit",
            u64::from(disk_reads(data)),
            u64::from(cost.tx_max_disk_read_entries),
        ),
        (
            "transaction write entries exceed network config limit",
            length(resources.footprint.read_write.len()),
            u64::from(cost.tx_max_write_ledger_entries),
        ),
        (
            "transaction size exceeds network config limit",
            u64::from(frame.inner_size()),
            u64::from(settings.bandwidth.tx_max_size_bytes),
        ),
    ];
    for (text, used, limit) in limits {
        if used > limit {
            return Err(invalid(ScErrorCode::ExceededLimit, text, &[used, limit]));
        }
    }
    for key in keys(data) {
        check_key(key, settings)?;
    }
    if let SorobanTransactionDataExt::V1(ext) = &data.ext {
        let named = &ext.archived_soroban_entries;
        let sorted = named.windows(2).all(|pair| pair[0] < pair[1]);
        let writable = &resources.footprint.read_write;
        let right = named.iter().all(|index| {
            let key = usize::try_from(*index)
                .ok()
                .and_then(|index| writable.get(index));
            key.is_some_and(is_persistent)
        });
        if !sorted || !right {
            return Err(invalid(
                ScErrorCode::InvalidInput,
                "archived Soroban entries must be sorted indexes of persistent entries in the read-write footprint",
                &[],
            ));
        }
    }
    Ok(())
}

fn check_key(key: &LedgerKey, settings: &Settings) -> Result<(), Refusal> {
    let known = match key {
        LedgerKey::Account(_) | LedgerKey::ContractData(_) | LedgerKey::ContractCode(_) => true,
        LedgerKey::Trustline(line) => is_line(&line.account_id, &line.asset),
        _ => false,
    };
    if !known {
        return Err(invalid(
            ScErrorCode::UnexpectedType,
            "transaction footprint contains unsupported ledger key type",
            &[],
        ));
    }
    let bytes = u64::try_from(entry::bytes(key).len()).unwrap_or(u64::MAX);
    let limit = u64::from(settings.max_key_bytes);
    if bytes > limit {
        return Err(invalid(
            ScErrorCode::ExceededLimit,
            "transaction footprint key exceeds network config limit",
            &[bytes, limit],
        ));
    }
    Ok(())
}

/// Whether an account could hold a line for an asset.
fn is_line(account: &AccountId, line: &TrustLineAsset) -> bool {
    let asset = match line {
        TrustLineAsset::CreditAlphanum4(credit) => {
            stellar_xdr::Asset::CreditAlphanum4(credit.clone())
        }
        TrustLineAsset::CreditAlphanum12(credit) => {
            stellar_xdr::Asset::CreditAlphanum12(credit.clone())
        }
        TrustLineAsset::Native | TrustLineAsset::PoolShare(_) => return false,
    };
    asset::is_valid(&asset) && asset::issuer(&asset) != Some(AccountKey::from(account))
}

/// What makes the operation itself malformed; none if nothing does.
pub fn malformed(
    body: &OperationBody,
    data: &SorobanTransactionData,
    settings: &Settings,
) -> Option<OperationResultTr> {
    let footprint = &data.resources.footprint;
    match body {
        OperationBody::InvokeHostFunction(op) => {
            let bad = match &op.host_function {
                HostFunction::UploadContractWasm(code) => {
                    u32::try_from(code.len()).map_or(true, |bytes| bytes > settings.max_code_bytes)
                }
                HostFunction::CreateContract(create) => is_bad_asset(&create.contract_id_preimage),
                HostFunction::CreateContractV2(create) => {
                    is_bad_asset(&create.contract_id_preimage)
                }
                HostFunction::InvokeContract(_) => false,
            };
            bad.then_some(OperationResultTr::InvokeHostFunction(
                InvokeHostFunctionResult::Malformed,
            ))
        }
        OperationBody::ExtendFootprintTtl(op) => {
            let bad = !footprint.read_write.is_empty()
                || footprint
                    .read_only
                    .iter()
                    .any(|key| durability(key).is_none())
                || op.extend_to > settings.archival.max_entry_ttl - 1;
            bad.then_some(OperationResultTr::ExtendFootprintTtl(
                ExtendFootprintTtlResult::Malformed,
            ))
        }
        OperationBody::RestoreFootprint(_) => {
            let bad =
                !footprint.read_only.is_empty() || !footprint.read_write.iter().all(is_persistent);
            bad.then_some(OperationResultTr::RestoreFootprint(
                RestoreFootprintResult::Malformed,
            ))
        }
        _ => None,
    }
}

fn is_bad_asset(preimage: &stellar_xdr::ContractIdPreimage) -> bool {
    match preimage {
        stellar_xdr::ContractIdPreimage::Asset(named) => !asset::is_valid(named),
        stellar_xdr::ContractIdPreimage::Address(_) => false,
    }
}
