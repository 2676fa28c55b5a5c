//! What is asked about contract operations, whoever answers.

use async_trait::async_trait;

use crate::domain::observation::{LookUp, Unknown};
use crate::domain::primitives::{AccountId, LedgerSeq, TxHash};
use crate::domain::soroban::{CallRecord, NetworkLimits, Simulation};
use crate::rpc::Rpc;

/// A look at an account's nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceSight {
    /// The ledger whose state this is.
    pub as_of: LedgerSeq,
    /// The ledger in which it was used, where it was and that is still on the ledger.
    pub used_in: Option<LedgerSeq>,
}

/// Answers what a contract operation needs to be known. Each call has a deadline.
#[async_trait]
pub trait Contracts: Send + Sync {
    /// What the network lets one transaction have.
    async fn limits(&self) -> Result<NetworkLimits, Unknown>;

    /// Runs an envelope (XDR) on the newest state, and changes nothing.
    async fn simulate(&self, envelope: &[u8]) -> Result<Simulation, Unknown>;

    /// Whether an account's nonce is used.
    async fn nonce(&self, account: AccountId, nonce: i64) -> Result<NonceSight, Unknown>;

    /// What the ledger says of a landed call beyond its result; `None` where it is not shown (yet, or any more).
    async fn call(&self, hash: TxHash) -> Result<Option<CallRecord>, Unknown>;
}

#[async_trait]
impl Contracts for Rpc {
    async fn limits(&self) -> Result<NetworkLimits, Unknown> {
        self.any().limits().await
    }

    async fn simulate(&self, envelope: &[u8]) -> Result<Simulation, Unknown> {
        self.any().simulate(envelope).await
    }

    async fn nonce(&self, account: AccountId, nonce: i64) -> Result<NonceSight, Unknown> {
        let (as_of, entry) = self.any().nonce(account, nonce).await?;
        Ok(NonceSight {
            as_of,
            used_in: entry.map(|entry| entry.modified),
        })
    }

    async fn call(&self, hash: TxHash) -> Result<Option<CallRecord>, Unknown> {
        let found = self.any().transaction(hash).await;
        match found.look_up {
            LookUp::Landed(_) => Ok(found.call),
            LookUp::Absent => Ok(None),
            LookUp::Unknown(unknown) => Err(unknown),
        }
    }
}
