//! What has happened to an intent, an event a sentence, with what is on record of it.

use serde_json::{Value, json};
use stellar_submitter::domain::explain::{AttemptStory, EventStory, Status, explain};

use crate::explanations::story;
use crate::told::{attempts, of, restored};

/// The sentence about one event.
fn sentence(kind: &str, data: Value, attempts: Vec<AttemptStory>) -> String {
    let mut story = of(Status::InFlight, attempts);
    story.attempts.iter_mut().for_each(|one| one.sent.clear());
    let event = |kind: &str, at: &str, data| EventStory {
        at: at.to_owned(),
        kind: kind.to_owned(),
        data,
    };
    story.events = vec![
        event("intent.accepted", "2026-01-01T00:00:00Z", json!({})),
        event(kind, "2026-01-01T00:00:01Z", data),
    ];
    let happened = explain(&story).happened;
    assert_eq!(happened.len(), 2, "{happened:?}");
    happened[1].text.clone()
}

#[test]
fn every_event_is_told_with_its_particulars() {
    let reason = json!({"code": "op_underfunded", "detail": "it has 3"});
    let dead = |proof: Value| json!({"attempt": 1, "proof": proof});
    let cases = [
        (
            "intent.accepted",
            json!({"by": "sql"}),
            "It was enqueued in SQL",
        ),
        ("intent.accepted", json!({"by": "api"}), "It was accepted"),
        (
            "intent.succeeded",
            json!({"adopted": true, "hash": "ab", "ledger": 9}),
            "Transaction ab of ledger 9 carries its tag",
        ),
        (
            "intent.succeeded",
            json!({"adopted": false, "hash": "ab", "ledger": 9}),
            "Ledger 9 recorded transaction ab",
        ),
        (
            "intent.succeeded",
            json!({"hash": "ab", "ledger": 9}),
            "Ledger 9 recorded transaction ab",
        ),
        (
            "intent.failed",
            json!({"reason": reason}),
            "It failed: op_underfunded, it has 3.",
        ),
        (
            "intent.failed",
            json!({"reason": {"code": "expired"}}),
            "It failed: expired.",
        ),
        (
            "intent.parked",
            json!({"reason": reason, "resume_after_seconds": 60}),
            "op_underfunded, it has 3; it is tried again after 60 seconds",
        ),
        (
            "intent.parked",
            json!({"reason": reason}),
            "it waits for a person",
        ),
        (
            "attempt.landed_failed",
            json!({"attempt": 1, "ledger": 9, "code": "op_line_full"}),
            "in ledger 9 as failed (op_line_full): nothing was applied",
        ),
        (
            "attempt.dead",
            dead(json!({"kind": "fence", "as_of_ledger": 12, "channel_sequence": "6"})),
            "as of ledger 12, past its last, its channel had used sequence number 6 only",
        ),
        (
            "attempt.dead",
            dead(json!({"kind": "foreign_transaction", "hash": "cd", "ledger": 11})),
            "transaction cd has used its sequence number in ledger 11",
        ),
        (
            "attempt.dead",
            dead(json!({"kind": "skipped", "as_of_ledger": 12, "channel_sequence": "9"})),
            "as of ledger 12 its channel's number is 9",
        ),
        (
            "attempt.dead",
            dead(json!({"kind": "account_missing", "first_ledger": 12, "second_ledger": 13})),
            "as of ledgers 12 and 13",
        ),
        (
            "attempt.dead",
            dead(json!({"kind": "of_a_newer_version"})),
            "of_a_newer_version",
        ),
    ];
    for (kind, data, expected) in cases {
        let text = sentence(kind, data, attempts(&["dead"]));
        assert!(text.contains(expected), "{text:?}, not {expected:?}");
    }
}

#[test]
fn a_call_is_told_with_its_own_attempt() {
    let failed = json!({"attempt": 2, "ledger": 9, "code": "op_trapped"});
    let mut two = attempts(&["landed_failed", "landed_failed"]);
    two[1].call = Some(json!({"error": "contract error 7"}));
    let text = sentence("attempt.landed_failed", failed.clone(), two.clone());
    assert!(text.contains("(op_trapped, contract error 7)"), "{text}");
    two.swap(0, 1);
    (two[0].number, two[1].number) = (1, 2);
    let text = sentence("attempt.landed_failed", failed, two);
    assert!(text.contains("(op_trapped):"), "{text}");
}

#[test]
fn queued_again_behind_a_restoration_is_no_failure() {
    let requeued =
        |number: u32, attempts| sentence("intent.requeued", json!({"attempt": number}), attempts);
    let text = requeued(1, restored("signed"));
    assert!(
        text.contains("has brought back what was archived"),
        "{text}"
    );
    let mut died = restored("signed");
    died[0].state = "dead".to_owned();
    let mut paid = restored("signed");
    paid[0].restores = false;
    for (number, attempts) in [(2, restored("signed")), (1, died), (1, paid)] {
        let text = requeued(number, attempts);
        assert!(
            text.contains("no transaction of it can land any more"),
            "{text}"
        );
    }
}

#[test]
fn posts_are_counted_by_their_answers() {
    let answers = [
        (
            json!({"kind": "refused", "operations": ["op_success", "op_line_full"], "inner_transaction": "tx_failed", "transaction": "tx_fee_bump_inner_failed"}),
            "refused with op_line_full",
        ),
        (
            json!({"kind": "refused", "operations": ["op_success"], "inner_transaction": "tx_bad_seq", "transaction": "tx_fee_bump_inner_failed"}),
            "refused with tx_bad_seq",
        ),
        (
            json!({"kind": "refused", "transaction": "tx_too_late"}),
            "refused with tx_too_late",
        ),
        (json!({"kind": "refused"}), "refused with no code"),
        (json!({"kind": "landed"}), "it is recorded"),
        (json!({"kind": "queued"}), "it is in the network's queue"),
        (
            json!({"kind": "try_again_later"}),
            "the queue takes it later",
        ),
        (json!({"kind": "malformed"}), "the bytes are not understood"),
        (
            json!({"kind": "unknown", "what": "timeout"}),
            "no answer (timeout)",
        ),
    ];
    for (answer, expected) in answers {
        let sent = |times: usize| {
            let mut story = of(Status::InFlight, attempts(&["signed"]));
            let at = (0..times).map(|second| format!("2026-01-01T00:00:0{second}Z"));
            story.attempts[0].sent = at.map(|at| (at, answer.clone())).collect();
            explain(&story).happened.pop().expect("it was sent")
        };
        let (once, thrice) = (sent(1), sent(3));
        let text = format!("Transaction 1 was sent once; Horizon's answer: {expected}. ");
        assert!(once.text.starts_with(&text), "{once:?}");
        let text = format!(
            "was sent 3 times, always with the same sequence number; Horizon's answer: {expected} (3 times). "
        );
        assert!(thrice.text.contains(&text), "{thrice:?}");
        assert_eq!(thrice.at, "2026-01-01T00:00:02Z");
    }
}

#[test]
fn a_long_history_keeps_its_two_ends() {
    let long = |events: u32| {
        let mut story = story(Status::Queued);
        let event = |number: u32| EventStory {
            at: format!("2026-01-01T00:{:02}:{:02}Z", number / 60, number % 60),
            kind: if number == 0 {
                "intent.accepted"
            } else {
                "attempt.bumped"
            }
            .to_owned(),
            data: json!({"fee": number}),
        };
        story.events = (0..events).map(event).collect();
        explain(&story).happened
    };
    assert_eq!(long(200).len(), 200);
    let told = long(260);
    // 100 at each end, and a sentence about those between.
    assert_eq!(told.len(), 201);
    assert!(told[99].text.contains("to 99 stroops"), "{:?}", told[99]);
    assert!(
        told[100].text.starts_with("… 60 more are left out"),
        "{:?}",
        told[100]
    );
    assert_eq!(told[100].at, told[99].at);
    assert!(told[101].text.contains("to 160 stroops"), "{:?}", told[101]);
    assert!(told[200].text.contains("to 259 stroops"), "{:?}", told[200]);
}

#[test]
fn times_are_told_to_the_second() {
    let mut accepted = story(Status::Queued);
    let event = |at: &str| EventStory {
        at: at.to_owned(),
        kind: "intent.accepted".to_owned(),
        data: json!({}),
    };
    accepted.events = vec![
        event("2026-01-01T00:00:00.123456Z"),
        event("2026-01-01T00:00:01Z"),
    ];
    let text = explain(&accepted).to_text();
    assert!(text.contains("2026-01-01T00:00:00Z"), "{text}");
    assert!(text.contains("2026-01-01T00:00:01Z"), "{text}");
    assert!(!text.contains("123456"), "{text}");
}
