//! How often a tenant may post.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::problem::Problem;

/// A limit for each tenant; tenants come from keys on record, so there are few.
pub struct PostLimit(Option<(DefaultKeyedRateLimiter<Arc<str>>, NonZeroU32)>);

impl PostLimit {
    /// So many posts a second, or as many as come.
    pub fn new(per_second: Option<NonZeroU32>) -> Self {
        Self(per_second.map(|most| (RateLimiter::keyed(Quota::per_second(most)), most)))
    }

    /// Counts one post.
    ///
    /// # Errors
    /// 429 beyond the limit, with when to come back.
    pub fn count(&self, tenant: &Arc<str>) -> Result<(), Problem> {
        let Some((limiter, most)) = &self.0 else {
            return Ok(());
        };
        limiter.check_key(tenant).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let seconds = wait
                .saturating_add(Duration::from_millis(999))
                .as_secs()
                .max(1);
            Problem::over_limit(
                u32::try_from(seconds).unwrap_or(u32::MAX),
                format!("a tenant may post {most} intents a second"),
            )
        })
    }
}
