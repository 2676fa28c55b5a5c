//! What may be posted, for the API's description. Reading it is the domain's work, where every mistake gets its pointer.
#![expect(dead_code, reason = "these types describe; nothing is made of them")]

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a user asks for: operations, or a transaction that is signed already.
#[derive(Serialize, ToSchema)]
#[schema(as = NewIntent)]
#[serde(deny_unknown_fields)]
pub struct NewIntentBody {
    /// The business workflow; unique with the method, for ever.
    #[schema(min_length = 1, max_length = 255, example = "payout-2026-000123")]
    workflow_id: String,
    /// What of that workflow; the first operation's type where it is not given.
    #[schema(min_length = 1, max_length = 255, example = "payout")]
    method: Option<String>,
    /// Whose funds move, `G…`; the configured account where it is not given. Only configured accounts are allowed.
    source: Option<String>,
    /// What goes onto the ledger, all or nothing.
    #[schema(min_items = 1, max_items = 100)]
    operations: Option<Vec<Operation>>,
    /// Instead of operations: a signed transaction envelope (version 1), XDR in base64, to be sponsored and landed as it is.
    transaction_xdr: Option<String>,
    /// The memo.
    memo: Option<Memo>,
    /// Not in a ledger that closes earlier, RFC 3339.
    #[schema(format = DateTime)]
    not_before: Option<String>,
    /// Not in a ledger that closes later, RFC 3339.
    #[schema(format = DateTime)]
    valid_until: Option<String>,
    /// One at a time among those with the same key, in the order of acceptance.
    #[schema(min_length = 1, max_length = 255)]
    ordering_key: Option<String>,
    /// What an account's state at the wrong moment (no trustline, no funds) does; `fail` where it is not given.
    on_state_error: Option<OnStateError>,
    /// The most that may be bid, in stroops an operation, a decimal number; the configured cap where it is not given.
    #[schema(pattern = "^[0-9]+$", example = "10000")]
    max_fee_per_operation: Option<String>,
    /// An object of your own, at most 4 KiB as JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// What a state error does to an intent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStateError {
    /// It fails.
    Fail,
    /// It is parked, and tried again until it is no longer valid.
    Park,
}

/// A memo.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Memo {
    #[serde(rename = "type")]
    kind: MemoKind,
    /// At most 28 bytes of text, a decimal number, or 64 hexadecimal digits.
    value: Option<String>,
}

/// The type of a memo.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoKind {
    None,
    Text,
    Id,
    Hash,
    Return,
}

/// One operation. Amounts are decimal strings with at most seven places; assets are `native` or `CODE:ISSUER`.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Operation {
    /// Pays an amount.
    Payment {
        /// `G…` or `M…`.
        destination: String,
        asset: String,
        amount: String,
    },
    /// Pays through a path, sending an exact amount.
    PathPaymentStrictSend {
        destination: String,
        send_asset: String,
        send_amount: String,
        dest_asset: String,
        dest_min: String,
        /// At most five assets.
        path: Option<Vec<String>>,
    },
    /// Pays through a path, delivering an exact amount.
    PathPaymentStrictReceive {
        destination: String,
        send_asset: String,
        send_max: String,
        dest_asset: String,
        dest_amount: String,
        /// At most five assets.
        path: Option<Vec<String>>,
    },
    /// Makes an account.
    CreateAccount {
        destination: String,
        starting_balance: String,
    },
    /// Opens, changes or (limit `0`) closes a trustline.
    ChangeTrust {
        asset: String,
        /// The largest amount where it is not given.
        limit: Option<String>,
    },
    /// Sets an amount aside for others to claim.
    CreateClaimableBalance {
        asset: String,
        amount: String,
        /// One to ten.
        claimants: Vec<Claimant>,
    },
    /// Claims a claimable balance.
    ClaimClaimableBalance {
        /// 72 hexadecimal digits.
        balance_id: String,
    },
    /// Takes back what the source issued.
    Clawback {
        asset: String,
        from: String,
        amount: String,
    },
    /// Sets or (without a value) deletes a data entry.
    ManageData {
        name: String,
        /// 1 to 64 bytes in base64.
        value: Option<String>,
    },
    /// Sets and clears flags of a trustline to the source.
    SetTrustLineFlags {
        trustor: String,
        asset: String,
        set_flags: Option<Vec<TrustLineFlag>>,
        clear_flags: Option<Vec<TrustLineFlag>>,
    },
    /// Calls a contract's function. It stands alone in its intent, and takes no memo; `method` is the function unless given.
    InvokeContract {
        /// `C…`.
        contract: String,
        /// 1 to 32 letters, digits and underscores.
        function: String,
        /// Values of SEP-51, such as `{"address": "G…"}`, `{"i128": "5"}`, `{"u64": "5"}`, `{"symbol": "a"}`, `{"bytes": "00ff"}`,
        /// `{"vec": […]}`; a map may be an object whose names are symbols; true, false and null are booleans and void.
        #[schema(value_type = Option<Vec<Value>>)]
        args: Option<Vec<Value>>,
        /// How the intent's source authorises it: by an entry whose nonce is the tag, or as the operation's source.
        auth: Option<CallAuth>,
        /// What others have signed: SorobanAuthorizationEntry, XDR in base64.
        auth_entries: Option<Vec<String>>,
    },
    /// Transfers a token from the source (SEP-41): an asset, through its contract, or a contract's own.
    TokenTransfer {
        /// `native` or `CODE:ISSUER`; or else `contract`.
        asset: Option<String>,
        /// `C…`.
        contract: Option<String>,
        /// `G…`, `M…` or `C…`.
        to: String,
        /// Of an asset a decimal with at most seven places; of a contract a whole number of its smallest units.
        amount: String,
        auth: Option<CallAuth>,
        auth_entries: Option<Vec<String>>,
    },
    /// Has contracts' ledger entries live longer.
    ExtendFootprintTtl {
        /// Ledger keys: XDR in base64, `{"contract": "C…"}` (its instance), `{"contract": "C…", "key": value, "durability": "persistent"}`, or
        /// `{"wasm": hash}`.
        #[schema(value_type = Vec<Value>)]
        keys: Vec<Value>,
        /// Ledgers from now that they live at least.
        extend_to: u32,
    },
    /// Brings archived entries back.
    RestoreFootprint {
        /// As of `extend_footprint_ttl`.
        #[schema(value_type = Vec<Value>)]
        keys: Vec<Value>,
    },
    /// Any other operation, as the XDR of an Operation in base64.
    Xdr { xdr: String },
}

/// How the intent's source authorises a call; `address` where it is not given.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallAuth {
    Address,
    SourceAccount,
}

/// Who may claim a claimable balance, and when.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claimant {
    destination: String,
    /// `"unconditional"`, or an object with one of `not`, `and`, `or`, `before_absolute_time`, `before_relative_time`.
    #[schema(value_type = Option<Value>)]
    predicate: Option<Value>,
}

/// A flag of a trustline.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustLineFlag {
    Authorized,
    AuthorizedToMaintainLiabilities,
    ClawbackEnabled,
}
