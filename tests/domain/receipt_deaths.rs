//! Which proofs of death imply it: at each bound, the last value that does not and the first that does.

use stellar_submitter::domain::primitives::TxHash;
use stellar_submitter::domain::receipt::{AttemptReceipt, ProofReceipt, Standing, implies_death};

use crate::receipts::{LAST_TIME, TOO_LATE, attempt, bump, checked, dead, doubts, payment};

/// The attempt's sequence number.
const NUMBER: i64 = 123_456_789_012_345;
/// What stands in the ledger when nothing can land any more.
const FENCE: u32 = TOO_LATE - 1;
/// When the last second in which it can land ends, and the one after it.
const AT_LAST: &str = "2030-01-01T00:00:00Z";
const AFTER_LAST: &str = "2030-01-01T00:00:01Z";

fn fence(as_of_ledger: u32, channel_sequence: i64, closed: Option<&str>) -> ProofReceipt {
    ProofReceipt::Fence {
        as_of_ledger,
        channel_sequence: channel_sequence.to_string(),
        ledger_closed_at: closed.map(str::to_owned),
    }
}

fn missing(first_ledger: u32, second_ledger: u32) -> ProofReceipt {
    ProofReceipt::AccountMissing {
        first_ledger,
        second_ledger,
    }
}

fn standing(attempt: &AttemptReceipt, proof: &ProofReceipt) -> Standing {
    implies_death(attempt, proof).0
}

/// The attempt with other bounds: 0 for none.
fn until(max_ledger: u32, max_time: &str) -> AttemptReceipt {
    let mut attempt = attempt(&payment());
    attempt.plan.max_ledger = max_ledger;
    attempt.plan.max_time = max_time.to_owned();
    attempt
}

fn each_stands(attempt: &AttemptReceipt, cases: &[(ProofReceipt, Standing)]) {
    for (proof, expected) in cases {
        assert_eq!(standing(attempt, proof), *expected, "{proof:?}");
    }
}

#[test]
fn an_attempt_ends_as_its_proof_stands() {
    for (proof, expected) in [
        (fence(FENCE, NUMBER - 1, None), Standing::Right),
        (fence(FENCE, NUMBER, None), Standing::Wrong),
        (fence(FENCE - 1, NUMBER - 1, None), Standing::Unproven),
        (missing(FENCE, FENCE + 10), Standing::Right),
        (missing(FENCE, FENCE + 9), Standing::Wrong),
    ] {
        let mut receipt = dead();
        receipt.attempts[0].death_proof = Some(proof.clone());
        let end = checked(&receipt)
            .into_iter()
            .find(|one| one.what == "attempt 1: end");
        assert_eq!(end.expect("it is checked").standing, expected, "{proof:?}");
        // Nothing else doubts it.
        let doubted = usize::from(expected != Standing::Right);
        assert_eq!(doubts(&receipt).len(), doubted, "{proof:?}");
    }
}

#[test]
fn a_fence_stands_once_every_ledger_that_could_take_it_is_closed() {
    assert_eq!(LAST_TIME, 1_893_456_000);
    let lower = NUMBER - 1;
    each_stands(
        &until(TOO_LATE, "1893456000"),
        &[
            (fence(FENCE, lower, None), Standing::Right),
            (fence(FENCE + 1, lower, None), Standing::Right),
            (fence(u32::MAX, lower, None), Standing::Right),
            (fence(FENCE - 1, lower, None), Standing::Unproven),
            (fence(0, lower, None), Standing::Unproven),
            // By its time, where the ledgers have not passed.
            (fence(FENCE - 1, lower, Some(AFTER_LAST)), Standing::Right),
            (fence(FENCE - 1, lower, Some(AT_LAST)), Standing::Wrong),
            (
                fence(FENCE - 1, lower, Some("2029-12-31T23:59:59.999Z")),
                Standing::Wrong,
            ),
            (
                fence(FENCE - 1, lower, Some("2030-01-01T01:00:00+01:00")),
                Standing::Wrong,
            ),
            (fence(FENCE - 1, lower, Some("2100-01-01")), Standing::Wrong),
            (fence(FENCE - 1, lower, Some("")), Standing::Wrong),
            (
                fence(FENCE - 1, lower, Some("1900-01-01T00:00:00Z")),
                Standing::Wrong,
            ),
        ],
    );
}

#[test]
fn a_fence_stands_only_below_the_attempts_number() {
    let proven = |number| (fence(FENCE, number, Some(AFTER_LAST)), Standing::Right);
    let not = |number| (fence(FENCE, number, Some(AFTER_LAST)), Standing::Wrong);
    each_stands(
        &until(TOO_LATE, "1893456000"),
        &[
            proven(0),
            proven(NUMBER - 1),
            not(NUMBER),
            not(NUMBER + 1),
            not(i64::MAX),
        ],
    );
    let mut attempt = attempt(&payment());
    let mut proof = fence(FENCE, NUMBER - 1, None);
    assert_eq!(standing(&attempt, &proof), Standing::Right);
    attempt.plan.sequence = "x".to_owned();
    assert_eq!(standing(&attempt, &proof), Standing::Wrong);
    attempt.plan.sequence = NUMBER.to_string();
    if let ProofReceipt::Fence {
        channel_sequence, ..
    } = &mut proof
    {
        channel_sequence.clear();
    }
    assert_eq!(standing(&attempt, &proof), Standing::Wrong);
}

#[test]
fn a_bound_that_is_not_there_proves_nothing() {
    let lower = NUMBER - 1;
    // No last ledger: by its time alone.
    each_stands(
        &until(0, "1893456000"),
        &[
            (fence(u32::MAX, lower, None), Standing::Unproven),
            (fence(0, lower, None), Standing::Unproven),
            (fence(7, lower, Some(AT_LAST)), Standing::Wrong),
            (fence(7, lower, Some(AFTER_LAST)), Standing::Right),
            (missing(7, 17), Standing::Unproven),
        ],
    );
    // No last time: by its ledger alone.
    each_stands(
        &until(TOO_LATE, "0"),
        &[
            (fence(FENCE, lower, None), Standing::Right),
            (fence(FENCE - 1, lower, None), Standing::Wrong),
            (fence(FENCE - 1, lower, Some(AFTER_LAST)), Standing::Wrong),
            (missing(FENCE - 1, FENCE + 9), Standing::Wrong),
        ],
    );
    each_stands(
        &until(0, "0"),
        &[(fence(u32::MAX, lower, Some(AFTER_LAST)), Standing::Wrong)],
    );
    // One second is a time.
    each_stands(
        &until(0, "1"),
        &[
            (
                fence(7, lower, Some("1970-01-01T00:00:02Z")),
                Standing::Right,
            ),
            (
                fence(7, lower, Some("1970-01-01T00:00:01Z")),
                Standing::Wrong,
            ),
        ],
    );
    each_stands(
        &until(TOO_LATE, "soon"),
        &[
            (fence(FENCE, lower, None), Standing::Right),
            (fence(FENCE - 1, lower, Some(AFTER_LAST)), Standing::Wrong),
        ],
    );
}

#[test]
fn another_transaction_with_its_number_is_not_itself() {
    let mut attempt = attempt(&payment());
    let foreign = |hash, ledger| ProofReceipt::ForeignTransaction { hash, ledger };
    let other = TxHash([7; 32]);
    let bumped = bump(&payment());
    each_stands(
        &attempt,
        &[
            (foreign(other, 1), Standing::Right),
            (foreign(other, TOO_LATE), Standing::Right),
            (foreign(other, 0), Standing::Wrong),
            (foreign(attempt.hash, 1), Standing::Wrong),
            (foreign(bumped.hash, 1), Standing::Right),
        ],
    );
    // In a fee bump of its own it is itself, whichever of them.
    attempt.fee_bumps = vec![bumped.clone()];
    each_stands(
        &attempt,
        &[
            (foreign(other, 1), Standing::Right),
            (foreign(attempt.hash, 1), Standing::Wrong),
            (foreign(bumped.hash, 1), Standing::Wrong),
        ],
    );
    attempt.fee_bumps[0].hash = TxHash([8; 32]);
    attempt.fee_bumps.push(bumped.clone());
    let proof = foreign(bumped.hash, 1);
    assert_eq!(standing(&attempt, &proof), Standing::Wrong);
    let (_, detail) = implies_death(&attempt, &foreign(other, 5));
    assert!(detail.contains(&other.to_string()), "{detail}");
}

#[test]
fn numbers_that_went_over_it_leave_none_for_it() {
    let skipped = |number: &str| ProofReceipt::Skipped {
        as_of_ledger: 7,
        channel_sequence: number.to_owned(),
    };
    each_stands(
        &attempt(&payment()),
        &[
            (skipped("123456789012344"), Standing::Wrong),
            (skipped("123456789012345"), Standing::Right),
            (skipped("123456789012346"), Standing::Right),
            (skipped("9223372036854775807"), Standing::Right),
            (skipped("9223372036854775808"), Standing::Wrong),
            (skipped("x"), Standing::Wrong),
        ],
    );
    let mut unnumbered = attempt(&payment());
    unnumbered.plan.sequence = "x".to_owned();
    let proof = skipped("9223372036854775807");
    assert_eq!(standing(&unnumbered, &proof), Standing::Wrong);
}

#[test]
fn a_missing_channel_is_seen_twice_ten_ledgers_apart_and_both_too_late() {
    each_stands(
        &attempt(&payment()),
        &[
            (missing(FENCE, FENCE + 10), Standing::Right),
            (missing(FENCE, FENCE + 11), Standing::Right),
            (missing(FENCE, FENCE + 9), Standing::Wrong),
            (missing(FENCE, FENCE), Standing::Wrong),
            (missing(FENCE + 10, FENCE), Standing::Wrong),
            (missing(FENCE - 1, FENCE + 9), Standing::Unproven),
            (missing(FENCE - 1, u32::MAX), Standing::Unproven),
            (missing(0, 9), Standing::Wrong),
        ],
    );
}
