//! Where an intent is and why, in plain words, out of what is on record of it.

mod call;
mod code;
mod happened;
mod standing;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use call::{CallEvent, CallExplained};
pub use code::{CODES, CodeMeaning, Remedy, meaning_of};
pub use happened::happened;

use super::reason::Reason;

/// Where an intent is. The last four are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Accepted; no open attempt.
    Queued,
    /// One open attempt.
    InFlight,
    /// Needs a changed state, or a person.
    Parked,
    /// Landed.
    Succeeded,
    /// It can never succeed.
    Failed,
    /// Its time was over.
    Expired,
    /// On request.
    Canceled,
}

impl Status {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::InFlight,
        Self::Parked,
        Self::Succeeded,
        Self::Failed,
        Self::Expired,
        Self::Canceled,
    ];

    /// As it is on record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InFlight => "in_flight",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }

    /// The status that is written so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// An attempt, as far as it is told of.
#[derive(Clone, Debug)]
pub struct AttemptStory {
    /// 1 for the first.
    pub number: u32,
    /// Whose sequence number it uses.
    pub channel: String,
    /// Which.
    pub sequence: String,
    /// The first ledger that is too late; 0 for none.
    pub max_ledger: i64,
    /// When it can land at last, RFC 3339.
    pub not_after: Option<String>,
    /// `signed`, `landed`, `landed_failed` or `dead`.
    pub state: String,
    /// Somebody else built and signed it.
    pub presigned: bool,
    /// It only brings archived entries back, for the call after it.
    pub restores: bool,
    /// Its POSTs that are kept: when they were answered, and how.
    pub sent: Vec<(String, Value)>,
    /// Of a recorded call: what it returned, the error that it failed with, its events.
    pub call: Option<Value>,
}

/// An event, as it is on record.
#[derive(Clone, Debug)]
pub struct EventStory {
    /// When, RFC 3339.
    pub at: String,
    /// Its type.
    pub kind: String,
    /// Its particulars.
    pub data: Value,
}

/// What is on record of an intent.
#[derive(Clone, Debug)]
pub struct Story {
    /// Its id.
    pub id: String,
    /// The workflow.
    pub workflow_id: String,
    /// What of it.
    pub method: String,
    /// Where it is.
    pub status: Status,
    /// Whether somebody canceled it.
    pub cancel_requested: bool,
    /// Why it is there.
    pub reason: Option<Reason>,
    /// When it may be taken up next, RFC 3339, where that is still to come.
    pub due_at: Option<String>,
    /// Others with the same key come before it.
    pub ordering_key: Option<String>,
    /// Not in a ledger that closes later, RFC 3339.
    pub valid_until: Option<String>,
    /// Accepted, RFC 3339.
    pub accepted_at: String,
    /// The recorded transaction that decided it.
    pub transaction: Option<Value>,
    /// Its attempts, the oldest first.
    pub attempts: Vec<AttemptStory>,
    /// Its events that are kept, the oldest first.
    pub events: Vec<EventStory>,
    /// Whether everything of ours on the chain is explained by the records; until then nothing is signed.
    pub explained: bool,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Happening {
    /// When, RFC 3339.
    pub at: String,
    /// What.
    pub text: String,
}

/// What a reason's code means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonExplained {
    /// The code.
    pub code: String,
    /// What it means.
    pub means: String,
    /// About this case.
    pub detail: String,
    /// What can be done.
    pub what_to_do: String,
}

/// An intent, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Its id.
    pub id: String,
    /// The workflow.
    pub workflow_id: String,
    /// What of it.
    pub method: String,
    /// Where it is.
    pub status: String,
    /// One sentence.
    pub summary: String,
    /// What happened, the oldest first.
    pub happened: Vec<Happening>,
    /// What a contract call came to, where that is on record.
    pub call: Option<CallExplained>,
    /// Why it is where it is.
    pub reason: Option<ReasonExplained>,
    /// What it waits for; null where it is final.
    pub waits_for: Option<String>,
    /// Why nothing is paid twice, or reported wrongly.
    pub safe_because: String,
    /// What comes next.
    pub next: String,
}

/// Explains an intent.
#[must_use]
pub fn explain(story: &Story) -> Explanation {
    Explanation {
        id: story.id.clone(),
        workflow_id: story.workflow_id.clone(),
        method: story.method.clone(),
        status: story.status.as_str().to_owned(),
        summary: standing::summary(story),
        happened: happened(story),
        call: call::explained(story),
        reason: story.reason.as_ref().map(reason),
        waits_for: standing::waits_for(story),
        safe_because: standing::safe_because(story),
        next: standing::next(story),
    }
}

fn reason(reason: &Reason) -> ReasonExplained {
    let known = meaning_of(&reason.code);
    ReasonExplained {
        code: reason.code.clone(),
        means: known.map_or_else(|| reason.title.clone(), |known| known.means.to_owned()),
        detail: reason.detail.clone(),
        what_to_do: known
            .map_or(Remedy::Look, |known| known.remedy)
            .text()
            .to_owned(),
    }
}

impl Explanation {
    /// For a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut lines = vec![
            format!("{} ({}), intent {}", self.workflow_id, self.method, self.id),
            format!("{}: {}", self.status, self.summary),
            String::new(),
            "What happened".to_owned(),
        ];
        let happened = self.happened.iter();
        lines.extend(happened.map(|one| format!("  {}  {}", seconds(&one.at), one.text)));
        let mut part = |head: &str, text: &str| {
            lines.push(String::new());
            lines.push(head.to_owned());
            lines.push(format!("  {text}"));
        };
        let told = self.call.as_ref().map(CallExplained::lines);
        if let Some(told) = told.filter(|told| !told.is_empty()) {
            part("What the call came to", &told.join("\n  "));
        }
        if let Some(reason) = &self.reason {
            part(
                &format!("Why: {}", reason.code),
                &format!("{} ({})", reason.means, reason.detail),
            );
            part("What you can do", &reason.what_to_do);
        }
        if let Some(waits_for) = &self.waits_for {
            part("It waits for", waits_for);
        }
        part("It is safe because", &self.safe_because);
        part("What comes next", &self.next);
        lines.push(String::new());
        lines.join("\n")
    }
}

/// A time to the second.
fn seconds(at: &str) -> String {
    match at.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => at.to_owned(),
    }
}
