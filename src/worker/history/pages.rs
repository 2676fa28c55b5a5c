//! The pages of an account's history, and whether they show what they must.

use stellar_xdr::OperationBody;

use super::super::tries::Tries;
use super::{FIRST_LEDGERS, PAGE_RECORDS, Reader};
use crate::domain::continuity::{Continuity, deeds};
use crate::domain::envelope::{decode, tag_of};
use crate::domain::observation::{
    AccountSnapshot, AccountState, Cursor, Landed, TransactionPage, Unknown,
};
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};
use crate::horizon::{Endpoint, Order};

/// Pages of what somebody else did with an account that are looked through at a start.
const MAX_FOREIGN_PAGES: u32 = 50;

impl Reader {
    /// Refuses to read on from a ledger on which the history has no more: what it has forgotten would be passed over in
    /// silence.
    pub(super) async fn check_reach(&self, from: LedgerSeq) -> Result<(), String> {
        let endpoint = self.horizon.any();
        let elder = self.elder(endpoint).await?;
        if elder <= FIRST_LEDGERS || elder <= from.plus(1) {
            return Ok(());
        }
        Err(format!(
            "the history of Horizon {} begins in ledger {elder}, and what was sent for {} must be read from ledger {from} on: \
             give horizon.urls one whose history goes back that far, or, if nothing was sent before ledger {elder}, say \
             `stellar-submitter recover --since {elder}`",
            endpoint.name(),
            self.source
        ))
    }

    /// The first page down from the newest. It must show the newest transaction of the account as it was seen: a Horizon that lags
    /// shows an older one. `whole`: what others did to the account is looked for, too, which no sequence number tells of.
    async fn newest_page(
        &self,
        snapshot: &AccountSnapshot,
        whole: bool,
    ) -> Result<Option<TransactionPage>, String> {
        let (account, order) = (snapshot.account, Order::Descending);
        let since = whole.then_some(snapshot.as_of);
        let used_in = snapshot.state.as_ref().and_then(AccountState::used_in);
        let shows = |page: &Option<TransactionPage>, used_in: LedgerSeq| {
            let newest = page.as_ref().and_then(|page| page.transactions.first());
            newest.map_or(LedgerSeq(0), |newest| newest.ledger) >= used_in
        };
        let mut tries = Tries::default();
        loop {
            let (endpoint, page) = self.ask(&mut tries, account, None, order, since).await?;
            // What is older than what is looked for need not be shown.
            let Some(used_in) =
                used_in.filter(|used| self.since.is_none_or(|since| since <= *used))
            else {
                return Ok(page);
            };
            if shows(&page, used_in) {
                return Ok(page);
            }
            let newest = page.and_then(|page| page.transactions.first().map(|one| one.ledger));
            let newest = newest.unwrap_or(LedgerSeq(0));
            if let Err(behind) = tries.behind(endpoint, account, newest, used_in).await {
                let elder = self.elder(endpoint).await?;
                if used_in < elder {
                    return Err(beyond("", endpoint, elder, account));
                }
                return Err(behind);
            }
        }
    }

    /// The next page down: the first one is as [`Self::newest_page`] has it.
    pub(super) async fn page_down(
        &self,
        snapshot: &AccountSnapshot,
        cursor: Option<Cursor>,
        whole: bool,
    ) -> Result<Option<TransactionPage>, String> {
        if cursor.is_none() {
            return self.newest_page(snapshot, whole).await;
        }
        let order = Order::Descending;
        self.page(snapshot.account, cursor, order, None).await
    }

    /// Whether the first that is known of an account is that it was made: then nothing came before.
    pub(super) async fn begins_here(&self, account: AccountId) -> Result<bool, String> {
        let page = self.page(account, None, Order::Ascending, None).await?;
        let first = page.as_ref().and_then(|page| page.transactions.first());
        Ok(first.is_some_and(|first| deeds(account, first).made))
    }

    /// What an account did behind a sequence number, where nothing of it is ours: none of it has a tag. `None`: something may
    /// be, or is not shown.
    pub(in crate::worker) async fn foreign(
        &self,
        snapshot: &AccountSnapshot,
        known: Sequence,
    ) -> Result<Option<Vec<Landed>>, String> {
        let Some(state) = &snapshot.state else {
            return Ok(None);
        };
        let mut continuity = Continuity::below(snapshot.account, state.sequence);
        let mut foreign = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_FOREIGN_PAGES {
            let Some(page) = self.page_down(snapshot, cursor, false).await? else {
                return Ok(None);
            };
            cursor = page.last.or(cursor);
            for landed in page.transactions {
                let is_own = continuity.take(&landed).map_err(|gap| gap.to_string())?;
                if is_own && landed.sequence > known {
                    if may_be_ours(&landed) {
                        return Ok(None);
                    }
                    foreign.push(landed);
                }
                if continuity.reaches(known) {
                    return Ok(continuity.is_sure().then_some(foreign));
                }
            }
            if page.is_last {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn elder(&self, endpoint: &Endpoint) -> Result<LedgerSeq, String> {
        let status = endpoint.root().await;
        Ok(status.map_err(|unknown| failed(endpoint, &unknown))?.elder)
    }

    /// Whether nothing is missing where the history of an account ends.
    pub(super) async fn check_end(
        &self,
        continuity: &Continuity,
        account: AccountId,
    ) -> Result<(), String> {
        if continuity.is_whole() {
            return Ok(());
        }
        if let Some(since) = self.since {
            self.check_reach(since).await?;
            return Ok(());
        }
        let endpoint = self.horizon.any();
        let elder = self.elder(endpoint).await?;
        let gap = continuity
            .missing()
            .map_or_else(String::new, |gap| format!("{gap}: "));
        Err(beyond(&gap, endpoint, elder, account))
    }

    /// A page; of a Horizon that had come as far as `since` before it was asked, where that is given.
    pub(super) async fn page(
        &self,
        account: AccountId,
        cursor: Option<Cursor>,
        order: Order,
        since: Option<LedgerSeq>,
    ) -> Result<Option<TransactionPage>, String> {
        let mut tries = Tries::default();
        let asked = self.ask(&mut tries, account, cursor, order, since).await;
        asked.map(|(_, page)| page)
    }

    async fn ask(
        &self,
        tries: &mut Tries,
        account: AccountId,
        cursor: Option<Cursor>,
        order: Order,
        since: Option<LedgerSeq>,
    ) -> Result<(&Endpoint, Option<TransactionPage>), String> {
        loop {
            let endpoint = self.horizon.any();
            if let Some(since) = since {
                let shown = match endpoint.latest_ledger().await {
                    Ok(newest) => newest.map_or(LedgerSeq(0), |newest| newest.sequence),
                    Err(unknown) => {
                        tries.again(endpoint, &unknown).await?;
                        continue;
                    }
                };
                if shown < since {
                    tries.behind(endpoint, account, shown, since).await?;
                    continue;
                }
            }
            let page = endpoint.account_transactions(account, cursor, order, PAGE_RECORDS);
            match page.await {
                Ok(page) => return Ok((endpoint, page)),
                Err(unknown) => tries.again(endpoint, &unknown).await?,
            }
        }
    }
}

fn beyond(gap: &str, endpoint: &Endpoint, elder: LedgerSeq, account: AccountId) -> String {
    format!(
        "{gap}the history of Horizon {} begins in ledger {elder}, and what {account} did before is not known. Give \
         horizon.urls one whose history goes back further, or, if nothing was sent before ledger {elder}, say \
         `stellar-submitter recover --since {elder}`",
        endpoint.name()
    )
}

/// Whether it has a tag, or is of a kind whose tag need not show, or could not be read.
fn may_be_ours(landed: &Landed) -> bool {
    let Ok((inner, bump)) = decode(&landed.envelope_xdr) else {
        return true;
    };
    let is_of_contracts = inner.tx.operations.iter().any(|operation| {
        matches!(
            operation.body,
            OperationBody::InvokeHostFunction(_)
                | OperationBody::ExtendFootprintTtl(_)
                | OperationBody::RestoreFootprint(_)
        )
    });
    is_of_contracts || tag_of(&inner.tx, bump.as_ref()).is_some()
}

fn failed(endpoint: &Endpoint, unknown: &Unknown) -> String {
    format!("Horizon {}: {}", endpoint.name(), unknown.detail)
}
