//! XDR from outside: transactions that are signed already, single operations, envelopes and results out of a Horizon.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use stellar_submitter::domain::envelope;
use stellar_submitter::domain::intent::{Presigned, read};
use stellar_submitter::domain::observation::SubmitAnswer;
use stellar_submitter::horizon::{envelope_hashes, observe};
use stellar_xdr::{self as xdr, Limits, ReadXdr as _};

use super::horizon::{inner_hash, refusal};
use super::intent::{accepted, accounts, network, refused};

/// Reads bytes as everything that XDR may be here.
pub fn fuzz_one(data: &[u8]) {
    let text = BASE64.encode(data);
    recorded(data, &text);
    presigned(&text);
    posted("xdr", &json!([{"type": "xdr", "xdr": text}]), None);
    let refused = observe::submitted(network(), "", &refusal(data));
    assert!(
        matches!(refused, SubmitAnswer::Refused(_)),
        "a refusal became {refused:?}"
    );
}

/// An envelope as a Horizon, or our own records, have it.
fn recorded(data: &[u8], text: &str) {
    let hashes = envelope_hashes(network(), text);
    let decoded = envelope::decode(data);
    if let Ok((inner, bump)) = &decoded {
        let plain = xdr::TransactionEnvelope::Tx(inner.clone());
        let hash = envelope::inner_hash(&inner.tx, network());
        assert_eq!(hash, inner_hash(&plain), "another hash");
        if bump.is_none() {
            assert_eq!(
                envelope::encode(&plain),
                data,
                "two spellings of one envelope"
            );
        }
        let _ = envelope::tag_of(&inner.tx, bump.as_ref());
        let _ = envelope::plan_of(&inner.tx);
        let (same, outer) = hashes.expect("what is decoded has its hashes");
        assert_eq!(same, hash);
        let bumped = bump
            .as_ref()
            .map(|bump| envelope::fee_bump_hash(bump, network()));
        assert_eq!(outer, bumped);
    } else if let Ok((hash, _)) = hashes {
        let whole = xdr::TransactionEnvelope::from_xdr(data, Limits::none());
        assert_eq!(inner_hash(&whole.expect("it was hashed")), hash);
    }
}

/// A transaction that somebody wants to be landed as it is.
fn presigned(text: &str) {
    let decoded = Presigned::decode(text);
    if let Ok(presigned) = &decoded {
        assert_eq!(presigned.to_base64(), text, "not landed as it is");
        let bounded = presigned.max_ledger().is_some() || presigned.max_time().is_some();
        assert!(bounded, "could land at any time");
        assert!((1..=100).contains(&presigned.operation_count()));
        assert!(presigned.bid_per_operation().get() >= 0);
    }
    posted("presigned", &json!(null), Some(text));
}

fn posted(workflow: &str, operations: &serde_json::Value, transaction_xdr: Option<&str>) {
    let body = json!({
        "workflow_id": workflow, "operations": operations, "transaction_xdr": transaction_xdr,
    });
    match read(&body, &accounts()) {
        Ok(request) => accepted(&request),
        Err(errors) => refused(&errors),
    }
}
