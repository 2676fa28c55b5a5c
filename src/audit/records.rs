//! The ledger against the records, both ways.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::findings::{Finding, Findings};
use super::history::Span;
use super::rebuilt::{asks_for_restoration, key, rebuilds, restores_for, said};
use super::report::DatabaseReport;
use super::tally::{Sighting, Tally};
use crate::domain::observation::Landed;
use crate::domain::primitives::{AccountId, LedgerSeq, NetworkId, TxHash};
use crate::domain::tag::Tag;
use crate::store::audit::AuditedIntent;
use crate::store::{Store, StoreError};

/// Intents of a page.
const PAGE: i64 = 2000;
/// Successes without an attempt on record whose envelopes are kept until all intents were read.
const MAX_STRANGERS: usize = 100_000;

/// A success that no attempt on record is.
struct Stranger {
    hash: TxHash,
    ledger: LedgerSeq,
    envelope: Vec<u8>,
    claimed: bool,
}

/// The comparison, as far as it has come.
pub struct Records<'a> {
    store: &'a Store,
    network: NetworkId,
    strangers: BTreeMap<u64, Vec<Stranger>>,
    stranger_count: usize,
    /// What was counted.
    pub report: DatabaseReport,
}

/// Where findings go.
pub struct Found<'a> {
    /// What must not be.
    pub violations: &'a mut Findings,
    /// What keeps it from being proven.
    pub unproven: &'a mut Findings,
    /// What is worth knowing.
    pub notes: &'a mut Findings,
}

impl<'a> Records<'a> {
    /// Nothing compared yet.
    pub fn new(store: &'a Store, network: NetworkId) -> Self {
        Self {
            store,
            network,
            strangers: BTreeMap::new(),
            stranger_count: 0,
            report: DatabaseReport::default(),
        }
    }

    /// Compares successes that carry tags with the attempts on record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn landed(
        &mut self,
        successes: Vec<(Tag, Landed)>,
        mut found: Found<'_>,
    ) -> Result<(), StoreError> {
        let hashes: Vec<Vec<u8>> = successes
            .iter()
            .map(|(_, landed)| landed.inner_hash.0.to_vec())
            .collect();
        let rows = self.store.audited_attempts(&hashes).await?;
        let by_hash: BTreeMap<&[u8], &AuditedIntent> = rows
            .iter()
            .map(|row| (row.hash.as_slice(), &row.intent))
            .collect();
        for (tag, landed) in successes {
            match by_hash.get(&landed.inner_hash.0[..]) {
                Some(intent) => {
                    self.known(intent, tag, &landed, &mut found);
                }
                None => self.keep(tag, landed, &mut found),
            }
        }
        Ok(())
    }

    /// A success that an intent on record has signed, or claims.
    fn known(&mut self, intent: &AuditedIntent, tag: Tag, landed: &Landed, found: &mut Found<'_>) {
        let hash = landed.inner_hash;
        let about = |kind, detail: String| {
            Finding::new(kind, detail)
                .tag(tag)
                .transaction(hash)
                .ledger(landed.ledger)
                .intent(intent.id)
        };
        if key(intent).tag(self.network) != tag {
            let detail = format!(
                "transaction {hash} carries tag {tag}, and intent {} that has signed it derives another",
                intent.id
            );
            found.violations.add(about("wrong_tag", detail));
        }
        if !rebuilds(self.network, intent, &landed.envelope_xdr) {
            let detail = format!(
                "transaction {hash} is not what intent {} asks for: rebuilt from it, it has another hash",
                intent.id
            );
            found.violations.add(about("other_content", detail));
            return;
        }
        self.report.rebuilt += 1;
        if restores_for(intent, &landed.envelope_xdr) {
            return;
        }
        match intent.status.as_str() {
            "succeeded" if said(intent) == Some(hash) => {}
            "succeeded" => {
                let detail = format!(
                    "intent {} says that another transaction did it than {hash}",
                    intent.id
                );
                found.violations.add(about("other_transaction", detail));
            }
            "queued" | "in_flight" | "parked" => {
                let detail = format!(
                    "intent {} is {}, and its transaction {hash} has landed in ledger {}: it is not settled yet",
                    intent.id, intent.status, landed.ledger
                );
                found.notes.add(about("not_settled", detail));
            }
            // Told where the intent itself is compared.
            _ => {}
        }
    }

    /// Keeps a success that no attempt is, until all intents were read.
    fn keep(&mut self, tag: Tag, landed: Landed, found: &mut Found<'_>) {
        let of_tag = self.strangers.entry(tag.get()).or_default();
        if of_tag.iter().any(|one| one.hash == landed.inner_hash) {
            return;
        }
        if self.stranger_count >= MAX_STRANGERS {
            let detail = format!(
                "more than {MAX_STRANGERS} successes have no attempt on record: ask for fewer ledgers at once, or for the right database"
            );
            found.unproven.add(Finding::new("too_many_unknown", detail));
            return;
        }
        self.stranger_count += 1;
        of_tag.push(Stranger {
            hash: landed.inner_hash,
            ledger: landed.ledger,
            envelope: landed.envelope_xdr,
            claimed: false,
        });
    }

    /// Reads every intent on record, and compares it with what was seen on the ledger.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intents(
        &mut self,
        tally: &Tally,
        span: Span,
        accounts: &BTreeSet<AccountId>,
        mut found: Found<'_>,
        mut progress: impl FnMut(u64),
    ) -> Result<(), StoreError> {
        let mut after = Uuid::nil();
        loop {
            let page = self.store.audited_intents(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for intent in &page {
                self.report.intents += 1;
                self.intent(intent, tally, span, accounts, &mut found);
            }
            progress(self.report.intents);
        }
        self.unclaimed(&mut found).await
    }

    fn intent(
        &mut self,
        intent: &AuditedIntent,
        tally: &Tally,
        span: Span,
        accounts: &BTreeSet<AccountId>,
        found: &mut Found<'_>,
    ) {
        let tag = key(intent).tag(self.network);
        self.claim(intent, tag, found);
        let about = |kind, detail: String| Finding::new(kind, detail).tag(tag).intent(intent.id);
        let restores = asks_for_restoration(intent);
        let landed: Vec<Sighting> = tally
            .successes(tag)
            .filter(|one| restores || !one.restores())
            .collect();
        match intent.status.as_str() {
            "succeeded" => {
                let Some(hash) = said(intent) else {
                    let detail = format!("intent {} succeeded by no transaction", intent.id);
                    found.violations.add(about("not_there", detail));
                    return;
                };
                let ledger = intent.transaction.as_ref().and_then(ledger_of);
                if ledger.is_some_and(|ledger| ledger < span.first || ledger > span.last) {
                    self.report.other_ledgers += 1;
                } else if landed.iter().any(|one| one.is(hash)) {
                    self.report.succeeded += 1;
                } else if !is_of(intent, accounts) {
                    self.report.other_accounts += 1;
                } else {
                    let at =
                        ledger.map_or_else(String::new, |ledger| format!(" of ledger {ledger}"));
                    let detail = format!(
                        "intent {} succeeded by transaction {hash}{at}, which is not in the history",
                        intent.id
                    );
                    found
                        .violations
                        .add(about("not_there", detail).transaction(hash));
                }
            }
            "failed" | "expired" | "canceled" if landed.is_empty() => self.report.never_landed += 1,
            status @ ("failed" | "expired" | "canceled") => {
                for one in landed {
                    let detail = format!(
                        "intent {} is {status}, and a transaction with its tag ({}…) has landed in ledger {}",
                        intent.id,
                        one.beginning(),
                        one.ledger()
                    );
                    found
                        .violations
                        .add(about("reported_otherwise", detail).ledger(one.ledger()));
                }
            }
            _ => self.report.open += 1,
        }
    }

    /// Gives an intent the successes with its tag that no attempt on record is: adopted from an earlier life of the records.
    fn claim(&mut self, intent: &AuditedIntent, tag: Tag, found: &mut Found<'_>) {
        let Some(strangers) = self.strangers.get_mut(&tag.get()) else {
            return;
        };
        let mut of_tag = std::mem::take(strangers);
        for stranger in &mut of_tag {
            stranger.claimed = true;
            let about = |kind, detail: String| {
                Finding::new(kind, detail)
                    .tag(tag)
                    .transaction(stranger.hash)
                    .ledger(stranger.ledger)
                    .intent(intent.id)
            };
            if !rebuilds(self.network, intent, &stranger.envelope) {
                let detail = format!(
                    "transaction {} carries the tag of intent {}, and is not what it asks for",
                    stranger.hash, intent.id
                );
                found.violations.add(about("other_content", detail));
                continue;
            }
            self.report.rebuilt += 1;
            if restores_for(intent, &stranger.envelope) {
                continue;
            }
            let detail = match intent.status.as_str() {
                "succeeded" if said(intent) == Some(stranger.hash) => continue,
                "succeeded" => {
                    let detail = format!(
                        "intent {} says that another transaction did it than {}",
                        intent.id, stranger.hash
                    );
                    found.violations.add(about("other_transaction", detail));
                    continue;
                }
                "queued" | "in_flight" | "parked" => format!(
                    "intent {} is {}, and transaction {} with its tag and content has landed: it will be adopted",
                    intent.id, intent.status, stranger.hash
                ),
                // Told where the intent itself is compared.
                _ => continue,
            };
            found.notes.add(about("not_settled", detail));
        }
        self.strangers.insert(tag.get(), of_tag);
    }

    /// What is left: a tag of no intent.
    async fn unclaimed(&self, found: &mut Found<'_>) -> Result<(), StoreError> {
        let left: Vec<(u64, &Stranger)> = self
            .strangers
            .iter()
            .flat_map(|(tag, all)| all.iter().map(|one| (*tag, one)))
            .filter(|(_, one)| !one.claimed)
            .collect();
        for some in left.chunks(usize::try_from(PAGE).unwrap_or(1)) {
            let hashes: Vec<Vec<u8>> = some.iter().map(|(_, one)| one.hash.0.to_vec()).collect();
            let known = self.store.known_landings(&hashes).await?;
            for (tag, stranger) in some {
                let about = |kind, detail: String| {
                    let finding = Finding::new(kind, detail)
                        .transaction(stranger.hash)
                        .ledger(stranger.ledger);
                    match Tag::from_muxed_id(*tag) {
                        Some(tag) => finding.tag(tag),
                        None => finding,
                    }
                };
                if known.iter().any(|hash| hash[..] == stranger.hash.0) {
                    let detail = format!(
                        "transaction {} carries tag {tag} of no intent yet; it is on record, and whoever posts its workflow is answered with it",
                        stranger.hash
                    );
                    found.notes.add(about("unclaimed", detail));
                } else {
                    let detail = format!(
                        "transaction {} carries tag {tag}, which no intent on record has",
                        stranger.hash
                    );
                    found.violations.add(about("no_intent", detail));
                }
            }
        }
        Ok(())
    }
}

fn ledger_of(transaction: &Value) -> Option<LedgerSeq> {
    let number = transaction["ledger"].as_u64()?;
    u32::try_from(number).ok().map(LedgerSeq)
}

/// Whether an intent's transaction is in a list that was read: it moves funds of, or was sent by, one of the accounts. One that
/// was given signed moves its own account's funds.
fn is_of(intent: &AuditedIntent, accounts: &BTreeSet<AccountId>) -> bool {
    let given = |request: &Value| !request["transaction_xdr"].is_null();
    let is_presigned = intent.request.as_ref().is_some_and(given);
    let source = intent.source.as_deref().filter(|_| !is_presigned);
    let channel = intent
        .transaction
        .as_ref()
        .and_then(|transaction| transaction["channel"].as_str());
    [source, channel]
        .into_iter()
        .flatten()
        .filter_map(|account| account.parse::<AccountId>().ok())
        .any(|account| accounts.contains(&account))
}
