//! Accounts, trustlines and claimable balances: what the ledger knows, and the arithmetic of reserves.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use stellar_xdr::{AccountId, Asset, Claimant, MuxedAccount, PublicKey, SignerKey, Uint256};

/// The most subentries that one account may have (stellar-core's `ACCOUNT_SUBENTRY_LIMIT`).
pub const MAX_SUBENTRIES: u32 = 1000;
/// The most signers that one account may have.
pub const MAX_SIGNERS: usize = 20;
/// Base reserves that an account needs before it owns anything.
const ACCOUNT_BASE_RESERVES: i64 = 2;

/// Flags of an account, as in the XDR `AccountFlags`.
pub mod account_flag {
    /// A trustline to this issuer starts unauthorized.
    pub const AUTH_REQUIRED: u32 = 1;
    /// The issuer may take an authorization back.
    pub const AUTH_REVOCABLE: u32 = 2;
    /// The flags can never change again.
    pub const AUTH_IMMUTABLE: u32 = 4;
    /// New trustlines and balances can be clawed back.
    pub const AUTH_CLAWBACK_ENABLED: u32 = 8;
    /// Every flag there is.
    pub const ALL: u32 = 15;
}

/// Flags of a trustline, as in the XDR `TrustLineFlags`.
pub mod line_flag {
    /// May hold and move the asset.
    pub const AUTHORIZED: u32 = 1;
    /// May only keep what it has.
    pub const MAINTAIN_LIABILITIES: u32 = 2;
    /// The issuer may claw back.
    pub const CLAWBACK_ENABLED: u32 = 4;
    /// The two flags that say what the holder may do.
    pub const AUTH: u32 = AUTHORIZED | MAINTAIN_LIABILITIES;
    /// Every flag there is.
    pub const ALL: u32 = 7;
}

/// The ed25519 key that names an account; written as `G…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey(pub [u8; 32]);

impl AccountKey {
    /// The account behind an address, whether muxed or not.
    pub fn of(account: &MuxedAccount) -> Self {
        match account {
            MuxedAccount::Ed25519(Uint256(key)) => Self(*key),
            MuxedAccount::MuxedEd25519(muxed) => Self(muxed.ed25519.0),
        }
    }

    /// The same account as XDR.
    pub fn xdr(self) -> AccountId {
        AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(self.0)))
    }
}

impl From<&AccountId> for AccountKey {
    fn from(id: &AccountId) -> Self {
        let PublicKey::PublicKeyTypeEd25519(Uint256(key)) = &id.0;
        Self(*key)
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            stellar_strkey::ed25519::PublicKey(self.0)
                .to_string()
                .as_str(),
        )
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AccountKey {
    type Err = stellar_strkey::DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        stellar_strkey::ed25519::PublicKey::from_string(text).map(|key| Self(key.0))
    }
}

/// A signer besides the master key, with its weight (1 to 255).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSigner {
    /// What has to be shown: a signature, a preimage, or the transaction itself.
    pub key: SignerKey,
    /// How much it counts.
    pub weight: u32,
}

/// What an account holds of one asset. Amounts in stroops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustLine {
    /// Stroops held.
    pub balance: i64,
    /// The most stroops it may hold.
    pub limit: i64,
    /// See [`line_flag`].
    pub flags: u32,
    /// Promised to be received, in stroops.
    pub buying_liabilities: i64,
    /// Promised to be paid, in stroops.
    pub selling_liabilities: i64,
    /// The ledger that changed it last.
    pub modified: u32,
}

impl TrustLine {
    /// Whether the holder may send and receive.
    pub fn authorized(&self) -> bool {
        self.flags & line_flag::AUTHORIZED != 0
    }

    /// Adds (or takes) an amount within limit and liabilities, whatever the authorization; false if it does not fit.
    pub fn add(&mut self, amount: i64) -> bool {
        let Some(balance) = self.balance.checked_add(amount) else {
            return false;
        };
        let fits =
            balance >= self.selling_liabilities && balance <= self.limit - self.buying_liabilities;
        if fits {
            self.balance = balance;
        }
        fits
    }
}

/// Why an entry could not be added to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryRefusal {
    /// The reserve is not there.
    LowReserve,
    /// [`MAX_SUBENTRIES`] are there already.
    TooManySubentries,
}

/// One account. Amounts in stroops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Lumens held, in stroops.
    pub balance: i64,
    /// The last sequence number used.
    pub sequence: i64,
    /// The ledger that last used one; 0 for never.
    pub sequence_ledger: u32,
    /// Close time of that ledger in Unix seconds; 0 for never.
    pub sequence_time: u64,
    /// Trustlines, data entries and signers.
    pub subentries: u32,
    /// Base reserves paid for others.
    pub sponsoring: u32,
    /// Base reserves that others pay.
    pub sponsored: u32,
    /// See [`account_flag`].
    pub flags: u32,
    /// Where votes for inflation once went.
    pub inflation_destination: Option<AccountKey>,
    /// At most 32 bytes.
    pub home_domain: Vec<u8>,
    /// Master weight, low, medium, high.
    pub thresholds: [u8; 4],
    /// At most [`MAX_SIGNERS`], in the order of their keys.
    pub signers: Vec<AccountSigner>,
    /// By asset.
    pub lines: BTreeMap<Asset, TrustLine>,
    /// By name.
    pub data: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Promised to be received, in stroops.
    pub buying_liabilities: i64,
    /// Promised to be paid, in stroops.
    pub selling_liabilities: i64,
    /// The ledger that last changed the account itself.
    pub modified: u32,
    /// Close time of that ledger, Unix seconds.
    pub modified_at: u64,
}

impl Account {
    /// An account as `create_account` makes it.
    pub fn new(balance: i64, sequence: i64) -> Self {
        Self {
            balance,
            sequence,
            sequence_ledger: 0,
            sequence_time: 0,
            subentries: 0,
            sponsoring: 0,
            sponsored: 0,
            flags: 0,
            inflation_destination: None,
            home_domain: Vec::new(),
            thresholds: [1, 0, 0, 0],
            signers: Vec::new(),
            lines: BTreeMap::new(),
            data: BTreeMap::new(),
            buying_liabilities: 0,
            selling_liabilities: 0,
            modified: 0,
            modified_at: 0,
        }
    }

    /// The stroops that must stay, liabilities left aside.
    pub fn reserve(&self, base_reserve: i64) -> i64 {
        let entries =
            ACCOUNT_BASE_RESERVES + i64::from(self.subentries) + i64::from(self.sponsoring)
                - i64::from(self.sponsored);
        entries * base_reserve
    }

    /// The stroops that may be spent; negative when a fee has eaten into the reserve.
    pub fn available(&self, base_reserve: i64) -> i64 {
        self.balance - self.reserve(base_reserve) - self.selling_liabilities
    }

    /// Adds (or takes) lumens within reserve and liabilities; false if it does not fit.
    pub fn add(&mut self, amount: i64, base_reserve: i64) -> bool {
        if amount == 0 {
            return true;
        }
        let Some(balance) = self.balance.checked_add(amount).filter(|b| *b >= 0) else {
            return false;
        };
        if amount < 0 && balance - self.reserve(base_reserve) < self.selling_liabilities {
            return false;
        }
        if balance > i64::MAX - self.buying_liabilities {
            return false;
        }
        self.balance = balance;
        true
    }

    /// Counts one more subentry, if the reserve for it is there.
    pub fn add_subentry(&mut self, base_reserve: i64) -> Result<(), EntryRefusal> {
        if self.subentries >= MAX_SUBENTRIES {
            return Err(EntryRefusal::TooManySubentries);
        }
        if self.available(base_reserve) < base_reserve {
            return Err(EntryRefusal::LowReserve);
        }
        self.subentries += 1;
        Ok(())
    }

    /// Counts one subentry less.
    pub fn remove_subentry(&mut self) {
        self.subentries = self.subentries.saturating_sub(1);
    }

    /// What a flag of [`account_flag`] says.
    pub fn has_flag(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// A balance that waits for its claimant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimableBalance {
    /// What waits.
    pub asset: Asset,
    /// How much, in stroops.
    pub amount: i64,
    /// Who may take it, and when; times are absolute.
    pub claimants: Vec<Claimant>,
    /// Who pays the reserve: one base reserve a claimant.
    pub sponsor: AccountKey,
    /// Whether the issuer may claw it back.
    pub clawback_enabled: bool,
}
