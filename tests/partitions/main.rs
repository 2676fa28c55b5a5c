//! Tables in a partition a month: made before their time, filled while they are made, dropped when they are old.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[path = "../support/mod.rs"]
mod support;

mod command;
mod months;
mod retention;

use sqlx::{AssertSqlSafe, PgPool};
use stellar_submitter::store::Store;
use uuid::Uuid;

use support::TestDatabase;

/// Whose everything is here.
pub const TENANT: &str = "acme";
/// Enough for any page of a test.
pub const ALL: i64 = 100_000;

pub async fn store(database: &TestDatabase) -> Store {
    Store::connect(&database.url, 4).await.unwrap()
}

/// Runs statements that a test made up.
pub async fn run(pool: &PgPool, statements: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(statements.into()))
        .execute(pool)
        .await
        .unwrap();
}

/// The answer to a question of one column.
pub async fn ask<T>(pool: &PgPool, question: impl Into<String>) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(question.into()))
        .fetch_one(pool)
        .await
        .unwrap()
}

/// An event of a time, such as `now() - interval '40 days'`; returns its number.
pub async fn event(pool: &PgPool, intent: Uuid, at: &str) -> i64 {
    ask(
        pool,
        format!(
            "insert into submitter.events (at, tenant, intent_id, kind, data)
             values ({at}, '{TENANT}', '{intent}', 'intent.parked', '{{}}') returning id"
        ),
    )
    .await
}

/// A submission of a time.
pub async fn submission(pool: &PgPool, intent: Uuid, at: &str) {
    run(
        pool,
        format!(
            "insert into submitter.submissions (answered_at, intent_id, number, hash, answer)
             values ({at}, '{intent}', 1, '', '{{}}')"
        ),
    )
    .await;
}

/// A parked intent that was accepted at a time.
pub async fn intent(pool: &PgPool, accepted: &str) -> Uuid {
    let id = Uuid::now_v7();
    run(
        pool,
        format!(
            "insert into submitter.intents (id, tenant, workflow_id, method, request, status, due_at, reason, created_at, updated_at)
             values ('{id}', '{TENANT}', '{id}', 'payment', '{{}}', 'parked', null, '{{}}', {accepted}, now())"
        ),
    )
    .await;
    id
}

/// The numbers of the tenant's events after one.
pub async fn feed(store: &Store, after: i64) -> Vec<i64> {
    let events = store.events(TENANT, (after, i64::MAX), None, ALL).await;
    events.unwrap().iter().map(|event| event.id).collect()
}

/// The partitions of a table that are not its default, the oldest first.
pub async fn months(pool: &PgPool, table: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select name from submitter.partitions where parent = $1 and ends_at is not null order by starts_at",
    )
    .bind(table)
    .fetch_all(pool)
    .await
    .unwrap()
}

/// What the partition of a month is called, so many months from now.
pub async fn name_of(pool: &PgPool, table: &str, month: i32) -> String {
    ask(
        pool,
        format!(
            "select '{table}_' || to_char(date_trunc('month', now() at time zone 'utc') + {month} * interval '1 month', 'YYYYMM')"
        ),
    )
    .await
}
