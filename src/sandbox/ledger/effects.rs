//! What a contract transaction did besides its result.

use stellar_xdr::{
    ContractEvent, DiagnosticEvent, ExtensionPoint, LedgerEntryChanges, OperationMetaV2, ScVal,
    SorobanTransactionMetaExt, SorobanTransactionMetaExtV1, SorobanTransactionMetaV2,
    TransactionMeta, TransactionMetaV4, VecM,
};

/// Values, events, changes and fees (stroops) of one contract transaction.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// What the function returned.
    pub return_value: Option<ScVal>,
    /// The contracts' events; none of a failed call.
    pub events: Vec<ContractEvent>,
    /// What the host told of the call, successful or not.
    pub diagnostics: Vec<DiagnosticEvent>,
    /// Contract entries before and after; none of a failed call.
    pub changes: LedgerEntryChanges,
    /// Kept, whatever becomes of the call.
    pub non_refundable: i64,
    /// Kept of what may be given back, rent included.
    pub refundable: i64,
    /// The rent in it.
    pub rent: i64,
    /// Given back at the end of the ledger.
    pub refund: i64,
}

impl Effects {
    /// A failure leaves nothing but its diagnostics and what cannot be given back.
    pub fn undo(&mut self) {
        self.return_value = None;
        self.events.clear();
        self.changes = LedgerEntryChanges::default();
        self.refundable = 0;
        self.rent = 0;
    }

    /// The transaction's meta as the network writes it, but without the changes of accounts.
    pub fn meta(&self, successful: bool) -> TransactionMeta {
        let fees = SorobanTransactionMetaExtV1 {
            ext: ExtensionPoint::V0,
            total_non_refundable_resource_fee_charged: self.non_refundable,
            total_refundable_resource_fee_charged: self.refundable,
            rent_fee_charged: self.rent,
        };
        let operations = if successful {
            vec![OperationMetaV2 {
                ext: ExtensionPoint::V0,
                changes: self.changes.clone(),
                events: list(&self.events),
            }]
        } else {
            Vec::new()
        };
        TransactionMeta::V4(TransactionMetaV4 {
            operations: list(&operations),
            soroban_meta: Some(SorobanTransactionMetaV2 {
                ext: SorobanTransactionMetaExt::V1(fees),
                return_value: self.return_value.clone(),
            }),
            diagnostic_events: list(&self.diagnostics),
            ..TransactionMetaV4::default()
        })
    }
}

fn list<T: Clone>(items: &[T]) -> VecM<T> {
    items
        .to_vec()
        .try_into()
        .expect("a list without a limit holds what is in memory")
}
