//! One Horizon: its calls, each with a deadline, and everything that keeps them polite.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{observe, record};
use crate::domain::observation::{
    AccountSnapshot, Cursor, FeeStats, LedgerHeader, LookUp, NetworkStatus, SubmitAnswer,
    TransactionPage, Unknown, UnknownKind,
};
use crate::domain::primitives::{AccountId, LedgerSeq, NetworkId, TxHash};
use crate::http::{Answer, NamesNetwork, NetworkCheck, NetworkError, Transport};

/// The largest page that Horizon gives, in records.
const MAX_PAGE_RECORDS: u8 = 200;
/// Page sizes of a ledger, each tried where the one before is too many bytes.
const LEDGER_PAGE_RECORDS: [u8; 3] = [MAX_PAGE_RECORDS, 50, 10];

/// How long one request may take, from its first byte to the answer's last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// A read.
    pub read: Duration,
    /// `POST /transactions`: above the 31 s after which Horizon itself gives up.
    pub submit: Duration,
    /// `POST /transactions_async`.
    pub submit_async: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(10),
            submit: Duration::from_secs(40),
            submit_async: Duration::from_secs(15),
        }
    }
}

/// The order of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first. Before the oldest ledger kept, Horizon skips ahead and does not say so.
    Ascending,
    /// Newest first.
    Descending,
}

impl NamesNetwork for NetworkStatus {
    fn passphrase(&self) -> &str {
        &self.passphrase
    }
}

/// One base URL. Before anything else is asked, it must once have named our network: a read from another network
/// could "prove" a death.
#[derive(Debug)]
pub struct Endpoint {
    transport: Transport,
    check: NetworkCheck,
    network: NetworkId,
    deadlines: Deadlines,
    submits: AtomicBool,
}

impl Endpoint {
    pub(super) fn new(transport: Transport, passphrase: &str, deadlines: Deadlines) -> Self {
        Self {
            transport,
            check: NetworkCheck::new(passphrase),
            network: NetworkId::of(passphrase),
            deadlines,
            submits: AtomicBool::new(true),
        }
    }

    /// Host and port, for people and labels.
    #[must_use]
    pub fn name(&self) -> &str {
        self.transport.name()
    }

    /// How long until this endpoint should be chosen again; zero: now.
    #[must_use]
    pub fn ready_in(&self) -> Duration {
        self.transport.ready_in()
    }

    /// Whether it takes transactions, as far as is known.
    #[must_use]
    pub fn takes_transactions(&self) -> bool {
        self.submits.load(Ordering::Relaxed)
    }

    /// Asks for the network and compares it with ours.
    ///
    /// # Errors
    /// [`NetworkError`]: no answer, or another network.
    pub async fn check_network(&self) -> Result<NetworkStatus, NetworkError> {
        self.check.compared(&self.transport, self.status().await)
    }

    /// `GET /`: ledgers, protocol, versions.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known, also where the network is not ours.
    pub async fn root(&self) -> Result<NetworkStatus, Unknown> {
        let status = self.status().await?;
        self.check.ours(&self.transport, status)
    }

    /// `GET /fee_stats`, of the last five ledgers.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn fee_stats(&self) -> Result<FeeStats, Unknown> {
        let answer = self.read("fee_stats", &["fee_stats"], &[]).await?;
        self.transport.judged(observe::fee_stats(&answer))
    }

    /// `GET /ledgers/{n}`; `None` where it is not in this history yet.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn ledger(&self, ledger: LedgerSeq) -> Result<Option<LedgerHeader>, Unknown> {
        let path = ["ledgers", &ledger.to_string()];
        let answer = self.read("ledger", &path, &[]).await?;
        self.transport.judged(observe::ledger(ledger, &answer))
    }

    /// The newest ledger of this history; `None` where there is none yet.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn latest_ledger(&self) -> Result<Option<LedgerHeader>, Unknown> {
        let query = [("order", "desc".to_owned()), ("limit", "1".to_owned())];
        let answer = self.read("latest_ledger", &["ledgers"], &query).await?;
        self.transport.judged(observe::newest_ledger(&answer))
    }

    /// A page of what a ledger recorded, failed ones too, in its order, of which those are read and verified whose inner
    /// hash is wanted; `None` where this history has not come so far.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn ledger_transactions(
        &self,
        ledger: LedgerSeq,
        after: Option<Cursor>,
        wanted: &(dyn Fn(&TxHash) -> bool + Sync),
    ) -> Result<Option<TransactionPage>, Unknown> {
        let path = ["ledgers", &ledger.to_string(), "transactions"];
        let mut limits = LEDGER_PAGE_RECORDS.iter().copied().peekable();
        loop {
            let limit = limits
                .next()
                .expect("the loop ends with the last of the limits");
            let query = page_query(limit, Order::Ascending, after);
            let answer = self.read("ledger_transactions", &path, &query).await?;
            if answer.body.is_some() || limits.peek().is_none() {
                return self.transport.judged(observe::page(
                    self.network,
                    limit,
                    Some(ledger),
                    wanted,
                    &answer,
                ));
            }
        }
    }

    /// `GET /accounts/{G}`: the state after exactly the ledger that it names.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn account(&self, account: AccountId) -> Result<AccountSnapshot, Unknown> {
        let path = ["accounts", &account.to_string()];
        let answer = self.read("account", &path, &[]).await?;
        self.transport.judged(observe::account(account, &answer))
    }

    /// A page of what an account took part in, failed ones too, with at most `limit` records (1 to 200); `None` where
    /// this history knows no such account.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn account_transactions(
        &self,
        account: AccountId,
        after: Option<Cursor>,
        order: Order,
        limit: u8,
    ) -> Result<Option<TransactionPage>, Unknown> {
        let limit = limit.clamp(1, MAX_PAGE_RECORDS);
        let path = ["accounts", &account.to_string(), "transactions"];
        let query = page_query(limit, order, after);
        let answer = self.read("account_transactions", &path, &query).await?;
        self.transport
            .judged(observe::page(self.network, limit, None, &|_| true, &answer))
    }

    /// `GET /transactions/{hash}`, by inner or outer hash.
    pub async fn transaction(&self, hash: TxHash) -> LookUp {
        let path = ["transactions", &hash.to_string()];
        match self.read("transaction", &path, &[]).await {
            Ok(answer) => {
                let found = observe::look_up(self.network, hash, &answer);
                if let LookUp::Unknown(unknown) = &found {
                    self.transport.judge(unknown);
                }
                found
            }
            Err(unknown) => LookUp::Unknown(unknown),
        }
    }

    /// The recorded result of a transaction, by inner or outer hash.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known, or it is not there.
    pub async fn transaction_result(
        &self,
        hash: TxHash,
    ) -> Result<stellar_xdr::TransactionResult, Unknown> {
        let path = ["transactions", &hash.to_string()];
        let answer = self.read("transaction", &path, &[]).await?;
        self.transport
            .judged(record::result(self.network, hash, &answer))
    }

    /// `POST /transactions` of an envelope (XDR): waits for a ledger, up to Horizon's 30 s.
    pub async fn submit(&self, envelope: &[u8]) -> SubmitAnswer {
        let posted = STANDARD.encode(envelope);
        let deadline = self.deadlines.submit;
        let answer = self.post("submit", "transactions", &posted, deadline).await;
        self.heard(answer.map(|answer| observe::submitted(self.network, &posted, &answer)))
    }

    /// `POST /transactions_async` of an envelope (XDR): into core's queue, no more.
    pub async fn submit_async(&self, envelope: &[u8]) -> SubmitAnswer {
        let posted = STANDARD.encode(envelope);
        let deadline = self.deadlines.submit_async;
        let answer = self
            .post("submit_async", "transactions_async", &posted, deadline)
            .await;
        self.heard(answer.map(|answer| observe::submitted_async(self.network, &posted, &answer)))
    }

    async fn status(&self) -> Result<NetworkStatus, Unknown> {
        let deadline = self.deadlines.read;
        // The empty segment keeps a base path's last slash: `/horizon/`, where `/horizon` is often a redirect.
        let answer = self.transport.get("root", &[""], &[], deadline).await?;
        let status = self.transport.judged(observe::root(&answer))?;
        self.check.note(&status);
        Ok(status)
    }

    async fn read(
        &self,
        call: &'static str,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Answer, Unknown> {
        self.check.ensure(self.root()).await?;
        let deadline = self.deadlines.read;
        self.transport.get(call, path, query, deadline).await
    }

    async fn post(
        &self,
        call: &'static str,
        route: &str,
        envelope: &str,
        deadline: Duration,
    ) -> Result<Answer, Unknown> {
        self.check.ensure(self.root()).await?;
        let form = [("tx", envelope)];
        self.transport.post(call, &[route], &form, deadline).await
    }

    fn heard(&self, answer: Result<SubmitAnswer, Unknown>) -> SubmitAnswer {
        match answer {
            Ok(SubmitAnswer::Unknown(unknown)) => {
                self.transport.judge(&unknown);
                if unknown.kind == UnknownKind::SubmissionDisabled {
                    self.submits.store(false, Ordering::Relaxed);
                }
                SubmitAnswer::Unknown(unknown)
            }
            Ok(answer) => {
                self.transport.worked();
                answer
            }
            Err(unknown) => SubmitAnswer::Unknown(unknown),
        }
    }
}

fn page_query(limit: u8, order: Order, after: Option<Cursor>) -> Vec<(&'static str, String)> {
    let order = match order {
        Order::Ascending => "asc",
        Order::Descending => "desc",
    };
    let mut query = vec![
        ("include_failed", "true".to_owned()),
        ("limit", limit.to_string()),
        ("order", order.to_owned()),
    ];
    if let Some(Cursor(token)) = after {
        query.push(("cursor", token.to_string()));
    }
    query
}
