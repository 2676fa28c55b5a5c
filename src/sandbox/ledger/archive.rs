//! What is kept for ever of a ledger that history has forgotten: enough to prove what landed, and that it landed once.

use stellar_xdr::{Limits, ReadXdr, TransactionResult};

use super::frame::Frame;
use super::history::{LedgerRecord, Toid, TxRecord};
use super::verdict;

/// Marks a transaction that has an inner hash.
const BUMPED: u8 = 1;

/// The transactions of a ledger in one block of memory, without their signatures: some 300 bytes each.
#[derive(Debug)]
pub struct Archived {
    sequence: u32,
    close_time: u64,
    bytes: Box<[u8]>,
}

impl Archived {
    /// Of a ledger.
    pub fn of(ledger: &LedgerRecord) -> Self {
        let mut bytes = Vec::new();
        for tx in &ledger.transactions {
            let unsigned = Frame::recorded(&tx.envelope, tx.hash, tx.inner_hash)
                .expect("the ledger keeps what it has parsed once")
                .unsigned();
            put(&mut bytes, &unsigned);
            put(&mut bytes, &tx.result);
            bytes.extend(tx.fee_charged.to_be_bytes());
            bytes.extend(tx.hash);
            match tx.inner_hash {
                Some(inner) => {
                    bytes.push(BUMPED);
                    bytes.extend(inner);
                }
                None => bytes.push(0),
            }
        }
        Self {
            sequence: ledger.sequence,
            close_time: ledger.close_time,
            bytes: bytes.into_boxed_slice(),
        }
    }

    /// The ledger's number.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Its close time, Unix seconds.
    pub fn close_time(&self) -> u64 {
        self.close_time
    }

    /// Its transactions, in the order in which they were applied; the envelopes have no signatures any more.
    pub fn transactions(&self) -> impl Iterator<Item = TxRecord> + '_ {
        let mut rest = &*self.bytes;
        (1u32..).map_while(move |place| {
            (!rest.is_empty()).then(|| {
                take_record(&mut rest, Toid::transaction(self.sequence, place))
                    .expect("the archive wrote it itself")
            })
        })
    }
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).expect("an envelope is at most a megabyte");
    bytes.extend(length.to_be_bytes());
    bytes.extend(part);
}

fn take_record(rest: &mut &[u8], toid: Toid) -> Option<TxRecord> {
    let envelope = take_part(rest)?;
    let result = take_part(rest)?;
    let fee_charged = i64::from_be_bytes(take(rest)?);
    let hash = take(rest)?;
    let [bumped] = take(rest)?;
    let inner_hash = if bumped == BUMPED {
        Some(take(rest)?)
    } else {
        None
    };
    let read = TransactionResult::from_xdr(&result, Limits::none()).ok()?;
    Some(TxRecord {
        toid,
        hash,
        inner_hash,
        envelope,
        successful: verdict::is_success(&read),
        result,
        fee_charged,
        effects: None,
    })
}

fn take_part(rest: &mut &[u8]) -> Option<Box<[u8]>> {
    let length = usize::try_from(u32::from_be_bytes(take(rest)?)).ok()?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(part.into())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (part, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*part)
}
