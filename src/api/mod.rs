//! The REST API. It knows the domain and the records; a request never reaches the chain.

mod acceptor;
mod announcer;
mod auth;
mod body;
mod channels;
mod connections;
mod docs;
mod edge;
mod events;
mod health;
mod idempotency_key;
mod intents;
mod limit;
mod page;
mod prefer;
mod problem;
mod purge;
mod query;
mod receipts;
mod reconciliation;
mod unclaimed;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::domain::intent::{Accounts, Request};
use crate::domain::preview::Preview;
use crate::domain::primitives::NetworkId;
use crate::store::{Store, StoreError};
use acceptor::Acceptor;
use announcer::Announcer;
use auth::KeyCache;
use connections::Limits;
use limit::PostLimit;
use problem::Problem;

pub use auth::KEY_CACHE_TTL;
pub use body::{JsonError, unambiguous};
pub use intents::rows::{Media as BulkMedia, bulk_rows};
pub use prefer::MAX_WAIT;
pub use purge::purge_expired_keys;
pub use receipts::Receipts;

/// How long open requests may take to end once the server drains.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// What may be configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether a POST of an intent needs an Idempotency-Key. `workflow_id` is never optional.
    pub idempotency_key_required: bool,
    /// How long stored answers live.
    pub idempotency_ttl: Duration,
    /// The most bytes of a body.
    pub max_body_bytes: usize,
    /// The most bytes of a bulk's body.
    pub max_bulk_body_bytes: usize,
    /// The most connections at once; never more than half of the files that the system lets this process open.
    pub max_connections: usize,
    /// How long a connection may be held without a request that is being answered: for a head, between two requests, or for
    /// its answer to be taken.
    pub patience: Duration,
    /// How many intents a tenant may post a second; none: as many as come.
    pub max_posts_per_second: Option<NonZeroU32>,
    /// A key of the tenant `default` with all scopes, for requests from this machine alone.
    pub dev_key: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idempotency_key_required: true,
            idempotency_ttl: Duration::from_secs(24 * 60 * 60),
            max_body_bytes: 256 * 1024,
            max_bulk_body_bytes: 16 * 1024 * 1024,
            max_connections: 4096,
            patience: Duration::from_secs(60),
            max_posts_per_second: None,
            dev_key: None,
        }
    }
}

/// One thing that the daemon needs to do its work.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// A few words, for everybody: no address, no secret.
    pub detail: String,
}

/// What the daemon knows of its own readiness. The database is asked by the API itself.
pub trait Probe: Send + Sync + 'static {
    /// Everything that is needed, well or not.
    fn readiness(&self) -> Vec<Check>;
}

/// Why there is no preview.
#[derive(Debug)]
pub enum PreviewUnavailable {
    /// The network does not say what its newest ledger is.
    Network(String),
    /// Previews have asked the network too much; some may be again after this time.
    TooMany(Duration),
    /// The records cannot be read.
    Store(StoreError),
}

/// Looks at the chain for those who want to know what would become of an intent.
#[async_trait]
pub trait Previewer: Send + Sync + 'static {
    /// What would become of this request of a tenant's.
    async fn preview(&self, tenant: &str, request: &Request)
    -> Result<Preview, PreviewUnavailable>;
}

/// What the API needs of the daemon.
pub struct App {
    /// The records.
    pub store: Store,
    /// The network that tags are made for.
    pub network: NetworkId,
    /// The accounts that intents may move funds of.
    pub accounts: Accounts,
    /// What is configured.
    pub settings: Settings,
    /// Whether the rest of the daemon is well.
    pub probe: Arc<dyn Probe>,
    /// Renders the metrics in Prometheus' text format.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Signs receipts.
    pub receipts: Receipts,
    /// Makes previews.
    pub preview: Arc<dyn Previewer>,
    /// Wakes this process's own engine; others hear of new work through the database.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// What every handler sees.
struct Shared {
    store: Store,
    network: NetworkId,
    accounts: Accounts,
    settings: Settings,
    probe: Arc<dyn Probe>,
    render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    receipts: Receipts,
    preview: Arc<dyn Previewer>,
    /// Previews that are made at the same time.
    previews: Semaphore,
    keys: KeyCache,
    acceptor: Acceptor,
    announcer: Arc<Announcer>,
    posts: PostLimit,
    /// Bulks that are taken at the same time.
    bulks: Arc<Semaphore>,
    /// Ends waits, so that a daemon which was asked to end does not take a minute to.
    draining: CancellationToken,
    /// The newest event number that is known to be settled.
    settled_event: AtomicI64,
    /// The document, written once.
    description: Bytes,
}

/// The API as a router; serve it with `into_make_service_with_connect_info::<SocketAddr>()`, or the development key is
/// good for nobody.
///
/// # Panics
/// Outside a Tokio runtime: it starts the tasks that put intents on record.
pub fn router(app: App) -> Router {
    build(app, CancellationToken::new())
}

fn build(app: App, draining: CancellationToken) -> Router {
    let (router, description) = docs::routes();
    let announcer = Arc::new(Announcer::start(&app.store, app.wake));
    let shared = Shared {
        acceptor: Acceptor::start(&app.store, app.network, &announcer),
        announcer,
        bulks: Arc::new(Semaphore::new(intents::bulk::AT_ONCE)),
        preview: app.preview,
        previews: Semaphore::new(intents::preview::AT_ONCE),
        posts: PostLimit::new(app.settings.max_posts_per_second),
        keys: KeyCache::default(),
        settled_event: AtomicI64::new(0),
        description: problem::to_text(&description).into(),
        draining,
        store: app.store,
        network: app.network,
        accounts: app.accounts,
        settings: app.settings,
        probe: app.probe,
        render_metrics: app.render_metrics,
        receipts: app.receipts,
    };
    router
        .merge(docs::page())
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(axum::middleware::from_fn(edge::edge))
        .with_state(Arc::new(shared))
}

/// The API's description, in OpenAPI 3.1, as JSON.
#[must_use]
pub fn description() -> String {
    problem::to_text(&docs::routes().1)
}

/// Serves until `shutdown`, then lets open requests end: no new connection is taken, waits are answered with the intent as it
/// is, and after 20 seconds what is still open is dropped.
///
/// # Errors
/// None today: a connection that cannot be accepted is tried again.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let limits = Limits {
        connections: connections::at_most(app.settings.max_connections),
        patience: app.settings.patience,
    };
    let draining = CancellationToken::new();
    let router = build(app, draining.clone());
    let serving = connections::serve(listener, router, limits, draining.clone(), DRAIN_LIMIT);
    let (all_ended, ()) = tokio::join!(serving, async {
        shutdown.await;
        draining.cancel();
    });
    if !all_ended {
        tracing::warn!("open requests were dropped at the end of the drain");
    }
    Ok(())
}
