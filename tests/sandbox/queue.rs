//! The queue's rules, each by what core then says and what the ledger then holds.

use std::sync::Arc;

use stellar_submitter::sandbox::core::Core;
use stellar_submitter::sandbox::ledger::Ledger;
use stellar_submitter::sandbox::ledger::account::Account;
use stellar_submitter::sandbox::ledger::frame::Frame;
use stellar_submitter::sandbox::ledger::genesis::Genesis;
use stellar_submitter::sandbox::queue::{Answer, BAN_LEDGERS, Fate, PENDING_LEDGERS};
use stellar_xdr::TransactionResultResult as Code;

use crate::wallet::{Draft, Envelope, PASSPHRASE, Wallet, pay};

const NOW: u64 = 1_800_000_000;
const LUMENS: i64 = 10_000_000;

/// A core with accounts 0 to 19, each with 100 lumens and sequence number 0.
struct Case {
    core: Core,
    now: u64,
}

impl Case {
    fn new(max_tx_set_size: u32) -> Self {
        let mut genesis = Genesis::standalone(PASSPHRASE, NOW);
        genesis.max_tx_set_size = max_tx_set_size;
        genesis.accounts = (0..20)
            .map(|n| (Wallet::new(n).key(), Account::new(100 * LUMENS, 0)))
            .collect();
        Self {
            core: Core::new(Ledger::new(genesis)),
            now: NOW,
        }
    }

    fn submit(&mut self, envelope: &Envelope) -> Answer {
        self.core.submit(&envelope.frame(), self.now, Fate::Queued)
    }

    fn code(&mut self, envelope: &Envelope) -> (Code, i64) {
        match self.submit(envelope) {
            Answer::Error(result) => (result.result, result.fee_charged),
            other => panic!("{other:?}"),
        }
    }

    fn close(&mut self, count: usize) {
        for _ in 0..count {
            self.now += 1;
            self.core.close(self.now);
        }
    }

    fn landed(&self, envelope: &Envelope) -> Option<i64> {
        let frame: Arc<Frame> = envelope.frame();
        self.core
            .ledger()
            .history()
            .by_hash(&frame.hash())
            .map(|tx| tx.fee_charged)
    }
}

/// Account `number` pays account 19.
fn plain(number: u8, sequence: i64, fee: u32) -> Envelope {
    let wallet = Wallet::new(number);
    Draft::new(wallet.address(), sequence, vec![pay(&Wallet::new(19), 1)])
        .fee(fee)
        .sign(&[&wallet])
}

fn bump(inner: &Envelope, payer: u8, fee: i64) -> Envelope {
    let payer = Wallet::new(payer);
    inner.bump(payer.address(), fee, &payer)
}

#[test]
fn an_account_has_one_transaction_in_the_queue() {
    let mut case = Case::new(100);
    let first = plain(1, 1, 100);
    assert_eq!(case.submit(&first), Answer::Pending);
    assert_eq!(case.submit(&first), Answer::Duplicate);
    assert_eq!(case.submit(&plain(1, 2, 100)), Answer::TryAgainLater);
    assert_eq!(
        case.submit(&plain(1, 1, 5000)),
        Answer::TryAgainLater,
        "only a fee bump replaces"
    );
    assert_eq!(case.submit(&plain(2, 1, 100)), Answer::Pending);
    case.close(1);
    assert_eq!(case.landed(&first), Some(100));
    assert_eq!(case.submit(&plain(1, 2, 100)), Answer::Pending);
}

#[test]
fn only_the_next_sequence_number_is_taken() {
    let mut case = Case::new(100);
    assert_eq!(case.code(&plain(1, 2, 100)), (Code::TxBadSeq, 100));
    assert_eq!(case.code(&plain(1, 0, 100)), (Code::TxBadSeq, 100));
    case.submit(&plain(1, 1, 100));
    assert_eq!(
        case.code(&plain(1, 0, 100)).0,
        Code::TxBadSeq,
        "older than the queued one"
    );
}

#[test]
fn a_replacement_pays_ten_times_as_much() {
    let mut case = Case::new(100);
    let inner = plain(1, 1, 150);
    assert_eq!(case.submit(&inner), Answer::Pending);
    assert_eq!(
        case.code(&bump(&inner, 2, 2999)),
        (Code::TxInsufficientFee, 3000)
    );
    let better = bump(&inner, 2, 3000);
    assert_eq!(case.submit(&better), Answer::Pending);
    assert_eq!(
        case.submit(&inner),
        Answer::Duplicate,
        "the inner of the queued fee bump"
    );
    case.close(1);
    assert_eq!(
        case.landed(&better),
        Some(200),
        "the bid is a bound, not the price"
    );
    assert_eq!(
        case.core
            .ledger()
            .state()
            .account(Wallet::new(1).key())
            .unwrap()
            .sequence,
        1
    );
    assert_eq!(case.core.queued(), 0);
}

#[test]
fn a_payer_covers_all_its_bids() {
    let mut case = Case::new(100);
    // 99 lumens may be spent: one bid of 60 fits, a second one does not.
    let bid = 60 * LUMENS;
    assert_eq!(
        case.submit(&bump(&plain(1, 1, 100), 5, bid)),
        Answer::Pending
    );
    assert_eq!(
        case.code(&bump(&plain(2, 1, 100), 5, bid)),
        (Code::TxInsufficientBalance, 200)
    );
    case.close(1);
    assert_eq!(
        case.submit(&bump(&plain(3, 1, 100), 5, bid)),
        Answer::Pending
    );
}

#[test]
fn the_best_bids_land_and_pay_the_lowest_of_them() {
    let mut case = Case::new(2);
    let bids: Vec<_> = [(1, 100), (2, 400), (3, 300), (4, 200)]
        .map(|(n, fee)| plain(n, 1, fee))
        .into();
    for bid in &bids {
        assert_eq!(case.submit(bid), Answer::Pending);
    }
    // The queue holds twice two operations: a fifth bid has to beat the lowest.
    assert_eq!(case.code(&plain(5, 1, 100)), (Code::TxInsufficientFee, 101));
    let fifth = plain(6, 1, 101);
    assert_eq!(case.submit(&fifth), Answer::Pending);
    assert_eq!(
        case.submit(&bids[0]),
        Answer::TryAgainLater,
        "evicted, so banned"
    );
    assert_eq!(
        case.code(&plain(7, 1, 100)),
        (Code::TxInsufficientFee, 101),
        "must beat what was evicted"
    );
    case.close(1);
    assert_eq!(
        [0, 1, 2, 3].map(|n| case.landed(&bids[n])),
        [None, Some(300), Some(300), None]
    );
    case.close(1);
    assert_eq!(
        (case.landed(&bids[3]), case.landed(&fifth)),
        (Some(100), Some(100)),
        "room for both: the base fee"
    );
}

#[test]
fn what_does_not_land_ages_out_and_is_banned() {
    let mut case = Case::new(1);
    // A fee bump of one operation counts as two: it is queued, but no ledger takes it.
    let big = bump(&plain(1, 1, 100), 2, 400);
    assert_eq!(case.submit(&big), Answer::Pending);
    case.close(PENDING_LEDGERS as usize - 1);
    assert_eq!(case.submit(&big), Answer::Duplicate);
    case.close(1);
    assert_eq!(case.core.queued(), 0);
    assert_eq!(case.submit(&big), Answer::TryAgainLater);
    case.close(BAN_LEDGERS - 1);
    assert_eq!(case.submit(&big), Answer::TryAgainLater);
    case.close(1);
    assert_eq!(case.submit(&big), Answer::Pending);
    assert_eq!(case.landed(&big), None);
    let too_big = Wallet::new(3);
    let three = vec![
        pay(&Wallet::new(19), 1),
        pay(&Wallet::new(19), 1),
        pay(&Wallet::new(19), 1),
    ];
    let three = Draft::new(too_big.address(), 1, three).sign(&[&too_big]);
    assert_eq!(
        case.submit(&three),
        Answer::TryAgainLater,
        "more than the whole queue holds"
    );
}

#[test]
fn what_was_applied_is_banned_and_then_too_old() {
    let mut case = Case::new(100);
    let (inner, other) = (plain(1, 1, 100), plain(2, 1, 100));
    let applied = bump(&inner, 3, 400);
    case.submit(&applied);
    case.submit(&other);
    case.close(1);
    assert!(case.landed(&applied).is_some() && case.landed(&other).is_some());
    assert_eq!(case.submit(&applied), Answer::TryAgainLater);
    assert_eq!(
        case.code(&inner).0,
        Code::TxBadSeq,
        "the inner alone is another envelope"
    );
    assert!(matches!(
        case.code(&bump(&inner, 4, 500)).0,
        Code::TxFeeBumpInnerFailed(_)
    ));
    case.close(BAN_LEDGERS - 1);
    assert_eq!(case.code(&other).0, Code::TxBadSeq);
    assert!(matches!(
        case.code(&applied).0,
        Code::TxFeeBumpInnerFailed(_)
    ));
}

#[test]
fn bounds_are_as_on_the_network() {
    let mut case = Case::new(100);
    let wallet = Wallet::new(1);
    let draft = Draft::new(wallet.address(), 1, vec![pay(&Wallet::new(19), 1)]);
    let late = |seconds: u64| draft.clone().max_time(NOW + seconds).sign(&[&wallet]);
    assert_eq!(
        case.code(&late(9)).0,
        Code::TxTooLate,
        "less than ten seconds are left"
    );
    assert_eq!(case.submit(&late(10)), Answer::Pending);
    // The clock jumps past the bound: the ledger that closes then does not take it.
    case.now += 10;
    case.close(1);
    assert_eq!(case.landed(&late(10)), None);
    assert_eq!(case.core.queued(), 0);

    let next = case.core.ledger().sequence() + 1;
    let by = |ledger: u32| draft.clone().max_ledger(ledger).sign(&[&wallet]);
    assert_eq!(
        case.code(&by(next)).0,
        Code::TxTooLate,
        "the bound itself is too late"
    );
    assert_eq!(case.submit(&by(next + 1)), Answer::Pending);
    case.close(1);
    assert_eq!(case.landed(&by(next + 1)), Some(100));
}

#[test]
fn a_time_bound_includes_its_last_second() {
    let mut case = Case::new(100);
    let wallet = Wallet::new(1);
    let draft = Draft::new(wallet.address(), 1, vec![pay(&Wallet::new(19), 1)]);
    let envelope = draft.max_time(NOW + 10).sign(&[&wallet]);
    assert_eq!(case.submit(&envelope), Answer::Pending);
    case.now = NOW + 9;
    case.close(1);
    assert_eq!(case.core.ledger().close_time(), NOW + 10);
    assert_eq!(case.landed(&envelope), Some(100));
}

#[test]
fn a_held_transaction_lands_at_its_ledger_and_a_lost_one_never() {
    let mut case = Case::new(100);
    let (held, lost) = (plain(1, 1, 100), plain(2, 1, 100));
    let ledger = case.core.ledger().sequence() + 1 + 2 * PENDING_LEDGERS;
    assert_eq!(
        case.core
            .submit(&held.frame(), NOW, Fate::HeldUntil(ledger)),
        Answer::Pending
    );
    assert_eq!(
        case.core.submit(&lost.frame(), NOW, Fate::Lost),
        Answer::Pending
    );
    case.close(2 * PENDING_LEDGERS as usize);
    assert_eq!((case.landed(&held), case.landed(&lost)), (None, None));
    case.close(1);
    assert_eq!((case.landed(&held), case.landed(&lost)), (Some(100), None));
}
