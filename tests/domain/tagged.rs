//! Which of the ids in an envelope is the tag: what our keys have signed, before what a payer or anybody else has.

use serde_json::json;
use stellar_submitter::domain::envelope::{attach, fee_bump, tag_of};
use stellar_submitter::domain::primitives::AccountId;
use stellar_submitter::domain::tag::Tag;
use stellar_submitter::domain::tagged::tag_by;
use stellar_xdr::{FeeBumpTransaction, Transaction};

use crate::contracts::{built, inc, own, soroban, tag};
use crate::fixture::{source, stranger, stroops};

/// The fee account.
fn sponsor() -> AccountId {
    AccountId([0x66; 32])
}

/// An id of somebody's, who is free to choose a tag of another workflow's.
fn other() -> Tag {
    tag("w-2")
}

fn bumped(tx: &Transaction, by: AccountId, tag: Tag) -> FeeBumpTransaction {
    fee_bump(attach(tx.clone(), Vec::new()), by, tag, stroops(20_000))
}

/// The tag, to whom source and fee account are known.
fn found(tx: &Transaction, bump: Option<&FeeBumpTransaction>) -> Option<Tag> {
    tag_by(tx, bump, |account| [source(), sponsor()].contains(&account))
}

/// A call with a nonce of the source's.
fn call() -> Transaction {
    built("w-1", &inc(&own()), soroban(true, "w-1"))
}

/// A call that carries nothing inside.
fn bare_call() -> Transaction {
    let mut body = inc(&own());
    body["operations"][0]["auth"] = json!("source_account");
    built("w-1", &body, soroban(false, "w-1"))
}

/// A transaction of a payer's, from this id of his.
fn given(id: Option<u64>) -> Transaction {
    let mut tx = bare_call();
    tx.source_account = id.map_or(stranger().plain(), |id| stranger().muxed(id));
    tx.operations = vec![].try_into().expect("none");
    tx
}

#[test]
fn the_tag_of_what_a_payer_signed_is_our_fee_bumps_whatever_id_he_has() {
    let ids = [None, Some(0), Some(7), Some(other().get()), Some(u64::MAX)];
    for tx in ids.map(given) {
        for by in [sponsor(), source()] {
            let ours = bumped(&tx, by, tag("w-1"));
            assert_eq!(found(&tx, Some(&ours)), Some(tag("w-1")));
        }
        // Who pays for it himself, or has somebody else pay, is none of ours: nobody asks for its tag.
        let mut plain = bumped(&tx, sponsor(), tag("w-1"));
        plain.fee_source = sponsor().plain();
        for bump in [None, Some(&plain)] {
            assert_eq!(found(&tx, bump), tag_of(&tx, None));
        }
    }
}

#[test]
fn nobody_takes_a_tag_off_a_call_with_a_fee_bump_of_his_own() {
    let tx = call();
    assert_eq!(found(&tx, None), Some(tag("w-1")));
    for by in [stranger(), sponsor()] {
        let bump = bumped(&tx, by, tag("w-1"));
        assert_eq!(found(&tx, Some(&bump)), Some(tag("w-1")));
    }
    let bump = bumped(&tx, stranger(), other());
    assert_eq!(found(&tx, Some(&bump)), Some(tag("w-1")));
    // Of an account that is not ours a nonce is any number.
    assert_eq!(tag_by(&tx, Some(&bump), |_| false), Some(other()));
    // Nor off a payment: its tag is the id of its source.
    let mut payment = tx;
    payment.source_account = stranger().muxed(tag("w-1").get());
    payment.operations = vec![].try_into().expect("none");
    let bump = bumped(&payment, stranger(), other());
    assert_eq!(found(&payment, Some(&bump)), Some(tag("w-1")));
}

#[test]
fn a_call_that_carries_nothing_inside_has_the_tag_of_its_fee_bump() {
    let tx = bare_call();
    assert_eq!(found(&tx, None), None);
    for by in [sponsor(), source(), stranger()] {
        let bump = bumped(&tx, by, tag("w-1"));
        assert_eq!(found(&tx, Some(&bump)), Some(tag("w-1")), "{by}");
    }
}
