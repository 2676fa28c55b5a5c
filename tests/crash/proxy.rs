//! A TCP proxy that stands on a link of the daemon's and does to it what networks do: cuts, tears messages, delays, swallows.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are passed on at once: most messages come whole.
const CHUNK_BYTES: usize = 16 * 1024;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the daemon.
    Asked,
    /// To the daemon.
    Answered,
}

/// What really happened on a link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Connections that were cut, or refused while the link was down.
    pub cut: u64,
    /// Messages of which only the beginning passed.
    pub torn: u64,
    /// Messages that came late.
    pub late: u64,
    /// Messages that never came, on connections that stayed open.
    pub swallowed: u64,
}

/// Listens for as long as it lives.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    weather: Mutex<Weather>,
    /// Counts cuts: each connection ends that began before.
    cuts: watch::Sender<u64>,
    cut: AtomicU64,
    torn: AtomicU64,
    late: AtomicU64,
    swallowed: AtomicU64,
}

struct Weather {
    target: SocketAddr,
    /// Connections are refused until then.
    down_until: Option<Instant>,
    /// Every message is held back for so long.
    delay: Duration,
    /// The next message this way that is longer than so many bytes ends after them.
    tear: Option<(Way, usize)>,
    /// Open connections.
    links: Vec<Arc<Link>>,
}

/// What a connection does not pass on any more.
#[derive(Default)]
struct Link {
    asked: AtomicBool,
    answered: AtomicBool,
}

impl Link {
    fn swallows(&self, way: Way) -> bool {
        match way {
            Way::Asked => self.asked.load(Ordering::Relaxed),
            Way::Answered => self.answered.load(Ordering::Relaxed),
        }
    }

    fn is_dead(&self) -> bool {
        self.swallows(Way::Asked) && self.swallows(Way::Answered)
    }
}

/// What becomes of a message.
enum Fate {
    Passes(Duration),
    Swallowed,
    Torn(usize),
}

impl Proxy {
    /// In front of this address.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            weather: Mutex::new(Weather {
                target,
                down_until: None,
                delay: Duration::ZERO,
                tear: None,
                links: Vec::new(),
            }),
            cuts: watch::Sender::new(0),
            cut: AtomicU64::new(0),
            torn: AtomicU64::new(0),
            late: AtomicU64::new(0),
            swallowed: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// New connections go to another address.
    pub fn aim(&self, target: SocketAddr) {
        self.shared.weather().target = target;
    }

    /// Resets every connection, and refuses new ones for so long.
    pub fn cut(&self, down: Duration) {
        let until = Instant::now() + down;
        self.shared.weather().down_until = Some(until);
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts one connection in the middle of a message: the next one this way that is longer than so many bytes.
    pub fn tear(&self, way: Way, after_bytes: usize) {
        self.shared.weather().tear = Some((way, after_bytes));
    }

    /// Holds back everything.
    pub fn delay(&self, delay: Duration) {
        self.shared.weather().delay = delay;
    }

    /// From now on no open connection passes answers on, nor questions where `both` are lost; none is closed, ever.
    pub fn swallow(&self, both: bool) {
        for link in &self.shared.weather().links {
            link.answered.store(true, Ordering::Relaxed);
            link.asked.fetch_or(both, Ordering::Relaxed);
        }
    }

    /// New connections work, and nothing is held back any more. What was swallowed stays so.
    pub fn heal(&self) {
        let mut weather = self.shared.weather();
        weather.down_until = None;
        weather.delay = Duration::ZERO;
        weather.tear = None;
    }

    /// What happened so far.
    pub fn done(&self) -> Done {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Done {
            cut: count(&self.shared.cut),
            torn: count(&self.shared.torn),
            late: count(&self.shared.late),
            swallowed: count(&self.shared.swallowed),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap()
    }

    fn fate(&self, link: &Link, way: Way, bytes: usize) -> Fate {
        if link.swallows(way) {
            return Fate::Swallowed;
        }
        let mut weather = self.weather();
        match weather.tear {
            Some((torn, after)) if torn == way && bytes > after => {
                weather.tear = None;
                Fate::Torn(after)
            }
            _ => Fate::Passes(weather.delay),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // Out of file descriptors, or reset before it was taken: the next one may come.
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(carry(client, Arc::clone(&shared)));
    }
}

/// One connection, from its beginning to its end.
async fn carry(mut client: TcpStream, shared: Arc<Shared>) {
    // Subscribed before the link is known: a cut in between is not missed.
    let mut cuts = shared.cuts.subscribe();
    let link = Arc::new(Link::default());
    let target = {
        let mut weather = shared.weather();
        if weather
            .down_until
            .is_some_and(|until| Instant::now() < until)
        {
            drop(weather);
            count(&shared.cut);
            let _ = client.set_zero_linger();
            return;
        }
        weather.links.push(Arc::clone(&link));
        weather.target
    };
    // Nobody listens there now: the daemon sees the connection end.
    if let Ok(mut server) = TcpStream::connect(target).await {
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let cut = {
            let (client_reads, client_writes) = client.split();
            let (server_reads, server_writes) = server.split();
            let both = async {
                tokio::try_join!(
                    pump(client_reads, server_writes, Way::Asked, &link, &shared),
                    pump(server_reads, client_writes, Way::Answered, &link, &shared),
                )
            };
            tokio::select! {
                ended = both => ended.is_err(),
                _ = cuts.changed() => {
                    count(&shared.cut);
                    true
                }
            }
        };
        if cut {
            let _ = client.set_zero_linger();
            let _ = server.set_zero_linger();
        }
    }
    let mut weather = shared.weather();
    weather.links.retain(|other| !Arc::ptr_eq(other, &link));
}

/// Passes bytes on, one way, until they end. An error ends the whole connection hard.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    link: &Link,
    shared: &Shared,
) -> Result<(), ()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut buffer).await;
        // Nor is an end passed on where nothing is: the other side never hears that it is alone.
        if link.is_dead() && !matches!(read, Ok(1..)) {
            return std::future::pending().await;
        }
        let bytes = read.map_err(drop)?;
        if bytes == 0 {
            return to.shutdown().await.map_err(drop);
        }
        match shared.fate(link, way, bytes) {
            Fate::Swallowed => count(&shared.swallowed),
            Fate::Passes(delay) => {
                if !delay.is_zero() {
                    count(&shared.late);
                    tokio::time::sleep(delay).await;
                }
                to.write_all(&buffer[..bytes]).await.map_err(drop)?;
            }
            Fate::Torn(after) => {
                to.write_all(&buffer[..after]).await.map_err(drop)?;
                // A reset would take what was just written along: it is given the time to arrive.
                tokio::time::sleep(Duration::from_millis(5)).await;
                count(&shared.torn);
                return Err(());
            }
        }
    }
}
