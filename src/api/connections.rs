//! Connections: so many at once, and none that is held for nothing.
//!
//! A connection is *busy* from the moment the head of a request has arrived until its answer is made; handlers have limits of
//! their own. Otherwise it *waits*: for the rest of a head, for the next request, or for a client to take its answer. Waiting
//! ends after [`Limits::patience`], and earlier where all places are taken: then whoever has waited longest makes room.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The most bytes of a request's head: its line and its headers. The answer to a longer one is 431; so it is to more than a
/// hundred headers, which is the library's own limit.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Between two looks for connections that have waited too long.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Between two looks for one that waits, where every connection was busy.
const ROOM_EVERY: Duration = Duration::from_millis(20);

/// After an accept that failed for want of something that others may give back.
const ACCEPT_RETRY: Duration = Duration::from_millis(200);

/// A connection that does not wait.
const BUSY: u64 = u64::MAX;

/// As many connections as were asked for, or half of what the system lets this process open: PostgreSQL and Horizon need some.
pub fn at_most(asked: usize) -> usize {
    let files = getrlimit(Resource::Nofile).current;
    let half = files.and_then(|files| usize::try_from(files / 2).ok());
    asked.min(half.unwrap_or(asked)).max(1)
}

/// How many, and how long for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at once; more wait in the system's queue until there is room.
    pub connections: usize,
    /// How long one may wait for a head, between requests, or for its answer to be taken.
    pub patience: Duration,
}

/// One connection's state.
struct Place {
    /// Milliseconds since [`Places::begun`] when it began to wait, or [`BUSY`].
    waits_since: AtomicU64,
    cut: CancellationToken,
}

/// Every connection that is open.
struct Places {
    begun: Instant,
    open: Mutex<HashMap<u64, Arc<Place>>>,
    cut_all: CancellationToken,
}

impl Places {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Place>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(BUSY - 1)
    }

    /// Cuts those that have waited longer than this.
    fn sweep(&self, patience: Duration) {
        let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let Some(latest) = self.now().checked_sub(patience) else {
            return;
        };
        let open = self.open();
        let waited = open
            .values()
            .filter(|place| place.waits_since.load(Ordering::Relaxed) < latest);
        for place in waited {
            place.cut("waited");
        }
    }

    /// Cuts the one that has waited longest, if any waits.
    fn make_room(&self) {
        let open = self.open();
        let longest = open
            .values()
            .filter(|place| !place.cut.is_cancelled())
            .min_by_key(|place| place.waits_since.load(Ordering::Relaxed));
        if let Some(place) = longest
            && place.waits_since.load(Ordering::Relaxed) != BUSY
        {
            place.cut("full");
        }
    }
}

impl Place {
    fn cut(&self, reason: &'static str) {
        if !self.cut.is_cancelled() {
            metrics::counter!("submitter_http_connections_cut_total", "reason" => reason)
                .increment(1);
            self.cut.cancel();
        }
    }
}

/// One's place among the open ones; given up when it is dropped.
struct Seat {
    places: Arc<Places>,
    number: u64,
    place: Arc<Place>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    fn take(places: &Arc<Places>, number: u64, permit: OwnedSemaphorePermit) -> Self {
        let place = Arc::new(Place {
            waits_since: AtomicU64::new(places.now()),
            cut: places.cut_all.child_token(),
        });
        places.open().insert(number, Arc::clone(&place));
        metrics::gauge!("submitter_http_connections").increment(1.0);
        Self {
            places: Arc::clone(places),
            number,
            place,
            _permit: permit,
        }
    }

    fn waits(&self) {
        let now = self.places.now();
        self.place.waits_since.store(now, Ordering::Relaxed);
    }

    fn is_busy(&self) {
        self.place.waits_since.store(BUSY, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.open().remove(&self.number);
        metrics::gauge!("submitter_http_connections").decrement(1.0);
    }
}

/// Serves until `draining`, then lets open requests end, within `drain`. Returns whether all of them did.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    draining: CancellationToken,
    drain: Duration,
) -> bool {
    let places = Arc::new(Places {
        begun: Instant::now(),
        open: Mutex::default(),
        cut_all: CancellationToken::new(),
    });
    // However this ends, nobody is served on behind its back.
    let _end = places.cut_all.clone().drop_guard();
    let slots = Arc::new(Semaphore::new(limits.connections));
    let tasks = TaskTracker::new();
    let accepting = async {
        let mut number = 0;
        loop {
            let permit = room(&slots, &places).await;
            let (stream, peer) = next(&listener).await;
            let seat = Seat::take(&places, number, permit);
            number += 1;
            tasks.spawn(connection(
                stream,
                peer,
                router.clone(),
                seat,
                draining.clone(),
            ));
        }
    };
    let sweeping = async {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            places.sweep(limits.patience);
        }
    };
    tokio::select! {
        () = draining.cancelled() => {}
        () = accepting => {}
        () = sweeping => {}
    }
    // Nobody is to connect to a daemon that will not answer.
    drop(listener);
    tasks.close();
    tokio::time::timeout(drain, tasks.wait()).await.is_ok()
}

/// A place for one more, which somebody who waits may have to give up.
async fn room(slots: &Arc<Semaphore>, places: &Places) -> OwnedSemaphorePermit {
    loop {
        if let Ok(permit) = Arc::clone(slots).try_acquire_owned() {
            return permit;
        }
        places.make_room();
        let free = Arc::clone(slots).acquire_owned();
        if let Ok(permit) = tokio::time::timeout(ROOM_EVERY, free).await {
            return permit.expect("the semaphore is never closed");
        }
    }
}

/// The next connection that is really there.
async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // It went away while it stood in the queue.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    seat: Seat,
    draining: CancellationToken,
) {
    // An answer is written whole; waiting for more of it would only make it late. A socket that is gone already says so below.
    let _ = stream.set_nodelay(true);
    let seat = &seat;
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        seat.is_busy();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = router.call(request);
        async move {
            let answer: Result<Response, Infallible> = answering.await;
            seat.waits();
            answer
        }
    });
    let mut serving = std::pin::pin!(
        http1::Builder::new()
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut told = false;
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a connection ended badly");
                }
                return;
            }
            () = seat.place.cut.cancelled() => return,
            () = draining.cancelled(), if !told => {
                told = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}
