//! Whether a death proof implies what it says.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::check::Standing;
use super::{AttemptReceipt, ProofReceipt};
use crate::domain::attempt::MISSING_LEDGERS;

/// Whether the proof, if what it states is so, excludes that the attempt has landed or ever lands; and why.
#[must_use]
pub fn implies_death(attempt: &AttemptReceipt, proof: &ProofReceipt) -> (Standing, String) {
    let plan = &attempt.plan;
    match proof {
        ProofReceipt::Fence {
            as_of_ledger,
            channel_sequence,
            ledger_closed_at,
        } => {
            let (Ok(sequence), Ok(used)) = (
                plan.sequence.parse::<i64>(),
                channel_sequence.parse::<i64>(),
            ) else {
                return (Standing::Wrong, "a sequence number is not one".to_owned());
            };
            if used >= sequence {
                return (
                    Standing::Wrong,
                    format!(
                        "as of ledger {as_of_ledger} the channel had used {used}, which is not below its sequence number {sequence}: it may have landed"
                    ),
                );
            }
            let stated = format!("as of ledger {as_of_ledger} its channel had used {used} only");
            let (passed, why) = fence_passed(attempt, *as_of_ledger, ledger_closed_at.as_deref());
            (passed, format!("{stated}, {why}"))
        }
        ProofReceipt::ForeignTransaction { hash, ledger } => {
            let own =
                *hash == attempt.hash || attempt.fee_bumps.iter().any(|bump| bump.hash == *hash);
            if own || *ledger == 0 {
                return (
                    Standing::Wrong,
                    "the other transaction that it names is this one".to_owned(),
                );
            }
            (
                Standing::Right,
                format!(
                    "transaction {hash} has used its sequence number in ledger {ledger}, and a number is used once"
                ),
            )
        }
        ProofReceipt::Skipped {
            as_of_ledger,
            channel_sequence,
        } => {
            let over = match (
                plan.sequence.parse::<i64>(),
                channel_sequence.parse::<i64>(),
            ) {
                (Ok(sequence), Ok(used)) => used >= sequence,
                _ => false,
            };
            let detail = format!(
                "as of ledger {as_of_ledger} its channel's number is {channel_sequence}, and went over {} without a transaction",
                plan.sequence
            );
            let standing = if over {
                Standing::Right
            } else {
                Standing::Wrong
            };
            (standing, detail)
        }
        ProofReceipt::AccountMissing {
            first_ledger,
            second_ledger,
        } => {
            if *second_ledger < first_ledger.saturating_add(MISSING_LEDGERS) {
                return (
                    Standing::Wrong,
                    format!(
                        "its channel was missing in ledgers {first_ledger} and {second_ledger}, which are not {MISSING_LEDGERS} apart"
                    ),
                );
            }
            let (passed, why) = fence_passed(attempt, *first_ledger, None);
            (
                passed,
                format!(
                    "its channel did not exist as of ledgers {first_ledger} and {second_ledger}, {why}"
                ),
            )
        }
    }
}

/// Whether the state after a ledger is past every ledger that could take the attempt.
fn fence_passed(
    attempt: &AttemptReceipt,
    as_of: u32,
    closed_at: Option<&str>,
) -> (Standing, String) {
    let plan = &attempt.plan;
    if plan.max_ledger != 0 && as_of.saturating_add(1) >= plan.max_ledger {
        return (
            Standing::Right,
            format!("and it could land before ledger {} only", plan.max_ledger),
        );
    }
    let Ok(max_time) = plan.max_time.parse::<u64>() else {
        return (Standing::Wrong, "and its last time is not one".to_owned());
    };
    if max_time == 0 {
        return (
            Standing::Wrong,
            format!("and it could land until ledger {}", plan.max_ledger),
        );
    }
    let Some(text) = closed_at else {
        return (
            Standing::Unproven,
            format!(
                "and whether that ledger closed after its last time ({max_time}) only the ledger can tell"
            ),
        );
    };
    match unix_seconds(text) {
        Some(closed) if closed > max_time => (
            Standing::Right,
            format!("and a ledger had closed after its last time ({max_time})"),
        ),
        Some(_) | None => (
            Standing::Wrong,
            format!("and it could still land: its last time ({max_time}) had not passed"),
        ),
    }
}

/// A time in RFC 3339 as the chain counts it.
#[must_use]
pub fn unix_seconds(text: &str) -> Option<u64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(at.unix_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use crate::domain::event::proof_json;
    use crate::domain::explain::{EventStory, Status, Story, happened};
    use crate::domain::primitives::{ChainTime, LedgerSeq, Sequence, TxHash};
    use crate::domain::receipt::ProofReceipt;
    use crate::domain::transition::DeathProof;

    /// A proof of each kind: who adds one meets this match.
    fn each() -> Vec<DeathProof> {
        let next = |proof: &DeathProof| match proof {
            DeathProof::Fence { .. } => Some(DeathProof::Foreign {
                hash: TxHash([1; 32]),
                ledger: LedgerSeq(7),
            }),
            DeathProof::Foreign { .. } => Some(DeathProof::Skipped {
                as_of: LedgerSeq(7),
                sequence: Sequence(9),
            }),
            DeathProof::Skipped { .. } => Some(DeathProof::AccountMissing {
                first: LedgerSeq(7),
                second: LedgerSeq(17),
            }),
            DeathProof::AccountMissing { .. } => None,
        };
        let first = DeathProof::Fence {
            as_of: LedgerSeq(7),
            sequence: Sequence(9),
            closed_at: Some(ChainTime(8)),
        };
        std::iter::successors(Some(first), next).collect()
    }

    #[test]
    fn every_proof_on_record_is_one_of_a_receipt_and_has_a_sentence() {
        for proof in each() {
            let json = proof_json(&proof);
            let read: ProofReceipt = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), json);
            let kind = json["kind"].as_str().unwrap().to_owned();
            let event = EventStory {
                at: "2026-01-01T00:00:00Z".to_owned(),
                kind: "attempt.dead".to_owned(),
                data: serde_json::json!({"attempt": 1, "proof": json}),
            };
            let story = Story {
                id: String::new(),
                workflow_id: String::new(),
                method: String::new(),
                status: Status::Queued,
                cancel_requested: false,
                reason: None,
                due_at: None,
                ordering_key: None,
                valid_until: None,
                accepted_at: "2026-01-01T00:00:00Z".to_owned(),
                transaction: None,
                attempts: Vec::new(),
                events: vec![event],
                explained: true,
            };
            let told = happened(&story);
            assert!(told.iter().all(|one| !one.text.contains(&kind)), "{told:?}");
        }
    }
}
