//! Answers → observations. Pure: what an answer proves, and that everything else proves nothing.

use super::record;
use super::wire;
use crate::domain::landed::{self, LandedError, envelope_hashes};
use crate::domain::observation::{
    AccountSnapshot, AccountState, Cursor, FeeStats, Landed, LedgerHeader, LookUp, NetworkStatus,
    SubmitAnswer, TransactionPage, Trustline, Unknown, UnknownKind, Unreadable,
};
use crate::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash,
};
use crate::http::Answer;

/// `GET /`: what this Horizon says of itself.
///
/// # Errors
/// [`Unknown`] for everything but a whole 200.
pub fn root(answer: &Answer) -> Result<NetworkStatus, Unknown> {
    let root: wire::Root = ok(answer, "the state of a Horizon")?;
    Ok(NetworkStatus {
        passphrase: root.network_passphrase,
        latest: LedgerSeq(root.history_latest_ledger),
        // An empty Horizon says the year 1.
        latest_closed_at: root
            .history_latest_ledger_closed_at
            .and_then(|at| u64::try_from(at.unix_timestamp()).ok())
            .map(ChainTime),
        elder: LedgerSeq(root.history_elder_ledger),
        core_latest: LedgerSeq(root.core_latest_ledger),
        protocol_version: root.current_protocol_version,
        horizon_version: root.horizon_version,
    })
}

/// `GET /fee_stats`.
///
/// # Errors
/// [`Unknown`] for everything but a whole 200.
pub fn fee_stats(answer: &Answer) -> Result<FeeStats, Unknown> {
    const PERMILLE: f64 = 1000.0;
    let stats: wire::FeeStats = ok(answer, "fee statistics")?;
    let of = |list: &wire::Percentiles| [list.p50, list.p80, list.p95];
    Ok(FeeStats {
        last_ledger_base_fee: stats.last_ledger_base_fee,
        // `as` saturates: NaN and negative numbers become 0.
        capacity_usage_permille: (stats.ledger_capacity_usage * PERMILLE).round() as u32,
        charged: of(&stats.fee_charged),
        bid: of(&stats.max_fee),
    })
}

/// `GET /ledgers/{n}`: `None` where it is not in this history yet.
///
/// # Errors
/// [`Unknown`] for everything but a whole 200 of that ledger, or a 404.
pub fn ledger(asked: LedgerSeq, answer: &Answer) -> Result<Option<LedgerHeader>, Unknown> {
    if is_absent(answer) {
        return Ok(None);
    }
    let header = header(answer, &ok(answer, "a ledger")?)?;
    if header.sequence != asked {
        return Err(lying(answer, "another ledger than asked for"));
    }
    Ok(Some(header))
}

/// `GET /ledgers?order=desc&limit=1`: the newest ledger; `None` where there is none yet.
///
/// # Errors
/// [`Unknown`] for everything but a whole 200.
pub fn newest_ledger(answer: &Answer) -> Result<Option<LedgerHeader>, Unknown> {
    let page: wire::Page = ok(answer, "a page of ledgers")?;
    let Some(record) = page.embedded.records.first() else {
        return Ok(None);
    };
    let Ok(ledger) = serde_json::from_str::<wire::Ledger>(record.get()) else {
        return Err(answer.unknown(UnknownKind::Unparsable, "the newest ledger is not a ledger"));
    };
    header(answer, &ledger).map(Some)
}

fn header(answer: &Answer, ledger: &wire::Ledger) -> Result<LedgerHeader, Unknown> {
    let closed_at = u64::try_from(ledger.closed_at.unix_timestamp())
        .map_err(|_| answer.unknown(UnknownKind::Unparsable, "a ledger that closed before 1970"))?;
    let stroops = |value: u32| Stroops::new(i64::from(value)).expect("a u32 is never negative");
    Ok(LedgerHeader {
        sequence: LedgerSeq(ledger.sequence),
        hash: ledger.hash.0,
        previous: ledger.prev_hash.0,
        transactions: ledger
            .successful_transaction_count
            .saturating_add(ledger.failed_transaction_count.unwrap_or(0)),
        closed_at: ChainTime(closed_at),
        base_fee: stroops(ledger.base_fee_in_stroops),
        base_reserve: stroops(ledger.base_reserve_in_stroops),
        max_tx_set_size: ledger.max_tx_set_size,
        protocol_version: ledger.protocol_version,
    })
}

/// `GET /transactions/{hash}`: a 404 is [`LookUp::Absent`], and proves nothing alone.
#[must_use]
pub fn look_up(network: NetworkId, asked: TxHash, answer: &Answer) -> LookUp {
    if is_absent(answer) {
        return LookUp::Absent;
    }
    match recorded(network, answer) {
        Ok(landed) if landed.inner_hash == asked || landed.fee_bump_hash == Some(asked) => {
            LookUp::Landed(Box::new(landed))
        }
        Ok(_) => LookUp::Unknown(lying(answer, "another transaction than asked for")),
        Err(unknown) => LookUp::Unknown(unknown),
    }
}

/// `GET /ledgers/{n}/transactions` (with `within`) and `GET /accounts/{G}/transactions`, asked with
/// `include_failed=true` and this limit, of which those are read whose inner hash is wanted; `None` for a 404: no such ledger yet, or no such account in this history.
///
/// # Errors
/// [`Unknown`] for everything but a whole 200 or a 404, and where a record has no place in the order.
pub fn page(
    network: NetworkId,
    limit: u8,
    within: Option<LedgerSeq>,
    wanted: &dyn Fn(&TxHash) -> bool,
    answer: &Answer,
) -> Result<Option<TransactionPage>, Unknown> {
    if is_absent(answer) {
        return Ok(None);
    }
    let page: wire::Page = ok(answer, "a page of transactions")?;
    let records = &page.embedded.records;
    let mut found = TransactionPage {
        transactions: Vec::with_capacity(records.len()),
        unreadable: Vec::new(),
        records: u32::try_from(records.len()).unwrap_or(u32::MAX),
        last: None,
        is_last: records.len() < usize::from(limit),
    };
    for raw in records {
        let Ok(record) = serde_json::from_str::<wire::Record>(raw.get()) else {
            return Err(answer.unknown(UnknownKind::Unparsable, "a record without a paging token"));
        };
        found.last = Some(Cursor(record.paging_token));
        // One that does not say what it is may be anything.
        if record.inner_hash().is_some_and(|hash| !wanted(&hash)) {
            continue;
        }
        let landed = serde_json::from_str(raw.get())
            .map_err(|_| LandedError::Unreadable("it is not a transaction as we know them"))
            .and_then(|transaction| record::landed(network, &transaction));
        match landed {
            Ok(landed) if within.is_some_and(|ledger| ledger != landed.ledger) => {
                return Err(lying(
                    answer,
                    "a transaction of another ledger than asked for",
                ));
            }
            Ok(landed) => found.transactions.push(landed),
            Err(error) => found.unreadable.push(Unreadable {
                hash: record.hash,
                inner_hash: record.inner_transaction.map(|inner| inner.hash),
                detail: error.to_string(),
            }),
        }
    }
    Ok(Some(found))
}

/// `GET /accounts/{G}`: its state, or its absence, as of `Latest-Ledger`.
///
/// # Errors
/// [`Unknown`] for everything but a whole 200 of that account, or a 404, with the header.
pub fn account(asked: AccountId, answer: &Answer) -> Result<AccountSnapshot, Unknown> {
    let absent = is_absent(answer);
    if !absent && answer.status != 200 {
        return Err(no_answer(answer));
    }
    let Some(as_of) = answer.latest_ledger else {
        return Err(answer.unknown(
            UnknownKind::Unparsable,
            "an account without the header Latest-Ledger",
        ));
    };
    let snapshot = |state| AccountSnapshot {
        account: asked,
        as_of,
        state,
    };
    if absent {
        return Ok(snapshot(None));
    }
    let account: wire::Account = ok(answer, "an account")?;
    if account.account_id != asked {
        return Err(lying(answer, "another account than asked for"));
    }
    // What is believed here proves deaths, so it must at least be possible.
    if account.sequence < 0 {
        return Err(lying(answer, "a negative sequence number"));
    }
    if account.sequence_ledger.is_some_and(|used| used > as_of.0) {
        return Err(lying(
            answer,
            "a sequence number that was used in a later ledger than Latest-Ledger",
        ));
    }
    match state(account) {
        Some(state) => Ok(snapshot(Some(state))),
        None => Err(answer.unknown(UnknownKind::Unparsable, "an account without lumens")),
    }
}

/// `None` where there is no native balance, which every account has.
fn state(account: wire::Account) -> Option<AccountState> {
    let mut native = None;
    let mut trustlines = Vec::new();
    for balance in account.balances {
        match balance {
            wire::Balance::Native {
                balance,
                selling_liabilities,
            } => native = Some((balance, selling_liabilities)),
            wire::Balance::Credit {
                balance,
                limit,
                asset_code,
                asset_issuer,
                is_authorized,
            } => trustlines.push(Trustline {
                asset: format!("{asset_code}:{asset_issuer}"),
                balance,
                limit,
                authorized: is_authorized,
            }),
            wire::Balance::Other => {}
        }
    }
    let (native_balance, selling_liabilities) = native?;
    let signers = account.signers.into_iter();
    Some(AccountState {
        sequence: Sequence(account.sequence),
        sequence_ledger: account
            .sequence_ledger
            .filter(|ledger| *ledger > 0)
            .map(LedgerSeq),
        native_balance,
        selling_liabilities,
        subentries: account.subentry_count,
        sponsoring: account.num_sponsoring,
        sponsored: account.num_sponsored,
        signers: signers.map(|signer| (signer.key, signer.weight)).collect(),
        medium_threshold: account.thresholds.med_threshold,
        trustlines,
    })
}

/// `POST /transactions` of this envelope (base64). Only a 200 that bears out the envelope is a fact.
#[must_use]
pub fn submitted(network: NetworkId, posted: &str, answer: &Answer) -> SubmitAnswer {
    match answer.status {
        200 => match recorded(network, answer) {
            Ok(landed) => landed_as_posted(network, posted, landed, answer),
            Err(unknown) => SubmitAnswer::Unknown(unknown),
        },
        400 => refused(posted, answer),
        _ => SubmitAnswer::Unknown(no_answer(answer)),
    }
}

fn landed_as_posted(
    network: NetworkId,
    posted: &str,
    landed: Landed,
    answer: &Answer,
) -> SubmitAnswer {
    let is_same =
        envelope_hashes(network, posted).is_ok_and(|(inner, _)| inner == landed.inner_hash);
    if !is_same {
        return SubmitAnswer::Unknown(lying(answer, "another transaction than posted"));
    }
    if !landed.successful {
        return SubmitAnswer::Unknown(lying(answer, "a failed transaction under status 200"));
    }
    SubmitAnswer::Landed(Box::new(landed))
}

fn refused(posted: &str, answer: &Answer) -> SubmitAnswer {
    let Some(problem) = problem(answer) else {
        return SubmitAnswer::Unknown(no_answer(answer));
    };
    // Horizon echoes what it read: of a body over its limit, nothing.
    let echo = problem.extras.envelope_xdr.as_deref().unwrap_or_default();
    let is_echo = echo.is_empty() || echo == posted;
    match problem.name() {
        "transaction_malformed" | "transaction_failed" if !is_echo => {
            SubmitAnswer::Unknown(lying(answer, "the answer to another envelope"))
        }
        "transaction_malformed" => SubmitAnswer::Malformed("transaction_malformed".to_owned()),
        "transaction_failed" => match &problem.extras.result_xdr {
            Some(result) => SubmitAnswer::Refused(landed::outcome(result)),
            None => SubmitAnswer::Unknown(answer.unknown(
                UnknownKind::Unparsable,
                "transaction_failed without a result",
            )),
        },
        _ => SubmitAnswer::Unknown(no_answer(answer)),
    }
}

/// `POST /transactions_async` of this envelope (base64): never more than what core's queue said.
#[must_use]
pub fn submitted_async(network: NetworkId, posted: &str, answer: &Answer) -> SubmitAnswer {
    let body = answer.body.as_deref().unwrap_or_default();
    let Ok(queued) = serde_json::from_slice::<wire::Queued>(body) else {
        return match answer.status {
            400 => refused(posted, answer),
            _ => SubmitAnswer::Unknown(no_answer(answer)),
        };
    };
    let is_same = envelope_hashes(network, posted)
        .is_ok_and(|(inner, fee_bump)| queued.hash == fee_bump.unwrap_or(inner));
    if !is_same {
        return SubmitAnswer::Unknown(lying(answer, "the answer to another envelope"));
    }
    match (answer.status, queued.tx_status.as_str()) {
        (201, "PENDING") => SubmitAnswer::Queued { duplicate: false },
        (409, "DUPLICATE") => SubmitAnswer::Queued { duplicate: true },
        (503, "TRY_AGAIN_LATER") => SubmitAnswer::TryAgainLater,
        (400, "ERROR") if queued.error_result_xdr.is_some() => SubmitAnswer::Refused(
            landed::outcome(&queued.error_result_xdr.unwrap_or_default()),
        ),
        _ => SubmitAnswer::Unknown(answer.unknown(
            UnknownKind::Unparsable,
            "a status and a tx_status that do not go together",
        )),
    }
}

fn recorded(network: NetworkId, answer: &Answer) -> Result<Landed, Unknown> {
    let record: wire::Transaction = ok(answer, "a transaction")?;
    record::landed(network, &record).map_err(|error| {
        let kind = match error {
            LandedError::Unreadable(_) => UnknownKind::Unparsable,
            LandedError::Lying(_) => UnknownKind::Lying,
        };
        answer.unknown(kind, format!("the transaction {error}"))
    })
}

fn ok<T: serde::de::DeserializeOwned>(answer: &Answer, what: &str) -> Result<T, Unknown> {
    match answer.status {
        200 => answer.json(what),
        _ => Err(no_answer(answer)),
    }
}

/// Horizon's own 404. A balancer's 404 has no such problem, and must not look like an absence.
fn is_absent(answer: &Answer) -> bool {
    answer.status == 404 && problem(answer).is_some_and(|problem| problem.name() == "not_found")
}

/// The problem that the body describes, if it does.
fn problem(answer: &Answer) -> Option<wire::Problem> {
    serde_json::from_slice(answer.body.as_deref()?).ok()
}

fn lying(answer: &Answer, what: &str) -> Unknown {
    answer.unknown(UnknownKind::Lying, what)
}

/// A status that says nothing of what was asked.
fn no_answer(answer: &Answer) -> Unknown {
    let problem = problem(answer);
    let name = problem.as_ref().map_or("", |problem| problem.name());
    let kind = match answer.status {
        403 if name == "transaction_submission_disabled" => UnknownKind::SubmissionDisabled,
        408 | 504 => UnknownKind::Timeout,
        410 => UnknownKind::Gone,
        429 => UnknownKind::RateLimited,
        503 => UnknownKind::Unavailable,
        499..=599 => UnknownKind::ServerError,
        400..=428 => UnknownKind::BadRequest,
        _ => UnknownKind::Unparsable,
    };
    let detail = match name {
        "" => format!("status {} without a problem's name", answer.status),
        name => name.to_owned(),
    };
    answer.unknown(kind, detail)
}
