//! What would become of an intent now: looked at and built as the engine does it, and nothing of it is put on record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::allowance::Allowance;
use super::contracts::Contracts;
use super::records::Records;
use super::settings::Settings;
use super::sign::{Signing, Turned};
use super::simulate::{NoPlan, PlannedCall, Simulating};
use crate::domain::attempt::{Attempt, Progress, Snapshot};
use crate::domain::envelope;
use crate::domain::fee::FeeCap;
use crate::domain::intent::{Accounts, Content, Presigned, Request, rfc3339};
use crate::domain::observation::{LedgerHeader, Unknown};
use crate::domain::preview::{
    CallPreview, Draft, Finding, Preview, Sight, Sights, accounts, findings, payer_findings,
};
use crate::domain::primitives::{AccountId, NetworkId, Sequence};
use crate::domain::reason::Reason;
use crate::domain::soroban::Margin;
use crate::horizon::Horizon;
use crate::signer::Keyring;
use crate::store::StoreError;
use crate::store::calls::QueuedEnd;

/// Where a signed transaction stands in a request.
const SIGNED: &str = "/transaction_xdr";
/// Accounts that are looked at for one preview.
const MAX_ACCOUNTS: usize = 20;
/// Accounts that are asked for at once.
const AT_ONCE: usize = 4;
/// Makes previews.
pub struct Previewing {
    /// The records: for an idle channel.
    pub store: Arc<dyn Records>,
    /// The Horizons.
    pub horizon: Arc<Horizon>,
    /// What simulates; `None` without a Stellar RPC.
    pub contracts: Option<Arc<dyn Contracts>>,
    /// How much more than simulated is declared.
    pub margin: Margin,
    /// The keys: a call is simulated with its source's authorisation, which goes nowhere else.
    pub keys: Arc<Keyring>,
    /// The network.
    pub network: NetworkId,
    /// The accounts that intents may move funds of.
    pub accounts: Accounts,
    /// How the engine works.
    pub settings: Arc<Settings>,
    /// How much may be asked.
    pub allowance: Allowance,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The network does not answer.
    #[error("the newest ledger is not known: {0}")]
    Network(String),
    /// Too much was asked of the Horizons for previews; some may be again after this time.
    #[error("previews have asked the Horizons too much")]
    TooMany(Duration),
    /// The records do not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unknown> for PreviewError {
    fn from(unknown: Unknown) -> Self {
        Self::Network(unknown.detail)
    }
}

impl Previewing {
    /// Looks at everything that an intent of this tenant needs, and builds its transaction.
    ///
    /// # Errors
    /// [`PreviewError`] where the newest ledger or the records cannot be read. What else cannot be looked at is a finding.
    pub async fn preview(&self, tenant: &str, request: &Request) -> Result<Preview, PreviewError> {
        // Ledger, fees, and what may be asked for a channel or a payer.
        let concerned = accounts(request);
        let requests = concerned.len().min(MAX_ACCOUNTS) + 4;
        self.allowance
            .take(requests)
            .map_err(PreviewError::TooMany)?;
        let header = self.horizon.any().latest_ledger().await?;
        let header =
            header.ok_or_else(|| PreviewError::Network("there is no ledger yet".to_owned()))?;
        // Without them the smallest fee is bid, as the engine does.
        let fees = self.horizon.any().fee_stats().await.ok();
        let signing = Arc::new(Signing {
            keys: Arc::clone(&self.keys),
            network: self.network,
            accounts: self.accounts.clone(),
            settings: Arc::clone(&self.settings),
            header,
            fees,
            calls: Arc::new(BTreeMap::new()),
        });
        let mut found = Vec::new();
        let call = match request.contract() {
            None => None,
            Some(_) => match self.simulate(&signing, tenant, request).await {
                Ok(call) => Some(call),
                Err(finding) => {
                    found.push(finding);
                    None
                }
            },
        };
        let draft = if request.contract().is_some() && call.is_none() {
            None
        } else {
            match self.draft(&signing, tenant, request, call.as_ref()).await? {
                Ok(draft) => Some(draft),
                Err(finding) => {
                    found.push(finding);
                    None
                }
            }
        };
        found.extend(self.look(request, concerned, draft.as_ref(), &header).await);
        Ok(Preview {
            as_of: header.sequence,
            draft,
            call: call.map(|call| CallPreview {
                need: call.need,
                restores_before: call.plan.restores,
                value: call.value,
                events: call.events,
            }),
            findings: found,
        })
    }

    async fn simulate(
        &self,
        signing: &Arc<Signing>,
        tenant: &str,
        request: &Request,
    ) -> Result<PlannedCall, Finding> {
        let not_simulated = |detail: String| {
            tracing::info!(%detail, "a preview could not be simulated");
            let said = "Stellar RPC gave no answer that says anything";
            Finding::unknown("not_simulated", "", said)
        };
        let Some(contracts) = &self.contracts else {
            return Err(not_simulated("no Stellar RPC is configured".to_owned()));
        };
        let limits = contracts.limits().await;
        let simulating = Simulating {
            contracts: Arc::clone(contracts),
            signing: Arc::clone(signing),
            margin: self.margin,
            limits: limits.map_err(|unknown| not_simulated(unknown.detail))?,
            signs: false,
        };
        let tag = request.key(tenant).tag(self.network);
        let planned = simulating.plan(request, tag, 0).await;
        planned.map_err(|no_plan| match no_plan {
            NoPlan::Later(detail) => not_simulated(detail),
            NoPlan::NonceUsed => Finding::error(
                "nonce_used_elsewhere",
                "/operations/0",
                "the nonce of the source's authorisation is used on the ledger: this call has run",
            ),
            NoPlan::End(QueuedEnd::Failed(reason) | QueuedEnd::Parked(reason, _)) => {
                because(&reason, "/operations/0")
            }
            NoPlan::End(QueuedEnd::Canceled | QueuedEnd::Expired) => too_late(request),
        })
    }

    /// The transaction, with the next number of a channel, or as it was given signed.
    async fn draft(
        &self,
        signing: &Signing,
        tenant: &str,
        request: &Request,
        call: Option<&PlannedCall>,
    ) -> Result<Result<Draft, Finding>, PreviewError> {
        let terms = self.settings.terms(request, 0);
        let (attempt, envelope, pointer) = match &request.content {
            Content::Presigned(presigned) => {
                let rows = self.store.channels().await?;
                let source = presigned.plan().channel.to_string();
                if rows.iter().any(|row| row.account == source) {
                    let detail = "its source account supplies sequence numbers here: give its operations instead";
                    return Ok(Err(Finding::error("channel_used", SIGNED, detail)));
                }
                match presigned_attempt(signing, presigned) {
                    Ok((attempt, envelope)) => (attempt, envelope, SIGNED),
                    Err(finding) => return Ok(Err(finding)),
                }
            }
            Content::Operations(_) => {
                let (channel, sequence) = self.channel(request.source).await?;
                let soroban = call.map(|call| Arc::clone(&call.plan));
                let plan = signing.plan(request, channel, sequence.next(), terms.cap, soroban);
                let Some(plan) = plan else {
                    return Ok(Err(too_late(request)));
                };
                let tag = request.key(tenant).tag(self.network);
                let (attempt, tx) = signing.attempt(request, tag, 1, plan);
                let unsigned = envelope::attach(tx, Vec::new());
                let envelope = envelope::encode(&stellar_xdr::TransactionEnvelope::Tx(unsigned));
                (attempt, envelope, "/max_fee_per_operation")
            }
        };
        let (payer, fee) = if attempt.sponsored {
            let snapshot = Snapshot {
                terms,
                attempt: attempt.clone(),
                progress: Progress::fresh(),
            };
            (self.settings.fee_account, snapshot.due_bump())
        } else {
            (attempt.plan.channel, Some(attempt.plain_fee))
        };
        let Some(fee) = fee else {
            return Ok(Err(above_cap(terms.cap, pointer)));
        };
        Ok(Ok(Draft {
            attempt,
            envelope,
            fee,
            cap: terms.cap.0,
            payer,
        }))
    }

    /// A channel as it might be taken, and its newest sequence number: an idle one, or the source where there is none.
    async fn channel(&self, source: AccountId) -> Result<(AccountId, Sequence), PreviewError> {
        let rows = self.store.channels().await?;
        let open = || {
            rows.iter()
                .filter(|row| row.kind == "channel" && row.state == "open")
        };
        let row = open()
            .find(|row| row.busy_with.is_none())
            .or_else(|| open().next())
            .or_else(|| rows.iter().find(|row| row.kind == "source"));
        if let Some(row) = row {
            return Ok((row.account_id()?, Sequence(row.sequence)));
        }
        let snapshot = self.horizon.any().account(source).await?;
        let state = snapshot.state.map_or(Sequence(0), |state| state.sequence);
        Ok((source, state))
    }

    async fn sight(&self, account: AccountId) -> (AccountId, Sight) {
        let sight = match self.horizon.any().account(account).await {
            Ok(snapshot) => match snapshot.state {
                Some(state) => Sight::There(Box::new(state)),
                None => Sight::Absent,
            },
            Err(unknown) => {
                tracing::info!(%account, detail = %unknown.detail, "an account could not be looked at for a preview");
                Sight::Unknown
            }
        };
        (account, sight)
    }

    /// Accounts, balances and trustlines.
    async fn look(
        &self,
        request: &Request,
        concerned: BTreeSet<AccountId>,
        draft: Option<&Draft>,
        header: &LedgerHeader,
    ) -> Vec<Finding> {
        let (base_fee, base_reserve) = (header.base_fee, header.base_reserve);
        // A channel that is short of its fee is topped up; only who pays for fee bumps is looked at.
        let payer = draft
            .filter(|draft| draft.payer == request.source || draft.attempt.sponsored)
            .map(|draft| (draft.payer, draft));
        // Source and payer first: they are not left out.
        let mut wanted = vec![request.source];
        wanted.extend(payer.map(|(payer, _)| payer));
        wanted.extend(&concerned);
        let mut seen = BTreeSet::new();
        wanted.retain(|account| seen.insert(*account));
        let left_out = wanted.len().saturating_sub(MAX_ACCOUNTS);
        wanted.truncate(MAX_ACCOUNTS);
        let looks = stream::iter(wanted.into_iter().map(|account| self.sight(account)));
        let mut sights: Sights = looks.buffer_unordered(AT_ONCE).collect().await;
        let mut found = Vec::new();
        if left_out > 0 {
            let detail = format!("{left_out} more accounts of these operations were not looked at");
            found.push(Finding::unknown("not_looked_at", "", detail));
        }
        let mut of_source = 0;
        match payer {
            // The ledger charges its own price, not the whole bid.
            Some((payer, draft)) if payer == request.source => {
                of_source = draft.least_fee(base_fee);
            }
            Some((payer, draft)) => {
                let sight = sights.get(&payer);
                let fee = draft.fee.get();
                found.extend(payer_findings(payer, sight, base_reserve, fee));
                // It is no part of what the operations need.
                if !concerned.contains(&payer) {
                    sights.remove(&payer);
                }
            }
            None => {}
        }
        found.extend(findings(request, &sights, base_reserve, of_source));
        found
    }
}

/// A transaction that was given signed, unless its bounds have passed.
fn presigned_attempt(
    signing: &Signing,
    presigned: &Presigned,
) -> Result<(Attempt, Vec<u8>), Finding> {
    let (attempt, envelope) = signing.sponsor(presigned, 1).map_err(|turned| {
        let (Turned::Fail(reason) | Turned::Park(reason)) = turned else {
            return Finding::error("tx_too_late", SIGNED, "it cannot land any more");
        };
        because(&reason, SIGNED)
    })?;
    let (header, plan) = (&signing.header, &attempt.plan);
    let by_time = plan.max_time.0 > 0 && plan.max_time <= header.closed_at;
    let by_ledger = plan.max_ledger.0 > 0 && plan.max_ledger <= header.sequence.plus(1);
    if by_time || by_ledger {
        let detail = format!("its bounds have passed in ledger {}", header.sequence);
        return Err(Finding::error("tx_too_late", SIGNED, detail));
    }
    Ok((attempt, envelope))
}

fn above_cap(cap: FeeCap, pointer: &str) -> Finding {
    let detail = format!(
        "it needs a higher bid than the {} stroops an operation that may be bid",
        cap.0.get()
    );
    Finding::error("fee_above_cap", pointer, detail)
}

fn because(reason: &Reason, pointer: &str) -> Finding {
    Finding::error(&reason.code, pointer, reason.detail.clone())
}

fn too_late(request: &Request) -> Finding {
    let until = request.valid_until.map_or_else(String::new, rfc3339);
    let detail = format!("valid_until {until} has passed on the ledger");
    Finding::error("expired", "/valid_until", detail)
}
