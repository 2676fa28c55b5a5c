//! A transaction as it was sent: parsed, hashed, and with what the ledger asks of it at hand.

use std::sync::Mutex;

use sha2::{Digest, Sha256};
use stellar_xdr::{
    DecoratedSignature, FeeBumpTransactionEnvelope, FeeBumpTransactionInnerTx, LedgerBounds,
    Limits, Memo, MuxedAccount, Operation, Preconditions, ReadXdr, SignerKey,
    SorobanTransactionData, TimeBounds, Transaction, TransactionEnvelope, TransactionExt,
    TransactionV0Envelope, TransactionV1Envelope, Uint256, VecM, WriteXdr,
};
use thiserror::Error;

use super::account::AccountKey;
use super::signature::{Keys, Verdicts};
use super::{CONTRACTS, supported};

/// The largest envelope that is read, in bytes of XDR (Horizon's own limit).
pub const MAX_ENVELOPE_BYTES: usize = 1_000_000;
/// How deep an envelope may nest.
const MAX_ENVELOPE_DEPTH: u32 = 500;
const LIMITS: Limits = Limits {
    depth: MAX_ENVELOPE_DEPTH,
    len: MAX_ENVELOPE_BYTES,
};

/// Why bytes are no transaction.
#[derive(Debug, Error)]
pub enum FrameError {
    /// Not an envelope, or cut short, or too long.
    #[error("the envelope's XDR does not decode")]
    Xdr(#[from] stellar_xdr::Error),
}

/// A transaction or a fee bump, as sent.
pub struct Frame {
    envelope: TransactionEnvelope,
    bytes: Box<[u8]>,
    hash: [u8; 32],
    inner_hash: Option<[u8; 32]>,
    full_hash: [u8; 32],
    inner_full_hash: Option<[u8; 32]>,
    verdicts: Mutex<Verdicts>,
}

impl Frame {
    /// Reads an envelope. The old `TransactionV0` is turned into its modern twin, as stellar-core does.
    pub fn parse(bytes: &[u8], network_id: [u8; 32]) -> Result<Self, FrameError> {
        let (envelope, bytes) = match TransactionEnvelope::from_xdr(bytes, LIMITS)? {
            TransactionEnvelope::TxV0(old) => {
                let envelope = modern(old);
                let bytes = envelope.to_xdr(Limits::none())?.into_boxed_slice();
                (envelope, bytes)
            }
            // XDR has one encoding of a value, and the reader refuses every other.
            envelope => (envelope, bytes.into()),
        };
        let hash = envelope.hash(network_id)?;
        let inner_hash = match &envelope {
            TransactionEnvelope::TxFeeBump(bump) => Some(inner(bump).hash(network_id)?),
            TransactionEnvelope::Tx(_) | TransactionEnvelope::TxV0(_) => None,
        };
        Self::new(envelope, bytes, hash, inner_hash)
    }

    /// Reads again what has been parsed once, whose hashes are known.
    pub fn recorded(
        bytes: &[u8],
        hash: [u8; 32],
        inner_hash: Option<[u8; 32]>,
    ) -> Result<Self, FrameError> {
        let envelope = TransactionEnvelope::from_xdr(bytes, LIMITS)?;
        Self::new(envelope, bytes.into(), hash, inner_hash)
    }

    fn new(
        envelope: TransactionEnvelope,
        bytes: Box<[u8]>,
        hash: [u8; 32],
        inner_hash: Option<[u8; 32]>,
    ) -> Result<Self, FrameError> {
        let full_hash = Sha256::digest(&bytes).into();
        let inner_full_hash = match &envelope {
            TransactionEnvelope::TxFeeBump(bump) => {
                let alone = TransactionEnvelope::Tx(inner(bump).clone());
                Some(Sha256::digest(alone.to_xdr(Limits::none())?).into())
            }
            TransactionEnvelope::Tx(_) | TransactionEnvelope::TxV0(_) => None,
        };
        Ok(Self {
            envelope,
            bytes,
            hash,
            inner_hash,
            full_hash,
            inner_full_hash,
            verdicts: Mutex::default(),
        })
    }

    /// The envelope without its signatures, as XDR.
    pub fn unsigned(&self) -> Box<[u8]> {
        let mut envelope = self.envelope.clone();
        match &mut envelope {
            TransactionEnvelope::TxFeeBump(bump) => {
                let FeeBumpTransactionInnerTx::Tx(inner) = &mut bump.tx.inner_tx;
                inner.signatures = VecM::default();
                bump.signatures = VecM::default();
            }
            TransactionEnvelope::Tx(tx) => tx.signatures = VecM::default(),
            TransactionEnvelope::TxV0(tx) => tx.signatures = VecM::default(),
        }
        envelope
            .to_xdr(Limits::none())
            .expect("writing to memory without limits cannot fail")
            .into_boxed_slice()
    }

    /// The envelope.
    pub fn envelope(&self) -> &TransactionEnvelope {
        &self.envelope
    }

    /// The envelope's XDR.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash that the outermost signatures sign.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The inner transaction's hash, for a fee bump.
    pub fn inner_hash(&self) -> Option<[u8; 32]> {
        self.inner_hash
    }

    /// The hash that the transaction's own signatures sign: the inner one's, for a fee bump.
    pub fn contents_hash(&self) -> [u8; 32] {
        self.inner_hash.unwrap_or(self.hash)
    }

    /// The hash of the whole envelope, signatures included: what stellar-core bans by.
    pub fn full_hash(&self) -> [u8; 32] {
        self.full_hash
    }

    /// The same of the envelope in a fee bump.
    pub fn inner_full_hash(&self) -> Option<[u8; 32]> {
        self.inner_full_hash
    }

    /// The fee bump around the transaction, if there is one.
    pub fn fee_bump(&self) -> Option<&FeeBumpTransactionEnvelope> {
        match &self.envelope {
            TransactionEnvelope::TxFeeBump(bump) => Some(bump),
            TransactionEnvelope::Tx(_) | TransactionEnvelope::TxV0(_) => None,
        }
    }

    /// The transaction itself with its signatures.
    pub fn inner(&self) -> &TransactionV1Envelope {
        match &self.envelope {
            TransactionEnvelope::TxFeeBump(bump) => inner(bump),
            TransactionEnvelope::Tx(envelope) => envelope,
            TransactionEnvelope::TxV0(_) => unreachable!("parse() turns V0 into V1"),
        }
    }

    /// The length in bytes of the transaction's own envelope, signatures included.
    pub fn inner_size(&self) -> u32 {
        let bytes = match self.fee_bump() {
            None => self.bytes.len(),
            // Outside of a fee bump, four bytes say what it is.
            Some(_) => 4 + super::entry::bytes(self.inner()).len(),
        };
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// The transaction itself.
    pub fn tx(&self) -> &Transaction {
        &self.inner().tx
    }

    /// Its operations.
    pub fn operations(&self) -> &[Operation] {
        &self.tx().operations
    }

    /// The account whose sequence number is used.
    pub fn source(&self) -> AccountKey {
        AccountKey::of(&self.tx().source_account)
    }

    /// The account that acts in an operation.
    pub fn operation_source(&self, operation: &Operation) -> AccountKey {
        operation
            .source_account
            .as_ref()
            .map_or_else(|| self.source(), AccountKey::of)
    }

    /// The address of the account that pays.
    pub fn fee_address(&self) -> &MuxedAccount {
        self.fee_bump()
            .map_or(&self.tx().source_account, |bump| &bump.tx.fee_source)
    }

    /// The account that pays.
    pub fn fee_source(&self) -> AccountKey {
        AccountKey::of(self.fee_address())
    }

    /// The sequence number.
    pub fn sequence(&self) -> i64 {
        self.tx().seq_num.0
    }

    /// Footprint, resources and fee of a contract transaction.
    pub fn soroban_data(&self) -> Option<&SorobanTransactionData> {
        match &self.tx().ext {
            TransactionExt::V0 => None,
            TransactionExt::V1(data) => Some(data),
        }
    }

    /// Whether it is a contract transaction, which is queued, paid for and applied by rules of its own.
    pub fn is_soroban(&self) -> bool {
        self.operations()
            .iter()
            .any(|operation| supported::is_soroban(&operation.body))
    }

    /// What is declared to be paid for resources, in stroops; nothing for a classic transaction.
    pub fn resource_fee(&self) -> i64 {
        self.soroban_data()
            .filter(|_| self.is_soroban())
            .map_or(0, |data| data.resource_fee)
    }

    /// What is bid for being included, in stroops: the whole bid without the fee for resources.
    pub fn inclusion_bid(&self) -> i64 {
        self.fee_bid().saturating_sub(self.resource_fee())
    }

    /// The same of the transaction itself.
    pub fn inner_inclusion_bid(&self) -> i64 {
        self.inner_fee_bid().saturating_sub(self.resource_fee())
    }

    /// The most that may be charged, in stroops.
    pub fn fee_bid(&self) -> i64 {
        self.fee_bump()
            .map_or_else(|| self.inner_fee_bid(), |bump| bump.tx.fee)
    }

    /// The bid of the transaction itself, in stroops.
    pub fn inner_fee_bid(&self) -> i64 {
        i64::from(self.tx().fee)
    }

    /// What it counts for against the ledger's size: a fee bump is one operation more.
    pub fn operation_count(&self) -> i64 {
        self.inner_operation_count() + i64::from(self.fee_bump().is_some())
    }

    /// The number of operations.
    pub fn inner_operation_count(&self) -> i64 {
        i64::try_from(self.operations().len()).expect("XDR holds at most 100 operations")
    }

    /// The bound on the close time, if there is one.
    pub fn time_bounds(&self) -> Option<&TimeBounds> {
        match &self.tx().cond {
            Preconditions::None => None,
            Preconditions::Time(bounds) => Some(bounds),
            Preconditions::V2(conditions) => conditions.time_bounds.as_ref(),
        }
    }

    /// The bound on the ledger's number, if there is one.
    pub fn ledger_bounds(&self) -> Option<&LedgerBounds> {
        match &self.tx().cond {
            Preconditions::None | Preconditions::Time(_) => None,
            Preconditions::V2(conditions) => conditions.ledger_bounds.as_ref(),
        }
    }

    /// The lowest sequence number the account may have, when gaps are allowed.
    pub fn min_sequence(&self) -> Option<i64> {
        match &self.tx().cond {
            Preconditions::None | Preconditions::Time(_) => None,
            Preconditions::V2(conditions) => conditions.min_seq_num.as_ref().map(|n| n.0),
        }
    }

    /// How long (seconds, ledgers) the account's sequence number must have rested.
    pub fn min_sequence_rest(&self) -> (u64, u32) {
        match &self.tx().cond {
            Preconditions::None | Preconditions::Time(_) => (0, 0),
            Preconditions::V2(conditions) => {
                (conditions.min_seq_age.0, conditions.min_seq_ledger_gap)
            }
        }
    }

    /// Signers besides the accounts' own.
    pub fn extra_signers(&self) -> &[SignerKey] {
        match &self.tx().cond {
            Preconditions::None | Preconditions::Time(_) => &[],
            Preconditions::V2(conditions) => &conditions.extra_signers,
        }
    }

    /// The memo.
    pub fn memo(&self) -> &Memo {
        &self.tx().memo
    }

    /// Signatures of the transaction itself.
    pub fn inner_signatures(&self) -> &[DecoratedSignature] {
        &self.inner().signatures
    }

    /// Signatures of the outermost layer.
    pub fn signatures(&self) -> &[DecoratedSignature] {
        self.fee_bump()
            .map_or_else(|| self.inner_signatures(), |bump| &bump.signatures)
    }

    /// The name of what the sandbox cannot do with this transaction, if there is something.
    pub fn unsupported(&self) -> Option<&'static str> {
        if !CONTRACTS && self.soroban_data().is_some() {
            return Some("a contract transaction (Soroban data)");
        }
        self.operations()
            .iter()
            .find_map(|operation| supported::unsupported(&operation.body))
    }

    /// What is known of its signatures; shared by every check, so that each is verified once.
    pub fn verdicts(&self) -> &Mutex<Verdicts> {
        &self.verdicts
    }

    /// Verifies ahead, and outside every lock, what an ordinary transaction is signed with: the keys of the accounts it names.
    pub fn verify_ahead(&self, keys: &Keys) {
        let mut signers = vec![self.source()];
        signers.extend(
            self.operations()
                .iter()
                .filter_map(|op| op.source_account.as_ref())
                .map(AccountKey::of),
        );
        signers.sort_unstable();
        signers.dedup();
        let mut verdicts = Verdicts::default();
        verdicts.verify_all(
            self.inner_signatures(),
            &self.contents_hash(),
            &signers,
            keys,
        );
        if let Some(bump) = self.fee_bump() {
            verdicts.verify_all(&bump.signatures, &self.hash, &[self.fee_source()], keys);
        }
        *self.verdicts.lock().expect("no holder of this lock panics") = verdicts;
    }
}

fn inner(bump: &FeeBumpTransactionEnvelope) -> &TransactionV1Envelope {
    let FeeBumpTransactionInnerTx::Tx(envelope) = &bump.tx.inner_tx;
    envelope
}

fn modern(old: TransactionV0Envelope) -> TransactionEnvelope {
    let TransactionV0Envelope { tx, signatures } = old;
    let cond = tx
        .time_bounds
        .map_or(Preconditions::None, Preconditions::Time);
    let tx = Transaction {
        source_account: MuxedAccount::Ed25519(Uint256(tx.source_account_ed25519.0)),
        fee: tx.fee,
        seq_num: tx.seq_num,
        cond,
        memo: tx.memo,
        operations: tx.operations,
        ext: TransactionExt::V0,
    };
    TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures })
}
