//! Signatures, weights and thresholds, counted as stellar-core counts them.

use std::collections::HashMap;
use std::sync::Mutex;

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use stellar_xdr::{DecoratedSignature, SignerKey, Uint256};

use super::account::{Account, AccountKey, AccountSigner};
use super::frame::Frame;

/// The most that one signer counts for.
const MAX_WEIGHT: u32 = 255;

/// The most keys remembered.
const MAX_KEYS: usize = 50_000;

/// Public keys as points of the curve: finding a point costs a tenth of a verification, and a network has few keys that sign much.
#[derive(Default)]
pub struct Keys(Mutex<HashMap<[u8; 32], Option<VerifyingKey>>>);

impl Keys {
    /// The point of a key; none if there is none.
    fn point(&self, key: &[u8; 32]) -> Option<VerifyingKey> {
        let mut known = self.0.lock().expect("no holder of this lock panics");
        if known.len() >= MAX_KEYS {
            known.clear();
        }
        *known
            .entry(*key)
            .or_insert_with(|| VerifyingKey::from_bytes(key).ok())
    }
}

/// Ed25519 verifications already done, by signature and key. There are at most 40 signatures and few keys, so a list is fastest.
#[derive(Default)]
pub struct Verdicts(Vec<Verdict>);

struct Verdict {
    signature: [u8; 64],
    key: [u8; 32],
    message: [u8; 32],
    valid: bool,
}

impl Verdicts {
    /// Verifies each signature against each key whose hint it carries.
    pub fn verify_all(
        &mut self,
        signatures: &[DecoratedSignature],
        message: &[u8; 32],
        signers: &[AccountKey],
        keys: &Keys,
    ) {
        for signature in signatures {
            for key in signers.iter().filter(|key| signature.hint.0 == key.0[28..]) {
                self.verify(signature, &key.0, message, |key| keys.point(key));
            }
        }
    }

    /// Whether this key made this signature over this message.
    fn verify(
        &mut self,
        signature: &DecoratedSignature,
        key: &[u8; 32],
        message: &[u8],
        point: impl FnOnce(&[u8; 32]) -> Option<VerifyingKey>,
    ) -> bool {
        let Ok(bytes) = <[u8; 64]>::try_from(signature.signature.0.as_slice()) else {
            return false;
        };
        // The message belongs to the question: the two layers of a fee bump may share a key.
        let known = self
            .0
            .iter()
            .find(|v| v.signature == bytes && v.key == *key && v.message == message);
        if let Some(known) = known {
            return known.valid;
        }
        let valid = point(key).is_some_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(&bytes))
                .is_ok()
        });
        if let Ok(message) = <[u8; 32]>::try_from(message) {
            self.0.push(Verdict {
                signature: bytes,
                key: *key,
                message,
                valid,
            });
        }
        valid
    }
}

/// Counts the signatures of one layer of an envelope, and remembers which were of use.
pub struct SignatureChecker<'a> {
    frame: &'a Frame,
    signatures: &'a [DecoratedSignature],
    message: [u8; 32],
    used: Vec<bool>,
}

impl<'a> SignatureChecker<'a> {
    /// Over the transaction's own signatures.
    pub fn inner(frame: &'a Frame) -> Self {
        Self::new(frame, frame.inner_signatures(), frame.contents_hash())
    }

    /// Over the outermost signatures.
    pub fn outer(frame: &'a Frame) -> Self {
        Self::new(frame, frame.signatures(), frame.hash())
    }

    fn new(frame: &'a Frame, signatures: &'a [DecoratedSignature], message: [u8; 32]) -> Self {
        Self {
            frame,
            signatures,
            message,
            used: vec![false; signatures.len()],
        }
    }

    /// Whether an account's signers reach a threshold.
    pub fn account(&mut self, key: AccountKey, account: &Account, threshold: u8) -> bool {
        let mut signers = account.signers.clone();
        if account.thresholds[0] > 0 {
            signers.push(AccountSigner {
                key: SignerKey::Ed25519(Uint256(key.0)),
                weight: u32::from(account.thresholds[0]),
            });
        }
        self.reaches(signers, u32::from(threshold))
    }

    /// Whether the key of an account that does not exist (yet) has signed.
    pub fn missing_account(&mut self, key: AccountKey) -> bool {
        self.reaches(
            vec![AccountSigner {
                key: SignerKey::Ed25519(Uint256(key.0)),
                weight: 1,
            }],
            0,
        )
    }

    /// Whether all extra signers have signed.
    pub fn extra(&mut self, signers: &[SignerKey]) -> bool {
        if signers.is_empty() {
            return true;
        }
        let needed = u32::try_from(signers.len()).expect("XDR holds at most 2 extra signers");
        self.reaches(
            signers
                .iter()
                .map(|key| AccountSigner {
                    key: key.clone(),
                    weight: 1,
                })
                .collect(),
            needed,
        )
    }

    /// Whether every signature was of use.
    pub fn all_used(&self) -> bool {
        self.used.iter().all(|used| *used)
    }

    /// A threshold of 0 still needs one signature: the sum is looked at only after something matched.
    fn reaches(&mut self, signers: Vec<AccountSigner>, needed: u32) -> bool {
        let mut total = 0;
        let (pre_authorized, mut rest): (Vec<_>, Vec<_>) = signers
            .into_iter()
            .partition(|signer| matches!(signer.key, SignerKey::PreAuthTx(_)));
        for signer in pre_authorized {
            if signer.key == SignerKey::PreAuthTx(Uint256(self.message)) {
                total += signer.weight.min(MAX_WEIGHT);
                if total >= needed {
                    return true;
                }
            }
        }
        for kind in [Kind::Hash, Kind::Key, Kind::Payload] {
            for index in 0..self.signatures.len() {
                let found = rest
                    .iter()
                    .position(|signer| kind.is(&signer.key) && self.matches(index, &signer.key));
                let Some(position) = found else { continue };
                self.used[index] = true;
                total += rest.remove(position).weight.min(MAX_WEIGHT);
                if total >= needed {
                    return true;
                }
            }
        }
        false
    }

    fn matches(&self, index: usize, key: &SignerKey) -> bool {
        let signature = &self.signatures[index];
        match key {
            SignerKey::PreAuthTx(_) => false,
            SignerKey::HashX(Uint256(hash)) => {
                signature.hint.0 == hash[28..]
                    && Sha256::digest(signature.signature.0.as_slice())[..] == hash[..]
            }
            SignerKey::Ed25519(Uint256(key)) => {
                signature.hint.0 == key[28..] && self.verify(signature, key, &self.message)
            }
            SignerKey::Ed25519SignedPayload(signed) => {
                let key = &signed.ed25519.0;
                signature.hint.0 == payload_hint(key, signed.payload.as_slice())
                    && self.verify(signature, key, signed.payload.as_slice())
            }
        }
    }

    fn verify(&self, signature: &DecoratedSignature, key: &[u8; 32], message: &[u8]) -> bool {
        self.frame
            .verdicts()
            .lock()
            .expect("no holder of this lock panics")
            .verify(signature, key, message, |key| {
                VerifyingKey::from_bytes(key).ok()
            })
    }
}

/// The hint of a payload signer: the key's last four bytes, mixed with the payload's.
fn payload_hint(key: &[u8; 32], payload: &[u8]) -> [u8; 4] {
    let mut tail = [0; 4];
    let from = payload.len().saturating_sub(4);
    tail[..payload.len() - from].copy_from_slice(&payload[from..]);
    std::array::from_fn(|i| key[28 + i] ^ tail[i])
}

#[derive(Clone, Copy)]
enum Kind {
    Hash,
    Key,
    Payload,
}

impl Kind {
    fn is(self, key: &SignerKey) -> bool {
        matches!(
            (self, key),
            (Self::Hash, SignerKey::HashX(_))
                | (Self::Key, SignerKey::Ed25519(_))
                | (Self::Payload, SignerKey::Ed25519SignedPayload(_))
        )
    }
}
