//! An intent on record, held against a landed envelope.

use crate::domain::envelope::{decode, recognise};
use crate::domain::intent::{IntentKey, read_stored};
use crate::domain::primitives::{NetworkId, TxHash};
use crate::domain::soroban_plan::{is_restoration, only_restores};
use crate::store::audit::AuditedIntent;

/// The key of an intent on record.
#[must_use]
pub fn key(intent: &AuditedIntent) -> IntentKey {
    IntentKey {
        tenant: intent.tenant.clone(),
        workflow_id: intent.workflow_id.clone(),
        method: intent.method.clone(),
    }
}

/// Whether a landed envelope is what an intent asks for: rebuilt from it, it has the same hash.
pub fn rebuilds(network: NetworkId, intent: &AuditedIntent, envelope: &[u8]) -> bool {
    let request = intent.request.as_ref().map(read_stored);
    let (Some(Ok(request)), Ok((inner, bump))) = (request, decode(envelope)) else {
        return false;
    };
    recognise(network, &key(intent), &request, &inner.tx, bump.as_ref())
}

/// Whether a landed envelope only brings archived entries back for the call that an intent asks for: not its success.
pub fn restores_for(intent: &AuditedIntent, envelope: &[u8]) -> bool {
    let request = intent.request.as_ref().map(read_stored);
    let (Some(Ok(request)), Ok((inner, _))) = (request, decode(envelope)) else {
        return false;
    };
    only_restores(&request, &inner.tx)
}

/// Whether an intent asks for nothing but bringing archived entries back.
pub fn asks_for_restoration(intent: &AuditedIntent) -> bool {
    let kind = intent
        .request
        .as_ref()
        .and_then(|request| request.pointer("/operations/0/type"));
    kind.is_some_and(|kind| kind == "restore_footprint")
}

/// Whether a landed envelope does nothing but bring archived entries back.
pub fn restores(envelope: &[u8]) -> bool {
    decode(envelope).is_ok_and(|(inner, _)| is_restoration(&inner.tx))
}

/// The inner hash that an intent says has decided it.
pub fn said(intent: &AuditedIntent) -> Option<TxHash> {
    intent.transaction.as_ref()?["hash"].as_str()?.parse().ok()
}
