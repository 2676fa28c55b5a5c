//! Transactions that somebody else built and signed: they land as they are, in a fee bump of ours.

use super::records::Hold;
use super::sign::{Signing, Turned};
use crate::domain::attempt::Attempt;
use crate::domain::envelope::{self, Plan};
use crate::domain::fee::MIN_BASE_FEE;
use crate::domain::intent::Presigned;
use crate::domain::primitives::{Stroops, TxHash};
use crate::domain::reason::Reason;
use crate::store::StoreError;

/// Why a signed transaction cannot be taken, if it cannot: an attempt on record has its hash or its sequence number.
pub(super) async fn used_up(
    hold: &mut dyn Hold,
    attempt: &Attempt,
) -> Result<Option<Reason>, StoreError> {
    if !attempt.presigned {
        return Ok(None);
    }
    let Plan {
        channel, sequence, ..
    } = &attempt.plan;
    let user = hold
        .user_of(attempt.inner_hash, *channel, *sequence)
        .await?;
    Ok(user.map(|user| {
        if user == attempt.inner_hash {
            already_used(user)
        } else {
            too_late(format!("transaction {user} has used its sequence number"))
        }
    }))
}

impl Signing {
    /// A presigned transaction's attempt: as it was signed, in a fee bump of ours.
    pub(super) fn sponsor(
        &self,
        presigned: &Presigned,
        number: u32,
    ) -> Result<(Attempt, Vec<u8>), Turned> {
        if number > 1 {
            let detail = "its first attempt has ended, and we cannot sign another";
            return Err(Turned::Fail(too_late(detail.to_owned())));
        }
        let tx = presigned.envelope().tx.clone();
        let attempt = Attempt {
            number,
            plan: presigned.plan(),
            inner_hash: envelope::inner_hash(&tx, self.network),
            operations: u32::try_from(presigned.operation_count()).unwrap_or(u32::MAX),
            plain_fee: Stroops::new(i64::from(tx.fee).max(MIN_BASE_FEE)).unwrap_or(Stroops::MAX),
            bumps: Vec::new(),
            sponsored: true,
            presigned: true,
            signed_at: self.header.sequence,
        };
        let bytes = envelope::encode(&stellar_xdr::TransactionEnvelope::Tx(
            presigned.envelope().clone(),
        ));
        Ok((attempt, bytes))
    }
}

fn too_late(detail: String) -> Reason {
    Reason::new(
        "transaction_too_late",
        "The signed transaction can no longer land",
        detail,
        false,
    )
}

fn already_used(hash: TxHash) -> Reason {
    Reason::new(
        "transaction_already_used",
        "The signed transaction belongs to another workflow",
        format!("transaction {hash} was given for another workflow before; it can land only once"),
        false,
    )
}
