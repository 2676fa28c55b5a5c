//! What is asked about contract operations, whoever answers.

use async_trait::async_trait;

use crate::domain::observation::{LookUp, Unknown};
use crate::domain::primitives::{LedgerSeq, TxHash};
use crate::domain::soroban::{CallRecord, NetworkLimits, Nonce, Simulation};
use crate::rpc::Rpc;

/// A look at nonces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceSight {
    /// The ledger whose state this is.
    pub as_of: LedgerSeq,
    /// The first of them that is used, and the ledger in which that was done, where that is still on the ledger.
    pub used: Option<(Nonce, LedgerSeq)>,
}

/// Answers what a contract operation needs to be known. Each call has a deadline.
#[async_trait]
pub trait Contracts: Send + Sync {
    /// What the network lets one transaction have.
    async fn limits(&self) -> Result<NetworkLimits, Unknown>;

    /// Runs an envelope (XDR) on the newest state, and changes nothing.
    async fn simulate(&self, envelope: &[u8]) -> Result<Simulation, Unknown>;

    /// Whether one of these nonces is used.
    async fn nonces(&self, nonces: &[Nonce]) -> Result<NonceSight, Unknown>;

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

    async fn nonces(&self, nonces: &[Nonce]) -> Result<NonceSight, Unknown> {
        let found = self.any().nonces(nonces).await?;
        let used = nonces.iter().find_map(|nonce| {
            let key = nonce.key();
            let entry = found.entries.iter().find(|entry| entry.key == key)?;
            Some((nonce.clone(), entry.modified))
        });
        Ok(NonceSight {
            as_of: found.as_of,
            used,
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
