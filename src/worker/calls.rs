//! Contract intents before they are taken up: simulated beside the engine, a few at once, while others go on.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use uuid::Uuid;

use super::contracts::Contracts;
use super::engine::Input;
use super::nonces::{NonceLook, Nonces};
use super::prepare::{panicked, turn_away};
use super::records::Records;
use super::sign::{Signing, Turned, list};
use super::simulate::{NoPlan, PlannedCall, Simulating};
use crate::domain::intent;
use crate::domain::reason::Reason;
use crate::domain::soroban::nonce::nonces;
use crate::domain::soroban::{Margin, Nonce};
use crate::horizon::Horizon;
use crate::store::StoreError;
use crate::store::calls::{DueCall, QueuedEnd};

/// Contract intents that are prepared in one go.
const BATCH: i64 = 200;
/// Of those at once.
const AT_ONCE: usize = 16;
/// How long the preparation of one may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Plans that wait for a channel at most.
pub(super) const MAX_PLANNED: usize = 1_000;

/// Prepares what is due.
pub(super) struct Preparation {
    pub store: Arc<dyn Records>,
    pub contracts: Option<Arc<dyn Contracts>>,
    pub horizon: Arc<Horizon>,
    pub margin: Margin,
    pub signing: Arc<Signing>,
    /// The life of the worker that asked.
    pub worker: Uuid,
    /// Those that are prepared already.
    pub known: Vec<Uuid>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Prepared {
    pub worker: Uuid,
    pub planned: BTreeMap<Uuid, PlannedCall>,
    /// Somebody did not answer: it is tried again, but not at once.
    pub wait: bool,
}

/// What came of one.
enum One {
    Planned(PlannedCall),
    Turned(Turned),
    End(QueuedEnd),
    Later(String),
}

impl Preparation {
    pub(super) async fn run(self) -> Input {
        let mut prepared = Prepared {
            worker: self.worker,
            planned: BTreeMap::new(),
            wait: false,
        };
        if let Err(error) = self.prepare(&mut prepared).await {
            tracing::warn!(%error, "contract intents could not be prepared");
            prepared.wait = true;
        }
        Input::Planned(prepared)
    }

    async fn prepare(&self, prepared: &mut Prepared) -> Result<(), StoreError> {
        let now = self.signing.header.closed_at;
        let due = self.store.calls_due(now, BATCH, &self.known).await?;
        if due.is_empty() {
            return Ok(());
        }
        let simulating = match &self.contracts {
            None => None,
            Some(contracts) => match contracts.limits().await {
                Ok(limits) => Some(Simulating {
                    contracts: Arc::clone(contracts),
                    signing: Arc::clone(&self.signing),
                    margin: self.margin,
                    limits,
                    signs: true,
                }),
                Err(unknown) => {
                    tracing::warn!(detail = %unknown.detail, "Stellar RPC does not say what the network allows a call");
                    prepared.wait = true;
                    return Ok(());
                }
            },
        };
        let simulating = simulating.as_ref();
        let all: Vec<_> = due
            .into_iter()
            .map(|due| self.each(simulating, due))
            .collect();
        let mut all = futures_util::stream::iter(all).buffer_unordered(AT_ONCE);
        let mut turned = Vec::new();
        while let Some((id, one)) = all.next().await {
            match one {
                One::Planned(plan) => {
                    prepared.planned.insert(id, plan);
                }
                One::Turned(what) => turned.push((id, what)),
                One::End(end) => {
                    tracing::warn!(intent = %id, ?end, "a contract intent is not sent");
                    self.store.end_queued(id, &end).await?;
                }
                One::Later(detail) => {
                    tracing::warn!(intent = %id, %detail, "a contract intent could not be simulated; it is tried again");
                    prepared.wait = true;
                }
            }
        }
        turn_away(&*self.store, &self.signing.keys, turned).await
    }

    /// One of them: neither a panic nor silence holds up the others.
    fn each<'a>(
        &'a self,
        simulating: Option<&'a Simulating>,
        due: DueCall,
    ) -> BoxFuture<'a, (Uuid, One)> {
        async move {
            let one = AssertUnwindSafe(self.one(simulating, &due)).catch_unwind();
            let one = match tokio::time::timeout(PATIENCE, one).await {
                Ok(Ok(one)) => one,
                Ok(Err(_)) => One::Turned(Turned::Park(panicked("preparing"))),
                Err(_) => One::Later("it took too long".to_owned()),
            };
            (due.claimed.id, one)
        }
        .boxed()
    }

    async fn one(&self, simulating: Option<&Simulating>, due: &DueCall) -> One {
        let claimed = &due.claimed;
        let request = match intent::read_stored(&claimed.request) {
            Ok(request) => request,
            Err(errors) => {
                return One::Turned(Turned::Fail(Reason::invalid_intent(list(&errors))));
            }
        };
        let key = request.key(&claimed.tenant);
        let number = u32::try_from(claimed.attempt_count).unwrap_or(0) + 1;
        let parked = u32::try_from(claimed.parked_times).unwrap_or(0);
        let terms = self.signing.settings.terms(&request, parked);
        let landed = self
            .signing
            .landed_before(claimed, &request, &key, number, terms);
        if let Some(turned) = landed {
            return One::Turned(turned);
        }
        let Some(simulating) = simulating else {
            return One::End(QueuedEnd::Failed(Reason::invalid_intent(
                "it is a contract operation, which needs a Stellar RPC, and none is configured here (rpc)",
            )));
        };
        let tag = key.tag(self.signing.network);
        let used = nonces(&request, tag);
        let was_sent = claimed.attempt_count > 0;
        let end = if was_sent && due.cancel_requested {
            QueuedEnd::Canceled
        } else if was_sent && due.over {
            QueuedEnd::Expired
        } else {
            match simulating.plan(&request, tag, parked).await {
                Ok(plan) => return One::Planned(plan),
                Err(NoPlan::Later(detail)) => return One::Later(detail),
                Err(NoPlan::End(end)) if was_sent => end,
                // What was never sent, nobody can have copied.
                Err(NoPlan::End(end)) => return One::End(end),
                Err(NoPlan::NonceUsed) => QueuedEnd::Parked(nonce_used(), None),
            }
        };
        self.unless_used(simulating, &used, end).await
    }

    /// How it ends, unless it ran in somebody else's transaction. Looked up last: it may be by that one that the call fails
    /// when simulated.
    async fn unless_used(&self, simulating: &Simulating, used: &[Nonce], end: QueuedEnd) -> One {
        let asked = Nonces {
            contracts: Arc::clone(&simulating.contracts),
            horizon: Arc::clone(&self.horizon),
        };
        let head = self.signing.header.sequence;
        match asked.look(used, head).await {
            NonceLook::UsedElsewhere(reason) => One::End(QueuedEnd::Parked(reason, None)),
            NonceLook::Unused => One::End(end),
            NonceLook::Unknown(detail) => One::Later(detail),
        }
    }
}

/// A simulation says that a nonce is used, and the ledger has none of those that are known here: one of a delegate's, perhaps,
/// or one that was forgotten meanwhile.
fn nonce_used() -> Reason {
    Reason::new(
        "nonce_used_elsewhere",
        "The call ran in somebody else's transaction",
        "simulated, an authorisation of it is used up already, and by no transaction of this workflow's: which transaction has used it is not known; nothing more is sent",
        false,
    )
}
