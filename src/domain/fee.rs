//! What to bid: within the cap, enough to be taken.

use super::observation::FeeStats;
use super::primitives::Stroops;

/// The least that the network asks for an operation, in stroops.
pub const MIN_BASE_FEE: i64 = 100;
/// What a fee bump must bid at least, as a multiple, to replace a transaction that waits in core's queue.
pub const REPLACE_FACTOR: i64 = 10;
/// Capacity usage, in thousandths, from which ledgers count as full.
const FULL_PERMILLE: u32 = 900;

/// The cap in stroops an operation, and who may set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeCap(pub Stroops);

/// The bid per operation of a new plain envelope.
///
/// A ledger charges everybody its lowest taken bid, so bidding above the minimum costs nothing while there is room.
#[must_use]
pub fn opening_bid(stats: Option<&FeeStats>, base_fee: i64, cap: FeeCap) -> Stroops {
    let floor = base_fee.max(MIN_BASE_FEE);
    let bid = match stats {
        None => floor,
        Some(stats) => {
            let minimum = floor.max(stats.last_ledger_base_fee);
            let [median, high, _] = stats.charged;
            if stats.capacity_usage_permille >= FULL_PERMILLE {
                high.max(minimum)
            } else {
                median.clamp(minimum, minimum * 10)
            }
        }
    };
    Stroops::new(bid.min(cap.0.get()).max(1)).unwrap_or(cap.0)
}

/// An envelope's bid: what it offers, over how many operations it counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bid {
    /// The whole fee, in stroops.
    pub fee: Stroops,
    /// Operations, one more for a fee bump.
    pub operations: u32,
}

impl Bid {
    /// Stroops an operation, rounded down.
    #[must_use]
    pub fn rate(self) -> i64 {
        self.fee.get() / i64::from(self.operations.max(1))
    }
}

/// The fee of the next fee bump around an inner transaction of `operations`, or `None` where the cap allows no more.
///
/// `needed` is core's hint (the whole fee that the refused envelope would have needed); without one the bid doubles.
#[must_use]
pub fn next_fee_bump(
    newest: Bid,
    needed: Option<i64>,
    inner_rate: i64,
    operations: u32,
    cap: FeeCap,
) -> Option<Stroops> {
    let counted = i64::from(operations) + 1;
    let refused = i64::from(newest.operations.max(1));
    // A hint at or below what was bid says nothing new (an older answer, or another node's): then the bid doubles too.
    let hinted = needed
        .map(|fee| fee.saturating_add(refused - 1) / refused)
        .filter(|rate| *rate > newest.rate());
    let rate = hinted.unwrap_or_else(|| newest.rate().saturating_mul(2));
    let rate = rate.max(inner_rate).max(MIN_BASE_FEE);
    let capped = rate.min(cap.0.get());
    if capped <= newest.rate() || hinted.is_some_and(|needed| needed > cap.0.get()) {
        return None;
    }
    Stroops::new(capped.checked_mul(counted)?).ok()
}
