//! The sandbox's own clock: the machine's, or one that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Now, for measuring how long something takes; no time of day.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Where the time of day comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// From the machine.
    #[default]
    System,
    /// From whoever holds the other end: Unix seconds.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands until it is set, and what sets it.
    pub fn manual(unix_seconds: u64) -> (Self, Arc<AtomicU64>) {
        let time = Arc::new(AtomicU64::new(unix_seconds));
        (Self::Manual(Arc::clone(&time)), time)
    }

    /// Unix seconds.
    pub fn now(&self) -> u64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_secs()),
            Self::Manual(time) => time.load(Ordering::Relaxed),
        }
    }

    /// Unix milliseconds.
    pub fn now_millis(&self) -> u64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| {
                    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
                }),
            Self::Manual(time) => time.load(Ordering::Relaxed).saturating_mul(1000),
        }
    }
}
