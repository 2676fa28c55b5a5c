//! The running sandbox: core behind a lock, the pace of its ledgers, and who waits for what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock::{self, Clock};
use super::config::{Config, Pace};
use super::core::Core;
use super::faults::{Draw, Faults, Injector};
use super::friendbot::Ask;
use super::ledger::frame::Frame;
use super::ledger::genesis::{Genesis, network_id};
use super::ledger::signature::Keys;
use super::ledger::{Ledger, Retention};
use super::queue::{Answer, Fate};
use super::rate_limit::RateLimiter;

/// Requests that friendbot keeps waiting.
pub const FRIENDBOT_QUEUE: usize = 10_000;
/// The most submissions remembered as open before old ones are looked for.
const OPEN_SUBMISSIONS_CHECK: usize = 10_000;

/// When ledgers close, and whether they do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// The pace that is set.
    pub pace: Pace,
    /// Nothing closes by itself, whatever the pace.
    pub stalled: bool,
}

impl Rhythm {
    /// The time between ledgers; none while nothing closes by itself.
    pub fn interval(self) -> Option<Duration> {
        match self.pace {
            Pace::Every(interval) if !self.stalled => Some(interval),
            Pace::Every(_) | Pace::Manual => None,
        }
    }
}

/// What every part of the running sandbox shares.
pub struct Node {
    core: Mutex<Core>,
    injector: Mutex<Injector>,
    open: Mutex<HashMap<[u8; 32], Instant>>,
    keys: Keys,
    limiter: Option<Mutex<RateLimiter>>,
    rhythm: watch::Sender<Rhythm>,
    closed: Notify,
    chain: AtomicU64,
    simulations: AtomicU64,
    network_id: [u8; 32],
    genesis: Genesis,
    config: Config,
    pub(super) capacity: Arc<Semaphore>,
    pub(super) friendbot: mpsc::Sender<Ask>,
    pub(super) stop: CancellationToken,
}

impl Node {
    /// Sets everything up; nothing runs yet.
    pub fn new(config: Config, friendbot: mpsc::Sender<Ask>) -> Self {
        let genesis = config.genesis.clone().unwrap_or_else(|| {
            let mut genesis = Genesis::standalone(&config.passphrase, config.clock.now());
            genesis.base_fee = config.base_fee;
            genesis.max_tx_set_size = config.max_tx_set_size;
            genesis
        });
        Self {
            core: Mutex::new(Core::new(first_ledger(genesis.clone(), &config))),
            injector: Mutex::new(Injector::new(config.faults.clone())),
            open: Mutex::default(),
            keys: Keys::default(),
            limiter: config
                .rate_limit
                .map(|limit| Mutex::new(RateLimiter::new(limit))),
            rhythm: watch::Sender::new(Rhythm {
                pace: config.pace,
                stalled: false,
            }),
            closed: Notify::new(),
            chain: AtomicU64::new(genesis.chain),
            simulations: AtomicU64::new(0),
            network_id: network_id(&genesis.passphrase),
            genesis,
            capacity: Arc::new(Semaphore::new(config.max_concurrent_requests)),
            config,
            friendbot,
            stop: CancellationToken::new(),
        }
    }

    /// The settings it was started with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.config.clock
    }

    /// The network's id.
    pub fn network_id(&self) -> [u8; 32] {
        self.network_id
    }

    /// The keys that have signed.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A number that no simulation has had: where its random numbers start, so that a run can be repeated.
    pub fn next_simulation(&self) -> u64 {
        self.simulations.fetch_add(1, Ordering::Relaxed)
    }

    /// Core, for a short look or change.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().expect("no holder of this lock panics")
    }

    /// A look at the ledger as a Horizon sees it that lags by what was drawn: the ledger, and the head up to which it knows
    /// (0: it has ingested nothing).
    pub fn read<T>(&self, draw: Draw, look: impl FnOnce(&Ledger, u32) -> T) -> T {
        let core = self.core();
        let head = self.head(core.ledger(), draw);
        look(core.ledger(), head)
    }

    /// The newest ledger that a Horizon knows which lags by what was drawn.
    pub fn head(&self, ledger: &Ledger, draw: Draw) -> u32 {
        let lag = self
            .config
            .horizon_lag_ledgers
            .saturating_add(draw.lag_ledgers);
        let head = ledger.sequence().saturating_sub(lag);
        if head < ledger.history().elder() {
            0
        } else {
            head
        }
    }

    /// The next request's faults.
    pub fn draw(&self) -> Draw {
        self.injector
            .lock()
            .expect("no holder of this lock panics")
            .draw()
    }

    /// The faults that are set.
    pub fn faults(&self) -> Faults {
        self.injector
            .lock()
            .expect("no holder of this lock panics")
            .faults()
            .clone()
    }

    /// Sets the faults, and starts their draws anew.
    pub fn set_faults(&self, faults: Faults) {
        *self.injector.lock().expect("no holder of this lock panics") = Injector::new(faults);
    }

    /// From now on, until faults are set, a Horizon is at least so many ledgers behind.
    pub fn set_least_lag(&self, ledgers: u32) {
        let mut injector = self.injector.lock();
        injector
            .as_mut()
            .expect("no holder of this lock panics")
            .set_least_lag(ledgers);
    }

    /// The rate limiter, if there is one.
    pub fn limiter(&self) -> Option<MutexGuard<'_, RateLimiter>> {
        self.limiter
            .as_ref()
            .map(|limiter| limiter.lock().expect("no holder of this lock panics"))
    }

    /// Gives a transaction to core, with what was drawn for it.
    pub fn submit(&self, frame: &Arc<Frame>, draw: Draw) -> Answer {
        let now = self.clock().now();
        let mut core = self.core();
        let fate = match (draw.lost, draw.delay_ledgers) {
            (true, _) => Fate::Lost,
            (false, 0) => Fate::Queued,
            (false, delay) => Fate::HeldUntil(core.ledger().sequence() + 1 + delay),
        };
        core.submit(frame, now, fate)
    }

    /// Closes a ledger because it is time, unless ledgers have just been told not to.
    pub fn tick(&self) {
        let mut core = self.core();
        if self.rhythm.borrow().interval().is_some() {
            core.close(self.clock().now());
            drop(core);
            self.closed.notify_waiters();
        }
    }

    /// Closes so many ledgers and says the newest one's number.
    pub fn close(&self, count: u32) -> u32 {
        let mut newest = 0;
        for _ in 0..count {
            let mut core = self.core();
            core.close(self.clock().now());
            newest = core.ledger().sequence();
            drop(core);
            self.closed.notify_waiters();
        }
        newest
    }

    /// Begins a new chain of the same passphrase; what waits on the old one is not answered any more.
    pub fn reset(&self) -> u32 {
        let chain = self.chain.fetch_add(1, Ordering::Relaxed) + 1;
        let mut core = self.core();
        let mut genesis = self.genesis.clone();
        genesis.chain = chain;
        genesis.close_time = self.clock().now();
        genesis.base_fee = core.ledger().base_fee();
        genesis.max_tx_set_size = core.ledger().max_tx_set_size();
        #[cfg(feature = "contracts")]
        let (max_transactions, before) = {
            let engine = core.ledger().engine();
            (engine.max_transactions(), engine.restores_before())
        };
        *core = Core::new(first_ledger(genesis, &self.config));
        #[cfg(feature = "contracts")]
        core.ledger_mut().set_up(|engine, _| {
            engine.set_max_transactions(max_transactions);
            engine.set_restores_before(before);
        });
        let sequence = core.ledger().sequence();
        drop(core);
        self.open
            .lock()
            .expect("no holder of this lock panics")
            .clear();
        self.closed.notify_waiters();
        sequence
    }

    /// Comes with the next ledger that closes after this call, to all who wait in the order in which they came.
    pub fn next_close(&self) -> Notified<'_> {
        self.closed.notified()
    }

    /// Tells when the rhythm changes.
    pub fn rhythm(&self) -> watch::Receiver<Rhythm> {
        self.rhythm.subscribe()
    }

    /// Changes the rhythm: when this returns, no ledger closes at the old one any more.
    pub fn set_rhythm(&self, change: impl FnOnce(&mut Rhythm)) {
        let _core = self.core();
        self.rhythm.send_modify(change);
    }

    /// Until when a POST of this hash waits: the time runs from the first one that is still open.
    pub fn deadline(&self, hash: [u8; 32]) -> Instant {
        let now = clock::monotonic();
        let mut open = self.open.lock().expect("no holder of this lock panics");
        if open.len() >= OPEN_SUBMISSIONS_CHECK {
            open.retain(|_, deadline| *deadline > now);
        }
        let deadline = open.entry(hash).or_insert(now);
        if *deadline <= now {
            *deadline = now + self.config.submission_timeout;
        }
        *deadline
    }

    /// This hash is answered; the next POST of it waits anew.
    pub fn answered(&self, hash: [u8; 32]) {
        self.open
            .lock()
            .expect("no holder of this lock panics")
            .remove(&hash);
    }
}

fn first_ledger(genesis: Genesis, config: &Config) -> Ledger {
    let mut ledger = Ledger::new(genesis);
    ledger.set_retention(Retention {
        ledgers: config.history_retention.unwrap_or(u32::MAX),
        transactions: config.history_transactions,
    });
    #[cfg(feature = "contracts")]
    deploy_lumens(&mut ledger);
    ledger
}

/// The contract of lumens is there from the beginning.
#[cfg(feature = "contracts")]
fn deploy_lumens(ledger: &mut Ledger) {
    let root = super::ledger::genesis::root_key(ledger.passphrase());
    let root = super::ledger::account::AccountKey(root.verifying_key().to_bytes());
    let done =
        ledger.set_up(|engine, state| engine.deploy_asset(state, root, stellar_xdr::Asset::Native));
    if let Err(error) = done {
        tracing::error!(%error, "the contract of lumens was not made");
    }
}
