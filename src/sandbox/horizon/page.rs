//! Pages: which records, in which order, and the links around them.

use std::collections::VecDeque;

use serde_json::json;

use super::problem::Problem;
use super::transaction::Landed;
use super::{link, operation::Kind};
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::history::{History, LedgerRecord, Toid, TxRecord};

/// Records a page when nothing is said.
const DEFAULT_LIMIT: usize = 10;
/// The most records a page.
pub const MAX_LIMIT: usize = 200;

/// What a request asks of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// Records after (or, descending, before) this one.
    pub cursor: Option<Toid>,
    /// How many.
    pub limit: usize,
    /// Newest first.
    pub descending: bool,
    /// Failed transactions too; none if the request does not say.
    pub include_failed: Option<bool>,
}

impl PageQuery {
    /// Reads the parameters; `now` is what the cursor of that name stands for.
    pub fn parse<'a>(
        parameters: impl Iterator<Item = (&'a str, &'a str)>,
        now: Toid,
    ) -> Result<Self, Problem> {
        let mut query = Self {
            cursor: None,
            limit: DEFAULT_LIMIT,
            descending: false,
            include_failed: None,
        };
        for (name, value) in parameters.filter(|(_, value)| !value.is_empty()) {
            match name {
                "cursor" => query.cursor = Some(cursor(value, now)?),
                "limit" => query.limit = limit(value)?,
                "order" => query.descending = descending(value)?,
                "include_failed" => query.include_failed = Some(include_failed(value)?),
                _ => {}
            }
        }
        Ok(query)
    }

    /// What is before all history cannot be had backwards; forwards it is silently left out.
    pub fn within(&self, history: &History) -> Result<(), Problem> {
        let elder = Toid::ledger(history.elder());
        if self.descending && self.cursor.is_some_and(|cursor| cursor < elder) {
            return Err(Problem::before_history());
        }
        Ok(())
    }

    /// Whether a place is on the far side of the cursor.
    pub fn after_cursor(&self, toid: Toid) -> bool {
        self.cursor.is_none_or(|cursor| {
            if self.descending {
                toid < cursor
            } else {
                toid > cursor
            }
        })
    }

    fn failed_too(&self) -> bool {
        self.include_failed.unwrap_or(false)
    }

    /// The JSON of a page: records with the links around them.
    pub fn page(&self, own: &str, records: &[Record]) -> String {
        let asked = self
            .cursor
            .map_or_else(String::new, |cursor| cursor.0.to_string());
        let token = |record: Option<&Record>| {
            record.map_or_else(|| asked.clone(), |record| record.token.0.to_string())
        };
        let (order, reverse) = if self.descending {
            ("desc", "asc")
        } else {
            ("asc", "desc")
        };
        let failed = self
            .include_failed
            .map_or_else(String::new, |failed| format!("&include_failed={failed}"));
        let href = |cursor: &str, order: &str| {
            link(format!(
                "{own}?cursor={cursor}{failed}&limit={}&order={order}",
                self.limit
            ))
        };
        let links = json!({
            "self": href(&asked, order),
            "next": href(&token(records.last()), order),
            "prev": href(&token(records.first()), reverse),
        });
        let links = links.to_string();
        let length: usize = records.iter().map(|record| record.text.len() + 1).sum();
        let mut page = String::with_capacity(length + links.len() + 64);
        page.push_str("{\"_links\":");
        page.push_str(&links);
        page.push_str(",\"_embedded\":{\"records\":[");
        for (index, record) in records.iter().enumerate() {
            if index > 0 {
                page.push(',');
            }
            page.push_str(&record.text);
        }
        page.push_str("]}}");
        page
    }
}

/// A record of a page.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its place.
    pub token: Toid,
    /// Its JSON.
    pub text: String,
}

fn cursor(value: &str, now: Toid) -> Result<Toid, Problem> {
    if value == "now" {
        return Ok(now);
    }
    // An operation's cursor may carry the number of an effect behind a dash.
    let number = value.split('-').next().unwrap_or(value);
    let parsed = number
        .parse()
        .ok()
        .filter(|cursor| i64::try_from(*cursor).is_ok() && !value.starts_with('-'));
    parsed
        .map(Toid)
        .ok_or_else(|| Problem::bad_request("cursor", "cursor: invalid value"))
}

fn limit(value: &str) -> Result<usize, Problem> {
    let reason = match value.parse() {
        Ok(limit) if limit > MAX_LIMIT => {
            "invalid limit: value provided that is over limit max of 200"
        }
        Ok(0) => "invalid limit: value provided that is not a positive number",
        Ok(limit) => return Ok(limit),
        Err(_) => "unparseable value",
    };
    Err(Problem::bad_request("limit", reason))
}

fn descending(value: &str) -> Result<bool, Problem> {
    match value {
        "asc" => Ok(false),
        "desc" => Ok(true),
        _ => Err(Problem::bad_request("order", "order: invalid value")),
    }
}

fn include_failed(value: &str) -> Result<bool, Problem> {
    value
        .parse()
        .map_err(|_| Problem::bad_request("include_failed", "include_failed: invalid value"))
}

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    All,
    /// What names an account.
    Account(AccountKey),
    /// One ledger.
    Ledger(u32),
    /// One transaction.
    Transaction(Toid),
}

/// The transactions of a page, as of a ledger. An account that was never named is not found.
pub fn transactions(
    history: &History,
    head: u32,
    scope: Scope,
    query: &PageQuery,
) -> Result<Vec<Landed>, Problem> {
    query.within(history)?;
    let landed = |toid: Toid| {
        landed(history, toid).filter(|found| query.failed_too() || found.tx.successful)
    };
    let found = match scope {
        Scope::Account(account) => {
            let list = history
                .transactions_of(account)
                .ok_or_else(Problem::not_found)?;
            if list
                .front()
                .is_none_or(|first| first.ledger_number() > head)
            {
                return Err(Problem::not_found());
            }
            pick(list, head, query)
                .filter_map(landed)
                .take(query.limit)
                .collect()
        }
        Scope::All | Scope::Ledger(_) | Scope::Transaction(_) => {
            places(history, head, scope, query)
                .filter_map(landed)
                .take(query.limit)
                .collect()
        }
    };
    Ok(found)
}

/// The operations of a page, each a transaction and a place in it, as of a ledger.
pub fn operations(
    history: &History,
    head: u32,
    scope: Scope,
    kind: Kind,
    query: &PageQuery,
) -> Result<Vec<(Landed, u32)>, Problem> {
    query.within(history)?;
    if let (Scope::Account(account), Kind::Payment) = (scope, kind) {
        let list = history
            .payments_of(account)
            .ok_or_else(Problem::not_found)?;
        let found = pick(list, head, query)
            .filter_map(|toid| Some((landed(history, toid)?, toid.operation_place())));
        return Ok(found
            .filter(|(l, _)| query.failed_too() || l.tx.successful)
            .take(query.limit)
            .collect());
    }
    let transactions: Box<dyn Iterator<Item = Toid>> = match scope {
        Scope::Account(account) => {
            let list = history
                .transactions_of(account)
                .ok_or_else(Problem::not_found)?;
            Box::new(pick(list, head, &query.around()))
        }
        Scope::All | Scope::Ledger(_) | Scope::Transaction(_) => {
            Box::new(places(history, head, scope, &query.around()))
        }
    };
    let mut found = Vec::new();
    for landed in transactions.filter_map(|toid| landed(history, toid)) {
        // A transaction asked for by its hash shows its operations though it failed.
        if !(query.failed_too() || landed.tx.successful || matches!(scope, Scope::Transaction(_))) {
            continue;
        }
        let frame = landed.frame();
        let mut here: Vec<u32> = (1u32..)
            .zip(frame.operations())
            .filter(|(_, op)| kind.includes(&op.body))
            .map(|(place, _)| place)
            .filter(|place| query.after_cursor(landed.tx.toid.operation(*place)))
            .collect();
        if query.descending {
            here.reverse();
        }
        found.extend(here.into_iter().map(|place| (landed.clone(), place)));
        if found.len() >= query.limit {
            found.truncate(query.limit);
            break;
        }
    }
    Ok(found)
}

/// The ledgers of a page, as of a ledger.
pub fn ledgers<'a>(
    history: &'a History,
    head: u32,
    query: &PageQuery,
) -> Result<Vec<&'a LedgerRecord>, Problem> {
    query.within(history)?;
    Ok(numbers(history, head, query.descending, query.cursor)
        .filter(|sequence| query.after_cursor(Toid::ledger(*sequence)))
        .filter_map(|sequence| history.ledger(sequence))
        .take(query.limit)
        .collect())
}

impl PageQuery {
    /// The same for the transactions of a page of operations: the cursor's own transaction is looked into once more.
    fn around(&self) -> Self {
        let cursor = self.cursor.map(|cursor| {
            let whole = cursor.transaction_part().0;
            Toid(if self.descending {
                whole + 1
            } else {
                whole.saturating_sub(1)
            })
        });
        Self {
            cursor,
            ..self.clone()
        }
    }
}

/// A transaction by the place of it or of one of its operations.
pub fn landed(history: &History, toid: Toid) -> Option<Landed> {
    let tx = history.transaction(toid)?;
    let close_time = history.ledger(toid.ledger_number())?.close_time;
    Some(Landed {
        tx: std::sync::Arc::clone(tx),
        close_time,
    })
}

/// The part of a sorted list that a query is about, in its order.
fn pick<'a>(
    list: &'a VecDeque<Toid>,
    head: u32,
    query: &PageQuery,
) -> Box<dyn Iterator<Item = Toid> + 'a> {
    let end = list.partition_point(|toid| toid.ledger_number() <= head);
    if query.descending {
        let end = query.cursor.map_or(end, |cursor| {
            end.min(list.partition_point(|toid| *toid < cursor))
        });
        Box::new(list.range(..end).rev().copied())
    } else {
        let start = query
            .cursor
            .map_or(0, |cursor| list.partition_point(|toid| *toid <= cursor));
        Box::new(list.range(start.min(end)..end).copied())
    }
}

/// The places of all transactions of a scope that a query is about, in its order.
fn places<'a>(
    history: &'a History,
    head: u32,
    scope: Scope,
    query: &PageQuery,
) -> Box<dyn Iterator<Item = Toid> + 'a> {
    let (descending, cursor) = (query.descending, query.cursor);
    let query = query.clone();
    let sequences: Box<dyn Iterator<Item = u32>> = match scope {
        Scope::Ledger(sequence) => Box::new(std::iter::once(sequence)),
        Scope::Transaction(toid) => {
            return Box::new(std::iter::once(toid).filter(move |t| query.after_cursor(*t)));
        }
        Scope::All | Scope::Account(_) => Box::new(numbers(history, head, descending, cursor)),
    };
    // A ledger's transactions are sorted by place, so a page in its middle does not begin at its beginning.
    let of_ledger = move |record: &'a LedgerRecord| -> Box<dyn Iterator<Item = Toid> + 'a> {
        let all = &record.transactions;
        let toid = |tx: &'a std::sync::Arc<TxRecord>| tx.toid;
        if descending {
            let end = query.cursor.map_or(all.len(), |cursor| {
                all.partition_point(|tx| tx.toid < cursor)
            });
            Box::new(all[..end].iter().rev().map(toid))
        } else {
            let start = query
                .cursor
                .map_or(0, |cursor| all.partition_point(|tx| tx.toid <= cursor));
            Box::new(all[start..].iter().map(toid))
        }
    };
    Box::new(
        sequences
            .filter_map(|sequence| history.ledger(sequence))
            .flat_map(of_ledger),
    )
}

/// Numbers of ledgers from the cursor on, in order.
fn numbers(
    history: &History,
    head: u32,
    descending: bool,
    cursor: Option<Toid>,
) -> Box<dyn Iterator<Item = u32>> {
    let elder = history.elder();
    let at = cursor.map(Toid::ledger_number);
    if descending {
        Box::new((elder..=at.map_or(head, |at| at.min(head))).rev())
    } else {
        Box::new(at.map_or(elder, |at| at.max(elder))..=head)
    }
}
