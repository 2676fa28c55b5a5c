//! What a request tells of itself: whom it pays, how large it is, what others signed.

use serde_json::{Value, json};
use stellar_submitter::domain::asset::Asset;
use stellar_submitter::domain::intent::{Presigned, read};
use stellar_submitter::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence};
use stellar_xdr::{
    Asset as XdrAsset, ClaimPredicate, Claimant, ClaimantV0, CreateClaimableBalanceOp, DataValue,
    LedgerBounds, Limits, ManageDataOp, Operation, OperationBody, Preconditions, PreconditionsV2,
    ReadXdr as _, SequenceNumber, SignatureHint, String64, TimeBounds, TimePoint, Transaction,
    TransactionEnvelope, WriteXdr as _,
};

use crate::bodies::{KINDS, body, encode_signed, good, presigned, request, usd, xdr_of};
use crate::fixture::{account, accounts, issuer, stranger};
use crate::mistakes::only;

/// An operation of 8,024 bytes.
fn large() -> OperationBody {
    let mut predicate = ClaimPredicate::Unconditional;
    for _ in 0..6 {
        let both = vec![predicate.clone(), predicate];
        predicate = ClaimPredicate::And(both.try_into().expect("two"));
    }
    let claimants: Vec<Claimant> = (0..10)
        .map(|number| {
            Claimant::ClaimantTypeV0(ClaimantV0 {
                destination: account(number).to_xdr(),
                predicate: predicate.clone(),
            })
        })
        .collect();
    OperationBody::CreateClaimableBalance(CreateClaimableBalanceOp {
        asset: XdrAsset::Native,
        amount: 1,
        claimants: claimants.try_into().expect("ten"),
    })
}

/// An operation of so many bytes, 28 to 88.
fn small(bytes: usize) -> OperationBody {
    OperationBody::ManageData(ManageDataOp {
        data_name: String64(b"name".try_into().expect("short")),
        data_value: Some(DataValue(
            vec![1; bytes - 24].try_into().expect("64 at most"),
        )),
    })
}

/// Operations that are so many bytes together, where each counts for so many more.
fn operations_of(total: usize, more: usize) -> Vec<OperationBody> {
    let (least, most, each) = (28 + more, 88 + more, 8_024 + more);
    let mut all = vec![large(); total / each];
    let mut rest = total % each;
    while rest > most + least {
        all.push(small(88));
        rest -= most;
    }
    if rest > most {
        all.push(small(28));
        rest -= least;
    }
    all.push(small(rest - more));
    assert!(all.len() <= 100);
    all
}

/// A claimable balance of so many bytes as an operation, 15,704 to 20,824.
fn balance(bytes: usize) -> OperationBody {
    // Ten claimants with 128 leaves each. "Not" without anything inside is four bytes larger than "unconditional".
    let mut larger = (bytes - 15_704) / 4;
    let mut claimant = |number: u8| {
        let mut level: Vec<ClaimPredicate> = (0..128)
            .map(|_| match larger.checked_sub(1) {
                None => ClaimPredicate::Unconditional,
                Some(rest) => {
                    larger = rest;
                    ClaimPredicate::Not(None)
                }
            })
            .collect();
        while level.len() > 1 {
            let both =
                |two: &[ClaimPredicate]| ClaimPredicate::And(two.to_vec().try_into().expect("two"));
            level = level.chunks(2).map(both).collect();
        }
        Claimant::ClaimantTypeV0(ClaimantV0 {
            destination: account(number).to_xdr(),
            predicate: level.remove(0),
        })
    };
    let claimants: Vec<Claimant> = (0..10).map(&mut claimant).collect();
    OperationBody::CreateClaimableBalance(CreateClaimableBalanceOp {
        asset: XdrAsset::Native,
        amount: 1,
        claimants: claimants.try_into().expect("ten"),
    })
}

#[test]
fn an_operation_in_xdr_is_taken_up_to_a_size_and_not_beyond() {
    const MOST: usize = 16 * 1024;
    let given = |bytes: usize| {
        let text = xdr_of(balance(bytes), None);
        let operation = Operation::from_xdr_base64(&text, Limits::none()).expect("an operation");
        let encoded = operation.to_xdr(Limits::none()).expect("it encodes");
        assert_eq!(encoded.len(), bytes);
        body(&[json!({"type": "xdr", "xdr": text})])
    };
    assert!(read(&given(MOST), &accounts()).is_ok());
    only(
        &given(MOST + 4),
        "/operations/0/xdr",
        "is longer than 16384 bytes",
    );
}

#[test]
fn operations_are_taken_up_to_a_size_and_not_beyond() {
    const MOST: usize = 96 * 1024;
    let given = |total: usize| {
        // Each counts with a source of its own, as where the channel is another account.
        let operations: Vec<Value> = operations_of(total, 36)
            .into_iter()
            .map(|body| json!({"type": "xdr", "xdr": xdr_of(body, None)}))
            .collect();
        body(&operations)
    };
    assert!(read(&given(MOST), &accounts()).is_ok());
    let errors = read(&given(MOST + 4), &accounts()).expect_err("too large");
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].pointer, "/operations");
    let detail = &errors[0].detail;
    assert!(
        detail.starts_with("are 98308 bytes as a transaction"),
        "{detail}"
    );
}

/// The stranger's transaction, changed.
pub fn signed(change: impl FnOnce(&mut Transaction)) -> String {
    let given = presigned(&good("payment"));
    let envelope = TransactionEnvelope::from_xdr_base64(given, Limits::none());
    let Ok(TransactionEnvelope::Tx(mut envelope)) = envelope else {
        panic!("not a version 1 envelope");
    };
    change(&mut envelope.tx);
    encode_signed(envelope.tx)
}

fn of(change: impl FnOnce(&mut Transaction)) -> Presigned {
    Presigned::decode(&signed(change)).expect("it is taken")
}

fn set_operations(tx: &mut Transaction, bodies: Vec<OperationBody>) {
    let operations: Vec<Operation> = bodies
        .into_iter()
        .map(|body| Operation {
            source_account: None,
            body,
        })
        .collect();
    tx.operations = operations.try_into().expect("100 at most");
}

#[test]
fn a_presigned_transaction_is_taken_up_to_a_size_and_not_beyond() {
    const MOST: usize = 100 * 1024;
    let bytes = |bodies| {
        let text = signed(|tx| set_operations(tx, bodies));
        let envelope = TransactionEnvelope::from_xdr_base64(&text, Limits::none());
        let length = envelope.expect("an envelope").to_xdr(Limits::none());
        (length.expect("it encodes").len(), text)
    };
    let around = bytes(vec![small(28)]).0 - 28;
    let (length, text) = bytes(operations_of(MOST - around, 0));
    assert_eq!(length, MOST);
    assert!(Presigned::decode(&text).is_ok());
    let (length, text) = bytes(operations_of(MOST - around + 4, 0));
    assert_eq!(length, MOST + 4);
    let refused = Presigned::decode(&text).expect_err("too large");
    assert_eq!(refused, "is longer than 102400 bytes");
}

fn times(min: u64, max: u64) -> TimeBounds {
    TimeBounds {
        min_time: TimePoint(min),
        max_time: TimePoint(max),
    }
}

fn bounds(time: Option<TimeBounds>, max_ledger: Option<u32>) -> Preconditions {
    Preconditions::V2(PreconditionsV2 {
        time_bounds: time,
        ledger_bounds: max_ledger.map(|max_ledger| LedgerBounds {
            min_ledger: 3,
            max_ledger,
        }),
        ..PreconditionsV2::default()
    })
}

#[test]
fn a_presigned_transaction_says_what_it_is() {
    let three = of(|tx| {
        tx.source_account = stranger().muxed(6);
        tx.fee = 1_001;
        tx.seq_num = SequenceNumber(77);
        set_operations(tx, vec![small(28), large(), small(28)]);
    });
    assert_eq!(three.source(), stranger());
    assert_eq!(three.sequence(), Sequence(77));
    assert_eq!(three.operation_count(), 3);
    assert_eq!(three.bid_per_operation().get(), 333, "rounded down");
    assert_eq!(three.first_operation(), "ManageData");
    // Least and last close time, and the first ledger that is too late; 0 is no bound.
    let cases = [
        (Preconditions::Time(times(5, 9)), (5, Some(9), None)),
        (bounds(Some(times(5, 9)), Some(8)), (5, Some(9), Some(8))),
        (bounds(Some(times(5, 0)), Some(8)), (5, None, Some(8))),
        (bounds(Some(times(0, 9)), Some(0)), (0, Some(9), None)),
        (bounds(Some(times(0, 9)), None), (0, Some(9), None)),
        (bounds(None, Some(8)), (0, None, Some(8))),
    ];
    for (conditions, (least, last, ledger)) in cases {
        let given = of(|tx| tx.cond = conditions);
        assert_eq!(given.min_time(), ChainTime(least));
        assert_eq!(given.max_time(), last.map(ChainTime));
        assert_eq!(given.max_ledger(), ledger.map(LedgerSeq));
    }
}

#[test]
fn what_others_signed_is_called_by_its_first_operation() {
    for kind in KINDS.into_iter().filter(|kind| *kind != "xdr") {
        let given = json!({"workflow_id": "w", "transaction_xdr": presigned(&good(kind))});
        assert_eq!(request(&given).method, kind);
    }
}

#[test]
fn those_who_receive_are_named_once_each() {
    for kind in KINDS {
        let receives = matches!(
            kind,
            "payment"
                | "path_payment_strict_send"
                | "path_payment_strict_receive"
                | "create_account"
        );
        let expected = if receives { vec![account(7)] } else { vec![] };
        assert_eq!(
            request(&body(&[good(kind)])).destinations(),
            expected,
            "{kind}"
        );
    }
    let mut other = good("payment");
    other["destination"] = json!(account(6).to_string());
    let many = request(&body(&[
        good("payment"),
        other,
        good("create_account"),
        good("clawback"),
    ]));
    assert_eq!(many.destinations(), [account(6), account(7)]);
    assert_eq!(many.operation_count(), 4);
    let three = signed(|tx| set_operations(tx, vec![small(28); 3]));
    let three = request(&json!({"workflow_id": "w", "transaction_xdr": three}));
    assert_eq!(three.operation_count(), 3);
    assert_eq!(three.destinations(), []);
}

#[test]
fn what_a_state_error_does_is_shown_as_it_is_given() {
    for choice in ["fail", "park"] {
        let mut given = body(&[good("payment")]);
        given["on_state_error"] = json!(choice);
        let request = request(&given);
        assert_eq!(request.on_state_error.to_string(), choice);
        assert_eq!(request.to_json()["on_state_error"], json!(choice));
    }
}

#[test]
fn an_asset_is_native_or_has_an_issuer() {
    assert!(Asset::NATIVE.is_native());
    assert_eq!(Asset::NATIVE.issuer(), None);
    for (code, is_short) in [
        ("A", true),
        ("ABCD", true),
        ("ABCDE", false),
        ("ABCDEFGHIJKL", false),
    ] {
        let text = format!("{code}:{}", issuer());
        let asset: Asset = text.parse().expect("an asset");
        assert!(!asset.is_native());
        assert_eq!(asset.issuer(), Some(issuer()));
        assert_eq!(asset.to_string(), text);
        let short = matches!(asset.to_xdr(), XdrAsset::CreditAlphanum4(_));
        assert_eq!(short, is_short, "{code}");
    }
    assert!(usd().parse::<Asset>().is_ok());
}

#[test]
fn a_signature_hints_at_the_end_of_its_key() {
    let key: [u8; 32] = std::array::from_fn(|place| place as u8);
    assert_eq!(AccountId(key).hint(), SignatureHint([28, 29, 30, 31]));
}
