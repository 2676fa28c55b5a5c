//! Deliberate mistakes, one at a time, by which the simulation shows that it would notice them. No release has them: the
//! feature `simulation` is off there, and nothing of this is compiled.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// An attempt counts as dead before the ledger has passed its bounds.
    NoFence,
    /// A 504 counts as a failure: the attempt is given up at once, and another one is built.
    RebuildOnTimeout,
    /// Attempts are sent before they are committed.
    SendBeforePersist,
    /// One 404 for a hash counts as proof that it never lands.
    TrustNotFound,
    /// Time bounds are judged by the wall clock, not by the ledger's.
    TrustWallClock,
    /// Writes do not look at whose lease it is.
    NoLeaseToken,
    /// Only the newest envelope of an attempt is looked for.
    ForgetOlderHashes,
    /// Nothing keeps a workflow from being accepted twice.
    NoUniqueIndex,
    /// A channel is free again as soon as its transaction was taken by core.
    ReleaseChannelEarly,
    /// Failed transactions are left out of what is read.
    IgnoreFailedTransactions,
    /// A refusal with `tx_bad_seq` counts as death.
    BadSequenceIsDeath,
    /// A landing with an intent's tag ends it, whatever it did.
    AdoptByTag,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NoFence,
        Self::RebuildOnTimeout,
        Self::SendBeforePersist,
        Self::TrustNotFound,
        Self::TrustWallClock,
        Self::NoLeaseToken,
        Self::ForgetOlderHashes,
        Self::NoUniqueIndex,
        Self::ReleaseChannelEarly,
        Self::IgnoreFailedTransactions,
        Self::BadSequenceIsDeath,
        Self::AdoptByTag,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoFence => "no-fence",
            Self::RebuildOnTimeout => "rebuild-on-504",
            Self::SendBeforePersist => "send-before-persist",
            Self::TrustNotFound => "trust-a-404",
            Self::TrustWallClock => "trust-the-wall-clock",
            Self::NoLeaseToken => "no-lease-token",
            Self::ForgetOlderHashes => "forget-older-hashes",
            Self::NoUniqueIndex => "no-unique-index",
            Self::ReleaseChannelEarly => "release-a-channel-early",
            Self::IgnoreFailedTransactions => "ignore-failed-transactions",
            Self::BadSequenceIsDeath => "bad-seq-is-death",
            Self::AdoptByTag => "adopt-by-tag",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a name names no mistake.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no deliberate mistake: --list-bugs names them")]
pub struct NoSuchDefect(String);

impl FromStr for Defect {
    type Err = NoSuchDefect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|defect| defect.name() == text);
        found.ok_or_else(|| NoSuchDefect(text.to_owned()))
    }
}

thread_local! {
    /// A simulated history runs on one thread, and several run side by side.
    static MADE: Cell<Option<Defect>> = const { Cell::new(None) };
}

/// From now on, everything on this thread makes this mistake, or (with `None`) none.
pub fn make(defect: Option<Defect>) {
    MADE.set(defect);
}

/// Whether this mistake is made here.
#[must_use]
pub fn is_made(defect: Defect) -> bool {
    MADE.get() == Some(defect)
}

thread_local! {
    static WALL: Cell<u64> = const { Cell::new(0) };
}

/// Sets the wall clock that [`Defect::TrustWallClock`] trusts.
pub fn set_wall(now: time::OffsetDateTime) {
    WALL.set(u64::try_from(now.unix_timestamp()).unwrap_or(0));
}

/// That wall clock, in Unix seconds.
#[must_use]
pub fn wall() -> u64 {
    WALL.get()
}
