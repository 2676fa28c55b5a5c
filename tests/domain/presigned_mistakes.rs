//! Bad transactions of others, and what cannot stand beside a good one.

use serde_json::{Value, json};
use stellar_submitter::domain::intent::read;
use stellar_xdr::{
    LedgerBounds, Limits, Preconditions, PreconditionsV2, TimeBounds, TimePoint, Transaction,
    TransactionEnvelope, WriteXdr as _,
};

use crate::bad_values::with_tail;
use crate::bodies::{encode_signed, good, presigned};
use crate::fixture::{accounts, source, stranger};
use crate::mistakes::{mistakes, only};

/// The stranger's transaction, changed.
fn signed(change: impl FnOnce(&mut Transaction)) -> String {
    let envelope = {
        use stellar_xdr::ReadXdr as _;
        let given = presigned(&good("payment"));
        TransactionEnvelope::from_xdr_base64(given, Limits::none()).expect("an envelope")
    };
    let TransactionEnvelope::Tx(envelope) = envelope else {
        panic!("not a version 1 envelope");
    };
    let mut tx = envelope.tx;
    change(&mut tx);
    encode_signed(tx)
}

#[test]
fn every_bad_presigned_transaction_is_named() {
    let unsigned = {
        use stellar_xdr::ReadXdr as _;
        let given =
            TransactionEnvelope::from_xdr_base64(presigned(&good("payment")), Limits::none());
        let Ok(TransactionEnvelope::Tx(mut envelope)) = given else {
            panic!("not a version 1 envelope");
        };
        envelope.signatures = Default::default();
        TransactionEnvelope::Tx(envelope)
            .to_xdr_base64(Limits::none())
            .expect("it encodes")
    };
    let unbounded = |time: u64, ledger: u32| {
        signed(|tx| {
            tx.cond = Preconditions::V2(PreconditionsV2 {
                time_bounds: Some(TimeBounds {
                    min_time: TimePoint(5),
                    max_time: TimePoint(time),
                }),
                ledger_bounds: Some(LedgerBounds {
                    min_ledger: 5,
                    max_ledger: ledger,
                }),
                ..PreconditionsV2::default()
            });
        })
    };
    let vectors: Value =
        serde_json::from_str(include_str!("../fixtures/vectors/envelopes.json")).expect("JSON");
    let fee_bump = vectors["envelopes"][0]["fee_bump_envelope_xdr"]
        .as_str()
        .expect("text");
    let no_bound = "has no upper time or ledger bound";
    let cases = [
        (json!(5), "must be a string, not a number"),
        (json!("#"), "is not base64"),
        (json!("AAAA"), "is not the XDR of a TransactionEnvelope"),
        (json!("AAAA".repeat(40_000)), "is longer than 102400 bytes"),
        (
            json!(with_tail(&presigned(&good("payment")))),
            "is not the XDR of a TransactionEnvelope",
        ),
        (json!(fee_bump), "is a fee bump"),
        (json!(unsigned), "carries no signature"),
        (
            json!(signed(|tx| tx.operations = Default::default())),
            "has no operation",
        ),
        (json!(signed(|tx| tx.cond = Preconditions::None)), no_bound),
        (json!(unbounded(0, 0)), no_bound),
        (
            json!(signed(|tx| tx.source_account = source().plain())),
            "is managed here",
        ),
        (
            json!(signed(|tx| tx.source_account = source().muxed(9))),
            "is managed here",
        ),
    ];
    for (given, detail) in cases {
        let given = json!({"workflow_id": "w", "transaction_xdr": given});
        only(&given, "/transaction_xdr", detail);
    }
    for bounds in [unbounded(9, 0), unbounded(0, 9)] {
        let given = json!({"workflow_id": "w", "transaction_xdr": bounds});
        assert!(read(&given, &accounts()).is_ok(), "either bound is enough");
    }
}

#[test]
fn what_a_presigned_transaction_says_itself_cannot_be_said_beside_it() {
    let beside = "cannot be given beside transaction_xdr";
    let values = [
        ("operations", json!([good("payment")])),
        ("memo", json!({"type": "text", "value": "x"})),
        ("source", json!(source())),
        ("not_before", json!("2026-01-01T00:00:00Z")),
        ("valid_until", json!("2027-01-01T00:00:00Z")),
    ];
    for (name, value) in values {
        let mut given = json!({"workflow_id": "w", "transaction_xdr": presigned(&good("payment"))});
        given[name] = value;
        only(&given, &format!("/{name}"), beside);
    }
    let both = json!({"workflow_id": "w", "transaction_xdr": "#", "operations": [good("payment")]});
    let errors = mistakes(&both);
    let found: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(found, ["/transaction_xdr", "/operations"]);
    let own = json!({
        "workflow_id": "w", "transaction_xdr": presigned(&good("payment")), "source": stranger(),
    });
    assert!(
        read(&own, &accounts()).is_ok(),
        "its own source may be named"
    );
}
