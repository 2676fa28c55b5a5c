//! Every result code of the protocol: its name, what it means, and what a recorded one did to the sequence number.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use stellar_submitter::domain::result_code::{
    OperationMeaning, OperationOutcome, SequenceEffect, TransactionCode, TransactionMeaning,
    TransactionOutcome, operation_outcome, sequence_effect, transaction_code_name,
    transaction_meaning,
};
use stellar_xdr::{
    Hash, InnerTransactionResult, InnerTransactionResultExt, InnerTransactionResultPair,
    InnerTransactionResultResult, Limits, OperationResult, OperationResultCode, OperationType,
    ReadXdr as _, TransactionResult, TransactionResultCode as Code, TransactionResultExt,
    TransactionResultResult,
};

use crate::fixture::every_code;

/// Words of XDR that the largest result with nothing in it takes.
const MAX_WORDS: usize = 40;
/// The lowest result code of an operation that is tried.
const LOWEST_CODE: i32 = -40;

/// Every result that an operation can have, with zeros for what it carries.
pub fn every_operation_result() -> Vec<OperationResult> {
    let mut all: Vec<OperationResult> = OperationResultCode::VARIANTS
        .into_iter()
        .filter(|code| *code != OperationResultCode::OpInner)
        .map(|code| read(&[code as i32]).expect("a code without anything else"))
        .collect();
    for kind in OperationType::VARIANTS {
        let before = all.len();
        let codes = (LOWEST_CODE..=0).filter_map(|code| read(&[0, kind as i32, code]));
        all.extend(codes);
        assert!(all.len() > before, "{kind:?} has no result");
    }
    all
}

fn read(words: &[i32]) -> Option<OperationResult> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    for _ in 0..MAX_WORDS {
        if let Ok(result) = OperationResult::from_xdr(&bytes, Limits::len(1_000)) {
            return Some(result);
        }
        bytes.extend([0; 4]);
    }
    None
}

/// What each code means for its intent, whatever the operation.
fn meanings() -> BTreeMap<&'static str, OperationMeaning> {
    use OperationMeaning::{Contract, Market, Permanent, State, Success};
    let table: [(OperationMeaning, &[&str]); 5] = [
        (Success, &["op_success"]),
        (
            Permanent,
            &[
                "op_malformed",
                "op_self_not_allowed",
                "op_already_exists",
                "op_does_not_exist",
                // What the request itself says is wrong, or asks for what never changes.
                "op_not_supported",
                "op_offer_not_found",
                "op_too_many_signers",
                "op_bad_flags",
                "op_invalid_inflation",
                "op_cant_change",
                "op_unknown_flag",
                "op_threshold_out_of_range",
                "op_bad_signer",
                "op_invalid_home_domain",
                "op_auth_revocable_required",
                "op_trust_not_required",
                "op_no_account",
                "op_immutable_set",
                "op_has_sub_entries",
                "op_seq_num_too_far",
                "op_is_sponsor",
                "op_not_time",
                "op_not_supported_yet",
                "op_data_name_not_found",
                "op_data_invalid_name",
                "op_bad_seq",
                "op_already_sponsored",
                "op_recursive",
                "op_not_sponsored",
                "op_not_sponsor",
                "op_only_transferable",
                "op_not_issuer",
                "op_invalid_state",
            ],
        ),
        (
            State,
            &[
                "op_underfunded",
                "op_src_no_trust",
                "op_src_not_authorized",
                "op_no_trust",
                "op_not_authorized",
                "op_line_full",
                "op_no_destination",
                "op_low_reserve",
                "op_no_issuer",
                "op_invalid_limit",
                "op_cannot_claim",
                "op_trustline_frozen",
                "op_bad_auth",
                "op_no_source_account",
                // An account's entries, trustlines or flags are not as they must be now.
                "op_too_many_subentries",
                "op_too_many_sponsoring",
                "op_sell_no_trust",
                "op_buy_no_trust",
                "op_sell_not_authorized",
                "op_buy_not_authorized",
                "op_sell_no_issuer",
                "op_buy_no_issuer",
                "op_trust_line_missing",
                "op_cannot_delete",
                "op_not_auth_maintain_liabilities",
                "op_no_trust_line",
                "op_cant_revoke",
                "op_dest_full",
                "op_not_clawback_enabled",
                "op_pool_full",
            ],
        ),
        (
            Market,
            &[
                "op_too_few_offers",
                "op_over_source_max",
                "op_under_dest_min",
                "op_cross_self",
                "op_exceeded_work_limit",
                "op_bad_price",
                "op_under_minimum",
            ],
        ),
        (
            Contract,
            &[
                "op_function_trapped",
                "op_resource_limit_exceeded",
                "op_insufficient_refundable_fee",
                "op_entry_archived",
            ],
        ),
    ];
    let mut all = BTreeMap::new();
    for (meaning, codes) in table {
        for code in codes {
            assert_eq!(all.insert(*code, meaning), None, "{code} stands twice");
        }
    }
    all
}

#[test]
fn every_operation_code_means_what_the_table_says() {
    let mut table = meanings();
    let results = every_operation_result();
    assert!(results.len() > 190, "only {} results", results.len());
    let mut seen = BTreeMap::new();
    for result in &results {
        let OperationOutcome { code, meaning } = operation_outcome(result);
        let expected = meanings().get(code).copied();
        assert_eq!(Some(meaning), expected, "{code} of {result:?}");
        seen.insert(code, ());
    }
    table.retain(|code, _| !seen.contains_key(code));
    assert!(table.is_empty(), "no result has these codes: {table:?}");
}

#[test]
fn results_of_one_operation_have_different_names() {
    for kind in OperationType::VARIANTS {
        let names: Vec<&str> = (LOWEST_CODE..=0)
            .filter_map(|code| read(&[0, kind as i32, code]))
            .map(|result| operation_outcome(&result).code)
            .collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{kind:?} has {name} twice");
        }
    }
}

/// Name, meaning, and what a recorded failure with it did to the sequence number.
type Row = (Code, &'static str, TransactionMeaning, SequenceEffect);

fn table() -> [Row; 20] {
    use SequenceEffect::{Consumed, Unsure, Unused};
    use TransactionMeaning as M;
    [
        (Code::TxSuccess, "tx_success", M::Success, Unsure),
        (
            Code::TxFeeBumpInnerSuccess,
            "tx_fee_bump_inner_success",
            M::Success,
            Unsure,
        ),
        (Code::TxFailed, "tx_failed", M::Failed, Consumed),
        (
            Code::TxFeeBumpInnerFailed,
            "tx_fee_bump_inner_failed",
            M::Failed,
            Unsure,
        ),
        (Code::TxTooEarly, "tx_too_early", M::Early, Unused),
        (Code::TxTooLate, "tx_too_late", M::Late, Unused),
        (
            Code::TxMissingOperation,
            "tx_missing_operation",
            M::Invalid,
            Unused,
        ),
        (Code::TxBadSeq, "tx_bad_seq", M::BadSequence, Unused),
        (Code::TxBadAuth, "tx_bad_auth", M::BadAuth, Consumed),
        (
            Code::TxInsufficientBalance,
            "tx_insufficient_balance",
            M::FeeAccountShort,
            Unsure,
        ),
        (
            Code::TxNoAccount,
            "tx_no_source_account",
            M::NoAccount,
            Unused,
        ),
        (
            Code::TxInsufficientFee,
            "tx_insufficient_fee",
            M::FeeTooLow,
            Unused,
        ),
        (
            Code::TxBadAuthExtra,
            "tx_bad_auth_extra",
            M::BadAuth,
            Consumed,
        ),
        (
            Code::TxInternalError,
            "tx_internal_error",
            M::Invalid,
            Unsure,
        ),
        (Code::TxNotSupported, "tx_not_supported", M::Invalid, Unused),
        (
            Code::TxBadSponsorship,
            "tx_bad_sponsorship",
            M::Invalid,
            Consumed,
        ),
        (
            Code::TxBadMinSeqAgeOrGap,
            "tx_bad_minseq_age_or_gap",
            M::Early,
            Consumed,
        ),
        (Code::TxMalformed, "tx_malformed", M::Invalid, Unused),
        (
            Code::TxSorobanInvalid,
            "tx_soroban_invalid",
            M::SorobanInvalid,
            Unused,
        ),
        (
            Code::TxFrozenKeyAccessed,
            "tx_frozen_key_accessed",
            M::Frozen,
            Unsure,
        ),
    ]
}

#[test]
fn every_transaction_code_means_what_the_table_says() {
    let table = table();
    assert_eq!(table.len(), every_code().len());
    for code in every_code() {
        let row = table
            .iter()
            .find(|row| row.0 == code)
            .expect("a row for each code");
        let known = TransactionCode::Known(code);
        assert_eq!(transaction_code_name(known), row.1);
        assert_eq!(transaction_meaning(known), row.2, "{code:?}");
        assert_eq!(sequence_effect(known), row.3, "{code:?}");
    }
    let unknown = TransactionOutcome::unrecognised();
    assert_eq!(unknown.meaning(), TransactionMeaning::Unrecognised);
    assert_eq!(unknown.sequence_effect(), SequenceEffect::Unsure);
    assert_eq!(unknown.code_name(), "tx_unrecognised");
}

fn result(result: TransactionResultResult) -> TransactionResult {
    TransactionResult {
        fee_charged: 321,
        result,
        ext: TransactionResultExt::V0,
    }
}

#[test]
fn recorded_results_are_called_what_the_server_called_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/horizon-captures");
    let mut lists = 0;
    for entry in std::fs::read_dir(folder).expect("the captures") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a capture");
        let Ok(capture) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let extras = &capture["response"]["body"]["extras"];
        let Some(xdr) = extras["result_xdr"].as_str() else {
            continue;
        };
        let result = TransactionResult::from_xdr_base64(xdr, Limits::len(1_000));
        let outcome = TransactionOutcome::of(&result.expect("a result"));
        let operations: Vec<&str> = outcome.operations.iter().map(|one| one.code).collect();
        let called = json!({
            "transaction": transaction_code_name(outcome.code),
            "inner_transaction": outcome.inner.map(transaction_code_name),
            "operations": (!operations.is_empty()).then_some(operations),
        });
        for name in ["transaction", "inner_transaction", "operations"] {
            assert_eq!(called[name], extras["result_codes"][name], "{path:?}");
        }
        lists += usize::from(outcome.inner.is_none() && !outcome.operations.is_empty());
    }
    assert!(lists > 5, "only {lists} results list their operations");
}

#[test]
fn the_inner_result_of_a_fee_bump_decides() {
    let inner = |inner| InnerTransactionResultPair {
        transaction_hash: Hash([0; 32]),
        result: InnerTransactionResult {
            fee_charged: 0,
            result: inner,
            ext: InnerTransactionResultExt::V0,
        },
    };
    let refused = TransactionOutcome::of(&result(TransactionResultResult::TxFeeBumpInnerFailed(
        inner(InnerTransactionResultResult::TxBadSeq),
    )));
    assert_eq!(refused.meaning(), TransactionMeaning::BadSequence);
    assert_eq!(refused.sequence_effect(), SequenceEffect::Unused);
    assert_eq!(refused.code_name(), "tx_bad_seq");
    assert_eq!(refused.fee_charged, 321);

    let payment = read(&[0, OperationType::Payment as i32, -2]).expect("underfunded");
    let success = read(&[0, OperationType::Payment as i32, 0]).expect("success");
    let results = vec![success, payment].try_into().expect("two");
    let failed = TransactionOutcome::of(&result(TransactionResultResult::TxFeeBumpInnerFailed(
        inner(InnerTransactionResultResult::TxFailed(results)),
    )));
    assert_eq!(failed.meaning(), TransactionMeaning::Failed);
    let (index, first) = failed.first_failure().expect("a failure");
    assert_eq!((index, first.code), (1, "op_underfunded"));
    assert_eq!(failed.code_name(), "op_underfunded");

    let outer = TransactionOutcome::of(&result(TransactionResultResult::TxInsufficientBalance));
    assert_eq!(outer.inner, None);
    assert_eq!(outer.meaning(), TransactionMeaning::FeeAccountShort);
}
