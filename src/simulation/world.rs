//! What a history plays in: the ledger with its accounts, the records, the keys, and how the daemons work.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::dice::Dice;
use super::life::Life;
use super::line::Network;
use super::office::Office;
use super::oracle::Oracle;
use super::plan::Plan;
use super::records::MemoryRecords;
use crate::clock::Clock;
use crate::domain::fee::Percentile;
use crate::domain::intent::Accounts;
use crate::domain::primitives::{AccountId, Stroops};
use crate::horizon::{Deadlines, Horizon, HorizonOptions};
use crate::sandbox::clock::Clock as ChainClock;
use crate::sandbox::ledger::account::{Account, AccountKey};
use crate::sandbox::ledger::genesis::Genesis;
use crate::sandbox::node::Node;
use crate::sandbox::{Config, Pace};
use crate::signer::{ChannelSeed, Keyring, SecretKey};
use crate::worker::{Engine, FeePayer, Settings, Status, SubmitMode, Waker};

/// When a history begins, in Unix seconds.
pub const BEGINNING: u64 = 1_800_000_000;
/// The network.
pub const PASSPHRASE: &str = "Simulated Network ; January 2027";
/// Lumens of each account at the beginning, in stroops.
const WEALTH: i64 = 1_000_000 * 10_000_000;
/// What an account holds that can pay for nothing: its reserve, and less than a fee.
const POOR: i64 = 10_000_000 + 99;
/// Accounts of others.
pub const RIVALS: usize = 4;
/// Accounts that sign for themselves: as many as there are workflows at most.
pub const SIGNERS: usize = 10;
/// Channels beyond those that there are to be, which may come to be.
const SPARE_CHANNELS: u32 = 4;
/// Channels of the seed: looking for more of an earlier life, as far as the gap says, is most of what a history then does.
const SEED_CHANNELS: u32 = 8;
/// What the daemons are called.
const NAMES: [&str; 3] = ["daemon-1", "daemon-2", "daemon-3"];

/// The keys of every history: deriving them takes longer than a history does.
pub struct Keys {
    /// What the daemons hold.
    pub ours: Arc<Keyring>,
    /// Whose funds move.
    pub treasury: AccountId,
    /// Who pays for fee bumps.
    pub fees: AccountId,
    /// Who is paid.
    pub payee: AccountId,
    /// Others, who pay each other and bid high.
    pub rivals: [AccountId; RIVALS],
    /// Who makes accounts.
    pub founder: AccountId,
    /// Who sign payments themselves, one a workflow.
    pub signers: [AccountId; SIGNERS],
    /// What the others hold.
    pub theirs: Keyring,
}

impl Keys {
    fn derive() -> Self {
        let seed = ChannelSeed::parse(&"5e".repeat(32)).expect("it has 32 bytes");
        let ours = Keyring::bounded(seed, SEED_CHANNELS);
        let theirs = Keyring::new(None);
        let key = |number: u8| SecretKey::from_bytes([number; 32]);
        Self {
            treasury: ours.add(&key(1)),
            fees: ours.add(&key(2)),
            payee: theirs.add(&key(3)),
            rivals: std::array::from_fn(|place| theirs.add(&key(10 + place as u8))),
            founder: theirs.add(&key(4)),
            signers: std::array::from_fn(|place| theirs.add(&key(40 + place as u8))),
            ours: Arc::new(ours),
            theirs,
        }
    }

    /// This thread's.
    pub fn of_this_thread() -> Arc<Self> {
        thread_local! {
            static KEYS: Arc<Keys> = Arc::new(Keys::derive());
        }
        KEYS.with(Arc::clone)
    }
}

/// A clock that may be ahead.
#[derive(Clone, Debug)]
pub struct MachineClock {
    right: MemoryRecords,
    ahead: Arc<AtomicI64>,
}

impl MachineClock {
    /// From now on it is ahead by so many seconds.
    pub fn set_ahead(&self, seconds: i64) {
        self.ahead.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for MachineClock {
    fn now(&self) -> OffsetDateTime {
        self.right.elapsed() + time::Duration::seconds(self.ahead.load(Ordering::Relaxed))
    }
}

/// A daemon that can be reached.
#[derive(Clone)]
pub struct Running {
    /// Its life.
    pub life: Life,
    /// Wakes its engine.
    pub waker: Waker,
}

/// Everything that a history plays in.
pub struct World {
    /// What it is like.
    pub plan: Plan,
    /// Chance.
    pub dice: Dice,
    /// The keys.
    pub keys: Arc<Keys>,
    /// The chain.
    pub network: Network,
    /// The judge.
    pub oracle: Oracle,
    /// The records.
    pub records: MemoryRecords,
    /// The clock of the machine on which the daemons run.
    pub machine: MachineClock,
    began: Instant,
    chain_clock: Arc<AtomicU64>,
    running: Mutex<[Option<Running>; NAMES.len()]>,
    rates: Arc<super::plan::Rates>,
}

impl World {
    /// At its beginning.
    pub fn new(seed: u64, keep_trace: bool) -> Arc<Self> {
        let began = Instant::now();
        let millis = move || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let dice = Dice::new(seed, keep_trace, Box::new(millis));
        let plan = Plan::draw(&dice);
        let keys = Keys::of_this_thread();
        let (clock, chain_clock) = ChainClock::manual(BEGINNING);
        let mut genesis = Genesis::standalone(PASSPHRASE, BEGINNING);
        let ours = [keys.treasury, keys.fees, keys.payee, keys.founder];
        for account in ours.iter().chain(&keys.rivals).chain(&keys.signers) {
            let is_poor = *account == keys.fees && plan.fees_from.is_some();
            let lumens = if is_poor { POOR } else { WEALTH };
            let account = AccountKey(account.0);
            genesis.accounts.push((account, Account::new(lumens, 0)));
        }
        let config = Config {
            passphrase: PASSPHRASE.to_owned(),
            pace: Pace::Manual,
            clock,
            genesis: Some(genesis),
            history_retention: plan.keeps_ledgers,
            ..Config::default()
        };
        let node = Arc::new(Node::new(config, mpsc::channel(1).0));
        let channels = (0..plan.channels + SPARE_CHANNELS).filter_map(|i| keys.ours.channel(i));
        let ours = channels.chain([keys.treasury, keys.fees]);
        let oracle = Oracle::new(node.network_id(), ours.map(|account| account.0).collect());
        let seconds = i64::try_from(BEGINNING).unwrap_or(i64::MAX);
        let records = MemoryRecords::new(seconds);
        Arc::new(Self {
            rates: Arc::new(plan.rates.clone()),
            plan,
            dice,
            keys,
            network: Network::new(node, oracle.clone()),
            oracle,
            machine: MachineClock {
                right: records.clone(),
                ahead: Arc::default(),
            },
            records,
            began,
            chain_clock,
            running: Mutex::default(),
        })
    }

    /// Seconds since the beginning.
    pub fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    /// Closes a ledger, and has it judged.
    pub fn close_ledger(&self) {
        self.chain_clock
            .store(BEGINNING + self.seconds(), Ordering::Relaxed);
        self.network.node.close(1);
        let core = self.network.node.core();
        self.oracle.closed(core.ledger());
    }

    /// Has so many ledgers close, five seconds apart.
    pub async fn pass(&self, ledgers: u32) {
        for _ in 0..ledgers {
            tokio::time::sleep(Duration::from_secs(5)).await;
            self.close_ledger();
        }
    }

    /// Who runs.
    pub fn running(&self) -> MutexGuard<'_, [Option<Running>; NAMES.len()]> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new life of a daemon, and its engine.
    pub fn begin_life(&self, place: usize) -> (Running, Engine) {
        let life = Life::begin(NAMES[place], self.dice.clone(), Arc::clone(&self.rates));
        let office = Office {
            records: Arc::new(self.records.clone()),
            life: life.clone(),
        };
        let names = ["horizon-a", "horizon-b"];
        let lines = names.iter().zip(self.plan.lags).enumerate();
        let lines = lines.map(|(place, (name, lag))| {
            let replica = self.network.replica(life.clone(), name, place, lag);
            Arc::new(replica) as Arc<dyn crate::horizon::Line>
        });
        let options = HorizonOptions {
            urls: Vec::new(),
            passphrase: PASSPHRASE.to_owned(),
            requests_per_hour: 0,
            deadlines: Deadlines::default(),
        };
        let engine = Engine::new(
            Arc::new(office),
            Arc::new(Horizon::over(lines.collect(), &options)),
            Arc::clone(&self.keys.ours),
            PASSPHRASE,
            self.accounts(),
            self.settings(NAMES[place]),
            Status::default(),
        )
        .timed_by(Arc::new(self.machine.clone()));
        let waker = engine.waker();
        let running = Running { life, waker };
        self.running()[place] = Some(running.clone());
        (running, engine)
    }

    /// Whose funds may move.
    pub fn accounts(&self) -> Accounts {
        Accounts {
            default_source: self.keys.treasury,
            other_sources: Vec::new(),
            contracts: None,
        }
    }

    fn settings(&self, name: &str) -> Settings {
        let lumens = |count: i64| Stroops::new(count * 10_000_000).unwrap_or(Stroops::ZERO);
        Settings {
            name: name.to_owned(),
            source: self.keys.treasury,
            fee_account: self.keys.fees,
            payer: if self.plan.sponsored {
                FeePayer::FeeAccount
            } else {
                FeePayer::Channel
            },
            submit: if self.plan.synchronous {
                SubmitMode::Sync
            } else {
                SubmitMode::Async
            },
            validity_ledgers: self.plan.validity_ledgers,
            resubmit_after: 2,
            batch: 100,
            max_in_flight: 1_000,
            concurrent_posts: 16,
            concurrent_reads: 8,
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(2),
            ledger_poll: Duration::from_secs(2),
            drain: Duration::from_secs(5),
            fee_cap: Stroops::new(100_000).unwrap_or(Stroops::ZERO),
            percentile: Percentile::P95,
            channels: self.plan.channels,
            channel_starting_balance: lumens(3),
            channel_top_up_below: lumens(2),
            pause_source: false,
        }
    }
}
