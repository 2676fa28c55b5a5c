//! What a simulation said: what the call needs and returns, or why it fails.

use stellar_xdr as xdr;
use stellar_xdr::{ScError, ScErrorCode};

use crate::domain::primitives::LedgerSeq;

/// The longest text of a failure that is kept, in bytes. The event log in it may be long, and the events say the same.
const MAX_TEXT_BYTES: usize = 2048;

/// The answer to one simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// The ledger whose state it ran on; 0 where the server did not run it at all.
    pub latest_ledger: LedgerSeq,
    /// What came of it.
    pub outcome: SimulationOutcome,
}

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimulationOutcome {
    /// It runs.
    Runs(Box<Simulated>),
    /// It fails, or was not run.
    Fails(Failure),
}

/// A simulation that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// Footprint, resources and resource fee, and which archived entries the call itself restores (protocol 23).
    pub data: xdr::SorobanTransactionData,
    /// The least resource fee that will do, in stroops.
    pub min_resource_fee: i64,
    /// Who must authorise what. Of a simulation with entries given, the same entries.
    pub auth: Vec<xdr::SorobanAuthorizationEntry>,
    /// What the call returns; `None` for operations that return nothing.
    pub value: Option<xdr::ScVal>,
    /// Events, diagnostic ones too.
    pub events: Vec<xdr::DiagnosticEvent>,
    /// What must be restored by a transaction of its own before (servers below protocol 23).
    pub restoration: Option<Restoration>,
}

/// A restoration that must land before the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoration {
    /// Its footprint and resources.
    pub data: xdr::SorobanTransactionData,
    /// The least resource fee that will do, in stroops.
    pub min_resource_fee: i64,
}

/// Why a simulation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// The server's own words, without the log of events, for people.
    pub text: String,
    /// Events up to the failure, diagnostic ones too, oldest first.
    pub events: Vec<xdr::DiagnosticEvent>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The contract's own error, by its number.
    Contract(u32),
    /// The contract's code trapped.
    Trap,
    /// A contract, function or entry that does not exist.
    MissingValue,
    /// The nonce of an authorisation is used up already: this very call has succeeded somewhere.
    NonceExists,
    /// An authorisation is missing, expired or signed wrongly.
    Auth,
    /// More resources than a transaction may use.
    Budget,
    /// Another error of the host.
    Host(HostError),
    /// The server would not run it, since what we sent is no contract call that it can read: our own mistake.
    NotRun,
    /// The server did not run it, and it is not known whether it ever would: ask again.
    Unclear,
}

/// An error of the host that has no kind of its own: (type, code) as the protocol numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostError {
    /// As in `ScErrorType`.
    pub kind: &'static str,
    /// As in `ScErrorCode`.
    pub code: &'static str,
}

/// Types of errors as the host prints them. Contract errors have a number instead of a code.
const TYPES: [&str; 9] = [
    "WasmVm", "Context", "Storage", "Object", "Crypto", "Events", "Budget", "Value", "Auth",
];

/// Codes of errors as the host prints them.
const CODES: [&str; 10] = [
    "ArithDomain",
    "IndexBounds",
    "InvalidInput",
    "MissingValue",
    "ExistingValue",
    "ExceededLimit",
    "InvalidAction",
    "InternalError",
    "UnexpectedType",
    "UnexpectedSize",
];

/// What servers say of a transaction that they cannot simulate, whoever asks and however often.
const NOT_RUN: [&str; 4] = [
    "Could not unmarshal",
    "unsupported operation type",
    "more than one operation",
    "Transaction does not contain",
];

impl Failure {
    /// The failure that a simulation's error text and events tell.
    #[must_use]
    pub fn of(text: &str, events: Vec<xdr::DiagnosticEvent>) -> Self {
        let kind = match first_error(text) {
            Some(kind) => kind,
            None if NOT_RUN.iter().any(|known| text.contains(known)) => FailureKind::NotRun,
            None => FailureKind::Unclear,
        };
        Self {
            kind,
            text: shortened(text),
            events,
        }
    }
}

impl FailureKind {
    /// The kind of an error value, such as events carry.
    #[must_use]
    pub const fn of(error: &ScError) -> Self {
        let (kind, code) = match error {
            ScError::Contract(number) => return Self::Contract(*number),
            ScError::WasmVm(code) => ("WasmVm", *code),
            ScError::Context(code) => ("Context", *code),
            ScError::Storage(code) => ("Storage", *code),
            ScError::Object(code) => ("Object", *code),
            ScError::Crypto(code) => ("Crypto", *code),
            ScError::Events(code) => ("Events", *code),
            ScError::Budget(_) => return Self::Budget,
            ScError::Value(code) => ("Value", *code),
            ScError::Auth(code) => {
                return match code {
                    ScErrorCode::ExistingValue => Self::NonceExists,
                    _ => Self::Auth,
                };
            }
        };
        Self::of_host(HostError {
            kind,
            code: CODES[code as usize],
        })
    }

    const fn of_host(error: HostError) -> Self {
        match (error.kind.as_bytes(), error.code.as_bytes()) {
            (b"WasmVm" | b"Storage" | b"Context", b"MissingValue") => Self::MissingValue,
            (b"WasmVm", _) => Self::Trap,
            (b"Budget", _) => Self::Budget,
            (b"Auth", b"ExistingValue") => Self::NonceExists,
            (b"Auth", _) => Self::Auth,
            _ => Self::Host(error),
        }
    }
}

/// An error as the host writes it: `Error(Contract, #7)`.
#[must_use]
pub fn error_name(error: &ScError) -> String {
    let (kind, code) = match error {
        ScError::Contract(number) => return format!("Error(Contract, #{number})"),
        ScError::WasmVm(code) => ("WasmVm", code),
        ScError::Context(code) => ("Context", code),
        ScError::Storage(code) => ("Storage", code),
        ScError::Object(code) => ("Object", code),
        ScError::Crypto(code) => ("Crypto", code),
        ScError::Events(code) => ("Events", code),
        ScError::Budget(code) => ("Budget", code),
        ScError::Value(code) => ("Value", code),
        ScError::Auth(code) => ("Auth", code),
    };
    format!("Error({kind}, {})", CODES[*code as usize])
}

/// The first `HostError: Error(type, code)` of a text: what the call failed with. Those in the log after it are how it came to that.
fn first_error(text: &str) -> Option<FailureKind> {
    let (_, error) = text.split_once("HostError: Error(")?;
    let (error, _) = error.split_once(')')?;
    let (kind, code) = error.split_once(", ")?;
    if kind == "Contract" {
        return code
            .strip_prefix('#')?
            .parse()
            .ok()
            .map(FailureKind::Contract);
    }
    // A name that a later host may print is still an error of the host.
    let known = |names: &[&'static str], name: &str| {
        let found = names.iter().find(|known| **known == name);
        found.copied().unwrap_or("Unknown")
    };
    Some(FailureKind::of_host(HostError {
        kind: known(&TYPES, kind),
        code: known(&CODES, code),
    }))
}

/// The text without the log of events, on one line and bounded.
fn shortened(text: &str) -> String {
    let said = text.split("Event log").next().unwrap_or_default();
    let mut short = String::new();
    for word in said.split_whitespace() {
        // With the space before it.
        if short.len() + 1 + word.len() > MAX_TEXT_BYTES {
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.extend(word.chars().filter(|letter| !letter.is_control()));
    }
    short
}
