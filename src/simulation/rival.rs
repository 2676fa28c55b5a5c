//! Others on the same network: they bid higher while ledgers are full, and one of them has a channel's key.

use std::sync::Arc;

use stellar_xdr::{
    Asset, Limits, Memo, MuxedAccount, Operation, OperationBody, PaymentOp, Preconditions,
    SequenceNumber, Transaction, TransactionEnvelope, TransactionExt, TransactionV1Envelope,
    Uint256, WriteXdr as _,
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

/// Pays a little to oneself.
fn pay(world: &World, keys: &Keyring, account: AccountId, bid: u32) {
    let node = &world.network.node;
    let sequence = {
        let core = node.core();
        let state = core.ledger().state().account(AccountKey(account.0));
        let Some(state) = state else { return };
        state.sequence
    };
    let tx = Transaction {
        source_account: MuxedAccount::Ed25519(Uint256(account.0)),
        fee: bid,
        seq_num: SequenceNumber(sequence + 1),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: vec![Operation {
            source_account: None,
            body: OperationBody::Payment(PaymentOp {
                destination: MuxedAccount::Ed25519(Uint256(account.0)),
                asset: Asset::Native,
                amount: FOREIGN_STROOPS,
            }),
        }]
        .try_into()
        .expect("one operation fits"),
        ext: TransactionExt::V0,
    };
    let network = node.network_id();
    let Ok(hash) = tx.hash(network) else { return };
    let Ok(signature) = keys.sign(account, &hash) else {
        return;
    };
    let envelope = TransactionEnvelope::Tx(TransactionV1Envelope {
        tx,
        signatures: vec![signature].try_into().expect("one signature fits"),
    });
    let bytes = envelope.to_xdr(Limits::none()).unwrap_or_default();
    if let Ok(frame) = Frame::parse(&bytes, network) {
        node.submit(&Arc::new(frame), Draw::default());
    }
}
