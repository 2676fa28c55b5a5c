//! What no transaction may change, tried with random ones: the invariants that stellar-core itself can check.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use stellar_submitter::sandbox::ledger::account::{Account, account_flag, line_flag};
use stellar_xdr::{
    Asset, BumpSequenceOp, ClaimPredicate, ClaimableBalanceId, ClawbackOp,
    CreateClaimableBalanceResult, Operation, OperationBody, OperationResult, OperationResultTr,
    SequenceNumber, SetOptionsOp, Signer, SignerKey, TransactionResultResult as Code, Uint256,
};

use crate::book::*;
use crate::wallet::{Wallet, operation, payment};

/// Operations of a transaction, and transactions of a run.
const MAX_OPERATIONS: usize = 4;
const MAX_TRANSACTIONS: usize = 40;

/// Who takes part: an issuer, two who begin with lumens, and two who may be made.
fn wallets() -> [Wallet; 5] {
    [issuer(), alice(), bob(), nobody(), Wallet::new(4)]
}

/// Choices of which an operation is made: its kind, who acts, on whom, how much, and flags.
#[derive(Clone, Debug)]
struct Choice {
    kind: u8,
    source: Option<usize>,
    other: usize,
    amount: i64,
    flags: u32,
}

fn choice() -> impl Strategy<Value = Choice> {
    let amount = prop_oneof![
        Just(0),
        Just(1),
        Just(10),
        Just(LUMEN),
        Just(60 * LUMEN),
        Just(i64::MAX),
        1..200 * LUMEN,
    ];
    let source = prop_oneof![3 => Just(None), 1 => (0..5_usize).prop_map(Some)];
    (0..13_u8, source, 0..5_usize, amount, 0..8_u32).prop_map(
        |(kind, source, other, amount, flags)| Choice {
            kind,
            source,
            other,
            amount,
            flags,
        },
    )
}

/// The operation, on what there is by now.
fn build(choice: &Choice, ids: &BTreeSet<[u8; 32]>) -> Operation {
    let other = &wallets()[choice.other];
    let id = ids.iter().nth(choice.other % ids.len().max(1));
    let id = id.copied().unwrap_or([0xab; 32]);
    let predicate = match choice.flags {
        0 => ClaimPredicate::BeforeRelativeTime(3),
        1 => ClaimPredicate::Not(Some(Box::new(ClaimPredicate::Unconditional))),
        _ => ClaimPredicate::Unconditional,
    };
    let asset = if choice.flags.is_multiple_of(2) {
        Asset::Native
    } else {
        usd()
    };
    let body = match choice.kind {
        0 => payment(other, choice.amount),
        1 | 2 => pay_dollars(other, choice.amount),
        3 => create(other, choice.amount),
        4 => trust(choice.amount),
        5 => {
            let mut claimants = vec![(other.clone(), predicate.clone())];
            if other.key() != bob().key() {
                claimants.push((bob(), predicate));
            }
            create_balance(asset, choice.amount, claimants)
        }
        6 => claim(id),
        7 => claw_balance(id),
        8 => flags(other, choice.flags & 3, !choice.flags & 3),
        9 => data(
            if choice.flags > 3 { "a" } else { "b" },
            choice.flags.is_multiple_of(2).then_some(b"x"),
        ),
        10 => merge_into(other),
        11 => OperationBody::Clawback(ClawbackOp {
            asset: usd(),
            from: other.address(),
            amount: choice.amount,
        }),
        _ if choice.flags == 0 => OperationBody::BumpSequence(BumpSequenceOp {
            bump_to: SequenceNumber(choice.amount % 1000 - 1),
        }),
        _ => OperationBody::SetOptions(SetOptionsOp {
            set_flags: match choice.flags {
                1 => Some(account_flag::AUTH_CLAWBACK_ENABLED),
                2 | 3 => Some(account_flag::AUTH_REVOCABLE | account_flag::AUTH_CLAWBACK_ENABLED),
                _ => None,
            },
            // Of no weight that counts: it signs nothing.
            signer: (choice.flags >= 4).then_some(Signer {
                key: SignerKey::HashX(Uint256([7; 32])),
                weight: choice.flags % 2,
            }),
            ..options()
        }),
    };
    operation(
        choice
            .source
            .map(|source| wallets()[source].clone())
            .as_ref(),
        body,
    )
}

/// The balances that a transaction made.
fn made(code: &Code) -> Vec<[u8; 32]> {
    let Code::TxSuccess(results) = code else {
        return Vec::new();
    };
    let id = |result: &OperationResult| match result {
        OperationResult::OpInner(OperationResultTr::CreateClaimableBalance(
            CreateClaimableBalanceResult::Success(ClaimableBalanceId::ClaimableBalanceIdTypeV0(id)),
        )) => Some(id.0),
        _ => None,
    };
    results.iter().filter_map(id).collect()
}

fn accounts(book: &Book) -> Vec<(Wallet, Option<Account>)> {
    let state = book.ledger.state();
    wallets()
        .into_iter()
        .map(|wallet| {
            let account = state.account(wallet.key()).cloned();
            (wallet, account)
        })
        .collect()
}

/// What must hold after every ledger.
fn check(book: &Book, ids: &BTreeSet<[u8; 32]>, all: i128) -> Result<(), TestCaseError> {
    let state = book.ledger.state();
    let waiting: Vec<_> = ids.iter().filter_map(|id| state.claimable(id)).collect();
    let pool = book.ledger.history().latest().unwrap().fee_pool;
    let mut lumens = i128::from(pool);
    for balance in waiting
        .iter()
        .filter(|balance| balance.asset == Asset::Native)
    {
        lumens += i128::from(balance.amount);
    }
    for (wallet, account) in accounts(book) {
        let Some(account) = account else { continue };
        lumens += i128::from(account.balance);
        prop_assert!(account.balance >= 0);
        let entries = account.lines.len() + account.data.len() + account.signers.len();
        prop_assert_eq!(account.subentries as usize, entries);
        let sponsored = waiting
            .iter()
            .filter(|balance| balance.sponsor == wallet.key());
        let claimants: usize = sponsored.map(|balance| balance.claimants.len()).sum();
        prop_assert_eq!(account.sponsoring as usize, claimants);
        for line in account.lines.values() {
            prop_assert!((0..=line.limit).contains(&line.balance) && line.limit > 0);
            prop_assert!(line.flags & line_flag::AUTH != line_flag::AUTH);
        }
        let revocable = account.has_flag(account_flag::AUTH_REVOCABLE);
        prop_assert!(revocable || !account.has_flag(account_flag::AUTH_CLAWBACK_ENABLED));
    }
    prop_assert_eq!(lumens, all, "lumens are neither made nor lost");
    Ok(())
}

/// Transactions of a run: who pays, and what is done.
type Run = Vec<(usize, Vec<Choice>)>;

fn transactions() -> impl Strategy<Value = Run> {
    // Mostly one operation: of several one nearly always fails, and undoes the rest.
    let choices = prop_oneof![
        5 => vec(choice(), 1),
        1 => vec(choice(), 2..=MAX_OPERATIONS),
    ];
    vec((0..3_usize, choices), 1..=MAX_TRANSACTIONS)
}

/// Applies one after the other, each in a ledger of its own; what the operations came to, in a few letters, with counts.
fn run(transactions: Run) -> Result<BTreeMap<String, u32>, TestCaseError> {
    let mut book = Book::new();
    book.change(&issuer(), |issuer| {
        issuer.flags = account_flag::AUTH_REVOCABLE | account_flag::AUTH_CLAWBACK_ENABLED;
    });
    book.line(
        &alice(),
        0,
        100 * LUMEN,
        line_flag::AUTHORIZED | line_flag::CLAWBACK_ENABLED,
    );
    let mut ids = BTreeSet::new();
    let mut outcomes = BTreeMap::new();
    let all = i128::from(300 * LUMEN);
    for (source, choices) in transactions {
        let source = wallets()[source].clone();
        if book.ledger.state().account(source.key()).is_none() {
            continue;
        }
        let operations: Vec<_> = choices.iter().map(|choice| build(choice, &ids)).collect();
        let fee = FEE * i64::try_from(operations.len()).unwrap();
        let before = accounts(&book);
        let ledger = book.ledger.sequence();
        let code = book.close(1, &source, operations);
        let recorded = book.ledger.sequence() > ledger;
        ids.extend(made(&code));
        check(&book, &ids, all)?;
        if let Code::TxSuccess(results) | Code::TxFailed(results) = &code {
            for result in results.iter() {
                // `OpInner(Payment(Success))`, and what a success tells besides left out.
                let text = format!("{result:?}");
                let short: Vec<_> = text.split(['(', ')']).take(3).collect();
                // What succeeded beside a failure was undone.
                let undone = matches!(code, Code::TxFailed(_)) && short.last() == Some(&"Success");
                let short = short.join(" ") + if undone { ", undone" } else { "" };
                *outcomes.entry(short).or_default() += 1;
            }
        }
        if !matches!(code, Code::TxSuccess(_)) {
            unchanged(&book, before, &source, recorded.then_some(fee))?;
        }
    }
    Ok(outcomes)
}

/// Refused: nothing. Failed: fee and sequence number of the source, and nothing else.
fn unchanged(
    book: &Book,
    before: Vec<(Wallet, Option<Account>)>,
    source: &Wallet,
    fee: Option<i64>,
) -> Result<(), TestCaseError> {
    for ((wallet, was), (_, is)) in before.into_iter().zip(accounts(book)) {
        let mut expected = was;
        if let (Some(account), Some(fee)) = (&mut expected, fee)
            && wallet.key() == source.key()
        {
            account.balance -= fee;
            account.sequence += 1;
        }
        let plain = |account: Option<Account>| {
            account.map(|mut account| {
                (account.modified, account.modified_at) = (0, 0);
                (account.sequence_ledger, account.sequence_time) = (0, 0);
                account
            })
        };
        prop_assert_eq!(plain(is), plain(expected));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn random_transactions_keep_the_invariants(transactions in transactions()) {
        run(transactions)?;
    }
}

#[test]
fn every_operation_succeeds_and_fails_somewhere() {
    // Runs in which nothing works, say, would prove nothing.
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut outcomes = BTreeMap::new();
    for _ in 0..60 {
        let value = transactions()
            .new_tree(&mut runner)
            .expect("a value")
            .current();
        for (outcome, count) in run(value).expect("the invariants hold") {
            *outcomes.entry(outcome).or_insert(0) += count;
        }
    }
    let operations = [
        "CreateAccount",
        "Payment",
        "SetOptions",
        "ChangeTrust",
        "AccountMerge",
        "ManageData",
        "BumpSequence",
        "CreateClaimableBalance",
        "ClaimClaimableBalance",
        "Clawback",
        "ClawbackClaimableBalance",
        "SetTrustLineFlags",
    ];
    for operation in operations {
        let success = format!("OpInner {operation} Success");
        assert!(outcomes.contains_key(&success), "{success}: {outcomes:#?}");
        let own = format!("OpInner {operation} ");
        let fails = outcomes
            .keys()
            .any(|outcome| outcome.starts_with(&own) && !outcome.starts_with(&success));
        assert!(fails, "{operation} never fails: {outcomes:#?}");
    }
}
