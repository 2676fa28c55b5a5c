//! Taking intents up: claim, build, sign and commit in one transaction, then act.

use std::sync::Arc;

use uuid::Uuid;

use super::engine::Engine;
use super::flight::Flight;
use super::presigned::used_up;
use super::settings::FeePayer;
use super::status::Phase;
use crate::domain::attempt::{Attempt, Progress, Snapshot};
use crate::domain::envelope::{self, Plan, recognise};
use crate::domain::fee::{FeeCap, opening_bid};
use crate::domain::fields::FieldError;
use crate::domain::intent::{self, Content, Request};
use crate::domain::observation::LedgerHeader;
use crate::domain::primitives::{AccountId, ChainTime, Sequence, Stroops, TxHash};
use crate::domain::reason::Reason;
use crate::signer::Signer as _;
use crate::store::StoreError;
use crate::store::accept::Lane;
use crate::store::prepare::{Claim, Claimed, NewAttempt};

/// Claims in one go, so that the engine hears other messages in between.
const MAX_CLAIMS: u32 = 8;
/// Enqueued intents that are read in one go.
const READ_BATCH: i64 = 500;
/// Intents that are ended as expired, or resumed, in one statement.
const SWEEP_BATCH: i64 = 1_000;

/// What becomes of a claimed intent that gets no attempt.
pub(super) enum Turned {
    /// It has landed already: the records did not know.
    Landed([u8; 32]),
    /// It never can be sent.
    Fail(Reason),
    /// A person must look.
    Park(Reason),
    /// There is no key for its channel here.
    BadChannel,
    /// There is not enough time left on the chain's clock; it will expire.
    Late,
}

impl Engine {
    /// Takes up what is due, as far as there are channels; `sweep` also ends what is over and resumes what was parked.
    pub(super) async fn take_up(&mut self, sweep: bool) {
        if self.draining || self.worker.is_nil() || self.status.phase() != Phase::Running {
            return;
        }
        if let Err(error) = self.try_take_up(sweep).await {
            match error {
                StoreError::LeaseLost(worker) => self.lease_lost(worker).await,
                StoreError::Moved => self.moved = true,
                error => {
                    // A claim whose commit is unclear may have left attempts on record: load them.
                    self.out_of_step = true;
                    tracing::warn!(%error, "nothing could be taken up");
                }
            }
        }
    }

    async fn try_take_up(&mut self, sweep: bool) -> Result<(), StoreError> {
        let Some(header) = self.head else {
            return Ok(());
        };
        self.read_enqueued().await?;
        if sweep {
            self.store.expire(header.closed_at, SWEEP_BATCH).await?;
            self.store.resume_parked(SWEEP_BATCH).await?;
            self.store.finish_cancellations(SWEEP_BATCH).await?;
            self.ensure_channels().await?;
            // Where the last channel is lost or paused, the source account takes its place.
            self.has_channels = self.store.has_open_channel().await?;
        }
        let kind = if self.has_channels {
            "channel"
        } else {
            "source"
        };
        for (lane, kind) in [(Lane::System, "source"), (Lane::User, kind)] {
            for _ in 0..MAX_CLAIMS {
                let limit = self.room();
                if limit == 0 {
                    return Ok(());
                }
                let claim = self
                    .store
                    .claim(self.worker, lane, kind, header.closed_at, limit)
                    .await?;
                let full = i64::try_from(claim.claimed.len()) == Ok(limit);
                self.attempt(claim, header).await?;
                if !full {
                    break;
                }
            }
        }
        let limit = self.room();
        let claim = self
            .store
            .claim_presigned(self.worker, header.closed_at, limit)
            .await?;
        self.attempt(claim, header).await
    }

    /// How many may be claimed at once, with what is in flight.
    fn room(&self) -> i64 {
        let room = self
            .settings
            .max_in_flight
            .saturating_sub(self.flights.len());
        i64::from(self.settings.batch).min(i64::try_from(room).unwrap_or(i64::MAX))
    }

    /// Reads what was enqueued in SQL.
    async fn read_enqueued(&mut self) -> Result<(), StoreError> {
        for unread in self.store.unread(READ_BATCH).await? {
            match intent::read(&unread.enqueued, &self.accounts) {
                Ok(request) => {
                    let tag = request.key(&unread.tenant).tag(self.network);
                    self.store.set_request(unread.id, tag, &request).await?;
                }
                Err(errors) => {
                    let reason = Reason::invalid_intent(list(&errors));
                    self.store.fail_queued(unread.id, &reason).await?;
                }
            }
        }
        Ok(())
    }

    /// Builds and signs for each claimed pair, commits, and puts the attempts in flight.
    async fn attempt(&mut self, mut claim: Claim, header: LedgerHeader) -> Result<(), StoreError> {
        let pairs = std::mem::take(&mut claim.claimed);
        let mut attempts = Vec::with_capacity(pairs.len());
        let mut flights: Vec<(Uuid, Flight)> = Vec::with_capacity(pairs.len());
        let mut turned = Vec::new();
        for claimed in &pairs {
            match self.sign(claimed, header) {
                Ok((attempt, flight)) => match used_up(&mut claim, &attempt.attempt).await? {
                    Some(reason) => turned.push((claimed.id, Turned::Fail(reason))),
                    None => {
                        attempts.push(attempt);
                        flights.push((claimed.id, flight));
                    }
                },
                Err(what) => turned.push((claimed.id, what)),
            }
        }
        claim.commit(&attempts).await?;
        let ids: Vec<Uuid> = flights.iter().map(|(id, _)| *id).collect();
        for (id, flight) in flights {
            self.watched.add(flight.snapshot.attempt.inner_hash, id);
            self.flights.insert(id, flight);
        }
        for (id, what) in turned {
            self.turn_away(id, what).await?;
        }
        self.act_on(&ids).await;
        Ok(())
    }

    async fn turn_away(&self, id: Uuid, what: Turned) -> Result<(), StoreError> {
        match what {
            Turned::Landed(hash) => {
                tracing::warn!(intent = %id, hash = %TxHash(hash), "it has landed already, sent by a submitter whose records were lost");
                self.store.adopt_landing(id, &hash).await
            }
            Turned::Fail(reason) => self.store.fail_queued(id, &reason).await,
            Turned::Park(reason) => self.store.park_queued(id, &reason).await,
            // Another daemon may have made the channel: its key is derived now, or it is paused.
            Turned::BadChannel => self.derive_keys().await,
            Turned::Late => Ok(()),
        }
    }

    fn sign(
        &self,
        claimed: &Claimed,
        header: LedgerHeader,
    ) -> Result<(NewAttempt, Flight), Turned> {
        let request = intent::read_stored(&claimed.request)
            .map_err(|errors| Turned::Fail(Reason::invalid_intent(list(&errors))))?;
        let key = request.key(&claimed.tenant);
        if let Some(turned) = self.landed_before(claimed, &request, &key) {
            return Err(turned);
        }
        let number = u32::try_from(claimed.attempt_count).unwrap_or(0) + 1;
        let parked = u32::try_from(claimed.parked_times).unwrap_or(0);
        let terms = self.terms(&request, parked);
        let (attempt, bytes) = match &request.content {
            Content::Presigned(_) if claimed.on_our_channel => {
                return Err(Turned::Fail(Reason::new(
                    "channel_used",
                    "The signed transaction uses a channel of this submitter",
                    "its source account supplies sequence numbers here: give its operations instead",
                    false,
                )));
            }
            Content::Presigned(presigned) => self.sponsor(presigned, number, header)?,
            Content::Operations(_) => {
                self.build(claimed, &request, &key, number, terms.cap, header)?
            }
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
            busy: false,
            settled: None,
        };
        Ok((new, flight))
    }

    /// Whether a transaction with this intent's tag has landed without the records knowing.
    fn landed_before(
        &self,
        claimed: &Claimed,
        request: &Request,
        key: &intent::IntentKey,
    ) -> Option<Turned> {
        let mut other = None;
        for bytes in &claimed.landings {
            let Ok((inner, _)) = envelope::decode(bytes) else {
                continue;
            };
            let hash = envelope::inner_hash(&inner.tx, self.network);
            if recognise(self.network, key, request, &inner.tx) {
                return Some(Turned::Landed(hash.0));
            }
            other = Some(hash);
        }
        other.map(|hash| {
            Turned::Fail(Reason::new(
                "workflow_conflict",
                "This workflow has landed with other content",
                format!("transaction {hash} carries this workflow's tag, but not these operations; nothing is sent for it again"),
                false,
            ))
        })
    }

    fn build(
        &self,
        claimed: &Claimed,
        request: &Request,
        key: &intent::IntentKey,
        number: u32,
        cap: FeeCap,
        header: LedgerHeader,
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
        let by_now = header.closed_at.0 + self.settings.validity_seconds();
        let max_time = request
            .valid_until
            .map_or(by_now, |until| until.0.min(by_now));
        if max_time <= header.closed_at.0 {
            return Err(Turned::Late);
        }
        let plan = Plan {
            channel,
            sequence: Sequence(claimed.sequence).next(),
            min_time: request.not_before.unwrap_or(ChainTime(0)),
            max_time: ChainTime(max_time),
            max_ledger: header.sequence.plus(self.settings.validity_ledgers + 1),
            base_fee: opening_bid(
                self.fees.as_ref(),
                header.base_fee.get(),
                cap,
                self.settings.percentile,
            ),
        };
        let tx = envelope::build(request, key.tag(self.network), &plan);
        let hash = envelope::inner_hash(&tx, self.network);
        let mut signers = vec![channel];
        if request.source != channel {
            signers.push(request.source);
        }
        let mut signatures = Vec::with_capacity(signers.len());
        for account in signers {
            signatures.push(self.keys.sign(account, &hash.0).map_err(|error| {
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
            })?);
        }
        let plain_fee = Stroops::new(i64::from(tx.fee)).unwrap_or(Stroops::MAX);
        let attempt = Attempt {
            number,
            plan,
            inner_hash: hash,
            operations: request.operation_count(),
            plain_fee,
            bumps: Vec::new(),
            sponsored: self.settings.payer == FeePayer::FeeAccount,
            presigned: false,
            signed_at: header.sequence,
        };
        let bytes = envelope::encode(&stellar_xdr::TransactionEnvelope::Tx(envelope::attach(
            tx, signatures,
        )));
        Ok((attempt, bytes))
    }
}

fn list(errors: &[FieldError]) -> String {
    let lines: Vec<String> = errors
        .iter()
        .map(|error| format!("{} {}", error.pointer, error.detail))
        .collect();
    lines.join("; ")
}
