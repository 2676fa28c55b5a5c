//! Which bytes are an envelope of ours.

use stellar_submitter::domain::envelope::{EnvelopeError, Plan, build, decode, encode};
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, Sequence};
use stellar_xdr::{
    HostFunction, InvokeHostFunctionOp, Limits, OperationBody, ReadXdr as _, Transaction,
    TransactionEnvelope, TransactionV0, TransactionV0Envelope, TransactionV0Ext,
    TransactionV1Envelope, Uint256, VecM,
};

use crate::bodies::{body, good, request};
use crate::fixture::{channel, network, stroops};

fn built() -> Transaction {
    let request = request(&body(&[good("payment")]));
    let plan = Plan {
        channel: channel(),
        sequence: Sequence(7),
        min_time: ChainTime(0),
        max_time: ChainTime(1_800_000_000),
        max_ledger: LedgerSeq(51_000_012),
        base_fee: stroops(100),
        soroban: None,
    };
    build(&request, request.key("acme").tag(network()), &plan)
}

/// An envelope that uploads so many bytes of a contract.
fn uploading(bytes: usize) -> Vec<u8> {
    let mut tx = built();
    let contract = vec![0; bytes].try_into().expect("below 4 GiB");
    let mut operation = tx.operations[0].clone();
    operation.body = OperationBody::InvokeHostFunction(InvokeHostFunctionOp {
        host_function: HostFunction::UploadContractWasm(contract),
        auth: VecM::default(),
    });
    tx.operations = vec![operation].try_into().expect("one operation");
    let signatures = VecM::default();
    encode(&TransactionEnvelope::Tx(TransactionV1Envelope {
        tx,
        signatures,
    }))
}

#[test]
fn an_envelope_is_read_up_to_a_size_and_not_beyond() {
    const MOST: usize = 128 * 1024;
    let around = uploading(0).len();
    let largest = uploading(MOST - around);
    assert_eq!(largest.len(), MOST);
    assert!(decode(&largest).is_ok());
    for more in [4, MOST] {
        let larger = uploading(MOST - around + more);
        assert!(TransactionEnvelope::from_xdr(&larger, Limits::none()).is_ok());
        assert_eq!(decode(&larger), Err(EnvelopeError::Malformed));
    }
}

#[test]
fn an_envelope_of_version_0_is_named() {
    let tx = built();
    let old = TransactionEnvelope::TxV0(TransactionV0Envelope {
        tx: TransactionV0 {
            source_account_ed25519: Uint256(channel().0),
            fee: tx.fee,
            seq_num: tx.seq_num,
            time_bounds: None,
            memo: tx.memo,
            operations: tx.operations,
            ext: TransactionV0Ext::V0,
        },
        signatures: VecM::default(),
    });
    assert_eq!(decode(&encode(&old)), Err(EnvelopeError::Version0));
}
