//! Which intents may be posted by now: the pace of the load.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Numbers of intents, given out once each.
#[derive(Debug, Default)]
pub struct Tickets {
    granted: AtomicU64,
    taken: AtomicU64,
    closed: AtomicBool,
    more: Notify,
}

impl Tickets {
    /// Lets all numbers below `until` be taken; what was let before stays so.
    pub fn grant(&self, until: u64) {
        let before = self.granted.fetch_max(until, Ordering::AcqRel);
        if until > before {
            self.more.notify_waiters();
        }
    }

    /// Lets any number be taken.
    pub fn grant_all(&self) {
        self.grant(u64::MAX);
    }

    /// How many were let.
    pub fn granted(&self) -> u64 {
        self.granted.load(Ordering::Acquire)
    }

    /// No number is given out any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.more.notify_waiters();
    }

    /// Whether that is so.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The next numbers, at most `most`; waits for them. `None` once it is closed.
    pub async fn take(&self, most: usize) -> Option<Range<u64>> {
        loop {
            let more = self.more.notified();
            tokio::pin!(more);
            // Before the look: what is granted in between must not be missed.
            more.as_mut().enable();
            if self.is_closed() {
                return None;
            }
            if let Some(range) = self.try_take(u64::try_from(most).unwrap_or(u64::MAX)) {
                return Some(range);
            }
            more.await;
        }
    }

    fn try_take(&self, most: u64) -> Option<Range<u64>> {
        let granted = self.granted();
        let next = |taken: u64| {
            let end = taken.saturating_add(most).min(granted);
            (end > taken).then_some(end)
        };
        self.taken
            .try_update(Ordering::AcqRel, Ordering::Acquire, next)
            .ok()
            .and_then(|start| Some(start..next(start)?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Tickets;

    #[tokio::test]
    async fn each_number_is_given_out_once_and_none_before_its_time() {
        let tickets = Arc::new(Tickets::default());
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let tickets = Arc::clone(&tickets);
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    while let Some(range) = tickets.take(7).await {
                        mine.extend(range);
                        tokio::task::yield_now().await;
                    }
                    mine
                })
            })
            .collect();
        for until in [3, 10, 10, 100] {
            tickets.grant(until);
            tokio::task::yield_now().await;
        }
        while tickets.taken.load(std::sync::atomic::Ordering::Acquire) < 100 {
            tokio::task::yield_now().await;
        }
        tickets.close();
        let mut all = Vec::new();
        for taker in takers {
            all.extend(taker.await.expect("no panic"));
        }
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<u64>>());
    }
}
