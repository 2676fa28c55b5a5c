//! Whether the transactions of an account that were read are all that there are: its sequence numbers leave no room for others.

use stellar_xdr as xdr;
use thiserror::Error;

use super::envelope::decode;
use super::observation::Landed;
use super::primitives::{AccountId, Sequence};
use super::result_code::SequenceEffect;

/// An account begins with the ledger of its creation in the upper half of its sequence number, and nothing in this lower one.
const LOWER_HALF: i64 = 0xffff_ffff;

/// Consumed sequence numbers of which nothing was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Gap {
    /// Numbers between two that were shown.
    #[error("the transactions with sequence numbers {first} to {last} of {account} are missing")]
    Missing {
        /// Whose.
        account: AccountId,
        /// The first of them.
        first: Sequence,
        /// The last of them.
        last: Sequence,
    },
    /// A transaction that cannot come after the one before it.
    #[error("sequence number {sequence} of {account} comes out of its order")]
    Disorder {
        /// Whose.
        account: AccountId,
        /// Which.
        sequence: Sequence,
    },
}

/// Reads an account's transactions from the newest down.
#[derive(Clone, Copy, Debug)]
pub struct Continuity {
    account: AccountId,
    /// The lowest sequence number down to which all are known; `None` before the first of an account that is gone.
    lowest: Option<Sequence>,
    /// A number was jumped to: below it there may be any.
    jumped: bool,
    /// The transaction that made the account was seen since.
    made: bool,
    /// Somewhere only that nothing is shown says that nothing was consumed.
    unsure: bool,
    /// One of its own was taken in.
    begun: bool,
}

impl Continuity {
    /// Of an account whose newest consumed sequence number is this.
    #[must_use]
    pub const fn below(account: AccountId, newest: Sequence) -> Self {
        Self {
            account,
            lowest: Some(Sequence(newest.0.saturating_add(1))),
            jumped: false,
            made: false,
            unsure: false,
            begun: false,
        }
    }

    /// Of an account that is gone: its newest number is not known any more.
    #[must_use]
    pub const fn of_gone(account: AccountId) -> Self {
        Self {
            account,
            lowest: None,
            jumped: false,
            made: false,
            unsure: false,
            begun: false,
        }
    }

    /// Takes the next older transaction of its history in; says whether it is one of the account's own that is asked for. What
    /// came after its state was seen is not. One that was recorded and took no number, since another one of its ledger had
    /// taken it before, leaves no trace in them.
    ///
    /// # Errors
    /// [`Gap`]: between this one and the one before it something was consumed that is not shown.
    pub fn take(&mut self, landed: &Landed) -> Result<bool, Gap> {
        let deeds = deeds(self.account, landed);
        let is_own = landed.source_account == self.account;
        let is_beyond = self.lowest.is_some_and(|lowest| landed.sequence >= lowest);
        if is_own && is_beyond && !self.begun {
            return Ok(false);
        }
        if let (Some(to), Some(lowest)) = (deeds.jumped_to, self.lowest)
            && to.0.saturating_add(1) >= lowest.0
        {
            // What it jumped over was never consumed. Of another account's transaction no number tells where it jumped from.
            self.jumped = true;
            self.unsure |= !is_own;
        }
        self.made |= deeds.made;
        if !is_own {
            return Ok(false);
        }
        let (account, sequence) = (self.account, landed.sequence);
        let effect = landed.sequence_effect();
        let follows = self.lowest.is_none_or(|lowest| sequence.0 == lowest.0 - 1);
        if effect == SequenceEffect::Unused || effect == SequenceEffect::Unsure && !follows {
            return Ok(true);
        }
        if let Some(lowest) = self.lowest {
            let last = Sequence(lowest.0 - 1);
            if sequence > last {
                return Err(Gap::Disorder { account, sequence });
            }
            if sequence < last && !self.jumped && !is_first(lowest) {
                return Err(Gap::Missing {
                    account,
                    first: sequence.next(),
                    last,
                });
            }
            // Nor where an account was before it was merged away in one.
            self.unsure |= sequence < last && !self.jumped && !deeds.merged;
        }
        self.jumped = false;
        self.made = false;
        self.begun = true;
        self.lowest = Some(sequence);
        Ok(true)
    }

    /// Whether everything above this number is known.
    #[must_use]
    pub fn reaches(&self, known: Sequence) -> bool {
        self.lowest
            .is_some_and(|lowest| lowest.0 <= known.0.saturating_add(1))
    }

    /// Whether everything is known since the account was made. An account that was merged away and made again had others
    /// before.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lowest.is_none_or(is_first) || (self.jumped && self.made)
    }

    /// Whether the numbers themselves leave no room: where another account's transaction made this one jump, or merged it away,
    /// a transaction before that may not be shown, and nothing tells.
    #[must_use]
    pub const fn is_sure(&self) -> bool {
        !self.unsure
    }

    /// What is missing where the history ends here.
    #[must_use]
    pub fn missing(&self) -> Option<Gap> {
        let lowest = self.lowest.filter(|lowest| !is_first(*lowest))?;
        Some(Gap::Missing {
            account: self.account,
            first: Sequence((lowest.0 & !LOWER_HALF) + 1),
            last: Sequence(lowest.0 - 1),
        })
    }
}

/// Whether it is the first of an account.
const fn is_first(sequence: Sequence) -> bool {
    sequence.0 & LOWER_HALF == 1
}

/// What a transaction did to an account beside using its number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deeds {
    /// The number that it made the account jump to.
    pub jumped_to: Option<Sequence>,
    /// It made the account.
    pub made: bool,
    /// It merged the account away.
    pub merged: bool,
}

/// What a transaction did to an account: nothing, where it failed or cannot be read.
#[must_use]
pub fn deeds(account: AccountId, landed: &Landed) -> Deeds {
    let mut deeds = Deeds::default();
    if !landed.successful {
        return deeds;
    }
    let Ok((inner, _)) = decode(&landed.envelope_xdr) else {
        return deeds;
    };
    for operation in inner.tx.operations.iter() {
        let source = operation.source_account.as_ref();
        let source = AccountId::of_muxed(source.unwrap_or(&inner.tx.source_account));
        match &operation.body {
            xdr::OperationBody::BumpSequence(bump) if source == account => {
                deeds.jumped_to = deeds.jumped_to.max(Some(Sequence(bump.bump_to.0)));
            }
            xdr::OperationBody::AccountMerge(_) if source == account => deeds.merged = true,
            xdr::OperationBody::CreateAccount(made)
                if AccountId::from_xdr(&made.destination) == account =>
            {
                deeds.made = true;
            }
            _ => {}
        }
    }
    deeds
}
