//! Sequence numbers that leave no room: what was read of an account is all that there is, or a gap is named.

use stellar_submitter::domain::continuity::{Continuity, Gap};
use stellar_submitter::domain::envelope::{attach, encode};
use stellar_submitter::domain::observation::Landed;
use stellar_submitter::domain::primitives::{AccountId, Sequence};
use stellar_xdr::{
    self as xdr, BumpSequenceOp, CreateAccountOp, Memo, Operation, OperationBody, Preconditions,
    PublicKey, SequenceNumber, Transaction, TransactionEnvelope, TransactionExt,
    TransactionResultCode as Code, Uint256,
};

use crate::fixture::{channel, landed};

/// The first sequence number of an account made in ledger 9.
const FIRST: i64 = (9 << 32) + 1;
/// The first of one made again in ledger 30.
const FIRST_AGAIN: i64 = (30 << 32) + 1;

fn other() -> AccountId {
    AccountId([0x77; 32])
}

fn by(account: AccountId, sequence: i64) -> Landed {
    Landed {
        source_account: account,
        sequence: Sequence(sequence),
        ..*landed(Code::TxSuccess)
    }
}

fn own(sequence: i64) -> Landed {
    by(channel(), sequence)
}

/// A transaction of `by` that makes `bumped` jump.
fn bump(by_account: AccountId, sequence: i64, bumped: AccountId, to: i64) -> Landed {
    let body = OperationBody::BumpSequence(BumpSequenceOp {
        bump_to: SequenceNumber(to),
    });
    does(by_account, sequence, bumped, body)
}

/// Somebody else makes an account.
fn create(account: AccountId) -> Landed {
    let body = OperationBody::CreateAccount(CreateAccountOp {
        destination: xdr::AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(account.0))),
        starting_balance: 1,
    });
    does(other(), 7, other(), body)
}

/// A transaction of `by` with this operation of `source`.
fn does(by_account: AccountId, sequence: i64, source: AccountId, body: OperationBody) -> Landed {
    let operation = Operation {
        source_account: Some(source.plain()),
        body,
    };
    let tx = Transaction {
        source_account: by_account.plain(),
        fee: 100,
        seq_num: SequenceNumber(sequence),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: vec![operation].try_into().expect("one operation"),
        ext: TransactionExt::V0,
    };
    let envelope = TransactionEnvelope::Tx(attach(tx, Vec::new()));
    Landed {
        envelope_xdr: encode(&envelope),
        ..by(by_account, sequence)
    }
}

fn missing(first: i64, last: i64) -> Result<bool, Gap> {
    Err(Gap::Missing {
        account: channel(),
        first: Sequence(first),
        last: Sequence(last),
    })
}

#[test]
fn one_after_the_other_down_to_the_first_is_everything() {
    let mut read = Continuity::below(channel(), Sequence(FIRST + 2));
    assert!(!read.is_whole() && !read.reaches(Sequence(FIRST)));
    assert!(read.reaches(Sequence(FIRST + 2)), "nothing new");
    assert_eq!(read.take(&own(FIRST + 2)), Ok(true));
    assert!(read.reaches(Sequence(FIRST + 1)) && !read.reaches(Sequence(FIRST)));
    assert_eq!(read.take(&by(other(), 7)), Ok(false), "somebody else's");
    assert_eq!(read.take(&own(FIRST + 1)), Ok(true));
    assert!(!read.is_whole());
    assert_eq!(
        read.missing(),
        Some(Gap::Missing {
            account: channel(),
            first: Sequence(FIRST),
            last: Sequence(FIRST)
        })
    );
    assert_eq!(read.take(&own(FIRST)), Ok(true));
    assert!(read.is_whole());
    assert_eq!(read.missing(), None);
}

#[test]
fn an_account_that_did_nothing_is_whole() {
    let read = Continuity::below(channel(), Sequence(FIRST - 1));
    assert!(read.is_whole());
    assert_eq!(read.missing(), None);
}

#[test]
fn what_is_passed_over_is_named() {
    let mut read = Continuity::below(channel(), Sequence(FIRST + 9));
    assert_eq!(
        read.take(&own(FIRST + 8)),
        missing(FIRST + 9, FIRST + 9),
        "the newest"
    );
    let mut read = Continuity::below(channel(), Sequence(FIRST + 9));
    assert_eq!(read.take(&own(FIRST + 9)), Ok(true));
    assert_eq!(read.take(&own(FIRST + 5)), missing(FIRST + 6, FIRST + 8));
    assert_eq!(
        read.take(&own(FIRST + 8)),
        Ok(true),
        "it goes on from where it was"
    );
}

#[test]
fn what_came_after_the_state_was_seen_is_not_asked_for_but_no_number_comes_twice() {
    let mut read = Continuity::below(channel(), Sequence(FIRST + 3));
    assert_eq!(read.take(&own(FIRST + 4)), Ok(false));
    assert_eq!(read.take(&own(FIRST + 3)), Ok(true));
    let again = Gap::Disorder {
        account: channel(),
        sequence: Sequence(FIRST + 3),
    };
    assert_eq!(read.take(&own(FIRST + 3)), Err(again));
}

#[test]
fn an_account_that_was_made_again_had_others_before() {
    let mut read = Continuity::below(channel(), Sequence(FIRST_AGAIN));
    assert_eq!(read.take(&own(FIRST_AGAIN)), Ok(true));
    assert!(read.is_whole() && read.is_sure());
    assert_eq!(read.take(&own(FIRST + 4)), Ok(true));
    assert!(!read.is_whole());
    assert!(!read.is_sure(), "who merged it away used no number of its");
    assert_eq!(read.take(&own(FIRST + 2)), missing(FIRST + 3, FIRST + 3));
    let mut read = Continuity::below(channel(), Sequence(FIRST_AGAIN));
    assert_eq!(read.take(&own(FIRST_AGAIN)), Ok(true));
    let merge = OperationBody::AccountMerge(other().plain());
    let merge = does(channel(), FIRST + 4, channel(), merge);
    assert_eq!(read.take(&merge), Ok(true));
    assert!(read.is_sure(), "its last one was the merge itself");
    let mut read = Continuity::below(channel(), Sequence(FIRST_AGAIN));
    assert_eq!(read.take(&own(FIRST_AGAIN)), Ok(true));
    let merge = OperationBody::AccountMerge(channel().plain());
    let merge = does(channel(), FIRST + 4, other(), merge);
    assert_eq!(read.take(&merge), Ok(true));
    assert!(!read.is_sure(), "another account was merged away");
    // One that has done nothing since it was made again.
    let mut read = Continuity::below(channel(), Sequence(FIRST_AGAIN - 1));
    assert_eq!(read.take(&own(FIRST)), Ok(true));
    assert!(read.is_whole());
}

#[test]
fn of_an_account_that_is_gone_the_newest_is_taken_as_it_is() {
    let mut read = Continuity::of_gone(channel());
    assert!(read.is_whole() && !read.reaches(Sequence(FIRST)));
    assert_eq!(read.take(&own(FIRST + 4)), Ok(true));
    assert_eq!(read.take(&own(FIRST + 2)), missing(FIRST + 3, FIRST + 3));
}

#[test]
fn a_bumped_account_consumed_nothing_in_between() {
    let to = FIRST + 1_000;
    // By itself: the numbers from its own to the one it jumped to.
    let mut read = Continuity::below(channel(), Sequence(to + 1));
    assert_eq!(read.take(&own(to + 1)), Ok(true));
    assert_eq!(
        read.take(&bump(channel(), FIRST + 3, channel(), to)),
        Ok(true)
    );
    assert!(read.is_sure());
    assert_eq!(read.take(&own(FIRST + 1)), missing(FIRST + 2, FIRST + 2));
    // By a transaction of somebody else: none of its own below tells from where.
    let mut read = Continuity::below(channel(), Sequence(to));
    assert_eq!(read.take(&bump(other(), 7, channel(), to)), Ok(false));
    assert_eq!(read.take(&own(FIRST + 3)), Ok(true));
    assert!(!read.is_sure());
    // What was in doubt once stays so, however often it happens again.
    let mut read = Continuity::below(channel(), Sequence(to));
    for _ in 0..2 {
        assert_eq!(read.take(&bump(other(), 7, channel(), to)), Ok(false));
        assert_eq!(read.take(&create(channel())), Ok(false));
    }
    assert!(read.is_whole() && !read.is_sure());
    let mut read = Continuity::below(channel(), Sequence(FIRST_AGAIN - 1));
    assert_eq!(read.take(&own(FIRST)), Ok(true));
    assert_eq!(read.take(&own(FIRST - (1 << 32))), Ok(true));
    assert!(!read.is_sure());
    // Before it had done anything itself.
    let mut read = Continuity::below(channel(), Sequence(to));
    assert_eq!(read.take(&bump(other(), 7, channel(), to)), Ok(false));
    assert!(!read.is_whole(), "there may be more");
    assert_eq!(read.take(&create(channel())), Ok(false));
    assert!(read.is_whole() && !read.is_sure());
    let mut read = Continuity::below(channel(), Sequence(to));
    assert_eq!(read.take(&bump(other(), 7, channel(), to)), Ok(false));
    assert_eq!(read.take(&create(other())), Ok(false));
    assert!(!read.is_whole(), "another account was made");
    // In the ledger of the bump one of its own was recorded that came too late for its number.
    let too_late = Landed {
        sequence: Sequence(FIRST + 4),
        source_account: channel(),
        ..*landed(Code::TxBadSeq)
    };
    let mut read = Continuity::below(channel(), Sequence(to));
    assert_eq!(read.take(&too_late), Ok(true));
    assert_eq!(read.take(&bump(other(), 7, channel(), to)), Ok(false));
    assert_eq!(read.take(&own(FIRST + 3)), Ok(true));
    assert!(read.reaches(Sequence(FIRST + 2)) && !read.reaches(Sequence(FIRST + 1)));
    // A jump after its state was seen jumps over nothing that is asked for.
    let mut read = Continuity::below(channel(), Sequence(FIRST + 3));
    let later = bump(channel(), FIRST + 4, channel(), to);
    assert_eq!(read.take(&later), Ok(false));
    assert_eq!(read.take(&own(FIRST + 2)), missing(FIRST + 3, FIRST + 3));
    // Where the code does not tell whether the number was taken, it counts where it fits.
    let unsure = |sequence| Landed {
        sequence: Sequence(sequence),
        source_account: channel(),
        ..*landed(Code::TxInternalError)
    };
    let mut read = Continuity::below(channel(), Sequence(FIRST + 2));
    assert_eq!(
        read.take(&unsure(FIRST + 9)),
        Ok(false),
        "after its state was seen"
    );
    assert_eq!(read.take(&unsure(FIRST + 1)), Ok(true));
    assert!(
        !read.reaches(Sequence(FIRST + 1)),
        "something is missing before it"
    );
    for sequence in [FIRST + 2, FIRST + 2, FIRST + 1, FIRST] {
        assert_eq!(read.take(&unsure(sequence)), Ok(true), "{sequence}");
    }
    assert!(read.is_whole());
    // A bump of another account, or one that failed, or one to a lower number, explains nothing.
    let failed = Landed {
        successful: false,
        ..bump(other(), 7, channel(), to)
    };
    let nothing = [
        bump(other(), 7, other(), to),
        failed,
        bump(other(), 7, channel(), to - 1),
    ];
    for bump in nothing {
        let mut read = Continuity::below(channel(), Sequence(to));
        assert_eq!(read.take(&bump), Ok(false));
        assert_eq!(read.take(&own(FIRST + 3)), missing(FIRST + 4, to));
    }
}
