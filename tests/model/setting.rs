//! What a run explores, and the mistakes that it can be told to make.

/// A deliberate mistake in the submitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// None: the submitter as it is.
    None,
    /// An unused sequence number counts as death before the fence.
    NoFence,
    /// No answer to a POST counts as death.
    RebuildOnTimeout,
    /// The transaction is sent first and put on record later.
    SendBeforePersist,
    /// A look-up that finds nothing counts as death.
    TrustAbsence,
    /// Whether a time bound has passed is decided by a clock that is ahead of the chain's.
    TrustWallClock,
    /// Settling asks neither for the lease nor for the attempt that was open when it was decided.
    NoLeaseToken,
    /// Only the newest envelope's hash is asked for.
    ForgetOlderHashes,
    /// Two open attempts of an intent may stand on record.
    NoUniqueIndex,
    /// A channel is free again once its transaction is sent.
    ReleaseChannelEarly,
    /// What landed failed is not shown by any read.
    IgnoreFailed,
    /// The answer `tx_bad_seq` counts as death.
    BadSequenceIsDeath,
    /// The answer that an operation fails ends the intent at once.
    RefusalIsFailure,
    /// A landed transaction with the intent's tag is taken for its own, whatever it does.
    AdoptByTag,
}

/// The bounds of a run. What may happen only so often is a count; everything else may happen at any time, in any order.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// For people.
    pub name: &'static str,
    /// The mistake.
    pub bug: Bug,
    /// 1 or 2. The first fails on a state error, the second is parked by one.
    pub intents: u8,
    /// 1 or 2.
    pub channels: u8,
    /// Steps that ledgers advance. One is ten ledgers, of which transactions land in the last.
    pub steps: u8,
    /// Steps in which an attempt can land.
    pub validity: u8,
    /// Transactions signed at most.
    pub attempts: usize,
    /// Crashes of a worker, at any point.
    pub crashes: u8,
    /// Leases that end while their worker goes on without knowing.
    pub lost_leases: u8,
    /// Landings that fail.
    pub failures: u8,
    /// Answers `tx_bad_seq` to what was accepted, or has landed.
    pub bad_sequences: u8,
    /// Answers that an operation fails, to what was accepted or never arrived.
    pub refusals: u8,
    /// Wishes to cancel.
    pub cancels: u8,
    /// Transactions of somebody else who has a channel's key, with the tag of an intent.
    pub strangers: u8,
    /// Whether one fee bump is within the cap, and refusals for a low bid happen.
    pub bumps: bool,
    /// The last step with which the first intent may land.
    pub valid_until: Option<u8>,
    /// Whether taking up is two steps (read, then commit), with anything between them.
    pub split_claim: bool,
}

impl Setting {
    /// One intent, two channels, and nothing goes wrong.
    pub const PLAIN: Self = Self {
        name: "plain",
        bug: Bug::None,
        intents: 1,
        channels: 2,
        steps: 3,
        validity: 1,
        attempts: 3,
        crashes: 0,
        lost_leases: 0,
        failures: 0,
        bad_sequences: 0,
        refusals: 0,
        cancels: 0,
        strangers: 0,
        bumps: false,
        valid_until: None,
        split_claim: false,
    };

    /// The same bounds with a mistake.
    pub const fn with(self, bug: Bug) -> Self {
        Self { bug, ..self }
    }
}
