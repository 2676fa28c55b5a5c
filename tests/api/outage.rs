//! The database goes away, and comes back.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::server::{Server, payment};

/// Ends every connection to the test's database and gives it another name, or gives it its name back.
async fn rename(server: &Server, away: bool) {
    let mut url: url::Url = server.database.url.parse().unwrap();
    let name = url.path().trim_start_matches('/').to_owned();
    url.set_path("postgres");
    let mut admin = PgConnection::connect(url.as_str()).await.unwrap();
    let (from, to) = if away {
        (name.clone(), format!("{name}_away"))
    } else {
        (format!("{name}_away"), name.clone())
    };
    let begun = Instant::now();
    // A connection may be made between the two statements.
    loop {
        let end = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{from}'"
        );
        sqlx::raw_sql(AssertSqlSafe(end))
            .execute(&mut admin)
            .await
            .unwrap();
        let rename = format!("alter database {from} rename to {to}");
        match sqlx::raw_sql(AssertSqlSafe(rename))
            .execute(&mut admin)
            .await
        {
            Ok(_) => return,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error}"),
        }
    }
}

#[tokio::test]
async fn while_the_database_is_away_nothing_is_accepted_and_the_client_is_told_when_to_come_back() {
    let server = Server::start().await;
    let id = server.accepted("before").await;
    rename(&server, true).await;
    for answer in [
        server.post("k", &payment("w", "1")).await,
        server.get("/v1/intents").await,
        server.get(&format!("/v1/intents/{id}")).await,
        server.get("/v1/events").await,
    ] {
        let problem = answer.problem(503, "database-unavailable");
        assert!(
            answer
                .header("retry-after")
                .unwrap()
                .parse::<u32>()
                .unwrap()
                >= 1
        );
        assert_eq!(
            problem["request_id"].as_str(),
            answer.header("x-request-id")
        );
        let text = answer.text.to_lowercase();
        for internal in ["sqlx", "postgres", "submitter_test", "connection"] {
            assert!(!text.contains(internal), "{internal}: {text}");
        }
    }
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["checks"][0]["ok"], false);
    assert_eq!(server.get("/healthz").await.status, 200);
    rename(&server, false).await;
    let posted = server.post("k", &payment("w", "1")).await;
    assert!(!posted.replayed(), "nothing was accepted before");
    posted.intent(202);
    assert_eq!(server.get(&format!("/v1/intents/{id}")).await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 200);
}
