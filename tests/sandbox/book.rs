//! A ledger of few accounts to try operations on, and the operations.

use stellar_submitter::sandbox::ledger::Ledger;
use stellar_submitter::sandbox::ledger::account::{Account, TrustLine};
use stellar_submitter::sandbox::ledger::genesis::Genesis;
use stellar_xdr::{
    AlphaNum4, Asset, AssetCode4, ChangeTrustAsset, ChangeTrustOp, ClaimClaimableBalanceOp,
    ClaimPredicate, ClaimableBalanceId, Claimant, ClaimantV0, ClawbackClaimableBalanceOp,
    CreateAccountOp, CreateClaimableBalanceOp, CreateClaimableBalanceResult as Balance, DataValue,
    Limits, ManageDataOp, Operation, OperationBody, OperationResult, OperationResultTr as Tr,
    PaymentOp, ReadXdr, SetOptionsOp, SetTrustLineFlagsOp, String64, TransactionResult,
    TransactionResultResult as Code,
};

use crate::wallet::{Draft, PASSPHRASE, Wallet, operation};

pub const NOW: u64 = 1_800_000_000;
pub const LUMEN: i64 = 10_000_000;
pub const RESERVE: i64 = LUMEN / 2;
pub const FEE: i64 = 100;

/// Wallets with a name.
pub fn issuer() -> Wallet {
    Wallet::new(1)
}

pub fn alice() -> Wallet {
    Wallet::new(2)
}

pub fn bob() -> Wallet {
    Wallet::new(3)
}

pub fn nobody() -> Wallet {
    Wallet::new(9)
}

pub fn usd() -> Asset {
    Asset::CreditAlphanum4(AlphaNum4 {
        asset_code: AssetCode4(*b"USD\0"),
        issuer: issuer().key().xdr(),
    })
}

/// A ledger with an issuer, and Alice and Bob, who hold nothing but 100 lumens.
pub struct Book {
    pub ledger: Ledger,
    pub time: u64,
}

impl Book {
    pub fn new() -> Self {
        let mut genesis = Genesis::standalone(PASSPHRASE, NOW);
        let rich = |wallet: Wallet| (wallet.key(), Account::new(100 * LUMEN, 0));
        genesis.accounts = vec![rich(issuer()), rich(alice()), rich(bob())];
        Self {
            ledger: Ledger::new(genesis),
            time: NOW,
        }
    }

    pub fn account(&self, wallet: &Wallet) -> &Account {
        self.ledger.state().account(wallet.key()).unwrap()
    }

    pub fn change(&mut self, wallet: &Wallet, change: impl FnOnce(&mut Account)) {
        let mut account = self.account(wallet).clone();
        change(&mut account);
        self.ledger.import_account(wallet.key(), Some(account));
    }

    /// Gives somebody a line for dollars.
    pub fn line(&mut self, wallet: &Wallet, balance: i64, limit: i64, flags: u32) {
        self.change(wallet, |account| {
            account.subentries += 1;
            account.lines.insert(
                usd(),
                TrustLine {
                    balance,
                    limit,
                    flags,
                    buying_liabilities: 0,
                    selling_liabilities: 0,
                    modified: 1,
                },
            );
        });
    }

    pub fn dollars(&self, wallet: &Wallet) -> i64 {
        self.account(wallet).lines[&usd()].balance
    }

    /// Closes a ledger so many seconds later with a transaction of the first wallet, signed by all; what it comes to.
    pub fn close(&mut self, seconds: u64, source: &Wallet, operations: Vec<Operation>) -> Code {
        let sequence = self.account(source).sequence + 1;
        let draft = Draft::new(source.address(), sequence, operations.clone());
        let wallets = [issuer(), alice(), bob(), nobody(), Wallet::new(4)];
        let named = |wallet: &&Wallet| {
            wallet.key() == source.key()
                || operations
                    .iter()
                    .any(|op| op.source_account == Some(wallet.address()))
        };
        let signers: Vec<&Wallet> = wallets.iter().filter(named).collect();
        let frame = draft.sign(&signers).frame();
        let target = self.ledger.next_target(self.time);
        if let Err(refused) = self.ledger.preflight(&frame, target) {
            return refused.result;
        }
        self.time += seconds;
        self.ledger.close(self.time, vec![frame.clone()], FEE);
        let recorded = self.ledger.history().by_hash(&frame.hash()).unwrap();
        let result = TransactionResult::from_xdr(&recorded.result, Limits::none());
        result.unwrap().result
    }

    /// What one operation comes to.
    pub fn one(&mut self, source: &Wallet, body: OperationBody) -> OperationResult {
        results(self.close(1, source, vec![operation(None, body)])).remove(0)
    }

    /// Makes a balance for Bob, and says its id.
    pub fn balance(
        &mut self,
        source: &Wallet,
        asset: Asset,
        predicate: ClaimPredicate,
    ) -> [u8; 32] {
        match self.one(source, create_balance(asset, 10, vec![(bob(), predicate)])) {
            OperationResult::OpInner(Tr::CreateClaimableBalance(Balance::Success(
                ClaimableBalanceId::ClaimableBalanceIdTypeV0(id),
            ))) => id.0,
            other => panic!("{other:?}"),
        }
    }
}

pub fn results(code: Code) -> Vec<OperationResult> {
    match code {
        Code::TxSuccess(results) | Code::TxFailed(results) => results.to_vec(),
        other => panic!("{other:?}"),
    }
}

pub fn inner(result: Tr) -> OperationResult {
    OperationResult::OpInner(result)
}

pub fn pay_dollars(to: &Wallet, amount: i64) -> OperationBody {
    OperationBody::Payment(PaymentOp {
        destination: to.address(),
        asset: usd(),
        amount,
    })
}

pub fn create_balance(
    asset: Asset,
    amount: i64,
    claimants: Vec<(Wallet, ClaimPredicate)>,
) -> OperationBody {
    let claimants: Vec<_> = claimants
        .into_iter()
        .map(|(wallet, predicate)| {
            Claimant::ClaimantTypeV0(ClaimantV0 {
                destination: wallet.key().xdr(),
                predicate,
            })
        })
        .collect();
    OperationBody::CreateClaimableBalance(CreateClaimableBalanceOp {
        asset,
        amount,
        claimants: claimants.try_into().unwrap(),
    })
}

pub fn claim(id: [u8; 32]) -> OperationBody {
    OperationBody::ClaimClaimableBalance(ClaimClaimableBalanceOp {
        balance_id: ClaimableBalanceId::ClaimableBalanceIdTypeV0(id.into()),
    })
}

pub fn claw_balance(id: [u8; 32]) -> OperationBody {
    OperationBody::ClawbackClaimableBalance(ClawbackClaimableBalanceOp {
        balance_id: ClaimableBalanceId::ClaimableBalanceIdTypeV0(id.into()),
    })
}

pub fn flags(trustor: &Wallet, clear: u32, set: u32) -> OperationBody {
    OperationBody::SetTrustLineFlags(SetTrustLineFlagsOp {
        trustor: trustor.key().xdr(),
        asset: usd(),
        clear_flags: clear,
        set_flags: set,
    })
}

pub fn trust(limit: i64) -> OperationBody {
    let Asset::CreditAlphanum4(asset) = usd() else {
        unreachable!("four letters at most")
    };
    OperationBody::ChangeTrust(ChangeTrustOp {
        line: ChangeTrustAsset::CreditAlphanum4(asset),
        limit,
    })
}

pub fn data(name: &str, value: Option<&[u8]>) -> OperationBody {
    OperationBody::ManageData(ManageDataOp {
        data_name: String64(name.as_bytes().to_vec().try_into().unwrap()),
        data_value: value.map(|value| DataValue(value.to_vec().try_into().unwrap())),
    })
}

pub fn create(destination: &Wallet, starting_balance: i64) -> OperationBody {
    OperationBody::CreateAccount(CreateAccountOp {
        destination: destination.key().xdr(),
        starting_balance,
    })
}

pub fn options() -> SetOptionsOp {
    SetOptionsOp {
        inflation_dest: None,
        clear_flags: None,
        set_flags: None,
        master_weight: None,
        low_threshold: None,
        med_threshold: None,
        high_threshold: None,
        home_domain: None,
        signer: None,
    }
}

pub fn merge_into(wallet: &Wallet) -> OperationBody {
    OperationBody::AccountMerge(wallet.address())
}
