//! Random transactions on a real stellar-core, reproduced byte for byte: result, fee, recorded or not, every account.
//!
//! `APPLY_VECTORS` names another file of the same form to run instead.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use stellar_submitter::sandbox::horizon::result_code::result_codes;
use stellar_submitter::sandbox::ledger::Ledger;
use stellar_submitter::sandbox::ledger::account::{Account, AccountKey};
use stellar_submitter::sandbox::ledger::frame::Frame;
use stellar_submitter::sandbox::ledger::genesis::Genesis;
use stellar_submitter::sandbox::ledger::verdict;
use stellar_xdr::{
    ClaimPredicate, ClaimableBalanceId, Claimant, CreateClaimableBalanceResult, Limits,
    OperationBody, OperationResult, OperationResultTr, ReadXdr, TransactionResult,
    TransactionResultResult,
};

use crate::support;

/// Transactions in the recorded file.
const RECORDED: usize = 300;
/// Where a file tells no close time, none of its transactions can depend on one.
const ANY_CLOSE_TIME: (i64, i64) = (1, 1_800_000_000);

#[test]
fn every_recorded_transaction_comes_out_the_same() {
    let other = std::env::var_os("APPLY_VECTORS").map(PathBuf::from);
    let least = if other.is_some() { 1 } else { RECORDED };
    let path = other.unwrap_or_else(|| support::captures().join("apply-vectors.json"));
    let file = support::read_json(&path);
    let vectors = file["vectors"].as_array().expect("a list of vectors");
    assert!(
        vectors.len() >= least,
        "{} has {} vectors",
        path.display(),
        vectors.len()
    );
    let times = close_times(vectors);
    let failures: Vec<String> = vectors
        .iter()
        .enumerate()
        .filter_map(|(number, vector)| {
            run(&file, vector, &times)
                .err()
                .map(|why| format!("vector {number}: {why}"))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        vectors.len(),
        failures.join("\n")
    );
    println!("{} vectors of {} reproduced", vectors.len(), path.display());
}

/// Close times (ledger, Unix seconds) that a file tells: a balance claimable "before so many seconds from now" reads as
/// "before that second" once it is made.
fn close_times(vectors: &[Value]) -> Vec<(i64, i64)> {
    let shown: BTreeMap<[u8; 32], Vec<Claimant>> = vectors
        .iter()
        .flat_map(|vector| vector["claimable_balances_before"].as_object().unwrap())
        .filter(|(_, json)| !json.is_null())
        .map(|(id, json)| support::claimable(id, json))
        .map(|(id, balance)| (id, balance.claimants))
        .collect();
    let mut times: Vec<(i64, i64)> = vectors
        .iter()
        .filter(|vector| vector["successful"] == true)
        .flat_map(|vector| {
            let ledger = vector["ledger"].as_i64().unwrap();
            made(vector)
                .into_iter()
                .filter_map(|(id, asked)| closed_at(&asked, shown.get(&id)?))
                .map(move |time| (ledger, time))
                .collect::<Vec<_>>()
        })
        .collect();
    times.sort_unstable();
    if times.is_empty() {
        times.push(ANY_CLOSE_TIME);
    }
    times
}

/// The balances that a successful transaction made, with the claimants as they were asked for.
fn made(vector: &Value) -> Vec<([u8; 32], Vec<Claimant>)> {
    let bytes = support::unbase64(vector["envelope_xdr"].as_str().unwrap());
    let frame = Frame::parse(&bytes, [0; 32]).unwrap();
    let bytes = support::unbase64(vector["result_xdr"].as_str().unwrap());
    let TransactionResultResult::TxSuccess(results) =
        TransactionResult::from_xdr(bytes, Limits::none())
            .unwrap()
            .result
    else {
        return Vec::new();
    };
    let pairs = frame.operations().iter().zip(results.iter());
    pairs
        .filter_map(|(operation, result)| match (&operation.body, result) {
            (
                OperationBody::CreateClaimableBalance(asked),
                OperationResult::OpInner(OperationResultTr::CreateClaimableBalance(
                    CreateClaimableBalanceResult::Success(
                        ClaimableBalanceId::ClaimableBalanceIdTypeV0(id),
                    ),
                )),
            ) => Some((id.0, asked.claimants.to_vec())),
            _ => None,
        })
        .collect()
}

/// The close time that turned these claimants into those.
fn closed_at(asked: &[Claimant], shown: &[Claimant]) -> Option<i64> {
    asked.iter().zip(shown).find_map(|(asked, shown)| {
        let (Claimant::ClaimantTypeV0(asked), Claimant::ClaimantTypeV0(shown)) = (asked, shown);
        match (&asked.predicate, &shown.predicate) {
            (
                ClaimPredicate::BeforeRelativeTime(seconds),
                ClaimPredicate::BeforeAbsoluteTime(until),
            ) => Some(until - seconds),
            _ => None,
        }
    })
}

/// When a ledger closed: ledgers closed each second, counted from the nearest that is known.
fn close_time(times: &[(i64, i64)], ledger: u32) -> u64 {
    let ledger = i64::from(ledger);
    let nearest = times.iter().min_by_key(|(known, _)| (known - ledger).abs());
    let (known, time) = nearest.expect("one at least");
    u64::try_from(time + ledger - known).expect("after 1970")
}

fn run(file: &Value, vector: &Value, times: &[(i64, i64)]) -> Result<(), String> {
    let recorded = vector["recorded"].as_bool().expect("recorded or not");
    let before = u32::try_from(vector["latest_ledger_before"].as_u64().unwrap()).unwrap();
    let ledger_number = vector["ledger"]
        .as_u64()
        .map_or(before + 1, |ledger| u32::try_from(ledger).unwrap());
    let close_time = close_time(times, ledger_number);
    let mut ledger = Ledger::new(genesis(file, vector, ledger_number - 1, close_time - 1));
    let bytes = support::unbase64(vector["envelope_xdr"].as_str().unwrap());
    let frame =
        Arc::new(Frame::parse(&bytes, ledger.network_id()).map_err(|error| error.to_string())?);
    same(
        "hash",
        hex::encode(frame.hash()).as_str(),
        vector["hash"].as_str().unwrap(),
    )?;
    let expected = vector["result_xdr"].as_str().unwrap();

    let preflight = ledger.preflight(&frame, ledger.next_target(close_time - 1));
    let codes = |result: &TransactionResult| {
        same(
            "result codes",
            &result_codes(result),
            &vector["result_codes"],
        )
    };
    match (&preflight, recorded) {
        (Ok(()), true) => {
            ledger.close(close_time, vec![Arc::clone(&frame)], ledger.base_fee());
            let tx = ledger
                .history()
                .by_hash(&frame.hash())
                .ok_or("not in history")?;
            same("result", base64(&tx.result).as_str(), expected)?;
            same(
                "fee",
                tx.fee_charged.to_string().as_str(),
                vector["fee_charged"].as_str().unwrap(),
            )?;
            same(
                "successful",
                &tx.successful,
                &vector["successful"].as_bool().unwrap(),
            )?;
            if !tx.successful {
                codes(&TransactionResult::from_xdr(&tx.result, Limits::none()).unwrap())?;
            }
        }
        (Err(result), false) => {
            same(
                "refusal",
                base64(&verdict::to_bytes(result)).as_str(),
                expected,
            )?;
            codes(result)?;
        }
        (Ok(()), false) => return Err("was let through, and should not have been".into()),
        (Err(result), true) => return Err(format!("was refused: {result:?}")),
    }
    for (key, json) in vector["accounts_after"].as_object().unwrap() {
        let account = ledger.state().account(key.parse::<AccountKey>().unwrap());
        let expected = (!json.is_null()).then(|| support::account(json));
        same(
            key,
            &account.map(comparable),
            &expected.as_ref().map(comparable),
        )?;
    }
    Ok(())
}

fn genesis(file: &Value, vector: &Value, ledger: u32, close_time: u64) -> Genesis {
    let mut genesis = Genesis::standalone(file["network_passphrase"].as_str().unwrap(), close_time);
    genesis.ledger = ledger;
    genesis.base_fee = file["base_fee"].as_i64().unwrap();
    genesis.base_reserve = file["base_reserve"].as_str().unwrap().parse().unwrap();
    genesis.accounts = vector["accounts_before"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, json)| !json.is_null())
        .map(|(key, json)| (key.parse().unwrap(), support::account(json)))
        .collect();
    let claimables = vector["claimable_balances_before"].as_object().unwrap();
    genesis.claimables = claimables
        .iter()
        .filter(|(_, json)| !json.is_null())
        .map(|(id, json)| support::claimable(id, json))
        .collect();
    genesis
}

/// What a vector says of an account: not when it was changed, nor who signs for it.
fn comparable(account: &Account) -> Account {
    let mut account = account.clone();
    account.modified = 0;
    account.modified_at = 0;
    account.sequence_ledger = 0;
    account.sequence_time = 0;
    account.home_domain.clear();
    account.inflation_destination = None;
    account.thresholds = [0; 4];
    account.signers.clear();
    for line in account.lines.values_mut() {
        line.modified = 0;
    }
    account
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(
    what: &str,
    got: &T,
    expected: &T,
) -> Result<(), String> {
    if got == expected {
        Ok(())
    } else {
        Err(format!(
            "{what}:\n  got      {got:?}\n  expected {expected:?}"
        ))
    }
}

#[test]
fn the_recorded_file_tells_its_close_times() {
    let file = support::read_json(&support::captures().join("apply-vectors.json"));
    let times = close_times(file["vectors"].as_array().expect("a list of vectors"));
    // Ledger 1671 made a balance "before 1000 s from now" that reads 1795325174.
    assert!(times.contains(&(1671, 1_795_324_174)), "{times:?}");
}
