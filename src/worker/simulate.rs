//! From a contract intent to its plan: simulated, its nonce set, its authorisation signed, simulated again. Nothing here is
//! put on record, and no channel is held meanwhile: a plan is good for whichever comes.

use std::sync::Arc;

use stellar_xdr as xdr;

use super::contracts::Contracts;
use super::sign::Signing;
use crate::domain::envelope::{self, Plan};
use crate::domain::intent::{OnStateError, Request};
use crate::domain::observation::Unknown;
use crate::domain::operation::ContractOperation;
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, Stroops};
use crate::domain::reason::Reason;
use crate::domain::soroban::auth::{
    address_of, adopt, attach, missing_signatures, payload, set_nonces, unsigned_of,
};
use crate::domain::soroban::{
    Failure, FailureKind, LimitExceeded, Margin, Need, NetworkLimits, Simulated, SimulationOutcome,
    plan,
};
use crate::domain::soroban_plan::{SorobanPlan, signer};
use crate::domain::tag::Tag;
use crate::domain::transition::resume_after;
use crate::signer::Signer as _;
use crate::store::calls::QueuedEnd;

/// The source of transactions that are only simulated: nobody, so that whoever must authorise is asked by address.
const NOBODY: AccountId = AccountId([0; 32]);
/// Ledgers for which a signed authorisation holds beyond the last that can take the attempt, so that a plan can wait a
/// while for a channel.
const SPARE_LEDGERS: u32 = 10;
/// The largest fee for resources, in stroops: a hundred lumens. More is a mistake of somebody's.
const MAX_RESOURCE_FEE: i64 = 1_000_000_000;
/// Bytes of signatures and of a fee bump around what was simulated.
const ENVELOPE_SPARE_BYTES: usize = 400;

/// A plan, and until when it can be used.
#[derive(Clone, Debug)]
pub(super) struct PlannedCall {
    pub plan: Arc<SorobanPlan>,
    /// The last ledger in which its signatures hold.
    pub expires: LedgerSeq,
    /// The ledger that it was simulated on, or before.
    pub simulated_at: LedgerSeq,
    /// What guards the call.
    pub need: Need,
    /// What it returned when it was simulated last.
    pub value: Option<xdr::ScVal>,
    /// What contracts said then; no diagnostic events.
    pub events: Arc<[xdr::ContractEvent]>,
}

/// Why there is no plan.
pub(super) enum NoPlan {
    /// It ends so.
    End(QueuedEnd),
    /// A nonce of an authorisation is used: the call ran, though not in a transaction of ours that is on record.
    NonceUsed,
    /// Nothing is known: it is tried again.
    Later(String),
}

impl From<Unknown> for NoPlan {
    fn from(unknown: Unknown) -> Self {
        Self::Later(unknown.detail)
    }
}

/// Makes plans.
pub(super) struct Simulating {
    pub contracts: Arc<dyn Contracts>,
    pub signing: Arc<Signing>,
    pub margin: Margin,
    pub limits: NetworkLimits,
    /// Whether the source's authorisations are signed. What is not to be put on record is not signed: whoever has a signed
    /// one can run the call.
    pub signs: bool,
}

impl Simulating {
    /// The plan of a contract intent.
    pub(super) async fn plan(
        &self,
        request: &Request,
        tag: Tag,
        parked: u32,
    ) -> Result<PlannedCall, NoPlan> {
        let operation = request.contract().ok_or_else(|| {
            failed(
                "invalid_intent",
                "It is no contract operation",
                String::new(),
            )
        })?;
        let simulated_at = self.signing.header.sequence;
        let validity = self.signing.settings.validity_ledgers;
        let expires = simulated_at.plus(validity + 1 + SPARE_LEDGERS);
        let empty = self.empty(operation);
        let first = self.run(request, tag, &empty, parked).await?;
        let need = Need::of(&first, request.source);
        let planned = |data, auth, restores, seen: &Simulated| PlannedCall {
            plan: Arc::new(SorobanPlan {
                data,
                auth,
                restores,
            }),
            expires,
            simulated_at,
            need,
            value: seen.value.clone(),
            events: contract_events(seen),
        };
        if let Some(restoration) = &first.restoration {
            let data = plan::restoration(restoration, self.margin, &self.limits);
            let data = self.affordable(data.map_err(too_much)?)?;
            return Ok(planned(data, Vec::new(), true, &first));
        }
        let Some(authorization) = operation.authorization() else {
            return Ok(planned(self.resources(&first)?, Vec::new(), false, &first));
        };
        let (mut data, mut auth) = (first.data.clone(), first.auth.clone());
        adopt(&mut auth, &mut data, &authorization.entries).map_err(|error| {
            failed(
                "authorization_not_asked_for",
                "An authorisation was given that the call does not ask for",
                error.to_string(),
            )
        })?;
        set_nonces(&mut auth, &mut data, request.source, tag, expires);
        let own: Vec<usize> = unsigned_of(&auth, request.source).collect();
        for place in &own {
            if self.signs {
                self.authorize(&mut auth[*place], request.source)?;
            }
        }
        let source = address_of(request.source);
        let mut missing = missing_signatures(&auth);
        missing.retain(|address| self.signs || *address != source);
        if !missing.is_empty() {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            return Err(failed(
                "authorization_missing",
                "Somebody else must authorise the call",
                format!(
                    "the call asks for the authorisation of {}: give it signed, as auth_entries",
                    missing.join(", ")
                ),
            ));
        }
        auth.sort_by_key(|entry| signer(entry) != Some(&source));
        let signed = auth.iter().any(|entry| signer(entry).is_some());
        let last = if signed && (self.signs || own.is_empty()) {
            let with = SorobanPlan {
                data,
                auth: auth.clone(),
                restores: false,
            };
            self.run(request, tag, &with, parked).await?
        } else {
            first
        };
        Ok(planned(self.resources(&last)?, auth, false, &last))
    }

    /// What is simulated first: nothing is declared but what the operation names itself.
    fn empty(&self, operation: &ContractOperation) -> SorobanPlan {
        SorobanPlan {
            data: xdr::SorobanTransactionData {
                ext: xdr::SorobanTransactionDataExt::V0,
                resources: xdr::SorobanResources {
                    footprint: operation.footprint().unwrap_or_default(),
                    instructions: 0,
                    disk_read_bytes: 0,
                    write_bytes: 0,
                },
                resource_fee: 0,
            },
            auth: Vec::new(),
            restores: false,
        }
    }

    async fn run(
        &self,
        request: &Request,
        tag: Tag,
        with: &SorobanPlan,
        parked: u32,
    ) -> Result<Box<Simulated>, NoPlan> {
        let envelope = unsigned(request, tag, with);
        let size = envelope.len() + ENVELOPE_SPARE_BYTES;
        self.limits.check_size(size).map_err(too_much)?;
        let simulation = self.contracts.simulate(&envelope).await?;
        match simulation.outcome {
            SimulationOutcome::Runs(simulated) => Ok(simulated),
            SimulationOutcome::Fails(failure) => Err(refused(request, &failure, parked)),
        }
    }

    fn resources(&self, simulated: &Simulated) -> Result<xdr::SorobanTransactionData, NoPlan> {
        let data = plan::resources(simulated, self.margin, &self.limits).map_err(too_much)?;
        self.affordable(data)
    }

    fn affordable(
        &self,
        data: xdr::SorobanTransactionData,
    ) -> Result<xdr::SorobanTransactionData, NoPlan> {
        if (0..=MAX_RESOURCE_FEE).contains(&data.resource_fee) {
            return Ok(data);
        }
        let detail = format!(
            "its resources cost {} stroops, and at most {MAX_RESOURCE_FEE} are paid",
            data.resource_fee
        );
        Err(failed(
            "resource_fee_too_high",
            "The call costs too much",
            detail,
        ))
    }

    /// Signs an authorisation of the source's.
    fn authorize(
        &self,
        entry: &mut xdr::SorobanAuthorizationEntry,
        source: AccountId,
    ) -> Result<(), NoPlan> {
        let hash = payload(entry, self.signing.network).map_err(|error| {
            failed(
                "authorization_missing",
                "An authorisation cannot be signed",
                error.to_string(),
            )
        })?;
        let signature = self.signing.keys.sign(source, &hash).map_err(|error| {
            let reason = Reason::new("key_missing", "A key is missing", error.to_string(), false);
            NoPlan::End(QueuedEnd::Parked(reason, None))
        })?;
        let bytes: [u8; 64] = signature
            .signature
            .0
            .as_slice()
            .try_into()
            .map_err(|_| NoPlan::Later("a signature has not 64 bytes".to_owned()))?;
        attach(entry, source, bytes);
        Ok(())
    }
}

fn contract_events(simulated: &Simulated) -> Arc<[xdr::ContractEvent]> {
    let events = simulated.events.iter().map(|event| &event.event);
    events
        .filter(|event| event.type_ != xdr::ContractEventType::Diagnostic)
        .cloned()
        .collect()
}

/// The transaction as it is simulated: of nobody, and unsigned.
fn unsigned(request: &Request, tag: Tag, with: &SorobanPlan) -> Vec<u8> {
    let plan = Plan {
        channel: NOBODY,
        sequence: Sequence(1),
        min_time: ChainTime(0),
        max_time: ChainTime(0),
        max_ledger: LedgerSeq(0),
        base_fee: Stroops::new(100).unwrap_or(Stroops::ZERO),
        soroban: Some(Arc::new(with.clone())),
    };
    let tx = envelope::build(request, tag, &plan);
    let signed = envelope::attach(tx, Vec::new());
    envelope::encode(&xdr::TransactionEnvelope::Tx(signed))
}

fn failed(code: &str, title: &str, detail: String) -> NoPlan {
    NoPlan::End(QueuedEnd::Failed(Reason::new(code, title, detail, false)))
}

fn too_much(error: LimitExceeded) -> NoPlan {
    failed(
        "resource_limit_exceeded",
        "The call needs more than a transaction may have",
        error.to_string(),
    )
}

/// What follows where a simulation fails.
fn refused(request: &Request, failure: &Failure, parked: u32) -> NoPlan {
    let (code, title) = match failure.kind {
        FailureKind::Unclear => return NoPlan::Later(failure.text.clone()),
        FailureKind::NonceExists => return NoPlan::NonceUsed,
        FailureKind::NotRun => {
            let title = "The call cannot be simulated";
            return failed("call_not_understood", title, failure.text.clone());
        }
        FailureKind::Contract(_) => ("contract_error", "The contract refuses the call"),
        FailureKind::Trap => ("function_trapped", "The contract's code traps"),
        FailureKind::MissingValue => (
            "contract_missing",
            "The contract, the function or an entry that it needs does not exist",
        ),
        FailureKind::Auth => ("authorization_failed", "An authorisation does not suffice"),
        FailureKind::Budget => (
            "resource_limit_exceeded",
            "The call needs more than a transaction may have",
        ),
        FailureKind::Host(_) => ("host_error", "The network's host refuses the call"),
    };
    let text = &failure.text;
    let detail = format!("simulated, it fails: {text}; what fails so is not sent");
    let reason = Reason::new(code, title, detail, true);
    NoPlan::End(match request.on_state_error {
        OnStateError::Fail => QueuedEnd::Failed(reason),
        OnStateError::Park => QueuedEnd::Parked(reason, Some(resume_after(parked))),
    })
}
