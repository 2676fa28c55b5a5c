//! A record of the chain is a fact only as far as its own envelope bears it out.

use stellar_submitter::domain::envelope::{attach, fee_bump, fee_bump_hash, inner_hash};
use stellar_submitter::domain::landed::{
    Facts, LandedError, Record, envelope_hashes, landed, outcome, result,
};
use stellar_submitter::domain::observation::Landed;
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, TxHash,
};
use stellar_submitter::domain::result_code::TransactionCode;
use stellar_submitter::domain::tag::Tag;
use stellar_xdr::{
    self as xdr, FeeBumpTransactionEnvelope, Hash, InnerTransactionResult,
    InnerTransactionResultExt, InnerTransactionResultPair, InnerTransactionResultResult, Limits,
    Memo, Preconditions, SequenceNumber, TimeBounds, TimePoint, Transaction, TransactionEnvelope,
    TransactionExt, TransactionResult, TransactionResultCode as Code, TransactionResultExt,
    TransactionResultResult, TransactionV0, TransactionV0Envelope, TransactionV0Ext, Uint256, VecM,
    WriteXdr,
};

use crate::fixture::{channel, network, stroops};

const SEQUENCE: i64 = 4_294_967_301;
const ID: u64 = 77;
const LEDGER: LedgerSeq = LedgerSeq(51);
const CLOSED_AT: i64 = 1_800_000_000;

fn sponsor() -> AccountId {
    AccountId([0x66; 32])
}

fn base64(value: &impl WriteXdr) -> String {
    value.to_xdr_base64(Limits::none()).expect("it encodes")
}

fn transaction() -> Transaction {
    Transaction {
        source_account: channel().muxed(ID),
        fee: 100,
        seq_num: SequenceNumber(SEQUENCE),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: VecM::default(),
        ext: TransactionExt::V0,
    }
}

fn plain() -> TransactionEnvelope {
    TransactionEnvelope::Tx(attach(transaction(), Vec::new()))
}

fn bumped() -> xdr::FeeBumpTransaction {
    let tag = Tag::from_muxed_id(5).expect("a tag");
    fee_bump(
        attach(transaction(), Vec::new()),
        sponsor(),
        tag,
        stroops(400),
    )
}

fn bump() -> TransactionEnvelope {
    TransactionEnvelope::TxFeeBump(FeeBumpTransactionEnvelope {
        tx: bumped(),
        signatures: VecM::default(),
    })
}

fn of(result: TransactionResultResult) -> String {
    base64(&TransactionResult {
        fee_charged: 250,
        result,
        ext: TransactionResultExt::V0,
    })
}

fn success() -> String {
    of(TransactionResultResult::TxSuccess(VecM::default()))
}

/// The result of a fee bump around a transaction with this hash.
fn inner_success(hash: TxHash) -> String {
    of(TransactionResultResult::TxFeeBumpInnerSuccess(
        InnerTransactionResultPair {
            transaction_hash: Hash(hash.0),
            result: InnerTransactionResult {
                fee_charged: 0,
                result: InnerTransactionResultResult::TxSuccess(VecM::default()),
                ext: InnerTransactionResultExt::V0,
            },
        },
    ))
}

/// Reads a record of this envelope and result after it is changed.
fn read(
    envelope: &TransactionEnvelope,
    result: &str,
    change: impl FnOnce(&mut Record<'_>),
) -> Result<Landed, LandedError> {
    let envelope = base64(envelope);
    let mut record = Record {
        envelope: &envelope,
        result,
        hash: inner_hash(&transaction(), network()),
        successful: true,
        ledger: LEDGER,
        closed_at: CLOSED_AT,
        fee_charged: Some(123),
    };
    change(&mut record);
    landed(network(), &record)
}

fn is_lie(read: &Result<Landed, LandedError>) -> bool {
    matches!(read, Err(LandedError::Lying(_)))
}

fn is_unreadable(read: &Result<Landed, LandedError>) -> bool {
    matches!(read, Err(LandedError::Unreadable(_)))
}

#[test]
fn a_record_is_what_its_envelope_says() {
    let result = success();
    let landed = read(&plain(), &result, |_| {}).expect("it is borne out");
    assert_eq!(landed.inner_hash, inner_hash(&transaction(), network()));
    assert_eq!(landed.fee_bump_hash, None);
    assert_eq!(
        (landed.ledger, landed.closed_at),
        (LEDGER, ChainTime(1_800_000_000))
    );
    assert!(landed.successful);
    assert_eq!(landed.outcome.code, TransactionCode::Known(Code::TxSuccess));
    assert_eq!(landed.fee_charged, stroops(123));
    assert_eq!(landed.source_account, channel());
    assert_eq!(landed.source_muxed_id, Some(ID));
    assert_eq!(landed.sequence, Sequence(SEQUENCE));
    assert_eq!(
        (landed.fee_account, landed.fee_muxed_id),
        (channel(), Some(ID))
    );
    assert_eq!(
        landed.envelope_xdr,
        plain().to_xdr(Limits::none()).expect("it encodes")
    );
    assert_eq!(landed.result_xdr, result);
}

#[test]
fn a_fee_bump_has_two_hashes_and_another_payer() {
    let inner = inner_hash(&transaction(), network());
    let outer = fee_bump_hash(&bumped(), network());
    assert_ne!(inner, outer);
    for hash in [inner, outer] {
        let landed = read(&bump(), &inner_success(inner), |record| record.hash = hash);
        let landed = landed.expect("it is known by both");
        assert_eq!(
            (landed.inner_hash, landed.fee_bump_hash),
            (inner, Some(outer))
        );
        assert_eq!(
            (landed.source_account, landed.source_muxed_id),
            (channel(), Some(ID))
        );
        assert_eq!(
            (landed.fee_account, landed.fee_muxed_id),
            (sponsor(), Some(5))
        );
        assert_eq!(landed.sequence, Sequence(SEQUENCE));
    }
    let text = base64(&bump());
    assert_eq!(envelope_hashes(network(), &text), Ok((inner, Some(outer))));
    let text = base64(&plain());
    assert_eq!(envelope_hashes(network(), &text), Ok((inner, None)));
    // The result names the transaction within: another one's is no result of this.
    let other = inner_success(outer);
    assert!(is_lie(&read(&bump(), &other, |_| {})));
}

#[test]
fn an_old_envelope_has_the_hash_of_the_new_form_that_it_stands_for() {
    let bounds = TimeBounds {
        min_time: TimePoint(0),
        max_time: TimePoint(9),
    };
    let old = TransactionEnvelope::TxV0(TransactionV0Envelope {
        tx: TransactionV0 {
            source_account_ed25519: Uint256(channel().0),
            fee: 100,
            seq_num: SequenceNumber(SEQUENCE),
            time_bounds: Some(bounds.clone()),
            memo: Memo::None,
            operations: VecM::default(),
            ext: TransactionV0Ext::V0,
        },
        signatures: VecM::default(),
    });
    let new = Transaction {
        source_account: channel().plain(),
        cond: Preconditions::Time(bounds),
        ..transaction()
    };
    let hash = inner_hash(&new, network());
    let landed = read(&old, &success(), |record| record.hash = hash).expect("it is borne out");
    assert_eq!((landed.inner_hash, landed.fee_bump_hash), (hash, None));
    assert_eq!(
        (landed.source_account, landed.source_muxed_id),
        (channel(), None)
    );
    assert_eq!(landed.sequence, Sequence(SEQUENCE));
}

#[test]
fn a_hash_of_another_transaction_or_network_is_a_lie() {
    let other = TxHash([1; 32]);
    for envelope in [plain(), bump()] {
        assert!(is_lie(&read(&envelope, &success(), |record| {
            record.hash = other;
        })));
    }
    let elsewhere = NetworkId::of("Test SDF Network ; September 2015");
    let hash = inner_hash(&transaction(), elsewhere);
    assert!(is_lie(&read(&plain(), &success(), |record| {
        record.hash = hash;
    })));
}

#[test]
fn a_result_that_contradicts_the_record_is_a_lie() {
    let failed = of(TransactionResultResult::TxFailed(VecM::default()));
    assert!(is_lie(&read(&plain(), &failed, |_| {})));
    assert!(is_lie(&read(&plain(), &success(), |record| {
        record.successful = false;
    })));
    let landed = read(&plain(), &failed, |record| record.successful = false);
    assert!(!landed.expect("a failure").successful);
    // One that nobody can read is none: that it landed is so all the same.
    for text in ["", "AAAA", "no base64"] {
        let landed = read(&plain(), text, |_| {}).expect("it landed");
        assert!(landed.successful);
        assert_eq!(landed.outcome.code, TransactionCode::Unrecognised);
        assert_eq!(outcome(text).code, TransactionCode::Unrecognised);
        assert_eq!(result(text), None);
    }
    assert_eq!(
        outcome(&failed).code,
        TransactionCode::Known(Code::TxFailed)
    );
    assert_eq!(
        result(&failed).map(|result| result.fee_charged),
        Some(250),
        "a result is read whole"
    );
}

#[test]
fn what_cannot_be_is_unreadable() {
    let result = success();
    let spoilt: [fn(&mut Record<'_>); 4] = [
        |record| record.envelope = "AAAA",
        |record| record.envelope = "no base64",
        |record| record.closed_at = -1,
        |record| record.fee_charged = Some(-1),
    ];
    for spoil in spoilt {
        assert!(is_unreadable(&read(&plain(), &result, spoil)));
    }
    assert!(Facts::read(network(), "AAAA").is_err());
    assert!(envelope_hashes(network(), "AAAA").is_err());
}

#[test]
fn where_the_record_does_not_say_the_fee_the_result_does() {
    let landed = read(&plain(), &success(), |record| record.fee_charged = None);
    assert_eq!(landed.expect("it is borne out").fee_charged, stroops(250));
}
