//! A transaction that somebody else built and signed, to be sponsored and landed as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use stellar_xdr as xdr;
use xdr::{Limits, ReadXdr, WriteXdr};

use crate::domain::envelope::Plan;
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, Stroops};

/// The most bytes of an envelope: core's queue takes none that is larger.
const MAX_ENVELOPE_BYTES: usize = 100 * 1024;

/// A signed inner transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    envelope: xdr::TransactionV1Envelope,
}

impl Presigned {
    /// Decodes it, and refuses what could not be landed or could never be proven dead.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn decode(text: &str) -> Result<Self, String> {
        let bytes = BASE64
            .decode(text)
            .map_err(|_| "is not base64".to_owned())?;
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(format!("is longer than {MAX_ENVELOPE_BYTES} bytes"));
        }
        let limits = Limits {
            depth: 50,
            len: bytes.len(),
        };
        let envelope = match xdr::TransactionEnvelope::from_xdr(&bytes, limits) {
            Ok(xdr::TransactionEnvelope::Tx(envelope)) => envelope,
            Ok(xdr::TransactionEnvelope::TxFeeBump(_)) => {
                return Err(
                    "is a fee bump: give the inner transaction, we add the fee bump".to_owned(),
                );
            }
            Ok(xdr::TransactionEnvelope::TxV0(_)) => {
                return Err(
                    "is a version 0 envelope, which cannot be sponsored: sign it as version 1"
                        .to_owned(),
                );
            }
            Err(_) => return Err("is not the XDR of a TransactionEnvelope".to_owned()),
        };
        let presigned = Self { envelope };
        presigned.check()?;
        Ok(presigned)
    }

    /// What it was built by, as far as it says. A bound of 0 is no bound.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan {
            channel: self.source(),
            sequence: self.sequence(),
            min_time: self.min_time(),
            max_time: self.max_time().unwrap_or(ChainTime(0)),
            max_ledger: self.max_ledger().unwrap_or(LedgerSeq(0)),
            base_fee: self
                .bid_per_operation()
                .max(Stroops::new(1).unwrap_or(Stroops::ZERO)),
            soroban: None,
        }
    }

    fn check(&self) -> Result<(), String> {
        let tx = &self.envelope.tx;
        if self.envelope.signatures.is_empty() {
            return Err("carries no signature".to_owned());
        }
        if tx.operations.is_empty() {
            return Err("has no operation".to_owned());
        }
        if tx.operations.iter().any(|operation| {
            matches!(
                operation.body,
                xdr::OperationBody::InvokeHostFunction(_)
                    | xdr::OperationBody::ExtendFootprintTtl(_)
                    | xdr::OperationBody::RestoreFootprint(_)
            )
        }) {
            return Err(
                "is a contract operation, which cannot be given as a signed transaction: give the operation"
                    .to_owned(),
            );
        }
        if self.max_ledger().is_none() && self.max_time().is_none() {
            return Err(
                "has no upper time or ledger bound: it could land at any time, so it could never be reported as failed"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The envelope, as it was given.
    #[must_use]
    pub const fn envelope(&self) -> &xdr::TransactionV1Envelope {
        &self.envelope
    }

    /// The envelope in base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        xdr::TransactionEnvelope::Tx(self.envelope.clone())
            .to_xdr_base64(Limits::none())
            .expect("an envelope that was decoded encodes")
    }

    /// Whose sequence number it uses.
    #[must_use]
    pub const fn source(&self) -> AccountId {
        AccountId::of_muxed(&self.envelope.tx.source_account)
    }

    /// The sequence number that it uses.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        Sequence(self.envelope.tx.seq_num.0)
    }

    /// How many operations it has.
    #[must_use]
    pub fn operation_count(&self) -> usize {
        self.envelope.tx.operations.len()
    }

    /// What it bids, in stroops an operation.
    #[must_use]
    pub fn bid_per_operation(&self) -> Stroops {
        let operations = i64::try_from(self.operation_count()).expect("at most 100 operations");
        Stroops::new(i64::from(self.envelope.tx.fee) / operations).unwrap_or(Stroops::ZERO)
    }

    /// The type of its first operation.
    #[must_use]
    pub fn first_operation(&self) -> &'static str {
        self.envelope
            .tx
            .operations
            .first()
            .map_or("transaction", |operation| {
                operation.body.discriminant().name()
            })
    }

    fn time_bounds(&self) -> Option<&xdr::TimeBounds> {
        match &self.envelope.tx.cond {
            xdr::Preconditions::None => None,
            xdr::Preconditions::Time(bounds) => Some(bounds),
            xdr::Preconditions::V2(v2) => v2.time_bounds.as_ref(),
        }
    }

    /// The last close time with which it can land.
    #[must_use]
    pub fn max_time(&self) -> Option<ChainTime> {
        self.time_bounds()
            .map(|bounds| bounds.max_time.0)
            .filter(|at| *at != 0)
            .map(ChainTime)
    }

    /// The first close time with which it can land.
    #[must_use]
    pub fn min_time(&self) -> ChainTime {
        ChainTime(self.time_bounds().map_or(0, |bounds| bounds.min_time.0))
    }

    /// The first ledger that is too late for it.
    #[must_use]
    pub fn max_ledger(&self) -> Option<LedgerSeq> {
        match &self.envelope.tx.cond {
            xdr::Preconditions::V2(v2) => v2
                .ledger_bounds
                .as_ref()
                .map(|bounds| bounds.max_ledger)
                .filter(|ledger| *ledger != 0)
                .map(LedgerSeq),
            xdr::Preconditions::None | xdr::Preconditions::Time(_) => None,
        }
    }
}
