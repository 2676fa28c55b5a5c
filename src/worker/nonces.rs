//! Whether a call ran in somebody else's transaction: its nonces on the ledger, and what has used them.

use std::sync::Arc;
use std::time::Duration;

use super::contracts::Contracts;
use crate::domain::envelope::decode;
use crate::domain::observation::{Cursor, Landed, TransactionPage};
use crate::domain::primitives::{LedgerSeq, TxHash};
use crate::domain::reason::Reason;
use crate::domain::soroban::Nonce;
use crate::horizon::{Endpoint, Horizon};

/// Pages of a ledger that are read to find what has used a nonce, 200 records each: more than any ledger has of calls.
const MAX_PAGES: u32 = 50;
/// How long that may take: Horizon may see a ledger later than Stellar RPC does.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two tries to read a page.
const PAUSE: Duration = Duration::from_millis(500);

/// Who is asked.
#[derive(Clone)]
pub(super) struct Nonces {
    pub contracts: Arc<dyn Contracts>,
    pub horizon: Arc<Horizon>,
}

/// What nonces say of a call of which no attempt of ours has landed.
pub(super) enum NonceLook {
    /// As of the newest ledger, nobody has used one.
    Unused,
    /// The call ran, in somebody else's transaction.
    UsedElsewhere(Reason),
    /// Nothing is known; why, for people.
    Unknown(String),
}

impl Nonces {
    /// Looks them up; what an answer says of a ledger before `head` is no proof that they are unused.
    pub(super) async fn look(&self, nonces: &[Nonce], head: LedgerSeq) -> NonceLook {
        if nonces.is_empty() {
            return NonceLook::Unused;
        }
        match self.contracts.nonces(nonces).await {
            Ok(sight) => match sight.used {
                Some((nonce, ledger)) => {
                    let user = tokio::time::timeout(PATIENCE, self.user(&nonce, ledger)).await;
                    let user = user.unwrap_or(Err("Horizon does not show that ledger"));
                    NonceLook::UsedElsewhere(used_elsewhere(&nonce, ledger, user))
                }
                None if sight.as_of >= head => NonceLook::Unused,
                None => NonceLook::Unknown("Stellar RPC is behind".to_owned()),
            },
            Err(unknown) => NonceLook::Unknown(unknown.detail),
        }
    }

    /// The transaction that has used a nonce, out of the ledger in which that was done; else why it is not known. That the
    /// nonce is used is a fact without it.
    async fn user(&self, nonce: &Nonce, ledger: LedgerSeq) -> Result<TxHash, &'static str> {
        let endpoint = self.horizon.any();
        let (mut cursor, mut all_read) = (None, true);
        for _ in 0..MAX_PAGES {
            let page = page(endpoint, ledger, cursor).await;
            let mut landed = page.transactions.iter();
            if let Some(found) = landed.find(|landed| uses(landed, nonce)) {
                return Ok(found.inner_hash);
            }
            all_read &= page.unreadable.is_empty();
            if page.is_last {
                return Err(if all_read {
                    "Horizon shows none in that ledger that has used it"
                } else {
                    "not every transaction of that ledger can be read here"
                });
            }
            cursor = page.last;
        }
        Err("that ledger has too many transactions to look through")
    }
}

/// A page, however often it must be asked for.
async fn page(endpoint: &Endpoint, ledger: LedgerSeq, after: Option<Cursor>) -> TransactionPage {
    loop {
        let asked = endpoint.ledger_transactions(ledger, after, &|_| true);
        if let Ok(Some(page)) = asked.await {
            return page;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether a landed transaction has used a nonce: one that failed leaves it as it was.
fn uses(landed: &Landed, nonce: &Nonce) -> bool {
    landed.successful && decode(&landed.envelope_xdr).is_ok_and(|(inner, _)| nonce.is_in(&inner.tx))
}

/// A nonce of the call is used, and no attempt of ours has landed.
fn used_elsewhere(nonce: &Nonce, ledger: LedgerSeq, user: Result<TxHash, &str>) -> Reason {
    let (by, rest) = match user {
        Ok(hash) => (
            format!("transaction {hash}, which is none of this workflow's"),
            String::new(),
        ),
        Err(why) => (
            "a transaction that is none of this workflow's".to_owned(),
            format!("; which one is not known, since {why}"),
        ),
    };
    Reason::new(
        "nonce_used_elsewhere",
        "The call ran in somebody else's transaction",
        format!(
            "the authorisation of {nonce} was used in ledger {ledger} by {by}: it was copied, and the call ran once with it; nothing more is sent{rest}"
        ),
        false,
    )
}
