//! The exactly-once receipt: what became of an intent, with everything that somebody needs who believes nobody.
//!
//! It holds strings, whole numbers, booleans and null alone, so that its canonical form is RFC 8785's (JCS) and any library's.

mod canonical;
mod check;
mod death;
mod rebuild;

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use canonical::{NotCanonical, canonical};
pub use check::{Checked, Standing, check};
pub use death::{implies_death, unix_seconds};
pub use rebuild::rebuilds;

use super::primitives::{AccountId, TxHash};
use super::reason::Reason;

/// What this format is called.
pub const FORMAT: &str = "stellar-submitter/receipt/v1";
/// What is signed begins with this, so that a signature of a receipt is never one of anything else.
const DOMAIN_SEPARATOR: &[u8] = b"stellar-submitter/receipt/v1\n";
/// The largest receipt that is read, in bytes: ten thousand attempts.
pub const MAX_RECEIPT_BYTES: usize = 64 * 1024 * 1024;

/// A receipt and its signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// What is signed.
    pub receipt: Receipt,
    /// Whose signature it is, `G…`. Compare it with the daemon's: anybody can sign.
    pub public_key: AccountId,
    /// Ed25519 of the receipt's digest, in hexadecimal digits.
    #[serde(with = "hex::serde")]
    pub signature: [u8; 64],
}

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`FORMAT`].
    pub format: String,
    /// When it was issued, RFC 3339.
    pub issued_at: String,
    /// The network's passphrase.
    pub network: String,
    /// The intent's id.
    pub intent_id: String,
    /// Whose it is.
    pub tenant: String,
    /// The workflow.
    pub workflow_id: String,
    /// What of it.
    pub method: String,
    /// The tag, out of these three and the network; in every transaction that is built for it.
    pub tag: String,
    /// `succeeded`, `failed`, `expired` or `canceled`.
    pub status: String,
    /// Why it did not succeed.
    pub reason: Option<Reason>,
    /// Accepted, RFC 3339.
    pub accepted_at: String,
    /// Final since, RFC 3339.
    pub finished_at: String,
    /// What was asked for, in its normal form; its metadata as JSON text. Null for one that was never valid.
    pub request: Option<Value>,
    /// What was enqueued in SQL and never valid, as JSON text.
    pub enqueued: Option<String>,
    /// Every transaction that was signed for it, the oldest first.
    pub attempts: Vec<AttemptReceipt>,
    /// The recorded transaction that decided it.
    pub transaction: Option<LandedReceipt>,
}

/// One inner transaction, and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptReceipt {
    /// 1 for the first.
    pub number: u32,
    /// What it was built by.
    pub plan: PlanReceipt,
    /// Somebody else built and signed it.
    pub presigned: bool,
    /// The inner hash.
    pub hash: TxHash,
    /// The plain envelope, XDR in base64.
    pub envelope_xdr: String,
    /// Its fee bumps, in order.
    pub fee_bumps: Vec<BumpReceipt>,
    /// The newest ledger when it was signed.
    pub signed_at_ledger: u32,
    /// `landed`, `landed_failed`, or `dead`.
    pub outcome: String,
    /// As the ledger has it, where it landed.
    pub landed: Option<LandedReceipt>,
    /// Why it never can land, where it is dead.
    pub death_proof: Option<ProofReceipt>,
}

/// Everything about an attempt that the intent does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanReceipt {
    /// Whose sequence number it uses.
    pub channel: AccountId,
    /// Which.
    pub sequence: String,
    /// The first close time with which it can land, in Unix seconds; 0 for any.
    pub min_time: String,
    /// The last, inclusive; 0 for any.
    pub max_time: String,
    /// The first ledger that is too late; 0 for none.
    pub max_ledger: u32,
    /// The bid in stroops an operation.
    pub base_fee: String,
}

/// A fee bump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BumpReceipt {
    /// The outer hash.
    pub hash: TxHash,
    /// The whole fee, in stroops.
    pub fee: String,
    /// XDR in base64.
    pub envelope_xdr: String,
}

/// A recorded transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LandedReceipt {
    /// The inner hash.
    pub hash: TxHash,
    /// The hash of the fee bump that carried it.
    pub fee_bump_hash: Option<TxHash>,
    /// The ledger.
    pub ledger: u32,
    /// When that closed, RFC 3339, where it is on record.
    #[serde(default)]
    pub closed_at: Option<String>,
    /// Whether its operations were applied.
    pub successful: bool,
    /// What was paid, in stroops.
    pub fee_charged: String,
    /// Whose sequence number it used.
    pub channel: AccountId,
    /// Which.
    pub sequence: String,
    /// The result's code, where it is on record.
    #[serde(default)]
    pub code: Option<String>,
    /// Its envelope, XDR in base64, where no attempt has it: it was sent by an earlier life of the records.
    #[serde(default)]
    pub envelope_xdr: Option<String>,
}

/// Why a transaction never can land.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProofReceipt {
    /// The channel's state past its last ledger has a lower sequence number.
    Fence {
        /// The ledger of that state.
        as_of_ledger: u32,
        /// The channel's sequence number in it.
        channel_sequence: String,
        /// When that ledger, or one before it, closed, RFC 3339; null where that is not on record.
        #[serde(default)]
        ledger_closed_at: Option<String>,
    },
    /// Another transaction has used its sequence number.
    ForeignTransaction {
        /// Which.
        hash: TxHash,
        /// In which ledger.
        ledger: u32,
    },
    /// The channel's sequence numbers jumped over it: the account was made anew, or bumped.
    Skipped {
        /// The ledger of the state with the higher number.
        as_of_ledger: u32,
        /// The channel's sequence number in it.
        channel_sequence: String,
    },
    /// The channel did not exist, seen twice.
    AccountMissing {
        /// The ledger of the first sight.
        first_ledger: u32,
        /// The ledger of the second.
        second_ledger: u32,
    },
}

/// Why a receipt cannot be signed, or read.
#[derive(Debug, Error)]
pub enum ReceiptError {
    /// No receipt at all.
    #[error("it is not a receipt of this format: {0}")]
    Form(#[from] serde_json::Error),
    /// Something in it has no canonical form.
    #[error(transparent)]
    Canonical(#[from] NotCanonical),
    /// Beyond what is read.
    #[error("it is larger than {MAX_RECEIPT_BYTES} bytes")]
    TooLarge,
}

impl Receipt {
    /// What is signed: SHA-256 of the separator and the canonical form.
    ///
    /// # Errors
    /// [`ReceiptError::Canonical`] where a value has no canonical form.
    pub fn digest(&self) -> Result<[u8; 32], ReceiptError> {
        let text = canonical(&serde_json::to_value(self)?)?;
        let mut hash = Sha256::new();
        hash.update(DOMAIN_SEPARATOR);
        hash.update(text.as_bytes());
        Ok(hash.finalize().into())
    }
}

impl SignedReceipt {
    /// The receipt in a text. A field that this version does not know is refused: it would not be checked.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn read(text: &[u8]) -> Result<Self, ReceiptError> {
        if text.len() > MAX_RECEIPT_BYTES {
            return Err(ReceiptError::TooLarge);
        }
        Ok(serde_json::from_slice(text)?)
    }

    /// Whether the signature is the public key's, of exactly this receipt.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let (Ok(digest), Ok(key)) = (
            self.receipt.digest(),
            VerifyingKey::from_bytes(&self.public_key.0),
        ) else {
            return false;
        };
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(&digest, &signature).is_ok()
    }
}

/// The normal form as a receipt has it: the user's metadata, which may hold any number, becomes text.
#[must_use]
pub fn carried(mut form: Value) -> Value {
    if let Some(metadata) = form.get_mut("metadata")
        && !metadata.is_null()
    {
        *metadata = Value::String(metadata.to_string());
    }
    form
}

/// The normal form out of a receipt; `None` where its metadata is no JSON.
#[must_use]
pub fn restored(mut form: Value) -> Option<Value> {
    if let Some(metadata) = form.get_mut("metadata")
        && let Some(text) = metadata.as_str()
    {
        *metadata = serde_json::from_str(text).ok()?;
    }
    Some(form)
}
