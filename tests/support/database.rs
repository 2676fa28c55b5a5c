//! One server for the whole test binary, one database a test, copied from a migrated template.
//!
//! The server is `DATABASE_URL`'s where that is set (its role must be allowed to make databases), else one that we start and that ends with this process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use stellar_submitter::dev::postgres::{Options, Postgres};
use tokio::sync::OnceCell;

/// Connections a test may hold in its own pool.
const POOL: u32 = 8;

/// Longest wait for one of them: a machine that compiles beside the tests is slow.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(30);

/// The advisory lock under which a template is made ("template" in ASCII).
const TEMPLATE_LOCK: i64 = 0x7465_6d70_6c61_7465;

/// A database of one test alone, with the crate's schema.
pub async fn database() -> TestDatabase {
    static SCHEMA: OnceCell<Template> = OnceCell::const_new();
    SCHEMA
        .get_or_init(|| async {
            let mut migrations = stellar_submitter::store::migrator();
            migrations.create_schema("submitter");
            Template::new(&migrations).await
        })
        .await
        .database()
        .await
}

/// A migrated database that is only ever copied.
pub struct Template {
    name: String,
}

impl Template {
    /// Finds or makes the template of these migrations.
    pub async fn new(migrations: &Migrator) -> Self {
        let server = server().await;
        let mut hash = Sha256::new();
        for migration in migrations.iter() {
            hash.update(&migration.checksum);
        }
        let name = format!("submitter_template_{}", hex::encode(&hash.finalize()[..8]));
        let mut admin = PgConnection::connect_with(&server.options).await.unwrap();
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(TEMPLATE_LOCK)
            .execute(&mut admin)
            .await
            .unwrap();
        let known: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(&name)
                .fetch_one(&mut admin)
                .await
                .unwrap();
        if !known {
            // Under another name until it is whole: a run that was killed in between must not leave half a template behind.
            let unfinished = format!("{name}_new");
            run(
                &mut admin,
                format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"),
            )
            .await;
            run(&mut admin, format!("CREATE DATABASE {unfinished}")).await;
            let options = server.options.clone().database(&unfinished);
            let mut fresh = PgConnection::connect_with(&options).await.unwrap();
            migrations.run(&mut fresh).await.unwrap();
            fresh.close().await.unwrap();
            run(
                &mut admin,
                format!("ALTER DATABASE {unfinished} RENAME TO {name}"),
            )
            .await;
        }
        admin.close().await.unwrap();
        Self { name }
    }

    /// A copy for one test.
    pub async fn database(&self) -> TestDatabase {
        TestDatabase::create(&format!("TEMPLATE {}", self.name)).await
    }
}

/// A database of one test alone, with nothing in it.
pub async fn empty_database() -> TestDatabase {
    TestDatabase::create("").await
}

/// A test's own database. On a server of ours it goes with the server; on a given one it is dropped at the end of the test.
pub struct TestDatabase {
    /// For processes; treat as a secret.
    pub url: String,
    pub pool: PgPool,
    name: String,
}

impl TestDatabase {
    async fn create(template: &str) -> Self {
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let server = server().await;
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("submitter_test_{}_{number}", std::process::id());
        let mut admin = PgConnection::connect_with(&server.options).await.unwrap();
        if server.ours.is_none() {
            // An earlier run with our process id may have been killed.
            run(
                &mut admin,
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            )
            .await;
        }
        run(&mut admin, format!("CREATE DATABASE {name} {template}")).await;
        admin.close().await.unwrap();
        let pool = PgPoolOptions::new()
            .max_connections(POOL)
            .acquire_timeout(ACQUIRE_LIMIT)
            .connect_with(server.options.clone().database(&name))
            .await
            .unwrap();
        Self {
            url: server.url_of(&name),
            pool,
            name,
        }
    }

    /// Loses everything: the database is dropped, whoever uses it, and made again, empty.
    pub async fn lose(&self) {
        self.replace("").await;
    }

    /// A copy as of now; nobody may be connected, so everybody is cut off first.
    pub async fn copy(&self) -> String {
        let copy = format!("{}_copy", self.name);
        let mut admin = PgConnection::connect_with(&server().await.options)
            .await
            .unwrap();
        self.cut_off(&mut admin).await;
        run(
            &mut admin,
            format!("CREATE DATABASE {copy} TEMPLATE {}", self.name),
        )
        .await;
        copy
    }

    /// Puts a copy in the place of what is there now.
    pub async fn restore(&self, copy: &str) {
        self.replace(&format!("TEMPLATE {copy}")).await;
    }

    async fn replace(&self, template: &str) {
        let name = &self.name;
        let mut admin = PgConnection::connect_with(&server().await.options)
            .await
            .unwrap();
        run(&mut admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        run(&mut admin, format!("CREATE DATABASE {name} {template}")).await;
    }

    async fn cut_off(&self, admin: &mut PgConnection) {
        sqlx::query(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
        )
        .bind(&self.name)
        .execute(admin)
        .await
        .unwrap();
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(server) = SERVER.get().filter(|server| server.ours.is_none()) else {
            return;
        };
        let name = std::mem::take(&mut self.name);
        // A thread, because the test's runtime is at its end and cannot be waited on here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut admin = PgConnection::connect_with(&server.options).await.unwrap();
                run(
                    &mut admin,
                    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                )
                .await;
            });
        });
        if dropping.join().is_err() {
            eprintln!("a test database stays behind on the server of DATABASE_URL");
        }
    }
}

struct Server {
    url: url::Url,
    options: PgConnectOptions,
    /// Never dropped, being in a static: its watchdog ends it with this process.
    ours: Option<Postgres>,
}

impl Server {
    fn url_of(&self, database: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(database);
        url.into()
    }
}

static SERVER: OnceLock<Server> = OnceLock::new();

/// The server of this run. Starting one blocks, so it is done where blocking is fine; tests that come meanwhile wait.
async fn server() -> &'static Server {
    tokio::task::spawn_blocking(|| {
        SERVER.get_or_init(|| {
            let (url, ours) = match std::env::var("DATABASE_URL") {
                Ok(url) if !url.is_empty() => (url, None),
                _ => {
                    let server = Postgres::start(Options::from_env().unwrap()).unwrap();
                    (server.url(), Some(server))
                }
            };
            Server {
                options: url.parse().unwrap(),
                url: url.parse().unwrap(),
                ours,
            }
        })
    })
    .await
    .unwrap()
}

/// Runs a statement made of names that this file made up.
async fn run(connection: &mut PgConnection, statement: String) {
    sqlx::query(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .unwrap();
}
