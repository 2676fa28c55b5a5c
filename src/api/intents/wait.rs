//! Waiting for an intent to be final.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::api::Shared;
use crate::api::problem::Problem;
use crate::store::intents::IntentRow;

/// The shortest and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));

/// The intent as soon as it is final, or as it is after `seconds`, or when this process is about to end.
///
/// # Errors
/// What the last look said.
pub async fn until_final(
    shared: &Shared,
    tenant: &str,
    id: Uuid,
    seconds: u32,
) -> Result<IntentRow, Problem> {
    let end = Instant::now() + Duration::from_secs(seconds.into());
    let mut pause = PAUSES.0;
    loop {
        let seen = shared.store.intent(tenant, id).await;
        let last = Instant::now() >= end || shared.draining.is_cancelled();
        match seen {
            Ok(Some(row)) if last || row.is_final() => return Ok(row),
            Ok(None) => return Err(Problem::no_such_intent()),
            Err(error) if last => return Err(error.into()),
            Ok(Some(_)) | Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep_until(end.min(Instant::now() + pause)) => {}
            () = shared.draining.cancelled() => {}
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}
