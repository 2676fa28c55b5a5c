//! What an intent waits for, what makes that safe, and what comes next.

use super::happened::until;
use super::{AttemptStory, Remedy, Status, Story, meaning_of};

/// The code of an intent whose attempt stays open: it must not be tried again.
const UNEXPLAINED: &str = "sequence_unexplained";

/// The attempt that may still land.
fn open(story: &Story) -> Option<&AttemptStory> {
    let attempts = story.attempts.iter();
    attempts
        .rev()
        .find(|one| !matches!(one.state.as_str(), "landed" | "landed_failed" | "dead"))
}

fn code(story: &Story) -> &str {
    story
        .reason
        .as_ref()
        .map_or("", |reason| reason.code.as_str())
}

/// A part of the sentence about a recorded transaction.
fn recorded(story: &Story) -> String {
    let field = |name: &str| match story.transaction.as_ref().map(|one| &one[name]) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Null) | None => "?".to_owned(),
        Some(other) => other.to_string(),
    };
    format!(
        "transaction {} in ledger {}",
        field("hash"),
        field("ledger")
    )
}

pub(super) fn summary(story: &Story) -> String {
    match story.status {
        Status::Queued if story.attempts.is_empty() => {
            "accepted, and no transaction was signed for it yet".to_owned()
        }
        Status::Queued => format!(
            "it waits for another transaction: none of the {} before can land any more",
            story.attempts.len()
        ),
        Status::InFlight => match open(story) {
            Some(attempt) if attempt.sent.is_empty() => {
                format!(
                    "transaction {} is signed and about to be sent",
                    attempt.number
                )
            }
            Some(attempt) => format!(
                "transaction {} was sent, and what became of it is not known yet",
                attempt.number
            ),
            None => "its transaction has ended, and that is being put on record".to_owned(),
        },
        Status::Parked if code(story) == UNEXPLAINED => {
            "stopped: whether its transaction has landed is not known, so nothing more is signed"
                .to_owned()
        }
        Status::Parked => {
            "nothing of it can land now; it needs a changed state, or a person".to_owned()
        }
        Status::Succeeded => format!("done once, by {}", recorded(story)),
        Status::Failed => {
            "it did not succeed, and never will; nothing of it was applied".to_owned()
        }
        Status::Expired => {
            "its time was over before it landed; nothing of it was applied".to_owned()
        }
        Status::Canceled => "canceled before it landed; nothing of it was applied".to_owned(),
    }
}

pub(super) fn waits_for(story: &Story) -> Option<String> {
    Some(match story.status {
        Status::Succeeded | Status::Failed | Status::Expired | Status::Canceled => return None,
        Status::Queued if !story.explained => "the chain's history to be explained: the records may lack what they once knew, and until everything on the chain is accounted for nothing is signed (GET /readyz says how far that is)".to_owned(),
        Status::Queued if story.cancel_requested => {
            "the look whether something of it has landed before; then it ends".to_owned()
        }
        Status::Queued => match (&story.due_at, &story.ordering_key) {
            (Some(due), _) => format!("its time, {due}"),
            (None, Some(key)) => format!(
                "a free channel, and for the end of those before it with the ordering key {key:?}"
            ),
            (None, None) => "a free channel: each carries one transaction at a time".to_owned(),
        },
        Status::InFlight => match open(story) {
            Some(attempt) => {
                let proof = format!(
                    "a ledger to record transaction {}, {} or never; past that, for the proof from its channel's sequence number that it never can land",
                    attempt.number,
                    until(attempt)
                );
                if story.cancel_requested {
                    format!("{proof}. It was canceled: nothing more is sent meanwhile")
                } else {
                    proof
                }
            }
            None => "its end to be put on record".to_owned(),
        },
        Status::Parked if code(story) == UNEXPLAINED => {
            "a Horizon that shows which transaction has used the sequence number; it is looked for again by itself".to_owned()
        }
        Status::Parked => match &story.due_at {
            Some(due) => format!("the next try, {due}"),
            None => match meaning_of(code(story)).map(|known| known.remedy) {
                Some(Remedy::State | Remedy::Fee | Remedy::Market | Remedy::Contract) => {
                    "the next try, which is due".to_owned()
                }
                Some(_) | None => "a person: see what you can do".to_owned(),
            },
        },
    })
}

pub(super) fn safe_because(story: &Story) -> String {
    match story.status {
        Status::Queued | Status::Parked if story.attempts.is_empty() => {
            "no transaction was signed for it, so nothing can land; and its workflow and method are unique for ever, so no second intent can pay the same".to_owned()
        }
        Status::Parked if code(story) == UNEXPLAINED => {
            "its transaction stays open and its channel stands still: until it is known what has used the sequence number, no other transaction is signed for it, and it is reported neither as done nor as failed".to_owned()
        }
        Status::Queued | Status::Parked => format!(
            "each transaction that was signed for it is recorded as failed or proven dead{}, so none can land any more",
            restorations(story)
        ),
        Status::InFlight => {
            "one transaction is open, and it is on record; only the same bytes, or a fee bump around them with the same sequence number, are ever sent again, so at most one can land. No other is signed before this one is recorded as failed or proven dead".to_owned()
        }
        Status::Succeeded => {
            let others = story.attempts.len().saturating_sub(1);
            let but = restorations(story);
            let rest = match others {
                0 => "No other transaction was ever signed for it".to_owned(),
                1 if !but.is_empty() => "The other transaction that was signed for it only brought archived entries back".to_owned(),
                1 => "The other transaction that was signed for it is recorded as failed or proven dead".to_owned(),
                many => format!("The {many} others that were signed for it are recorded as failed or proven dead{but}"),
            };
            format!(
                "the ledger has recorded the transaction, its hash was verified, and it carries the tag of this workflow. {rest}, and none will be signed: GET /v1/intents/{}/receipt has the proof",
                story.id
            )
        }
        Status::Failed | Status::Expired | Status::Canceled if story.attempts.is_empty() => {
            "no transaction was ever signed for it, and none will be".to_owned()
        }
        Status::Failed | Status::Expired | Status::Canceled => format!(
            "it was ended only after each transaction that was signed for it was recorded as failed or proven dead{}: none can land afterwards. GET /v1/intents/{}/receipt has the proof",
            restorations(story),
            story.id
        ),
    }
}

/// What is to be said besides where transactions have landed that only brought archived entries back.
fn restorations(story: &Story) -> &'static str {
    let mut attempts = story.attempts.iter();
    if attempts.any(|one| one.restores && one.state == "landed") {
        ", but for what only brought archived entries back"
    } else {
        ""
    }
}

pub(super) fn next(story: &Story) -> String {
    match story.status {
        Status::Queued if story.cancel_requested => {
            "it becomes canceled, or succeeded should it have landed before".to_owned()
        }
        Status::Queued => {
            let end = valid_until(story);
            format!("a transaction is built, signed and put on record, and then sent{end}")
        }
        Status::InFlight if story.cancel_requested => {
            "should it be recorded, it becomes succeeded; else it is proven dead, and becomes canceled".to_owned()
        }
        Status::InFlight => match open(story) {
            Some(attempt) if attempt.presigned => {
                "recorded as successful, it becomes succeeded; else it fails, for nobody here can sign another".to_owned()
            }
            Some(_) | None => {
                "recorded as successful, it becomes succeeded; unseen, it is looked up and the same bytes are sent again; proven dead, another transaction is signed".to_owned()
            }
        },
        Status::Parked if code(story) == UNEXPLAINED => {
            "once the transaction is shown, it becomes succeeded if it was this one, and is tried again if it was another's; it cannot be retried or canceled before".to_owned()
        }
        Status::Parked => format!(
            "it is queued again when its time comes, or at once with POST /v1/intents/{0}/retry; POST /v1/intents/{0}/cancel ends it{1}",
            story.id,
            valid_until(story)
        ),
        Status::Succeeded => {
            "nothing: it never changes again, and the same workflow posted again is answered with it".to_owned()
        }
        Status::Failed | Status::Expired | Status::Canceled => {
            "nothing: it never changes again, and the same workflow posted again is answered with it. To pay after all, post a new workflow_id".to_owned()
        }
    }
}

fn valid_until(story: &Story) -> String {
    story
        .valid_until
        .as_ref()
        .map_or_else(String::new, |until| {
            format!("; should nothing have landed by {until}, it expires")
        })
}
