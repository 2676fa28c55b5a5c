//! The end of a comparison: what is left over finds its intents, and what was found becomes the report.

use uuid::Uuid;

use super::super::ReconcileError;
use super::super::balance::Balances;
use super::super::compare;
use super::super::report::{Report, Status};
use super::Run;
use crate::audit::rebuilt::{key, restores};
use crate::audit::{Finding, Listing};
use crate::domain::observation::Landed;
use crate::domain::primitives::LedgerSeq;
use crate::domain::tag::Tag;

/// Intents of a page.
const INTENTS_PAGE: i64 = 2_000;

impl Run<'_> {
    /// The end of a list: what its numbers say, and what lies behind them by the records alone.
    pub async fn end_of(&mut self, listing: &Listing) -> Result<(), ReconcileError> {
        let account = listing.account;
        for gap in &listing.numbers.gaps {
            self.blocked(format!(
                "sequence numbers {} to {} of {account} were used before ledger {}, and no transaction is shown that did: a skipped page, or history that is gone",
                gap.first, gap.last, gap.before_ledger
            ));
        }
        match self
            .seen
            .get(&account)
            .copied()
            .or(listing.numbers.current())
        {
            Some(newest) => self.behind(account, newest).await,
            None => Ok(()),
        }
    }

    /// Gives the transactions that have tags and no attempts to the intents whose tags they are.
    async fn claim(&mut self) -> Result<(), ReconcileError> {
        let mut after = Uuid::nil();
        while !self.strangers.is_empty() {
            let page = self.store.audited_intents(after, INTENTS_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for intent in &page {
                let tag = key(intent).tag(self.network);
                for landed in self.strangers.remove(&tag.get()).unwrap_or_default() {
                    let judgement = compare::with_tag_of(self.network, intent, &landed);
                    self.judged(judgement, &landed);
                }
            }
        }
        for (tag, of_one) in std::mem::take(&mut self.strangers) {
            let successes: Vec<&Landed> = of_one.iter().filter(|one| one.successful).collect();
            let calls: Vec<&Landed> = successes
                .iter()
                .filter(|one| !restores(&one.envelope_xdr))
                .copied()
                .collect();
            // What archived entries were brought back for is counted; what brought them back only where there is nothing else.
            let successes = if calls.is_empty() { successes } else { calls };
            if let [first, .., last] = successes.as_slice() {
                let detail = format!(
                    "tag {tag} of no intent has landed {} times: {} in ledger {}, {} in ledger {}",
                    successes.len(),
                    first.inner_hash,
                    first.ledger,
                    last.inner_hash,
                    last.ledger
                );
                self.find(Finding::new(compare::TWICE, detail).transaction(last.inner_hash));
            }
            for landed in of_one {
                self.keep(tag, landed).await?;
            }
        }
        Ok(())
    }

    /// A tag of no intent: it is put on record, so that its workflow is never paid again.
    async fn keep(&mut self, tag: u64, landed: Landed) -> Result<(), ReconcileError> {
        let Some(tag) = Tag::from_muxed_id(tag) else {
            return Ok(());
        };
        self.counts.unclaimed += 1;
        self.find(compare::unclaimed(&landed).tag(tag));
        self.store.record_landings(&[(tag, landed)], None).await?;
        Ok(())
    }

    fn judge_balances(&mut self) {
        let all: Vec<_> = self.balances.values().flat_map(Balances::report).collect();
        for balance in all {
            let unexplained = balance.unexplained.as_deref().unwrap_or("0");
            if unexplained == "0" {
                continue;
            }
            let (account, asset) = (balance.account, &balance.asset);
            let since = balance.from_ledger.unwrap_or(LedgerSeq(0));
            let what = format!(
                "the balance of {account} in {asset} has changed by {unexplained} stroops between ledgers {since} and {} beyond what recorded transactions did",
                balance.to_ledger
            );
            if balance.inexact > 0 {
                self.missing(format!(
                    "{what}; {} operations are among them whose amounts cannot be known",
                    balance.inexact
                ));
            } else {
                let finding = Finding::new(compare::BALANCE, what).account(account);
                self.find(finding.ledger(balance.to_ledger));
            }
        }
    }

    /// The report.
    pub async fn finish(
        mut self,
        horizon: &str,
        done: Option<LedgerSeq>,
    ) -> Result<Report, ReconcileError> {
        self.claim().await?;
        self.judge_balances();
        let before_pending = self
            .earliest_pending
            .map(|ledger| LedgerSeq(ledger.0.saturating_sub(1)));
        let reached = before_pending.map_or(self.span.last, |ledger| ledger.min(self.span.last));
        let watermark = if self.blocked {
            done
        } else {
            done.max(Some(reached))
        };
        let status = match (self.findings.is_empty(), self.reasons.is_empty()) {
            (false, _) => Status::Findings,
            (true, false) => Status::Incomplete,
            (true, true) => Status::Clean,
        };
        Ok(Report {
            status,
            horizon: horizon.to_owned(),
            from_ledger: self.span.first.min(self.span.last),
            to_ledger: self.span.last,
            watermark,
            complete: self.reasons.is_empty(),
            accounts: self.to_read().len(),
            idle_channels: self.idle,
            transactions: self.counts.transactions,
            matched: self.counts.matched,
            pending: self.counts.pending,
            unclaimed: self.counts.unclaimed,
            unexplained: self.counts.unexplained,
            of_others: self.counts.of_others,
            held: self.balances.values().map(Balances::end).collect(),
            balances: self.balances.values().flat_map(Balances::report).collect(),
            incomplete: self.reasons,
            by_kind: self.by_kind,
            findings: self.findings,
        })
    }
}
