//! What chance decides in a history, what happened how often, and what was seen in which order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// How often each thing happened.
pub type Census = BTreeMap<&'static str, u64>;

struct Inner {
    rng: ChaCha8Rng,
    calm: bool,
    census: Census,
    digest: u64,
    lines: Option<Vec<String>>,
    now: Box<dyn Fn() -> u64 + Send>,
}

/// The only source of chance in a history.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<Inner>>);

impl Dice {
    /// Out of a seed. `now` tells the simulated milliseconds; only with `keep` there is a trace.
    pub fn new(seed: u64, keep: bool, now: Box<dyn Fn() -> u64 + Send>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            rng: ChaCha8Rng::seed_from_u64(seed),
            calm: false,
            census: Census::new(),
            digest: 0xcbf2_9ce4_8422_2325,
            lines: keep.then(Vec::new),
            now,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something happens that happens at this rate.
    pub fn chance(&self, rate: f64) -> bool {
        let roll: f64 = self.inner().rng.random();
        roll < rate
    }

    /// A number below `count`; 0 for none.
    pub fn below(&self, count: u64) -> u64 {
        if count == 0 {
            0
        } else {
            self.inner().rng.random_range(0..count)
        }
    }

    /// A number from `low` to `high`.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether a fault strikes that strikes at this rate: none does once it is calm.
    pub fn strikes(&self, what: &'static str, rate: f64) -> bool {
        let strikes = self.aims(rate);
        if strikes {
            self.struck(what);
        }
        strikes
    }

    /// The same of a fault that may miss: it is counted where it struck.
    pub fn aims(&self, rate: f64) -> bool {
        let mut inner = self.inner();
        let roll: f64 = inner.rng.random();
        !inner.calm && roll < rate
    }

    /// A fault has struck.
    pub fn struck(&self, what: &'static str) {
        self.count(what);
        self.note(format_args!("fault: {what}"));
    }

    /// From now on no fault strikes.
    pub fn calm_down(&self) {
        self.inner().calm = true;
    }

    /// Whether no fault strikes any more.
    pub fn is_calm(&self) -> bool {
        self.inner().calm
    }

    /// Counts something that happened.
    pub fn count(&self, what: &'static str) {
        *self.inner().census.entry(what).or_default() += 1;
    }

    /// Puts a line into the trace.
    pub fn note(&self, line: fmt::Arguments<'_>) {
        let mut inner = self.inner();
        if inner.lines.is_none() {
            return;
        }
        let line = format!("{:>8} {line}", (inner.now)());
        for byte in line.bytes() {
            // FNV-1a: only equal runs must be told from others.
            inner.digest = (inner.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if let Some(lines) = &mut inner.lines {
            lines.push(line);
        }
    }

    /// What happened how often, the trace's digest, and the trace where it was kept.
    pub fn into_record(self) -> (Census, u64, Vec<String>) {
        let mut inner = self.inner();
        (
            std::mem::take(&mut inner.census),
            inner.digest,
            inner.lines.take().unwrap_or_default(),
        )
    }
}
