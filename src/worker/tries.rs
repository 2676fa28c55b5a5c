//! Asking Horizon again. Explaining the chain takes thousands of questions: one of them that gets no answer must not undo
//! what all the others have found out.

use std::time::Duration;

use crate::domain::observation::{Unknown, UnknownKind};
use crate::domain::primitives::{AccountId, LedgerSeq};
use crate::horizon::Endpoint;

/// Times that a question is asked again where a rate limit says when.
const MAX_LIMITED: u32 = 200;
/// The longest wait that a rate limit may ask for.
const MAX_LIMITED_WAIT: Duration = Duration::from_secs(60);
/// Times that it is asked again where nothing says when.
const MAX_FAILED: u32 = 5;
/// As many of them a deadline counts that passed: it has cost its wait already.
const DEADLINE_COUNTS: u32 = 2;
/// The first wait then; each is longer by as much.
const FAILED_WAIT: Duration = Duration::from_millis(100);

/// Times that an account is looked at again where its state is too old.
const MAX_BEHIND: u32 = 20;
/// Between these: they last longer than a ledger takes.
const BEHIND_WAIT: Duration = Duration::from_millis(400);

/// How often a question was asked in vain.
#[derive(Debug, Default)]
pub(super) struct Tries {
    limited: u32,
    failed: u32,
    behind: u32,
}

impl Tries {
    /// Waits until it may be asked again.
    ///
    /// # Errors
    /// What went wrong, where it was asked often enough, or no other answer can be hoped for.
    pub(super) async fn again(
        &mut self,
        endpoint: &Endpoint,
        unknown: &Unknown,
    ) -> Result<(), String> {
        let wait = match unknown.retry_after {
            Some(after) if self.limited < MAX_LIMITED => {
                self.limited += 1;
                after.min(MAX_LIMITED_WAIT)
            }
            None if self.failed < MAX_FAILED && may_pass(unknown.kind) => {
                self.failed += if unknown.kind == UnknownKind::Deadline {
                    DEADLINE_COUNTS
                } else {
                    1
                };
                FAILED_WAIT * self.failed
            }
            _ => return Err(format!("Horizon {}: {}", endpoint.name(), unknown.detail)),
        };
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Waits until this Horizon, or another one, may have come as far as a ledger.
    ///
    /// # Errors
    /// How far it was, where that was asked often enough.
    pub(super) async fn behind(
        &mut self,
        endpoint: &Endpoint,
        account: AccountId,
        as_of: LedgerSeq,
        since: LedgerSeq,
    ) -> Result<(), String> {
        if self.behind == MAX_BEHIND {
            return Err(format!(
                "Horizon {} shows {account} as of ledger {as_of}, and ledger {since} is waited for",
                endpoint.name(),
            ));
        }
        self.behind += 1;
        tokio::time::sleep(BEHIND_WAIT).await;
        Ok(())
    }
}

/// Whether it is the kind of mishap that strikes one request and spares the next: of several Horizons, one that does not answer is
/// passed over the next time.
const fn may_pass(kind: UnknownKind) -> bool {
    matches!(
        kind,
        UnknownKind::Cut
            | UnknownKind::Timeout
            | UnknownKind::RateLimited
            | UnknownKind::Unavailable
            | UnknownKind::ServerError
            | UnknownKind::Unreachable
            | UnknownKind::Deadline
    )
}
