//! Reading an operation from JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use stellar_xdr as xdr;

use super::{
    Claimant, Contracts, MAX_CLAIMANTS, MAX_DATA_BYTES, MAX_PATH, Operation, TrustLineFlag,
    XdrOperation, read_contract,
};
use crate::domain::asset::Asset;
use crate::domain::fields::{Errors, Fields, join};
use crate::domain::primitives::Stroops;

const TYPES: &str = "payment, path_payment_strict_send, path_payment_strict_receive, create_account, change_trust, \
create_claimable_balance, claim_claimable_balance, clawback, manage_data, set_trust_line_flags, invoke_contract, token_transfer, extend_footprint_ttl, \
restore_footprint or xdr";

impl Operation {
    /// Reads one operation and names every mistake in it.
    pub fn read(
        value: &Value,
        pointer: String,
        contracts: Contracts,
        errors: &mut Errors,
    ) -> Option<Self> {
        let mut fields = Fields::of(value, pointer, errors)?;
        let kind = fields.text("type", errors)?;
        let operation = match kind {
            "payment" => payment(&mut fields, errors),
            "path_payment_strict_send" => strict_send(&mut fields, errors),
            "path_payment_strict_receive" => strict_receive(&mut fields, errors),
            "create_account" => create_account(&mut fields, errors),
            "change_trust" => change_trust(&mut fields, errors),
            "create_claimable_balance" => create_claimable_balance(&mut fields, errors),
            "claim_claimable_balance" => claim_claimable_balance(&mut fields, errors),
            "clawback" => clawback(&mut fields, errors),
            "manage_data" => manage_data(&mut fields, errors),
            "set_trust_line_flags" => set_trust_line_flags(&mut fields, errors),
            "xdr" => xdr_operation(&mut fields, errors),
            _ if read_contract::is_contract_type(kind) => {
                // What else may be wrong with it is of no use where it cannot be done at all.
                if contracts == Contracts::Unavailable {
                    errors.add(fields.at("type"), read_contract::UNAVAILABLE);
                    return None;
                }
                let operation = read_contract::read(kind, &mut fields, contracts, errors);
                operation.map(|operation| Operation::Contract(Box::new(operation)))
            }
            _ => {
                errors.add(fields.at("type"), format_args!("must be {TYPES}"));
                return None;
            }
        };
        fields.end(errors);
        operation
    }
}

/// An amount that must be more than nothing.
fn positive(fields: &mut Fields<'_>, name: &'static str, errors: &mut Errors) -> Option<Stroops> {
    let amount: Stroops = fields.parsed(name, errors)?;
    if amount == Stroops::ZERO {
        errors.add(fields.at(name), "must be more than 0");
        return None;
    }
    Some(amount)
}

fn payment(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let destination = fields.parsed("destination", errors);
    let asset = fields.parsed("asset", errors);
    let amount = positive(fields, "amount", errors);
    Some(Operation::Payment {
        destination: destination?,
        asset: asset?,
        amount: amount?,
    })
}

fn path(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Vec<Asset>> {
    if fields.optional("path").is_none() {
        return Some(Vec::new());
    }
    let items = fields.array("path", (0, MAX_PATH), errors)?;
    let at = fields.at("path");
    let mut path = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item.as_str().map(str::parse) {
            Some(Ok(asset)) => path.push(asset),
            Some(Err(error)) => errors.add(join(&at, &index.to_string()), error),
            None => errors.add(join(&at, &index.to_string()), "must be a string"),
        }
    }
    (path.len() == items.len()).then_some(path)
}

fn strict_send(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let destination = fields.parsed("destination", errors);
    let send_asset = fields.parsed("send_asset", errors);
    let send_amount = positive(fields, "send_amount", errors);
    let dest_asset = fields.parsed("dest_asset", errors);
    let dest_min = positive(fields, "dest_min", errors);
    let path = path(fields, errors);
    Some(Operation::PathPaymentStrictSend {
        destination: destination?,
        send_asset: send_asset?,
        send_amount: send_amount?,
        dest_asset: dest_asset?,
        dest_min: dest_min?,
        path: path?,
    })
}

fn strict_receive(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let destination = fields.parsed("destination", errors);
    let send_asset = fields.parsed("send_asset", errors);
    let send_max = positive(fields, "send_max", errors);
    let dest_asset = fields.parsed("dest_asset", errors);
    let dest_amount = positive(fields, "dest_amount", errors);
    let path = path(fields, errors);
    Some(Operation::PathPaymentStrictReceive {
        destination: destination?,
        send_asset: send_asset?,
        send_max: send_max?,
        dest_asset: dest_asset?,
        dest_amount: dest_amount?,
        path: path?,
    })
}

fn create_account(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let destination = fields.parsed("destination", errors);
    let starting_balance = fields.parsed("starting_balance", errors);
    Some(Operation::CreateAccount {
        destination: destination?,
        starting_balance: starting_balance?,
    })
}

/// An asset that somebody issues.
fn credit(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Asset> {
    let asset: Asset = fields.parsed("asset", errors)?;
    if asset.is_native() {
        errors.add(fields.at("asset"), "must be CODE:ISSUER here, not native");
        return None;
    }
    Some(asset)
}

fn change_trust(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let asset = credit(fields, errors);
    let given = fields.optional("limit").is_some();
    let limit = if given {
        fields.parsed("limit", errors)
    } else {
        Some(Stroops::MAX)
    };
    Some(Operation::ChangeTrust {
        asset: asset?,
        limit: limit?,
    })
}

fn create_claimable_balance(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let asset = fields.parsed("asset", errors);
    let amount = positive(fields, "amount", errors);
    let at = fields.at("claimants");
    let items = fields.array("claimants", (1, MAX_CLAIMANTS), errors)?;
    let mut claimants: Vec<Claimant> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = join(&at, &index.to_string());
        let Some(claimant) = Claimant::read(item, at.clone(), errors) else {
            continue;
        };
        if claimants
            .iter()
            .any(|other| other.destination() == claimant.destination())
        {
            errors.add(join(&at, "destination"), "is named twice");
        }
        claimants.push(claimant);
    }
    Some(Operation::CreateClaimableBalance {
        asset: asset?,
        amount: amount?,
        claimants,
    })
}

fn claim_claimable_balance(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let text = fields.text("balance_id", errors)?;
    let mut bytes = [0; 36];
    if hex::decode_to_slice(text, &mut bytes).is_err() || bytes[..4] != [0; 4] {
        errors.add(
            fields.at("balance_id"),
            "is not a claimable balance's id: 72 hexadecimal digits that start with 00000000",
        );
        return None;
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(&bytes[4..]);
    Some(Operation::ClaimClaimableBalance {
        balance_id: xdr::ClaimableBalanceId::ClaimableBalanceIdTypeV0(xdr::Hash(hash)),
    })
}

fn clawback(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let asset = credit(fields, errors);
    let from = fields.parsed("from", errors);
    let amount = positive(fields, "amount", errors);
    Some(Operation::Clawback {
        asset: asset?,
        from: from?,
        amount: amount?,
    })
}

fn manage_data(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let name = fields.text("name", errors).filter(|name| {
        let good = !name.is_empty()
            && name.len() <= MAX_DATA_BYTES
            && !name.chars().any(char::is_control)
            && name.is_ascii();
        if !good {
            errors.add(
                fields.at("name"),
                format_args!("must be 1 to {MAX_DATA_BYTES} printable ASCII characters"),
            );
        }
        good
    });
    let value = match fields.optional_text("value", errors) {
        None if fields.optional("value").is_some() => return None,
        None => None,
        Some(text) => match BASE64.decode(text) {
            Ok(bytes) if (1..=MAX_DATA_BYTES).contains(&bytes.len()) => Some(bytes),
            _ => {
                errors.add(
                    fields.at("value"),
                    format_args!(
                        "must be the base64 of 1 to {MAX_DATA_BYTES} bytes, or null to delete"
                    ),
                );
                return None;
            }
        },
    };
    Some(Operation::ManageData {
        name: name?.to_owned(),
        value,
    })
}

fn flags(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut Errors,
) -> Option<Vec<TrustLineFlag>> {
    if fields.optional(name).is_none() {
        return Some(Vec::new());
    }
    let items = fields.array(name, (0, TrustLineFlag::ALL.len()), errors)?;
    let mut flags = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let known = TrustLineFlag::ALL
            .iter()
            .find(|(_, flag)| item.as_str() == Some(flag));
        match known {
            Some((flag, _)) => flags.push(*flag),
            None => errors.add(
                join(&fields.at(name), &index.to_string()),
                "must be authorized, authorized_to_maintain_liabilities or clawback_enabled",
            ),
        }
    }
    // One normal form whatever order they came in.
    flags.sort_unstable();
    flags.dedup();
    Some(flags)
}

fn set_trust_line_flags(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let trustor = fields.parsed("trustor", errors);
    let asset = credit(fields, errors);
    let set = flags(fields, "set_flags", errors);
    let clear = flags(fields, "clear_flags", errors);
    let (set, clear) = (set?, clear?);
    if set.iter().any(|flag| clear.contains(flag)) {
        errors.add(fields.at("clear_flags"), "names a flag that set_flags sets");
        return None;
    }
    if set.contains(&TrustLineFlag::ClawbackEnabled) {
        errors.add(
            fields.at("set_flags"),
            "cannot set clawback_enabled: the ledger only allows to clear it",
        );
        return None;
    }
    let both = [
        TrustLineFlag::Authorized,
        TrustLineFlag::AuthorizedToMaintainLiabilities,
    ];
    if both.iter().all(|flag| set.contains(flag)) {
        errors.add(
            fields.at("set_flags"),
            "cannot set authorized and authorized_to_maintain_liabilities together: the ledger allows one",
        );
        return None;
    }
    Some(Operation::SetTrustLineFlags {
        trustor: trustor?,
        asset: asset?,
        set,
        clear,
    })
}

fn xdr_operation(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Operation> {
    let text = fields.text("xdr", errors)?;
    match XdrOperation::decode(text) {
        Ok(operation) => Some(Operation::Xdr(operation)),
        Err(detail) => {
            errors.add(fields.at("xdr"), detail);
            None
        }
    }
}
