//! One secret for all channels: SEP-5, the path `m/44'/148'/i'` by SLIP-0010 from a BIP-39 mnemonic or its seed.

use std::fmt;

use bip39::{ErrorKind, Language, Mnemonic, Seed};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use thiserror::Error;
use zeroize::Zeroizing;

use super::secret_key::SecretKey;

/// SLIP-0010: the key of the first HMAC, for Ed25519.
const CURVE: &[u8] = b"ed25519 seed";
/// SEP-5: BIP-44's purpose and Stellar's coin type. Ed25519 knows hardened steps only.
const PATH: [u32; 2] = [44, 148];
/// The bit of a hardened step, and one more than the greatest index.
const HARDENED: u32 = 1 << 31;
/// How many bytes a seed may have (SLIP-0010).
const SEED_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// The secret that all channels are derived from. Zeroed when dropped.
#[derive(Clone)]
pub struct ChannelSeed(Zeroizing<Vec<u8>>);

/// Why a text is no channel seed. The text itself is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SeedError {
    /// A word that no list has.
    #[error("word {0} is not in the BIP-39 English list")]
    Word(usize),
    /// Not a number of words that there is.
    #[error("{0} words were given: a mnemonic has 12, 15, 18, 21 or 24")]
    WordCount(usize),
    /// All words are right, but not together.
    #[error("the mnemonic's checksum is wrong: a word is mistaken, missing or in the wrong place")]
    Checksum,
    /// A key of one account.
    #[error("a secret key of one account (S…) was given, not a mnemonic or a hexadecimal seed")]
    SecretKey,
    /// One word that is not hexadecimal.
    #[error("neither a mnemonic (12 to 24 words) nor a hexadecimal seed")]
    Malformed,
    /// Hexadecimal digits, but not of whole bytes.
    #[error("a hexadecimal seed has two digits a byte: their number is odd")]
    OddDigits,
    /// Too short or too long.
    #[error("a hexadecimal seed has 16 to 64 bytes, not {0}")]
    Length(usize),
    /// Not an index that there is.
    #[error("channel {0} is beyond the last that SEP-5 can derive, 2147483647")]
    Index(u32),
}

impl ChannelSeed {
    /// A seed from a mnemonic without a passphrase, or from hexadecimal digits.
    ///
    /// # Errors
    /// [`SeedError`] says what is wrong, never what was given.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let text = text.trim();
        if text.split_whitespace().nth(1).is_some() {
            Self::from_mnemonic(text, "")
        } else {
            Self::from_hex(text)
        }
    }

    /// A seed from English words, in any case, and a passphrase, which may be empty.
    ///
    /// # Errors
    /// [`SeedError`] names the word.
    pub fn from_mnemonic(words: &str, passphrase: &str) -> Result<Self, SeedError> {
        let words = Zeroizing::new(words.to_lowercase());
        let count = words.split_whitespace().count();
        let mnemonic =
            Mnemonic::from_phrase(&words, Language::English).map_err(|error| match error {
                ErrorKind::InvalidWord(index) => SeedError::Word(index + 1),
                ErrorKind::InvalidChecksum => SeedError::Checksum,
                ErrorKind::InvalidWordLength(_)
                | ErrorKind::InvalidKeysize(_)
                | ErrorKind::InvalidEntropyLength(..) => SeedError::WordCount(count),
            })?;
        let seed = Seed::new(&mnemonic, passphrase);
        Ok(Self(Zeroizing::new(seed.as_bytes().to_vec())))
    }

    fn from_hex(digits: &str) -> Result<Self, SeedError> {
        if SecretKey::parse(digits).is_ok() {
            return Err(SeedError::SecretKey);
        }
        let bytes = hex::decode(digits)
            .map(Zeroizing::new)
            .map_err(|error| match error {
                hex::FromHexError::OddLength => SeedError::OddDigits,
                hex::FromHexError::InvalidHexCharacter { .. }
                | hex::FromHexError::InvalidStringLength => SeedError::Malformed,
            })?;
        if SEED_BYTES.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(SeedError::Length(bytes.len()))
        }
    }

    /// The key of one channel: `m/44'/148'/index'`.
    ///
    /// # Errors
    /// [`SeedError::Index`] from 2^31 on.
    pub fn channel(&self, index: u32) -> Result<SecretKey, SeedError> {
        if index >= HARDENED {
            return Err(SeedError::Index(index));
        }
        let mut node = Node::of(CURVE, &[&self.0]);
        for step in PATH.into_iter().chain([index]) {
            node = node.hardened(step);
        }
        Ok(SecretKey::from_bytes(*node.key))
    }
}

impl fmt::Debug for ChannelSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelSeed([redacted])")
    }
}

/// One node of the tree.
struct Node {
    key: Zeroizing<[u8; 32]>,
    chain: Zeroizing<[u8; 32]>,
}

impl Node {
    fn of(key: &[u8], parts: &[&[u8]]) -> Self {
        let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
        }
        let bytes: Zeroizing<[u8; 64]> = Zeroizing::new(mac.finalize().into_bytes().into());
        let mut node = Self {
            key: Zeroizing::default(),
            chain: Zeroizing::default(),
        };
        let (key, chain) = bytes.split_at(32);
        node.key.copy_from_slice(key);
        node.chain.copy_from_slice(chain);
        node
    }

    fn hardened(&self, step: u32) -> Self {
        let step = (step | HARDENED).to_be_bytes();
        Self::of(&*self.chain, &[&[0], &*self.key, &step])
    }
}
