//! What reaches the engine: messages of everything that runs beside it.

use uuid::Uuid;

use super::super::bump::Bumped;
use super::super::calls::Prepared;
use super::super::confirm::ClosedLedger;
use super::super::flight::{Errand, Flight};
use super::super::inquire::Inquired;
use super::super::prepare::Taken;
use super::super::reconcile::Gathered;
use super::super::recorder::Recorded;
use super::super::submit::Answered;
use crate::domain::observation::{FeeStats, LookUp, Unknown};
use crate::domain::primitives::{AccountId, Sequence};
use crate::store::StoreError;
use crate::store::attempts::NewSubmission;

/// What reaches the engine.
#[derive(Debug)]
pub(in crate::worker) enum Input {
    /// A POST was answered.
    Answered(Errand, Box<Answered>),
    /// A hash was looked up.
    LookedUp(Errand, Box<LookUp>),
    /// Evidence was gathered.
    Proved(Errand, Box<Result<Gathered, Unknown>>),
    /// A ledger has closed.
    Ledger(ClosedLedger),
    /// New work was announced.
    Wake,
    /// Attempts are on record, by this life of the worker, and may be sent.
    Prepared(Uuid, Vec<(Uuid, Flight)>),
    /// Contract intents were simulated.
    Planned(Prepared),
    /// What was still to be known of a call that has ended.
    Inquired(Errand, Box<Inquired>),
    /// A round of taking up has ended.
    TakenUp(Uuid, Result<Taken, StoreError>),
    /// Settlements were put on record, or not.
    Recorded(Recorded),
    /// Answers were put on record; those that were not come back.
    Noted(Vec<NewSubmission>),
    /// Fee bumps were signed and put on record, or not.
    Bumped(Bumped),
    /// What was canceled, as far as it could be read.
    Canceled(Vec<Uuid>),
    /// A task beside the engine panicked: it will never answer.
    Panicked,
    /// Fee statistics.
    Fees(FeeStats),
    /// A channel has less than it should.
    Short(AccountId, Sequence),
    /// The lease is lost.
    LeaseLost(Uuid),
    /// The chain is not the one that it was.
    NetworkReset(String),
}
