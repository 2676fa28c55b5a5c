//! One Stellar RPC server: its calls, each with a deadline.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use stellar_xdr as xdr;
use xdr::WriteXdr;

use super::observe::{self, Found, LedgerEntries, Network, Span, Watermark};
use super::wire;
use crate::domain::observation::{LookUp, SubmitAnswer, Unknown, UnknownKind};
use crate::domain::primitives::{NetworkId, TxHash};
use crate::domain::soroban::limits::setting_keys;
use crate::domain::soroban::{InclusionFees, NetworkLimits, Nonce, Simulation};
use crate::http::{Answer, NetworkCheck, NetworkError, Transport};

/// Keys of one `getLedgerEntries`, as the server limits them.
const MAX_KEYS: usize = 200;

/// One URL. Before anything else is asked, it must once have named our network.
#[derive(Debug)]
pub struct Endpoint {
    transport: Transport,
    check: NetworkCheck,
    network: NetworkId,
    deadline: Duration,
    ids: AtomicU64,
}

impl Endpoint {
    pub(super) fn new(transport: Transport, passphrase: &str, deadline: Duration) -> Self {
        Self {
            transport,
            check: NetworkCheck::new(passphrase),
            network: NetworkId::of(passphrase),
            deadline,
            ids: AtomicU64::new(1),
        }
    }

    /// Host and port, for people and labels.
    #[must_use]
    pub fn name(&self) -> &str {
        self.transport.name()
    }

    /// How long until this endpoint should be chosen again; zero: now.
    #[must_use]
    pub fn ready_in(&self) -> Duration {
        self.transport.ready_in()
    }

    /// Asks for the network and compares it with ours.
    ///
    /// # Errors
    /// [`NetworkError`]: no answer, or another network.
    pub async fn check_network(&self) -> Result<Network, NetworkError> {
        self.check.compared(&self.transport, self.network().await)
    }

    /// `getNetwork`, whichever it is.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn network(&self) -> Result<Network, Unknown> {
        let (id, answer) = self.call("getNetwork", None::<()>).await?;
        let network = self.transport.judged(observe::network(id, &answer))?;
        self.check.note(&network);
        Ok(network)
    }

    /// `getLatestLedger`: read before a look-up or a submission, it says from where on the answer holds.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn latest_ledger(&self) -> Result<Watermark, Unknown> {
        let (id, answer) = self.ask("getLatestLedger", None::<()>).await?;
        self.transport.judged(observe::latest_ledger(id, &answer))
    }

    /// `getHealth`: which ledgers it knows.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known, or it says that it is behind.
    pub async fn health(&self) -> Result<Span, Unknown> {
        let (id, answer) = self.ask("getHealth", None::<()>).await?;
        self.transport.judged(observe::health(id, &answer))
    }

    /// `getVersionInfo`, for people.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn version(&self) -> Result<String, Unknown> {
        let (id, answer) = self.ask("getVersionInfo", None::<()>).await?;
        self.transport.judged(observe::version(id, &answer))
    }

    /// `getFeeStats`: what contract calls paid for inclusion.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn fee_stats(&self) -> Result<InclusionFees, Unknown> {
        let (id, answer) = self.ask("getFeeStats", None::<()>).await?;
        self.transport.judged(observe::fee_stats(id, &answer))
    }

    /// `getLedgerEntries` of at most 200 keys, all as of one ledger.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known, and for too many keys, without asking.
    ///
    /// # Panics
    /// Never: a key that exists encodes.
    pub async fn ledger_entries(&self, keys: &[xdr::LedgerKey]) -> Result<LedgerEntries, Unknown> {
        if keys.len() > MAX_KEYS {
            return Err(Unknown {
                kind: UnknownKind::BadRequest,
                status: None,
                detail: format!("not sent: {} keys, more than {MAX_KEYS}", keys.len()),
                retry_after: None,
            });
        }
        let encode = |key: &xdr::LedgerKey| {
            key.to_xdr_base64(xdr::Limits::none())
                .expect("a ledger key encodes")
        };
        let params = Some(wire::KeysParams {
            keys: keys.iter().map(encode).collect(),
        });
        let (id, answer) = self.ask("getLedgerEntries", params).await?;
        self.transport
            .judged(observe::ledger_entries(id, keys, &answer))
    }

    /// The entries of those of these nonces that are used, live or not; one that was used so long ago that it is gone is
    /// not among them. All as of one ledger.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known.
    pub async fn nonces(&self, nonces: &[Nonce]) -> Result<LedgerEntries, Unknown> {
        let keys: Vec<xdr::LedgerKey> = nonces.iter().map(Nonce::key).collect();
        self.ledger_entries(&keys).await
    }

    /// What the network lets one transaction have, from its settings as of now.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known, or a setting is missing.
    pub async fn limits(&self) -> Result<NetworkLimits, Unknown> {
        let found = self.ledger_entries(&setting_keys()).await?;
        let settings: Vec<xdr::ConfigSettingEntry> = found
            .entries
            .into_iter()
            .filter_map(|entry| match entry.data {
                xdr::LedgerEntryData::ConfigSetting(setting) => Some(setting),
                _ => None,
            })
            .collect();
        NetworkLimits::of(&settings).map_err(|missing| Unknown {
            kind: UnknownKind::Unparsable,
            status: Some(200),
            detail: missing.to_string(),
            retry_after: None,
        })
    }

    /// `simulateTransaction` of an envelope (XDR), signed or not. With authorisation entries in its operation they are
    /// checked and metered, without they are asked for.
    ///
    /// # Errors
    /// [`Unknown`] where nothing is known. That the call fails is an answer.
    pub async fn simulate(&self, envelope: &[u8]) -> Result<Simulation, Unknown> {
        let transaction = &STANDARD.encode(envelope);
        let params = Some(wire::TransactionParams { transaction });
        let (id, answer) = self.ask("simulateTransaction", params).await?;
        self.transport.judged(observe::simulation(id, &answer))
    }

    /// `getTransaction`, by inner or outer hash.
    pub async fn transaction(&self, hash: TxHash) -> Found {
        let hash_text = hash.to_string();
        let params = Some(wire::HashParams { hash: &hash_text });
        match self.ask("getTransaction", params).await {
            Ok((id, answer)) => {
                let found = observe::look_up(self.network, hash, id, &answer);
                match &found.look_up {
                    LookUp::Unknown(unknown) => self.transport.judge(unknown),
                    LookUp::Landed(_) | LookUp::Absent => self.transport.worked(),
                }
                found
            }
            Err(unknown) => Found {
                look_up: LookUp::Unknown(unknown),
                span: None,
                call: None,
            },
        }
    }

    /// `sendTransaction` of an envelope (XDR): into core's queue, no more.
    pub async fn send(&self, envelope: &[u8]) -> SubmitAnswer {
        let posted = STANDARD.encode(envelope);
        let params = Some(wire::TransactionParams {
            transaction: &posted,
        });
        let answer = match self.ask("sendTransaction", params).await {
            Ok((id, answer)) => observe::sent(self.network, &posted, id, &answer),
            Err(unknown) => return SubmitAnswer::Unknown(unknown),
        };
        match &answer {
            SubmitAnswer::Unknown(unknown) => self.transport.judge(unknown),
            SubmitAnswer::Landed(_)
            | SubmitAnswer::Queued { .. }
            | SubmitAnswer::TryAgainLater
            | SubmitAnswer::Refused(_)
            | SubmitAnswer::Malformed(_) => self.transport.worked(),
        }
        answer
    }

    /// `getNetwork`, where it is ours.
    async fn our_network(&self) -> Result<Network, Unknown> {
        let network = self.network().await?;
        self.check.ours(&self.transport, network)
    }

    async fn ask(
        &self,
        method: &'static str,
        params: Option<impl Serialize>,
    ) -> Result<(u64, Answer), Unknown> {
        self.check.ensure(self.our_network()).await?;
        self.call(method, params).await
    }

    async fn call(
        &self,
        method: &'static str,
        params: Option<impl Serialize>,
    ) -> Result<(u64, Answer), Unknown> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let request = wire::Request {
            jsonrpc: "2.0",
            id,
            method,
            params,
        };
        let body = serde_json::to_vec(&request).map_err(|_| Unknown {
            kind: UnknownKind::BadRequest,
            status: None,
            detail: "the request could not be built".to_owned(),
            retry_after: None,
        })?;
        let answer = self
            .transport
            .post_json(method, &body, self.deadline)
            .await?;
        Ok((id, answer))
    }
}
