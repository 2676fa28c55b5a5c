//! Friendbot: real transactions of the root account, a hundred new accounts in each.

use std::collections::BTreeSet;
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use stellar_xdr::{
    CreateAccountOp, DecoratedSignature, Limits, Memo, MuxedAccount, Operation, OperationBody,
    Preconditions, SequenceNumber, Signature, SignatureHint, Transaction, TransactionEnvelope,
    TransactionExt, TransactionV1Envelope, Uint256, VecM, WriteXdr,
};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::faults::Draw;
use super::horizon::page;
use super::horizon::transaction::Landed;
use super::ledger::account::AccountKey;
use super::ledger::frame::Frame;
use super::ledger::genesis::root_key;
use super::node::Node;
use super::queue::Answer;

/// What a new account gets, in stroops: 10,000 lumens.
pub const STARTING_BALANCE_STROOPS: i64 = 100_000_000_000;
/// What each operation bids, in stroops: enough to get through a surge.
const BID_STROOPS: u32 = 10_000;
/// New accounts in one transaction.
const MAX_BATCH: usize = 100;
/// Ledgers after which a batch that has not landed is given up.
const MAX_LEDGERS: u32 = 20;

/// Why friendbot gives nothing.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// It has been there before.
    #[error("account already funded to starting balance")]
    AlreadyFunded,
    /// The root account's transactions do not land.
    #[error(
        "the root account's transaction did not land; is the root account used, emptied or locked?"
    )]
    NotLanded,
}

/// Somebody wants an account.
pub struct Ask {
    /// Which.
    pub account: AccountKey,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Landed, Refusal>>,
}

/// Serves what is asked, batch by batch, until the sandbox stops.
pub async fn run(node: Arc<Node>, mut asks: mpsc::Receiver<Ask>) {
    let mut batch = Vec::new();
    while asks.recv_many(&mut batch, MAX_BATCH).await > 0 {
        serve(&node, std::mem::take(&mut batch)).await;
    }
}

async fn serve(node: &Arc<Node>, asks: Vec<Ask>) {
    let mut waiting = asks;
    let mut pending: Option<Arc<Frame>> = None;
    for _ in 0..MAX_LEDGERS {
        // Made before it is looked, so that no ledger is missed.
        let closed = node.next_close();
        let landed = pending.as_ref().and_then(|frame| landed(node, frame));
        if let Some(landed) = landed.filter(|landed| landed.tx.successful) {
            waiting
                .into_iter()
                .for_each(|ask| drop(ask.answer.send(Ok(landed.clone()))));
            return;
        }
        waiting = refuse_existing(node, waiting);
        if waiting.is_empty() {
            return;
        }
        let accounts = waiting.iter().map(|ask| ask.account).collect();
        pending = submit(node, &accounts).or(pending);
        closed.await;
    }
    waiting
        .into_iter()
        .for_each(|ask| drop(ask.answer.send(Err(Refusal::NotLanded))));
}

fn landed(node: &Node, frame: &Frame) -> Option<Landed> {
    let core = node.core();
    let history = core.ledger().history();
    history
        .by_hash(&frame.hash())
        .and_then(|tx| page::landed(history, tx.toid))
}

fn refuse_existing(node: &Node, asks: Vec<Ask>) -> Vec<Ask> {
    let core = node.core();
    let (there, missing): (Vec<_>, Vec<_>) = asks
        .into_iter()
        .partition(|ask| core.ledger().state().account(ask.account).is_some());
    there
        .into_iter()
        .for_each(|ask| drop(ask.answer.send(Err(Refusal::AlreadyFunded))));
    missing
}

/// Queues a transaction for the accounts; none if core does not take it now.
fn submit(node: &Node, accounts: &BTreeSet<AccountKey>) -> Option<Arc<Frame>> {
    let (network_id, key, sequence) = {
        let core = node.core();
        let key = root_key(core.ledger().passphrase());
        let root = AccountKey(key.verifying_key().to_bytes());
        let sequence = core.ledger().state().account(root)?.sequence + 1;
        (core.ledger().network_id(), key, sequence)
    };
    let envelope = sign(&key, network_id, transaction(&key, sequence, accounts)?)?;
    let frame = Arc::new(Frame::parse(&envelope, network_id).ok()?);
    let answer = node.submit(&frame, Draw::default());
    matches!(answer, Answer::Pending | Answer::Duplicate).then_some(frame)
}

fn transaction(
    key: &SigningKey,
    sequence: i64,
    accounts: &BTreeSet<AccountKey>,
) -> Option<Transaction> {
    let operations: Vec<_> = accounts
        .iter()
        .map(|account| Operation {
            source_account: None,
            body: OperationBody::CreateAccount(CreateAccountOp {
                destination: account.xdr(),
                starting_balance: STARTING_BALANCE_STROOPS,
            }),
        })
        .collect();
    let fee = BID_STROOPS.checked_mul(u32::try_from(operations.len()).ok()?)?;
    Some(Transaction {
        source_account: MuxedAccount::Ed25519(Uint256(key.verifying_key().to_bytes())),
        fee,
        seq_num: SequenceNumber(sequence),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: operations.try_into().ok()?,
        ext: TransactionExt::V0,
    })
}

fn sign(key: &SigningKey, network_id: [u8; 32], tx: Transaction) -> Option<Vec<u8>> {
    let signature = key.sign(&tx.hash(network_id).ok()?).to_bytes();
    let public = key.verifying_key().to_bytes();
    let hint = SignatureHint([public[28], public[29], public[30], public[31]]);
    let signature = DecoratedSignature {
        hint,
        signature: Signature(signature.try_into().ok()?),
    };
    let signatures: VecM<_, 20> = vec![signature].try_into().ok()?;
    TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures })
        .to_xdr(Limits::none())
        .ok()
}
