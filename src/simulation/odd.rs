//! Answers that are not what was asked for: of proxies, of a Horizon that builds its state anew, and of one that keeps only a
//! part of history.

use serde_json::{Value, json};

use super::dice::Dice;
use crate::horizon::{Answer, Call};

/// An answer: status, the problem's type where it has one, and how it is counted.
type Odd = (u16, &'static str, &'static str);

/// Answers to a POST besides those that the sandbox gives.
const TO_POSTS: [Odd; 9] = [
    (400, "transaction_malformed", "POST: malformed"),
    (403, "transaction_submission_disabled", "POST: disabled"),
    (415, "unsupported_media_type", "POST: media type"),
    (500, "server_error", "POST: server error"),
    (500, "transaction_submission_failed", "POST: core away"),
    (
        500,
        "transaction_submission_exception",
        "POST: core's exception",
    ),
    (
        500,
        "transaction_submission_invalid_status",
        "POST: core's status unknown",
    ),
    (503, "stale_history", "POST: stale history"),
    (503, "", "POST: a proxy's 503"),
];
/// Answers to a question.
const TO_QUESTIONS: [Odd; 6] = [
    (404, "", "GET: a proxy's 404"),
    (408, "timeout", "GET: timeout"),
    (410, "before_history", "GET: before history"),
    (500, "server_error", "GET: server error"),
    (503, "still_ingesting", "GET: still ingesting"),
    (503, "stale_history", "GET: stale history"),
];

/// Whether an account is asked for.
pub fn is_account(call: &Call<'_>) -> bool {
    call.form.is_none() && matches!(call.path, ["accounts", _])
}

/// The account is not in an empty table; the ledger that this is of is told all the same. Whether it was shown.
pub fn hide_account(answer: &mut Answer) -> bool {
    let was_shown = answer.status == 200;
    if was_shown {
        answer.status = 404;
        answer.body = Some(problem(404, "not_found"));
    }
    was_shown
}

/// A transaction that was asked for by its hash is not there, or one is missing in a list of them. Whether there was one.
pub fn leave_out(answer: &mut Answer, call: &Call<'_>, dice: &Dice) -> bool {
    if answer.status != 200 {
        return false;
    }
    match call.path {
        ["transactions", _] => {
            answer.status = 404;
            answer.body = Some(problem(404, "not_found"));
            true
        }
        [.., "transactions"] => {
            let body = answer.body.as_deref();
            let Some(mut page) = body.and_then(|body| serde_json::from_slice::<Value>(body).ok())
            else {
                return false;
            };
            if let Some(records) = page["_embedded"]["records"].as_array_mut()
                && !records.is_empty()
            {
                let place = dice.below(records.len() as u64);
                records.remove(usize::try_from(place).unwrap_or(0));
                answer.body = Some(page.to_string().into_bytes());
                return true;
            }
            false
        }
        _ => false,
    }
}

/// Something else than what was asked for: whatever was done, was done.
pub fn answer(answer: &mut Answer, is_post: bool, dice: &Dice) {
    let (status, kind, name) = if is_post {
        TO_POSTS[usize::try_from(dice.below(TO_POSTS.len() as u64)).unwrap_or(0)]
    } else {
        TO_QUESTIONS[usize::try_from(dice.below(TO_QUESTIONS.len() as u64)).unwrap_or(0)]
    };
    dice.count(name);
    answer.status = status;
    answer.latest_ledger = None;
    answer.body = Some(if kind.is_empty() {
        b"nothing here".to_vec()
    } else {
        problem(status, kind)
    });
}

fn problem(status: u16, kind: &str) -> Vec<u8> {
    json!({
        "type": format!("https://stellar.org/horizon-errors/{kind}"),
        "title": kind,
        "status": status,
        "extras": { "envelope_xdr": "" },
    })
    .to_string()
    .into_bytes()
}
