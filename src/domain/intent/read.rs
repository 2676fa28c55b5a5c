//! Reading a request from JSON: every mistake is named, nothing is guessed.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::secrets::refuse_secrets;
use super::{Content, MAX_METADATA_BYTES, MAX_NAME_CHARACTERS, OnStateError, Presigned, Request};
use crate::domain::fields::{Errors, FieldError, Fields, join};
use crate::domain::memo::Memo;
use crate::domain::operation::{Contracts, MAX_OPERATIONS, Operation, size};
use crate::domain::primitives::{AccountId, ChainTime, NetworkId, Stroops};
use crate::domain::soroban::auth::address_of;
use crate::domain::soroban_plan::signer;

/// The accounts whose keys this submitter holds.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// The source of an intent that names none.
    pub default_source: AccountId,
    /// Other sources that may be named.
    pub other_sources: Vec<AccountId>,
    /// The network whose contracts can be called; `None` where no Stellar RPC is configured.
    pub contracts: Option<NetworkId>,
}

impl Accounts {
    /// Whether intents may move this account's funds.
    #[must_use]
    pub fn allows(&self, account: AccountId) -> bool {
        account == self.default_source || self.other_sources.contains(&account)
    }
}

/// Which source accounts a request may name.
#[derive(Clone, Copy)]
enum Policy<'a> {
    /// Those that are configured.
    Configured(&'a Accounts),
    /// Any: it was accepted before, perhaps under another configuration.
    Stored,
}

impl Policy<'_> {
    fn contracts(self) -> Contracts {
        match self {
            Self::Configured(accounts) => accounts
                .contracts
                .map_or(Contracts::Unavailable, Contracts::On),
            Self::Stored => Contracts::Stored,
        }
    }
}

/// Reads a request.
///
/// # Errors
/// Every mistake with its pointer, in the order of the fields.
pub fn read(value: &Value, accounts: &Accounts) -> Result<Request, Vec<FieldError>> {
    let mut errors = Errors::default();
    refuse_secrets(value, &mut errors);
    let request = read_fields(value, Policy::Configured(accounts), &mut errors);
    let operations = request.as_ref().and_then(Request::operations);
    if let Some(Err(detail)) = operations.map(size::check) {
        errors.add("/operations", detail);
    }
    errors.finish(request)
}

/// Reads a normal form back that was accepted before, whatever is configured now.
///
/// # Errors
/// Every mistake with its pointer: then it is no normal form.
pub fn read_stored(value: &Value) -> Result<Request, Vec<FieldError>> {
    let mut errors = Errors::default();
    let request = read_fields(value, Policy::Stored, &mut errors);
    errors.finish(request)
}

fn read_fields(value: &Value, policy: Policy<'_>, errors: &mut Errors) -> Option<Request> {
    let mut fields = Fields::of(value, String::new(), errors)?;
    let workflow_id = fields
        .required("workflow_id", errors)
        .and_then(|_| name(&mut fields, "workflow_id", errors));
    let method = name(&mut fields, "method", errors);
    let source = source(&mut fields, policy, errors);
    let presigned = presigned(&mut fields, policy, errors);
    let memo_at = fields.at("memo");
    let memo = match fields.optional("memo") {
        None => Some(Memo::None),
        Some(value) => Memo::read(value, memo_at.clone(), errors),
    };
    // Within the bounds that were meant: never earlier, never later, by even a part of a second.
    let not_before = time(&mut fields, "not_before", true, errors);
    let valid_until = time(&mut fields, "valid_until", false, errors);
    if let (Some(from), Some(until)) = (not_before, valid_until)
        && from > until
    {
        errors.add(fields.at("valid_until"), "is before not_before");
    }
    let ordering_key = name(&mut fields, "ordering_key", errors);
    let on_state_error = on_state_error(&mut fields, errors);
    let max_fee_per_operation = max_fee(&mut fields, errors);
    let metadata = metadata(&mut fields, errors);
    let content = match presigned {
        Some(presigned) => {
            for name in ["operations", "memo", "source", "not_before", "valid_until"] {
                // In the normal form the source stands beside the transaction, and is the transaction's own.
                let own = name == "source" && source == Some(presigned.source());
                if fields.optional(name).is_some() && !own {
                    errors.add(
                        fields.at(name),
                        "cannot be given beside transaction_xdr, which says it already",
                    );
                }
            }
            Some(Content::Presigned(Box::new(presigned)))
        }
        None if fields.optional("transaction_xdr").is_some() => {
            if fields.optional("operations").is_some() {
                errors.add(
                    fields.at("operations"),
                    "cannot be given beside transaction_xdr, which says it already",
                );
            }
            None
        }
        None => operations(&mut fields, source, policy, errors).map(Content::Operations),
    };
    fields.end(errors);
    let content = content?;
    let source = match &content {
        Content::Presigned(presigned) => presigned.source(),
        Content::Operations(_) => source?,
    };
    let method = method.unwrap_or_else(|| default_method(&content));
    let request = Request {
        workflow_id: workflow_id?,
        method,
        source,
        content,
        memo: memo?,
        not_before,
        valid_until,
        ordering_key,
        on_state_error,
        max_fee_per_operation,
        metadata,
    };
    if request.calls_contract() && request.memo != Memo::None {
        errors.add(
            memo_at,
            "cannot be given with a contract call: the network allows none there (protocol 25)",
        );
    }
    Some(request)
}

fn default_method(content: &Content) -> String {
    match content {
        Content::Operations(operations) => operations
            .first()
            .map_or("payment", Operation::default_method)
            .to_owned(),
        Content::Presigned(presigned) => snake_case(presigned.first_operation()),
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A name of 1 to 255 characters without control characters.
fn name(fields: &mut Fields<'_>, name: &'static str, errors: &mut Errors) -> Option<String> {
    let text = fields.optional_text(name, errors)?;
    let characters = text.chars().count();
    if characters == 0 || characters > MAX_NAME_CHARACTERS {
        let detail =
            format_args!("must have 1 to {MAX_NAME_CHARACTERS} characters, not {characters}")
                .to_string();
        errors.add(fields.at(name), detail);
        return None;
    }
    if text.chars().any(char::is_control) {
        errors.add(fields.at(name), "contains a control character");
        return None;
    }
    Some(text.to_owned())
}

fn source(fields: &mut Fields<'_>, policy: Policy<'_>, errors: &mut Errors) -> Option<AccountId> {
    let accounts = match policy {
        Policy::Stored => return fields.parsed("source", errors),
        Policy::Configured(accounts) => accounts,
    };
    if fields.optional("source").is_none() {
        return Some(accounts.default_source);
    }
    let source: AccountId = fields.parsed("source", errors)?;
    let presigned = fields.optional("transaction_xdr").is_some();
    if !presigned && !accounts.allows(source) {
        errors.add(
            fields.at("source"),
            "is not an account that is configured here",
        );
        return None;
    }
    Some(source)
}

fn presigned(
    fields: &mut Fields<'_>,
    policy: Policy<'_>,
    errors: &mut Errors,
) -> Option<Presigned> {
    let text = fields.optional_text("transaction_xdr", errors)?;
    match Presigned::decode(text) {
        Ok(presigned) if matches!(policy, Policy::Configured(accounts) if accounts.allows(presigned.source())) =>
        {
            errors.add(
                fields.at("transaction_xdr"),
                "uses a sequence number of an account that is managed here: give its operations instead",
            );
            None
        }
        Ok(presigned) => Some(presigned),
        Err(detail) => {
            errors.add(fields.at("transaction_xdr"), detail);
            None
        }
    }
}

fn operations(
    fields: &mut Fields<'_>,
    source: Option<AccountId>,
    policy: Policy<'_>,
    errors: &mut Errors,
) -> Option<Vec<Operation>> {
    let at = fields.at("operations");
    let items = fields.array("operations", (1, MAX_OPERATIONS), errors)?;
    let mut operations = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = join(&at, &index.to_string());
        let Some(mut operation) = Operation::read(item, at.clone(), policy.contracts(), errors)
        else {
            continue;
        };
        if let Operation::Contract(contract) = &operation {
            if items.len() > 1 {
                errors.add(
                    join(&at, "type"),
                    "is a contract operation, which must be the only operation of its intent",
                );
            }
            let own = source.map(address_of);
            let entries = contract.authorization().map(|auth| auth.entries.iter());
            let mut entries = entries.into_iter().flatten();
            if own.is_some() && entries.any(|entry| signer(entry) == own.as_ref()) {
                errors.add(
                    join(&at, "auth_entries"),
                    "has one of the intent's source, which signs here",
                );
            }
        }
        if let Operation::Xdr(given) = &mut operation
            && let Some(named) = given.take_named_source()
            && source.is_some_and(|source| source != named)
        {
            errors.add(
                join(&at, "xdr"),
                "names a source account that is not the intent's source",
            );
        }
        operations.push(operation);
    }
    (operations.len() == items.len()).then_some(operations)
}

fn time(
    fields: &mut Fields<'_>,
    name: &'static str,
    round_up: bool,
    errors: &mut Errors,
) -> Option<ChainTime> {
    let text = fields.optional_text(name, errors)?;
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok();
    let seconds = parsed.and_then(|at| {
        let up = i64::from(round_up && at.nanosecond() > 0);
        let seconds = at.unix_timestamp() + up;
        // An offset, or the part of a second, can lead beyond the last year that can be written.
        OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        u64::try_from(seconds).ok()
    });
    if seconds.is_none() {
        errors.add(
            fields.at(name),
            "is not a time of the years 1970 to 9999 in RFC 3339, such as 2026-11-22T12:00:00Z",
        );
    }
    seconds.map(ChainTime)
}

fn on_state_error(fields: &mut Fields<'_>, errors: &mut Errors) -> OnStateError {
    match fields.optional_text("on_state_error", errors) {
        None | Some("fail") => OnStateError::Fail,
        Some("park") => OnStateError::Park,
        Some(_) => {
            errors.add(fields.at("on_state_error"), "must be fail or park");
            OnStateError::Fail
        }
    }
}

/// The most that may be bid for one operation: 100 lumens. A larger cap is a slip of the hand.
const MAX_FEE_CAP: i64 = 1_000_000_000;
/// The least that the network has ever asked.
const MIN_FEE_CAP: i64 = 100;

fn max_fee(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Stroops> {
    let text = fields.optional_text("max_fee_per_operation", errors)?;
    let stroops = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse::<i64>().ok())
        .flatten()
        .filter(|fee| (MIN_FEE_CAP..=MAX_FEE_CAP).contains(fee));
    let fee = stroops.and_then(|fee| Stroops::new(fee).ok());
    if fee.is_none() {
        errors.add(
            fields.at("max_fee_per_operation"),
            format_args!(
                "must be a string with a whole number of stroops, {MIN_FEE_CAP} to {MAX_FEE_CAP}"
            ),
        );
    }
    fee
}

fn metadata(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Value> {
    let value = fields.optional("metadata")?;
    if !value.is_object() {
        errors.add(fields.at("metadata"), "must be an object");
        return None;
    }
    let bytes = value.to_string().len();
    if bytes > MAX_METADATA_BYTES {
        too_large(fields.at("metadata"), bytes, errors);
        return None;
    }
    if holds_nul(value) {
        errors.add(fields.at("metadata"), "contains a NUL character");
        return None;
    }
    Some(value.clone())
}

/// What the records cannot hold, in a text or in a field's name.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map
            .iter()
            .any(|(name, item)| name.contains('\0') || holds_nul(item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn too_large(pointer: String, bytes: usize, errors: &mut Errors) {
    errors.add(
        pointer,
        format_args!("is {bytes} bytes of JSON; at most {MAX_METADATA_BYTES} are kept"),
    );
}
