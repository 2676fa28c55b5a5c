//! When NOT_FOUND may be read as an absence.

use super::observe::Found;
use crate::domain::observation::{LookUp, Unknown, UnknownKind};
use crate::domain::primitives::LedgerSeq;

/// Ledgers by which a server may be behind the newest ledger that was followed. One that is further behind cannot say that
/// something is absent.
const MAX_BEHIND_LEDGERS: u32 = 5;

impl Found {
    /// What was found, of a transaction that cannot have landed up to ledger `since`, by a server whose newest ledger was
    /// `watermark` before it was asked; `head` is the newest ledger that is known.
    ///
    /// An absence holds up to the watermark, and only where the server keeps every ledger from `since` to it. A landing
    /// needs none of that.
    #[must_use]
    pub fn read_as_of(self, watermark: LedgerSeq, since: LedgerSeq, head: LedgerSeq) -> LookUp {
        match (self.look_up, self.span) {
            (LookUp::Absent, Some(span)) if !span.holds(since, watermark) => silent(
                UnknownKind::Gone,
                "it does not keep all ledgers in which the transaction may be",
            ),
            (LookUp::Absent, Some(_)) if watermark.plus(MAX_BEHIND_LEDGERS) < head => {
                silent(UnknownKind::Unavailable, "it is behind the newest ledger")
            }
            (LookUp::Absent, None) => silent(
                UnknownKind::Unparsable,
                "it does not say which ledgers it has looked through",
            ),
            (found, _) => found,
        }
    }
}

fn silent(kind: UnknownKind, detail: &str) -> LookUp {
    LookUp::Unknown(Unknown {
        kind,
        status: Some(200),
        detail: detail.to_owned(),
        retry_after: None,
    })
}
