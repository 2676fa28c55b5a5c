//! How far the server's log was seen to go. A server whose files were put back has the same name and a shorter log: what was
//! committed in between is gone, and whoever saw the longer one can tell.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use sqlx::PgConnection;

use super::StoreError;

/// Shared by all connections of a process.
#[derive(Debug, Default)]
pub struct LogPosition {
    /// The farthest that was seen; 0 for none.
    farthest: AtomicI64,
    /// It was seen to be shorter than before, and that is not on record yet.
    fell_back: AtomicBool,
}

impl LogPosition {
    /// Asks a connection, and notes where it has fallen back.
    ///
    /// # Errors
    /// Those of the statement; also on a schema that lacks the function, where nothing can be said.
    pub async fn ask(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        // Before the question: an answer to a question that was asked later cannot be smaller.
        let before = self.farthest.load(Ordering::Acquire);
        let (now,): (i64,) = sqlx::query_as("select submitter.log_position()")
            .fetch_one(connection)
            .await?;
        self.note(before, now);
        Ok(())
    }

    /// Notes an answer to a question that was asked when `before` was the farthest.
    pub fn note(&self, before: i64, now: i64) {
        if now > 0 && now < before {
            self.fell_back.store(true, Ordering::Release);
        }
        self.farthest.fetch_max(now, Ordering::AcqRel);
    }

    /// The farthest that was seen; 0 for none.
    pub fn farthest(&self) -> i64 {
        self.farthest.load(Ordering::Acquire)
    }

    /// It has been farther: what another process has seen, or this one before it was started again.
    pub fn has_been(&self, position: i64) {
        self.farthest.fetch_max(position, Ordering::AcqRel);
    }

    /// Whether it has fallen back, and that is not on record yet.
    pub fn has_fallen_back(&self) -> bool {
        self.fell_back.load(Ordering::Acquire)
    }

    /// That it has fallen back is on record; from here on it goes on from where it is.
    pub fn on_record(&self, now: i64) {
        self.farthest.store(now, Ordering::Release);
        self.fell_back.store(false, Ordering::Release);
    }
}

impl super::Store {
    /// How far the server's log was seen to go.
    #[must_use]
    pub fn log_position(&self) -> i64 {
        self.pool.position().farthest()
    }

    /// An earlier life of this process, or another one, has seen the server's log go this far.
    pub fn remember_log_position(&self, position: i64) {
        self.pool.position().has_been(position);
    }

    /// Where the log has fallen back, notes that the records may lack what they once knew: they count as not explained, and
    /// every lease that they have is ended. Says whether that was so.
    ///
    /// # Errors
    /// [`StoreError`]: then it is still to be noted.
    pub async fn note_fallen_log(&self) -> Result<bool, StoreError> {
        let position = self.pool.position();
        if !position.has_fallen_back() {
            return Ok(false);
        }
        let (now,): (i64,) = sqlx::query_as(
            "with moved as (
               update submitter.network set explained = false, quarantine_until = null,
                 recovery_window = coalesce(recovery_window, 1), doubts = doubts + 1, updated_at = now()),
             ended as (
               update submitter.workers set lease_until = now() where lease_until > now())
             select submitter.log_position()",
        )
        .fetch_one(&self.pool)
        .await?;
        position.on_record(now);
        tracing::warn!(
            "the database's files were put back to an earlier time: the records may lack what they once knew"
        );
        Ok(true)
    }
}
