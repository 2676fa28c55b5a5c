//! Every recorded answer gives the observation that was written beside it.

use std::collections::BTreeMap;

use stellar_submitter::domain::primitives::{NetworkId, TxHash};
use stellar_submitter::horizon::observe;

use crate::capture::{self, Question};
use crate::expected::EXPECTED;

#[test]
fn every_capture_gives_its_observation() {
    let expected: BTreeMap<&str, &str> = EXPECTED.iter().copied().collect();
    let mut wrong = Vec::new();
    let captures = capture::all();
    for capture in &captures {
        let observed = capture.observed();
        match expected.get(capture.name.as_str()) {
            Some(line) if *line == observed => {}
            Some(line) => wrong.push(format!(
                "{}\n   expected {line}\n   observed {observed}",
                capture.name
            )),
            None => wrong.push(format!("    (\"{}\", {observed:?}),", capture.name)),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        captures.len(),
        wrong.join("\n")
    );
    assert_eq!(
        expected.len(),
        captures.len(),
        "a line without a capture, or a name twice"
    );
}

/// How an observation of the README must begin in our words: (README, GET or POST or any, ours).
const WORDS: &[(&str, &str, &[&str])] = &[
    ("landed successful", "", &["landed successful "]),
    ("landed (found", "", &["landed successful "]),
    ("landed failed", "GET", &["landed failed "]),
    // A POST's 400 reads the same, recorded or refused: which of the two only a look-up tells.
    (
        "landed failed",
        "POST",
        &["refused: tx_failed", "refused: tx_fee_bump_inner_failed"],
    ),
    ("unknown: TRY_AGAIN_LATER", "", &["try again later"]),
    ("unknown: timeout", "", &["unknown: Timeout"]),
    ("unknown: looks like a failure", "", &["refused: "]),
    ("unknown: ", "", &["refused: "]),
    ("unknown (treat", "", &["unknown: "]),
    ("submitted", "", &["queued"]),
    ("not found", "", &["absent"]),
    ("absent", "", &["absent"]),
    ("account absent", "", &["account as of"]),
    ("account snapshot", "", &["account as of"]),
    ("network", "", &["network "]),
    ("fee statistics", "", &["fees: "]),
    ("ledger header", "", &["ledger "]),
    ("history is gone", "", &["unknown: Gone"]),
    ("not known", "", &["unknown: Unavailable"]),
    ("not asked: wait", "", &["unknown: RateLimited"]),
    ("our own mistake: malformed", "", &["malformed"]),
    // A route that does not exist and a thing that does not exist have one answer; the client asks only for routes
    // that do, and only where `GET /` has answered under the same base URL.
    ("our own mistake", "", &["unknown: BadRequest", "absent"]),
    ("page", "", &["page "]),
    ("empty page", "", &["page []"]),
];

/// Recorded for other readers: the client never asks, and where such an answer came to a question of ours, it would
/// not be a fact.
const NEVER_ASKED: [&str; 4] = [
    "destination-payments",
    "sse-account-transactions",
    "sse-ledgers",
    "transaction-operations",
];

#[test]
fn lines_agree_with_what_was_written_down() {
    let mut compared = 0;
    for capture in capture::all() {
        let line = capture.observed();
        if NEVER_ASKED.contains(&capture.name.as_str()) {
            assert!(line.starts_with("unknown: "), "{}: {line}", capture.name);
            continue;
        }
        if capture.observation == "see status" {
            continue;
        }
        let method = capture.request.method.as_str();
        let rule = WORDS.iter().find(|(written, on, _)| {
            capture.observation.starts_with(written) && (on.is_empty() || *on == method)
        });
        let (_, _, ours) =
            rule.unwrap_or_else(|| panic!("{}: no rule for {}", capture.name, capture.observation));
        assert!(
            ours.iter().any(|begin| line.starts_with(begin)),
            "{}: {line}, but written down was {}",
            capture.name,
            capture.observation
        );
        compared += 1;
    }
    assert!(compared > 90, "only {compared} captures were compared");
}

/// Records are picked by the hash that they say; one that does not say its inner hash may be the very one.
#[test]
fn a_fee_bump_that_does_not_name_its_inner_transaction_is_not_overlooked() {
    let mut bumps = 0;
    for mut capture in capture::all() {
        let records = capture.response.body.as_mut();
        let records = records.and_then(|body| body["_embedded"]["records"].as_array_mut());
        for record in records.into_iter().flatten() {
            if let Some(record) = record.as_object_mut() {
                record.remove("inner_transaction");
            }
        }
        let Question::AccountTransactions(_) = capture.question() else {
            continue;
        };
        let read = |wanted: &dyn Fn(&TxHash) -> bool| {
            let network = NetworkId::of(capture::PASSPHRASE);
            let page = observe::page(network, capture.limit(), None, wanted, &capture.answer());
            page.ok().flatten().map(|page| page.transactions)
        };
        for landed in read(&|_| true).unwrap_or_default() {
            bumps += u32::from(landed.fee_bump_hash.is_some());
            let found = read(&|hash| *hash == landed.inner_hash).unwrap_or_default();
            assert!(found.contains(&landed), "{}: {landed:?}", capture.name);
        }
    }
    assert!(bumps > 0, "no fee bump was tried");
}
