//! What a transaction is, read with the XDR crate alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use stellar_xdr::{
    Asset, FeeBumpTransactionInnerTx, InnerTransactionResultResult as Inner, Limits, MuxedAccount,
    Operation, OperationBody, Preconditions, PublicKey, ReadXdr, Transaction, TransactionEnvelope,
    TransactionResult, TransactionResultResult as Code, Uint256,
};

/// A transaction that was sent, or that landed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Of the inner transaction.
    pub hash: [u8; 32],
    /// The number in the muxed account that it is sent from, or that pays its fee bump: what is asked for once has one of its own.
    pub label: Option<u64>,
    /// Whose number it uses.
    pub account: [u8; 32],
    /// Which number.
    pub sequence: i64,
    /// The first ledger that is too late; 0: none.
    pub max_ledger: u32,
    /// Unix seconds, inclusive; 0: none.
    pub max_time: u64,
    /// How many operations it has.
    pub operations: usize,
    /// The lumens that it pays.
    pub payments: Vec<Payment>,
    /// Accounts of ours that it merges away or has jump over numbers, and whose own number it does not use.
    pub moved: Vec<[u8; 32]>,
    /// The first operation that moves what is ours and is nothing that anybody asked for.
    pub strange: Option<String>,
}

/// Lumens for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// In stroops.
    pub amount: i64,
    /// Whom.
    pub to: [u8; 32],
}

/// What a workflow's payment must be.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Which workflow.
    pub workflow: u64,
    /// Whom it is for.
    pub to: [u8; 32],
}

/// A transaction that was recorded with a sequence number of ours.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Whose number.
    pub account: [u8; 32],
    /// Which.
    pub sequence: i64,
    /// Its inner hash.
    pub hash: [u8; 32],
    /// Whether it took the number: not where the account was gone by then, or beyond it.
    pub taken: bool,
}

/// What a transaction is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A workflow of a user's.
    Workflow(u64),
    /// What the daemons want for themselves, by its label.
    Own(u64),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workflow(workflow) => write!(f, "workflow {workflow}"),
            Self::Own(label) => write!(f, "the daemons' own {label}"),
        }
    }
}

/// By what it is read.
pub struct Known<'a> {
    /// The network's id.
    pub network: [u8; 32],
    /// The accounts whose keys the daemons hold.
    pub ours: &'a BTreeSet<[u8; 32]>,
    /// What was asked for, by its amount.
    pub amounts: &'a BTreeMap<i64, Asked>,
}

/// What an envelope is.
pub fn read(bytes: &[u8], known: &Known<'_>) -> Option<Seen> {
    let envelope = TransactionEnvelope::from_xdr(bytes, Limits::len(bytes.len())).ok()?;
    let (tx, fee_source) = match envelope {
        TransactionEnvelope::Tx(envelope) => (envelope.tx, None),
        TransactionEnvelope::TxFeeBump(bump) => {
            let FeeBumpTransactionInnerTx::Tx(inner) = bump.tx.inner_tx;
            (inner.tx, Some(bump.tx.fee_source))
        }
        TransactionEnvelope::TxV0(_) => return None,
    };
    let (max_ledger, max_time) = bounds(&tx);
    Some(Seen {
        hash: tx.hash(known.network).ok()?,
        label: label(&tx.source_account).or_else(|| fee_source.as_ref().and_then(label)),
        account: key(&tx.source_account),
        sequence: tx.seq_num.0,
        max_ledger,
        max_time,
        operations: tx.operations.len(),
        payments: tx
            .operations
            .iter()
            .filter_map(|operation| match &operation.body {
                OperationBody::Payment(payment) if payment.asset == Asset::Native => {
                    Some(Payment {
                        amount: payment.amount,
                        to: key(&payment.destination),
                    })
                }
                _ => None,
            })
            .collect(),
        moved: tx
            .operations
            .iter()
            .filter_map(|operation| match &operation.body {
                OperationBody::AccountMerge(_) | OperationBody::BumpSequence(_) => {
                    operation.source_account.as_ref().map(key)
                }
                _ => None,
            })
            .filter(|account| known.ours.contains(account) && *account != key(&tx.source_account))
            .collect(),
        strange: tx
            .operations
            .iter()
            .find(|operation| !is_known(operation, &tx, known))
            .map(|operation| format!("{operation:?}")),
    })
}

/// Whether an operation moves nothing of ours, pays what was asked for, or makes or fills up a channel.
fn is_known(operation: &Operation, tx: &Transaction, known: &Known<'_>) -> bool {
    let source = operation.source_account.as_ref();
    if !known
        .ours
        .contains(&key(source.unwrap_or(&tx.source_account)))
    {
        return true;
    }
    match &operation.body {
        OperationBody::Payment(payment) if payment.asset == Asset::Native => {
            known.amounts.contains_key(&payment.amount)
                || known.ours.contains(&key(&payment.destination))
        }
        OperationBody::CreateAccount(create) => {
            let PublicKey::PublicKeyTypeEd25519(Uint256(key)) = &create.destination.0;
            known.ours.contains(key)
        }
        _ => false,
    }
}

fn key(account: &MuxedAccount) -> [u8; 32] {
    match account {
        MuxedAccount::Ed25519(Uint256(key)) => *key,
        MuxedAccount::MuxedEd25519(muxed) => muxed.ed25519.0,
    }
}

/// Whether what was recorded with this result took its sequence number: not where the account was gone by then, or beyond it.
pub fn takes_number(result: &[u8]) -> bool {
    let Ok(result) = TransactionResult::from_xdr(result, Limits::len(result.len())) else {
        return true;
    };
    match result.result {
        Code::TxBadSeq | Code::TxNoAccount => false,
        Code::TxFeeBumpInnerFailed(inner) => {
            !matches!(inner.result.result, Inner::TxBadSeq | Inner::TxNoAccount)
        }
        _ => true,
    }
}

const fn label(account: &MuxedAccount) -> Option<u64> {
    match account {
        MuxedAccount::Ed25519(_) => None,
        MuxedAccount::MuxedEd25519(muxed) => Some(muxed.id),
    }
}

fn bounds(tx: &Transaction) -> (u32, u64) {
    match &tx.cond {
        Preconditions::None => (0, 0),
        Preconditions::Time(bounds) => (0, bounds.max_time.0),
        Preconditions::V2(conditions) => (
            conditions
                .ledger_bounds
                .as_ref()
                .map_or(0, |bounds| bounds.max_ledger),
            conditions
                .time_bounds
                .as_ref()
                .map_or(0, |bounds| bounds.max_time.0),
        ),
    }
}
