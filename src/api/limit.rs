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

    /// Counts so many posts, all or none.
    ///
    /// # Errors
    /// 429 beyond the limit, with when to come back.
    pub fn count(&self, tenant: &Arc<str>, posts: usize) -> Result<(), Problem> {
        let Some((limiter, most)) = &self.0 else {
            return Ok(());
        };
        let Some(posts) = u32::try_from(posts).ok().and_then(NonZeroU32::new) else {
            return Ok(());
        };
        let refuse = |seconds| {
            let detail = format!("a tenant may post {most} intents a second");
            Problem::over_limit(seconds, detail)
        };
        match limiter.check_key_n(tenant, posts) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                let seconds = wait
                    .saturating_add(Duration::from_millis(999))
                    .as_secs()
                    .max(1);
                Err(refuse(u32::try_from(seconds).unwrap_or(u32::MAX)))
            }
            // More at once than a second allows: no wait helps, fewer at once do.
            Err(_) => Err(refuse(1)),
        }
    }
}
