//! What is old goes by whole months; what it was about stays, and who reads goes on.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::support::database;
use crate::{ALL, TENANT, ask, event, feed, intent, months, run, store, submission};

/// Longest that a writer may wait while somebody else keeps a month from being dropped: a quarter of a second, on a slow machine.
const WRITE_LIMIT: Duration = Duration::from_secs(3);

async fn drop_older_than(store: &stellar_submitter::store::Store, days: u32) -> Vec<String> {
    let mut dropped = Vec::new();
    for partition in store.partitions_older_than(days).await.unwrap() {
        assert!(store.drop_partition(&partition).await.unwrap());
        dropped.push(partition.name);
    }
    dropped
}

#[tokio::test]
async fn old_months_go_and_readers_go_on() {
    let database = database().await;
    let (pool, store) = (&database.pool, store(&database).await);
    let id = intent(pool, "now() - interval '200 days'").await;
    let mut numbers = Vec::new();
    for days in [200, 160, 90, 0] {
        let at = format!("now() - interval '{days} days'");
        numbers.push(event(pool, id, &at).await);
        submission(pool, id, &at).await;
    }
    store.make_partitions().await.unwrap();
    let (before, landings) = (
        months(pool, "events").await,
        "select count(*) from submitter.intents",
    );
    assert_eq!(before.len(), 7);
    assert!(drop_older_than(&store, 400).await.is_empty());
    // Nothing that is younger than 120 days, whatever day of the month it is.
    let dropped = drop_older_than(&store, 120).await;
    assert_eq!(dropped.len(), 4, "{dropped:?}");
    assert!(
        dropped[0] < dropped[2] && dropped[1] < dropped[3],
        "the oldest first: {dropped:?}"
    );
    assert_eq!(months(pool, "events").await, before[2..]);
    assert!(drop_older_than(&store, 120).await.is_empty());

    assert_eq!(feed(&store, 0).await, numbers[2..]);
    assert_eq!(
        feed(&store, numbers[0]).await,
        numbers[2..],
        "a cursor that is not kept goes on"
    );
    let line = store
        .intent_events(TENANT, id, numbers[0], ALL)
        .await
        .unwrap();
    assert_eq!(
        line.iter().map(|event| event.id).collect::<Vec<_>>(),
        numbers[2..]
    );
    assert_eq!(
        ask::<i64>(pool, "select count(*) from submitter.submissions").await,
        2
    );
    assert_eq!(ask::<i64>(pool, landings).await, 1);
    // A number is never used again, so no cursor ever skips an event.
    assert!(event(pool, id, "default").await > numbers[3]);
}

#[tokio::test]
async fn a_month_is_kept_until_all_of_it_is_old_enough() {
    let database = database().await;
    let (pool, store) = (&database.pool, store(&database).await);
    event(
        pool,
        Uuid::now_v7(),
        "date_trunc('month', now(), 'UTC') - interval '1 second'",
    )
    .await;
    event(
        pool,
        Uuid::now_v7(),
        "date_trunc('month', now(), 'UTC') - interval '27 days'",
    )
    .await;
    store.make_partitions().await.unwrap();
    let days: i32 = ask(
        pool,
        "select extract(day from now() - date_trunc('month', now(), 'UTC'))::int",
    )
    .await;
    // The month ended so many whole days ago; its last event is not a day older.
    let days = u32::try_from(days).unwrap();
    assert!(
        store
            .partitions_older_than(days + 1)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.partitions_older_than(days).await.unwrap().len(), 1);
    assert!(
        store
            .partitions_older_than(u32::MAX)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn somebody_who_reads_for_long_delays_the_drop_and_nobody_else() {
    let database = database().await;
    let (pool, store) = (&database.pool, store(&database).await);
    event(pool, Uuid::now_v7(), "now() - interval '90 days'").await;
    store.make_partitions().await.unwrap();
    let old = store.partitions_older_than(40).await.unwrap().remove(0);
    let mut long = pool.begin().await.unwrap();
    sqlx::query("select count(*) from submitter.events")
        .execute(&mut *long)
        .await
        .unwrap();
    let writer = {
        let pool = pool.clone();
        async move {
            let mut longest = Duration::ZERO;
            loop {
                let begun = Instant::now();
                event(&pool, Uuid::now_v7(), "default").await;
                longest = longest.max(begun.elapsed());
                assert!(longest < WRITE_LIMIT, "a writer waited {longest:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let dropping = tokio::time::timeout(Duration::from_secs(60), store.drop_partition(&old));
    let error = tokio::select! {
        done = dropping => done.expect("it gives up").unwrap_err(),
        () = writer => unreachable!("it writes for ever"),
    };
    assert!(error.is_locked_out(), "{error}");
    assert!(months(pool, "events").await.contains(&old.name));
    // A reader of that partition alone, as vacuum is.
    long.rollback().await.unwrap();
    let mut alone = pool.begin().await.unwrap();
    let statement = format!(
        "lock table submitter.{} in share update exclusive mode",
        old.name
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(&mut *alone)
        .await
        .unwrap();
    assert!(
        store
            .drop_partition(&old)
            .await
            .unwrap_err()
            .is_locked_out()
    );
    alone.rollback().await.unwrap();
    // Of several that drop it, one does.
    let (one, other) = tokio::join!(store.drop_partition(&old), store.drop_partition(&old));
    assert!(one.unwrap() != other.unwrap());
    assert!(!months(pool, "events").await.contains(&old.name));
    run(pool, "select 1").await;
}
