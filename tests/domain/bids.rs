//! What is bid: within the cap, enough, and not for ever.

use proptest::prelude::*;
use stellar_submitter::domain::attempt::Bump;
use stellar_submitter::domain::fee::{
    Bid, FeeCap, MIN_BASE_FEE, Percentile, first_fee_bump, next_fee_bump, opening_bid,
};
use stellar_submitter::domain::observation::FeeStats;
use stellar_submitter::domain::primitives::{Stroops, TxHash};

use crate::fixture::{attempt, stroops};

/// Doublings from the least to the most that 63 bits hold.
const MAX_BUMPS: usize = 58;

fn cap(fee: i64) -> FeeCap {
    FeeCap(stroops(fee))
}

fn plain(rate: i64, operations: u32) -> Bid {
    Bid {
        fee: stroops(rate * i64::from(operations)),
        operations,
    }
}

fn bumped(fee: Stroops, operations: u32) -> Bid {
    Bid {
        fee,
        operations: operations + 1,
    }
}

#[test]
fn without_news_the_minimum_is_bid_and_on_full_ledgers_what_most_paid() {
    let stats = |usage, charged| FeeStats {
        last_ledger_base_fee: 100,
        capacity_usage_permille: usage,
        charged,
        bid: [0; 3],
    };
    let bid = |stats: Option<&FeeStats>, base, most| {
        opening_bid(stats, base, cap(most), Percentile::P80).get()
    };
    let full = stats(900, [300, 7_000, 9_000]);
    for (percentile, expected) in [
        (Percentile::P50, 300),
        (Percentile::P80, 7_000),
        (Percentile::P95, 9_000),
    ] {
        let bid = opening_bid(Some(&full), 100, cap(10_000), percentile);
        assert_eq!(bid.get(), expected, "{percentile:?}");
    }
    assert_eq!(bid(None, 100, 10_000), 100);
    assert_eq!(bid(None, 5, 10_000), 100);
    assert_eq!(bid(None, 250, 10_000), 250);
    assert_eq!(bid(None, 250, 200), 200, "the cap is above everything");
    let roomy = stats(899, [300, 7_000, 9_000]);
    assert_eq!(bid(Some(&roomy), 100, 10_000), 300);
    let odd = stats(100, [50_000, 50_000, 50_000]);
    assert_eq!(
        bid(Some(&odd), 100, 100_000),
        1_000,
        "no more than ten times the minimum while there is room"
    );
    let full = stats(900, [300, 7_000, 9_000]);
    assert_eq!(bid(Some(&full), 100, 10_000), 7_000);
    assert_eq!(bid(Some(&full), 100, 5_000), 5_000);
}

#[test]
fn a_hint_is_honoured_the_tenfold_one_of_a_replacement_too() {
    // Core wants the whole fee of the refused envelope: 1,000 for one operation, tenfold its 100.
    let first = next_fee_bump(plain(100, 1), Some(1_000), plain(100, 1), cap(10_000));
    assert_eq!(first, Some(stroops(2_000)), "1,000 an operation, for two");
    // Then ten times the 2,000 of that fee bump.
    let newest = bumped(stroops(2_000), 1);
    let second = next_fee_bump(newest, Some(20_000), plain(100, 1), cap(10_000));
    assert_eq!(second, Some(stroops(20_000)));
    let above = next_fee_bump(newest, Some(20_001), plain(100, 1), cap(10_000));
    assert_eq!(above, None, "one stroop above the cap");
    // The hint of 301 for three operations is 101 each, rounded up; the bid doubles at least.
    let rounded = next_fee_bump(plain(100, 3), Some(301), plain(100, 3), cap(10_000));
    assert_eq!(rounded, Some(stroops(200 * 4)));
    let stale = next_fee_bump(newest, Some(50), plain(100, 1), cap(10_000));
    assert_eq!(stale, Some(stroops(4_000)), "an old hint is none: doubled");
}

#[test]
fn the_last_step_is_the_cap_itself() {
    let newest = bumped(stroops(2 * 6_000), 1);
    let last = next_fee_bump(newest, None, plain(100, 1), cap(10_000));
    assert_eq!(last, Some(stroops(20_000)));
    let newest = bumped(stroops(20_000), 1);
    assert_eq!(
        next_fee_bump(newest, None, plain(100, 1), cap(10_000)),
        None
    );
}

#[test]
fn a_first_fee_bump_bids_what_core_takes_and_nothing_above_the_cap() {
    assert_eq!(
        first_fee_bump(plain(100, 1), cap(10_000)),
        Some(stroops(200))
    );
    assert_eq!(first_fee_bump(plain(1, 1), cap(10_000)), Some(stroops(200)));
    assert_eq!(
        first_fee_bump(plain(100, 1), cap(100)),
        Some(stroops(200)),
        "the cap itself may be bid"
    );
    // 301 over 3 operations: core compares fractions, so 100 an operation would be too low.
    let odd = Bid {
        fee: stroops(301),
        operations: 3,
    };
    assert_eq!(first_fee_bump(odd, cap(10_000)), Some(stroops(101 * 4)));
    assert_eq!(first_fee_bump(odd, cap(100)), None);
    assert_eq!(first_fee_bump(plain(10_001, 1), cap(10_000)), None);
    assert_eq!(first_fee_bump(plain(100, 1), cap(99)), None);
}

#[test]
fn a_raise_is_at_least_what_the_plain_envelope_bids() {
    // 301 over 3 operations is more than 100 each: 101 is the least that core takes, and may be the most that is allowed.
    let odd = Bid {
        fee: stroops(301),
        operations: 3,
    };
    let raise = |newest, plain, most| next_fee_bump(newest, None, plain, cap(most));
    assert_eq!(raise(odd, odd, 101), Some(stroops(101 * 4)));
    assert_eq!(raise(odd, odd, 100), None);
    // Above the newest bid, and yet below the plain one.
    let low = bumped(stroops(2 * 50), 1);
    assert_eq!(raise(low, plain(100, 1), 100), Some(stroops(200)));
    assert_eq!(raise(low, plain(100, 1), 99), None);
}

fn any_fee() -> impl Strategy<Value = i64> {
    prop_oneof![
        0..=10_000_i64,
        Just(0),
        Just(1),
        Just(i64::MAX),
        Just(i64::MAX - 1),
        Just(i64::MAX / 2),
        0..=i64::MAX,
    ]
}

fn any_number() -> impl Strategy<Value = i64> {
    prop_oneof![any_fee(), any::<i64>(), Just(i64::MIN), Just(-1)]
}

proptest! {
    #[test]
    fn an_opening_bid_is_within_the_cap_whatever_the_statistics_say(
        base in any_number(), last in any_number(), usage in any::<u32>(),
        charged in [any_number(), any_number(), any_number()], most in any_fee(),
    ) {
        let stats = FeeStats {
            last_ledger_base_fee: last,
            capacity_usage_permille: usage,
            charged,
            bid: charged,
        };
        for stats in [None, Some(&stats)] {
            let bid = opening_bid(stats, base, cap(most), Percentile::P80).get();
            prop_assert!(bid <= most.max(1) && bid >= MIN_BASE_FEE.min(most).max(1), "{bid}");
        }
    }

    #[test]
    fn a_raise_is_higher_within_the_cap_and_as_core_wants_it(
        rate in 0..=i64::MAX / 101, operations in 1..=100_u32, newest in any_fee(),
        hint in proptest::option::of(any_number()), most in any_fee(), has_bumps in any::<bool>(),
    ) {
        let plain = plain(rate, operations);
        let newest = if has_bumps { bumped(stroops(newest), operations) } else { plain };
        let Some(fee) = next_fee_bump(newest, hint, plain, cap(most)) else {
            return Ok(());
        };
        let next = bumped(fee, operations);
        prop_assert_eq!(fee.get() % i64::from(operations + 1), 0);
        prop_assert!(next.rate() > newest.rate());
        prop_assert!(next.rate() <= most);
        // Core's own comparison of a fee bump with its inner transaction: fractions, without rounding.
        let wide = |fee: Stroops| i128::from(fee.get());
        prop_assert!(
            wide(fee) * i128::from(operations) >= wide(plain.fee) * i128::from(operations + 1)
        );
        let wanted = hint.filter(|hint| *hint > newest.fee.get());
        if let Some(wanted) = wanted {
            prop_assert!(
                wide(fee) * i128::from(newest.operations)
                    >= i128::from(wanted) * i128::from(operations + 1),
                "the hint {wanted} is not met by {fee}"
            );
        }
    }

    #[test]
    fn few_raises_lead_to_the_cap_however_small_the_hints(
        operations in 1..=100_u32, most in any_fee(), by in 1..=3_i64, hinted in any::<bool>(),
    ) {
        let plain = plain(100, operations);
        let mut newest = plain;
        let mut raises = 0;
        while let Some(fee) = {
            let hint = hinted.then(|| newest.fee.get().saturating_add(by));
            next_fee_bump(newest, hint, plain, cap(most))
        } {
            newest = bumped(fee, operations);
            raises += 1;
            prop_assert!(raises <= MAX_BUMPS);
        }
        if most > 100 && most < i64::MAX / 101 && !hinted {
            prop_assert_eq!(newest.rate(), most, "it ends at the cap");
        }
    }

    #[test]
    fn a_first_fee_bump_never_overflows(
        fee in any_fee(), operations in 1..=100_u32, most in any_fee(),
    ) {
        let plain = Bid { fee: stroops(fee), operations };
        if let Some(bump) = first_fee_bump(plain, cap(most)) {
            prop_assert!(bumped(bump, operations).rate() <= most);
            prop_assert!(
                i128::from(bump.get()) * i128::from(operations)
                    >= i128::from(fee) * i128::from(operations + 1)
            );
        }
    }
}

#[test]
fn a_fee_bump_counts_for_one_operation_more() {
    let mut attempt = attempt();
    attempt.operations = 3;
    assert_eq!(attempt.newest_bid(), attempt.plain_bid());
    assert_eq!(attempt.plain_bid().operations, 3);
    for fee in [4_000, 8_000] {
        attempt.bumps.push(Bump {
            hash: TxHash([7; 32]),
            fee: stroops(fee),
        });
        // The newest one's fee, over what it takes of a ledger.
        let newest = Bid {
            fee: stroops(fee),
            operations: 4,
        };
        assert_eq!(attempt.newest_bid(), newest);
    }
}
