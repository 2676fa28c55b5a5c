//! What a ledger's transactions add up to.

use super::effects::Effects;
use super::frame::Frame;
use super::history::FeeCounts;

/// What a ledger's transactions add up to.
#[derive(Default)]
pub struct Tally {
    /// Successful transactions.
    pub successful: u32,
    /// Failed transactions.
    pub failed: u32,
    /// Operations of the successful ones.
    pub operations: u32,
    /// Operations of all of them.
    pub set_operations: u32,
    /// What classic transactions were charged, in stroops an operation.
    pub charged: FeeCounts,
    /// What they bid.
    pub bid: FeeCounts,
    /// What contract transactions were charged for being included.
    pub soroban: FeeCounts,
}

impl Tally {
    /// Counts a transaction that was charged so many stroops.
    pub fn add(&mut self, frame: &Frame, charged: i64, effects: Option<&Effects>, success: bool) {
        let operations = frame.operation_count().max(1);
        let rate = |fee: i64| (fee + operations - 1) / operations;
        match effects {
            Some(effects) => {
                let resources = effects.non_refundable + effects.refundable;
                *self.soroban.entry(rate(charged - resources)).or_default() += 1;
            }
            None => {
                *self.charged.entry(rate(charged)).or_default() += 1;
                *self.bid.entry(rate(frame.fee_bid())).or_default() += 1;
            }
        }
        let operations =
            u32::try_from(frame.inner_operation_count()).expect("XDR holds at most 100 operations");
        self.set_operations += operations;
        if success {
            self.successful += 1;
            self.operations += operations;
        } else {
            self.failed += 1;
        }
    }
}
