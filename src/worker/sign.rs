//! Building and signing: what a claimed intent becomes. Nothing is asked and nothing is put on record here.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::flight::Flight;
use super::settings::{FeePayer, Settings};
use super::simulate::PlannedCall;
use crate::domain::adoption::{self, Adopter, Adoption};
use crate::domain::attempt::{Attempt, Progress, Snapshot, Terms};
use crate::domain::envelope::{self, Plan};
use crate::domain::fee::{FeeCap, opening_bid};
use crate::domain::fields::FieldError;
use crate::domain::intent::{self, Accounts, Content, Request};
use crate::domain::observation::{FeeStats, Landed, LedgerHeader};
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops};
use crate::domain::reason::Reason;
use crate::domain::soroban_plan::SorobanPlan;
use crate::domain::tag::Tag;
use crate::signer::{Keyring, Signer as _};
use crate::store::prepare::{Claimed, NewAttempt};

/// What becomes of a claimed intent that gets no attempt.
pub(super) enum Turned {
    /// It has landed already: the records did not know.
    Landed(Box<Adoption>),
    /// It never can be sent.
    Fail(Reason),
    /// A person must look.
    Park(Reason),
    /// There is no key for its channel here.
    BadChannel,
    /// There is not enough time left on the chain's clock; it will expire.
    Late,
}

/// Everything that an attempt is made of, beside its intent and its channel.
pub(super) struct Signing {
    pub keys: Arc<Keyring>,
    pub network: NetworkId,
    pub accounts: Accounts,
    pub settings: Arc<Settings>,
    /// The newest ledger.
    pub header: LedgerHeader,
    /// What ledgers charged of late.
    pub fees: Option<FeeStats>,
    /// The plans of contract intents that were simulated.
    pub calls: Arc<BTreeMap<Uuid, PlannedCall>>,
}

/// A claimed pair's attempt, to be put on record, and its flight once it is; or why there is none.
pub(super) type Signed = Result<(NewAttempt, Flight), Turned>;

impl Signing {
    /// The attempt of a claimed pair.
    pub(super) fn sign(&self, claimed: &Claimed) -> Signed {
        let request = intent::read_stored(&claimed.request)
            .map_err(|errors| Turned::Fail(Reason::invalid_intent(list(&errors))))?;
        let key = request.key(&claimed.tenant);
        let number = u32::try_from(claimed.attempt_count).unwrap_or(0) + 1;
        let parked = u32::try_from(claimed.parked_times).unwrap_or(0);
        let terms = self.settings.terms(&request, parked);
        if let Some(turned) = self.landed_before(claimed, &request, &key, number, terms) {
            return Err(turned);
        }
        let (attempt, bytes) = match &request.content {
            Content::Presigned(_) if claimed.on_our_channel => {
                return Err(Turned::Fail(Reason::new(
                    "channel_used",
                    "The signed transaction uses a channel of this submitter",
                    "its source account supplies sequence numbers here: give its operations instead",
                    false,
                )));
            }
            Content::Presigned(presigned) => self.sponsor(presigned, number)?,
            Content::Operations(_) => self.build(claimed, &request, &key, number, terms.cap)?,
        };
        let new = NewAttempt {
            intent_id: claimed.id,
            attempt: attempt.clone(),
            envelope: bytes.clone(),
        };
        let flight = Flight {
            key,
            request: Arc::new(request),
            snapshot: Snapshot {
                terms,
                attempt,
                progress: Progress::fresh(),
            },
            plain: Arc::new(bytes),
            bumped: None,
            errand: None,
            inquired: false,
            settled: None,
        };
        Ok((new, flight))
    }

    /// Whether a transaction with this intent's tag has landed without the records knowing.
    pub(super) fn landed_before(
        &self,
        claimed: &Claimed,
        request: &Request,
        key: &intent::IntentKey,
        number: u32,
        terms: Terms,
    ) -> Option<Turned> {
        let landings = claimed.landings.iter();
        let landings: Vec<Landed> = landings
            .filter_map(|landing| landing.read(self.network))
            .collect();
        let adopter = Adopter {
            network: self.network,
            key,
            request,
            number,
            terms,
        };
        #[cfg(feature = "simulation")]
        if crate::defect::is_made(crate::defect::Defect::AdoptByTag)
            && let Some(landed) = landings.iter().find(|landed| landed.successful)
        {
            return Some(Turned::Landed(Box::new(by_tag(landed, claimed, request))));
        }
        if let Some(adoption) = adoption::first(&adopter, &landings) {
            return Some(Turned::Landed(Box::new(adoption)));
        }
        let other = landings.iter().find(|landed| landed.successful)?;
        Some(Turned::Fail(Reason::new(
            "workflow_conflict",
            "This workflow has landed with other content",
            format!(
                "transaction {} carries this workflow's tag, but not these operations; nothing is sent for it again",
                other.inner_hash
            ),
            false,
        )))
    }

    /// The first ledger that is too late for what is signed now.
    fn first_late_ledger(&self) -> LedgerSeq {
        self.header
            .sequence
            .plus(self.settings.validity_ledgers + 1)
    }

    /// What an intent's transaction is built by; `None` where it is too late for it.
    pub(super) fn plan(
        &self,
        request: &Request,
        channel: AccountId,
        sequence: Sequence,
        cap: FeeCap,
        soroban: Option<Arc<SorobanPlan>>,
    ) -> Option<Plan> {
        let header = &self.header;
        let by_now = header.closed_at.0 + self.settings.validity_seconds();
        let max_time = request
            .valid_until
            .map_or(by_now, |until| until.0.min(by_now));
        (max_time > header.closed_at.0).then(|| Plan {
            channel,
            sequence,
            min_time: request.not_before.unwrap_or(ChainTime(0)),
            max_time: ChainTime(max_time),
            max_ledger: self.first_late_ledger(),
            base_fee: opening_bid(
                self.fees.as_ref(),
                header.base_fee.get(),
                cap,
                self.settings.percentile,
            ),
            soroban,
        })
    }

    /// The attempt of an intent of operations by this plan, and its transaction, which nobody has signed.
    pub(super) fn attempt(
        &self,
        request: &Request,
        tag: Tag,
        number: u32,
        plan: Plan,
    ) -> (Attempt, stellar_xdr::Transaction) {
        let tx = envelope::build(request, tag, &plan);
        let attempt = Attempt {
            number,
            inner_hash: envelope::inner_hash(&tx, self.network),
            operations: request.operation_count(),
            plain_fee: Stroops::new(i64::from(tx.fee)).unwrap_or(Stroops::MAX),
            bumps: Vec::new(),
            sponsored: self.settings.payer == FeePayer::FeeAccount || !plan.carries_tag(request),
            presigned: false,
            signed_at: self.header.sequence,
            plan,
        };
        (attempt, tx)
    }

    fn build(
        &self,
        claimed: &Claimed,
        request: &Request,
        key: &intent::IntentKey,
        number: u32,
        cap: FeeCap,
    ) -> Result<(Attempt, Vec<u8>), Turned> {
        if !self.accounts.allows(request.source) {
            return Err(Turned::Park(Reason::new(
                "source_not_configured",
                "The source account is not configured any more",
                format!("no key is configured for {}", request.source),
                false,
            )));
        }
        let channel: AccountId = claimed
            .channel
            .parse()
            .map_err(|error| Turned::Fail(Reason::invalid_intent(format!("channel {error}"))))?;
        let soroban = match request.contract() {
            None => None,
            // One that was simulated before, and whose signatures hold for as long as it may land.
            Some(_) => match self.calls.get(&claimed.id) {
                Some(call) if call.expires >= self.first_late_ledger() => {
                    Some(Arc::clone(&call.plan))
                }
                Some(_) | None => return Err(Turned::Late),
            },
        };
        let sequence = Sequence(claimed.sequence).next();
        let plan = self
            .plan(request, channel, sequence, cap, soroban)
            .ok_or(Turned::Late)?;
        let (attempt, tx) = self.attempt(request, key.tag(self.network), number, plan);
        let signers = attempt.plan.signers(request);
        let mut signatures = Vec::with_capacity(signers.len());
        for account in signers {
            signatures.push(
                self.keys
                    .sign(account, &attempt.inner_hash.0)
                    .map_err(|error| {
                        if account == channel && account != request.source {
                            Turned::BadChannel
                        } else {
                            Turned::Park(Reason::new(
                                "key_missing",
                                "A key is missing",
                                error.to_string(),
                                false,
                            ))
                        }
                    })?,
            );
        }
        let bytes = envelope::encode(&stellar_xdr::TransactionEnvelope::Tx(envelope::attach(
            tx, signatures,
        )));
        Ok((attempt, bytes))
    }
}

/// A deliberate mistake: whatever carries the tag counts as this intent's.
#[cfg(feature = "simulation")]
fn by_tag(landed: &Landed, claimed: &Claimed, request: &Request) -> Adoption {
    let plan = Plan {
        channel: landed.source_account,
        sequence: landed.sequence,
        min_time: ChainTime(0),
        max_time: ChainTime(0),
        max_ledger: landed.ledger.plus(1),
        base_fee: Stroops::new(100).unwrap_or(Stroops::ZERO),
        soroban: None,
    };
    let attempt = Attempt {
        number: u32::try_from(claimed.attempt_count).unwrap_or(0) + 1,
        plain_fee: plan.base_fee,
        plan,
        inner_hash: landed.inner_hash,
        operations: request.operation_count(),
        bumps: Vec::new(),
        sponsored: false,
        presigned: false,
        signed_at: landed.ledger,
    };
    Adoption {
        attempt,
        envelope: landed.envelope_xdr.clone(),
        fee_bump: None,
        settlement: crate::domain::transition::Settlement {
            attempt: crate::domain::transition::AttemptEnd::Landed(Box::new(landed.clone())),
            intent: crate::domain::transition::IntentEnd::Succeeded,
            channel_sequence: None,
            adopted: None,
            channel_lost: false,
        },
    }
}

/// Mistakes in one line.
pub(super) fn list(errors: &[FieldError]) -> String {
    let lines: Vec<String> = errors
        .iter()
        .map(|error| format!("{} {}", error.pointer, error.detail))
        .collect();
    lines.join("; ")
}
