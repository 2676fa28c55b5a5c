//! A world of processes that everything may happen to: a fleet, its PostgreSQL, its Horizon, and what is between them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use serde_json::json;
use tokio::sync::Mutex;

use crate::blow::{Blow, Kind};
use crate::cluster::Cluster;
use crate::fleet::{Errors, Fleet};
use crate::proxy::{Proxy, Way};
use crate::traffic::{Posted, Traffic};
use crate::world::{Audit, Ledger, Setup, account};

/// Seconds between ledgers.
const LEDGER_SECONDS: &str = "0.25";
/// Daemons on one database.
const DAEMONS: usize = 2;
/// Channels that they share.
const CHANNELS: u32 = 8;
/// The lease of a daemon, the shortest that there is.
const LEASE: Duration = Duration::from_secs(3);
/// Blows that fall beside each other.
const ROWS: usize = 2;
/// How long everything may take to become final, once nothing goes wrong any more.
const SETTLE_LIMIT: Duration = Duration::from_secs(90);
/// Blows of a row between two signs of life.
const TOLD_EVERY: usize = 100;
/// Ledgers after which nothing that was signed can still land.
const PAST_EVERY_FENCE: u64 = 14;

/// How often a blow is tried that finds nobody to strike, and how soon again.
const TRIES: u32 = 10;
const RETRY: Duration = Duration::from_millis(200);

/// How often each kind really happened.
pub type Tally = BTreeMap<Kind, u64>;

/// What became of a world.
pub struct Outcome {
    pub tally: Tally,
    /// Intents by the status in which they ended.
    pub ends: BTreeMap<String, u64>,
    /// Intents of which more than one transaction was signed.
    pub rebuilt: usize,
    /// Errors that daemons told of.
    pub errors: Errors,
    /// From the end of the faults to the last final intent.
    pub settled_in: Duration,
}

/// The world.
struct Site {
    fleet: Fleet,
    cluster: Mutex<Cluster>,
    to_database: Proxy,
    to_horizon: Proxy,
    ledger: Ledger,
    tally: Mutex<Tally>,
}

/// Lives through these blows, and holds what is said against the ledger.
pub async fn live(seed: u64, blows: Vec<Blow>) -> Outcome {
    let site = Site::new().await;
    let traffic = Traffic::new(&site.fleet, &site.ledger).await;
    site.ledger.faults(sandbox_faults(seed)).await;

    let rows: Vec<Vec<Blow>> = (0..ROWS)
        .map(|row| blows.iter().skip(row).step_by(ROWS).copied().collect())
        .collect();
    let striking = AtomicBool::new(true);
    let (posted, ()) = tokio::join!(
        traffic.post_while(seed, || striking.load(Ordering::Relaxed)),
        async {
            let rows = rows.iter().map(|row| site.strike_all(row));
            futures_util::future::join_all(rows).await;
            striking.store(false, Ordering::Relaxed);
        },
    );
    site.heal().await;
    let begun = tokio::time::Instant::now();
    let mut said = Vec::new();
    for posted in &posted {
        let intent = traffic.ended(posted, begun + SETTLE_LIMIT).await;
        said.push((intent, posted));
    }
    let settled_in = begun.elapsed();
    drop(traffic);
    site.judge(&said).await;
    let mut ends = BTreeMap::new();
    for (intent, _) in &said {
        *ends
            .entry(intent["status"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let rebuilt = said
        .iter()
        .filter(|(intent, _)| intent["attempt_count"].as_u64() > Some(1))
        .count();
    let (tally, errors) = site.end().await;
    Outcome {
        tally,
        ends,
        rebuilt,
        errors,
        settled_in,
    }
}

/// What Horizon itself does wrong meanwhile.
fn sandbox_faults(seed: u64) -> serde_json::Value {
    json!({
        "seed": seed % 1000, "lose_answer_after": 0.1, "lose_answer_before": 0.05, "answer_504": 0.05, "answer_503": 0.05,
        "late_bad_seq": 0.05, "never_land": 0.05, "delay_ledgers": {"rate": 0.1, "max": 6}, "cut_body": 0.02,
        "read_lag_ledgers": 2
    })
}

impl Site {
    /// Begins with the migration and the making of channels, and the first blows may fall within them.
    async fn new() -> Self {
        let flags = ["--ledger-seconds", LEDGER_SECONDS];
        let (ledger, cluster) = tokio::join!(Ledger::start(&flags), Cluster::start());
        ledger.fund(account("source")).await;
        ledger.fund(account("bob")).await;
        let horizon: url::Url = ledger.url.parse().unwrap();
        let horizon = horizon.socket_addrs(|| None).unwrap()[0];
        let to_horizon = Proxy::start(horizon).await;
        let to_database = Proxy::start(cluster.address()).await;
        let mut setup = Setup::new(&ledger, &cluster.url_by(to_database.address));
        setup
            .channels(CHANNELS)
            .set("HORIZON__URLS", &format!("http://{}", to_horizon.address))
            // Deadlines in proportion to ledgers of a quarter of a second.
            .set("HORIZON__REQUEST_TIMEOUT_SECONDS", "2")
            .set("HORIZON__SUBMIT_ASYNC_TIMEOUT_SECONDS", "3")
            .set("ENGINE__LEASE_SECONDS", &LEASE.as_secs().to_string());
        Self {
            fleet: Fleet::start(&setup, DAEMONS),
            cluster: Mutex::new(cluster),
            to_database,
            to_horizon,
            ledger,
            tally: Mutex::new(Tally::new()),
        }
    }

    async fn strike_all(&self, blows: &[Blow]) {
        for (done, blow) in blows.iter().enumerate() {
            if done > 0 && done.is_multiple_of(TOLD_EVERY) {
                println!("{done} of {} blows of a row have fallen", blows.len());
            }
            tokio::time::sleep(Duration::from_millis(blow.pause_ms)).await;
            let mut happened = self.strike(blow).await;
            // There may be nobody to strike just now.
            for _ in 1..TRIES {
                if happened > 0 || is_counted_by_link(blow.kind) {
                    break;
                }
                tokio::time::sleep(RETRY).await;
                happened = self.strike(blow).await;
            }
            *self.tally.lock().await.entry(blow.kind).or_default() += happened;
        }
    }

    /// Strikes, and returns how often it happened at once. What a link does is counted there.
    async fn strike(&self, blow: &Blow) -> u64 {
        let (least, most) = lasts_ms(blow.kind);
        let length = Duration::from_millis(least + (most - least) * blow.length / 1000);
        match blow.kind {
            Kind::DaemonKilled => self.fleet.kill(blow.draw).await.into(),
            Kind::DaemonFrozen => self.fleet.freeze(blow.draw, LEASE + length).await.into(),
            Kind::LedgerFrozen => {
                self.ledger.process.signal_now(Signal::STOP);
                tokio::time::sleep(length).await;
                self.ledger.process.signal_now(Signal::CONT);
                1
            }
            Kind::PostgresStopped => {
                let mut cluster = self.cluster.lock().await;
                cluster.stop_immediately().await;
                tokio::time::sleep(length).await;
                cluster.start_again().await;
                self.to_database.aim(cluster.address());
                1
            }
            Kind::PostgresFrozen => {
                let cluster = self.cluster.lock().await;
                cluster.freeze(length).await as u64
            }
            Kind::SessionKilled => self
                .cluster
                .lock()
                .await
                .kill_session(blow.draw)
                .await
                .into(),
            Kind::SessionsTerminated => {
                let mut draws = ChaCha8Rng::seed_from_u64(blow.draw);
                // All of them, or each with an even chance.
                let percent = if blow.other_way { 100 } else { 50 };
                let cluster = self.cluster.lock().await;
                let ended = cluster.terminate_sessions(percent, || draws.random_range(0..100));
                ended.await as u64
            }
            Kind::DiskFull => {
                let mut cluster = self.cluster.lock().await;
                let ran_out = cluster.run_out_of_disk(length, blow.other_way).await;
                self.to_database.aim(cluster.address());
                ran_out.into()
            }
            Kind::DatabaseCut
            | Kind::DatabaseTorn
            | Kind::DatabaseSlow
            | Kind::DatabaseSwallowed => disturb(&self.to_database, blow, length).await,
            Kind::HorizonCut | Kind::HorizonTorn | Kind::HorizonSlow | Kind::HorizonSwallowed => {
                disturb(&self.to_horizon, blow, length).await
            }
        }
    }

    /// Nothing goes wrong any more; what was swallowed stays so.
    async fn heal(&self) {
        self.to_database.heal();
        self.to_horizon.heal();
        self.ledger.faults(json!({})).await;
    }

    /// The ledger alone says what happened.
    async fn judge(&self, said: &[(serde_json::Value, &Posted)]) {
        // Whatever was still on its way has had its chance to do harm.
        self.ledger.pass(PAST_EVERY_FENCE).await;
        for (intent, posted) in said {
            let status = intent["status"].as_str().unwrap();
            assert!(
                posted.may_end.contains(&status),
                "{:?}: {intent}",
                posted.may_end
            );
        }
        let said: Vec<_> = said
            .iter()
            .map(|(intent, posted)| (intent.clone(), &posted.body))
            .collect();
        Audit::new(&self.ledger, account("source"))
            .bears_out(&said)
            .await;
    }

    async fn end(self) -> (Tally, Errors) {
        let mut tally = self.tally.into_inner();
        let (database, horizon) = (self.to_database.done(), self.to_horizon.done());
        for (kind, count) in [
            (Kind::DatabaseCut, database.cut),
            (Kind::DatabaseTorn, database.torn),
            (Kind::DatabaseSlow, database.late),
            (Kind::DatabaseSwallowed, database.swallowed),
            (Kind::HorizonCut, horizon.cut),
            (Kind::HorizonTorn, horizon.torn),
            (Kind::HorizonSlow, horizon.late),
            (Kind::HorizonSwallowed, horizon.swallowed),
        ] {
            tally.insert(kind, count);
        }
        (tally, self.fleet.end().await)
    }
}

/// Does to a link what the blow says. Returns nothing: the link counts what became of it.
async fn disturb(link: &Proxy, blow: &Blow, length: Duration) -> u64 {
    match blow.kind {
        Kind::DatabaseCut | Kind::HorizonCut => link.cut(length),
        Kind::DatabaseTorn | Kind::HorizonTorn => {
            let way = if blow.other_way {
                Way::Asked
            } else {
                Way::Answered
            };
            let after = usize::try_from(1 + blow.draw % LONGEST_BEGINNING_BYTES).unwrap();
            link.tear(way, after);
        }
        Kind::DatabaseSlow | Kind::HorizonSlow => {
            let delay = Duration::from_millis(1 + blow.draw % LONGEST_DELAY_MS);
            link.delay(delay);
            tokio::time::sleep(length).await;
            link.delay(Duration::ZERO);
        }
        _ => link.swallow(blow.other_way),
    }
    0
}

/// The most that passes of a message that is torn.
const LONGEST_BEGINNING_BYTES: u64 = 250;
/// The longest that a message is held back, in milliseconds.
const LONGEST_DELAY_MS: u64 = 300;

/// Whether what comes of it is known only later.
const fn is_counted_by_link(kind: Kind) -> bool {
    match kind {
        Kind::DatabaseCut
        | Kind::DatabaseTorn
        | Kind::DatabaseSlow
        | Kind::DatabaseSwallowed
        | Kind::HorizonCut
        | Kind::HorizonTorn
        | Kind::HorizonSlow
        | Kind::HorizonSwallowed => true,
        Kind::DaemonKilled
        | Kind::DaemonFrozen
        | Kind::LedgerFrozen
        | Kind::PostgresStopped
        | Kind::PostgresFrozen
        | Kind::SessionKilled
        | Kind::SessionsTerminated
        | Kind::DiskFull => false,
    }
}

/// How long a kind lasts, at least and at most, in milliseconds; of a frozen daemon beyond its lease.
const fn lasts_ms(kind: Kind) -> (u64, u64) {
    match kind {
        Kind::DaemonFrozen => (300, 2_000),
        Kind::LedgerFrozen => (200, 2_500),
        // Short of the lease or beyond: then everybody's has ended at once.
        Kind::PostgresFrozen => (200, 4_500),
        Kind::PostgresStopped | Kind::DatabaseCut | Kind::HorizonCut => (0, 1_200),
        Kind::DiskFull | Kind::DatabaseSlow | Kind::HorizonSlow => (400, 1_500),
        Kind::DaemonKilled
        | Kind::SessionKilled
        | Kind::SessionsTerminated
        | Kind::DatabaseTorn
        | Kind::DatabaseSwallowed
        | Kind::HorizonTorn
        | Kind::HorizonSwallowed => (0, 0),
    }
}
