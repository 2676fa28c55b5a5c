//! What the tests share: recorded accounts as ledger entries.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use stellar_submitter::sandbox::ledger::account::{
    Account, AccountKey, AccountSigner, ClaimableBalance, TrustLine, account_flag, line_flag,
};
use stellar_xdr::{
    AccountId, AlphaNum4, AlphaNum12, Asset, AssetCode4, AssetCode12, ClaimPredicate, Claimant,
    ClaimantV0, SignerKey,
};

/// Where the recorded answers of a real Horizon lie.
pub fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/horizon-captures")
}

/// A file of JSON.
pub fn read_json(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The bytes of a base64 text.
pub fn unbase64(text: &str) -> Vec<u8> {
    BASE64.decode(text).expect("base64")
}

/// Stroops of a decimal amount.
pub fn stroops(amount: &Value) -> i64 {
    let text = amount.as_str().expect("an amount is a string");
    let (whole, part) = text.split_once('.').expect("an amount has seven places");
    assert_eq!(part.len(), 7, "{text}");
    format!("{whole}{part}")
        .parse()
        .expect("an amount fits 64 bits")
}

/// The asset of a balance line.
pub fn asset(line: &Value) -> Asset {
    if line["asset_type"] == "native" {
        return Asset::Native;
    }
    credit(
        line["asset_code"].as_str().unwrap(),
        line["asset_issuer"].as_str().unwrap(),
    )
}

/// An asset by code and issuer.
pub fn credit(code: &str, issuer: &str) -> Asset {
    let issuer: AccountId = issuer.parse().unwrap();
    if code.len() <= 4 {
        let mut bytes = [0; 4];
        bytes[..code.len()].copy_from_slice(code.as_bytes());
        Asset::CreditAlphanum4(AlphaNum4 {
            asset_code: AssetCode4(bytes),
            issuer,
        })
    } else {
        let mut bytes = [0; 12];
        bytes[..code.len()].copy_from_slice(code.as_bytes());
        Asset::CreditAlphanum12(AlphaNum12 {
            asset_code: AssetCode12(bytes),
            issuer,
        })
    }
}

/// An account as Horizon shows it, as an entry of the ledger. What a capture leaves out is as a new account has it.
pub fn account(json: &Value) -> Account {
    let number = |name: &str| u32::try_from(json[name].as_u64().unwrap_or(0)).unwrap();
    let mut account = Account::new(0, json["sequence"].as_str().unwrap().parse().unwrap());
    account.subentries = number("subentry_count");
    account.sponsoring = number("num_sponsoring");
    account.sponsored = number("num_sponsored");
    account.modified = number("last_modified_ledger");
    account.sequence_ledger = number("sequence_ledger");
    account.sequence_time = json["sequence_time"]
        .as_str()
        .map_or(0, |time| time.parse().unwrap());
    for (name, flag) in [
        ("auth_required", account_flag::AUTH_REQUIRED),
        ("auth_revocable", account_flag::AUTH_REVOCABLE),
        ("auth_immutable", account_flag::AUTH_IMMUTABLE),
        ("auth_clawback_enabled", account_flag::AUTH_CLAWBACK_ENABLED),
    ] {
        if json["flags"][name] == true {
            account.flags |= flag;
        }
    }
    for (name, value) in json["data"].as_object().into_iter().flatten() {
        account
            .data
            .insert(name.clone().into_bytes(), unbase64(value.as_str().unwrap()));
    }
    for line in json["balances"].as_array().unwrap() {
        match asset(line) {
            Asset::Native => {
                account.balance = stroops(&line["balance"]);
                account.buying_liabilities = liabilities(line, "buying_liabilities");
                account.selling_liabilities = liabilities(line, "selling_liabilities");
            }
            asset => drop(account.lines.insert(asset, trust_line(line))),
        }
    }
    if let Some(signers) = json["signers"].as_array() {
        set_signers(&mut account, json, signers);
    }
    account
}

fn set_signers(account: &mut Account, json: &Value, signers: &[Value]) {
    let own = json["account_id"].as_str().unwrap();
    account.thresholds = ["master", "low_threshold", "med_threshold", "high_threshold"]
        .map(|name| u8::try_from(json["thresholds"][name].as_u64().unwrap_or(0)).unwrap());
    for signer in signers {
        let weight = u32::try_from(signer["weight"].as_u64().unwrap()).unwrap();
        if signer["key"] == own {
            account.thresholds[0] = u8::try_from(weight).unwrap();
        } else {
            let key: SignerKey = signer["key"].as_str().unwrap().parse().unwrap();
            account.signers.push(AccountSigner { key, weight });
        }
    }
}

/// What is promised to open offers, where it is told.
fn liabilities(line: &Value, name: &str) -> i64 {
    line.get(name).map_or(0, stroops)
}

fn trust_line(json: &Value) -> TrustLine {
    let is = |name: &str| json[name] == true;
    // A capture without the flags is of a line that anybody may hold.
    let authorized = is("is_authorized") || json.get("is_authorized").is_none();
    let mut flags = 0;
    if authorized {
        flags |= line_flag::AUTHORIZED;
    } else if is("is_authorized_to_maintain_liabilities") {
        flags |= line_flag::MAINTAIN_LIABILITIES;
    }
    if is("is_clawback_enabled") {
        flags |= line_flag::CLAWBACK_ENABLED;
    }
    TrustLine {
        balance: stroops(&json["balance"]),
        limit: stroops(&json["limit"]),
        flags,
        buying_liabilities: liabilities(json, "buying_liabilities"),
        selling_liabilities: liabilities(json, "selling_liabilities"),
        modified: u32::try_from(json["last_modified_ledger"].as_u64().unwrap_or(0)).unwrap(),
    }
}

/// A claimable balance as Horizon shows it, with its id (64 hex digits after eight of the type).
pub fn claimable(id: &str, json: &Value) -> ([u8; 32], ClaimableBalance) {
    let asset = match json["asset"].as_str().unwrap() {
        "native" => Asset::Native,
        text => {
            let (code, issuer) = text.split_once(':').unwrap();
            credit(code, issuer)
        }
    };
    let claimants = json["claimants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claimant| {
            Claimant::ClaimantTypeV0(ClaimantV0 {
                destination: claimant["destination"].as_str().unwrap().parse().unwrap(),
                predicate: predicate(&claimant["predicate"]),
            })
        });
    let sponsor: AccountKey = json["sponsor"].as_str().unwrap().parse().unwrap();
    let balance = ClaimableBalance {
        asset,
        amount: stroops(&json["amount"]),
        claimants: claimants.collect(),
        sponsor,
        clawback_enabled: json["flags"]["clawback_enabled"] == true,
    };
    let mut bytes = [0; 32];
    hex::decode_to_slice(&id[8..], &mut bytes).unwrap();
    (bytes, balance)
}

fn predicate(json: &Value) -> ClaimPredicate {
    let (kind, value) = json
        .as_object()
        .unwrap()
        .iter()
        .find(|(kind, _)| *kind != "abs_before")
        .unwrap_or_else(|| panic!("no predicate in {json}"));
    let both = |value: &Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(predicate)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap()
    };
    match kind.as_str() {
        "unconditional" => ClaimPredicate::Unconditional,
        "not" => ClaimPredicate::Not(Some(Box::new(predicate(value)))),
        "and" => ClaimPredicate::And(both(value)),
        "or" => ClaimPredicate::Or(both(value)),
        "abs_before_epoch" => {
            ClaimPredicate::BeforeAbsoluteTime(value.as_str().unwrap().parse().unwrap())
        }
        other => panic!("unknown predicate {other}"),
    }
}
