//! The operations that an intent may ask for: typed, with one normal form and one XDR each.

mod claimant;
pub mod contract;
mod read;
mod read_contract;
mod read_keys;
pub mod scval;
pub mod size;
mod xdr_operation;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use stellar_xdr as xdr;

pub use claimant::{Claimant, Predicate};
pub use contract::{ContractOperation, Credentials};
pub use read_contract::Contracts;
pub use xdr_operation::{XdrOperation, refuse_body};

use super::asset::{Asset, Destination};
use super::primitives::{AccountId, Stroops};

/// The most operations of one transaction.
pub const MAX_OPERATIONS: usize = 100;
/// The most assets between the first and the last of a path payment.
pub const MAX_PATH: usize = 5;
/// The most claimants of a claimable balance.
pub const MAX_CLAIMANTS: usize = 10;
/// The most bytes of a data entry's name and of its value.
pub const MAX_DATA_BYTES: usize = 64;

/// One operation. Its source is the intent's source account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Pays an amount.
    Payment {
        /// Who receives.
        destination: Destination,
        /// What.
        asset: Asset,
        /// How much.
        amount: Stroops,
    },
    /// Pays through a path, sending an exact amount.
    PathPaymentStrictSend {
        /// Who receives.
        destination: Destination,
        /// What is sent.
        send_asset: Asset,
        /// How much of it.
        send_amount: Stroops,
        /// What arrives.
        dest_asset: Asset,
        /// The least that must arrive.
        dest_min: Stroops,
        /// The assets between.
        path: Vec<Asset>,
    },
    /// Pays through a path, delivering an exact amount.
    PathPaymentStrictReceive {
        /// Who receives.
        destination: Destination,
        /// What is sent.
        send_asset: Asset,
        /// The most that may be sent.
        send_max: Stroops,
        /// What arrives.
        dest_asset: Asset,
        /// How much of it.
        dest_amount: Stroops,
        /// The assets between.
        path: Vec<Asset>,
    },
    /// Makes an account.
    CreateAccount {
        /// Which.
        destination: AccountId,
        /// Its first lumens.
        starting_balance: Stroops,
    },
    /// Opens, changes or (limit 0) closes a trustline.
    ChangeTrust {
        /// To what.
        asset: Asset,
        /// The most that may be held; the largest amount by default.
        limit: Stroops,
    },
    /// Sets an amount aside for others to claim.
    CreateClaimableBalance {
        /// What.
        asset: Asset,
        /// How much.
        amount: Stroops,
        /// Who may claim it, and when.
        claimants: Vec<Claimant>,
    },
    /// Claims a claimable balance.
    ClaimClaimableBalance {
        /// Its id: 72 hexadecimal digits.
        balance_id: xdr::ClaimableBalanceId,
    },
    /// Takes back what the source issued.
    Clawback {
        /// What.
        asset: Asset,
        /// From whom.
        from: Destination,
        /// How much.
        amount: Stroops,
    },
    /// Sets or (without a value) deletes a data entry.
    ManageData {
        /// Its name.
        name: String,
        /// Its value.
        value: Option<Vec<u8>>,
    },
    /// Sets and clears flags of a trustline to the source.
    SetTrustLineFlags {
        /// Whose trustline.
        trustor: AccountId,
        /// To what.
        asset: Asset,
        /// Flags to set.
        set: Vec<TrustLineFlag>,
        /// Flags to clear.
        clear: Vec<TrustLineFlag>,
    },
    /// An operation on contracts.
    Contract(Box<ContractOperation>),
    /// Any other operation, as XDR.
    Xdr(XdrOperation),
}

/// A trustline's flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustLineFlag {
    /// May hold and send.
    Authorized,
    /// May keep its offers.
    AuthorizedToMaintainLiabilities,
    /// May be clawed back.
    ClawbackEnabled,
}

impl TrustLineFlag {
    /// Every flag with its name.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Authorized, "authorized"),
        (
            Self::AuthorizedToMaintainLiabilities,
            "authorized_to_maintain_liabilities",
        ),
        (Self::ClawbackEnabled, "clawback_enabled"),
    ];

    const fn bit(self) -> u32 {
        match self {
            Self::Authorized => 1,
            Self::AuthorizedToMaintainLiabilities => 2,
            Self::ClawbackEnabled => 4,
        }
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(flag, _)| *flag == self);
        found.expect("ALL lists every flag").1
    }
}

fn flag_bits(flags: &[TrustLineFlag]) -> u32 {
    flags.iter().fold(0, |bits, flag| bits | flag.bit())
}

fn flag_names(flags: &[TrustLineFlag]) -> Vec<&'static str> {
    flags.iter().map(|flag| flag.name()).collect()
}

fn path_names(path: &[Asset]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

fn path_xdr(path: &[Asset]) -> xdr::VecM<xdr::Asset, 5> {
    path.iter()
        .map(Asset::to_xdr)
        .collect::<Vec<_>>()
        .try_into()
        .expect("the length of a path was checked")
}

impl Operation {
    /// The operation's type, as users write it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Payment { .. } => "payment",
            Self::PathPaymentStrictSend { .. } => "path_payment_strict_send",
            Self::PathPaymentStrictReceive { .. } => "path_payment_strict_receive",
            Self::CreateAccount { .. } => "create_account",
            Self::ChangeTrust { .. } => "change_trust",
            Self::CreateClaimableBalance { .. } => "create_claimable_balance",
            Self::ClaimClaimableBalance { .. } => "claim_claimable_balance",
            Self::Clawback { .. } => "clawback",
            Self::ManageData { .. } => "manage_data",
            Self::SetTrustLineFlags { .. } => "set_trust_line_flags",
            Self::Contract(operation) => operation.type_name(),
            Self::Xdr(_) => "xdr",
        }
    }

    /// What names it in its workflow where the user does not.
    #[must_use]
    pub fn default_method(&self) -> &str {
        match self {
            Self::Contract(operation) => operation.default_method(),
            Self::Payment { .. }
            | Self::PathPaymentStrictSend { .. }
            | Self::PathPaymentStrictReceive { .. }
            | Self::CreateAccount { .. }
            | Self::ChangeTrust { .. }
            | Self::CreateClaimableBalance { .. }
            | Self::ClaimClaimableBalance { .. }
            | Self::Clawback { .. }
            | Self::ManageData { .. }
            | Self::SetTrustLineFlags { .. }
            | Self::Xdr(_) => self.type_name(),
        }
    }

    /// The operation in its normal form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let kind = self.type_name();
        match self {
            Self::Payment {
                destination,
                asset,
                amount,
            } => json!({
                "type": kind, "destination": destination.to_string(),
                "asset": asset.to_string(), "amount": amount,
            }),
            Self::PathPaymentStrictSend {
                destination,
                send_asset,
                send_amount,
                dest_asset,
                dest_min,
                path,
            } => json!({
                "type": kind, "destination": destination.to_string(),
                "send_asset": send_asset.to_string(), "send_amount": send_amount,
                "dest_asset": dest_asset.to_string(), "dest_min": dest_min,
                "path": path_names(path),
            }),
            Self::PathPaymentStrictReceive {
                destination,
                send_asset,
                send_max,
                dest_asset,
                dest_amount,
                path,
            } => json!({
                "type": kind, "destination": destination.to_string(),
                "send_asset": send_asset.to_string(), "send_max": send_max,
                "dest_asset": dest_asset.to_string(), "dest_amount": dest_amount,
                "path": path_names(path),
            }),
            Self::CreateAccount {
                destination,
                starting_balance,
            } => json!({
                "type": kind, "destination": destination, "starting_balance": starting_balance,
            }),
            Self::ChangeTrust { asset, limit } => json!({
                "type": kind, "asset": asset.to_string(), "limit": limit,
            }),
            Self::CreateClaimableBalance {
                asset,
                amount,
                claimants,
            } => json!({
                "type": kind, "asset": asset.to_string(), "amount": amount,
                "claimants": claimants.iter().map(Claimant::to_json).collect::<Vec<_>>(),
            }),
            Self::ClaimClaimableBalance { balance_id } => {
                let xdr::ClaimableBalanceId::ClaimableBalanceIdTypeV0(hash) = balance_id;
                json!({"type": kind, "balance_id": format!("00000000{}", hex::encode(hash.0))})
            }
            Self::Clawback {
                asset,
                from,
                amount,
            } => json!({
                "type": kind, "asset": asset.to_string(),
                "from": from.to_string(), "amount": amount,
            }),
            Self::ManageData { name, value } => json!({
                "type": kind, "name": name, "value": value.as_ref().map(|v| BASE64.encode(v)),
            }),
            Self::SetTrustLineFlags {
                trustor,
                asset,
                set,
                clear,
            } => json!({
                "type": kind, "trustor": trustor, "asset": asset.to_string(),
                "set_flags": flag_names(set), "clear_flags": flag_names(clear),
            }),
            Self::Contract(operation) => operation.to_json(),
            Self::Xdr(operation) => json!({"type": kind, "xdr": operation.to_base64()}),
        }
    }

    /// The operation's body in XDR, without authorisations; `source` is the intent's.
    #[must_use]
    pub fn to_xdr(&self, source: AccountId) -> xdr::OperationBody {
        use xdr::OperationBody as Body;
        match self {
            Self::Payment {
                destination,
                asset,
                amount,
            } => Body::Payment(xdr::PaymentOp {
                destination: destination.0.clone(),
                asset: asset.to_xdr(),
                amount: amount.get(),
            }),
            Self::PathPaymentStrictSend {
                destination,
                send_asset,
                send_amount,
                dest_asset,
                dest_min,
                path,
            } => Body::PathPaymentStrictSend(xdr::PathPaymentStrictSendOp {
                send_asset: send_asset.to_xdr(),
                send_amount: send_amount.get(),
                destination: destination.0.clone(),
                dest_asset: dest_asset.to_xdr(),
                dest_min: dest_min.get(),
                path: path_xdr(path),
            }),
            Self::PathPaymentStrictReceive {
                destination,
                send_asset,
                send_max,
                dest_asset,
                dest_amount,
                path,
            } => Body::PathPaymentStrictReceive(xdr::PathPaymentStrictReceiveOp {
                send_asset: send_asset.to_xdr(),
                send_max: send_max.get(),
                destination: destination.0.clone(),
                dest_asset: dest_asset.to_xdr(),
                dest_amount: dest_amount.get(),
                path: path_xdr(path),
            }),
            Self::CreateAccount {
                destination,
                starting_balance,
            } => Body::CreateAccount(xdr::CreateAccountOp {
                destination: destination.to_xdr(),
                starting_balance: starting_balance.get(),
            }),
            Self::ChangeTrust { asset, limit } => Body::ChangeTrust(xdr::ChangeTrustOp {
                line: asset.to_change_trust(),
                limit: limit.get(),
            }),
            Self::CreateClaimableBalance {
                asset,
                amount,
                claimants,
            } => Body::CreateClaimableBalance(xdr::CreateClaimableBalanceOp {
                asset: asset.to_xdr(),
                amount: amount.get(),
                claimants: claimants
                    .iter()
                    .map(Claimant::to_xdr)
                    .collect::<Vec<_>>()
                    .try_into()
                    .expect("the number of claimants was checked"),
            }),
            Self::ClaimClaimableBalance { balance_id } => {
                Body::ClaimClaimableBalance(xdr::ClaimClaimableBalanceOp {
                    balance_id: balance_id.clone(),
                })
            }
            Self::Clawback {
                asset,
                from,
                amount,
            } => Body::Clawback(xdr::ClawbackOp {
                asset: asset.to_xdr(),
                from: from.0.clone(),
                amount: amount.get(),
            }),
            Self::ManageData { name, value } => Body::ManageData(xdr::ManageDataOp {
                data_name: xdr::String64(
                    name.as_bytes()
                        .try_into()
                        .expect("the length of a name was checked"),
                ),
                data_value: value.as_ref().map(|bytes| {
                    xdr::DataValue(
                        bytes
                            .as_slice()
                            .try_into()
                            .expect("the length of a value was checked"),
                    )
                }),
            }),
            Self::SetTrustLineFlags {
                trustor,
                asset,
                set,
                clear,
            } => Body::SetTrustLineFlags(xdr::SetTrustLineFlagsOp {
                trustor: trustor.to_xdr(),
                asset: asset.to_xdr(),
                clear_flags: flag_bits(clear),
                set_flags: flag_bits(set),
            }),
            Self::Contract(operation) => operation.to_xdr(source),
            Self::Xdr(operation) => operation.body().clone(),
        }
    }

    /// Who receives, where the operation has one receiver: what lists can be filtered by.
    #[must_use]
    pub fn destination(&self) -> Option<AccountId> {
        match self {
            Self::Payment { destination, .. }
            | Self::PathPaymentStrictSend { destination, .. }
            | Self::PathPaymentStrictReceive { destination, .. } => {
                Some(AccountId::of_muxed(&destination.0))
            }
            Self::CreateAccount { destination, .. } => Some(*destination),
            Self::Contract(operation) => operation.destination(),
            Self::ChangeTrust { .. }
            | Self::CreateClaimableBalance { .. }
            | Self::ClaimClaimableBalance { .. }
            | Self::Clawback { .. }
            | Self::ManageData { .. }
            | Self::SetTrustLineFlags { .. }
            | Self::Xdr(_) => None,
        }
    }
}
