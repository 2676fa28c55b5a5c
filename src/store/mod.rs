//! The records, in Postgres. One function a statement, named for what it does; every SQL text of the crate is here.

pub mod accept;
pub mod api_keys;
pub mod attempts;
pub mod audit;
mod bounded;
pub mod calls;
pub mod channels;
pub mod enqueued;
pub mod events;
pub mod figures;
pub mod idempotency;
pub mod intents;
mod json_text;
pub mod landings;
pub mod leases;
pub mod network;
pub mod partitions;
mod position;
pub mod prepare;
pub mod reconciliations;
pub mod recovery;
pub mod settle;
pub mod waiting;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgSeverity};
use sqlx::{Connection as _, PgPool};
use thiserror::Error;

use bounded::BoundedPool;

/// The NOTIFY channel on which new work is announced.
pub const WAKE_CHANNEL: &str = "submitter_intents";

/// Why the store could not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached, or ended the connection. Whether the change was made is not known.
    #[error("the database is away: {0}")]
    Away(sqlx::Error),
    /// The database answered with an error.
    #[error("the database refused: {0}")]
    Refused(sqlx::Error),
    /// A migration failed.
    #[error("the schema could not be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database URL cannot be understood. The URL itself is not shown: it may hold a password.
    #[error("the database URL is not valid: {0}")]
    Url(String),
    /// A worker's lease has ended; somebody else has its work.
    #[error("the lease of worker {0} has ended")]
    LeaseLost(uuid::Uuid),
    /// The records are not where they were: restored from a backup, or failed over to a replica.
    #[error(
        "the database is not the one that it was (restored, or failed over): what it may lack must be explained first"
    )]
    Moved,
    /// A daemon compares the records with the chain just now.
    #[error(
        "a daemon compares the records with the chain just now, and would say at the end that all is explained: try again when it has ended, or stop it"
    )]
    BeingExplained,
    /// A row that cannot be: it was written by something else.
    #[error("a row of {table} cannot be read: {what}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The records are about another network.
    #[error("the database belongs to the network {recorded:?}, but {configured:?} is configured")]
    OtherNetwork {
        /// The passphrase on record.
        recorded: String,
        /// The passphrase that is configured.
        configured: String,
    },
}

impl StoreError {
    /// Whether a lock was not had in the time that was set for it.
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        let Self::Refused(sqlx::Error::Database(error)) = self else {
            return false;
        };
        error.code().as_deref() == Some("55P03")
    }

    /// Whether two transactions waited for each other and this one was undone whole, so that it may be done again.
    #[must_use]
    pub fn is_deadlock(&self) -> bool {
        let Self::Refused(sqlx::Error::Database(error)) = self else {
            return false;
        };
        error.code().as_deref() == Some("40P01")
    }
}

#[cfg(feature = "simulation")]
impl StoreError {
    /// The answer of records that stand in for the database to what a constraint forbids.
    #[must_use]
    pub const fn refusal(what: String) -> Self {
        Self::Refused(sqlx::Error::Protocol(what))
    }

    /// The answer of records that stand in for the database on a connection that was cut.
    #[must_use]
    pub fn cut() -> Self {
        Self::Away(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => true,
            sqlx::Error::Database(database) => {
                let fatal = database
                    .try_downcast_ref::<PgDatabaseError>()
                    .is_some_and(|error| {
                        matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)
                    });
                // Class 08: connection; 53: resources; 57P: shutdown and crash; 25006: read-only after a failover; XX000 that ends
                // the connection: what a full disk says to one that begins.
                let code = database.code().unwrap_or_default();
                code.starts_with("08")
                    || code.starts_with("53")
                    || code.starts_with("57P")
                    || code == "25006"
                    || (code == "XX000" && fatal)
                    || code == "3D000"
            }
            _ => false,
        };
        if away {
            Self::Away(error)
        } else {
            Self::Refused(error)
        }
    }
}

/// The records.
#[derive(Clone, Debug)]
pub struct Store {
    pool: BoundedPool,
}

impl Store {
    /// Connects.
    ///
    /// # Errors
    /// [`StoreError::Url`] for a URL that cannot be understood, [`StoreError::Away`] where nothing answers.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url
            .parse()
            .map_err(|error: sqlx::Error| StoreError::Url(error.to_string()))?;
        // A money system waits for the disk, whatever the server's default is.
        let options = options.application_name("stellar-submitter").options([
            ("synchronous_commit", "on"),
            // Everything here is found by an index. A plan that was made while a table was small must not read all of
            // it when it has grown, and no plan is worth being compiled.
            ("enable_seqscan", "off"),
            ("jit", "off"),
        ]);
        let options = options.options(bounded::ENDS_BY_ITSELF);
        // One connection outside of the pool, whose errors say only that it ran out of time.
        let probe = tokio::time::timeout(bounded::ACQUIRE_LIMIT, async {
            let connection = sqlx::PgConnection::connect_with(&options).await?;
            connection.close().await
        });
        probe.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        let pool = BoundedPool::connect(options, max_connections).await?;
        Ok(Self { pool })
    }

    /// Brings the schema to this version's.
    ///
    /// # Errors
    /// [`StoreError::Migrate`].
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // Only where it is missing: whoever made it for us need not let us make others.
        sqlx::raw_sql(
            "do $$ begin
               if to_regnamespace('submitter') is null then create schema submitter; end if;
             exception when duplicate_schema or unique_violation then null; end $$",
        )
        .execute(&self.pool)
        .await?;
        migrator().run(self.pool.unbounded()).await?;
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The pool, for those that listen for notifications.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        self.pool.unbounded()
    }

    /// Announces new work to every daemon that listens, this one included. It takes a lock over the whole server, so it is
    /// not for every commit: polling finds what was not announced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wake(&self) -> Result<(), StoreError> {
        sqlx::query("select pg_notify($1, '')")
            .bind(WAKE_CHANNEL)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// The migrations, with their table inside our schema, which must exist: without a schema its place would follow the
/// search path, and that changes where a role has the schema's name.
#[must_use]
pub fn migrator() -> sqlx::migrate::Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.dangerous_set_table_name("submitter.migrations");
    migrator
}

/// A 32-byte column.
fn bytes32(table: &'static str, bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt {
        table,
        what: format!("{} bytes instead of 32", bytes.len()),
    })
}

/// A column that holds what `T` writes.
fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|error: T::Err| StoreError::Corrupt {
        table,
        what: format!("{text:?} {error}"),
    })
}

/// A number that is never negative in its column.
fn unsigned(table: &'static str, value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Corrupt {
        table,
        what: format!("{value} is negative"),
    })
}

/// A ledger's number.
fn ledger(
    table: &'static str,
    value: i64,
) -> Result<crate::domain::primitives::LedgerSeq, StoreError> {
    u32::try_from(value)
        .map(crate::domain::primitives::LedgerSeq)
        .map_err(|_| StoreError::Corrupt {
            table,
            what: format!("{value} is no ledger number"),
        })
}

/// A chain time as a column has it.
fn to_timestamp(at: crate::domain::primitives::ChainTime) -> time::OffsetDateTime {
    i64::try_from(at.0)
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        // Beyond the year 9999 a column need not know the difference.
        .unwrap_or(time::macros::datetime!(9999-12-31 23:59:59 UTC))
}

/// Announcements of new work.
pub struct Wakes(sqlx::postgres::PgListener);

impl Wakes {
    /// Waits for the next announcement; one that was missed while the connection was lost counts as one.
    ///
    /// # Errors
    /// [`StoreError`] where the connection is lost for good.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        self.0.try_recv().await?;
        Ok(())
    }
}

impl Store {
    /// Begins to hear announcements of new work.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn listen(&self) -> Result<Wakes, StoreError> {
        let mut listener = sqlx::postgres::PgListener::connect_with(self.pool.unbounded()).await?;
        listener.listen(WAKE_CHANNEL).await?;
        Ok(Wakes(listener))
    }
}

/// Makes a database beside the one of the URL, named by the time; returns its name.
///
/// # Errors
/// [`StoreError`].
pub async fn create_database(url: &str) -> Result<String, StoreError> {
    let store = Store::connect(url, 1).await?;
    let (name,): (String,) = sqlx::query_as(
        "select 'run_' || to_char(clock_timestamp() at time zone 'utc', 'YYYYMMDD_HH24MISS_US')",
    )
    .fetch_one(&store.pool)
    .await?;
    // The name was made just above, out of digits.
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}")))
        .execute(&store.pool)
        .await?;
    store.pool().close().await;
    Ok(name)
}
