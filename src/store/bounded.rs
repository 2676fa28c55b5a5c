//! The pool, with a limit on every statement: a connection on which no answer ever comes (a firewall that forgot it, a server that hangs) must not hold up
//! its caller for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use sqlx::postgres::{
    PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres,
};
use sqlx::{Connection as _, Either, Error, Execute, Executor, PgPool, SqlStr, Transaction};
use tokio::time::{Instant, timeout, timeout_at};

use super::position::LogPosition;

/// Longest wait for a connection before the database counts as away.
pub const ACQUIRE_LIMIT: Duration = Duration::from_secs(5);
/// Longest wait for a connection that is never replaced: so long it takes to be told that it is lost.
const ONE_ACQUIRE_LIMIT: Duration = Duration::from_secs(2);
/// Longest wait for the answer to a statement, the wait for a connection included. What it has changed by then is not known.
const STATEMENT_LIMIT: Duration = Duration::from_secs(15);
/// Longest wait for the answer of a connection that is only tried.
const PING_LIMIT: Duration = Duration::from_secs(2);
/// After so long a rest a connection is tried before it is used. It was when it was given back, so one that is in steady use needs no second round trip for
/// each statement.
const TRIED_AFTER: Duration = Duration::from_secs(1);

/// What the server ends by itself where we have gone without its hearing of it: else what such a connection locks stays locked, in the worst case for two
/// hours. An open transaction without a statement for longer than a statement may take is one of those.
pub const ENDS_BY_ITSELF: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "15s"),
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// Connections to the records.
#[derive(Clone, Debug)]
pub struct BoundedPool {
    pool: PgPool,
    position: Arc<LogPosition>,
}

/// Nothing was answered.
fn silence() -> Error {
    Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "nothing was answered in time",
    ))
}

/// The outcome, or [`Error::Io`] at the limit of a statement. What is given up is not waited for.
pub async fn within<T, E: From<Error>>(
    outcome: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(STATEMENT_LIMIT, outcome)
        .await
        .unwrap_or_else(|_| Err(silence().into()))
}

/// Whether a connection answers; one that does not is thrown away.
async fn ping(connection: &mut sqlx::PgConnection) -> Result<bool, Error> {
    timeout(PING_LIMIT, connection.ping())
        .await
        .unwrap_or_else(|_| Err(silence()))?;
    Ok(true)
}

impl BoundedPool {
    /// Opens a first connection.
    pub async fn connect(options: PgConnectOptions, max_connections: u32) -> Result<Self, Error> {
        let position = Arc::new(LogPosition::default());
        let asked = Arc::clone(&position);
        let pool = PgPoolOptions::new()
            // A server that was put back cut all connections: the first that is made anew can tell, before it is used.
            .after_connect(move |connection, _| {
                let position = Arc::clone(&asked);
                Box::pin(async move {
                    // A schema that is not there yet has nothing to lose.
                    let _ = position.ask(connection).await;
                    Ok(())
                })
            })
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            .test_before_acquire(false)
            .before_acquire(|connection, rested| {
                Box::pin(async move {
                    if rested.idle_for < TRIED_AFTER {
                        return Ok(true);
                    }
                    ping(connection).await
                })
            })
            // The pool tries it as well, but would wait for ever, and the place of such a connection be lost.
            .after_release(|connection, _| Box::pin(ping(connection)))
            .connect_with(options)
            .await?;
        Ok(Self { pool, position })
    }

    /// One connection, never replaced: where it is lost, everything fails from then on.
    pub fn of_one(options: PgConnectOptions) -> Self {
        let connected = Arc::new(AtomicBool::new(false));
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(ONE_ACQUIRE_LIMIT)
            .test_before_acquire(false)
            .after_connect(move |_, _| {
                let again = connected.swap(true, Ordering::AcqRel);
                // Not an error that the pool would take for a reason to try once more.
                let outcome = if again {
                    Err(Error::PoolClosed)
                } else {
                    Ok(())
                };
                Box::pin(std::future::ready(outcome))
            })
            .connect_lazy_with(options);
        Self {
            pool,
            position: Arc::default(),
        }
    }

    /// How far the server's log was seen to go.
    pub fn position(&self) -> &LogPosition {
        &self.position
    }

    /// Closes every connection; who has one is waited for as long as for a statement.
    pub async fn close(&self) {
        let _ = timeout(STATEMENT_LIMIT, self.pool.close()).await;
    }

    /// The pool itself, for what may take longer than any statement: migrations, waiting for notifications.
    pub const fn unbounded(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction. Its statements have their limit from [`within`].
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, Error> {
        within(self.pool.begin()).await
    }
}

impl<'p> Executor<'p> for &'p BoundedPool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let until = Instant::now() + STATEMENT_LIMIT;
        let steps = Some(self.pool.fetch_many(query));
        stream::unfold(steps, move |steps| async move {
            let mut steps = steps?;
            match timeout_at(until, steps.next()).await {
                Ok(step) => Some((step?, Some(steps))),
                Err(_) => Some((Err(silence()), None)),
            }
        })
        .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(within(self.pool.fetch_optional(query)))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        Box::pin(within(self.pool.prepare_with(sql, parameters)))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        Box::pin(within(self.pool.describe(sql)))
    }
}
