//! Others on the same network: they bid higher while ledgers are full, and one of them has a channel's key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stellar_xdr::{
    Asset, BumpSequenceOp, CreateAccountOp, Limits, Memo, MuxedAccount, Operation, OperationBody,
    PaymentOp, Preconditions, SequenceNumber, TimeBounds, TimePoint, Transaction,
    TransactionEnvelope, TransactionExt, TransactionV1Envelope, Uint256, WriteXdr as _,
};

use super::world::{RIVALS, World};
use crate::domain::primitives::AccountId;
use crate::sandbox::faults::Draw;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::queue::Answer;
use crate::signer::{Keyring, Signer as _};

/// What a foreign payment moves, in stroops: no workflow's amount.
const FOREIGN_STROOPS: i64 = 7;
/// Operations of a ledger while nothing is scarce.
const ROOMY: u32 = 100;

/// Ledgers that are full.
#[derive(Default)]
pub struct Surge {
    on: bool,
}

impl Surge {
    /// Before a ledger closes.
    pub fn ledger(&mut self, world: &World) {
        let dice = &world.dice;
        if dice.chance(0.15) {
            self.on = !self.on;
            let size = if self.on {
                super::plan::small(dice, 1, 3)
            } else {
                ROOMY
            };
            self.set(world, size);
        }
        if self.on {
            dice.count("ledger in a surge");
            for rival in 0..RIVALS {
                let bid = super::plan::small(dice, 100, 3_000);
                pay(world, &world.keys.theirs, world.keys.rivals[rival], bid);
            }
        }
    }

    /// It is over.
    pub fn end(&mut self, world: &World) {
        if std::mem::take(&mut self.on) {
            self.set(world, ROOMY);
        }
    }

    fn set(&self, world: &World, operations: u32) {
        world
            .network
            .node
            .core()
            .ledger_mut()
            .set_max_tx_set_size(operations);
    }
}

/// Somebody who has its key uses a channel's next sequence number. Like the others here, it says whether core took it.
pub fn write_on_channel(world: &World, channel: AccountId) -> bool {
    pay(world, &world.keys.ours, channel, 500)
}

/// Somebody who has its key merges a channel away.
pub fn merge_channel(world: &World, channel: AccountId) -> bool {
    let body = OperationBody::AccountMerge(muxed(world.keys.payee));
    as_channel(world, channel, body)
}

/// Somebody who has its key has a channel jump over some sequence numbers.
pub fn jump(world: &World, channel: AccountId) -> bool {
    let Some(sequence) = sequence(world, channel) else {
        return false;
    };
    let over = i64::from(super::plan::small(&world.dice, 1, 3));
    let body = OperationBody::BumpSequence(BumpSequenceOp {
        bump_to: SequenceNumber(sequence + 1 + over),
    });
    as_channel(world, channel, body)
}

/// In a transaction of the channel's own, or in one of another account, which uses none of its numbers.
fn as_channel(world: &World, channel: AccountId, body: OperationBody) -> bool {
    if world.dice.chance(0.5) {
        return send(world, &world.keys.ours, channel, body, 500);
    }
    let founder = world.keys.founder;
    let Some(sequence) = sequence(world, founder) else {
        return false;
    };
    let operation = Operation {
        source_account: Some(muxed(channel)),
        body,
    };
    let tx = unsigned(founder, sequence + 1, operation, 5_000, 0);
    let signers = [(&world.keys.theirs, founder), (&world.keys.ours, channel)];
    let bytes = tx.and_then(|tx| sign(world, tx, &signers));
    bytes.is_some_and(|bytes| submit(world, &bytes))
}

fn sequence(world: &World, account: AccountId) -> Option<i64> {
    let core = world.network.node.core();
    let state = core.ledger().state().account(AccountKey(account.0));
    state.map(|state| state.sequence)
}

fn submit(world: &World, bytes: &[u8]) -> bool {
    let node = &world.network.node;
    Frame::parse(bytes, node.network_id())
        .is_ok_and(|frame| node.submit(&Arc::new(frame), Draw::default()) == Answer::Pending)
}

/// Somebody gives an account more than it can use up.
pub fn fund(world: &World, account: AccountId) -> bool {
    let founder = world.keys.founder;
    let body = payment(account, 1_000_000_000);
    send(world, &world.keys.theirs, founder, body, 5_000)
}

/// The lumens of an account, in stroops.
pub fn balance(world: &World, account: AccountId) -> i64 {
    let core = world.network.node.core();
    let state = core.ledger().state().account(AccountKey(account.0));
    state.map_or(0, |state| state.balance)
}

/// Whether an account is there.
pub fn is_there(world: &World, account: AccountId) -> bool {
    let core = world.network.node.core();
    core.ledger()
        .state()
        .account(AccountKey(account.0))
        .is_some()
}

/// Somebody makes an account that was not there.
pub fn found(world: &World, account: AccountId) {
    let body = OperationBody::CreateAccount(CreateAccountOp {
        destination: xdr_account(account),
        starting_balance: 50_000_000,
    });
    let founder = world.keys.founder;
    send(world, &world.keys.theirs, founder, body, 5_000);
}

/// A payment that its payer has signed already, in base64.
pub fn presigned(world: &World, payer: AccountId, stroops: i64, max_time: u64) -> String {
    let body = payment(world.keys.payee, stroops);
    let bytes = signed(world, &world.keys.theirs, payer, 1, body, 100, max_time);
    STANDARD.encode(bytes.unwrap_or_default())
}

fn muxed(account: AccountId) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(account.0))
}

fn xdr_account(account: AccountId) -> stellar_xdr::AccountId {
    stellar_xdr::AccountId(stellar_xdr::PublicKey::PublicKeyTypeEd25519(Uint256(
        account.0,
    )))
}

fn payment(to: AccountId, stroops: i64) -> OperationBody {
    OperationBody::Payment(PaymentOp {
        destination: muxed(to),
        asset: Asset::Native,
        amount: stroops,
    })
}

/// Pays a little to oneself.
fn pay(world: &World, keys: &Keyring, account: AccountId, bid: u32) -> bool {
    send(world, keys, account, payment(account, FOREIGN_STROOPS), bid)
}

/// Another node of the network still has an envelope that was sent long ago, and passes it on. Whether there is one.
pub fn echo(world: &World) -> bool {
    let sent = world.oracle.sent();
    let place = usize::try_from(world.dice.below(sent.max(1) as u64)).unwrap_or(0);
    let envelope = world.oracle.sent_at(place);
    let bytes = envelope.and_then(|envelope| STANDARD.decode(envelope).ok());
    let was_sent = bytes.is_some();
    if let Some(bytes) = bytes {
        submit(world, &bytes);
    }
    was_sent
}

/// Sends a transaction with the account's next sequence number.
fn send(world: &World, keys: &Keyring, account: AccountId, body: OperationBody, bid: u32) -> bool {
    let Some(sequence) = sequence(world, account) else {
        return false;
    };
    let bytes = signed(world, keys, account, sequence + 1, body, bid, 0);
    bytes.is_some_and(|bytes| submit(world, &bytes))
}

fn signed(
    world: &World,
    keys: &Keyring,
    account: AccountId,
    sequence: i64,
    body: OperationBody,
    bid: u32,
    max_time: u64,
) -> Option<Vec<u8>> {
    let operation = Operation {
        source_account: None,
        body,
    };
    let tx = unsigned(account, sequence, operation, bid, max_time)?;
    sign(world, tx, &[(keys, account)])
}

fn unsigned(
    account: AccountId,
    sequence: i64,
    operation: Operation,
    bid: u32,
    max_time: u64,
) -> Option<Transaction> {
    Some(Transaction {
        source_account: muxed(account),
        fee: bid,
        seq_num: SequenceNumber(sequence),
        cond: match max_time {
            0 => Preconditions::None,
            max_time => Preconditions::Time(TimeBounds {
                min_time: TimePoint(0),
                max_time: TimePoint(max_time),
            }),
        },
        memo: Memo::None,
        operations: vec![operation].try_into().ok()?,
        ext: TransactionExt::V0,
    })
}

fn sign(world: &World, tx: Transaction, signers: &[(&Keyring, AccountId)]) -> Option<Vec<u8>> {
    let hash = tx.hash(world.network.node.network_id()).ok()?;
    world.oracle.signed_elsewhere(hash);
    let mut signatures = Vec::with_capacity(signers.len());
    for (keys, account) in signers {
        signatures.push(keys.sign(*account, &hash).ok()?);
    }
    let signatures = signatures.try_into().ok()?;
    let envelope = TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures });
    envelope.to_xdr(Limits::none()).ok()
}
