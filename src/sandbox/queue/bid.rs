//! Bids compared by what they pay an operation.

use std::cmp::Ordering;

use crate::sandbox::ledger::frame::Frame;

/// A replacement must pay so many times what it replaces, an operation.
const REPLACEMENT_FACTOR: i128 = 10;

/// A fee in stroops and the operations it is for. Equal means the same rate.
#[derive(Clone, Copy, Debug)]
pub struct Bid {
    /// Stroops in all.
    pub fee: i64,
    /// Operations, at least one.
    pub operations: i64,
}

impl Bid {
    /// What a transaction offers for being included.
    pub fn of(frame: &Frame) -> Self {
        Self {
            fee: frame.inclusion_bid(),
            operations: frame.operation_count().max(1),
        }
    }

    /// Stroops an operation, rounded down.
    pub fn rate(self) -> i64 {
        self.fee / self.operations
    }

    /// The lowest fee that beats this bid, for so many operations.
    pub fn better_fee(self, operations: i64) -> i64 {
        let same = i128::from(self.fee) * i128::from(operations) / i128::from(self.operations);
        i64::try_from(same + 1).unwrap_or(i64::MAX)
    }

    /// The lowest fee that replaces this bid in the queue, for so many operations.
    pub fn replacement_fee(self, operations: i64) -> i64 {
        let (by, all) = (
            i128::from(self.operations),
            i128::from(self.fee) * i128::from(operations),
        );
        i64::try_from((all * REPLACEMENT_FACTOR + by - 1) / by).unwrap_or(i64::MAX)
    }
}

impl PartialEq for Bid {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Bid {}

impl PartialOrd for Bid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bid {
    fn cmp(&self, other: &Self) -> Ordering {
        let mine = i128::from(self.fee) * i128::from(other.operations);
        mine.cmp(&(i128::from(other.fee) * i128::from(self.operations)))
    }
}
