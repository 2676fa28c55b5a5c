//! What a receipt says, asked of the ledger.

use super::history::HistoryError;
use super::patience::{Patience, status};
use crate::domain::observation::{Landed, LedgerHeader, LookUp, NetworkStatus};
use crate::domain::primitives::{LedgerSeq, TxHash};
use crate::domain::receipt::{
    AttemptReceipt, Checked, LandedReceipt, ProofReceipt, Receipt, Standing, rebuilds, unix_seconds,
};
use crate::horizon::{Endpoint, NetworkError};

/// Why the ledger could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No answer.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// No answer, or another network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Looks everything up that a receipt says.
///
/// # Errors
/// [`AskError`] where any of it gets no answer.
pub async fn look_up(endpoint: &Endpoint, receipt: &Receipt) -> Result<Vec<Checked>, AskError> {
    // First: what it has from then on is no older.
    let status = status(endpoint).await?;
    let asking = Asking {
        endpoint,
        status,
        receipt,
    };
    let mut all = Vec::new();
    for attempt in &receipt.attempts {
        all.push(asking.attempt(attempt).await?);
        if let Some(proof) = &attempt.death_proof {
            all.extend(asking.proof(attempt, proof).await?);
        }
    }
    if let Some(landed) = &receipt.transaction
        && receipt.attempts.iter().all(|one| one.hash != landed.hash)
    {
        all.push(
            asking
                .landed("the deciding transaction", landed, true)
                .await?,
        );
    }
    Ok(all)
}

struct Asking<'a> {
    endpoint: &'a Endpoint,
    status: NetworkStatus,
    receipt: &'a Receipt,
}

impl Asking<'_> {
    async fn attempt(&self, attempt: &AttemptReceipt) -> Result<Checked, HistoryError> {
        let what = format!("attempt {} on the ledger", attempt.number);
        if let Some(landed) = &attempt.landed {
            let mut landed = landed.clone();
            // An attempt's record does not say when its ledger closed, where the deciding transaction does.
            let decided = self.receipt.transaction.as_ref();
            if let Some(decided) = decided.filter(|decided| decided.hash == landed.hash) {
                landed.closed_at = landed.closed_at.or_else(|| decided.closed_at.clone());
                landed.code = landed.code.or_else(|| decided.code.clone());
            }
            return self.landed(&what, &landed, false).await;
        }
        let bumps = attempt.fee_bumps.iter().map(|bump| bump.hash);
        for hash in std::iter::once(attempt.hash).chain(bumps) {
            if let Some(found) = self.find(hash).await? {
                let detail = format!(
                    "it is said to be dead, and {hash} is in ledger {}, {}",
                    found.ledger,
                    if found.successful {
                        "successful"
                    } else {
                        "failed"
                    }
                );
                return Ok(Checked::new(what, Standing::Wrong, detail));
            }
        }
        let (elder, latest) = (self.status.elder, self.status.latest);
        if elder.0 > attempt.signed_at_ledger.saturating_add(1) {
            let detail = format!(
                "not found, but {} keeps ledgers from {elder} on, and it was signed at {}",
                self.endpoint.name(),
                attempt.signed_at_ledger
            );
            return Ok(Checked::new(what, Standing::Unproven, detail));
        }
        if latest.0.saturating_add(1) < attempt.plan.max_ledger {
            let detail = format!(
                "not found, but {} has come to ledger {latest} only, and it could land before {}",
                self.endpoint.name(),
                attempt.plan.max_ledger
            );
            return Ok(Checked::new(what, Standing::Unproven, detail));
        }
        let detail = format!("none of its hashes is in ledgers {elder} to {latest}");
        Ok(Checked::new(what, Standing::Right, detail))
    }

    /// Whether a record is there, as the receipt has it; where no attempt has its envelope, whether it is what the intent asks for.
    async fn landed(
        &self,
        what: &str,
        said: &LandedReceipt,
        rebuild: bool,
    ) -> Result<Checked, HistoryError> {
        let Some(found) = self.find(said.hash).await? else {
            let gone = self.status.elder.0 > said.ledger || self.status.latest.0 < said.ledger;
            let detail = format!(
                "{} is not found; {} has ledgers {} to {}, and it is said to be in {}",
                said.hash,
                self.endpoint.name(),
                self.status.elder,
                self.status.latest,
                said.ledger
            );
            let standing = if gone {
                Standing::Unproven
            } else {
                Standing::Wrong
            };
            return Ok(Checked::new(what, standing, detail));
        };
        let same = found.ledger.0 == said.ledger
            && found.successful == said.successful
            && found.fee_bump_hash == said.fee_bump_hash
            && found.fee_charged.get().to_string() == said.fee_charged
            && found.source_account == said.channel
            && found.sequence.to_string() == said.sequence
            && said
                .closed_at
                .as_deref()
                .is_none_or(|at| unix_seconds(at) == Some(found.closed_at.0))
            && said
                .code
                .as_deref()
                .is_none_or(|code| code == found.outcome.code_name());
        if !same {
            let detail = format!(
                "{} is in ledger {}, but not as the receipt has it",
                said.hash, found.ledger
            );
            return Ok(Checked::new(what, Standing::Wrong, detail));
        }
        if rebuild && let Err(detail) = rebuilds(self.receipt, said, &found.envelope_xdr) {
            return Ok(Checked::new(what, Standing::Wrong, detail));
        }
        let how = if said.successful {
            "successful"
        } else {
            "failed"
        };
        let detail = format!(
            "{} is in ledger {}, {how}, as the receipt has it",
            said.hash, said.ledger
        );
        Ok(Checked::new(what, Standing::Right, detail))
    }

    /// What the ledger can say of a proof of death beyond what the receipt holds.
    async fn proof(
        &self,
        attempt: &AttemptReceipt,
        proof: &ProofReceipt,
    ) -> Result<Option<Checked>, HistoryError> {
        let what = format!("attempt {}: proof of death", attempt.number);
        match proof {
            ProofReceipt::Fence { as_of_ledger, .. } => {
                let by_ledger = attempt.plan.max_ledger != 0
                    && as_of_ledger.saturating_add(1) >= attempt.plan.max_ledger;
                let last = attempt.plan.max_time.parse::<u64>().unwrap_or(0);
                if by_ledger || last == 0 {
                    return Ok(None);
                }
                let header = self.ledger(LedgerSeq(*as_of_ledger)).await?;
                Ok(Some(match header {
                    Some(header) if header.closed_at.0 > last => Checked::new(
                        what,
                        Standing::Right,
                        format!("ledger {as_of_ledger} closed after its last time ({last})"),
                    ),
                    Some(_) => Checked::new(
                        what,
                        Standing::Wrong,
                        format!(
                            "ledger {as_of_ledger} closed before its last time ({last}) was over"
                        ),
                    ),
                    None => Checked::new(
                        what,
                        Standing::Unproven,
                        format!(
                            "{} does not have ledger {as_of_ledger}",
                            self.endpoint.name()
                        ),
                    ),
                }))
            }
            ProofReceipt::ForeignTransaction { hash, ledger } => {
                let used = self.find(*hash).await?;
                let is_so = used.as_ref().is_some_and(|used| {
                    used.source_account == attempt.plan.channel
                        && used.sequence.to_string() == attempt.plan.sequence
                        && used.ledger.0 == *ledger
                });
                let (standing, detail) = match used {
                    Some(_) if is_so => (
                        Standing::Right,
                        format!("{hash} has used its sequence number in ledger {ledger}"),
                    ),
                    Some(_) => (
                        Standing::Wrong,
                        format!("{hash} has not used its sequence number"),
                    ),
                    None if self.status.elder.0 > *ledger => (
                        Standing::Unproven,
                        format!(
                            "{} keeps no ledger as old as {ledger}",
                            self.endpoint.name()
                        ),
                    ),
                    None => (Standing::Wrong, format!("{hash} is not found")),
                };
                Ok(Some(Checked::new(what, standing, detail)))
            }
            // What an account's number was once, or that it was not there, no Horizon can tell later.
            ProofReceipt::Skipped { .. } | ProofReceipt::AccountMissing { .. } => Ok(None),
        }
    }

    async fn find(&self, hash: TxHash) -> Result<Option<Box<Landed>>, HistoryError> {
        let mut patience = Patience::new(self.endpoint, "a transaction");
        loop {
            match self.endpoint.transaction(hash).await {
                LookUp::Landed(landed) => return Ok(Some(landed)),
                LookUp::Absent => return Ok(None),
                LookUp::Unknown(unknown) => patience.after(unknown).await?,
            }
        }
    }

    async fn ledger(&self, ledger: LedgerSeq) -> Result<Option<LedgerHeader>, HistoryError> {
        let mut patience = Patience::new(self.endpoint, "a ledger");
        loop {
            match self.endpoint.ledger(ledger).await {
                Ok(header) => return Ok(header),
                Err(unknown) if unknown.kind == crate::domain::observation::UnknownKind::Gone => {
                    return Ok(None);
                }
                Err(unknown) => patience.after(unknown).await?,
            }
        }
    }
}
