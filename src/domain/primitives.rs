//! The smallest values of the chain, as types that cannot be wrong once made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stellar_xdr as xdr;
use thiserror::Error;

use super::seed::{holds_seed, looks_like_seed};

/// One lumen, or one unit of any other asset, in stroops: amounts have seven decimal places.
pub const STROOPS_PER_UNIT: i64 = 10_000_000;
/// The number of decimal places of an amount.
pub const AMOUNT_DECIMALS: usize = 7;

/// An amount in stroops (1e-7 of a unit), never negative.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Stroops(i64);

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AmountError {
    /// Empty text.
    #[error("is empty")]
    Empty,
    /// Something other than digits with at most one decimal point.
    #[error(
        "is not a decimal number: digits, optionally a point and digits, without sign, exponent or spaces"
    )]
    NotDecimal,
    /// More than seven places after the point.
    #[error("has more than {AMOUNT_DECIMALS} decimal places")]
    TooPrecise,
    /// More than `i64::MAX` stroops.
    #[error("is larger than 922337203685.4775807, the largest amount there is")]
    TooLarge,
    /// Below zero.
    #[error("is negative")]
    Negative,
}

impl Stroops {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that the ledger knows.
    pub const MAX: Self = Self(i64::MAX);

    /// An amount of so many stroops.
    ///
    /// # Errors
    /// [`AmountError::Negative`] below zero.
    pub const fn new(stroops: i64) -> Result<Self, AmountError> {
        if stroops < 0 {
            Err(AmountError::Negative)
        } else {
            Ok(Self(stroops))
        }
    }

    /// The amount in stroops.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl FromStr for Stroops {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(AmountError::NotDecimal),
            Some((whole, fraction)) => (whole, fraction),
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            let negative = whole
                .strip_prefix('-')
                .is_some_and(|whole| !whole.is_empty() && digits(whole) && digits(fraction));
            return Err(if negative {
                AmountError::Negative
            } else {
                AmountError::NotDecimal
            });
        }
        if fraction.len() > AMOUNT_DECIMALS {
            return Err(AmountError::TooPrecise);
        }
        let mut stroops: i64 = 0;
        let padded = fraction
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(AMOUNT_DECIMALS);
        for byte in whole.bytes().chain(padded) {
            stroops = stroops
                .checked_mul(10)
                .and_then(|value| value.checked_add(i64::from(byte - b'0')))
                .ok_or(AmountError::TooLarge)?;
        }
        Ok(Self(stroops))
    }
}

impl fmt::Display for Stroops {
    /// The shortest form: `12.5`, `1`, `0.0000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / STROOPS_PER_UNIT;
        let fraction = self.0 % STROOPS_PER_UNIT;
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:07}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl TryFrom<String> for Stroops {
    type Error = AmountError;
    fn try_from(text: String) -> Result<Self, AmountError> {
        text.parse()
    }
}

impl From<Stroops> for String {
    fn from(amount: Stroops) -> Self {
        amount.to_string()
    }
}

/// Why a text is no account address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// An `S…` seed where an address belongs. The text itself is never repeated.
    #[error("is a secret key: it must never be sent; treat it as exposed, and give the G… address")]
    SecretKey,
    /// Right length and letters, wrong checksum: most likely a typing error.
    #[error("is not a valid address: its checksum does not match")]
    Checksum,
    /// Another kind of strkey.
    #[error("is a {0} address where an account is needed")]
    Kind(&'static str),
    /// Anything else.
    #[error("is not a Stellar address: 56 letters and digits that start with G (or 69 with M)")]
    Malformed,
}

/// Explains why `text` is not the address that was wanted, without repeating it.
#[must_use]
pub fn explain_address(text: &str) -> AddressError {
    if looks_like_seed(text) || holds_seed(text) {
        return AddressError::SecretKey;
    }
    match text.parse::<stellar_strkey::Strkey>() {
        Ok(stellar_strkey::Strkey::PublicKeyEd25519(_)) => AddressError::Kind("G…"),
        Ok(stellar_strkey::Strkey::MuxedAccountEd25519(_)) => AddressError::Kind("M… (muxed)"),
        Ok(stellar_strkey::Strkey::Contract(_)) => AddressError::Kind("C… (contract)"),
        Ok(_) => AddressError::Kind("different kind of"),
        Err(_) => {
            let right_shape = (text.len() == 56 && text.starts_with('G'))
                || (text.len() == 69 && text.starts_with('M'));
            if right_shape
                && text
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            {
                AddressError::Checksum
            } else {
                AddressError::Malformed
            }
        }
    }
}

/// A classic account: an Ed25519 public key, written `G…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(pub [u8; 32]);

impl AccountId {
    /// The account in XDR.
    #[must_use]
    pub const fn to_xdr(self) -> xdr::AccountId {
        xdr::AccountId(xdr::PublicKey::PublicKeyTypeEd25519(xdr::Uint256(self.0)))
    }

    /// The account that XDR names.
    #[must_use]
    pub const fn from_xdr(id: &xdr::AccountId) -> Self {
        let xdr::PublicKey::PublicKeyTypeEd25519(xdr::Uint256(key)) = id.0;
        Self(key)
    }

    /// The account below a possibly muxed one.
    #[must_use]
    pub const fn of_muxed(account: &xdr::MuxedAccount) -> Self {
        match account {
            xdr::MuxedAccount::Ed25519(xdr::Uint256(key)) => Self(*key),
            xdr::MuxedAccount::MuxedEd25519(muxed) => Self(muxed.ed25519.0),
        }
    }

    /// The account with a 64-bit id on top: `M…`.
    #[must_use]
    pub const fn muxed(self, id: u64) -> xdr::MuxedAccount {
        xdr::MuxedAccount::MuxedEd25519(xdr::MuxedAccountMed25519 {
            id,
            ed25519: xdr::Uint256(self.0),
        })
    }

    /// The account as a plain `MuxedAccount`.
    #[must_use]
    pub const fn plain(self) -> xdr::MuxedAccount {
        xdr::MuxedAccount::Ed25519(xdr::Uint256(self.0))
    }

    /// The last four bytes of the key: which signature is whose.
    #[must_use]
    pub const fn hint(self) -> xdr::SignatureHint {
        xdr::SignatureHint([self.0[28], self.0[29], self.0[30], self.0[31]])
    }
}

impl FromStr for AccountId {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse::<stellar_strkey::ed25519::PublicKey>()
            .map(|key| Self(key.0))
            .map_err(|_| explain_address(text))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&stellar_strkey::ed25519::PublicKey(self.0).to_string())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for AccountId {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.to_string()
    }
}

/// A transaction's hash: of an inner transaction, or of a fee bump.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TxHash(pub [u8; 32]);

/// Why a text is no transaction hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not a transaction hash: 64 hexadecimal digits")]
pub struct HashError;

impl FromStr for TxHash {
    type Err = HashError;
    fn from_str(text: &str) -> Result<Self, HashError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HashError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for TxHash {
    type Error = HashError;
    fn try_from(text: String) -> Result<Self, HashError> {
        text.parse()
    }
}

impl From<TxHash> for String {
    fn from(hash: TxHash) -> Self {
        hash.to_string()
    }
}

/// SHA-256 of the network's passphrase: what every hash and tag begins with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NetworkId(pub [u8; 32]);

impl NetworkId {
    /// The id of the network with this passphrase.
    #[must_use]
    pub fn of(passphrase: &str) -> Self {
        Self(Sha256::digest(passphrase.as_bytes()).into())
    }

    /// The id in XDR.
    #[must_use]
    pub const fn to_xdr(self) -> xdr::Hash {
        xdr::Hash(self.0)
    }
}

/// A ledger's number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct LedgerSeq(pub u32);

impl LedgerSeq {
    /// The ledger `count` after this one, at most the last there can be.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl fmt::Display for LedgerSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An account's sequence number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Sequence(pub i64);

impl Sequence {
    /// The number that the next transaction must carry.
    ///
    /// # Panics
    /// Never in practice: an account would need 2^63 transactions.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(
            self.0
                .checked_add(1)
                .expect("an account's sequence number never reaches i64::MAX"),
        )
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Seconds since 1970 on the chain's clock: a ledger's close time, a time bound.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ChainTime(pub u64);
