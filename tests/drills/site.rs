//! A world of processes for one drill: the ledger, a PostgreSQL, two daemons, and what goes wrong with Horizon.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::crew::Crew;
use crate::orders::{Ids, Order};
use crate::verdict::{Attempt, Verdict};
use crate::world::{Ledger, Setup, account, eventually, key};

/// Seconds between ledgers.
const LEDGER_SECONDS: &str = "0.25";
/// Daemons on one database.
const DAEMONS: usize = 2;
/// How long the making of channels may take.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// How long may pass without a single intent becoming final.
const STANDSTILL_LIMIT: Duration = Duration::from_secs(90);
/// How often the records are asked how far everything is.
const POLL: Duration = Duration::from_millis(200);
/// Questions at once.
const ASKED_AT_ONCE: usize = 8;
/// Ledgers after which nothing that was signed can still land.
const PAST_EVERY_FENCE: u64 = 14;

/// What differs between drills.
pub struct Plan<'a> {
    pub name: &'static str,
    pub channels: u32,
    /// For the ledger.
    pub flags: &'a [&'a str],
    /// An account of its own pays all fees.
    pub is_sponsored: bool,
}

/// The world of a drill.
pub struct Site {
    name: &'static str,
    seed: u64,
    pub random: ChaCha8Rng,
    pub ledger: Ledger,
    pub cluster: Cluster,
    /// Servers that are not used any more.
    past: Vec<Cluster>,
    pub setup: Setup,
    pub crew: Crew,
}

impl Site {
    /// With two daemons that have made their channels, and accounts that can be paid.
    pub async fn open(plan: &Plan<'_>) -> Self {
        let seed = crate::seed();
        let flags = [&["--ledger-seconds", LEDGER_SECONDS], plan.flags].concat();
        let (ledger, cluster) = tokio::join!(Ledger::start(&flags), Cluster::start());
        for name in ["source", "bob", "fees"] {
            ledger.fund(account(name)).await;
        }
        let mut setup = Setup::new(&ledger, &cluster.url());
        setup.channels(plan.channels);
        if plan.is_sponsored {
            let secret = key("fees");
            let secret = secret.written();
            setup
                .set("ACCOUNTS__FEE_SECRET", secret.expose_secret())
                .set("FEES__PAYER", "fee_account");
        }
        let crew = Crew::start(&setup, DAEMONS);
        let site = Self {
            name: plan.name,
            seed,
            random: ChaCha8Rng::seed_from_u64(seed),
            ledger,
            cluster,
            past: Vec::new(),
            setup,
            crew,
        };
        site.until_ready(plan.channels).await;
        site
    }

    async fn until_ready(&self, channels: u32) {
        let asked =
            "select count(*) from submitter.channels where kind = 'channel' and state = 'open'";
        eventually("the channels are made", READY_LIMIT, async || {
            (self.count(asked).await? >= i64::from(channels)).then_some(())
        })
        .await;
    }

    /// Everything of Horizon's that goes wrong at times, from now on.
    pub async fn misbehave(&self) {
        let harsh = crate::harsh();
        let rate = |rate: f64| (rate * harsh).min(0.6);
        self.ledger
            .faults(json!({
                "seed": self.seed % 100_000,
                "lose_answer_after": rate(0.08),
                "lose_answer_before": rate(0.04),
                "answer_504": rate(0.08),
                "answer_503": rate(0.03),
                "late_bad_seq": rate(0.03),
                "never_land": rate(0.03),
                "delay_ledgers": {"rate": rate(0.1), "max": 8},
                "cut_body": rate(0.01),
                "read_lag_ledgers": 3,
            }))
            .await;
    }

    /// Another server has the records from now on.
    pub fn use_cluster(&mut self, cluster: Cluster) {
        self.past
            .push(std::mem::replace(&mut self.cluster, cluster));
        let url = self.cluster.url();
        self.setup.set("DATABASE__URL", &url);
    }

    async fn count(&self, asked: &'static str) -> Option<i64> {
        let mut records = self.cluster.connect().await?;
        sqlx::query_scalar(asked).fetch_one(&mut records).await.ok()
    }

    /// How many of the intents of clients have succeeded, as far as the records say. Only for choosing a moment.
    async fn succeeded(&self) -> Option<i64> {
        self.count("select count(*) from submitter.intents where tenant <> 'system' and status = 'succeeded'")
            .await
    }

    /// Waits until so many have succeeded.
    pub async fn until_succeeded(&self, count: usize) {
        let asked = async || self.succeeded().await;
        let count = i64::try_from(count).unwrap();
        self.until(&format!("{count} have succeeded"), count, asked)
            .await;
    }

    /// Waits until so many are final.
    pub async fn until_final(&self, count: usize) {
        let asked = async || {
            self.count("select count(*) from submitter.intents where tenant <> 'system' and finished_at is not null")
                .await
        };
        let count = i64::try_from(count).unwrap();
        self.until(&format!("{count} are final"), count, asked)
            .await;
    }

    /// Waits as long as it goes on.
    async fn until(&self, what: &str, count: i64, asked: impl AsyncFn() -> Option<i64>) {
        let (mut most, mut since) = (-1, Instant::now());
        loop {
            let now = asked().await.unwrap_or(-1);
            if now >= count {
                return;
            }
            if now > most {
                (most, since) = (now, Instant::now());
            }
            if since.elapsed() > STANDSTILL_LIMIT {
                let open = self.open_intents().await;
                panic!(
                    "DRILL_SEED={}: {what}: it stands still at {most}; still open: {open:#?}",
                    self.seed
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Some of those that are not final.
    async fn open_intents(&self) -> Vec<(String, String, Option<String>)> {
        let Some(mut records) = self.cluster.connect().await else {
            return Vec::new();
        };
        let asked = "select workflow_id, status, reason from submitter.intents where finished_at is null order by created_at limit 20";
        sqlx::query_as(asked)
            .fetch_all(&mut records)
            .await
            .unwrap_or_default()
    }

    /// Nothing goes wrong any more, and whatever was still on its way has its chance to do harm. Then the ledger says what
    /// happened.
    pub async fn judge(&self, orders: &[Order], ids: &Ids) {
        self.judge_besides(&[], orders, ids).await;
    }

    /// The same where others have landed that nobody asks for again, and of which nothing is said.
    pub async fn judge_besides(&self, before: &[Order], orders: &[Order], ids: &Ids) {
        self.ledger.faults(json!({})).await;
        self.ledger.pass(PAST_EVERY_FENCE).await;
        let said = self.said(ids).await;
        let mut records = self.cluster.connect().await.expect("the database answers");
        let attempts: Vec<Attempt> = sqlx::query_as(
            "select i.workflow_id, a.state, encode(a.hash, 'hex') from submitter.attempts a join submitter.intents i on i.id = a.intent_id",
        )
        .fetch_all(&mut records)
        .await
        .unwrap();
        let verdict = Verdict::of(&self.ledger, before, orders, &said, &attempts).await;
        let panicked = self.crew.has_said("panicked at");
        if !verdict.is_good() || panicked {
            panic!(
                "DRILL_SEED={} DRILL_INTENTS={}; a daemon panicked: {panicked}\n{verdict}",
                self.seed,
                crate::intents(),
            );
        }
    }

    /// What is said of each, by workflow.
    async fn said(&self, ids: &Ids) -> HashMap<String, Value> {
        let clients = self.crew.clients();
        let client = clients.first().expect("a daemon answers");
        stream::iter(ids)
            .map(async |(workflow, id)| (workflow.clone(), client.intent(id).await))
            .buffer_unordered(ASKED_AT_ONCE)
            .collect()
            .await
    }

    /// A line for who watches.
    pub fn tell(&self, what: &str) {
        println!("{}: {what}", self.name);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("drill-{}-{}", self.name, self.seed));
        std::fs::create_dir_all(&folder).unwrap();
        self.crew.save_logs(&folder);
        for (number, cluster) in self.past.iter().chain([&self.cluster]).enumerate() {
            let file = folder.join(format!("postgres-{number}.log"));
            std::fs::write(file, cluster.log()).unwrap();
        }
        std::fs::write(folder.join("ledger.log"), self.ledger.process.log()).unwrap();
        println!(
            "{}: DRILL_SEED={}; the logs are in {}",
            self.name,
            self.seed,
            folder.display()
        );
    }
}
