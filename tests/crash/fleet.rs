//! Daemons that are started again whenever they end, as an init system does.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::support::Process;
use crate::world::Setup;

/// How often each is looked at.
const POLL: Duration = Duration::from_millis(30);
/// How long a drain may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// One place of the fleet, in which a daemon runs, or is about to.
pub struct Seat {
    process: Process,
    /// Where its API is, as far as it has said so.
    api: Option<String>,
    /// It ended by itself so often, as it may when it cannot start.
    pub gave_up: usize,
}

/// The daemons of a world.
pub struct Fleet {
    seats: Vec<Arc<Mutex<Seat>>>,
    keepers: Vec<JoinHandle<()>>,
}

impl Fleet {
    pub fn start(setup: &Setup, count: usize) -> Self {
        let seat = || Seat {
            process: setup.spawn(&["run"]),
            api: None,
            gave_up: 0,
        };
        let seats: Vec<_> = (0..count).map(|_| Arc::new(Mutex::new(seat()))).collect();
        let keepers = seats
            .iter()
            .map(|seat| tokio::spawn(keep(setup.clone(), Arc::clone(seat))))
            .collect();
        Self { seats, keepers }
    }

    /// Where daemons answer now, or did a moment ago.
    pub async fn apis(&self) -> Vec<String> {
        let mut apis = Vec::new();
        for seat in &self.seats {
            // One that is held is frozen, or just being killed.
            if let Ok(seat) = seat.try_lock() {
                apis.extend(seat.api.clone());
            }
        }
        apis
    }

    async fn seat(&self, draw: u64) -> MutexGuard<'_, Seat> {
        let count = u64::try_from(self.seats.len()).unwrap();
        let index = usize::try_from(draw % count).unwrap();
        self.seats[index].lock().await
    }

    /// `kill -9` of one. Returns whether it ran.
    pub async fn kill(&self, draw: u64) -> bool {
        let mut seat = self.seat(draw).await;
        if seat.process.ended().is_some() {
            return false;
        }
        seat.process.kill();
        seat.api = None;
        true
    }

    /// Freezes one for so long. Returns whether it ran.
    pub async fn freeze(&self, draw: u64, length: Duration) -> bool {
        let mut seat = self.seat(draw).await;
        if seat.process.ended().is_some() {
            return false;
        }
        seat.process.signal_now(Signal::STOP);
        // Held meanwhile, so that nobody waits for the end of one that cannot hear.
        tokio::time::sleep(length).await;
        seat.process.signal_now(Signal::CONT);
        true
    }

    /// Ends all of them in good order; returns how often they had ended by themselves before.
    pub async fn end(self) -> usize {
        for keeper in self.keepers {
            keeper.abort();
            if let Err(ended) = keeper.await
                && ended.is_panic()
            {
                std::panic::resume_unwind(ended.into_panic());
            }
        }
        let mut gave_up = 0;
        for seat in self.seats {
            let mut seat = seat.lock().await;
            let status = seat.process.terminate(DRAIN_LIMIT);
            let log = seat.process.log();
            assert!(status.success(), "{status}: {log}");
            no_panic(&log);
            gave_up += seat.gave_up;
        }
        gave_up
    }
}

/// Starts a daemon again whenever it has ended, and learns where it listens.
async fn keep(setup: Setup, seat: Arc<Mutex<Seat>>) {
    loop {
        {
            let mut seat = seat.lock().await;
            if let Some(status) = seat.process.ended() {
                let log = seat.process.log();
                no_panic(&log);
                if status.code().is_some() {
                    seat.gave_up += 1;
                    println!("a daemon gave up: {}", log.lines().last().unwrap_or(""));
                }
                seat.process = setup.spawn(&["run"]);
                seat.api = None;
            }
            if seat.api.is_none() {
                seat.api = api(&seat.process.log());
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Where it listens, by its log.
fn api(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("the daemon runs"))?;
    let line: Value = serde_json::from_str(line).ok()?;
    let api = line["api"].as_str().or(line["fields"]["api"].as_str())?;
    Some(format!("http://{api}"))
}

fn no_panic(log: &str) {
    assert!(!log.contains("panicked at"), "{log}");
}
