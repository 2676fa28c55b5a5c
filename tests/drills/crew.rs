//! Daemons that are started again whenever they end, as an init system does, and whose logs are kept.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::Process;
use crate::world::Setup;
use crate::world::daemon::Client;

/// How often each is looked at.
const POLL: Duration = Duration::from_millis(50);

/// The daemons of a drill.
pub struct Crew {
    shared: Arc<Mutex<Shared>>,
    keeper: JoinHandle<()>,
    client: Client,
}

struct Shared {
    setup: Setup,
    seats: Vec<Seat>,
    /// Whether they are started again.
    kept: bool,
    /// What those said that have ended.
    past: Vec<String>,
}

/// A place in which a daemon runs, or is about to.
struct Seat {
    process: Process,
    /// Where its API is, as far as it has said so.
    api: Option<String>,
}

impl Crew {
    pub fn start(setup: &Setup, count: usize) -> Self {
        let shared = Shared {
            setup: setup.clone(),
            seats: (0..count).map(|_| Seat::start(setup)).collect(),
            kept: true,
            past: Vec::new(),
        };
        let shared = Arc::new(Mutex::new(shared));
        Self {
            keeper: tokio::spawn(keep(Arc::clone(&shared))),
            shared,
            client: Client::new(String::new()),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// Those that answer, or did a moment ago.
    pub fn clients(&self) -> Vec<Client> {
        let shared = self.shared();
        let apis = shared.seats.iter().filter_map(|seat| seat.api.as_deref());
        apis.map(|api| self.client.at(api)).collect()
    }

    /// `kill -9` of all; nobody is started again.
    pub fn kill_all(&self) {
        let mut shared = self.shared();
        shared.kept = false;
        let mut ended = Vec::new();
        for seat in &mut shared.seats {
            seat.process.kill();
            seat.api = None;
            ended.push(seat.process.log());
        }
        shared.past.append(&mut ended);
    }

    /// Starts all of them again after they were killed, with other variables.
    pub fn begin_again(&self, setup: &Setup) {
        let mut shared = self.shared();
        shared.setup = setup.clone();
        shared.seats = shared.seats.iter().map(|_| Seat::start(setup)).collect();
        shared.kept = true;
    }

    /// What all of them have said, those that have ended first.
    pub fn logs(&self) -> Vec<String> {
        let shared = self.shared();
        let now = shared.seats.iter().map(|seat| seat.process.log());
        shared.past.iter().cloned().chain(now).collect()
    }

    /// Whether any has said so.
    pub fn has_said(&self, words: &str) -> bool {
        self.logs().iter().any(|log| log.contains(words))
    }

    /// Writes what they have said into a folder.
    pub fn save_logs(&self, folder: &Path) {
        for (number, log) in self.logs().iter().enumerate() {
            std::fs::write(folder.join(format!("daemon-{number}.log")), log).unwrap();
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Seat {
    fn start(setup: &Setup) -> Self {
        Self {
            process: setup.spawn(&["run"]),
            api: None,
        }
    }
}

impl Shared {
    /// Starts who has ended, and learns where they listen.
    fn tend(&mut self) {
        if !self.kept {
            return;
        }
        for seat in &mut self.seats {
            if seat.process.ended().is_some() {
                self.past.push(seat.process.log());
                *seat = Seat::start(&self.setup);
            }
            if seat.api.is_none() {
                seat.api = api(&seat.process.log());
            }
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // A test that failed elsewhere still wants its logs.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn keep(shared: Arc<Mutex<Shared>>) {
    loop {
        lock(&shared).tend();
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
