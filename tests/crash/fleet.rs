//! Daemons that are started again whenever they end, as an init system does.

use std::collections::BTreeMap;
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
/// Errors that are many, and no more than what was done to the database.
const AWAY: &str = "the database is away";
/// How long a drain may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// One place of the fleet, in which a daemon runs, or is about to.
pub struct Seat {
    process: Process,
    /// Where its API is, as far as it has said so.
    api: Option<String>,
    errors: Errors,
}

/// What daemons said of level ERROR, without numbers, and how often.
pub type Errors = BTreeMap<String, u64>;

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
            errors: Errors::new(),
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

    /// Ends all of them in good order; returns all the errors that they told of.
    pub async fn end(self) -> Errors {
        for keeper in self.keepers {
            keeper.abort();
            if let Err(ended) = keeper.await
                && ended.is_panic()
            {
                std::panic::resume_unwind(ended.into_panic());
            }
        }
        let mut errors = Errors::new();
        for seat in self.seats {
            let mut seat = seat.lock().await;
            let status = seat.process.terminate(DRAIN_LIMIT);
            assert!(status.success(), "{status}: {}", seat.process.log());
            seat.read_log();
            for (error, count) in &seat.errors {
                *errors.entry(error.clone()).or_default() += count;
            }
        }
        errors
    }
}

impl Seat {
    /// Takes the errors out of the log of one that has ended. A panic fails the test: nothing that happens here excuses it.
    fn read_log(&mut self) {
        let log = self.process.log();
        assert!(!log.contains("panicked at"), "{log}");
        for line in log.lines() {
            let error = match serde_json::from_str::<Value>(line) {
                Ok(line) if line["level"] == "ERROR" => {
                    format!("{} {}{}", line["message"], line["error"], line["cause"])
                }
                Ok(_) => continue,
                Err(_) => line.to_owned(),
            };
            if !error.contains(AWAY) {
                println!("{line}");
            }
            let words = error.replace(|letter: char| letter.is_ascii_digit(), "");
            *self.errors.entry(words).or_default() += 1;
        }
    }
}

/// Starts a daemon again whenever it has ended, and learns where it listens.
async fn keep(setup: Setup, seat: Arc<Mutex<Seat>>) {
    loop {
        {
            let mut seat = seat.lock().await;
            if seat.process.ended().is_some() {
                seat.read_log();
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
