//! Ledger and queue together: what a stellar-core is to its Horizon.

use std::sync::Arc;

use super::ledger::Ledger;
use super::ledger::frame::Frame;
use super::queue::{Answer, Fate, Queue};

/// A network of one node.
pub struct Core {
    ledger: Ledger,
    queue: Queue,
}

impl Core {
    /// With an empty queue.
    pub fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            queue: Queue::default(),
        }
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The ledger, to be set up or set otherwise.
    pub fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// How many transactions wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Takes a transaction, or says why not, at a time (Unix seconds).
    pub fn submit(&mut self, frame: &Arc<Frame>, now: u64, fate: Fate) -> Answer {
        self.queue.add(&self.ledger, frame, now, fate)
    }

    /// Closes a ledger at a time (Unix seconds) over the best of the queue.
    pub fn close(&mut self, now: u64) {
        let close_time = self.ledger.next_close_time(now);
        self.queue.trim(&self.ledger, close_time);
        let set = self.queue.select(&self.ledger);
        self.ledger.close(close_time, set.frames.clone(), set.rates);
        self.queue.closed(&set.frames, &self.ledger, now);
    }
}
