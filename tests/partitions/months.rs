//! Partitions are there before their time; where one is not, nothing fails and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uuid::Uuid;

use crate::support::database;
use crate::{TENANT, ask, event, feed, intent, months, name_of, run, store, submission};

const TABLES: [&str; 2] = ["events", "submissions"];

#[tokio::test]
async fn this_month_and_the_next_are_there_and_several_daemons_keep_them_so() {
    let database = database().await;
    let pool = &database.pool;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(store(&database).await);
    }
    for table in TABLES {
        let names = months(pool, table).await;
        let mut expected = Vec::new();
        for month in 0..=3 {
            expected.push(name_of(pool, table, month).await);
        }
        assert_eq!(names, expected);
    }
    assert_eq!(stores[0].make_partitions().await.unwrap(), 0);
    let (near, far) = (
        name_of(pool, "events", 1).await,
        name_of(pool, "submissions", 3).await,
    );
    run(
        pool,
        format!("drop table submitter.{near}; drop table submitter.{far}"),
    )
    .await;
    let making = stores
        .iter()
        .map(|store| async { store.make_partitions().await.unwrap() });
    let made: u32 = futures_util::future::join_all(making).await.iter().sum();
    assert_eq!(made, 2, "each is made once");
    for table in TABLES {
        assert_eq!(months(pool, table).await.len(), 4);
    }
    let tuned: i64 = ask(
        pool,
        "select count(*) from pg_class where relnamespace = 'submitter'::regnamespace and relispartition and relkind = 'r'
           and 'autovacuum_freeze_min_age=0' = any (reloptions)",
    )
    .await;
    assert_eq!(
        tuned, 8,
        "each partition of a month says how vacuum keeps it"
    );
}

#[tokio::test]
async fn months_are_of_utc_wherever_the_session_is() {
    let database = database().await;
    let mut session = database.pool.acquire().await.unwrap();
    sqlx::raw_sql("set timezone = 'America/New_York'; set datestyle = 'SQL, DMY'")
        .execute(&mut *session)
        .await
        .unwrap();
    // In New York it is still the last day of October.
    let made: bool =
        sqlx::query_scalar("select submitter.make_partition('events', '2031-11-01 00:30:00+00')")
            .fetch_one(&mut *session)
            .await
            .unwrap();
    assert!(made);
    let whole: bool = sqlx::query_scalar(
        "select starts_at = '2031-11-01 00:00:00+00' and ends_at = '2031-12-01 00:00:00+00'
         from submitter.partitions where name = 'events_203111'",
    )
    .fetch_one(&mut *session)
    .await
    .unwrap();
    assert!(whole);
    let again: bool =
        sqlx::query_scalar("select submitter.make_partition('events', '2031-11-30 23:30:00+00')")
            .fetch_one(&mut *session)
            .await
            .unwrap();
    assert!(!again, "there is one for it");
}

#[tokio::test]
async fn rows_that_came_without_a_partition_move_into_it() {
    let database = database().await;
    let (pool, store) = (&database.pool, store(&database).await);
    let id = intent(pool, "now() - interval '500 days'").await;
    let mut numbers = Vec::new();
    for days in [400, 400, -200, 0] {
        let at = format!("now() - interval '{days} days'");
        numbers.push(event(pool, id, &at).await);
        submission(pool, id, &at).await;
    }
    let stray = "select count(*) from (select id from submitter.events_default
                   union all select id from submitter.submissions_default) s";
    assert_eq!(ask::<i64>(pool, stray).await, 6);
    assert_eq!(feed(&store, 0).await, numbers);
    // Two months of two tables, and none of what is there already.
    assert_eq!(store.make_partitions().await.unwrap(), 4);
    assert_eq!(ask::<i64>(pool, stray).await, 0);
    assert_eq!(feed(&store, 0).await, numbers, "none is lost, none is new");
    let line = store.intent_events(TENANT, id, 0, 10).await.unwrap();
    assert_eq!(
        line.iter().map(|event| event.id).collect::<Vec<_>>(),
        numbers
    );
    assert_eq!(months(pool, "events").await.len(), 6);
    assert_eq!(store.make_partitions().await.unwrap(), 0);
}

#[tokio::test]
async fn nobody_fails_and_no_reader_misses_an_event_while_this_month_gets_its_partition() {
    let database = database().await;
    let pool = &database.pool;
    let (reader, makers) = (
        store(&database).await,
        [store(&database).await, store(&database).await],
    );
    let month = name_of(pool, "events", 0).await;
    run(pool, format!("drop table submitter.{month}")).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..6)
        .map(|_| {
            let (pool, stop) = (pool.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut written = 0;
                while !stop.load(Ordering::Relaxed) {
                    event(&pool, Uuid::now_v7(), "default").await;
                    written += 1;
                }
                written
            })
        })
        .collect();
    let seen = {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            let mut seen: Vec<i64> = Vec::new();
            loop {
                let done = stop.load(Ordering::Relaxed);
                let after = seen.last().copied().unwrap_or(0);
                let settled = reader.settled_event(Duration::from_secs(30)).await.unwrap();
                let up_to = settled.expect("each writer commits at once");
                let page = reader.events(TENANT, (after, up_to), None, 10_000).await;
                seen.extend(page.unwrap().iter().map(|event| event.id));
                if done {
                    return seen;
                }
            }
        })
    };
    let made =
        async |store: &stellar_submitter::store::Store| store.make_partitions().await.unwrap();
    let mut rounds = 0;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (one, other) = tokio::join!(made(&makers[0]), made(&makers[1]));
        rounds += one + other;
        // Back to how it was before: its rows are on their way into the default partition again.
        run(
            pool,
            format!(
                "begin; lock table submitter.events in access exclusive mode;
                 alter table submitter.events detach partition submitter.{month};
                 insert into submitter.events select * from submitter.{month}; drop table submitter.{month}; commit"
            ),
        )
        .await;
    }
    assert_eq!(rounds, 5, "made once each time");
    assert_eq!(made(&makers[0]).await, 1);
    stop.store(true, Ordering::Relaxed);
    let mut written = 0;
    for writer in writers {
        written += writer.await.expect("no insert fails");
    }
    let seen = seen.await.unwrap();
    assert!(seen.is_sorted_by(|a, b| a < b));
    // The reader may have begun its last page before the last were written.
    let last = seen.last().copied().unwrap_or(0);
    let rest = feed(&makers[0], last).await;
    assert!(written > 50, "only {written} were written meanwhile");
    assert_eq!(seen.len() + rest.len(), written);
    assert_eq!(
        ask::<i64>(pool, "select count(*) from submitter.events_default").await,
        0
    );
}

#[tokio::test]
async fn a_reader_who_comes_while_rows_move_finds_them() {
    let database = database().await;
    let (pool, store) = (&database.pool, store(&database).await);
    let id = intent(pool, "now() - interval '100 days'").await;
    let early = event(pool, id, "now() - interval '90 days'").await;
    let mut moving = pool.begin().await.unwrap();
    sqlx::query("select submitter.make_partition('events', now() - interval '90 days')")
        .execute(&mut *moving)
        .await
        .unwrap();
    let reading = tokio::spawn(async move { feed(&store, 0).await });
    let waiting = "select exists (select from pg_locks l join pg_database d on d.oid = l.database
                     where d.datname = current_database() and not l.granted)";
    while !ask::<bool>(pool, waiting).await {
        assert!(!reading.is_finished(), "it read what was about to change");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    moving.commit().await.unwrap();
    assert_eq!(reading.await.unwrap(), [early]);
}

#[tokio::test]
async fn an_intents_timeline_is_looked_for_in_its_own_months_only() {
    let database = database().await;
    let pool = &database.pool;
    let id = intent(pool, "now()").await;
    let other = Uuid::now_v7();
    for days in 0..12 {
        event(
            pool,
            other,
            &format!("now() - interval '{} days'", days * 31),
        )
        .await;
    }
    let newest = event(pool, id, "default").await;
    // One connection, so that what it did is counted when it says so.
    let store = stellar_submitter::store::Store::connect(&database.url, 1)
        .await
        .unwrap();
    store.make_partitions().await.unwrap();
    run(pool, "analyze submitter.events").await;
    let scans = async || -> i64 {
        run(store.pool(), "select pg_stat_force_next_flush()").await;
        ask(
            pool,
            "select sum(seq_scan + idx_scan)::bigint from pg_stat_user_tables i
             join submitter.partitions p on p.name = i.relname where p.ends_at < now() - interval '2 days'",
        )
        .await
    };
    let before = scans().await;
    let line = store.intent_events(TENANT, id, 0, 50).await.unwrap();
    assert_eq!(
        line.iter().map(|event| event.id).collect::<Vec<_>>(),
        [newest]
    );
    assert_eq!(
        scans().await,
        before,
        "months before it was accepted are not opened"
    );
    assert_eq!(feed(&store, 0).await.len(), 13);
    assert!(scans().await > before, "the count counts");
}
