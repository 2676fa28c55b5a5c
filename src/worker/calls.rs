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
use super::inquire::{NonceLook, look_at_nonce};
use super::prepare::{panicked, turn_away};
use super::records::Records;
use super::sign::{Signing, Turned, list};
use super::simulate::{NoPlan, PlannedCall, Simulating};
use crate::domain::intent::{self, Request};
use crate::domain::reason::Reason;
use crate::domain::soroban::Margin;
use crate::domain::tag::Tag;
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
        if claimed.attempt_count > 0
            && let Some(one) = after_attempts(simulating, due, &request, tag).await
        {
            return one;
        }
        match simulating.plan(&request, tag, parked).await {
            Ok(plan) => One::Planned(plan),
            Err(NoPlan::End(end)) => One::End(end),
            Err(NoPlan::Later(detail)) => One::Later(detail),
        }
    }
}

/// What becomes of one that was sent before, where it is not simply sent again: how it ends depends on its nonce.
async fn after_attempts(
    simulating: &Simulating,
    due: &DueCall,
    request: &Request,
    tag: Tag,
) -> Option<One> {
    if request.authorizes_by_entry() {
        let nonce = tag.to_i64();
        let head = simulating.signing.header.sequence;
        match look_at_nonce(&*simulating.contracts, request.source, nonce, head).await {
            NonceLook::UsedElsewhere(reason) => {
                return Some(One::End(QueuedEnd::Parked(reason, None)));
            }
            NonceLook::Unused => {}
            NonceLook::Unknown(detail) => return Some(One::Later(detail)),
        }
    }
    if due.cancel_requested {
        return Some(One::End(QueuedEnd::Canceled));
    }
    due.over.then_some(One::End(QueuedEnd::Expired))
}
