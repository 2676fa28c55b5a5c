//! What previews may ask of the Horizons.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The share of the Horizons' budget that previews may take.
const SHARE: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");

/// How many requests previews may make: what they take, intents in flight lack.
pub struct Allowance(Option<DefaultDirectRateLimiter>);

impl Allowance {
    /// A part of what may be asked of each Horizon in an hour; 0: any number.
    #[must_use]
    pub fn of(requests_per_hour: u32) -> Self {
        // A small budget has a small share, not none that would count as any number.
        let budget = NonZeroU32::new(requests_per_hour);
        let share = budget.map(|hourly| hourly.div_ceil(SHARE));
        Self(share.map(|share| RateLimiter::direct(Quota::per_hour(share))))
    }

    /// Takes so many, or says when they may be had.
    pub(super) fn take(&self, requests: usize) -> Result<(), Duration> {
        let requests = u32::try_from(requests).ok().and_then(NonZeroU32::new);
        let (Some(limiter), Some(requests)) = (&self.0, requests) else {
            return Ok(());
        };
        match limiter.check_n(requests) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                Err(wait)
            }
            // More than an hour allows at all.
            Err(_) => Err(Duration::from_secs(3600)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_budget_is_a_bound_too() {
        assert!(Allowance::of(0).take(1_000).is_ok());
        for hourly in [1, 3, 4] {
            let allowance = Allowance::of(hourly);
            assert!(allowance.take(2).is_err(), "{hourly}");
            assert!(allowance.take(1).is_ok(), "{hourly}");
            assert!(allowance.take(1).is_err(), "{hourly}");
        }
    }
}
