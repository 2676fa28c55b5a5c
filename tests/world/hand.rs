//! Transactions signed by hand: a rival, a second writer, somebody who wants a sponsor.

use stellar_submitter::domain::primitives::AccountId;
use stellar_submitter::signer::{Keyring, SecretKey, Signer as _};
use stellar_xdr::{
    Asset, Limits, Memo, Operation, OperationBody, PaymentOp, Preconditions, SequenceNumber,
    TimeBounds, TimePoint, Transaction, TransactionEnvelope, TransactionExt, TransactionV1Envelope,
    WriteXdr,
};

use super::ledger::PASSPHRASE;

/// One transaction.
pub struct Hand {
    pub key: SecretKey,
    /// The id with which its source is written, where it has one.
    pub id: Option<u64>,
    pub sequence: i64,
    pub operations: Vec<Operation>,
    /// Stroops an operation.
    pub bid: u32,
    /// Unix seconds; 0 for none.
    pub max_time: u64,
}

impl Hand {
    /// A payment out of the key's own account.
    pub fn payment(key: SecretKey, sequence: i64, to: AccountId, stroops: i64) -> Self {
        let body = OperationBody::Payment(PaymentOp {
            destination: to.plain(),
            asset: Asset::Native,
            amount: stroops,
        });
        Self {
            key,
            id: None,
            sequence,
            operations: vec![operation(body)],
            bid: 100,
            max_time: 0,
        }
    }

    /// The transaction; it carries no tag, but the id that its payer gives.
    pub fn transaction(&self) -> Transaction {
        let account = self.key.account();
        let count = u32::try_from(self.operations.len()).unwrap();
        Transaction {
            source_account: self.id.map_or(account.plain(), |id| account.muxed(id)),
            fee: self.bid * count,
            seq_num: SequenceNumber(self.sequence),
            cond: match self.max_time {
                0 => Preconditions::None,
                max_time => Preconditions::Time(TimeBounds {
                    min_time: TimePoint(0),
                    max_time: TimePoint(max_time),
                }),
            },
            memo: Memo::None,
            operations: self.operations.clone().try_into().unwrap(),
            ext: TransactionExt::V0,
        }
    }

    /// Its hash, in hexadecimal digits.
    pub fn hash(&self) -> String {
        hex::encode(self.transaction().hash(network_id()).unwrap())
    }

    /// Signed, in base64.
    pub fn envelope(&self) -> String {
        let tx = self.transaction();
        let ring = Keyring::new(None);
        let account = ring.add(&self.key);
        let signature = ring.sign(account, &tx.hash(network_id()).unwrap()).unwrap();
        let signatures = vec![signature].try_into().unwrap();
        TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures })
            .to_xdr_base64(Limits::none())
            .unwrap()
    }
}

/// An operation of the transaction's own source.
pub fn operation(body: OperationBody) -> Operation {
    Operation {
        source_account: None,
        body,
    }
}

fn network_id() -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(PASSPHRASE.as_bytes()).into()
}

/// The account that holds all lumens: its key is the network's id.
pub fn root() -> SecretKey {
    SecretKey::from_bytes(network_id())
}
