//! The account resource.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use stellar_xdr::{Asset, SignerKey};

use super::{amount, link, put_asset, template, timestamp};
use crate::sandbox::ledger::account::{Account, AccountKey, TrustLine, account_flag, line_flag};

/// An account as it was after a ledger; `base` is where this Horizon answers.
pub fn account(base: &str, key: AccountKey, account: &Account) -> Value {
    let id = key.to_string();
    let mut body = json!({
        "_links": links(base, &id),
        "id": id,
        "account_id": id,
        "sequence": account.sequence.to_string(),
        "subentry_count": account.subentries,
        "last_modified_ledger": account.modified,
        "last_modified_time": timestamp(account.modified_at),
        "thresholds": {
            "low_threshold": account.thresholds[1],
            "med_threshold": account.thresholds[2],
            "high_threshold": account.thresholds[3],
        },
        "flags": {
            "auth_required": account.has_flag(account_flag::AUTH_REQUIRED),
            "auth_revocable": account.has_flag(account_flag::AUTH_REVOCABLE),
            "auth_immutable": account.has_flag(account_flag::AUTH_IMMUTABLE),
            "auth_clawback_enabled": account.has_flag(account_flag::AUTH_CLAWBACK_ENABLED),
        },
        "balances": balances(account),
        "signers": signers(&id, account),
        "data": data(account),
        "num_sponsoring": account.sponsoring,
        "num_sponsored": account.sponsored,
        "paging_token": id,
    });
    if account.sequence_ledger > 0 {
        body["sequence_ledger"] = account.sequence_ledger.into();
        body["sequence_time"] = account.sequence_time.to_string().into();
    }
    if !account.home_domain.is_empty() {
        body["home_domain"] = String::from_utf8_lossy(&account.home_domain).into();
    }
    if let Some(destination) = account.inflation_destination {
        body["inflation_destination"] = destination.to_string().into();
    }
    body
}

fn links(base: &str, id: &str) -> Value {
    let own = format!("{base}/accounts/{id}");
    let list = |name: &str| template(format!("{own}/{name}{{?cursor,limit,order}}"));
    json!({
        "self": link(own.clone()),
        "transactions": list("transactions"),
        "operations": list("operations"),
        "payments": list("payments"),
        "effects": list("effects"),
        "offers": list("offers"),
        "trades": list("trades"),
        "data": template(format!("{own}/data/{{key}}")),
    })
}

fn balances(account: &Account) -> Vec<Value> {
    let mut balances: Vec<_> = account
        .lines
        .iter()
        .map(|(asset, line)| trust_line(asset, line))
        .collect();
    balances.push(json!({
        "balance": amount(account.balance),
        "buying_liabilities": amount(account.buying_liabilities),
        "selling_liabilities": amount(account.selling_liabilities),
        "asset_type": "native",
    }));
    balances
}

fn trust_line(asset: &Asset, line: &TrustLine) -> Value {
    let mut body = Map::new();
    body.insert("balance".to_owned(), amount(line.balance).into());
    body.insert("limit".to_owned(), amount(line.limit).into());
    body.insert(
        "buying_liabilities".to_owned(),
        amount(line.buying_liabilities).into(),
    );
    body.insert(
        "selling_liabilities".to_owned(),
        amount(line.selling_liabilities).into(),
    );
    body.insert("last_modified_ledger".to_owned(), line.modified.into());
    body.insert("is_authorized".to_owned(), line.authorized().into());
    body.insert(
        "is_authorized_to_maintain_liabilities".to_owned(),
        (line.flags & line_flag::AUTH != 0).into(),
    );
    if line.flags & line_flag::CLAWBACK_ENABLED != 0 {
        body.insert("is_clawback_enabled".to_owned(), true.into());
    }
    put_asset(&mut body, "", asset);
    body.into()
}

fn signers(id: &str, account: &Account) -> Vec<Value> {
    let others = account.signers.iter().map(|signer| {
        json!({ "weight": signer.weight, "key": signer.key.to_string(), "type": signer_type(&signer.key) })
    });
    let master =
        json!({ "weight": account.thresholds[0], "key": id, "type": "ed25519_public_key" });
    others.chain([master]).collect()
}

fn signer_type(key: &SignerKey) -> &'static str {
    match key {
        SignerKey::Ed25519(_) => "ed25519_public_key",
        SignerKey::PreAuthTx(_) => "preauth_tx",
        SignerKey::HashX(_) => "sha256_hash",
        SignerKey::Ed25519SignedPayload(_) => "ed25519_signed_payload",
    }
}

fn data(account: &Account) -> Map<String, Value> {
    let entry = |(name, value): (&Vec<u8>, &Vec<u8>)| {
        (
            String::from_utf8_lossy(name).into_owned(),
            Value::from(BASE64.encode(value)),
        )
    };
    account.data.iter().map(entry).collect()
}
