//! Whether an endpoint may be asked now: our budget, the pause that it asked for, and its health.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::domain::observation::{Unknown, UnknownKind};

/// How many requests may follow each other at once, as public servers allow.
const BURST_REQUESTS: NonZeroU32 = NonZeroU32::new(100).expect("100 is not 0");
/// The pause after a 429 that names none.
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);
/// How long an endpoint that failed is chosen only where all have failed.
const FAILING_PAUSE: Duration = Duration::from_secs(5);

/// One for all: making one asks the processor what it can do.
static CLOCK: LazyLock<DefaultClock> = LazyLock::new(DefaultClock::default);

/// Shared by all requests to one base URL.
#[derive(Debug)]
pub struct Gate {
    budget: Option<DefaultDirectRateLimiter>,
    opened: Instant,
    /// Milliseconds since `opened` until which nothing is sent.
    paused_until: AtomicU64,
    /// Milliseconds since `opened` until which others are preferred.
    failing_until: AtomicU64,
}

impl Gate {
    /// A gate for so many requests an hour; 0: any number.
    pub fn new(requests_per_hour: u32) -> Self {
        let budget = NonZeroU32::new(requests_per_hour).map(|hourly| {
            let burst = hourly.min(BURST_REQUESTS);
            let quota = Quota::per_hour(hourly).allow_burst(burst);
            RateLimiter::direct_with_clock(quota, CLOCK.clone())
        });
        Self {
            budget,
            opened: Instant::now(),
            paused_until: AtomicU64::new(0),
            failing_until: AtomicU64::new(0),
        }
    }

    /// Lets one request pass, or says how long it must wait. Then nothing was sent.
    pub fn admit(&self) -> Result<(), Unknown> {
        let refuse = |detail: &str, wait| Unknown {
            kind: UnknownKind::Budget,
            status: None,
            detail: detail.to_owned(),
            retry_after: Some(wait),
        };
        let pause = self.left(&self.paused_until);
        if !pause.is_zero() {
            return Err(refuse("not sent: this server asked us to wait", pause));
        }
        let Some(budget) = &self.budget else {
            return Ok(());
        };
        budget.check().map_err(|until| {
            let wait = until.wait_time_from(CLOCK.now());
            refuse("not sent: our own budget of requests is used up", wait)
        })
    }

    /// Nothing is sent for this long, or for the default where the answer names nothing.
    pub fn pause(&self, retry_after: Option<Duration>) {
        self.extend(&self.paused_until, retry_after.unwrap_or(DEFAULT_PAUSE));
    }

    /// The endpoint did not answer as one that works.
    pub fn failed(&self) {
        self.extend(&self.failing_until, FAILING_PAUSE);
    }

    /// It did.
    pub fn worked(&self) {
        self.failing_until.store(0, Ordering::Relaxed);
    }

    /// How long until it should be chosen; zero: now.
    pub fn ready_in(&self) -> Duration {
        self.left(&self.paused_until)
            .max(self.left(&self.failing_until))
    }

    fn left(&self, until: &AtomicU64) -> Duration {
        Duration::from_millis(until.load(Ordering::Relaxed)).saturating_sub(self.opened.elapsed())
    }

    fn extend(&self, until: &AtomicU64, by: Duration) {
        let end = (self.opened.elapsed() + by).as_millis();
        until.fetch_max(u64::try_from(end).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
