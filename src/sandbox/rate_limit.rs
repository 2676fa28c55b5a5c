//! Horizon's rate limit, which also says how much is left and when: so it is counted here and not by a library that does not say.

use std::collections::HashMap;
use std::net::IpAddr;

/// The most addresses remembered; Horizon remembers 50,000.
const MAX_ADDRESSES: usize = 50_000;
/// Milliseconds in an hour.
const HOUR_MS: u64 = 3_600_000;

/// How much an address may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests an hour, in the long run.
    pub per_hour: u32,
    /// Requests at once beyond the first.
    pub burst: u32,
}

/// Horizon's own default.
impl Default for RateLimit {
    fn default() -> Self {
        Self {
            per_hour: 3600,
            burst: 100,
        }
    }
}

/// What a request is told of the limit. Times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Whether it may pass.
    pub allowed: bool,
    /// Requests at once.
    pub limit: u64,
    /// Requests left at once.
    pub remaining: u64,
    /// Until all of them are there again.
    pub reset_seconds: u64,
    /// Until one more may pass.
    pub retry_after_seconds: u64,
}

/// The generic cell rate algorithm: for each address the time at which it would have caught up.
pub struct RateLimiter {
    limit: RateLimit,
    caught_up: HashMap<IpAddr, u64>,
}

impl RateLimiter {
    /// Nobody has asked yet.
    pub fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            caught_up: HashMap::new(),
        }
    }

    /// Counts a request at a time (Unix milliseconds).
    pub fn check(&mut self, address: IpAddr, now_ms: u64) -> Allowance {
        let each = (HOUR_MS / u64::from(self.limit.per_hour.max(1))).max(1);
        let limit = u64::from(self.limit.burst) + 1;
        if self.caught_up.len() >= MAX_ADDRESSES {
            self.caught_up.retain(|_, time| *time > now_ms);
        }
        let owed = self
            .caught_up
            .get(&address)
            .copied()
            .unwrap_or(0)
            .saturating_sub(now_ms);
        let allowed = owed + each <= limit * each;
        let owed = if allowed { owed + each } else { owed };
        self.caught_up.insert(address, now_ms + owed);
        let wait = (owed + each).saturating_sub(limit * each);
        Allowance {
            allowed,
            limit,
            remaining: (limit * each - owed) / each,
            reset_seconds: owed.div_ceil(1000),
            retry_after_seconds: wait.div_ceil(1000),
        }
    }
}
