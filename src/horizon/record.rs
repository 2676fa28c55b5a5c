//! A record of Horizon's, believed only as far as its own envelope bears it out.

use stellar_xdr::TransactionResult;

use super::wire::Transaction;
use crate::domain::landed::{self, Facts, LandedError, Record};
use crate::domain::observation::{Landed, LookUp, Unknown, UnknownKind};
use crate::domain::primitives::{LedgerSeq, NetworkId, TxHash};
use crate::http::Answer;

/// The result in the record of the transaction with this hash.
///
/// # Errors
/// [`Unknown`] for everything but a whole 200 of that transaction.
pub(super) fn result(
    network: NetworkId,
    asked: TxHash,
    answer: &Answer,
) -> Result<TransactionResult, Unknown> {
    if let LookUp::Unknown(unknown) = super::observe::look_up(network, asked, answer) {
        return Err(unknown);
    }
    let record: Transaction = answer.json("a transaction")?;
    landed::result(&record.result_xdr)
        .ok_or_else(|| answer.unknown(UnknownKind::Unparsable, "a result that does not decode"))
}

/// The record as a fact, or why it is none.
pub fn landed(network: NetworkId, record: &Transaction) -> Result<Landed, LandedError> {
    let facts = Facts::read(network, &record.envelope_xdr)?;
    let said = Record {
        envelope: &record.envelope_xdr,
        result: &record.result_xdr,
        hash: record.hash,
        successful: record.successful,
        ledger: LedgerSeq(record.ledger),
        closed_at: record.created_at.unix_timestamp(),
        fee_charged: Some(record.fee_charged),
    };
    let claims = [
        (&record.fee_bump_transaction, facts.fee_bump_hash),
        (&record.inner_transaction, Some(facts.inner_hash)),
    ];
    for (claimed, computed) in claims {
        if claimed
            .as_ref()
            .is_some_and(|hash| Some(hash.hash) != computed)
        {
            return Err(LandedError::Lying(
                "its fee bump's hashes are not those of its envelope",
            ));
        }
    }
    let same = record.source_account == facts.source.0
        && record.fee_account == facts.fee.0
        && record.source_account_sequence == facts.sequence;
    if !same {
        return Err(LandedError::Lying(
            "its accounts or sequence number are not those of its envelope",
        ));
    }
    facts.borne_out(&said)
}
