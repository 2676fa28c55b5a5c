//! Asking a Horizon until it answers: a growing while between two tries, and as long as it asks for where it is busy.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::history::{HistoryError, Span};
use crate::domain::observation::{NetworkStatus, Unknown, UnknownKind};
use crate::horizon::{Endpoint, NetworkError};
use crate::retry::{RetryLimits, RetrySchedule};

/// How long a read that got no answer is tried again.
const TRIES: RetryLimits = RetryLimits {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(10),
    longest_asked: Duration::from_secs(3600),
    attempts: 8,
};
/// Waits that a rate limit may ask for, one after the other.
const MAX_RATE_WAITS: u32 = 100;

/// What a Horizon says of itself, asked again where it asks for time.
///
/// # Errors
/// [`NetworkError`]: no answer, or another network.
pub async fn status(endpoint: &Endpoint) -> Result<NetworkStatus, NetworkError> {
    let mut patience = Patience::new(endpoint, "its state");
    loop {
        match endpoint.check_network().await {
            Err(NetworkError::Unknown { endpoint, unknown }) => {
                let again = patience.after(unknown.clone()).await;
                again.map_err(|_| NetworkError::Unknown { endpoint, unknown })?;
            }
            answer => return answer,
        }
    }
}

/// Checks that a Horizon has the span, and says what it has.
///
/// # Errors
/// [`HistoryError`]: reaped, not there yet, or no answer.
pub async fn covers(endpoint: &Endpoint, span: Span) -> Result<NetworkStatus, HistoryError> {
    let mut patience = Patience::new(endpoint, "its state");
    loop {
        match endpoint.root().await {
            Ok(status) => {
                let endpoint = endpoint.name().to_owned();
                if status.elder > span.first {
                    return Err(HistoryError::Reaped {
                        endpoint,
                        elder: status.elder,
                        first: span.first,
                    });
                }
                if status.latest < span.last {
                    return Err(HistoryError::NotYet {
                        endpoint,
                        latest: status.latest,
                        last: span.last,
                    });
                }
                return Ok(status);
            }
            Err(unknown) => patience.after(unknown).await?,
        }
    }
}

/// How often and when one question is asked again.
pub(super) struct Patience<'a> {
    endpoint: &'a Endpoint,
    what: &'static str,
    schedule: RetrySchedule<StdRng>,
    rate_waits: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(endpoint: &'a Endpoint, what: &'static str) -> Self {
        Self {
            endpoint,
            what,
            schedule: RetrySchedule::new(TRIES, StdRng::seed_from_u64(rand::random())),
            rate_waits: 0,
        }
    }

    /// Waits until it may be asked again: as long as a rate limit asks for, or a growing while.
    pub(super) async fn after(&mut self, unknown: Unknown) -> Result<(), HistoryError> {
        use UnknownKind as K;
        let delay = match unknown.kind {
            K::RateLimited | K::Budget => {
                self.rate_waits += 1;
                let ready = self.endpoint.ready_in();
                let asked = unknown.retry_after.unwrap_or_default().max(ready);
                (self.rate_waits <= MAX_RATE_WAITS).then_some(asked.max(TRIES.first))
            }
            K::Gone | K::BadRequest => None,
            K::Unreachable
            | K::Cut
            | K::Deadline
            | K::Timeout
            | K::Unavailable
            | K::ServerError
            | K::SubmissionDisabled
            | K::Unparsable
            | K::Lying => self.schedule.next_delay(unknown.retry_after),
        };
        let Some(delay) = delay else {
            return Err(HistoryError::Silent {
                endpoint: self.endpoint.name().to_owned(),
                what: self.what,
                unknown,
            });
        };
        tokio::time::sleep(delay).await;
        Ok(())
    }
}
