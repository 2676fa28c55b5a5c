//! One life of a daemon's process: killed or frozen between any two of its steps.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::dice::Dice;
use super::plan::Rates;

/// What is gone with its connection: a claim that is not committed, the right to explain.
pub type Held<T> = Arc<Mutex<Option<Box<T>>>>;

/// Takes it, where it is not gone.
pub fn take<T: ?Sized>(held: &Mutex<Option<Box<T>>>) -> Option<Box<T>> {
    held.lock().unwrap_or_else(PoisonError::into_inner).take()
}

trait Release: Send + Sync {
    /// Its connection is closed.
    fn release(&self);
    /// Nothing is left of it.
    fn is_over(&self) -> bool;
}

impl<T: ?Sized + Send> Release for Mutex<Option<Box<T>>> {
    fn release(&self) {
        take(self);
    }

    fn is_over(&self) -> bool {
        self.lock().is_ok_and(|held| held.is_none())
    }
}

#[derive(Default)]
struct State {
    dead: bool,
    frozen_until: Option<Instant>,
    held: Vec<Arc<dyn Release>>,
}

/// A life. Everything that it does beyond computing passes here, before and after: whoever is dead goes no further.
#[derive(Clone)]
pub struct Life {
    state: Arc<Mutex<State>>,
    died: Arc<Notify>,
    /// Chance.
    pub dice: Dice,
    /// How often what goes wrong.
    pub rates: Arc<Rates>,
    /// Which daemon, for the trace.
    pub name: &'static str,
}

impl Life {
    /// Begins.
    pub fn begin(name: &'static str, dice: Dice, rates: Arc<Rates>) -> Self {
        Self {
            state: Arc::default(),
            died: Arc::default(),
            dice,
            rates,
            name,
        }
    }

    /// Ends at once, wherever it is: like a kill -9.
    pub fn kill(&self) {
        let held = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.dead = true;
            std::mem::take(&mut state.held)
        };
        // Its connections are closed, so what it had begun is undone.
        for held in held {
            held.release();
        }
        self.dice.note(format_args!("{} is killed", self.name));
        self.died.notify_one();
    }

    /// Stands still for a while, and then goes on as if nothing had been: like SIGSTOP and SIGCONT.
    pub fn freeze(&self, time: Duration) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .frozen_until = Some(Instant::now() + time);
        self.dice
            .note(format_args!("{} is frozen for {time:?}", self.name));
    }

    /// Keeps what ends with this life, whoever of its tasks has it.
    pub fn hold<T: ?Sized + Send + 'static>(&self, what: Box<T>) -> Held<T> {
        let held: Held<T> = Arc::new(Mutex::new(Some(what)));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held.retain(|held| !held.is_over());
        state.held.push(Arc::clone(&held) as Arc<dyn Release>);
        held
    }

    /// Comes once it is dead.
    pub async fn death(&self) {
        self.died.notified().await;
    }

    /// Goes on, if it may: at once, after it was frozen, or never.
    async fn live(&self) {
        loop {
            let until = {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.dead {
                    None
                } else {
                    match state.frozen_until {
                        Some(until) if until > Instant::now() => Some(until),
                        Some(_) | None => return,
                    }
                }
            };
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Before a step, or after it: here it may die or freeze.
    pub async fn pass(&self, died: &'static str) {
        self.live().await;
        if self.dice.strikes(died, self.rates.crash) {
            self.kill();
        }
        if self.dice.strikes("frozen", self.rates.freeze) {
            self.freeze(Duration::from_secs(self.dice.between(1, 60)));
        }
        self.live().await;
    }
}
