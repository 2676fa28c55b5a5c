//! Authorisation entries: the nonce that is the tag, what is signed, and who has not signed.

use sha2::{Digest, Sha256};
use stellar_xdr as xdr;
use thiserror::Error;
use xdr::{Limits, ScVal, SorobanAuthorizationEntry, SorobanCredentials, WriteXdr};

use crate::domain::primitives::{AccountId, LedgerSeq, NetworkId};
use crate::domain::tag::Tag;

/// What the nonces after the first are derived with.
const NONCE_LABEL: &[u8] = b"stellar-submitter/nonce/v1";

/// Why an entry cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthError {
    /// Credentials without an address have nothing to sign.
    #[error("an authorisation by source account has nothing to sign")]
    NothingToSign,
    /// A kind of credentials that is passed on, but never signed here.
    #[error("credentials with delegates are not signed here: supply them signed")]
    Delegates,
    /// A supplied entry authorises something that the call does not ask for.
    #[error("the supplied authorisation of {0} is not one that the call asks for")]
    NotAskedFor(String),
    /// The footprint would have more keys than XDR can hold.
    #[error("the footprint is too large")]
    Footprint,
}

/// The address of a classic account.
#[must_use]
pub const fn address_of(account: AccountId) -> xdr::ScAddress {
    xdr::ScAddress::Account(account.to_xdr())
}

/// The address credentials of an entry, where it has them.
#[must_use]
pub const fn credentials(
    entry: &SorobanAuthorizationEntry,
) -> Option<&xdr::SorobanAddressCredentials> {
    match &entry.credentials {
        SorobanCredentials::SourceAccount => None,
        SorobanCredentials::Address(own) | SorobanCredentials::AddressV2(own) => Some(own),
        SorobanCredentials::AddressWithDelegates(own) => Some(&own.address_credentials),
    }
}

const fn credentials_mut(
    entry: &mut SorobanAuthorizationEntry,
) -> Option<&mut xdr::SorobanAddressCredentials> {
    match &mut entry.credentials {
        SorobanCredentials::SourceAccount => None,
        SorobanCredentials::Address(own) | SorobanCredentials::AddressV2(own) => Some(own),
        SorobanCredentials::AddressWithDelegates(own) => Some(&mut own.address_credentials),
    }
}

/// The ledger key under which a used nonce stands until its signature expires.
#[must_use]
pub fn nonce_key(address: &xdr::ScAddress, nonce: i64) -> xdr::LedgerKey {
    xdr::LedgerKey::ContractData(xdr::LedgerKeyContractData {
        contract: address.clone(),
        key: ScVal::LedgerKeyNonce(xdr::ScNonceKey { nonce }),
        durability: xdr::ContractDataDurability::Temporary,
    })
}

/// The nonce of an account's authorisation number `index` in a call: the tag, and behind it numbers derived from the tag.
/// One transaction cannot use a nonce twice, and the tag alone makes a second success impossible.
#[must_use]
pub fn nonce(tag: Tag, index: usize) -> i64 {
    if index == 0 {
        return tag.to_i64();
    }
    let digest = Sha256::new()
        .chain_update(NONCE_LABEL)
        .chain_update(tag.get().to_be_bytes())
        .chain_update((index as u64).to_be_bytes())
        .finalize();
    Tag::from_digest(digest.into()).to_i64()
}

/// Puts the tag in the place of the nonces of `source`, in the entries and in the footprint, and sets until which ledger
/// (inclusive) their signatures hold. Signatures that were there are dropped. Returns how many entries are the source's.
pub fn set_nonces(
    auth: &mut [SorobanAuthorizationEntry],
    data: &mut xdr::SorobanTransactionData,
    source: AccountId,
    tag: Tag,
    expires: LedgerSeq,
) -> usize {
    let address = address_of(source);
    let mut index = 0;
    for entry in auth {
        let Some(own) = credentials_mut(entry).filter(|own| own.address == address) else {
            continue;
        };
        let was = nonce_key(&address, own.nonce);
        own.nonce = nonce(tag, index);
        own.signature_expiration_ledger = expires.0;
        own.signature = ScVal::Void;
        replace_key(data, &was, &nonce_key(&address, own.nonce));
        index += 1;
    }
    index
}

fn replace_key(data: &mut xdr::SorobanTransactionData, was: &xdr::LedgerKey, is: &xdr::LedgerKey) {
    let footprint = &mut data.resources.footprint;
    for keys in [&mut footprint.read_only, &mut footprint.read_write] {
        for key in keys.iter_mut().filter(|key| *key == was) {
            *key = is.clone();
        }
    }
}

/// Turns authorisations by source account into ones by the address of `source`, so that they have a nonce: for a call whose
/// transaction source is the source itself. To be given nonces by [`set_nonces`], and simulated again.
pub fn by_address(auth: &mut [SorobanAuthorizationEntry], source: AccountId) {
    for entry in auth {
        if matches!(entry.credentials, SorobanCredentials::SourceAccount) {
            entry.credentials = SorobanCredentials::Address(xdr::SorobanAddressCredentials {
                address: address_of(source),
                nonce: 0,
                signature_expiration_ledger: 0,
                signature: ScVal::Void,
            });
        }
    }
}

/// Puts supplied, signed entries in the place of those that were asked for: of the same address, for the same invocation.
///
/// # Errors
/// [`AuthError::NotAskedFor`] for one that fits none.
pub fn adopt(
    auth: &mut [SorobanAuthorizationEntry],
    data: &mut xdr::SorobanTransactionData,
    supplied: &[SorobanAuthorizationEntry],
) -> Result<(), AuthError> {
    let mut taken = vec![false; auth.len()];
    for given in supplied {
        let Some(signed) = credentials(given) else {
            return Err(AuthError::NothingToSign);
        };
        let fits = |entry: &SorobanAuthorizationEntry| {
            entry.root_invocation == given.root_invocation
                && credentials(entry).is_some_and(|own| own.address == signed.address)
        };
        let found = (0..auth.len()).find(|at| !taken[*at] && fits(&auth[*at]));
        let Some(at) = found else {
            return Err(AuthError::NotAskedFor(signed.address.to_string()));
        };
        taken[at] = true;
        if let Some(was) = credentials(&auth[at]) {
            let was = nonce_key(&was.address, was.nonce);
            replace_key(data, &was, &nonce_key(&signed.address, signed.nonce));
        }
        auth[at] = given.clone();
    }
    Ok(())
}

/// What the signature of an entry signs: SHA-256 of the network, nonce, expiration ledger and invocation (and, for credentials
/// of the second version, the address).
///
/// # Errors
/// [`AuthError`] for credentials that are not signed here.
///
/// # Panics
/// Never: what was decoded can be encoded.
pub fn payload(
    entry: &SorobanAuthorizationEntry,
    network: NetworkId,
) -> Result<[u8; 32], AuthError> {
    let preimage = match &entry.credentials {
        SorobanCredentials::SourceAccount => return Err(AuthError::NothingToSign),
        SorobanCredentials::AddressWithDelegates(_) => return Err(AuthError::Delegates),
        SorobanCredentials::Address(own) => {
            xdr::HashIdPreimage::SorobanAuthorization(xdr::HashIdPreimageSorobanAuthorization {
                network_id: network.to_xdr(),
                nonce: own.nonce,
                signature_expiration_ledger: own.signature_expiration_ledger,
                invocation: entry.root_invocation.clone(),
            })
        }
        SorobanCredentials::AddressV2(own) => xdr::HashIdPreimage::SorobanAuthorizationWithAddress(
            xdr::HashIdPreimageSorobanAuthorizationWithAddress {
                network_id: network.to_xdr(),
                nonce: own.nonce,
                signature_expiration_ledger: own.signature_expiration_ledger,
                address: own.address.clone(),
                invocation: entry.root_invocation.clone(),
            },
        ),
    };
    let bytes = preimage
        .to_xdr(Limits::none())
        .expect("what was decoded can be encoded");
    Ok(Sha256::digest(bytes).into())
}

/// Attaches the signature of a classic account: a list of one map of `public_key` and `signature`, as the account contract
/// that is built in wants it.
///
/// # Panics
/// Never: the parts are of fixed size.
pub fn attach(entry: &mut SorobanAuthorizationEntry, signer: AccountId, signature: [u8; 64]) {
    let symbol = |name: &str| ScVal::Symbol(name.try_into().expect("a short name is a symbol"));
    let bytes = |bytes: &[u8]| {
        ScVal::Bytes(xdr::ScBytes(
            bytes.to_vec().try_into().expect("64 bytes fit"),
        ))
    };
    let pair = |key: &str, value: &[u8]| xdr::ScMapEntry {
        key: symbol(key),
        val: bytes(value),
    };
    // A map's keys are in order.
    let map = vec![pair("public_key", &signer.0), pair("signature", &signature)];
    let map = ScVal::Map(Some(xdr::ScMap(map.try_into().expect("two pairs fit"))));
    let list = vec![map].try_into().expect("one item fits");
    if let Some(own) = credentials_mut(entry) {
        own.signature = ScVal::Vec(Some(xdr::ScVec(list)));
    }
}

/// The places of the entries by address of this account that have no signature.
pub fn unsigned_of(
    auth: &[SorobanAuthorizationEntry],
    account: AccountId,
) -> impl Iterator<Item = usize> {
    let address = address_of(account);
    let is_unsigned = move |entry: &SorobanAuthorizationEntry| {
        credentials(entry).is_some_and(|own| own.address == address && is_empty(&own.signature))
    };
    auth.iter()
        .enumerate()
        .filter(move |(_, entry)| is_unsigned(entry))
        .map(|(at, _)| at)
}

/// The addresses whose signatures are missing, each once, in the order of the entries.
#[must_use]
pub fn missing_signatures(auth: &[SorobanAuthorizationEntry]) -> Vec<xdr::ScAddress> {
    let mut missing = Vec::new();
    for entry in auth {
        // With delegates the account itself may be silent: whether that suffices, the second simulation says.
        if matches!(
            entry.credentials,
            SorobanCredentials::AddressWithDelegates(_)
        ) {
            continue;
        }
        let Some(own) = credentials(entry) else {
            continue;
        };
        if is_empty(&own.signature) && !missing.contains(&own.address) {
            missing.push(own.address.clone());
        }
    }
    missing
}

const fn is_empty(signature: &ScVal) -> bool {
    matches!(signature, ScVal::Void)
}
