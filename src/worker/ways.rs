//! The two ways to the chain for envelopes and look-ups: Horizon, and Stellar RPC beside it or in its place.
//!
//! Whichever way is taken, it carries the same bytes of the same attempt, and what comes back is the same kind of
//! observation: an answer that is no landing proves nothing, and a hash that is not found proves nothing alone.

use std::sync::Arc;

use super::engine::Engine;
use super::settings::SubmitMode;
use super::submit::{counted, submit};
use crate::domain::observation::{LookUp, SubmitAnswer, UnknownKind};
use crate::domain::primitives::{LedgerSeq, TxHash};
use crate::horizon::Horizon;
use crate::rpc::{Endpoint, Rpc};

/// Which way envelopes and look-ups take.
#[derive(Clone, Debug)]
pub enum Way {
    /// Horizon.
    Horizon,
    /// Stellar RPC.
    Rpc(Arc<Rpc>),
    /// Horizon, and Stellar RPC where that does not take an envelope or does not answer.
    Both(Arc<Rpc>),
}

/// The way that is taken, with what is at its end.
#[derive(Clone)]
pub(super) struct Ways {
    pub horizon: Arc<Horizon>,
    pub way: Way,
    pub mode: SubmitMode,
}

impl Engine {
    /// The same engine, whose envelopes and look-ups take this way.
    #[must_use]
    pub fn by(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    /// The way that envelopes and look-ups take.
    pub(super) fn ways(&self) -> Ways {
        Ways {
            horizon: Arc::clone(&self.horizon),
            way: self.way.clone(),
            mode: self.settings.submit,
        }
    }
}

impl Ways {
    /// Sends an envelope. Where the first way surely did not take it, the same bytes take the other at once; where that is
    /// not sure, `next` has the hash looked up before anything is sent again.
    pub(super) async fn submit(&self, envelope: &[u8]) -> SubmitAnswer {
        match &self.way {
            Way::Horizon => submit(&self.horizon, self.mode, envelope).await,
            Way::Rpc(rpc) => send(rpc, envelope).await,
            Way::Both(rpc) if !self.horizon_works() && rpc_works(rpc) => send(rpc, envelope).await,
            Way::Both(rpc) => {
                let answer = submit(&self.horizon, self.mode, envelope).await;
                if was_taken(&answer) {
                    return answer;
                }
                send(rpc, envelope).await
            }
        }
    }

    /// Looks an inner hash up whose envelope was signed when `since` was the newest ledger; `head` is it now.
    pub(super) async fn look_up(&self, hash: TxHash, since: LedgerSeq, head: LedgerSeq) -> LookUp {
        let rpc = match &self.way {
            Way::Horizon => return self.horizon.any().transaction(hash).await,
            Way::Rpc(rpc) => rpc,
            Way::Both(rpc) => {
                let found = self.horizon.any().transaction(hash).await;
                if !matches!(found, LookUp::Unknown(_)) {
                    return found;
                }
                rpc
            }
        };
        look_up(rpc.any(), hash, since, head).await
    }

    fn horizon_works(&self) -> bool {
        self.horizon.for_submission().ready_in().is_zero()
    }
}

fn rpc_works(rpc: &Rpc) -> bool {
    rpc.any().ready_in().is_zero()
}

async fn send(rpc: &Rpc, envelope: &[u8]) -> SubmitAnswer {
    counted(rpc.any().send(envelope).await)
}

/// Whether the envelope may have reached core by this answer. Those for which it cannot have are refusals of the server
/// itself, before it had read or passed anything on.
const fn was_taken(answer: &SubmitAnswer) -> bool {
    let SubmitAnswer::Unknown(unknown) = answer else {
        return true;
    };
    match unknown.kind {
        UnknownKind::Unreachable
        | UnknownKind::Budget
        | UnknownKind::RateLimited
        | UnknownKind::Unavailable
        | UnknownKind::SubmissionDisabled
        | UnknownKind::BadRequest => false,
        UnknownKind::Cut
        | UnknownKind::Deadline
        | UnknownKind::Timeout
        | UnknownKind::ServerError
        | UnknownKind::Gone
        | UnknownKind::Unparsable
        | UnknownKind::Lying => true,
    }
}

/// The watermark first, then the hash, of one server.
async fn look_up(endpoint: &Endpoint, hash: TxHash, since: LedgerSeq, head: LedgerSeq) -> LookUp {
    match endpoint.latest_ledger().await {
        Ok(watermark) => endpoint
            .transaction(hash)
            .await
            .read_as_of(watermark.ledger, since, head),
        Err(unknown) => LookUp::Unknown(unknown),
    }
}
