//! One account's secret key: 32 bytes, written `S…`, never shown, zeroed when dropped.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use sha2::Sha256;
use stellar_strkey::{Strkey, Unredacted, ed25519};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::primitives::AccountId;

/// The letters and digits of a key in its written form.
const WRITTEN_LENGTH: usize = 56;

/// A secret key.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

/// Why a text is no secret key. The text itself is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SecretKeyError {
    /// An address.
    #[error("not a Stellar secret key: a {0} address was given")]
    Address(&'static str),
    /// Words.
    #[error("not a Stellar secret key: several words were given; a mnemonic is only for channels")]
    Words,
    /// The right shape, but one character at least is wrong.
    #[error(
        "not a Stellar secret key: its checksum is wrong, so a character is mistyped or missing"
    )]
    Checksum,
    /// Anything else.
    #[error("not a Stellar secret key: 56 letters and digits that start with S")]
    Malformed,
}

impl SecretKey {
    /// The key of these 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key that is written `S…`.
    ///
    /// # Errors
    /// [`SecretKeyError`] says what was given instead.
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        let text = text.trim();
        match text.parse::<ed25519::PrivateKey>() {
            Ok(key) => Ok(Self::from_bytes(key.0)),
            Err(_) => Err(explain(text)),
        }
    }

    /// Whose key it is.
    #[must_use]
    pub fn account(&self) -> AccountId {
        AccountId(self.signing_key().verifying_key().to_bytes())
    }

    /// The key as it is written, for the one place that must show it: to the person who made it.
    #[must_use]
    pub fn written(&self) -> SecretString {
        let key = ed25519::PrivateKey(*self.0);
        SecretString::from(Unredacted(&key).to_string().as_str())
    }

    /// Another key, out of this one and a label, by HMAC-SHA-256: whoever has this key can make it again, and nobody can go
    /// back from it.
    #[must_use]
    pub fn derive(&self, label: &str) -> Self {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        mac.update(label.as_bytes());
        Self::from_bytes(mac.finalize().into_bytes().into())
    }

    /// The signature of a digest, for what is no transaction.
    #[must_use]
    pub fn sign_digest(&self, digest: &[u8; 32]) -> [u8; 64] {
        self.signing_key().sign(digest).to_bytes()
    }

    /// The key, ready to sign: about 30 µs, so keep it.
    pub(super) fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.0)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([redacted])")
    }
}

fn explain(text: &str) -> SecretKeyError {
    match text.parse::<Strkey>() {
        Ok(Strkey::PublicKeyEd25519(_)) => return SecretKeyError::Address("G…"),
        Ok(Strkey::MuxedAccountEd25519(_)) => return SecretKeyError::Address("M…"),
        Ok(Strkey::Contract(_)) => return SecretKeyError::Address("C…"),
        Ok(_) | Err(_) => {}
    }
    let is_shaped = text.len() == WRITTEN_LENGTH
        && text.starts_with('S')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_shaped {
        SecretKeyError::Checksum
    } else if text.split_whitespace().nth(1).is_some() {
        SecretKeyError::Words
    } else {
        SecretKeyError::Malformed
    }
}
