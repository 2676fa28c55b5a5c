//! When to try again: growing intervals with full jitter. The only user of `backoff` (`docs/adr/0004-backoff.md`),
//! whose types do not leave this file.
//!
//! This schedules work that is safe to repeat: reads, deliveries, connections. Whether an envelope is sent again is
//! decided by the engine, from what the chain says.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use rand::{Rng, RngExt as _};

/// Each interval is this much longer than the one before.
const MULTIPLIER: f64 = 2.0;

/// The bounds of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryLimits {
    /// The longest first delay.
    pub first: Duration,
    /// The longest delay of all, but for a server that asks for more.
    pub longest: Duration,
    /// The longest delay that a server may ask for.
    pub longest_asked: Duration,
    /// How many delays there are; then it gives up.
    pub attempts: u32,
}

/// The delays before one piece of work is tried again.
#[derive(Debug)]
pub struct RetrySchedule<R> {
    limits: RetryLimits,
    intervals: ExponentialBackoff,
    random: R,
    left: u32,
}

impl<R: Rng> RetrySchedule<R> {
    /// A schedule in these limits. The jitter comes from `random`, so that a run can be repeated.
    pub fn new(limits: RetryLimits, random: R) -> Self {
        let intervals = ExponentialBackoff {
            current_interval: limits.first,
            initial_interval: limits.first,
            // The jitter is ours: the library's cannot be seeded, and is not full.
            randomization_factor: 0.0,
            multiplier: MULTIPLIER,
            max_interval: limits.longest,
            // Attempts are counted; elapsed time would read a clock.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self {
            limits,
            intervals,
            random,
            left: limits.attempts,
        }
    }

    /// How long to wait before the next attempt, or `None` where there is none left. The delay is anywhere between
    /// nothing and the interval, so that many who failed together do not return together; where a server asked for
    /// more (`Retry-After`), it is what it asked for and the same jitter on top.
    pub fn next_delay(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let interval = self.intervals.next_backoff()?.min(self.limits.longest);
        let jitter = interval.mul_f64(self.random.random::<f64>());
        let asked = asked.unwrap_or_default().min(self.limits.longest_asked);
        Some(asked + jitter)
    }

    /// Begins again: it has worked.
    pub fn reset(&mut self) {
        self.intervals.reset();
        self.left = self.limits.attempts;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    const LIMITS: RetryLimits = RetryLimits {
        first: Duration::from_millis(100),
        longest: Duration::from_millis(500),
        longest_asked: Duration::from_secs(60),
        attempts: 5,
    };

    fn schedule(seed: u64) -> RetrySchedule<StdRng> {
        RetrySchedule::new(LIMITS, StdRng::seed_from_u64(seed))
    }

    #[test]
    fn delays_lie_in_growing_intervals_and_end() {
        let mut highest = [Duration::ZERO; 5];
        let mut lowest = [Duration::MAX; 5];
        for seed in 0..500 {
            let mut delays = schedule(seed);
            for step in 0..5 {
                let delay = delays.next_delay(None).expect("five delays");
                highest[step] = highest[step].max(delay);
                lowest[step] = lowest[step].min(delay);
            }
            assert_eq!(delays.next_delay(None), None);
            delays.reset();
            assert!(delays.next_delay(None).expect("it begins again") <= LIMITS.first);
        }
        for (step, bound) in [100, 200, 400, 500, 500].into_iter().enumerate() {
            let bound = Duration::from_millis(bound);
            assert!(highest[step] <= bound, "step {step}: {:?}", highest[step]);
            assert!(
                highest[step] > bound.mul_f64(0.9),
                "step {step}: {:?}",
                highest[step]
            );
            assert!(
                lowest[step] < bound.mul_f64(0.1),
                "step {step}: {:?}",
                lowest[step]
            );
        }
    }

    #[test]
    fn what_a_server_asks_for_is_kept_within_a_limit() {
        let mut delays = schedule(1);
        let asked = Duration::from_secs(7);
        let delay = delays.next_delay(Some(asked)).expect("a delay");
        assert!(delay >= asked && delay <= asked + LIMITS.first, "{delay:?}");
        let delay = delays
            .next_delay(Some(Duration::from_secs(86_400)))
            .expect("a delay");
        assert!(delay <= LIMITS.longest_asked + LIMITS.longest, "{delay:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let all = |seed| {
            let mut delays = schedule(seed);
            std::iter::from_fn(move || delays.next_delay(None)).collect::<Vec<_>>()
        };
        assert_eq!(all(7), all(7));
        assert_ne!(all(7), all(8));
    }
}
