//! Whether a landed transaction is an intent's own: rebuilt with the chain's channel, sequence and bounds it must be the same.

use serde_json::{Value, json};
use stellar_submitter::domain::envelope::{
    Plan, build, decode, encode, plan_of, recognise, tag_of,
};
use stellar_submitter::domain::intent::{IntentKey, Request};
use stellar_submitter::domain::primitives::{AccountId, ChainTime, LedgerSeq, NetworkId, Sequence};
use stellar_submitter::domain::tag::Tag;
use stellar_xdr::{
    Duration, LedgerBounds, Limits, Memo, MuxedAccount, Preconditions, PreconditionsV2,
    ReadXdr as _, SequenceNumber, SignerKey, TimePoint, Transaction, TransactionEnvelope,
    TransactionExt, TransactionV1Envelope, Uint256, WriteXdr as _,
};

use crate::bodies::{KINDS, body, good, presigned, request};
use crate::fixture::{channel, network, source, stranger, stroops};

/// Bits that are flipped in each byte.
const MASKS: [u8; 3] = [0x01, 0x80, 0xff];

fn plan() -> Plan {
    Plan {
        channel: channel(),
        sequence: Sequence(123_456_789_012_345),
        min_time: ChainTime(1_700_000_000),
        max_time: ChainTime(1_800_000_000),
        max_ledger: LedgerSeq(51_000_012),
        base_fee: stroops(100),
        soroban: None,
    }
}

fn key(request: &Request) -> IntentKey {
    request.key("acme")
}

fn built(request: &Request) -> Transaction {
    build(request, key(request).tag(network()), &plan())
}

fn is_own(request: &Request, landed: &Transaction) -> bool {
    recognise(network(), &key(request), request, landed, None)
}

fn with_memo(operations: &[Value]) -> Request {
    let mut given = body(operations);
    given["memo"] = json!({"type": "text", "value": "order 77"});
    request(&given)
}

/// The transaction with the plan's fields of another one.
fn with_plan_of(mut tx: Transaction, other: &Transaction) -> Transaction {
    let (Preconditions::V2(mine), Preconditions::V2(others)) = (&mut tx.cond, &other.cond) else {
        return tx;
    };
    if let (Some(mine), Some(others)) = (&mut mine.time_bounds, &others.time_bounds) {
        *mine = others.clone();
    }
    if let (Some(mine), Some(others)) = (&mut mine.ledger_bounds, &others.ledger_bounds) {
        mine.max_ledger = others.max_ledger;
    }
    if let (MuxedAccount::MuxedEd25519(mine), MuxedAccount::MuxedEd25519(others)) =
        (&mut tx.source_account, &other.source_account)
    {
        mine.ed25519 = others.ed25519.clone();
    }
    tx.seq_num = other.seq_num.clone();
    let count = u32::try_from(tx.operations.len()).expect("few");
    if count > 0 && tx.fee.is_multiple_of(count) {
        tx.fee = other.fee;
    }
    tx
}

/// Every transaction that is the same but for one byte of its XDR.
fn neighbours(tx: &Transaction) -> impl Iterator<Item = Transaction> {
    let bytes = tx.to_xdr(Limits::none()).expect("it encodes");
    let places = (0..bytes.len()).flat_map(|at| MASKS.map(|mask| (at, mask)));
    places.filter_map(move |(at, mask)| {
        let mut changed = bytes.clone();
        changed[at] ^= mask;
        Transaction::from_xdr(changed, Limits::len(100_000)).ok()
    })
}

#[test]
fn every_byte_outside_the_plan_counts() {
    for kind in KINDS {
        let request = with_memo(&[good(kind), good("payment")]);
        let own = built(&request);
        assert!(is_own(&request, &own), "{kind}");
        let (mut strangers, mut others) = (0, 0);
        for neighbour in neighbours(&own) {
            // The sequence number, the bounds, the bid and the channel are the chain's to say: such a neighbour is
            // another attempt of the same intent.
            let another_attempt = with_plan_of(neighbour.clone(), &own) == own;
            assert_eq!(
                is_own(&request, &neighbour),
                another_attempt,
                "{neighbour:?}"
            );
            if another_attempt {
                others += 1;
            } else {
                strangers += 1;
            }
        }
        assert!(
            strangers > 100 && others > 50,
            "{kind}: {strangers} and {others}"
        );
    }
}

#[test]
fn every_byte_of_a_presigned_transaction_counts() {
    for kind in ["payment", "create_claimable_balance"] {
        let request =
            request(&json!({"workflow_id": "w", "transaction_xdr": presigned(&good(kind))}));
        let own = build(&request, key(&request).tag(network()), &plan());
        assert_eq!(
            own.source_account,
            stranger().plain(),
            "it is taken as it is"
        );
        assert!(is_own(&request, &own));
        let mut count = 0;
        for neighbour in neighbours(&own) {
            assert!(!is_own(&request, &neighbour));
            count += 1;
        }
        assert!(count > 100, "{kind}: {count}");
    }
}

#[test]
fn another_key_or_network_is_another_intent() {
    let request = request(&body(&[good("payment")]));
    let own = built(&request);
    let keys = [
        ("acme", "w-1", "payout"),
        ("acme", "w-2", "payment"),
        ("acme2", "w-1", "payment"),
    ];
    for (tenant, workflow_id, method) in keys {
        let key = IntentKey {
            tenant: tenant.to_owned(),
            workflow_id: workflow_id.to_owned(),
            method: method.to_owned(),
        };
        assert!(!recognise(network(), &key, &request, &own, None), "{key:?}");
    }
    let other = NetworkId::of("Test SDF Network ; September 2015");
    assert!(!recognise(other, &key(&request), &request, &own, None));
}

#[test]
fn another_request_is_another_intent() {
    let base = with_memo(&[good("payment"), good("manage_data")]);
    let own = built(&base);
    let mut amount = good("payment");
    amount["amount"] = json!("12.5000001");
    let others = [
        with_memo(&[amount, good("manage_data")]),
        with_memo(&[good("manage_data"), good("payment")]),
        with_memo(&[good("payment")]),
        with_memo(&[good("payment"), good("manage_data"), good("manage_data")]),
        request(&json!({
            "workflow_id": "w-1", "method": "payment",
            "operations": [good("payment"), good("manage_data")],
        })),
        request(&json!({
            "workflow_id": "w-1", "operations": [good("payment"), good("manage_data")],
            "memo": {"type": "text", "value": "order 78"},
        })),
        request(&json!({
            "workflow_id": "w-1", "operations": [good("payment"), good("manage_data")],
            "memo": {"type": "text", "value": "order 77"}, "source": crate::fixture::account(5),
        })),
    ];
    for other in others {
        assert!(!is_own(&other, &own), "{}", other.to_json());
    }
}

type Change = (&'static str, fn(&mut Transaction));

fn v2(tx: &mut Transaction) -> &mut PreconditionsV2 {
    match &mut tx.cond {
        Preconditions::V2(v2) => v2,
        other => panic!("{other:?}"),
    }
}

fn operations(tx: &mut Transaction, change: impl FnOnce(&mut Vec<stellar_xdr::Operation>)) {
    let mut operations = tx.operations.to_vec();
    change(&mut operations);
    tx.operations = operations.try_into().expect("few");
}

#[test]
fn a_shape_that_we_never_build_is_not_ours() {
    let changes: [Change; 22] = [
        ("no tag", |tx| tx.source_account = channel().plain()),
        ("another tag", |tx| tx.source_account = channel().muxed(7)),
        ("tag 0", |tx| tx.source_account = channel().muxed(0)),
        ("no memo", |tx| tx.memo = Memo::None),
        ("memo id", |tx| tx.memo = Memo::Id(77)),
        ("no preconditions", |tx| tx.cond = Preconditions::None),
        ("time bounds alone", |tx| {
            let bounds = v2(tx).time_bounds.clone().expect("bounds");
            tx.cond = Preconditions::Time(bounds);
        }),
        ("no time bounds", |tx| v2(tx).time_bounds = None),
        ("no ledger bounds", |tx| v2(tx).ledger_bounds = None),
        ("a first ledger", |tx| {
            v2(tx).ledger_bounds = Some(LedgerBounds {
                min_ledger: 1,
                max_ledger: 51_000_012,
            });
        }),
        ("a least sequence number", |tx| {
            v2(tx).min_seq_num = Some(SequenceNumber(1));
        }),
        ("an age", |tx| v2(tx).min_seq_age = Duration(1)),
        ("a gap", |tx| v2(tx).min_seq_ledger_gap = 1),
        ("another signer", |tx| {
            let signers = vec![SignerKey::Ed25519(Uint256([1; 32]))];
            v2(tx).extra_signers = signers.try_into().expect("one");
        }),
        ("a fee that is no multiple", |tx| tx.fee += 1),
        ("no operation", |tx| operations(tx, Vec::clear)),
        ("one operation less", |tx| {
            operations(tx, |all| drop(all.pop()))
        }),
        ("one more", |tx| {
            operations(tx, |all| all.push(all[0].clone()));
        }),
        ("the other order", |tx| operations(tx, |all| all.swap(0, 1))),
        ("an operation without its source", |tx| {
            operations(tx, |all| all[0].source_account = None);
        }),
        ("a muxed operation source", |tx| {
            operations(tx, |all| all[1].source_account = Some(source().muxed(1)));
        }),
        ("a stranger's operation", |tx| {
            operations(tx, |all| all[0].source_account = Some(stranger().plain()));
        }),
    ];
    let request = with_memo(&[good("payment"), good("manage_data")]);
    for (name, change) in changes {
        let mut tx = built(&request);
        change(&mut tx);
        assert!(!is_own(&request, &tx), "{name}");
    }
    assert_eq!(built(&request).ext, TransactionExt::V0);
}

#[test]
fn another_attempt_of_the_same_intent_is_its_own() {
    let changes: [Change; 6] = [
        ("sequence", |tx| tx.seq_num = SequenceNumber(1)),
        ("bid", |tx| tx.fee *= 7),
        ("last ledger", |tx| {
            v2(tx).ledger_bounds = Some(LedgerBounds {
                min_ledger: 0,
                max_ledger: 5,
            });
        }),
        ("last time", |tx| {
            v2(tx).time_bounds.as_mut().expect("bounds").max_time = TimePoint(1);
        }),
        ("first time", |tx| {
            v2(tx).time_bounds.as_mut().expect("bounds").min_time = TimePoint(0);
        }),
        ("channel", |tx| {
            let MuxedAccount::MuxedEd25519(muxed) = &mut tx.source_account else {
                panic!("not muxed");
            };
            muxed.ed25519 = Uint256([42; 32]);
        }),
    ];
    let request = with_memo(&[good("payment"), good("manage_data")]);
    for (name, change) in changes {
        let mut tx = built(&request);
        change(&mut tx);
        assert!(is_own(&request, &tx), "{name}");
        assert_ne!(plan_of(&tx), Some(plan()), "{name}");
    }
}

#[test]
fn a_stranger_cannot_forge_a_landing() {
    let request = request(&body(&[good("payment")]));
    let tag = key(&request).tag(network());
    // From an account of their own, without our source's signature: the operation moves their funds, not ours.
    let mut forged = build(
        &request,
        tag,
        &Plan {
            channel: source(),
            ..plan()
        },
    );
    assert!(is_own(&request, &forged));
    forged.source_account = stranger().muxed(tag.get());
    assert!(!is_own(&request, &forged));
}

#[test]
fn a_plan_comes_back_from_what_was_built_by_it() {
    let count_of = |count| with_memo(&vec![good("payment"); count]);
    for count in [1, 2, 3, 99, 100] {
        let request = count_of(count);
        for base_fee in [1, 100, 101, 42_949_672, 42_949_673, 1_000_000_000, i64::MAX] {
            let given = Plan {
                base_fee: stroops(base_fee),
                ..plan()
            };
            let tx = build(&request, key(&request).tag(network()), &given);
            let read = plan_of(&tx).expect("a plan");
            // The field holds 32 bits: beyond them the bid is the largest that fits, the same for each operation.
            let most = i64::from(u32::MAX) / i64::try_from(count).expect("few");
            assert_eq!(read.base_fee.get(), base_fee.min(most));
            assert_eq!(
                Plan {
                    base_fee: given.base_fee,
                    ..read
                },
                given
            );
            assert!(is_own(&request, &tx), "{count} operations at {base_fee}");
        }
    }
}

#[test]
fn the_operation_names_its_source_exactly_where_the_channel_is_another_account() {
    let request = request(&body(&[good("payment")]));
    let tag = key(&request).tag(network());
    let tx = build(&request, tag, &plan());
    assert_eq!(tx.operations[0].source_account, Some(source().plain()));
    let tx = build(
        &request,
        tag,
        &Plan {
            channel: source(),
            ..plan()
        },
    );
    assert_eq!(tx.operations[0].source_account, None);
    assert_eq!(tx.source_account, source().muxed(tag.get()));
}

#[test]
fn the_tag_is_found_in_the_source_or_else_in_the_fee_source() {
    let request = request(&body(&[good("payment")]));
    let tag = key(&request).tag(network());
    let inner = built(&request);
    assert_eq!(tag_of(&inner, None), Some(tag));
    let mut plain = inner.clone();
    plain.source_account = channel().plain();
    assert_eq!(tag_of(&plain, None), None);
    let envelope = TransactionV1Envelope {
        tx: plain.clone(),
        signatures: stellar_xdr::VecM::default(),
    };
    let bump = |fee_source| {
        let mut bump = stellar_submitter::domain::envelope::fee_bump(
            envelope.clone(),
            AccountId([3; 32]),
            Tag::from_digest([5; 32]),
            stroops(200),
        );
        bump.fee_source = fee_source;
        bump
    };
    let tagged = bump(AccountId([3; 32]).muxed(tag.get()));
    assert_eq!(tag_of(&plain, Some(&tagged)), Some(tag));
    assert_eq!(
        tag_of(&inner, Some(&bump(AccountId([3; 32]).muxed(9)))),
        Some(tag)
    );
    assert_eq!(
        tag_of(&plain, Some(&bump(AccountId([3; 32]).plain()))),
        None
    );
    assert_eq!(
        tag_of(&plain, Some(&bump(AccountId([3; 32]).muxed(0)))),
        None
    );
}

#[test]
fn what_is_no_envelope_of_ours_is_none() {
    let request = request(&body(&[good("payment")]));
    let envelope = TransactionEnvelope::Tx(TransactionV1Envelope {
        tx: built(&request),
        signatures: stellar_xdr::VecM::default(),
    });
    let bytes = encode(&envelope);
    assert!(decode(&bytes).is_ok());
    for end in 0..bytes.len() {
        assert!(decode(&bytes[..end]).is_err(), "cut after {end} bytes");
    }
    assert!(decode(&[bytes.as_slice(), &[0; 4]].concat()).is_err());
    assert!(decode(&vec![0; 200 * 1024]).is_err());
}
