//! Lists: pages, or events for who wants them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::ask::{Ask, account_key, ledger_number, transaction_hash};
use super::event;
use super::read::{by_hash, fresh, known};
use super::reply::Reply;
use crate::sandbox::horizon::ledger;
use crate::sandbox::horizon::operation::{self, Kind};
use crate::sandbox::horizon::page::{self, PageQuery, Record, Scope};
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::horizon::transaction::{self, Landed};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::history::{LedgerRecord, Toid};
use crate::sandbox::node::Node;

type Shared = State<Arc<Node>>;

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Ledgers.
    Ledgers,
    /// Transactions of a scope.
    Transactions,
    /// Operations of a scope.
    Operations(Kind),
}

/// Whose list a path names.
#[derive(Clone, Debug)]
pub enum Owner {
    /// Nobody's: everything.
    Nobody,
    /// An account's.
    Account(String),
    /// A ledger's.
    Ledger(String),
    /// A transaction's.
    Transaction(String),
}

impl Owner {
    fn scope(&self, node: &Node, ledger: &Ledger, head: u32) -> Result<Scope, Problem> {
        fresh(node, ledger, head)?;
        match self {
            Self::Nobody => Ok(Scope::All),
            Self::Account(id) => Ok(Scope::Account(account_key(id)?)),
            Self::Ledger(number) => {
                let number = ledger_number(number)?;
                known(ledger, head, number)?;
                Ok(Scope::Ledger(number))
            }
            Self::Transaction(hash) => {
                let hash = transaction_hash(hash)?;
                by_hash(ledger, head, &hash)
                    .map(|l| Scope::Transaction(l.tx.toid))
                    .ok_or_else(Problem::not_found)
            }
        }
    }
}

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident: $subject:expr, $owner:expr;)*) => {$(
        $(#[$doc])*
        pub async fn $name(State(node): Shared, ask: Ask) -> Response {
            list(node, ask, $subject, $owner).await
        }
    )*};
    (owned $($(#[$doc:meta])* $name:ident: $subject:expr, $owner:expr;)*) => {$(
        $(#[$doc])*
        pub async fn $name(State(node): Shared, ask: Ask, Path(of): Path<String>) -> Response {
            list(node, ask, $subject, $owner(of)).await
        }
    )*};
}

lists! {
    /// `GET /ledgers`
    ledgers: Subject::Ledgers, Owner::Nobody;
    /// `GET /transactions`
    transactions: Subject::Transactions, Owner::Nobody;
    /// `GET /operations`
    operations: Subject::Operations(Kind::Any), Owner::Nobody;
    /// `GET /payments`
    payments: Subject::Operations(Kind::Payment), Owner::Nobody;
}

lists! { owned
    /// `GET /accounts/{id}/transactions`
    account_transactions: Subject::Transactions, Owner::Account;
    /// `GET /accounts/{id}/operations`
    account_operations: Subject::Operations(Kind::Any), Owner::Account;
    /// `GET /accounts/{id}/payments`
    account_payments: Subject::Operations(Kind::Payment), Owner::Account;
    /// `GET /ledgers/{number}/transactions`
    ledger_transactions: Subject::Transactions, Owner::Ledger;
    /// `GET /ledgers/{number}/operations`
    ledger_operations: Subject::Operations(Kind::Any), Owner::Ledger;
    /// `GET /ledgers/{number}/payments`
    ledger_payments: Subject::Operations(Kind::Payment), Owner::Ledger;
    /// `GET /transactions/{hash}/operations`
    transaction_operations: Subject::Operations(Kind::Any), Owner::Transaction;
    /// `GET /transactions/{hash}/payments`
    transaction_payments: Subject::Operations(Kind::Payment), Owner::Transaction;
}

async fn list(node: Arc<Node>, ask: Ask, subject: Subject, owner: Owner) -> Response {
    if ask.wants_events {
        return event::stream(node, ask, subject, owner);
    }
    let query = node.read(ask.draw, |_, head| ask.page(head));
    let page = query.and_then(|query| {
        Ok(query.page(&ask.own(), &records(&node, &ask, subject, &owner, &query)?))
    });
    match page {
        Ok(page) => Reply::text(page).into_response(),
        Err(problem) => Reply::from(problem).into_response(),
    }
}

/// The records of a page. What takes time, reading and writing them, is done without holding up the ledger.
pub fn records(
    node: &Node,
    ask: &Ask,
    subject: Subject,
    owner: &Owner,
    query: &PageQuery,
) -> Result<Vec<Record>, Problem> {
    let base = &ask.base;
    match subject {
        Subject::Ledgers => node.read(ask.draw, |ledger, head| {
            fresh(node, ledger, head)?;
            let found = page::ledgers(ledger.history(), head, query)?;
            let record = |ledger: &LedgerRecord| Record {
                token: Toid::ledger(ledger.sequence),
                text: ledger::ledger(base, ledger).to_string(),
            };
            Ok(found.into_iter().map(record).collect())
        }),
        Subject::Transactions => {
            let found = node.read(ask.draw, |ledger, head| {
                let scope = owner.scope(node, ledger, head)?;
                page::transactions(ledger.history(), head, scope, query)
            })?;
            let record = |landed: &Landed| Record {
                token: landed.tx.toid,
                text: transaction::transaction(base, landed, landed.tx.hash),
            };
            Ok(found.iter().map(record).collect())
        }
        Subject::Operations(kind) => {
            let found = node.read(ask.draw, |ledger, head| {
                let scope = owner.scope(node, ledger, head)?;
                page::operations(ledger.history(), head, scope, kind, query)
            })?;
            let record = |(landed, place): &(Landed, u32)| {
                let body = operation::operation(base, landed, &landed.frame(), *place)?;
                Some(Record {
                    token: landed.tx.toid.operation(*place),
                    text: body.to_string(),
                })
            };
            Ok(found.iter().filter_map(record).collect())
        }
    }
}
