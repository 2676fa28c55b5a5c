//! Others on the same network: they bid higher while ledgers are full, and one of them has a channel's key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stellar_xdr::{
    Asset, CreateAccountOp, Limits, Memo, MuxedAccount, Operation, OperationBody, PaymentOp,
    Preconditions, SequenceNumber, TimeBounds, TimePoint, Transaction, TransactionEnvelope,
    TransactionExt, TransactionV1Envelope, Uint256, WriteXdr as _,
};

use super::world::{RIVALS, World};
use crate::domain::primitives::AccountId;
use crate::sandbox::faults::Draw;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::frame::Frame;
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

/// Somebody who has its key uses a channel's next sequence number.
pub fn write_on_channel(world: &World, index: u32) {
    if let Some(channel) = world.keys.ours.channel(index) {
        pay(world, &world.keys.ours, channel, 500);
    }
}

/// Somebody who has its key merges a channel away: in a transaction of its own, or in one of another account, which uses
/// none of its numbers.
pub fn merge_channel(world: &World, index: u32) {
    let Some(channel) = world.keys.ours.channel(index) else {
        return;
    };
    let body = OperationBody::AccountMerge(muxed(world.keys.payee));
    if world.dice.chance(0.5) {
        send(world, &world.keys.ours, channel, body, 500);
        return;
    }
    let node = &world.network.node;
    let founder = world.keys.founder;
    let sequence = {
        let core = node.core();
        let state = core.ledger().state().account(AccountKey(founder.0));
        let Some(state) = state else { return };
        state.sequence
    };
    let operation = Operation {
        source_account: Some(muxed(channel)),
        body,
    };
    let tx = unsigned(founder, sequence + 1, operation, 5_000, 0);
    let signers = [(&world.keys.theirs, founder), (&world.keys.ours, channel)];
    let bytes = tx.and_then(|tx| sign(world, tx, &signers));
    let frame = bytes.and_then(|bytes| Frame::parse(&bytes, node.network_id()).ok());
    if let Some(frame) = frame {
        node.submit(&Arc::new(frame), Draw::default());
    }
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
fn pay(world: &World, keys: &Keyring, account: AccountId, bid: u32) {
    send(world, keys, account, payment(account, FOREIGN_STROOPS), bid);
}

/// Another node of the network still has an envelope that was sent long ago, and passes it on.
pub fn echo(world: &World) {
    let sent = world.oracle.sent();
    let place = usize::try_from(world.dice.below(sent.max(1) as u64)).unwrap_or(0);
    let envelope = world.oracle.sent_at(place);
    let bytes = envelope.and_then(|envelope| STANDARD.decode(envelope).ok());
    let node = &world.network.node;
    let frame = bytes.and_then(|bytes| Frame::parse(&bytes, node.network_id()).ok());
    if let Some(frame) = frame {
        node.submit(&Arc::new(frame), Draw::default());
    }
}

/// Sends a transaction with the account's next sequence number.
fn send(world: &World, keys: &Keyring, account: AccountId, body: OperationBody, bid: u32) {
    let node = &world.network.node;
    let sequence = {
        let core = node.core();
        let state = core.ledger().state().account(AccountKey(account.0));
        let Some(state) = state else { return };
        state.sequence
    };
    let bytes = signed(world, keys, account, sequence + 1, body, bid, 0);
    let frame = bytes.and_then(|bytes| Frame::parse(&bytes, node.network_id()).ok());
    if let Some(frame) = frame {
        node.submit(&Arc::new(frame), Draw::default());
    }
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
