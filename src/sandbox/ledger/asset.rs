//! What makes an asset valid, and who issued it.

use stellar_xdr::{Asset, ChangeTrustAsset};

use super::account::AccountKey;

/// The issuer; none for lumens.
pub fn issuer(asset: &Asset) -> Option<AccountKey> {
    match asset {
        Asset::Native => None,
        Asset::CreditAlphanum4(credit) => Some(AccountKey::from(&credit.issuer)),
        Asset::CreditAlphanum12(credit) => Some(AccountKey::from(&credit.issuer)),
    }
}

/// Whether the code is one to four, or five to twelve, letters and digits, padded with zeros.
pub fn is_valid(asset: &Asset) -> bool {
    match asset {
        Asset::Native => true,
        Asset::CreditAlphanum4(credit) => code_length(&credit.asset_code.0).is_some_and(|n| n >= 1),
        Asset::CreditAlphanum12(credit) => {
            code_length(&credit.asset_code.0).is_some_and(|n| n >= 5)
        }
    }
}

/// The asset that a trustline is for; none for a liquidity pool's share.
pub fn of_trust(line: &ChangeTrustAsset) -> Option<Asset> {
    match line {
        ChangeTrustAsset::Native => Some(Asset::Native),
        ChangeTrustAsset::CreditAlphanum4(credit) => Some(Asset::CreditAlphanum4(credit.clone())),
        ChangeTrustAsset::CreditAlphanum12(credit) => Some(Asset::CreditAlphanum12(credit.clone())),
        ChangeTrustAsset::PoolShare(_) => None,
    }
}

/// The code as text; empty for lumens.
pub fn code(asset: &Asset) -> String {
    let bytes: &[u8] = match asset {
        Asset::Native => &[],
        Asset::CreditAlphanum4(credit) => &credit.asset_code.0,
        Asset::CreditAlphanum12(credit) => &credit.asset_code.0,
    };
    bytes
        .iter()
        .take_while(|b| **b != 0)
        .map(|b| char::from(*b))
        .collect()
}

/// Length of the code, if nothing but letters and digits comes before the padding.
fn code_length(code: &[u8]) -> Option<usize> {
    let length = code.iter().take_while(|b| **b != 0).count();
    let (text, padding) = code.split_at(length);
    let clean = text.iter().all(u8::is_ascii_alphanumeric) && padding.iter().all(|b| *b == 0);
    clean.then_some(length)
}
