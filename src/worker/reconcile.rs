//! Gathering the evidence about a sequence number, all of it from one Horizon, the account's state first.

use super::flight::Flight;
#[cfg(feature = "simulation")]
use crate::defect::{self, Defect};
use crate::domain::continuity::Continuity;
use crate::domain::intent::{IntentKey, Request};
use crate::domain::observation::{AccountSnapshot, Landed, LookUp, Unknown};
use crate::domain::primitives::{AccountId, NetworkId, Sequence, TxHash};
use crate::domain::result_code::SequenceEffect;
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
    attempt: TxHash,
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
            attempt: attempt.inner_hash,
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
                skipped: false,
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
    let landed = match who_used(endpoint, &snapshot, question.sequence).await? {
        Shown::Used(landed) => landed,
        Shown::Skipped => {
            let mut gathered = Gathered::plain(snapshot, None);
            gathered.evidence.skipped = true;
            return Ok(gathered);
        }
        Shown::Nothing => return Ok(Gathered::plain(snapshot, None)),
    };
    let user = used_by(network, question, &landed);
    Ok(Gathered {
        foreign: user.own.is_none().then_some(landed),
        evidence: Evidence {
            snapshot,
            found: None,
            used_by: Some(user),
            skipped: false,
        },
    })
}

fn used_by(network: NetworkId, question: &Question, landed: &Landed) -> SequenceUse {
    let (key, request) = (&question.key, &question.request);
    let user = SequenceUse::of(network, key, request, question.attempt, landed);
    #[cfg(feature = "simulation")]
    if defect::is_made(Defect::ForgetOlderHashes) {
        let hashes = [Some(landed.inner_hash), landed.fee_bump_hash];
        let mut hashes = hashes.into_iter().flatten();
        let is_known = hashes.any(|hash| question.hashes.contains(&hash));
        let own = is_known.then(|| Box::new(landed.clone()));
        return SequenceUse { own, ..user };
    }
    user
}

/// What an account's history shows of a sequence number.
enum Shown {
    /// The transaction that used it.
    Used(Box<Landed>),
    /// Nobody: its own transactions are all there, and pass over it.
    Skipped,
    /// Nothing that says either.
    Nothing,
}

/// Looks for what used a sequence number, from the newest transaction of an account down.
async fn who_used(
    endpoint: &Endpoint,
    snapshot: &AccountSnapshot,
    sequence: Sequence,
) -> Result<Shown, Unknown> {
    let account = snapshot.account;
    let newest = snapshot.state.as_ref().map(|state| state.sequence);
    let mut continuity = newest.map_or_else(
        || Continuity::of_gone(account),
        |newest| Continuity::below(account, newest),
    );
    // What an account that is gone had used last is not known.
    let mut whole = newest.is_some();
    let mut cursor = None;
    for _ in 0..MAX_HISTORY_PAGES {
        let page = endpoint
            .account_transactions(account, cursor, Order::Descending, PAGE_RECORDS)
            .await?;
        let Some(page) = page else {
            return Ok(Shown::Nothing);
        };
        for landed in page.transactions {
            #[cfg(feature = "simulation")]
            if !landed.successful && defect::is_made(Defect::IgnoreFailedTransactions) {
                continue;
            }
            // One that was recorded and took no number did not use it.
            let took = landed.sequence_effect() != SequenceEffect::Unused;
            if took && landed.source_account == account && landed.sequence == sequence {
                return Ok(Shown::Used(Box::new(landed)));
            }
            // Where something is not shown, it may be what is looked for; but what is shown still tells.
            whole &= continuity.take(&landed).is_ok();
            let is_below = took && landed.source_account == account && landed.sequence < sequence;
            // One of which the code does not tell whether it took its number is below, and ends nothing.
            if is_below && continuity.reaches(Sequence(sequence.0 - 1)) {
                return Ok(if whole && continuity.is_sure() {
                    Shown::Skipped
                } else {
                    Shown::Nothing
                });
            }
        }
        if page.is_last {
            let skipped = whole && continuity.is_whole() && continuity.is_sure();
            return Ok(if skipped {
                Shown::Skipped
            } else {
                Shown::Nothing
            });
        }
        cursor = page.last;
    }
    Ok(Shown::Nothing)
}
