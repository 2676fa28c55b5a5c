//! Headers of ledgers.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stellar_xdr::{
    Hash, LedgerHeader, LedgerHeaderExt, Limits, StellarValue, StellarValueExt, TimePoint, VecM,
    WriteXdr,
};

use super::Ledger;
use super::genesis::{PROTOCOL_VERSION, TOTAL_COINS};
use super::history::TxRecord;

impl Ledger {
    /// A header as the network's; where a real one has the hash of its buckets, this has one of the results.
    pub(super) fn header(&self, transactions: &[Arc<TxRecord>]) -> Box<[u8]> {
        let mut set = Sha256::new();
        let mut results = Sha256::new();
        for tx in transactions {
            set.update(tx.hash);
            results.update(&tx.result);
        }
        let header = LedgerHeader {
            ledger_version: PROTOCOL_VERSION,
            previous_ledger_hash: Hash(self.hash),
            scp_value: StellarValue {
                tx_set_hash: Hash(set.finalize().into()),
                close_time: TimePoint(self.close_time),
                upgrades: VecM::default(),
                ext: StellarValueExt::Basic,
            },
            tx_set_result_hash: Hash(results.clone().finalize().into()),
            bucket_list_hash: Hash(results.chain_update(self.hash).finalize().into()),
            ledger_seq: self.sequence,
            total_coins: TOTAL_COINS,
            fee_pool: self.fee_pool,
            inflation_seq: 0,
            id_pool: 0,
            base_fee: u32::try_from(self.base_fee).unwrap_or(u32::MAX),
            base_reserve: u32::try_from(self.state.base_reserve()).unwrap_or(u32::MAX),
            max_tx_set_size: self.max_tx_set_size,
            skip_list: [const { Hash([0; 32]) }; 4],
            ext: LedgerHeaderExt::V0,
        };
        header
            .to_xdr(Limits::none())
            .expect("writing to memory without limits cannot fail")
            .into_boxed_slice()
    }
}
