//! Every state and every reason code there is has an explanation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;
use stellar_submitter::domain::explain::{
    AttemptStory, CODES, EventStory, Remedy, Status, Story, explain, meaning_of,
};
use stellar_submitter::domain::reason::Reason;
use stellar_submitter::domain::result_code::{
    TransactionCode, operation_outcome, transaction_code_name,
};
use stellar_xdr::TransactionResultCode;

use crate::codes::every_operation_result;

/// Every code that is given to `Reason::new` as a text, out of the sources: whoever adds one must explain it.
fn codes_in_the_sources() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let mut folders: Vec<PathBuf> = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a file");
            for call in ["Reason::new(", "Self::new("] {
                let is_reason = call == "Reason::new(" || path.ends_with("domain/reason.rs");
                for argument in text.split(call).skip(1).filter(|_| is_reason) {
                    let argument = argument.trim_start();
                    if let Some(code) = argument
                        .strip_prefix('"')
                        .and_then(|rest| rest.split('"').next())
                    {
                        codes.insert(code.to_owned());
                    }
                }
            }
        }
    }
    codes
}

fn codes_of_the_protocol() -> BTreeSet<String> {
    let transactions = TransactionResultCode::VARIANTS
        .into_iter()
        .map(TransactionCode::Known)
        .chain([TransactionCode::Unrecognised])
        .map(|code| transaction_code_name(code).to_owned());
    let operations = every_operation_result();
    let operations = operations
        .iter()
        .map(|one| operation_outcome(one).code.to_owned());
    transactions.chain(operations).collect()
}

#[test]
fn every_reason_code_is_explained() {
    let ours = codes_in_the_sources();
    // The scan itself finds what is known to be there.
    for code in [
        "canceled",
        "expired",
        "invalid_intent",
        "workflow_conflict",
        "sequence_unexplained",
        "fee_above_cap",
    ] {
        assert!(
            ours.contains(code),
            "the sources have {code:?}, and the scan does not find it: {ours:?}"
        );
    }
    let all: BTreeSet<String> = ours.into_iter().chain(codes_of_the_protocol()).collect();
    let missing: Vec<&String> = all
        .iter()
        .filter(|code| meaning_of(code).is_none())
        .collect();
    assert!(
        missing.is_empty(),
        "domain/explain/code.rs lacks {missing:?}"
    );
    let mut seen = BTreeSet::new();
    for known in &CODES {
        assert!(seen.insert(known.code), "{} twice", known.code);
        assert!(
            known.means.ends_with('.') && known.means.len() > 15,
            "{}",
            known.code
        );
        assert!(!known.remedy.text().is_empty());
    }
}

pub fn story(status: Status) -> Story {
    Story {
        id: "0190c5d2-7b1e-7000-8000-000000000001".to_owned(),
        workflow_id: "w".to_owned(),
        method: "payment".to_owned(),
        status,
        cancel_requested: false,
        reason: None,
        due_at: None,
        ordering_key: None,
        valid_until: None,
        accepted_at: "2026-01-01T00:00:00Z".to_owned(),
        transaction: None,
        attempts: Vec::new(),
        events: Vec::new(),
        explained: true,
    }
}

pub fn attempt(state: &str) -> AttemptStory {
    AttemptStory {
        number: 1,
        channel: "GCHANNEL".to_owned(),
        sequence: "7".to_owned(),
        max_ledger: 4711,
        not_after: None,
        state: state.to_owned(),
        presigned: false,
        restores: false,
        sent: vec![(
            "2026-01-01T00:00:02Z".to_owned(),
            json!({"kind": "unknown", "what": "timeout"}),
        )],
        call: None,
    }
}

#[test]
fn every_state_says_what_it_waits_for_and_why_it_is_safe() {
    let mut said = BTreeSet::new();
    for status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
        let is_final = !matches!(status, Status::Queued | Status::InFlight | Status::Parked);
        for cancel_requested in [false, true] {
            for attempts in [Vec::new(), vec![attempt("dead")], vec![attempt("signed")]] {
                let explained = explain(&Story {
                    cancel_requested,
                    attempts,
                    reason: is_final.then(Reason::canceled),
                    ..story(status)
                });
                assert_eq!(explained.waits_for.is_none(), is_final, "{explained:?}");
                for text in [&explained.summary, &explained.safe_because, &explained.next] {
                    assert!(text.len() > 15, "{explained:?}");
                }
                let text = explained.to_text();
                assert!(text.contains("It is safe because"), "{text}");
                said.insert((status.as_str(), explained.summary, explained.next));
            }
        }
    }
    assert!(said.len() >= 10, "{said:#?}");
}

#[test]
fn what_is_told_is_what_is_on_record() {
    let mut flying = story(Status::InFlight);
    flying.attempts = vec![attempt("signed")];
    flying.events = vec![
        EventStory {
            at: "2026-01-01T00:00:00.5Z".to_owned(),
            kind: "intent.accepted".to_owned(),
            data: json!({}),
        },
        EventStory {
            at: "2026-01-01T00:00:01Z".to_owned(),
            kind: "attempt.signed".to_owned(),
            data: json!({"attempt": 1, "hash": "abcd"}),
        },
        EventStory {
            at: "2026-01-01T00:00:10Z".to_owned(),
            kind: "attempt.bumped".to_owned(),
            data: json!({"attempt": 1, "hash": "ef", "fee": "400"}),
        },
    ];
    let explained = explain(&flying);
    let texts: Vec<&str> = explained
        .happened
        .iter()
        .map(|one| one.text.as_str())
        .collect();
    assert_eq!(texts.len(), 4, "{texts:#?}");
    assert!(
        texts[1].contains("sequence number 7 of GCHANNEL, to land before ledger 4711"),
        "{texts:#?}"
    );
    assert!(
        texts[2].contains("sent once; Horizon's answer: no answer (timeout)"),
        "{texts:#?}"
    );
    assert!(explained.waits_for.unwrap().contains("4711"));

    // A database that was restored holds everything back.
    let held = Story {
        explained: false,
        ..story(Status::Queued)
    };
    assert!(
        explain(&held)
            .waits_for
            .unwrap()
            .contains("history to be explained")
    );
    let due = Story {
        due_at: Some("2030-01-01T00:00:00Z".to_owned()),
        ..story(Status::Queued)
    };
    assert!(explain(&due).waits_for.unwrap().contains("2030-01-01"));

    // What may have landed is neither retried nor called safe to pay again.
    let mut unexplained = story(Status::Parked);
    unexplained.attempts = vec![attempt("signed")];
    unexplained.reason = Some(Reason::new("sequence_unexplained", "x", "y", false));
    let explained = explain(&unexplained);
    assert!(
        explained.next.contains("cannot be retried"),
        "{explained:?}"
    );
    assert_eq!(
        explained.reason.unwrap().what_to_do,
        Remedy::Unexplained.text()
    );
    // A code that a newer version wrote is told as it stands.
    let mut newer = story(Status::Failed);
    newer.reason = Some(Reason::new(
        "brand_new",
        "Something new",
        "this case",
        false,
    ));
    let reason = explain(&newer).reason.unwrap();
    assert_eq!(
        (reason.means.as_str(), reason.detail.as_str()),
        ("Something new", "this case")
    );
}
