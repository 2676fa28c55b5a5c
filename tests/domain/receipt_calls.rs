//! Receipts of contract calls: an attempt that only brought archived entries back for a call is not its success.

use serde_json::{Value, json};
use stellar_submitter::domain::intent::{Accounts, read};
use stellar_submitter::domain::primitives::NetworkId;
use stellar_submitter::domain::receipt::{AttemptReceipt, Receipt, Standing, carried, rebuilds};
use stellar_xdr::{
    ContractDataDurability, ExtensionPoint, HostFunction, InvokeContractArgs, InvokeHostFunctionOp,
    LedgerFootprint, LedgerKey, LedgerKeyContractData, Limits, MuxedAccount, Operation,
    OperationBody, RestoreFootprintOp, ScAddress, ScSymbol, ScVal, SequenceNumber,
    SorobanResources, SorobanTransactionData, SorobanTransactionDataExt, Transaction,
    TransactionEnvelope, TransactionExt, Uint256, VecM, WriteXdr as _,
};

use crate::receipts::{
    TAG, attempt, doubts, key, kill, landed, muxed, network, payment, plain, public, put, record,
    said, signed_again, wrong,
};

const CONTRACT: &str = "CDDY76AYXHVJRAMEJLJT2CVXUHXASQLCPWLQIMDNSS6O7PDZLIAOLZAZ";
/// The fee for the resources that are declared here.
const RESOURCES: i64 = 5_000;

fn contract() -> ScAddress {
    ScAddress::Contract(CONTRACT.parse().expect("a contract"))
}

fn declared(read_write: Vec<LedgerKey>) -> TransactionExt {
    TransactionExt::V1(SorobanTransactionData {
        ext: SorobanTransactionDataExt::V0,
        resources: SorobanResources {
            footprint: LedgerFootprint {
                read_only: VecM::default(),
                read_write: read_write.try_into().expect("few"),
            },
            instructions: 1_000,
            disk_read_bytes: 0,
            write_bytes: 100,
        },
        resource_fee: RESOURCES,
    })
}

fn symbol(name: &str) -> ScSymbol {
    ScSymbol(name.try_into().expect("short"))
}

/// The ledger's entry that the contract counts in.
fn counter() -> LedgerKey {
    LedgerKey::ContractData(LedgerKeyContractData {
        contract: contract(),
        key: ScVal::Symbol(symbol("COUNT")),
        durability: ContractDataDurability::Persistent,
    })
}

fn restoration() -> OperationBody {
    let ext = ExtensionPoint::V0;
    OperationBody::RestoreFootprint(RestoreFootprintOp { ext })
}

fn call() -> OperationBody {
    OperationBody::InvokeHostFunction(InvokeHostFunctionOp {
        host_function: HostFunction::InvokeContract(InvokeContractArgs {
            contract_address: contract(),
            function_name: symbol("inc"),
            args: VecM::default(),
        }),
        auth: VecM::default(),
    })
}

/// Makes the payment's transaction one of this operation, with what it declares.
fn contract_transaction(tx: &mut Transaction, body: OperationBody) {
    let vector = payment();
    let source = public(&key(&vector, "source"));
    let channel = public(&key(&vector, "channel"));
    // A call has no muxed source.
    tx.source_account = match &body {
        OperationBody::InvokeHostFunction(_) => MuxedAccount::Ed25519(Uint256(channel.0)),
        _ => muxed(channel, TAG),
    };
    let operation = Operation {
        source_account: Some(MuxedAccount::Ed25519(Uint256(source.0))),
        body,
    };
    tx.operations = vec![operation].try_into().expect("one");
    tx.ext = declared(vec![counter()]);
    tx.fee = 100 + u32::try_from(RESOURCES).expect("small");
}

/// An attempt of this operation that landed.
fn attempt_of(number: u32, body: &OperationBody) -> AttemptReceipt {
    let vector = payment();
    let mut attempt = attempt(&vector);
    let sequence = 123_456_789_012_345 + i64::from(number);
    attempt.number = number;
    attempt.plan.sequence = sequence.to_string();
    let transaction = signed_again(&vector, &["channel", "source"], |tx| {
        contract_transaction(tx, body.clone());
        tx.seq_num = SequenceNumber(sequence);
    });
    put(&mut attempt, transaction);
    attempt.landed = Some(record(&attempt, true));
    attempt
}

/// The receipt of who asked for this operation, with these attempts; the last has decided it.
fn receipt(operation: &Value, attempts: Vec<AttemptReceipt>) -> Receipt {
    let vector = payment();
    let accounts = Accounts {
        default_source: public(&key(&vector, "source")),
        other_sources: Vec::new(),
        contracts: Some(NetworkId(network(&vector))),
    };
    let body = json!({
        "workflow_id": "payout-2026-000123", "method": "payout", "operations": [operation],
    });
    let mut receipt = landed();
    let request = read(&body, &accounts).expect("a request");
    receipt.request = Some(carried(request.to_json()));
    receipt.transaction = attempts.last().and_then(|last| last.landed.clone());
    receipt.attempts = attempts;
    receipt
}

fn inc() -> Value {
    json!({
        "type": "invoke_contract", "contract": CONTRACT, "function": "inc", "args": [],
        "auth": "source_account",
    })
}

fn restored_then_called() -> Receipt {
    receipt(
        &inc(),
        vec![attempt_of(1, &restoration()), attempt_of(2, &call())],
    )
}

#[test]
fn a_restoration_and_then_its_call_is_one_success() {
    let truth = restored_then_called();
    assert_eq!(doubts(&truth), []);
    let detail = said(&truth, "at most once");
    assert!(
        detail.starts_with("one of its transactions succeeded"),
        "{detail}"
    );
    // The call twice is two.
    let twice = receipt(&inc(), vec![attempt_of(1, &call()), attempt_of(2, &call())]);
    assert_eq!(wrong(&twice), ["at most once"]);
}

#[test]
fn a_restoration_alone_is_no_success_of_the_call() {
    let mut alone = receipt(&inc(), vec![attempt_of(1, &restoration())]);
    assert_eq!(wrong(&alone), ["status"]);
    let detail = said(&alone, "status");
    assert!(detail.contains("is not its call"), "{detail}");
    let detail = said(&alone, "at most once");
    assert!(detail.starts_with("none of its transactions"), "{detail}");
    // Without a success it may have ended in any other way.
    for status in ["failed", "expired", "canceled"] {
        alone.status = status.to_owned();
        alone.transaction = None;
        assert_eq!(doubts(&alone), [], "{status}");
    }
    // Nor beside a call that is dead.
    let mut receipt = restored_then_called();
    kill(&mut receipt.attempts[1]);
    receipt.transaction = receipt.attempts[0].landed.clone();
    assert_eq!(wrong(&receipt), ["status"]);
}

#[test]
fn a_restoration_that_was_asked_for_is_its_own_success() {
    let asked = json!({
        "type": "restore_footprint", "keys": [{"contract": CONTRACT, "key": {"symbol": "COUNT"}}],
    });
    let truth = receipt(&asked, vec![attempt_of(1, &restoration())]);
    assert_eq!(doubts(&truth), []);
    let twice = [1, 2].map(|number| attempt_of(number, &restoration()));
    let twice = receipt(&asked, twice.to_vec());
    assert_eq!(wrong(&twice), ["at most once"]);
}

#[test]
fn a_call_of_another_function_is_not_this_one() {
    let mut other = inc();
    other["function"] = json!("dec");
    let lie = receipt(&other, vec![attempt_of(1, &call())]);
    assert_eq!(wrong(&lie), ["attempt 1: transaction"]);
}

const EARLIER: &str = "transaction of an earlier life";

/// Makes the transaction of this attempt what decided it, as one of an earlier life: with its envelope, and no attempt that it is.
fn decided_by(receipt: &mut Receipt, attempt: &AttemptReceipt, successful: bool) {
    let mut landed = record(attempt, successful);
    landed.envelope_xdr = Some(attempt.envelope_xdr.clone());
    receipt.transaction = Some(landed);
}

/// What the ledger's envelope of an attempt says of the transaction that decided it.
fn by_ledger(receipt: &Receipt, attempt: &AttemptReceipt) -> Result<String, String> {
    let landed = receipt.transaction.as_ref().expect("a transaction");
    let envelope = TransactionEnvelope::Tx(plain(&attempt.envelope_xdr));
    let envelope = envelope.to_xdr(Limits::none()).expect("it encodes");
    rebuilds(receipt, landed, &envelope)
}

#[test]
fn a_restoration_of_an_earlier_life_is_no_success_of_the_call() {
    let restored = attempt_of(1, &restoration());
    let mut alone = receipt(&inc(), Vec::new());
    decided_by(&mut alone, &restored, true);
    assert_eq!(wrong(&alone), [EARLIER, "status"]);
    let detail = said(&alone, EARLIER);
    assert!(
        detail.contains("only brought archived entries back"),
        "{detail}"
    );
    assert_eq!(by_ledger(&alone, &restored), Err(detail));
    let detail = said(&alone, "status");
    assert!(detail.contains("is not its call"), "{detail}");
    let detail = said(&alone, "at most once");
    assert!(detail.starts_with("none of its transactions"), "{detail}");
    // Where the envelope is not at hand the ledger has it.
    alone
        .transaction
        .as_mut()
        .expect("a transaction")
        .envelope_xdr = None;
    assert_eq!(doubts(&alone), [(EARLIER.to_owned(), Standing::Unproven)]);
    assert!(by_ledger(&alone, &restored).is_err());
    // Beside its call it is no second success, and has not decided anything.
    let mut beside = receipt(&inc(), vec![attempt_of(1, &call())]);
    decided_by(&mut beside, &attempt_of(2, &restoration()), true);
    assert_eq!(wrong(&beside), [EARLIER, "status"]);
    for status in ["failed", "expired", "canceled"] {
        let mut ended = receipt(&inc(), Vec::new());
        decided_by(&mut ended, &restored, true);
        ended.status = status.to_owned();
        assert_eq!(wrong(&ended), [EARLIER, "status"], "{status}");
        // One that failed may have been the end.
        decided_by(&mut ended, &restored, false);
        assert_eq!(doubts(&ended), [], "{status}");
        assert!(by_ledger(&ended, &restored).is_ok());
    }
}

#[test]
fn what_was_asked_for_is_a_success_of_an_earlier_life() {
    let asked = json!({
        "type": "restore_footprint", "keys": [{"contract": CONTRACT, "key": {"symbol": "COUNT"}}],
    });
    let restored = attempt_of(1, &restoration());
    let mut truth = receipt(&asked, Vec::new());
    decided_by(&mut truth, &restored, true);
    assert_eq!(doubts(&truth), []);
    assert!(by_ledger(&truth, &restored).is_ok());
    let detail = said(&truth, "at most once");
    assert!(
        detail.starts_with("one of its transactions succeeded"),
        "{detail}"
    );
    // And two are two.
    truth.attempts = vec![attempt_of(1, &restoration())];
    decided_by(&mut truth, &attempt_of(2, &restoration()), true);
    assert_eq!(wrong(&truth), ["at most once"]);
}
