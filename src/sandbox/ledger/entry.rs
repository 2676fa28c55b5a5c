//! Accounts and trustlines as the network's ledger entries, and contract entries, which are kept as such.

use stellar_xdr::{
    AccountEntry, AccountEntryExt, AccountEntryExtensionV1, AccountEntryExtensionV1Ext,
    AccountEntryExtensionV2, AccountEntryExtensionV2Ext, AccountEntryExtensionV3,
    ContractDataDurability, ExtensionPoint, LedgerEntry, LedgerEntryData, LedgerEntryExt,
    LedgerKey, Liabilities, Limits, SequenceNumber, Signer, SponsorshipDescriptor, String32,
    Thresholds, TimePoint, TrustLineAsset, TrustLineEntry, TrustLineEntryExt, TrustLineEntryV1,
    TrustLineEntryV1Ext, WriteXdr,
};

use super::account::{Account, AccountKey, TrustLine};

/// Contract data or code, with the ledger up to which it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractEntry {
    /// What it holds.
    pub data: LedgerEntryData,
    /// The ledger that changed it last.
    pub modified: u32,
    /// The last ledger in which it is alive.
    pub live_until: u32,
}

impl ContractEntry {
    /// As the network writes it.
    pub fn xdr(&self) -> LedgerEntry {
        wrap(self.data.clone(), self.modified)
    }

    /// Whether it is alive in a ledger.
    pub fn is_live(&self, ledger: u32) -> bool {
        self.live_until >= ledger
    }
}

/// How long an entry of this key lasts; none for what is not a contract's.
pub fn durability(key: &LedgerKey) -> Option<ContractDataDurability> {
    match key {
        LedgerKey::ContractData(data) => Some(data.durability),
        LedgerKey::ContractCode(_) => Some(ContractDataDurability::Persistent),
        _ => None,
    }
}

/// Whether it is archived when its time is over, and can be restored.
pub fn is_persistent(key: &LedgerKey) -> bool {
    durability(key) == Some(ContractDataDurability::Persistent)
}

/// The length of an entry's XDR in bytes.
pub fn size(entry: &LedgerEntry) -> u32 {
    u32::try_from(bytes(entry).len()).unwrap_or(u32::MAX)
}

/// The XDR of what the ledger made itself.
pub fn bytes(value: &impl WriteXdr) -> Vec<u8> {
    value
        .to_xdr(Limits::none())
        .expect("writing to memory without limits cannot fail")
}

/// An entry around its data.
pub fn wrap(data: LedgerEntryData, modified: u32) -> LedgerEntry {
    LedgerEntry {
        last_modified_ledger_seq: modified,
        data,
        ext: LedgerEntryExt::V0,
    }
}

/// An account as the network writes it. An extension is there only where it says something.
pub fn account(key: AccountKey, account: &Account) -> LedgerEntry {
    let [master, low, medium, high] = account.thresholds;
    let signers: Vec<Signer> = account
        .signers
        .iter()
        .map(|signer| Signer {
            key: signer.key.clone(),
            weight: signer.weight,
        })
        .collect();
    let entry = AccountEntry {
        account_id: key.xdr(),
        balance: account.balance,
        seq_num: SequenceNumber(account.sequence),
        num_sub_entries: account.subentries,
        inflation_dest: account.inflation_destination.map(AccountKey::xdr),
        flags: account.flags,
        home_domain: String32(
            account
                .home_domain
                .clone()
                .try_into()
                .expect("an account's domain has at most 32 bytes"),
        ),
        thresholds: Thresholds([master, low, medium, high]),
        signers: signers
            .try_into()
            .expect("an account has at most 20 signers"),
        ext: account_extension(account),
    };
    wrap(LedgerEntryData::Account(entry), account.modified)
}

fn account_extension(account: &Account) -> AccountEntryExt {
    let used = account.sequence_ledger != 0;
    let sponsored = account.sponsored != 0 || account.sponsoring != 0;
    if !used && !sponsored && account.buying_liabilities == 0 && account.selling_liabilities == 0 {
        return AccountEntryExt::V0;
    }
    let newest = AccountEntryExtensionV2Ext::V3(AccountEntryExtensionV3 {
        ext: ExtensionPoint::V0,
        seq_ledger: account.sequence_ledger,
        seq_time: TimePoint(account.sequence_time),
    });
    let nobody = vec![SponsorshipDescriptor(None); account.signers.len()];
    AccountEntryExt::V1(AccountEntryExtensionV1 {
        liabilities: Liabilities {
            buying: account.buying_liabilities,
            selling: account.selling_liabilities,
        },
        ext: AccountEntryExtensionV1Ext::V2(AccountEntryExtensionV2 {
            num_sponsored: account.sponsored,
            num_sponsoring: account.sponsoring,
            signer_sponsoring_i_ds: nobody
                .try_into()
                .expect("an account has at most 20 signers"),
            ext: newest,
        }),
    })
}

/// A trustline as the network writes it.
pub fn line(holder: AccountKey, asset: TrustLineAsset, line: &TrustLine) -> LedgerEntry {
    let promised = line.buying_liabilities != 0 || line.selling_liabilities != 0;
    let ext = if promised {
        TrustLineEntryExt::V1(TrustLineEntryV1 {
            liabilities: Liabilities {
                buying: line.buying_liabilities,
                selling: line.selling_liabilities,
            },
            ext: TrustLineEntryV1Ext::V0,
        })
    } else {
        TrustLineEntryExt::V0
    };
    let entry = TrustLineEntry {
        account_id: holder.xdr(),
        asset,
        balance: line.balance,
        limit: line.limit,
        flags: line.flags,
        ext,
    };
    wrap(LedgerEntryData::Trustline(entry), line.modified)
}
