//! Forgetting stored answers whose time is over.

use crate::store::{Store, StoreError};

/// Keys of one statement: a purge must not hold locks for long.
const BATCH: u32 = 1000;
/// Statements of one purge; what is left over waits for the next.
const MAX_BATCHES: u32 = 1000;

/// Forgets every expired idempotency key; to be called once an hour. Returns how many there were. Expiry is checked on every read
/// as well, so this only frees space. Intents, and their uniqueness, never expire.
///
/// # Errors
/// [`StoreError`]; what was forgotten until then stays so.
pub async fn purge_expired_keys(store: &Store) -> Result<u64, StoreError> {
    let mut purged = 0;
    for _ in 0..MAX_BATCHES {
        let batch = store.purge_keys(i64::from(BATCH)).await?;
        purged += batch;
        if batch < u64::from(BATCH) {
            break;
        }
    }
    Ok(purged)
}
