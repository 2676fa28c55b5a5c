//! Assets and the accounts that hold them, as users write them.

use std::fmt;
use std::str::FromStr;

use stellar_xdr as xdr;
use thiserror::Error;

use super::primitives::{AccountId, AddressError, explain_address};

/// Lumens, or `CODE:ISSUER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset(xdr::Asset);

/// Why a text is no asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AssetError {
    /// Neither `native` nor two parts.
    #[error("is not an asset: write native, or CODE:ISSUER")]
    Form,
    /// The code is not 1–12 letters and digits.
    #[error("has an asset code that is not 1 to 12 ASCII letters and digits")]
    Code,
    /// The issuer is no account.
    #[error("has an issuer that {0}")]
    Issuer(AddressError),
}

impl Asset {
    /// Lumens.
    pub const NATIVE: Self = Self(xdr::Asset::Native);

    /// The asset in XDR.
    #[must_use]
    pub fn to_xdr(&self) -> xdr::Asset {
        self.0.clone()
    }

    /// The asset that XDR names.
    #[must_use]
    pub const fn from_xdr(asset: xdr::Asset) -> Self {
        Self(asset)
    }

    /// Whether these are lumens.
    #[must_use]
    pub const fn is_native(&self) -> bool {
        matches!(self.0, xdr::Asset::Native)
    }

    /// Who issues it; nobody issues lumens.
    #[must_use]
    pub const fn issuer(&self) -> Option<AccountId> {
        match &self.0 {
            xdr::Asset::Native => None,
            xdr::Asset::CreditAlphanum4(asset) => Some(AccountId::from_xdr(&asset.issuer)),
            xdr::Asset::CreditAlphanum12(asset) => Some(AccountId::from_xdr(&asset.issuer)),
        }
    }

    /// The asset as a trustline names it.
    #[must_use]
    pub fn to_change_trust(&self) -> xdr::ChangeTrustAsset {
        match self.to_xdr() {
            xdr::Asset::Native => xdr::ChangeTrustAsset::Native,
            xdr::Asset::CreditAlphanum4(asset) => xdr::ChangeTrustAsset::CreditAlphanum4(asset),
            xdr::Asset::CreditAlphanum12(asset) => xdr::ChangeTrustAsset::CreditAlphanum12(asset),
        }
    }
}

impl FromStr for Asset {
    type Err = AssetError;

    fn from_str(text: &str) -> Result<Self, AssetError> {
        if text == "native" {
            return Ok(Self::NATIVE);
        }
        if matches!(explain_address(text), AddressError::SecretKey) {
            return Err(AssetError::Issuer(AddressError::SecretKey));
        }
        let (code, issuer) = text.split_once(':').ok_or(AssetError::Form)?;
        let alphanumeric = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if code.is_empty() || code.len() > 12 || !alphanumeric {
            return Err(AssetError::Code);
        }
        let issuer = issuer
            .parse::<AccountId>()
            .map_err(AssetError::Issuer)?
            .to_xdr();
        let mut long = [0; 12];
        long[..code.len()].copy_from_slice(code.as_bytes());
        Ok(Self(if code.len() <= 4 {
            let short = [long[0], long[1], long[2], long[3]];
            xdr::Asset::CreditAlphanum4(xdr::AlphaNum4 {
                asset_code: xdr::AssetCode4(short),
                issuer,
            })
        } else {
            xdr::Asset::CreditAlphanum12(xdr::AlphaNum12 {
                asset_code: xdr::AssetCode12(long),
                issuer,
            })
        }))
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, issuer): (&[u8], _) = match &self.0 {
            xdr::Asset::Native => return f.write_str("native"),
            xdr::Asset::CreditAlphanum4(asset) => (&asset.asset_code.0, &asset.issuer),
            xdr::Asset::CreditAlphanum12(asset) => (&asset.asset_code.0, &asset.issuer),
        };
        let end = code
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(code.len());
        write!(
            f,
            "{}:{}",
            String::from_utf8_lossy(&code[..end]),
            AccountId::from_xdr(issuer)
        )
    }
}

/// An account that receives, with or without an id on top: `G…` or `M…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination(pub xdr::MuxedAccount);

impl FromStr for Destination {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Ok(key) = text.parse::<stellar_strkey::ed25519::PublicKey>() {
            return Ok(Self(AccountId(key.0).plain()));
        }
        match text.parse::<stellar_strkey::ed25519::MuxedAccount>() {
            Ok(muxed) => Ok(Self(AccountId(muxed.ed25519).muxed(muxed.id))),
            Err(_) => Err(explain_address(text)),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            xdr::MuxedAccount::Ed25519(key) => AccountId(key.0).fmt(f),
            xdr::MuxedAccount::MuxedEd25519(muxed) => f.write_str(
                &stellar_strkey::ed25519::MuxedAccount {
                    ed25519: muxed.ed25519.0,
                    id: muxed.id,
                }
                .to_string(),
            ),
        }
    }
}
