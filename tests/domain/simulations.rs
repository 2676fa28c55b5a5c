//! What a simulation says: why a call fails, and, where it runs, what guards it against running twice.

use stellar_submitter::domain::primitives::AccountId;
use stellar_submitter::domain::soroban::auth::by_address;
use stellar_submitter::domain::soroban::simulation::HostError;
use stellar_submitter::domain::soroban::{Failure, FailureKind, Need, Restoration, Simulated};
use stellar_xdr::{
    ContractEventType, LedgerKey, LedgerKeyContractCode, SorobanCredentials, SorobanTransactionData,
};

use crate::contracts::entry;
use crate::fixture::{source, stranger};
use crate::recorded;

fn kind(text: &str) -> FailureKind {
    Failure::of(text, Vec::new()).kind
}

const fn host(kind: &'static str, code: &'static str) -> FailureKind {
    FailureKind::Host(HostError { kind, code })
}

#[test]
fn a_recorded_failure_is_of_the_kind_that_the_host_names_first() {
    for (name, kind) in [
        ("simulate-fail-contract-error", FailureKind::Contract(7)),
        (
            "simulate-sac-transfer-underfunded",
            FailureKind::Contract(10),
        ),
        ("simulate-boom-trap", FailureKind::Trap),
        ("simulate-unknown-contract", FailureKind::MissingValue),
        ("simulate-unknown-function", FailureKind::MissingValue),
        ("simulate-nonce-used", FailureKind::NonceExists),
        ("simulate-wrong-argument", host("Value", "InvalidInput")),
        ("simulate-classic", FailureKind::NotRun),
        ("simulate-malformed", FailureKind::NotRun),
    ] {
        let failure = recorded::failure(name);
        assert_eq!(failure.kind, kind, "{name}");
        // What people read has no log of events, and nothing else is left out.
        assert!(!failure.text.contains("Event log"), "{}", failure.text);
        assert!(!failure.text.is_empty(), "{name}");
    }
}

#[test]
fn an_error_of_the_host_is_told_apart_by_type_and_code() {
    let host_error = |error: &str| kind(&format!("HostError: Error({error})\nmore"));
    for (error, kind) in [
        ("Contract, #0", FailureKind::Contract(0)),
        ("Contract, #4294967295", FailureKind::Contract(u32::MAX)),
        ("WasmVm, MissingValue", FailureKind::MissingValue),
        ("Storage, MissingValue", FailureKind::MissingValue),
        ("Context, MissingValue", FailureKind::MissingValue),
        ("Value, MissingValue", host("Value", "MissingValue")),
        ("WasmVm, InvalidAction", FailureKind::Trap),
        ("Storage, ExceededLimit", host("Storage", "ExceededLimit")),
        ("Budget, ExceededLimit", FailureKind::Budget),
        ("Auth, InvalidAction", FailureKind::Auth),
        ("Auth, ExistingValue", FailureKind::NonceExists),
        ("Storage, ExistingValue", host("Storage", "ExistingValue")),
        ("Crypto, InvalidInput", host("Crypto", "InvalidInput")),
        // What a later host may print.
        ("Quantum, InvalidInput", host("Unknown", "InvalidInput")),
        ("Object, Entangled", host("Object", "Unknown")),
        ("WasmVm, Entangled", FailureKind::Trap),
    ] {
        assert_eq!(host_error(error), kind, "{error}");
    }
    // The first is what it failed with, and those after it are how it came to that.
    let log = "HostError: Error(Contract, #7)\nHostError: Error(Budget, ExceededLimit)";
    assert_eq!(kind(log), FailureKind::Contract(7));
}

#[test]
fn a_server_that_cannot_read_it_is_told_apart_from_one_that_did_not_run_it_now() {
    for (text, expected) in [
        ("Could not unmarshal transaction", FailureKind::NotRun),
        (
            "transaction contains unsupported operation type: OperationTypePayment",
            FailureKind::NotRun,
        ),
        (
            "Transaction contains more than one operation",
            FailureKind::NotRun,
        ),
        (
            "Transaction does not contain an operation",
            FailureKind::NotRun,
        ),
        ("", FailureKind::Unclear),
        ("the ledger is being reindexed", FailureKind::Unclear),
        // No number of a contract's error, and no code: nothing is known.
        ("HostError: Error(Contract, 7)", FailureKind::Unclear),
        ("HostError: Error(Contract, #-1)", FailureKind::Unclear),
        (
            "HostError: Error(Contract, #4294967296)",
            FailureKind::Unclear,
        ),
        ("HostError: Error(Budget)", FailureKind::Unclear),
        (
            "HostError: Error(Budget, ExceededLimit",
            FailureKind::Unclear,
        ),
        ("Error(Budget, ExceededLimit)", FailureKind::Unclear),
    ] {
        assert_eq!(kind(text), expected, "{text}");
    }
}

#[test]
fn the_text_of_a_failure_is_kept_up_to_2048_bytes_and_a_word_beyond_is_left_out() {
    let first = "a".repeat(1_000);
    for (length, is_kept) in [(1_046, true), (1_047, true), (1_048, false)] {
        let second = "b".repeat(length);
        let text = format!("{first} {second}");
        let kept = Failure::of(&text, Vec::new()).text;
        let expected = if is_kept { &text } else { &first };
        assert_eq!(kept, *expected, "{} bytes", text.len());
    }
}

/// A call that only reads.
fn reading() -> Simulated {
    recorded::simulated("simulate-get-read-only")
}

fn changed(change: impl FnOnce(&mut Simulated)) -> Simulated {
    let mut simulated = reading();
    change(&mut simulated);
    simulated
}

#[test]
fn a_call_that_leaves_no_trace_is_not_sent_and_any_trace_is_one() {
    assert_eq!(Need::of(&reading(), source()), Need::ReadOnly);
    // Diagnostic events are on no ledger.
    let types: Vec<_> = reading().events.iter().map(|one| one.event.type_).collect();
    assert_eq!(types, [ContractEventType::Diagnostic; 2]);
    let theirs = || {
        let mut auth = [entry(SorobanCredentials::SourceAccount)];
        by_address(&mut auth, stranger());
        auth.to_vec()
    };
    for (told, simulated) in [
        ("authorised by another", changed(|it| it.auth = theirs())),
        ("without a value", changed(|it| it.value = None)),
        (
            "writes",
            changed(|it| {
                let key = LedgerKey::ContractCode(LedgerKeyContractCode::default());
                let footprint = &mut it.data.resources.footprint;
                footprint.read_write = vec![key].try_into().expect("one");
            }),
        ),
        (
            "restores",
            changed(|it| {
                it.restoration = Some(Restoration {
                    data: SorobanTransactionData::default(),
                    min_resource_fee: 1,
                });
            }),
        ),
        (
            "an event of the contract",
            changed(|it| it.events[1].event.type_ = ContractEventType::Contract),
        ),
        (
            "an event of the system",
            changed(|it| it.events[0].event.type_ = ContractEventType::System),
        ),
    ] {
        assert_eq!(Need::of(&simulated, source()), Need::Nothing, "{told}");
    }
}

#[test]
fn what_a_recorded_call_asks_of_its_source_is_its_guard() {
    let address = "GAS6FCRZ47IGCFJCGMYOHD22K63J45K7QJRIGKZW7BKJK2ZYFNWC6SPA";
    let own: AccountId = address.parse().expect("an address");
    for (name, need) in [
        ("simulate-inc-address-credentials", Need::Address),
        (
            "simulate-inc-source-is-operation-source",
            Need::SourceAccount,
        ),
        ("simulate-tick-no-auth", Need::Nothing),
    ] {
        assert_eq!(Need::of(&recorded::simulated(name), own), need, "{name}");
    }
    // Somebody else's authorisation is nothing of the source.
    let theirs = recorded::simulated("simulate-inc-address-credentials");
    assert_eq!(Need::of(&theirs, stranger()), Need::Nothing);
    // A nonce guards better than being the source.
    let by_source = entry(SorobanCredentials::SourceAccount);
    let mut both = theirs;
    both.auth.insert(0, by_source);
    assert_eq!(Need::of(&both, own), Need::Address);
    assert_eq!(Need::of(&both, stranger()), Need::SourceAccount);
}
