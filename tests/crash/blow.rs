//! What strikes a world, drawn beforehand from the seed.

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `kill -9` of a daemon.
    DaemonKilled,
    /// SIGSTOP of a daemon, and SIGCONT when its lease is over.
    DaemonFrozen,
    /// SIGSTOP and SIGCONT of Horizon and the ledger behind it.
    LedgerFrozen,
    /// PostgreSQL stopped as `pg_ctl -m immediate` does, and started again.
    PostgresStopped,
    /// SIGSTOP and SIGCONT of PostgreSQL with all its sessions, as when its disk hangs.
    PostgresFrozen,
    /// `kill -9` of a session's process, on which PostgreSQL throws out all others and recovers.
    SessionKilled,
    /// `pg_terminate_backend` of some sessions.
    SessionsTerminated,
    /// PostgreSQL's disk full.
    DiskFull,
    /// Every connection to PostgreSQL reset, and new ones refused for a moment.
    DatabaseCut,
    /// A connection to PostgreSQL reset in the middle of a message.
    DatabaseTorn,
    /// Every message from and to PostgreSQL held back.
    DatabaseSlow,
    /// Open connections to PostgreSQL pass nothing on any more, and stay open.
    DatabaseSwallowed,
    /// The same of Horizon.
    HorizonCut,
    /// The same of Horizon.
    HorizonTorn,
    /// The same of Horizon.
    HorizonSlow,
    /// The same of Horizon.
    HorizonSwallowed,
}

/// All kinds, each as often as it comes in a deal.
const DECK: [(Kind, usize); 16] = [
    (Kind::DaemonKilled, 7),
    (Kind::DaemonFrozen, 2),
    (Kind::LedgerFrozen, 1),
    (Kind::PostgresStopped, 3),
    (Kind::PostgresFrozen, 1),
    (Kind::SessionKilled, 1),
    (Kind::SessionsTerminated, 3),
    (Kind::DiskFull, 1),
    (Kind::DatabaseCut, 2),
    (Kind::DatabaseTorn, 3),
    (Kind::DatabaseSlow, 1),
    (Kind::DatabaseSwallowed, 2),
    (Kind::HorizonCut, 1),
    (Kind::HorizonTorn, 2),
    (Kind::HorizonSlow, 1),
    (Kind::HorizonSwallowed, 1),
];

impl Kind {
    pub fn all() -> impl Iterator<Item = Self> {
        DECK.iter().map(|(kind, _)| *kind)
    }
}

/// One fault. The numbers mean what its kind makes of them.
#[derive(Clone, Copy, Debug)]
pub struct Blow {
    pub kind: Kind,
    /// From the end of the one before to this, in milliseconds.
    pub pause_ms: u64,
    /// How long it lasts, 0 to 999 of its kind's longest.
    pub length: u64,
    /// Whom it strikes, or how hard.
    pub draw: u64,
    /// Of two ways to strike, which.
    pub other_way: bool,
}

/// Milliseconds between two blows of one row, at most.
const LONGEST_PAUSE_MS: u64 = 4_000;

/// So many blows: of each kind its share, in an order drawn from the seed.
pub fn draw(seed: u64, count: usize) -> Vec<Blow> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut kinds = Vec::new();
    while kinds.len() < count {
        let mut deal: Vec<Kind> = DECK
            .iter()
            .flat_map(|(kind, times)| std::iter::repeat_n(*kind, *times))
            .collect();
        deal.shuffle(&mut random);
        kinds.extend(deal);
    }
    kinds.truncate(count);
    let blow = |kind| Blow {
        kind,
        pause_ms: random.random_range(0..LONGEST_PAUSE_MS),
        length: random.random_range(0..1000),
        draw: random.random(),
        other_way: random.random(),
    };
    kinds.into_iter().map(blow).collect()
}

/// The fewest blows of which each kind is one.
pub fn least() -> usize {
    DECK.iter().map(|(_, times)| times).sum()
}
