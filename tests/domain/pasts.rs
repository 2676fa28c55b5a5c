//! What becomes of a workflow that is posted when the records have lost it, by what has landed with its tag.

use stellar_submitter::domain::adoption::{Adopter, Past, past};
use stellar_submitter::domain::intent::Request;
use stellar_submitter::domain::observation::Landed;
use stellar_submitter::domain::primitives::{LedgerSeq, TxHash};
use stellar_submitter::domain::transition::IntentEnd;
use stellar_xdr::TransactionResultCode as Code;

use crate::contracts::soroban;
use crate::fixture::{SIGNED_AT, fresh, network};
use crate::sequence_users::{
    EARLIER, TENANT, built, call, of_call, of_restoration, recorded, restoration,
};

/// In order of the ledgers.
fn landed(request: &Request, what: &[(bool, Code)]) -> Vec<Landed> {
    let landed = what.iter().zip(0..).map(|((restores, code), place)| {
        let soroban = if *restores {
            of_restoration()
        } else {
            of_call()
        };
        let tx = built(request, soroban, EARLIER.plus(place));
        Landed {
            ledger: LedgerSeq(SIGNED_AT + 1 + place),
            ..recorded(&tx, *code)
        }
    });
    landed.collect()
}

fn hashes(landings: &[Landed]) -> Vec<TxHash> {
    landings.iter().map(|landed| landed.inner_hash).collect()
}

/// In one word, and the transactions that count.
fn told(request: &Request, landings: &[Landed]) -> (&'static str, Vec<TxHash>) {
    let adopter = Adopter {
        network: network(),
        key: &request.key(TENANT),
        request,
        number: 1,
        terms: fresh().terms,
    };
    match past(&adopter, landings) {
        Past::Done(own) => {
            let numbers: Vec<u32> = own.iter().map(|one| one.attempt.number).collect();
            let expected: Vec<u32> = (1..).take(own.len()).collect();
            assert_eq!(numbers, expected);
            let (last, before) = own.split_last().expect("one at least");
            assert_eq!(last.settlement.intent, IntentEnd::Succeeded);
            assert!(
                before
                    .iter()
                    .all(|one| one.settlement.intent == IntentEnd::Requeued)
            );
            let hashes = own.iter().map(|one| one.attempt.inner_hash);
            ("done", hashes.collect())
        }
        Past::Open => ("open", Vec::new()),
        Past::Otherwise(hash) => ("otherwise", vec![hash]),
    }
}

#[test]
fn what_was_called_is_done_with_all_that_came_before() {
    let request = call();
    for what in [
        &[(false, Code::TxSuccess)][..],
        &[(true, Code::TxSuccess), (false, Code::TxSuccess)],
        &[
            (true, Code::TxFailed),
            (true, Code::TxSuccess),
            (false, Code::TxFailed),
            (false, Code::TxSuccess),
        ],
    ] {
        let landings = landed(&request, what);
        assert_eq!(told(&request, &landings), ("done", hashes(&landings)));
        let reversed: Vec<Landed> = landings.iter().rev().cloned().collect();
        assert_eq!(told(&request, &reversed), ("done", hashes(&landings)));
    }
}

#[test]
fn what_was_only_made_ready_is_still_to_be_called() {
    let request = call();
    for what in [
        &[][..],
        &[(true, Code::TxSuccess)],
        &[(true, Code::TxSuccess), (true, Code::TxSuccess)],
        &[(true, Code::TxSuccess), (false, Code::TxFailed)],
    ] {
        let landings = landed(&request, what);
        assert_eq!(told(&request, &landings).0, "open", "{what:?}");
    }
    // Where that was asked for it is all.
    let request = restoration();
    let tx = built(&request, soroban(false, "w-1"), EARLIER);
    let landings = [recorded(&tx, Code::TxSuccess)];
    assert_eq!(told(&request, &landings), ("done", hashes(&landings)));
}

#[test]
fn what_succeeded_with_other_content_is_named() {
    let request = call();
    let mut other = landed(&request, &[(false, Code::TxSuccess)]);
    other[0].envelope_xdr.clear();
    let expected = ("otherwise", hashes(&other));
    assert_eq!(told(&request, &other), expected);
    // Whatever was made ready for it, or failed.
    for what in [(true, Code::TxSuccess), (false, Code::TxFailed)] {
        let mut landings = landed(&request, &[what]);
        landings[0].ledger = LedgerSeq(SIGNED_AT);
        landings.extend(other.clone());
        // Another hash than the first's.
        landings[1].inner_hash = TxHash([9; 32]);
        assert_eq!(
            told(&request, &landings),
            ("otherwise", vec![TxHash([9; 32])])
        );
    }
    // What failed with other content did nothing.
    let mut failed = landed(&request, &[(false, Code::TxFailed)]);
    failed[0].envelope_xdr.clear();
    assert_eq!(told(&request, &failed).0, "open");
}
