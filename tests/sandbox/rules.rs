//! Rules of the protocol that random transactions seldom meet: what each operation asks for, in which order, and what it
//! leaves behind. Expected values follow from the protocol's documents (CAP-15, 18, 23, 33, 35), not from this ledger.

use stellar_submitter::sandbox::ledger::account::{
    Account, AccountSigner, TrustLine, account_flag, line_flag,
};
use stellar_xdr::{
    AccountMergeResult as Merge, Asset, BumpSequenceOp, ChangeTrustResult as Trust,
    ClaimClaimableBalanceResult as Claim, ClaimPredicate,
    ClawbackClaimableBalanceResult as ClawbackBalance, ClawbackOp, ClawbackResult as Clawback,
    CreateAccountResult as Create, CreateClaimableBalanceResult as Balance,
    ManageDataResult as Data, OperationBody, OperationResult, OperationResultTr as Tr,
    PaymentResult as Pay, SetOptionsOp, SetOptionsResult as Options,
    SetTrustLineFlagsResult as Flags, Signer, SignerKey, TransactionResultResult as Code, Uint256,
};

use crate::book::*;
use crate::wallet::{Wallet, operation};

#[test]
fn a_balance_can_be_claimed_until_the_second_before_its_time() {
    for (wait, expected) in [(9, Claim::Success), (10, Claim::CannotClaim)] {
        let mut book = Book::new();
        let soon = ClaimPredicate::BeforeRelativeTime(10);
        let id = book.balance(&alice(), Asset::Native, soon);
        assert_eq!(book.account(&alice()).sponsoring, 1);
        let before = book.account(&bob()).balance;
        let code = book.close(wait, &bob(), vec![operation(None, claim(id))]);
        let success = expected == Claim::Success;
        assert_eq!(results(code), [inner(Tr::ClaimClaimableBalance(expected))]);
        let got = if success { 10 } else { 0 };
        assert_eq!(book.account(&bob()).balance, before - FEE + got);
        assert_eq!(book.account(&alice()).sponsoring, u32::from(!success));
        assert_eq!(book.ledger.state().claimable(&id).is_some(), !success);
    }
}

#[test]
fn a_time_that_does_not_fit_is_never() {
    let mut book = Book::new();
    let never_over = ClaimPredicate::BeforeRelativeTime(i64::MAX);
    let id = book.balance(&alice(), Asset::Native, never_over);
    let claimed = inner(Tr::ClaimClaimableBalance(Claim::Success));
    assert_eq!(book.one(&bob(), claim(id)), claimed);
}

#[test]
fn predicates_nest_four_deep_and_no_deeper() {
    let nested = |depth: u32| {
        (1..depth).fold(ClaimPredicate::Unconditional, |inside, _| {
            ClaimPredicate::Not(Some(Box::new(inside)))
        })
    };
    let mut book = Book::new();
    // Three times not.
    let id = book.balance(&alice(), Asset::Native, nested(4));
    let refused = inner(Tr::ClaimClaimableBalance(Claim::CannotClaim));
    assert_eq!(book.one(&bob(), claim(id)), refused);
    let malformed = inner(Tr::CreateClaimableBalance(Balance::Malformed));
    let others = [
        nested(5),
        ClaimPredicate::Not(None),
        ClaimPredicate::BeforeAbsoluteTime(-1),
        ClaimPredicate::BeforeRelativeTime(-1),
        ClaimPredicate::And(vec![ClaimPredicate::Unconditional].try_into().unwrap()),
    ];
    for predicate in others {
        let body = create_balance(Asset::Native, 10, vec![(bob(), predicate)]);
        assert_eq!(book.one(&alice(), body), malformed);
    }
}

#[test]
fn a_balance_costs_its_maker_a_reserve_a_claimant() {
    let claimants = || {
        let anybody = |wallet| (wallet, ClaimPredicate::Unconditional);
        vec![anybody(bob()), anybody(issuer())]
    };
    for (spare, fits) in [(0, true), (-1, false)] {
        let mut book = Book::new();
        book.change(&alice(), |account| {
            // Its own two, two claimants', the amount, the fee.
            account.balance = 4 * RESERVE + 10 + FEE + spare;
        });
        let result = book.one(&alice(), create_balance(Asset::Native, 10, claimants()));
        let low = inner(Tr::CreateClaimableBalance(Balance::LowReserve));
        assert_eq!(result != low, fits, "{result:?}");
        assert_eq!(book.account(&alice()).sponsoring, if fits { 2 } else { 0 });
    }
    // What it sponsors counts for every later payment.
    let mut book = Book::new();
    let body = create_balance(Asset::Native, 10, claimants());
    assert!(matches!(
        book.one(&alice(), body),
        OperationResult::OpInner(Tr::CreateClaimableBalance(Balance::Success(_)))
    ));
    let most = book.account(&alice()).balance - 4 * RESERVE - FEE;
    let pay = |amount| crate::wallet::payment(&bob(), amount);
    let underfunded = inner(Tr::Payment(Pay::Underfunded));
    assert_eq!(book.one(&alice(), pay(most + 1)), underfunded);
    let paid = inner(Tr::Payment(Pay::Success));
    assert_eq!(book.one(&alice(), pay(most - FEE)), paid);
}

#[test]
fn a_claim_of_credit_asks_for_line_then_authorization_then_room() {
    let mut book = Book::new();
    let id = book.balance(&issuer(), usd(), ClaimPredicate::Unconditional);
    let outcome = |book: &mut Book| match book.one(&bob(), claim(id)) {
        OperationResult::OpInner(Tr::ClaimClaimableBalance(result)) => result,
        other => panic!("{other:?}"),
    };
    assert_eq!(outcome(&mut book), Claim::NoTrust);
    book.line(&bob(), 5, 14, line_flag::MAINTAIN_LIABILITIES);
    assert_eq!(outcome(&mut book), Claim::NotAuthorized);
    let line = |book: &mut Book, change: fn(&mut TrustLine)| {
        book.change(&bob(), |bob| change(bob.lines.get_mut(&usd()).unwrap()));
    };
    line(&mut book, |line| line.flags = line_flag::AUTHORIZED);
    assert_eq!(outcome(&mut book), Claim::LineFull);
    line(&mut book, |line| line.limit = 15);
    assert_eq!(outcome(&mut book), Claim::Success);
    assert_eq!(book.dollars(&bob()), 15);
    assert_eq!(outcome(&mut book), Claim::DoesNotExist);
}

#[test]
fn only_the_issuer_claws_back_and_only_what_was_made_so() {
    let mut book = Book::new();
    let outcome = |book: &mut Book, who: Wallet, id| match book.one(&who, claw_balance(id)) {
        OperationResult::OpInner(Tr::ClawbackClaimableBalance(result)) => result,
        other => panic!("{other:?}"),
    };
    let anybody = || ClaimPredicate::Unconditional;
    let lumens = book.balance(&alice(), Asset::Native, anybody());
    let plain = book.balance(&issuer(), usd(), anybody());
    assert_eq!(
        outcome(&mut book, issuer(), lumens),
        ClawbackBalance::NotIssuer
    );
    assert_eq!(
        outcome(&mut book, alice(), plain),
        ClawbackBalance::NotIssuer
    );
    let not_enabled = ClawbackBalance::NotClawbackEnabled;
    assert_eq!(outcome(&mut book, issuer(), plain), not_enabled);
    // A balance of a holder inherits the line's flag; one of the issuer its own.
    book.line(
        &alice(),
        10,
        100,
        line_flag::AUTHORIZED | line_flag::CLAWBACK_ENABLED,
    );
    let of_holder = book.balance(&alice(), usd(), anybody());
    assert_eq!(book.account(&alice()).sponsoring, 2);
    assert_eq!(
        outcome(&mut book, issuer(), of_holder),
        ClawbackBalance::Success
    );
    assert_eq!(book.account(&alice()).sponsoring, 1);
    book.change(&issuer(), |issuer| {
        issuer.flags = account_flag::AUTH_REVOCABLE | account_flag::AUTH_CLAWBACK_ENABLED;
    });
    let of_issuer = book.balance(&issuer(), usd(), anybody());
    assert_eq!(
        outcome(&mut book, issuer(), of_issuer),
        ClawbackBalance::Success
    );
    let gone = ClawbackBalance::DoesNotExist;
    assert_eq!(outcome(&mut book, issuer(), of_issuer), gone);
}

#[test]
fn a_clawback_asks_for_line_then_flag_then_balance_and_for_no_authorization() {
    let mut book = Book::new();
    let claw = |book: &mut Book, amount| {
        let body = OperationBody::Clawback(ClawbackOp {
            asset: usd(),
            from: alice().address(),
            amount,
        });
        match book.one(&issuer(), body) {
            OperationResult::OpInner(Tr::Clawback(result)) => result,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(claw(&mut book, 1), Clawback::NoTrust);
    book.line(&alice(), 5, 100, 0);
    assert_eq!(claw(&mut book, 1), Clawback::NotClawbackEnabled);
    book.change(&alice(), |alice| {
        alice.lines.get_mut(&usd()).unwrap().flags = line_flag::CLAWBACK_ENABLED;
    });
    assert_eq!(claw(&mut book, 6), Clawback::Underfunded);
    assert_eq!(claw(&mut book, 5), Clawback::Success);
    assert_eq!(book.dollars(&alice()), 0);
    assert_eq!(claw(&mut book, 0), Clawback::Malformed);
}

#[test]
fn a_line_is_revoked_only_by_a_revocable_issuer() {
    let mut book = Book::new();
    let set = |book: &mut Book, clear, set| match book.one(&issuer(), flags(&alice(), clear, set)) {
        OperationResult::OpInner(Tr::SetTrustLineFlags(result)) => result,
        other => panic!("{other:?}"),
    };
    let (full, keep) = (line_flag::AUTHORIZED, line_flag::MAINTAIN_LIABILITIES);
    // Whether it may revoke is asked before whether there is a line.
    assert_eq!(set(&mut book, full, 0), Flags::CantRevoke);
    assert_eq!(set(&mut book, 0, full), Flags::NoTrustLine);
    book.line(&alice(), 5, 100, keep | line_flag::CLAWBACK_ENABLED);
    assert_eq!(set(&mut book, keep, 0), Flags::CantRevoke);
    // More rights are no revocation; both kinds at once are a contradiction.
    assert_eq!(set(&mut book, 0, full), Flags::InvalidState);
    assert_eq!(set(&mut book, keep, full), Flags::Success);
    assert_eq!(set(&mut book, full, keep), Flags::CantRevoke);
    assert_eq!(
        set(&mut book, line_flag::CLAWBACK_ENABLED, 0),
        Flags::Success
    );
    assert_eq!(book.account(&alice()).lines[&usd()].flags, full);
    book.change(&issuer(), |issuer| {
        issuer.flags = account_flag::AUTH_REVOCABLE
    });
    assert_eq!(set(&mut book, full, keep), Flags::Success);
    assert_eq!(set(&mut book, keep, 0), Flags::Success);
    assert_eq!(book.account(&alice()).lines[&usd()].flags, 0);
    for (clear, asked) in [
        (full, full),
        (0, line_flag::CLAWBACK_ENABLED),
        (8, 0),
        (0, full | keep),
    ] {
        assert_eq!(
            set(&mut book, clear, asked),
            Flags::Malformed,
            "{clear} {asked}"
        );
    }
}

#[test]
fn a_line_gets_its_flags_from_its_issuer_and_is_dropped_when_empty() {
    let mut book = Book::new();
    let ask = |book: &mut Book, limit| match book.one(&alice(), trust(limit)) {
        OperationResult::OpInner(Tr::ChangeTrust(result)) => result,
        other => panic!("{other:?}"),
    };
    assert_eq!(ask(&mut book, 0), Trust::InvalidLimit);
    assert_eq!(ask(&mut book, -1), Trust::Malformed);
    book.change(&issuer(), |issuer| {
        issuer.flags = account_flag::AUTH_REQUIRED
            | account_flag::AUTH_REVOCABLE
            | account_flag::AUTH_CLAWBACK_ENABLED;
    });
    assert_eq!(ask(&mut book, 100), Trust::Success);
    assert_eq!(book.account(&alice()).subentries, 1);
    let line = book.account(&alice()).lines[&usd()].clone();
    assert_eq!((line.flags, line.limit), (line_flag::CLAWBACK_ENABLED, 100));
    book.change(&alice(), |alice| {
        let line = alice.lines.get_mut(&usd()).unwrap();
        (line.balance, line.flags) = (7, line_flag::AUTHORIZED);
    });
    assert_eq!(ask(&mut book, 6), Trust::InvalidLimit);
    assert_eq!(ask(&mut book, 0), Trust::InvalidLimit);
    assert_eq!(ask(&mut book, 7), Trust::Success);
    // An issuer that is gone: the line can still be given up, but not be changed.
    book.ledger.import_account(issuer().key(), None);
    assert_eq!(ask(&mut book, 8), Trust::NoIssuer);
    let paid = inner(Tr::Payment(Pay::Success));
    assert_eq!(
        book.one(&alice(), pay_dollars(&issuer(), 7)),
        paid,
        "what it issued can go back"
    );
    assert_eq!(ask(&mut book, 0), Trust::Success);
    assert_eq!(book.account(&alice()).subentries, 0);
    assert_eq!(ask(&mut book, 1), Trust::NoIssuer);
}

#[test]
fn a_payment_asks_the_receiver_first() {
    let mut book = Book::new();
    let pay =
        |book: &mut Book, to: &Wallet, amount| match book.one(&alice(), pay_dollars(to, amount)) {
            OperationResult::OpInner(Tr::Payment(result)) => result,
            other => panic!("{other:?}"),
        };
    assert_eq!(pay(&mut book, &nobody(), 1), Pay::NoDestination);
    assert_eq!(pay(&mut book, &bob(), 1), Pay::NoTrust);
    book.line(&bob(), 0, 10, 0);
    assert_eq!(pay(&mut book, &bob(), 1), Pay::NotAuthorized);
    book.change(&bob(), |bob| {
        bob.lines.get_mut(&usd()).unwrap().flags = line_flag::AUTHORIZED
    });
    assert_eq!(pay(&mut book, &bob(), 11), Pay::LineFull);
    assert_eq!(pay(&mut book, &bob(), 10), Pay::SrcNoTrust);
    book.line(&alice(), 9, 100, line_flag::MAINTAIN_LIABILITIES);
    assert_eq!(pay(&mut book, &bob(), 10), Pay::SrcNotAuthorized);
    book.change(&alice(), |alice| {
        alice.lines.get_mut(&usd()).unwrap().flags = line_flag::AUTHORIZED;
    });
    assert_eq!(pay(&mut book, &bob(), 10), Pay::Underfunded);
    assert_eq!(pay(&mut book, &bob(), 9), Pay::Success);
    assert_eq!((book.dollars(&alice()), book.dollars(&bob())), (0, 9));
    // Lumens to oneself move nothing, so no balance is too small; credit to oneself must fit in and out.
    let much = crate::wallet::payment(&alice(), i64::MAX);
    let moved = inner(Tr::Payment(Pay::Success));
    assert_eq!(book.one(&alice(), much), moved);
    assert_eq!(pay(&mut book, &alice(), 1), Pay::Success);
    assert_eq!(pay(&mut book, &alice(), 101), Pay::LineFull);
}

#[test]
fn after_a_failure_the_rest_is_tried_and_everything_is_undone() {
    let mut book = Book::new();
    let before = (book.account(&alice()).clone(), book.account(&bob()).clone());
    let code = book.close(
        1,
        &alice(),
        vec![
            operation(None, data("kept?", Some(b"no"))),
            operation(None, create(&bob(), LUMEN)),
            // It sees what the first did, and nothing of what the second tried.
            operation(None, data("kept?", None)),
            operation(Some(&bob()), merge_into(&alice())),
            operation(Some(&bob()), data("late", Some(b""))),
        ],
    );
    assert!(matches!(code, Code::TxFailed(_)));
    let merged = inner(Tr::AccountMerge(Merge::Success(before.1.balance)));
    assert_eq!(
        results(code),
        [
            inner(Tr::ManageData(Data::Success)),
            inner(Tr::CreateAccount(Create::AlreadyExist)),
            inner(Tr::ManageData(Data::Success)),
            merged,
            OperationResult::OpNoAccount,
        ]
    );
    let after = book.account(&alice());
    assert_eq!(after.balance, before.0.balance - 5 * FEE);
    assert_eq!(after.sequence, before.0.sequence + 1);
    assert_eq!((after.subentries, after.data.len()), (0, 0));
    assert_eq!(*book.account(&bob()), before.1);
}

#[test]
fn an_account_is_merged_only_when_nothing_depends_on_it() {
    let outcome = |change: &dyn Fn(&mut Account)| {
        let mut book = Book::new();
        book.change(&alice(), |alice| change(alice));
        let result = book.one(&alice(), merge_into(&bob()));
        let gone = book.ledger.state().account(alice().key()).is_none();
        match result {
            OperationResult::OpInner(Tr::AccountMerge(result)) => {
                assert_eq!(gone, matches!(result, Merge::Success(_)));
                result
            }
            other => panic!("{other:?}"),
        }
    };
    let merged = Merge::Success(100 * LUMEN - FEE);
    assert_eq!(outcome(&|_| {}), merged);
    assert_eq!(
        outcome(&|alice| alice.flags = account_flag::AUTH_IMMUTABLE),
        Merge::ImmutableSet
    );
    assert_eq!(outcome(&|alice| alice.subentries = 1), Merge::HasSubEntries);
    assert_eq!(outcome(&|alice| alice.sponsoring = 1), Merge::IsSponsor);
    // The number at which the ledger lets new accounts begin: made again, it could use a number twice.
    assert_eq!(
        outcome(&|alice| alice.sequence = 2 << 32),
        Merge::SeqnumTooFar
    );
    assert_eq!(outcome(&|alice| alice.sequence = (2 << 32) - 2), merged);
    // Signers are subentries that go with it.
    let with_signer = |alice: &mut Account| {
        alice.subentries = 1;
        alice.signers.push(AccountSigner {
            key: SignerKey::Ed25519(Uint256(nobody().key().0)),
            weight: 1,
        });
    };
    assert_eq!(outcome(&with_signer), merged);
    let mut book = Book::new();
    let lost = inner(Tr::AccountMerge(Merge::NoAccount));
    assert_eq!(book.one(&alice(), merge_into(&nobody())), lost);
    let itself = inner(Tr::AccountMerge(Merge::Malformed));
    assert_eq!(book.one(&alice(), merge_into(&alice())), itself);
}

#[test]
fn flags_change_only_while_they_may() {
    let ask = |flags: u32, op: SetOptionsOp| {
        let mut book = Book::new();
        book.change(&alice(), |alice| alice.flags = flags);
        let result = book.one(&alice(), OperationBody::SetOptions(op));
        match result {
            OperationResult::OpInner(Tr::SetOptions(result)) => {
                (result, book.account(&alice()).flags)
            }
            other => panic!("{other:?}"),
        }
    };
    let set = |flags| SetOptionsOp {
        set_flags: Some(flags),
        ..options()
    };
    let clear = |flags| SetOptionsOp {
        clear_flags: Some(flags),
        ..options()
    };
    let (revocable, fixed, claw) = (
        account_flag::AUTH_REVOCABLE,
        account_flag::AUTH_IMMUTABLE,
        account_flag::AUTH_CLAWBACK_ENABLED,
    );
    assert_eq!(ask(0, set(claw)), (Options::AuthRevocableRequired, 0));
    assert_eq!(
        ask(0, set(claw | revocable)),
        (Options::Success, claw | revocable)
    );
    let both = claw | revocable;
    assert_eq!(
        ask(both, clear(revocable)),
        (Options::AuthRevocableRequired, both)
    );
    assert_eq!(ask(both, clear(both)), (Options::Success, 0));
    assert_eq!(ask(fixed, set(revocable)), (Options::CantChange, fixed));
    assert_eq!(ask(fixed, clear(fixed)), (Options::CantChange, fixed));
    assert_eq!(ask(fixed, set(0)), (Options::Success, fixed));
    assert_eq!(ask(0, set(16)), (Options::UnknownFlag, 0));
    let contradiction = SetOptionsOp {
        set_flags: Some(1),
        clear_flags: Some(1),
        ..options()
    };
    assert_eq!(ask(0, contradiction), (Options::BadFlags, 0));
}

#[test]
fn signers_and_data_cost_a_reserve_each() {
    let signer = |number: u8, weight| {
        OperationBody::SetOptions(SetOptionsOp {
            signer: Some(Signer {
                key: SignerKey::Ed25519(Uint256([number; 32])),
                weight,
            }),
            ..options()
        })
    };
    let mut book = Book::new();
    book.change(&alice(), |alice| alice.balance = 3 * RESERVE + FEE - 1);
    let low = inner(Tr::SetOptions(Options::LowReserve));
    assert_eq!(book.one(&alice(), signer(50, 1)), low);
    let low = inner(Tr::ManageData(Data::LowReserve));
    book.change(&alice(), |alice| alice.balance = 3 * RESERVE + FEE - 1);
    assert_eq!(book.one(&alice(), data("name", Some(b"value"))), low);
    book.change(&alice(), |alice| alice.balance = 3 * RESERVE + FEE);
    let kept = inner(Tr::ManageData(Data::Success));
    assert_eq!(book.one(&alice(), data("name", Some(b"value"))), kept);
    // Another value costs nothing more, and its end frees the reserve.
    book.change(&alice(), |alice| alice.balance += 2 * FEE);
    assert_eq!(book.one(&alice(), data("name", Some(b""))), kept);
    assert_eq!(book.account(&alice()).data[&b"name"[..]], b"");
    assert_eq!(book.one(&alice(), data("name", None)), kept);
    assert_eq!(book.account(&alice()).subentries, 0);
    let none = inner(Tr::ManageData(Data::NameNotFound));
    book.change(&alice(), |alice| alice.balance = 100 * LUMEN);
    assert_eq!(book.one(&alice(), data("name", None)), none);
    let bad = inner(Tr::ManageData(Data::InvalidName));
    for name in ["", "tab\t", "\u{e9}"] {
        assert_eq!(book.one(&alice(), data(name, Some(b""))), bad);
    }
    let set = inner(Tr::SetOptions(Options::Success));
    for number in 50..70 {
        assert_eq!(book.one(&alice(), signer(number, 1)), set);
    }
    assert_eq!(book.account(&alice()).subentries, 20);
    let many = inner(Tr::SetOptions(Options::TooManySigners));
    assert_eq!(book.one(&alice(), signer(70, 1)), many);
    assert_eq!(book.one(&alice(), signer(50, 0)), set);
    assert_eq!(
        book.one(&alice(), signer(50, 0)),
        set,
        "what is not there is taken away, too"
    );
    assert_eq!(book.account(&alice()).subentries, 19);
    let bad = inner(Tr::SetOptions(Options::BadSigner));
    assert_eq!(book.one(&alice(), signer(71, 256)), bad);
}

#[test]
fn a_new_account_must_hold_its_reserve_and_its_maker_must_keep_its_own() {
    let mut book = Book::new();
    let ask = |book: &mut Book, amount| match book.one(&alice(), create(&nobody(), amount)) {
        OperationResult::OpInner(Tr::CreateAccount(result)) => result,
        other => panic!("{other:?}"),
    };
    assert_eq!(ask(&mut book, 2 * RESERVE - 1), Create::LowReserve);
    assert_eq!(ask(&mut book, -1), Create::Malformed);
    let most = book.account(&alice()).balance - 2 * RESERVE - FEE;
    assert_eq!(ask(&mut book, most + 1), Create::Underfunded);
    assert_eq!(ask(&mut book, most - FEE), Create::Success);
    assert_eq!(book.account(&alice()).balance, 2 * RESERVE);
    let made = book.account(&nobody());
    let ledger = i64::from(book.ledger.sequence());
    assert_eq!((made.balance, made.sequence), (most - FEE, ledger << 32));
}

#[test]
fn a_sequence_number_is_bumped_forwards_only() {
    let mut book = Book::new();
    let bump = |to| {
        OperationBody::BumpSequence(BumpSequenceOp {
            bump_to: stellar_xdr::SequenceNumber(to),
        })
    };
    let done = inner(Tr::BumpSequence(stellar_xdr::BumpSequenceResult::Success));
    assert_eq!(book.one(&alice(), bump(50)), done);
    assert_eq!(book.account(&alice()).sequence, 50);
    assert_eq!(book.one(&alice(), bump(7)), done);
    assert_eq!(book.account(&alice()).sequence, 51);
    let bad = inner(Tr::BumpSequence(stellar_xdr::BumpSequenceResult::BadSeq));
    assert_eq!(book.one(&alice(), bump(-1)), bad);
    assert_eq!(
        book.account(&alice()).sequence,
        51,
        "refused before the ledger"
    );
}
