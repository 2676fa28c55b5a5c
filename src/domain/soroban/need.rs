//! What a call asks for: what guards it against running twice, and whether there is anything to send.

use stellar_xdr as xdr;
use xdr::{ContractEventType, SorobanCredentials};

use super::auth::{address_of, credentials};
use super::simulation::Simulated;
use crate::domain::primitives::AccountId;

/// What a call asks of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// It changes nothing and asks for nobody's authorisation: the simulation's answer is all there is.
    ReadOnly,
    /// An authorisation by the address of the source: its nonce is the tag, and the chain itself refuses a second success.
    Address,
    /// An authorisation by being the source of the operation: the sequence number alone guards it.
    SourceAccount,
    /// Nothing of the source: no nonce. The tag goes into the fee source of a fee bump.
    Nothing,
}

impl Need {
    /// What this call asks of `source`.
    #[must_use]
    pub fn of(simulated: &Simulated, source: AccountId) -> Self {
        let address = address_of(source);
        let by_address = |entry: &xdr::SorobanAuthorizationEntry| {
            credentials(entry).is_some_and(|own| own.address == address)
        };
        if simulated.auth.iter().any(by_address) {
            return Self::Address;
        }
        let by_source = |entry: &xdr::SorobanAuthorizationEntry| {
            matches!(entry.credentials, SorobanCredentials::SourceAccount)
        };
        if simulated.auth.iter().any(by_source) {
            return Self::SourceAccount;
        }
        if is_read_only(simulated) {
            Self::ReadOnly
        } else {
            Self::Nothing
        }
    }
}

/// Whether it leaves no trace: nothing is written or restored, nobody authorises, and no event is given.
fn is_read_only(simulated: &Simulated) -> bool {
    let gives_events = simulated
        .events
        .iter()
        .any(|event| event.event.type_ != ContractEventType::Diagnostic);
    simulated.auth.is_empty()
        && simulated.value.is_some()
        && simulated.data.resources.footprint.read_write.is_empty()
        && simulated.restoration.is_none()
        && !gives_events
}
