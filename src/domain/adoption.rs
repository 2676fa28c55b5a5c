//! Taking over what an earlier life of ours has sent: a landed transaction that rebuilds to an intent is the attempt that the
//! records lost, ended as the ledger has it.

use stellar_xdr as xdr;

use super::attempt::{Attempt, Bump, Head, Progress, Snapshot, Terms};
use super::envelope::{self, Plan, decode, recognise};
use super::fee::MIN_BASE_FEE;
use super::intent::{Content, IntentKey, Request};
use super::observation::{Landed, LookUp};
use super::primitives::{LedgerSeq, NetworkId, Stroops, TxHash};
use super::transition::{IntentEnd, Observed, Pace, Settlement, Transition, absorb};

/// An attempt that the records lacked, with what it came to.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// As it was signed.
    pub attempt: Attempt,
    /// Its plain envelope, XDR, with the signatures that the ledger has.
    pub envelope: Vec<u8>,
    /// The fee bump that carried it, XDR, where one did.
    pub fee_bump: Option<Vec<u8>>,
    /// What it changes.
    pub settlement: Settlement,
}

/// Who adopts, and as which attempt.
#[derive(Clone, Copy, Debug)]
pub struct Adopter<'a> {
    /// The network.
    pub network: NetworkId,
    /// Whose intent.
    pub key: &'a IntentKey,
    /// What it asks for.
    pub request: &'a Request,
    /// The number that the attempt gets.
    pub number: u32,
    /// What the intent says about failures.
    pub terms: Terms,
}

impl Adopter<'_> {
    /// The attempt that a landed transaction was; `None` where it is not this intent's: rebuilt, it has another hash. Also
    /// where the ledger's record does not end an attempt.
    #[must_use]
    pub fn adopt(&self, landed: &Landed) -> Option<Adoption> {
        let (inner, bump) = decode(&landed.envelope_xdr).ok()?;
        if !recognise(
            self.network,
            self.key,
            self.request,
            &inner.tx,
            bump.as_ref(),
        ) {
            return None;
        }
        let attempt = self.attempt(&inner.tx, bump.as_ref(), landed)?;
        let mut snapshot = Snapshot {
            terms: self.terms,
            attempt: attempt.clone(),
            progress: Progress::recovered(),
        };
        let head = Head {
            ledger: landed.ledger,
            closed_at: landed.closed_at,
        };
        let pace = Pace { resubmit_after: 1 };
        let found = Observed::LookedUp(LookUp::Landed(Box::new(landed.clone())));
        let Ok(Transition::Settled(settlement)) = absorb(&mut snapshot, found, head, pace) else {
            return None;
        };
        Some(Adoption {
            attempt,
            envelope: envelope::encode(&xdr::TransactionEnvelope::Tx(inner)),
            fee_bump: bump.map(|_| landed.envelope_xdr.clone()),
            settlement: *settlement,
        })
    }

    fn attempt(
        &self,
        tx: &xdr::Transaction,
        bump: Option<&xdr::FeeBumpTransaction>,
        landed: &Landed,
    ) -> Option<Attempt> {
        let (plan, presigned) = match &self.request.content {
            Content::Presigned(presigned) => (presigned.plan(), true),
            Content::Operations(_) => (envelope::plan_for(self.request, tx)?, false),
        };
        let bumped = bump.zip(landed.fee_bump_hash);
        let bumps = bumped.and_then(|(bump, hash)| {
            let fee = Stroops::new(bump.fee).ok()?;
            Some(vec![Bump { hash, fee }])
        });
        Some(Attempt {
            number: self.number,
            plan: Plan {
                base_fee: plan.base_fee.max(Stroops::new(1).unwrap_or(Stroops::ZERO)),
                ..plan
            },
            inner_hash: landed.inner_hash,
            operations: u32::try_from(tx.operations.len()).unwrap_or(u32::MAX),
            plain_fee: Stroops::new(i64::from(tx.fee).max(MIN_BASE_FEE)).ok()?,
            bumps: bumps.unwrap_or_default(),
            sponsored: bump.is_some(),
            presigned,
            signed_at: LedgerSeq(landed.ledger.0.saturating_sub(1)),
        })
    }
}

/// The first of these that is this intent's, the oldest first. One that failed is no end where another has succeeded: then it
/// is one of the attempts before.
#[must_use]
pub fn first(adopter: &Adopter<'_>, landings: &[Landed]) -> Option<Adoption> {
    let mut own: Vec<Adoption> = landings.iter().filter_map(|l| adopter.adopt(l)).collect();
    own.sort_by_key(|adoption| {
        adoption
            .settlement
            .decided_by()
            .map(|l| (l.ledger, l.sequence))
    });
    let succeeded = own
        .iter()
        .any(|adoption| adoption.settlement.intent == IntentEnd::Succeeded);
    let mut first = own.into_iter().next()?;
    if succeeded && first.settlement.intent != IntentEnd::Succeeded {
        first.settlement.intent = IntentEnd::Requeued;
    }
    Some(first)
}

/// What becomes of an intent that is not on record, by what has landed with its tag.
#[derive(Clone, Debug)]
pub enum Past {
    /// It was done: the attempts that it had, the last of them successful.
    Done(Vec<Adoption>),
    /// It is still to be done: all that succeeded has only brought archived entries back for it.
    Open,
    /// The transaction with this hash has succeeded with its tag, and is not what it asks for.
    Otherwise(TxHash),
}

/// What becomes of an intent that is not on record; the adopter says the number of its first attempt.
#[must_use]
pub fn past(adopter: &Adopter<'_>, landings: &[Landed]) -> Past {
    let mut rest = landings.to_vec();
    let mut own = Vec::new();
    let mut next = *adopter;
    while let Some(adoption) = first(&next, &rest) {
        rest.retain(|landed| landed.inner_hash != adoption.attempt.inner_hash);
        next.number = next.number.saturating_add(1);
        let succeeded = adoption.settlement.intent == IntentEnd::Succeeded;
        own.push(adoption);
        if succeeded {
            return Past::Done(own);
        }
    }
    let other = rest.iter().find(|landed| landed.successful);
    other.map_or(Past::Open, |other| Past::Otherwise(other.inner_hash))
}
