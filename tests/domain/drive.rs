//! Drives an attempt as the engine does, one action at a time, and holds every step against the rules.

use stellar_submitter::domain::attempt::{Bump, Head, Snapshot};
use stellar_submitter::domain::decide::{Action, next};
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer};
use stellar_submitter::domain::primitives::{LedgerSeq, Stroops, TxHash};
use stellar_submitter::domain::reason::Reason;
use stellar_submitter::domain::transition::{
    AttemptEnd, IntentEnd, Observed, Settlement, Transition, absorb, sent,
};

use crate::fixture::PACE;

/// Actions within one ledger: a ladder of fee bumps, each with its look-up, and some.
const MAX_ACTIONS_A_LEDGER: u32 = 130;
/// Doublings that 63 bits hold.
const MAX_BUMPS: usize = 58;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Sent,
    Absent,
    Other,
}

/// An attempt on its way.
#[derive(Debug)]
pub struct Drive {
    pub snapshot: Snapshot,
    pub steps: Vec<Step>,
    pub sends: Vec<LedgerSeq>,
    pub settlement: Option<Settlement>,
    pub unexplained: Option<Reason>,
}

impl Drive {
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            steps: Vec::new(),
            sends: Vec::new(),
            settlement: None,
            unexplained: None,
        }
    }

    /// Acts until there is nothing to do at this head; `answer` is what the network says to each action.
    pub fn ledger(
        &mut self,
        head: Head,
        mut answer: impl FnMut(Action, &Snapshot) -> Observed,
    ) -> bool {
        for _ in 0..MAX_ACTIONS_A_LEDGER {
            let action = next(&self.snapshot, head);
            match action {
                Action::Wait => return false,
                Action::Submit => self.send(head),
                Action::Bump(fee) => {
                    self.bump(fee);
                    self.send(head);
                }
                Action::LookUp | Action::Prove => {}
            }
            let observed = answer(action, &self.snapshot);
            self.observe(observed, head);
            if self.settlement.is_some() {
                return true;
            }
        }
        panic!(
            "more than {MAX_ACTIONS_A_LEDGER} actions in ledger {}",
            head.ledger
        );
    }

    fn bump(&mut self, fee: Stroops) {
        let attempt = &mut self.snapshot.attempt;
        let counted = i64::from(attempt.operations) + 1;
        let cap = self.snapshot.terms.cap.0.get();
        assert!(
            fee.get() <= cap * counted,
            "{fee} is above the cap of {cap} an operation"
        );
        let newest = attempt.bumps.last().map_or(Stroops::ZERO, |bump| bump.fee);
        assert!(fee > newest, "{fee} is no raise of {newest}");
        let hash = TxHash([u8::try_from(100 + attempt.bumps.len()).expect("few"); 32]);
        attempt.bumps.push(Bump { hash, fee });
        assert!(attempt.bumps.len() <= MAX_BUMPS, "ever more fee bumps");
    }

    fn send(&mut self, head: Head) {
        let snapshot = &self.snapshot;
        assert!(
            !snapshot.attempt.is_overdue(head),
            "sent though it can no longer land"
        );
        assert!(
            head.closed_at >= snapshot.attempt.plan.min_time,
            "sent before its time"
        );
        assert!(!snapshot.terms.cancel_requested, "sent though canceled");
        assert!(snapshot.progress.verdict.is_none(), "sent though pointless");
        assert!(
            !snapshot.attempt.sponsored || !snapshot.attempt.bumps.is_empty(),
            "the plain envelope of a sponsored one was sent"
        );
        if snapshot.progress.maybe_sent {
            assert_eq!(
                self.steps.last(),
                Some(&Step::Absent),
                "sent again without a look-up right before"
            );
        }
        sent(&mut self.snapshot, head, PACE);
        self.steps.push(Step::Sent);
        self.sends.push(head.ledger);
    }

    /// Takes an observation in, asked for or not.
    pub fn observe(&mut self, observed: Observed, head: Head) {
        assert!(self.settlement.is_none(), "it has ended");
        let is_fact = matches!(
            observed,
            Observed::Answered(SubmitAnswer::Landed(_))
                | Observed::LookedUp(LookUp::Landed(_))
                | Observed::InLedger(_)
                | Observed::Evidence(_)
        );
        self.steps.push(match observed {
            Observed::LookedUp(LookUp::Absent) => Step::Absent,
            _ => Step::Other,
        });
        let before = self.snapshot.clone();
        match absorb(&mut self.snapshot, observed, head, PACE) {
            Ok(Transition::Learned) => {}
            Ok(Transition::Settled(settlement)) => {
                assert!(is_fact, "settled by something that proves nothing");
                self.check(&settlement);
                self.settlement = Some(*settlement);
            }
            Ok(Transition::Unexplained(reason)) => {
                assert!(is_fact);
                self.unexplained = Some(reason);
            }
            Err(_) => {
                assert_eq!(
                    self.snapshot, before,
                    "an impossible observation changed something"
                );
                self.snapshot.progress.idle_until = head.ledger.plus(1);
            }
        }
        assert_eq!(
            self.snapshot.attempt, before.attempt,
            "an observation rewrote the record"
        );
        assert_eq!(self.snapshot.terms, before.terms);
    }

    fn check(&self, settlement: &Settlement) {
        let canceled = self.snapshot.terms.cancel_requested;
        match (&settlement.attempt, &settlement.intent) {
            (AttemptEnd::Landed(landed), IntentEnd::Succeeded) => assert!(landed.successful),
            (AttemptEnd::Dead(_), IntentEnd::Succeeded) => {
                assert!(
                    settlement
                        .adopted
                        .as_ref()
                        .is_some_and(|own| own.successful)
                );
            }
            (AttemptEnd::LandedFailed(landed), _) => assert!(!landed.successful),
            (AttemptEnd::Dead(_), _) => assert_eq!(settlement.adopted, None),
            (AttemptEnd::Landed(_), end) => panic!("landed, yet {end:?}"),
        }
        if matches!(
            settlement.intent,
            IntentEnd::Requeued | IntentEnd::Parked { .. }
        ) {
            assert!(!canceled, "canceled, yet to be built again");
            assert!(!self.snapshot.attempt.presigned, "nobody can sign it again");
        }
    }
}
