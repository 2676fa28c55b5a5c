//! What the cases are run against: the records, and what the tests need of them besides.

use std::ops::Deref;

use async_trait::async_trait;
use serde_json::Value;
use sqlx::{AssertSqlSafe, FromRow};
use stellar_submitter::simulation::records::MemoryRecords;
use stellar_submitter::store::attempts::{AttemptRow, BumpRow};
use stellar_submitter::store::intents::{Change, IntentRow};
use stellar_submitter::store::{Store, StoreError};
use stellar_submitter::worker::records::Records;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::{self, TestDatabase};

/// Connections of a store: one for each claim that a case holds, and some.
const CONNECTIONS: u32 = 8;

/// Records under test. It can do whatever [`Records`] can.
#[async_trait]
pub trait Book: Send + Sync {
    fn records(&self) -> &(dyn Records + 'static);
    async fn cancel(&self, tenant: &str, id: Uuid) -> Result<Change, StoreError>;
    async fn enqueue(&self, workflow: &str, body: &Value) -> Result<Uuid, StoreError>;
    /// The database is another one from now on.
    async fn move_away(&self);
    /// Every connection is cut, as by a restart, a failover or a restore.
    async fn cut(&self);
    /// Of several idle channels these are taken first, where that can be said.
    fn prefer_channels(&self, accounts: &[String]);
    /// All rows, each table in an order of its own.
    async fn rows(&self) -> Rows;
}

/// What is on record.
#[derive(Debug)]
pub struct Rows {
    pub intents: Vec<IntentRow>,
    pub attempts: Vec<AttemptRow>,
    pub bumps: Vec<BumpRow>,
    /// In the order in which they were written, by intent.
    pub events: Vec<(Uuid, String, Value)>,
    /// In the order in which they were written, by intent: number, hash, answer.
    pub submissions: Vec<(Uuid, i32, Vec<u8>, Value)>,
}

impl Rows {
    pub fn intent(&self, id: Uuid) -> &IntentRow {
        self.intents.iter().find(|row| row.id == id).unwrap()
    }

    pub fn attempts(&self, id: Uuid) -> Vec<&AttemptRow> {
        let rows = self.attempts.iter();
        rows.filter(|row| row.intent_id == id).collect()
    }

    /// The types of an intent's events.
    pub fn events(&self, id: Uuid) -> Vec<&str> {
        let events = self.events.iter().filter(|(of, ..)| *of == id);
        events.map(|(_, kind, _)| kind.as_str()).collect()
    }

    /// The newest event of an intent.
    pub fn newest(&self, id: Uuid) -> &Value {
        let mut events = self.events.iter().rev();
        &events.find(|(of, ..)| *of == id).unwrap().2
    }
}

impl Deref for dyn Book + '_ {
    type Target = dyn Records + 'static;

    fn deref(&self) -> &Self::Target {
        self.records()
    }
}

/// Records in memory, whose clock shows what ours does.
pub fn memory() -> MemoryRecords {
    MemoryRecords::new(OffsetDateTime::now_utc().unix_timestamp())
}

#[async_trait]
impl Book for MemoryRecords {
    fn records(&self) -> &(dyn Records + 'static) {
        self
    }

    async fn cancel(&self, tenant: &str, id: Uuid) -> Result<Change, StoreError> {
        Self::cancel(self, tenant, id).await
    }

    async fn enqueue(&self, workflow: &str, body: &Value) -> Result<Uuid, StoreError> {
        Self::enqueue(self, crate::given::TENANT, workflow, body)
    }

    async fn move_away(&self) {
        self.restore(&self.snapshot());
    }

    async fn cut(&self) {
        self.restart();
    }

    fn prefer_channels(&self, accounts: &[String]) {
        let accounts = accounts.iter().map(|account| account.parse().unwrap());
        Self::prefer_channels(self, &accounts.collect::<Vec<_>>());
    }

    async fn rows(&self) -> Rows {
        let intents = self.intents();
        let ids: Vec<Uuid> = intents.iter().map(|intent| intent.id).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        let bumps = self.fee_bumps(&ids).await.unwrap();
        let attempts = sorted.iter().flat_map(|id| self.attempts_of(*id));
        let events = sorted.iter().flat_map(|id| {
            let events = self.events_of(*id).into_iter();
            events.map(|(kind, data)| (*id, kind, data))
        });
        let submissions = sorted.iter().flat_map(|id| {
            let rows = self.submissions_of(*id).into_iter();
            rows.map(|row| (*id, row.number, row.hash, row.answer))
        });
        Rows {
            intents,
            attempts: attempts.collect(),
            bumps,
            events: events.collect(),
            submissions: submissions.collect(),
        }
    }
}

/// The store on a database of its own.
pub struct Postgres {
    store: Store,
    database: TestDatabase,
}

impl Postgres {
    pub async fn new() -> Self {
        let database = support::database().await;
        let store = Store::connect(&database.url, CONNECTIONS).await.unwrap();
        Self { store, database }
    }

    async fn all<T>(&self, sql: &str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let rows = sqlx::query_as(AssertSqlSafe(sql.to_owned()));
        rows.fetch_all(&self.database.pool).await.unwrap()
    }
}

#[async_trait]
impl Book for Postgres {
    fn records(&self) -> &(dyn Records + 'static) {
        &self.store
    }

    async fn cancel(&self, tenant: &str, id: Uuid) -> Result<Change, StoreError> {
        self.store.cancel(tenant, id).await
    }

    async fn enqueue(&self, workflow: &str, body: &Value) -> Result<Uuid, StoreError> {
        let (id,) = sqlx::query_as("select submitter.enqueue_intent($1, $2, $3)")
            .bind(crate::given::TENANT)
            .bind(workflow)
            .bind(body)
            .fetch_one(&self.database.pool)
            .await?;
        Ok(id)
    }

    async fn move_away(&self) {
        sqlx::query("update submitter.network set database = 'elsewhere'")
            .execute(&self.database.pool)
            .await
            .unwrap();
    }

    async fn cut(&self) {
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .execute(&self.database.pool)
        .await
        .unwrap();
    }

    fn prefer_channels(&self, _: &[String]) {}

    async fn rows(&self) -> Rows {
        Rows {
            intents: self
                .all("select * from submitter.intents order by seq")
                .await,
            attempts: self
                .all("select * from submitter.attempts order by intent_id, number")
                .await,
            bumps: self
                .all("select * from submitter.fee_bumps order by intent_id, number, ordinal")
                .await,
            events: self
                .all("select intent_id, kind, data from submitter.events order by intent_id, id")
                .await,
            submissions: self
                .all(
                    "select intent_id, number, hash, answer from submitter.submissions
                     order by intent_id, id",
                )
                .await,
        }
    }
}
