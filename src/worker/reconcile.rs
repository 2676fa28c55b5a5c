//! Gathering the evidence about a sequence number, all of it from one Horizon, the account's state first.

use super::flight::Flight;
#[cfg(feature = "simulation")]
use crate::defect::{self, Defect};
use crate::domain::envelope::{decode, recognise, tag_of};
use crate::domain::intent::{IntentKey, Request};
use crate::domain::observation::{AccountSnapshot, Landed, LookUp, Unknown};
use crate::domain::primitives::{AccountId, NetworkId, Sequence, TxHash};
use crate::domain::transition::{Evidence, SequenceUse};
use crate::horizon::{Endpoint, Horizon, Order};

/// Pages of a channel's history that are read to find who used a sequence number, 200 records each.
const MAX_HISTORY_PAGES: u32 = 100;
/// Records of a page.
const PAGE_RECORDS: u8 = 200;

/// What is needed to gather: taken out of a flight, so that the engine goes on meanwhile.
pub(super) struct Question {
    key: IntentKey,
    request: std::sync::Arc<Request>,
    channel: AccountId,
    sequence: Sequence,
    hashes: Vec<TxHash>,
}

impl Question {
    pub(super) fn of(flight: &Flight) -> Self {
        #[cfg(feature = "simulation")]
        if defect::is_made(Defect::ForgetOlderHashes) {
            let mut question = Self::of_all(flight);
            question.hashes = vec![flight.newest_hash()];
            return question;
        }
        Self::of_all(flight)
    }

    fn of_all(flight: &Flight) -> Self {
        let attempt = &flight.snapshot.attempt;
        let bumps = attempt.bumps.iter().map(|bump| bump.hash);
        Self {
            key: flight.key.clone(),
            request: std::sync::Arc::clone(&flight.request),
            channel: attempt.plan.channel,
            sequence: attempt.plan.sequence,
            hashes: std::iter::once(attempt.inner_hash).chain(bumps).collect(),
        }
    }
}

/// What was gathered.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The evidence.
    pub evidence: Evidence,
    /// The transaction that is not this intent's and has used its sequence number: it may be another intent's, sent by a
    /// submitter that lost its records.
    pub foreign: Option<Box<Landed>>,
}

impl Gathered {
    const fn plain(snapshot: AccountSnapshot, found: Option<Box<Landed>>) -> Self {
        Self {
            evidence: Evidence {
                snapshot,
                found,
                used_by: None,
            },
            foreign: None,
        }
    }
}

/// Gathers the evidence.
///
/// # Errors
/// [`Unknown`] where any part of it got no answer: half of the evidence proves nothing.
pub(super) async fn gather(
    horizon: &Horizon,
    network: NetworkId,
    question: &Question,
) -> Result<Gathered, Unknown> {
    let endpoint = horizon.any();
    let snapshot = endpoint.account(question.channel).await?;
    // An account that is gone may have used it before it went: its history still says.
    let may_be_used = snapshot
        .state
        .as_ref()
        .is_none_or(|state| state.sequence >= question.sequence);
    if !may_be_used {
        return Ok(Gathered::plain(snapshot, None));
    }
    for hash in &question.hashes {
        match endpoint.transaction(*hash).await {
            #[cfg(feature = "simulation")]
            LookUp::Landed(found)
                if !found.successful && defect::is_made(Defect::IgnoreFailedTransactions) => {}
            LookUp::Landed(found) => return Ok(Gathered::plain(snapshot, Some(found))),
            LookUp::Absent => {}
            LookUp::Unknown(unknown) => return Err(unknown),
        }
    }
    let user = who_used(endpoint, question.channel, question.sequence).await?;
    let Some(landed) = user.map(Box::new) else {
        return Ok(Gathered::plain(snapshot, None));
    };
    let (hash, ledger) = (landed.inner_hash, landed.ledger);
    let (own, foreign) = if is_own(network, question, &landed) {
        (Some(landed), None)
    } else {
        (None, Some(landed))
    };
    Ok(Gathered {
        evidence: Evidence {
            snapshot,
            found: None,
            used_by: Some(SequenceUse { hash, ledger, own }),
        },
        foreign,
    })
}

/// Whether a landed transaction is this intent's: its tag, and then its rebuilt hash, must agree.
fn is_own(network: NetworkId, question: &Question, landed: &Landed) -> bool {
    #[cfg(feature = "simulation")]
    if defect::is_made(Defect::ForgetOlderHashes) {
        return question.hashes.contains(&landed.inner_hash)
            || landed
                .fee_bump_hash
                .is_some_and(|hash| question.hashes.contains(&hash));
    }
    let Ok((inner, bump)) = decode(&landed.envelope_xdr) else {
        return false;
    };
    tag_of(&inner.tx, bump.as_ref()) == Some(question.key.tag(network))
        && recognise(network, &question.key, &question.request, &inner.tx)
}

/// The transaction in an account's history that used a sequence number; `None` where none is shown.
async fn who_used(
    endpoint: &Endpoint,
    account: AccountId,
    sequence: Sequence,
) -> Result<Option<Landed>, Unknown> {
    let mut cursor = None;
    for _ in 0..MAX_HISTORY_PAGES {
        let page = endpoint
            .account_transactions(account, cursor, Order::Descending, PAGE_RECORDS)
            .await?;
        let Some(page) = page else { return Ok(None) };
        for landed in page.transactions {
            #[cfg(feature = "simulation")]
            if !landed.successful && defect::is_made(Defect::IgnoreFailedTransactions) {
                continue;
            }
            if landed.source_account != account {
                continue;
            }
            if landed.sequence == sequence {
                return Ok(Some(landed));
            }
            if landed.sequence < sequence {
                return Ok(None);
            }
        }
        if page.is_last {
            return Ok(None);
        }
        cursor = page.last;
    }
    Ok(None)
}
