//! Who asks: API keys, their tenants and scopes.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use super::Shared;
use super::problem::Problem;

/// How long a key that was found is believed: a revoked one works no longer than this.
pub const KEY_CACHE_TTL: Duration = Duration::from_secs(5);

/// The most keys that are remembered.
const KEY_CACHE_SIZE: usize = 4096;

/// The most bytes of an API key.
const MAX_KEY_BYTES: usize = 512;

/// The tenant of the development key.
const DEV_TENANT: &str = "default";

/// What a key must allow for a request to be answered.
pub trait Scope: Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;
    /// Its place among the scopes of a key.
    const BIT: u8;
}

/// Reading intents and events.
pub struct Read;
/// Making and changing intents.
pub struct Write;
/// What concerns all tenants.
pub struct Admin;

impl Scope for Read {
    const NAME: &'static str = "intents:read";
    const BIT: u8 = 1 << 0;
}
impl Scope for Write {
    const NAME: &'static str = "intents:write";
    const BIT: u8 = 1 << 1;
}
impl Scope for Admin {
    const NAME: &'static str = "admin";
    const BIT: u8 = 1 << 2;
}

/// Somebody whose key allows `S`.
pub struct Caller<S> {
    /// Whose intents.
    pub tenant: Arc<str>,
    scope: PhantomData<S>,
}

#[derive(Clone)]
struct Known {
    tenant: Arc<str>,
    scopes: Scopes,
}

/// What a key allows: a bit for each scope.
#[derive(Clone, Copy)]
struct Scopes(u8);

impl Scopes {
    const ALL: Self = Self(Read::BIT | Write::BIT | Admin::BIT);

    /// Those of these names.
    fn named(names: &[String]) -> Self {
        let known = [
            (Read::NAME, Read::BIT),
            (Write::NAME, Write::BIT),
            (Admin::NAME, Admin::BIT),
        ];
        let named = known
            .iter()
            .filter(|(name, _)| names.iter().any(|given| given == name));
        Self(named.fold(0, |bits, (_, bit)| bits | bit))
    }

    const fn allow<S: Scope>(self) -> bool {
        self.0 & S::BIT != 0
    }
}

/// Keys that were found on record a moment ago, by their hashes: asking who somebody is costs no query a request.
#[derive(Default)]
pub struct KeyCache(Mutex<HashMap<[u8; 32], (Known, Instant)>>);

impl KeyCache {
    fn get(&self, hash: &[u8; 32]) -> Option<Known> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(hash)
            .filter(|(_, found)| found.elapsed() < KEY_CACHE_TTL)
            .map(|(known, _)| known.clone())
    }

    fn insert(&self, hash: [u8; 32], known: Known) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEY_CACHE_SIZE {
            keys.retain(|_, (_, found)| found.elapsed() < KEY_CACHE_TTL);
        }
        if keys.len() >= KEY_CACHE_SIZE {
            keys.clear();
        }
        keys.insert(hash, (known, Instant::now()));
    }
}

impl<S: Scope> FromRequestParts<Arc<Shared>> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let key = bearer(&parts.headers)?;
        let known = if shared.settings.dev_key.as_deref() == Some(key) {
            dev(parts)?
        } else {
            recorded(shared, key).await?
        };
        if known.scopes.allow::<S>() {
            Ok(Self {
                tenant: known.tenant,
                scope: PhantomData,
            })
        } else {
            Err(Problem::forbidden(S::NAME))
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(Problem::unauthorized(
            "send one header Authorization: Bearer KEY",
        ));
    };
    let key = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim_matches(' '))
        .filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()));
    key.ok_or_else(|| Problem::unauthorized("the header Authorization must be: Bearer KEY"))
}

/// The development key is known to everybody, so it is good on this machine alone.
fn dev(parts: &Parts) -> Result<Known, Problem> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let local = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    // A proxy on this machine speaks for others.
    let forwarded = parts.headers.contains_key(header::FORWARDED)
        || parts.headers.contains_key("x-forwarded-for");
    if !local || forwarded {
        return Err(Problem::unauthorized(
            "the development key works from this machine only",
        ));
    }
    Ok(Known {
        tenant: DEV_TENANT.into(),
        scopes: Scopes::ALL,
    })
}

async fn recorded(shared: &Shared, key: &str) -> Result<Known, Problem> {
    let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    if let Some(known) = shared.keys.get(&hash) {
        return Ok(known);
    }
    let Some(row) = shared.store.api_key(key).await? else {
        return Err(Problem::unauthorized("the API key is unknown or revoked"));
    };
    let known = Known {
        tenant: row.tenant.into(),
        scopes: Scopes::named(&row.scopes),
    };
    shared.keys.insert(hash, known.clone());
    Ok(known)
}
