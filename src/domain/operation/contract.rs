//! Operations on contracts: each stands alone in its transaction, and has resources and a fee of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stellar_xdr as xdr;
use xdr::{Limits, WriteXdr as _};

use super::scval;
use crate::domain::asset::Asset;
use crate::domain::primitives::{AccountId, NetworkId, Stroops};

/// The most arguments of a call.
pub const MAX_ARGS: usize = 100;
/// The most bytes of an operation on contracts, as XDR.
pub const MAX_CONTRACT_BYTES: usize = 64 * 1024;
/// The most authorisations that may come with a call.
pub const MAX_AUTH_ENTRIES: usize = 10;
/// The most ledger entries whose time can be extended, or that can be restored, at once.
pub const MAX_KEYS: usize = 100;

/// How the intent's source authorises a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// By a signed entry whose nonce is the tag: the ledger itself takes it once.
    Address,
    /// As the operation's source.
    SourceAccount,
}

/// Who authorises a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// How the intent's source does.
    pub credentials: Credentials,
    /// What others have signed, in the order of their bytes.
    pub entries: Vec<xdr::SorobanAuthorizationEntry>,
}

/// A call of a contract's function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The contract.
    pub contract: xdr::ContractId,
    /// Its function.
    pub function: String,
    /// The arguments.
    pub args: Vec<xdr::ScVal>,
    /// Who authorises it.
    pub authorization: Authorization,
}

/// Which token a transfer moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An asset of the ledger, through its contract.
    Asset {
        /// Which.
        asset: Asset,
        /// Its contract on this network.
        contract: xdr::ContractId,
    },
    /// A contract that speaks SEP-41.
    Contract(xdr::ContractId),
}

/// A transfer of a token from the intent's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Which token.
    pub token: Token,
    /// Who receives: an account, muxed or not, or a contract.
    pub to: xdr::ScAddress,
    /// How much, in the token's smallest unit.
    pub amount: i128,
    /// Who authorises it.
    pub authorization: Authorization,
}

/// An operation on contracts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractOperation {
    /// Calls a function.
    Invoke(Call),
    /// Transfers a token.
    Transfer(Transfer),
    /// Has entries live longer.
    ExtendTtl {
        /// Which, in the order of their bytes.
        keys: Vec<xdr::LedgerKey>,
        /// Ledgers from now that they shall live at least.
        extend_to: u32,
    },
    /// Brings archived entries back.
    Restore {
        /// Which, in the order of their bytes.
        keys: Vec<xdr::LedgerKey>,
    },
}

impl Credentials {
    /// As users write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::SourceAccount => "source_account",
        }
    }
}

impl Token {
    /// The contract.
    #[must_use]
    pub const fn contract(&self) -> &xdr::ContractId {
        match self {
            Self::Asset { contract, .. } | Self::Contract(contract) => contract,
        }
    }
}

/// The contract of an asset on a network: the Stellar Asset Contract (CAP-46-6).
///
/// # Panics
/// Never: every asset encodes.
#[must_use]
pub fn asset_contract(network: NetworkId, asset: &Asset) -> xdr::ContractId {
    let preimage = xdr::HashIdPreimage::ContractId(xdr::HashIdPreimageContractId {
        network_id: xdr::Hash(network.0),
        contract_id_preimage: xdr::ContractIdPreimage::Asset(asset.to_xdr()),
    });
    let bytes = preimage.to_xdr(Limits::none()).expect("a preimage encodes");
    xdr::ContractId(xdr::Hash(Sha256::digest(bytes).into()))
}

/// XDR in base64: the normal form of what has no short one.
pub(super) fn base64_of(value: &impl xdr::WriteXdr) -> String {
    BASE64.encode(value.to_xdr(Limits::none()).expect("what was read encodes"))
}

impl ContractOperation {
    /// The operation's type, as users write it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Invoke(_) => "invoke_contract",
            Self::Transfer(_) => "token_transfer",
            Self::ExtendTtl { .. } => "extend_footprint_ttl",
            Self::Restore { .. } => "restore_footprint",
        }
    }

    /// What names it by default in its workflow: a call is named by its function.
    #[must_use]
    pub fn default_method(&self) -> &str {
        match self {
            Self::Invoke(call) => &call.function,
            Self::Transfer(_) | Self::ExtendTtl { .. } | Self::Restore { .. } => self.type_name(),
        }
    }

    /// Who authorises it, where it calls a contract.
    #[must_use]
    pub const fn authorization(&self) -> Option<&Authorization> {
        match self {
            Self::Invoke(call) => Some(&call.authorization),
            Self::Transfer(transfer) => Some(&transfer.authorization),
            Self::ExtendTtl { .. } | Self::Restore { .. } => None,
        }
    }

    /// The operation in its normal form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let kind = self.type_name();
        let entries = |authorization: &Authorization| -> Vec<String> {
            authorization.entries.iter().map(base64_of).collect()
        };
        match self {
            Self::Invoke(call) => json!({
                "type": kind, "contract": call.contract.to_string(), "function": call.function,
                "args": call.args.iter().map(scval::to_json).collect::<Vec<_>>(),
                "auth": call.authorization.credentials.as_str(),
                "auth_entries": entries(&call.authorization),
            }),
            Self::Transfer(transfer) => {
                let (asset, amount) = match &transfer.token {
                    Token::Asset { asset, .. } => (Some(asset.to_string()), transfer.stroops()),
                    Token::Contract(_) => (None, transfer.amount.to_string()),
                };
                json!({
                    "type": kind, "asset": asset, "contract": transfer.token.contract().to_string(),
                    "to": transfer.to.to_string(), "amount": amount,
                    "auth": transfer.authorization.credentials.as_str(),
                    "auth_entries": entries(&transfer.authorization),
                })
            }
            Self::ExtendTtl { keys, extend_to } => json!({
                "type": kind, "keys": keys.iter().map(base64_of).collect::<Vec<_>>(), "extend_to": extend_to,
            }),
            Self::Restore { keys } => json!({
                "type": kind, "keys": keys.iter().map(base64_of).collect::<Vec<_>>(),
            }),
        }
    }

    /// The operation's body in XDR, without authorisations.
    #[must_use]
    pub fn to_xdr(&self, source: AccountId) -> xdr::OperationBody {
        use xdr::OperationBody as Body;
        match self {
            Self::Invoke(call) => invoke(&call.contract, &call.function, call.args.clone()),
            Self::Transfer(transfer) => {
                let args = vec![
                    xdr::ScVal::Address(xdr::ScAddress::Account(source.to_xdr())),
                    xdr::ScVal::Address(transfer.to.clone()),
                    scval::of_i128(transfer.amount),
                ];
                invoke(transfer.token.contract(), "transfer", args)
            }
            Self::ExtendTtl { extend_to, .. } => {
                Body::ExtendFootprintTtl(xdr::ExtendFootprintTtlOp {
                    ext: xdr::ExtensionPoint::V0,
                    extend_to: *extend_to,
                })
            }
            Self::Restore { .. } => Body::RestoreFootprint(xdr::RestoreFootprintOp {
                ext: xdr::ExtensionPoint::V0,
            }),
        }
    }

    /// The ledger entries that it is about, where it says so itself; a call's come out of its simulation.
    #[must_use]
    pub fn footprint(&self) -> Option<xdr::LedgerFootprint> {
        let keys = |keys: &[xdr::LedgerKey]| -> xdr::VecM<xdr::LedgerKey> {
            keys.to_vec().try_into().expect("any number of keys fits")
        };
        match self {
            Self::Invoke(_) | Self::Transfer(_) => None,
            Self::ExtendTtl { keys: all, .. } => Some(xdr::LedgerFootprint {
                read_only: keys(all),
                read_write: xdr::VecM::default(),
            }),
            Self::Restore { keys: all } => Some(xdr::LedgerFootprint {
                read_only: xdr::VecM::default(),
                read_write: keys(all),
            }),
        }
    }

    /// Who receives, where that is an account.
    #[must_use]
    pub fn destination(&self) -> Option<AccountId> {
        let Self::Transfer(transfer) = self else {
            return None;
        };
        match &transfer.to {
            xdr::ScAddress::Account(account) => Some(AccountId::from_xdr(account)),
            xdr::ScAddress::MuxedAccount(muxed) => Some(AccountId(muxed.ed25519.0)),
            xdr::ScAddress::Contract(_)
            | xdr::ScAddress::ClaimableBalance(_)
            | xdr::ScAddress::LiquidityPool(_)
            | xdr::ScAddress::MuxedContract(_) => None,
        }
    }
}

impl Transfer {
    /// The amount of an asset, as users write it.
    fn stroops(&self) -> String {
        let stroops = i64::try_from(self.amount).ok().map(Stroops::new);
        match stroops {
            Some(Ok(stroops)) => stroops.to_string(),
            Some(Err(_)) | None => self.amount.to_string(),
        }
    }
}

fn invoke(contract: &xdr::ContractId, function: &str, args: Vec<xdr::ScVal>) -> xdr::OperationBody {
    let function_name = function.as_bytes().try_into();
    xdr::OperationBody::InvokeHostFunction(xdr::InvokeHostFunctionOp {
        host_function: xdr::HostFunction::InvokeContract(xdr::InvokeContractArgs {
            contract_address: xdr::ScAddress::Contract(contract.clone()),
            function_name: xdr::ScSymbol(function_name.expect("the length of a name was checked")),
            args: args.try_into().expect("any number of arguments fits"),
        }),
        auth: xdr::VecM::default(),
    })
}
