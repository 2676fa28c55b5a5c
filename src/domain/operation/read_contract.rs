//! Reading an operation on contracts from JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use stellar_xdr as xdr;
use xdr::{Limits, ReadXdr};

use super::contract::{
    Authorization, Call, ContractOperation, Credentials, MAX_ARGS, MAX_AUTH_ENTRIES,
    MAX_CONTRACT_BYTES, Token, Transfer, asset_contract,
};
use super::read_keys::{extend_to, keys};
use super::scval;
use crate::domain::asset::Asset;
use crate::domain::fields::{Errors, Fields, join};
use crate::domain::primitives::{AddressError, NetworkId, Stroops, explain_address};

/// Why none is taken where contracts are unavailable.
pub(super) const UNAVAILABLE: &str =
    "is a contract operation, which needs a Stellar RPC, and none is configured here (rpc)";

/// Whether contracts can be called, and on which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contracts {
    /// Not here: what a call needs cannot be asked.
    Unavailable,
    /// On this network.
    On(NetworkId),
    /// It was accepted before: everything that depends on the network stands in it.
    Stored,
}

/// The types of operations on contracts.
pub(super) fn is_contract_type(kind: &str) -> bool {
    matches!(
        kind,
        "invoke_contract" | "token_transfer" | "extend_footprint_ttl" | "restore_footprint"
    )
}

/// Reads one of them.
pub(super) fn read(
    kind: &str,
    fields: &mut Fields<'_>,
    contracts: Contracts,
    errors: &mut Errors,
) -> Option<ContractOperation> {
    let operation = match kind {
        "invoke_contract" => ContractOperation::Invoke(call(fields, errors)?),
        "token_transfer" => ContractOperation::Transfer(transfer(fields, contracts, errors)?),
        "extend_footprint_ttl" => {
            let keys = keys(fields, errors);
            let extend_to = extend_to(fields, errors);
            ContractOperation::ExtendTtl {
                keys: keys?,
                extend_to: extend_to?,
            }
        }
        _ => ContractOperation::Restore {
            keys: keys(fields, errors)?,
        },
    };
    Some(operation)
}

/// A contract's address.
pub(super) fn contract(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<xdr::ContractId> {
    let text = fields.text("contract", errors)?;
    if let Ok(contract) = text.parse() {
        return Some(contract);
    }
    match explain_address(text) {
        error @ AddressError::SecretKey => errors.add(fields.at("contract"), error),
        AddressError::Kind(_) | AddressError::Checksum | AddressError::Malformed => errors.add(
            fields.at("contract"),
            "is not a contract's address: 56 letters and digits that start with C",
        ),
    }
    None
}

fn call(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Call> {
    let contract = contract(fields, errors);
    let function = fields.text("function", errors).filter(|name| {
        let good = !name.is_empty() && scval::is_symbol(name);
        if !good {
            errors.add(
                fields.at("function"),
                "is not the name of a function: 1 to 32 letters, digits and underscores",
            );
        }
        good
    });
    let args = args(fields, errors);
    let authorization = authorization(fields, errors);
    Some(Call {
        contract: contract?,
        function: function?.to_owned(),
        args: args?,
        authorization: authorization?,
    })
}

fn args(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Vec<xdr::ScVal>> {
    if fields.optional("args").is_none() {
        return Some(Vec::new());
    }
    let items = fields.array("args", (0, MAX_ARGS), errors)?;
    let at = fields.at("args");
    let read = items
        .iter()
        .enumerate()
        .map(|(index, item)| scval::read(item, join(&at, &index.to_string()), errors));
    let read: Vec<Option<xdr::ScVal>> = read.collect();
    let args: Option<Vec<xdr::ScVal>> = read.into_iter().collect();
    let args = args?;
    let bytes: usize = args.iter().map(encoded).sum();
    if bytes > MAX_CONTRACT_BYTES {
        errors.add(
            at,
            format_args!("are {bytes} bytes as XDR; at most {MAX_CONTRACT_BYTES} are taken"),
        );
        return None;
    }
    Some(args)
}

fn encoded(value: &impl xdr::WriteXdr) -> usize {
    let bytes = value.to_xdr(Limits::none());
    bytes.expect("what was read encodes").len()
}

fn authorization(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Authorization> {
    let credentials = match fields.optional_text("auth", errors) {
        None if fields.optional("auth").is_some() => None,
        None | Some("address") => Some(Credentials::Address),
        Some("source_account") => Some(Credentials::SourceAccount),
        Some(_) => {
            errors.add(fields.at("auth"), "must be address or source_account");
            None
        }
    };
    let entries = auth_entries(fields, errors);
    Some(Authorization {
        credentials: credentials?,
        entries: entries?,
    })
}

fn auth_entries(
    fields: &mut Fields<'_>,
    errors: &mut Errors,
) -> Option<Vec<xdr::SorobanAuthorizationEntry>> {
    if fields.optional("auth_entries").is_none() {
        return Some(Vec::new());
    }
    let items = fields.array("auth_entries", (0, MAX_AUTH_ENTRIES), errors)?;
    let at = fields.at("auth_entries");
    let mut entries = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = join(&at, &index.to_string());
        let entry = item
            .as_str()
            .and_then(decode::<xdr::SorobanAuthorizationEntry>);
        match entry {
            None => errors.add(at, "is not a SorobanAuthorizationEntry, XDR in base64"),
            Some(entry) => match refuse_entry(&entry) {
                Some(reason) => errors.add(at, reason),
                None => entries.push(entry),
            },
        }
    }
    (entries.len() == items.len()).then(|| in_order(entries))
}

/// Why an authorisation is of no use, if it is not.
fn refuse_entry(entry: &xdr::SorobanAuthorizationEntry) -> Option<&'static str> {
    match &entry.credentials {
        xdr::SorobanCredentials::SourceAccount => {
            Some("has the credentials of the source account, which signs here")
        }
        xdr::SorobanCredentials::Address(address) | xdr::SorobanCredentials::AddressV2(address) => {
            (address.signature == xdr::ScVal::Void).then_some("carries no signature")
        }
        xdr::SorobanCredentials::AddressWithDelegates(_) => None,
    }
}

/// XDR in base64, no larger than an operation may be.
pub(super) fn decode<T: ReadXdr>(text: &str) -> Option<T> {
    let bytes = BASE64.decode(text).ok()?;
    if bytes.len() > MAX_CONTRACT_BYTES {
        return None;
    }
    let limits = Limits {
        depth: 50,
        len: bytes.len(),
    };
    T::from_xdr(&bytes, limits).ok()
}

/// In the order of their bytes, each once.
pub(super) fn in_order<T: xdr::WriteXdr>(values: Vec<T>) -> Vec<T> {
    let bytes = |value: &T| {
        let bytes = value.to_xdr(Limits::none());
        bytes.expect("what was read encodes")
    };
    let mut values = values;
    values.sort_by_cached_key(bytes);
    values.dedup_by(|left, right| bytes(left) == bytes(right));
    values
}

fn transfer(
    fields: &mut Fields<'_>,
    contracts: Contracts,
    errors: &mut Errors,
) -> Option<Transfer> {
    let token = token(fields, contracts, errors);
    let to = recipient(fields, errors);
    let amount = match &token {
        Some(Token::Contract(_)) => base_units(fields, errors),
        // Where the token is not known, an amount that would be good for either is no mistake.
        Some(Token::Asset { .. }) | None => stroops(fields, token.is_some(), errors),
    };
    let authorization = authorization(fields, errors);
    Some(Transfer {
        token: token?,
        to: to?,
        amount: amount?,
        authorization: authorization?,
    })
}

fn token(fields: &mut Fields<'_>, contracts: Contracts, errors: &mut Errors) -> Option<Token> {
    let named = fields.optional("contract").is_some();
    if fields.optional("asset").is_none() {
        if !named {
            errors.add(
                fields.at("contract"),
                "is required: a token's contract, or else its asset",
            );
            return None;
        }
        return contract(fields, errors).map(Token::Contract);
    }
    let asset: Option<Asset> = fields.parsed("asset", errors);
    let given = if named {
        Some(contract(fields, errors)?)
    } else {
        None
    };
    let asset = asset?;
    let own = match contracts {
        Contracts::On(network) => asset_contract(network, &asset),
        Contracts::Stored | Contracts::Unavailable => given.clone()?,
    };
    if given.is_some_and(|given| given != own) {
        errors.add(
            fields.at("contract"),
            "is not the contract of this asset: give one of the two",
        );
        return None;
    }
    Some(Token::Asset {
        asset,
        contract: own,
    })
}

fn recipient(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<xdr::ScAddress> {
    let text = fields.text("to", errors)?;
    match text.parse() {
        Ok(
            address @ (xdr::ScAddress::Account(_)
            | xdr::ScAddress::Contract(_)
            | xdr::ScAddress::MuxedAccount(_)),
        ) => Some(address),
        Ok(_) => {
            errors.add(
                fields.at("to"),
                "cannot hold tokens: give a G…, M… or C… address",
            );
            None
        }
        Err(_) => {
            match explain_address(text) {
                error @ (AddressError::SecretKey | AddressError::Checksum) => {
                    errors.add(fields.at("to"), error);
                }
                AddressError::Kind(_) | AddressError::Malformed => {
                    errors.add(fields.at("to"), "is not an address: G…, M… or C…");
                }
            }
            None
        }
    }
}

/// An asset's amount: decimal, at most 7 places.
fn stroops(fields: &mut Fields<'_>, known: bool, errors: &mut Errors) -> Option<i128> {
    if !known {
        fields.text("amount", errors)?;
        return None;
    }
    let amount: Stroops = fields.parsed("amount", errors)?;
    if amount == Stroops::ZERO {
        errors.add(fields.at("amount"), "must be more than 0");
        return None;
    }
    Some(i128::from(amount.get()))
}

/// A contract's amount: a whole number of its smallest units, for only the contract knows its decimals.
fn base_units(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<i128> {
    let text = fields.text("amount", errors)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let amount = digits.then(|| text.parse::<i128>().ok()).flatten();
    let amount = amount.filter(|amount| *amount > 0);
    if amount.is_none() {
        errors.add(
            fields.at("amount"),
            "must be a string with a whole number of the token's smallest units, more than 0",
        );
    }
    amount
}
