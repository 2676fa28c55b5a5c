//! Every recorded answer gives the observation that its row names.

use crate::capture::{all, named};
use crate::expected::EXPECTED;
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer};
use stellar_submitter::domain::primitives::LedgerSeq;

#[test]
fn every_capture_gives_the_observation_that_it_names() {
    let captures = all();
    let names: Vec<&str> = captures.iter().map(|one| one.name.as_str()).collect();
    let expected: Vec<&str> = EXPECTED.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(names, expected, "each capture once, in order");
    assert!(captures.len() >= 60, "{} captures", captures.len());
    for (capture, (name, row, told)) in captures.iter().zip(EXPECTED) {
        assert_eq!(capture.observation, *row, "{name}: the capture's own row");
        assert_eq!(capture.told(), *told, "{name}: {row}");
    }
}

#[test]
fn an_absence_holds_only_for_the_ledgers_of_its_own_answer() {
    let found = named("get-transaction-not-found").look_up();
    assert_eq!(found.look_up, LookUp::Absent);
    let span = found.span.unwrap();
    assert!(span.holds(LedgerSeq(871), LedgerSeq(1324)));
    assert!(!span.holds(LedgerSeq(870), LedgerSeq(1324)), "reaped");
    assert!(!span.holds(LedgerSeq(871), LedgerSeq(1325)), "not closed");
}

#[test]
fn an_absence_is_read_as_one_only_where_every_ledger_was_looked_through() {
    let read = |capture: &str, watermark, since, head| {
        let found = named(capture).look_up();
        match found.read_as_of(LedgerSeq(watermark), LedgerSeq(since), LedgerSeq(head)) {
            LookUp::Absent => "absent",
            LookUp::Landed(_) => "landed",
            LookUp::Unknown(_) => "unknown",
        }
    };
    // Ledgers 871 to 1324 were looked through.
    let absent = "get-transaction-not-found";
    assert_eq!(read(absent, 1324, 871, 1324), "absent");
    assert_eq!(read(absent, 1320, 1300, 1325), "absent", "a little behind");
    assert_eq!(read(absent, 1324, 870, 1324), "unknown", "reaped");
    assert_eq!(
        read(absent, 1325, 1300, 1325),
        "unknown",
        "another server, which is behind the one that was asked for its ledger"
    );
    assert_eq!(read(absent, 1320, 1300, 1326), "unknown", "far behind");
    // A landing is one whatever the server keeps.
    assert_eq!(read("get-transaction-success", 1, 5000, 9000), "landed");
}

#[test]
fn the_same_bytes_are_answered_differently_and_it_is_never_a_fact() {
    // They had landed when the last of these was given.
    let first = named("send-pending");
    for (name, answer) in [
        ("send-pending", SubmitAnswer::Queued { duplicate: false }),
        ("send-duplicate", SubmitAnswer::Queued { duplicate: true }),
        ("send-after-landed", SubmitAnswer::TryAgainLater),
    ] {
        let capture = named(name);
        assert_eq!(capture.posted(), first.posted(), "{name}");
        assert_eq!(capture.sent(), answer, "{name}");
    }
    // Nor can it be told from resources that no ledger will ever take.
    assert_eq!(
        named("send-error-soroban-invalid").sent(),
        SubmitAnswer::TryAgainLater
    );
}

#[test]
fn inner_and_outer_hash_find_one_landing() {
    let by = |name: &str| match named(name).look_up().look_up {
        LookUp::Landed(landed) => landed,
        other => panic!("{name}: {other:?}"),
    };
    let inner = by("get-transaction-fee-bump-inner");
    assert_eq!(inner, by("get-transaction-fee-bump-outer"));
    // Also where the server writes XDR as JSON.
    let as_json = by("get-transaction-success-json");
    assert_eq!(inner.envelope_xdr, as_json.envelope_xdr);
    assert_eq!(inner.outcome, as_json.outcome);
    // The fee source carries the tag: it is the nonce of the captured calls, minus the entry.
    assert!(inner.fee_muxed_id.is_some() && inner.source_muxed_id.is_none());
}
