//! What core says of what is posted, and Horizon of what it has forgotten, by themselves: counted, so that nothing of it is
//! never played.

use serde_json::Value;
use stellar_xdr::{Limits, ReadXdr as _, TransactionResult, TransactionResultResult as Code};

use crate::horizon::Answer;

/// The name of such an answer.
pub fn name(answer: &Answer, is_post: bool) -> Option<&'static str> {
    if !is_post {
        return (answer.status == 410).then_some("history has been reaped");
    }
    let body: Value = serde_json::from_slice(answer.body.as_deref()?).ok()?;
    let result = [&body["error_result_xdr"], &body["extras"]["result_xdr"]];
    if let Some(text) = result.into_iter().find_map(Value::as_str) {
        let result = TransactionResult::from_xdr_base64(text, Limits::none());
        return result.ok().map(|result| refused(&result.result));
    }
    match (answer.status, body["tx_status"].as_str()) {
        (_, Some("PENDING")) => Some("core: PENDING"),
        (_, Some("DUPLICATE")) => Some("core: DUPLICATE"),
        (_, Some("TRY_AGAIN_LATER")) => Some("core: TRY_AGAIN_LATER"),
        (200, None) => Some("core: applied while the answer was waited for"),
        (_, _) => None,
    }
}

fn refused(code: &Code) -> &'static str {
    match code {
        Code::TxBadSeq => "core: tx_bad_seq",
        Code::TxTooLate => "core: tx_too_late",
        Code::TxInsufficientFee => "core: tx_insufficient_fee",
        Code::TxInsufficientBalance => "core: tx_insufficient_balance",
        Code::TxNoAccount => "core: tx_no_source_account",
        Code::TxFailed(_) => "core: tx_failed",
        Code::TxFeeBumpInnerFailed(_) => "core: tx_fee_bump_inner_failed",
        Code::TxBadAuth => "core: tx_bad_auth",
        Code::TxTooEarly => "core: tx_too_early",
        _ => "core: refused otherwise",
    }
}
