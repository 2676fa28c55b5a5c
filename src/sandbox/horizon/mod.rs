//! What Horizon shows of the ledger: resources, pages and problems. Nothing here knows HTTP.

pub mod account;
mod contract;
pub mod fee_stats;
pub mod ledger;
pub mod operation;
pub mod page;
pub mod problem;
pub mod result_code;
pub mod root;
pub mod transaction;

use serde::Serialize;
use serde_json::{Value, json};
use stellar_xdr::{Asset, MuxedAccount};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ledger::account::AccountKey;
use super::ledger::asset;

/// Stroops in a unit of an asset.
const STROOPS_PER_UNIT: u64 = 10_000_000;

/// An amount as a decimal with seven places.
pub fn amount(stroops: i64) -> String {
    let sign = if stroops < 0 { "-" } else { "" };
    let stroops = stroops.unsigned_abs();
    format!(
        "{sign}{}.{:07}",
        stroops / STROOPS_PER_UNIT,
        stroops % STROOPS_PER_UNIT
    )
}

/// Unix seconds as RFC 3339.
pub fn timestamp(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned())
}

/// A link of a resource that is written without a `Value`.
#[derive(Serialize)]
pub struct Link {
    href: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    templated: bool,
}

impl Link {
    /// A link.
    pub fn to(href: String) -> Self {
        Self {
            href,
            templated: false,
        }
    }

    /// A link with parameters to fill in.
    pub fn template(href: String) -> Self {
        Self {
            href,
            templated: true,
        }
    }
}

/// A link.
pub fn link(href: String) -> Value {
    json!({ "href": href })
}

/// A link with parameters to fill in.
pub fn template(href: String) -> Value {
    json!({ "href": href, "templated": true })
}

/// `asset_type`, and code and issuer where there are any, with a prefix to each name.
pub fn put_asset(into: &mut serde_json::Map<String, Value>, prefix: &str, asset: &Asset) {
    let kind = match asset {
        Asset::Native => "native",
        Asset::CreditAlphanum4(_) => "credit_alphanum4",
        Asset::CreditAlphanum12(_) => "credit_alphanum12",
    };
    into.insert(format!("{prefix}asset_type"), kind.into());
    if let Some(issuer) = asset::issuer(asset) {
        into.insert(format!("{prefix}asset_code"), asset::code(asset).into());
        into.insert(format!("{prefix}asset_issuer"), issuer.to_string().into());
    }
}

/// `native` or `CODE:ISSUER`.
pub fn asset_name(asset: &Asset) -> String {
    match asset::issuer(asset) {
        None => "native".to_owned(),
        Some(issuer) => format!("{}:{issuer}", asset::code(asset)),
    }
}

/// An account under a name; for a muxed address also `NAME_muxed` and `NAME_muxed_id`.
pub fn put_account(into: &mut serde_json::Map<String, Value>, name: &str, address: &MuxedAccount) {
    into.insert(name.to_owned(), AccountKey::of(address).to_string().into());
    put_muxed(into, name, address);
}

/// `NAME_muxed` and `NAME_muxed_id`, for a muxed address.
pub fn put_muxed(into: &mut serde_json::Map<String, Value>, name: &str, address: &MuxedAccount) {
    if let MuxedAccount::MuxedEd25519(muxed) = address {
        into.insert(format!("{name}_muxed"), address.to_string().into());
        into.insert(format!("{name}_muxed_id"), muxed.id.to_string().into());
    }
}
