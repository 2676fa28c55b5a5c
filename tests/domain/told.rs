//! What an explanation says in each situation: never that something is over which is not, nor that something can be done which
//! cannot.

use serde_json::json;
use stellar_submitter::domain::explain::{
    AttemptStory, CODES, Explanation, Remedy, Status, Story, explain,
};
use stellar_submitter::domain::reason::Reason;

use crate::explanations::{attempt, story};

const UNEXPLAINED: &str = "sequence_unexplained";

/// Attempts in these states, numbered from 1.
pub fn attempts(states: &[&str]) -> Vec<AttemptStory> {
    let numbered = (1..).zip(states);
    let one = |(number, state): (u32, &&str)| AttemptStory {
        number,
        ..attempt(state)
    };
    numbered.map(one).collect()
}

fn unsent(state: &str) -> AttemptStory {
    AttemptStory {
        sent: Vec::new(),
        ..attempt(state)
    }
}

/// A restoration that has landed, then the call.
pub fn restored(state: &str) -> Vec<AttemptStory> {
    let mut both = attempts(&["landed", state]);
    both[0].restores = true;
    both
}

pub fn of(status: Status, attempts: Vec<AttemptStory>) -> Story {
    Story {
        attempts,
        ..story(status)
    }
}

fn parked(code: &str, attempts: Vec<AttemptStory>) -> Story {
    Story {
        reason: Some(Reason::new(code, "means", "detail", true)),
        ..of(Status::Parked, attempts)
    }
}

fn canceled(story: Story) -> Story {
    Story {
        cancel_requested: true,
        ..story
    }
}

/// Of each story, what `part` must say.
fn says(part: impl Fn(Explanation) -> String, cases: Vec<(Story, &str)>) {
    for (story, expected) in cases {
        let about = format!("{story:?}");
        let text = part(explain(&story));
        assert!(
            text.contains(expected),
            "{text:?}, not {expected:?}: {about}"
        );
    }
}

#[test]
fn the_summary_says_how_far_it_is() {
    let sent = || attempts(&["dead", "signed"]);
    let mut done = of(Status::Succeeded, attempts(&["landed"]));
    done.transaction = Some(json!({"hash": "abcd", "ledger": 4700}));
    let cases = vec![
        (
            story(Status::Queued),
            "no transaction was signed for it yet",
        ),
        (
            of(Status::Queued, attempts(&["dead", "landed_failed"])),
            "none of the 2 before can land",
        ),
        (
            of(Status::InFlight, vec![unsent("signed")]),
            "transaction 1 is signed and about to be sent",
        ),
        (
            of(Status::InFlight, sent()),
            "transaction 2 was sent, and what became of it is not known",
        ),
        (of(Status::InFlight, attempts(&["dead"])), "has ended"),
        (
            parked(UNEXPLAINED, sent()),
            "whether its transaction has landed is not known",
        ),
        (
            parked("op_underfunded", attempts(&["dead"])),
            "nothing of it can land now",
        ),
        (done, "done once, by transaction abcd in ledger 4700"),
        (
            of(Status::Succeeded, Vec::new()),
            "transaction ? in ledger ?",
        ),
    ];
    says(|told| told.summary, cases);
}

#[test]
fn it_waits_for_what_is_to_come() {
    let open = || attempts(&["signed"]);
    let ordered = Story {
        ordering_key: Some("shop 7".to_owned()),
        ..story(Status::Queued)
    };
    let mut timed = attempts(&["signed"]);
    (timed[0].max_ledger, timed[0].not_after) = (0, Some("2030-01-02T00:00:00Z".to_owned()));
    let mut endless = attempts(&["signed"]);
    endless[0].max_ledger = 0;
    let mut later = parked("op_underfunded", Vec::new());
    later.due_at = Some("2030-01-01T00:00:00Z".to_owned());
    let cases = vec![
        (story(Status::Queued), "a free channel: each carries one"),
        (ordered, "the ordering key \"shop 7\""),
        (
            canceled(story(Status::Queued)),
            "has landed before; then it ends",
        ),
        (
            of(Status::InFlight, open()),
            "transaction 1, before ledger 4711 or never",
        ),
        (
            of(Status::InFlight, timed),
            "no later than 2030-01-02T00:00:00Z",
        ),
        (of(Status::InFlight, endless), "at any time"),
        (
            canceled(of(Status::InFlight, open())),
            "It was canceled: nothing more is sent",
        ),
        (of(Status::InFlight, attempts(&["dead"])), "put on record"),
        (
            parked(UNEXPLAINED, open()),
            "which transaction has used the sequence number",
        ),
        (later, "the next try, 2030-01-01T00:00:00Z"),
        (
            parked("op_underfunded", Vec::new()),
            "the next try, which is due",
        ),
        (parked("op_bad_auth", Vec::new()), "a person"),
        (parked("of_a_newer_version", Vec::new()), "a person"),
    ];
    says(|told| told.waits_for.expect("it waits"), cases);
    // What is not canceled goes on.
    let told = explain(&of(Status::InFlight, open())).waits_for;
    assert!(!told.unwrap().contains("canceled"));
}

#[test]
fn it_is_safe_for_a_reason_that_is_on_record() {
    let ended = || attempts(&["dead", "landed_failed"]);
    let finals = [Status::Failed, Status::Expired, Status::Canceled];
    let mut cases = vec![
        (
            story(Status::Queued),
            "no transaction was signed for it, so nothing can land",
        ),
        (
            parked("op_underfunded", Vec::new()),
            "no transaction was signed for it, so nothing can land",
        ),
        (
            of(Status::Queued, ended()),
            "each transaction that was signed for it is recorded as failed or proven dead, so",
        ),
        (
            parked("op_underfunded", ended()),
            "is recorded as failed or proven dead, so",
        ),
        (
            of(Status::Queued, restored("dead")),
            "proven dead, but for what only brought archived entries back, so",
        ),
        (
            parked(UNEXPLAINED, attempts(&["signed"])),
            "its transaction stays open",
        ),
        (
            of(Status::InFlight, attempts(&["signed"])),
            "at most one can land",
        ),
        (
            of(Status::Succeeded, attempts(&["landed"])),
            "No other transaction was ever signed for it, and none will",
        ),
        (
            of(Status::Succeeded, attempts(&["dead", "landed"])),
            "The other transaction that was signed for it is recorded as failed or proven dead",
        ),
        (
            of(Status::Succeeded, restored("landed")),
            "only brought archived entries back",
        ),
        (
            of(Status::Succeeded, attempts(&["dead", "dead", "landed"])),
            "The 2 others that were signed for it are recorded as failed or proven dead, and",
        ),
    ];
    for status in finals {
        cases.push((story(status), "no transaction was ever signed for it"));
        cases.push((
            of(status, ended()),
            "was recorded as failed or proven dead: none can land afterwards",
        ));
        cases.push((
            of(status, restored("dead")),
            "proven dead, but for what only brought archived entries back: none",
        ));
    }
    says(|told| told.safe_because, cases);
    // Only a restoration that has landed is one.
    let mut open = restored("dead");
    open[0].state = "dead".to_owned();
    let mut paid = restored("dead");
    paid[0].restores = false;
    for attempts in [open, paid] {
        let told = explain(&of(Status::Failed, attempts)).safe_because;
        assert!(!told.contains("archived"), "{told}");
    }
}

#[test]
fn what_comes_next_is_what_can_be_done() {
    let open = || attempts(&["signed"]);
    let mut foreign = attempts(&["signed"]);
    foreign[0].presigned = true;
    let until = |story: Story| Story {
        valid_until: Some("2031-01-01T00:00:00Z".to_owned()),
        ..story
    };
    let expires = "nothing have landed by 2031-01-01T00:00:00Z, it expires";
    let cases = vec![
        (
            story(Status::Queued),
            "a transaction is built, signed and put on record, and then sent",
        ),
        (until(story(Status::Queued)), expires),
        (
            canceled(story(Status::Queued)),
            "it becomes canceled, or succeeded",
        ),
        (
            of(Status::InFlight, open()),
            "proven dead, another transaction is signed",
        ),
        (
            of(Status::InFlight, foreign),
            "nobody here can sign another",
        ),
        (
            canceled(of(Status::InFlight, open())),
            "proven dead, and becomes canceled",
        ),
        (
            parked(UNEXPLAINED, open()),
            "it cannot be retried or canceled before",
        ),
        (
            parked("op_underfunded", Vec::new()),
            "it is queued again when its time comes",
        ),
        (until(parked("op_underfunded", Vec::new())), expires),
        (
            of(Status::Succeeded, attempts(&["landed"])),
            "nothing: it never changes again",
        ),
        (
            story(Status::Failed),
            "To pay after all, post a new workflow_id",
        ),
    ];
    says(|told| told.next, cases);
    for story in [story(Status::Queued), parked("op_underfunded", Vec::new())] {
        let told = explain(&story).next;
        assert!(!told.contains("expires") && !told.ends_with(';'), "{told}");
        assert!(
            told.ends_with("sent") || told.ends_with("ends it"),
            "{told}"
        );
    }
}

#[test]
fn each_remedy_says_another_thing() {
    let mut texts: Vec<&str> = CODES.iter().map(|known| known.remedy.text()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert!(texts.len() >= 10, "{texts:#?}");
    assert!(
        texts
            .iter()
            .all(|text| text.len() > 10 && text.ends_with('.')),
        "{texts:#?}"
    );
    assert!(
        Remedy::Unexplained.text().contains("history"),
        "{}",
        Remedy::Unexplained.text()
    );
}
