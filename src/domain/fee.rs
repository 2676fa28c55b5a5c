//! What to bid: within the cap, enough to be taken.

use super::observation::FeeStats;
use super::primitives::Stroops;

/// The least that the network asks for an operation, in stroops.
pub const MIN_BASE_FEE: i64 = 100;
/// What a fee bump bids at least, as a multiple of the bid before it. A hint may be one stroop above what was refused:
/// followed to the letter it would make a new signed envelope for each stroop up to the cap.
const RAISE_FACTOR: i64 = 2;
/// Capacity usage, in thousandths, from which ledgers count as full.
const FULL_PERMILLE: u32 = 900;

/// The cap in stroops an operation, and who may set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeCap(pub Stroops);

/// Which share of what full ledgers charged the first bid should beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// Half.
    P50,
    /// Four fifths.
    P80,
    /// All but a twentieth.
    P95,
}

impl Percentile {
    const fn of(self, values: [i64; 3]) -> i64 {
        let [half, most, nearly_all] = values;
        match self {
            Self::P50 => half,
            Self::P80 => most,
            Self::P95 => nearly_all,
        }
    }
}

/// The bid per operation of a new plain envelope; `percentile` counts while ledgers are full.
///
/// A ledger charges everybody its lowest taken bid, so bidding above the minimum costs nothing while there is room.
#[must_use]
pub fn opening_bid(
    stats: Option<&FeeStats>,
    base_fee: i64,
    cap: FeeCap,
    percentile: Percentile,
) -> Stroops {
    let floor = base_fee.max(MIN_BASE_FEE);
    let bid = match stats {
        None => floor,
        Some(stats) => {
            let minimum = floor.max(stats.last_ledger_base_fee);
            if stats.capacity_usage_permille >= FULL_PERMILLE {
                percentile.of(stats.charged).max(minimum)
            } else {
                Percentile::P50
                    .of(stats.charged)
                    .clamp(minimum, minimum.saturating_mul(10))
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

    /// Stroops an operation, rounded up: what a fee bump around it must bid at least.
    #[must_use]
    pub fn rate_rounded_up(self) -> i64 {
        per_operation(self.fee.get(), self.operations)
    }
}

/// A fee's stroops an operation, rounded up.
fn per_operation(fee: i64, operations: u32) -> i64 {
    let operations = i64::from(operations.max(1));
    fee / operations + i64::from(fee % operations > 0)
}

/// The fee of the first envelope where somebody else pays: as much an operation as the plain one bids, for core takes no
/// fee bump below its inner transaction. `None` where that is more than the cap.
#[must_use]
pub fn first_fee_bump(plain: Bid, cap: FeeCap) -> Option<Stroops> {
    let rate = plain.rate_rounded_up().max(MIN_BASE_FEE);
    if rate > cap.0.get() {
        return None;
    }
    whole_fee(rate, plain.operations)
}

/// The whole fee of a fee bump around so many operations: it counts as one more.
fn whole_fee(rate: i64, operations: u32) -> Option<Stroops> {
    Stroops::new(rate.checked_mul(i64::from(operations) + 1)?).ok()
}

/// The fee of the next fee bump around `plain`, or `None` where the cap allows no more.
///
/// `needed` is core's hint: the whole fee that the refused envelope, the `newest`, would have needed. The bid doubles at
/// least, so that few envelopes lead to any cap.
#[must_use]
pub fn next_fee_bump(newest: Bid, needed: Option<i64>, plain: Bid, cap: FeeCap) -> Option<Stroops> {
    // A hint at or below what was bid says nothing new: an older answer, or another node's.
    let hinted = needed
        .map(|fee| per_operation(fee, newest.operations))
        .filter(|rate| *rate > newest.rate());
    if hinted.is_some_and(|needed| needed > cap.0.get()) {
        return None;
    }
    let doubled = newest.rate().saturating_mul(RAISE_FACTOR);
    let rate = hinted
        .map_or(doubled, |hint| hint.max(doubled))
        .max(plain.rate_rounded_up())
        .max(MIN_BASE_FEE)
        .min(cap.0.get());
    if rate <= newest.rate() || rate < plain.rate_rounded_up() {
        return None;
    }
    whole_fee(rate, plain.operations)
}
