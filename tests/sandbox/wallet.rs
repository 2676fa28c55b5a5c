//! Keys that sign, and the transactions they sign.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use stellar_submitter::sandbox::ledger::account::AccountKey;
use stellar_submitter::sandbox::ledger::frame::Frame;
use stellar_submitter::sandbox::ledger::genesis::network_id;
use stellar_xdr::{
    Asset, DecoratedSignature, FeeBumpTransaction, FeeBumpTransactionEnvelope,
    FeeBumpTransactionExt, FeeBumpTransactionInnerTx, LedgerBounds, Limits, Memo, MuxedAccount,
    MuxedAccountMed25519, Operation, OperationBody, PaymentOp, Preconditions, PreconditionsV2,
    ReadXdr, SequenceNumber, Signature, SignatureHint, TimeBounds, TimePoint, Transaction,
    TransactionEnvelope, TransactionExt, TransactionV1Envelope, Uint256, WriteXdr,
};

/// The network of the tests.
pub const PASSPHRASE: &str = "Standalone Network ; February 2017";

/// A key pair.
#[derive(Clone)]
pub struct Wallet(pub SigningKey);

impl Wallet {
    /// The same for the same number.
    pub fn new(number: u8) -> Self {
        Self(SigningKey::from_bytes(&[number; 32]))
    }

    pub fn key(&self) -> AccountKey {
        AccountKey(self.0.verifying_key().to_bytes())
    }

    pub fn address(&self) -> MuxedAccount {
        MuxedAccount::Ed25519(Uint256(self.key().0))
    }

    pub fn muxed(&self, id: u64) -> MuxedAccount {
        MuxedAccount::MuxedEd25519(MuxedAccountMed25519 {
            id,
            ed25519: Uint256(self.key().0),
        })
    }

    pub fn sign(&self, hash: [u8; 32]) -> DecoratedSignature {
        let key = self.key().0;
        let hint = SignatureHint([key[28], key[29], key[30], key[31]]);
        DecoratedSignature {
            hint,
            signature: Signature(self.0.sign(&hash).to_bytes().try_into().unwrap()),
        }
    }
}

/// A transaction that is not signed yet.
#[derive(Clone)]
pub struct Draft(pub Transaction);

impl Draft {
    /// With a bid of 100 stroops an operation, and no bounds.
    pub fn new(source: MuxedAccount, sequence: i64, operations: Vec<Operation>) -> Self {
        Self(Transaction {
            source_account: source,
            fee: 100 * u32::try_from(operations.len()).unwrap(),
            seq_num: SequenceNumber(sequence),
            cond: Preconditions::None,
            memo: Memo::None,
            operations: operations.try_into().unwrap(),
            ext: TransactionExt::V0,
        })
    }

    pub fn fee(mut self, stroops: u32) -> Self {
        self.0.fee = stroops;
        self
    }

    pub fn max_time(mut self, unix_seconds: u64) -> Self {
        self.0.cond = Preconditions::Time(TimeBounds {
            min_time: TimePoint(0),
            max_time: TimePoint(unix_seconds),
        });
        self
    }

    pub fn max_ledger(mut self, max_ledger: u32) -> Self {
        self.0.cond = Preconditions::V2(PreconditionsV2 {
            ledger_bounds: Some(LedgerBounds {
                min_ledger: 0,
                max_ledger,
            }),
            ..PreconditionsV2::default()
        });
        self
    }

    pub fn hash(&self) -> [u8; 32] {
        self.0.hash(network_id(PASSPHRASE)).unwrap()
    }

    pub fn sign(&self, signers: &[&Wallet]) -> Envelope {
        self.with_signatures(
            signers
                .iter()
                .map(|signer| signer.sign(self.hash()))
                .collect(),
        )
    }

    pub fn with_signatures(&self, signatures: Vec<DecoratedSignature>) -> Envelope {
        let signatures = signatures.try_into().unwrap();
        Envelope(TransactionEnvelope::Tx(TransactionV1Envelope {
            tx: self.0.clone(),
            signatures,
        }))
    }
}

/// A signed transaction.
#[derive(Clone)]
pub struct Envelope(pub TransactionEnvelope);

impl Envelope {
    /// A fee bump around it.
    pub fn bump(&self, payer: MuxedAccount, fee: i64, signer: &Wallet) -> Self {
        let TransactionEnvelope::Tx(inner) = &self.0 else {
            panic!("only a plain transaction can be bumped")
        };
        let tx = FeeBumpTransaction {
            fee_source: payer,
            fee,
            inner_tx: FeeBumpTransactionInnerTx::Tx(inner.clone()),
            ext: FeeBumpTransactionExt::V0,
        };
        let hash = tx.hash(network_id(PASSPHRASE)).unwrap();
        let signatures = vec![signer.sign(hash)].try_into().unwrap();
        Self(TransactionEnvelope::TxFeeBump(FeeBumpTransactionEnvelope {
            tx,
            signatures,
        }))
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.to_xdr(Limits::none()).unwrap()
    }

    pub fn base64(&self) -> String {
        BASE64.encode(self.bytes())
    }

    pub fn hash(&self) -> String {
        hex::encode(self.0.hash(network_id(PASSPHRASE)).unwrap())
    }

    pub fn frame(&self) -> Arc<Frame> {
        Arc::new(Frame::parse(&self.bytes(), network_id(PASSPHRASE)).unwrap())
    }
}

/// An operation of the transaction's own source, or of another.
pub fn operation(source: Option<&Wallet>, body: OperationBody) -> Operation {
    Operation {
        source_account: source.map(Wallet::address),
        body,
    }
}

/// A payment in lumens.
pub fn pay(to: &Wallet, stroops: i64) -> Operation {
    operation(None, payment(to, stroops))
}

/// The body of a payment in lumens.
pub fn payment(to: &Wallet, stroops: i64) -> OperationBody {
    OperationBody::Payment(PaymentOp {
        destination: to.address(),
        asset: Asset::Native,
        amount: stroops,
    })
}

/// A transaction's result out of base64.
pub fn result(text: &str) -> stellar_xdr::TransactionResult {
    stellar_xdr::TransactionResult::from_xdr_base64(text, Limits::none()).unwrap()
}
