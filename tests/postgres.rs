//! The embedded PostgreSQL, and the shared test support that stands on it: real servers, real kills, a real download.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqlSafeStr};
use stellar_submitter::dev::postgres::{Options, Postgres, PostgresError, Source};
use support::{Process, Template};

/// Longest time for the watchdog to end a server whose starter was killed.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(30);

/// Set for the process that is started to be killed.
const VICTIM: &str = "TEST_VICTIM_DATA";

async fn start(options: Options) -> Result<Postgres, PostgresError> {
    tokio::task::spawn_blocking(|| Postgres::start(options))
        .await
        .unwrap()
}

async fn connect(server: &Postgres) -> PgConnection {
    PgConnection::connect(&server.url()).await.unwrap()
}

async fn ask(connection: &mut PgConnection, question: &'static str) -> String {
    sqlx::query_scalar(question)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Whether the process runs. One that has ended and that nobody has waited for yet (the orphans of some containers) does not.
fn lives(pid: u32) -> bool {
    let asked = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(asked.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < CLEAN_UP_LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A folder for data that is kept: reachable for the server's user wherever the clone lies.
fn data_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test]
async fn a_server_is_durable_private_and_leaves_nothing_behind() {
    let server = start(Options::from_env().unwrap()).await.unwrap();
    let mut connection = connect(&server).await;
    for (setting, expected) in [
        ("SHOW fsync", "on"),
        ("SHOW synchronous_commit", "on"),
        ("SHOW full_page_writes", "on"),
        ("SHOW server_encoding", "UTF8"),
        ("SHOW timezone", "UTC"),
        ("SHOW listen_addresses", "127.0.0.1"),
        (
            "SELECT datcollate FROM pg_database WHERE datname = 'postgres'",
            "C",
        ),
    ] {
        assert_eq!(ask(&mut connection, setting).await, expected, "{setting}");
    }

    let mut wrong = url::Url::parse(&server.url()).unwrap();
    wrong.set_password(Some("wrong")).unwrap();
    let refused = PgConnection::connect(wrong.as_str()).await.unwrap_err();
    let code = refused
        .as_database_error()
        .and_then(|error| error.code())
        .unwrap()
        .into_owned();
    assert_eq!(
        code, "28P01",
        "a wrong password must be refused as such: {refused}"
    );
    assert!(
        !format!("{server:?}")
            .contains(url::Url::parse(&server.url()).unwrap().password().unwrap())
    );

    let socket = server.folder().join("pgdata");
    let through_socket = server
        .url()
        .parse::<sqlx::postgres::PgConnectOptions>()
        .unwrap()
        .host(socket.to_str().unwrap());
    let mut local = PgConnection::connect_with(&through_socket).await.unwrap();
    assert_eq!(
        ask(&mut local, "SELECT (inet_client_addr() IS NULL)::text").await,
        "true"
    );

    let told = Command::new("ps")
        .args(["-o", "uid=,gid=,pgid=", "-p", &server.pid().to_string()])
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let [uid, gid, group] = told.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{told}");
    };
    assert_ne!(uid, "0", "the server runs as root");
    assert_ne!(gid, "0", "the server runs in root's group");
    assert_eq!(
        group,
        server.pid().to_string(),
        "Ctrl-C must not reach the server"
    );

    let (folder, pid) = (server.folder().to_owned(), server.pid());
    server.stop().unwrap();
    assert!(!lives(pid), "the server still runs");
    assert!(!folder.exists(), "the temporary folder is still there");
}

#[tokio::test]
async fn kept_data_outlives_a_stop_and_a_kill_of_the_server() {
    let data = data_folder();
    let options = Options {
        data: Some(data.path().join("kept")),
        ..Options::from_env().unwrap()
    };
    let first = start(options.clone()).await.unwrap();
    let mut connection = connect(&first).await;
    sqlx::raw_sql("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('stopped')")
        .execute(&mut connection)
        .await
        .unwrap();
    drop(first);

    let second = start(options.clone()).await.unwrap();
    let mut connection = connect(&second).await;
    assert_eq!(
        ask(&mut connection, "SELECT word FROM kept").await,
        "stopped"
    );
    sqlx::query("UPDATE kept SET word = 'killed'")
        .execute(&mut connection)
        .await
        .unwrap();
    let killed = Command::new("kill")
        .args(["-9", &second.pid().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    drop(second);
    assert!(
        data.path().join("kept/pgdata/postmaster.pid").exists(),
        "the kill was meant to leave a stale file"
    );

    let third = start(options).await.unwrap();
    let mut connection = connect(&third).await;
    assert_eq!(
        ask(&mut connection, "SELECT word FROM kept").await,
        "killed"
    );
}

#[tokio::test]
async fn a_folder_in_use_is_refused_by_name() {
    let data = data_folder();
    let options = Options {
        data: Some(data.path().to_owned()),
        ..Options::from_env().unwrap()
    };
    let server = start(options.clone()).await.unwrap();
    let refused = start(options).await.unwrap_err();
    assert!(
        matches!(refused, PostgresError::DataInUse { pid: None, .. }),
        "{refused}"
    );
    assert!(
        refused.to_string().contains(data.path().to_str().unwrap()),
        "{refused}"
    );
    let mut connection = connect(&server).await;
    assert_eq!(ask(&mut connection, "SELECT 'alive'").await, "alive");
}

#[tokio::test]
async fn a_wished_port_is_used_where_free_and_left_alone_where_not() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = Options {
        port: Some(port),
        ..Options::from_env().unwrap()
    };
    let elsewhere = start(options.clone()).await.unwrap();
    assert_ne!(elsewhere.port(), port);
    drop(elsewhere);
    drop(taken);
    let there = start(options).await.unwrap();
    assert_eq!(there.port(), port);
    let mut connection = connect(&there).await;
    assert_eq!(ask(&mut connection, "SHOW port").await, port.to_string());
}

/// Not a test of its own: the process that the tests below start in order to kill it.
#[test]
#[ignore = "holds a server until it is killed"]
fn victim() {
    let data = std::env::var(VICTIM).unwrap();
    let server = Postgres::start(Options {
        data: (!data.is_empty()).then(|| data.into()),
        ..Options::from_env().unwrap()
    })
    .unwrap();
    println!(
        "server {} {}",
        server.pid(),
        server.folder().to_str().unwrap()
    );
    std::thread::sleep(Duration::from_secs(600));
}

/// Starts the victim, and returns it with its server's pid and folder.
fn victim_with(data: &str) -> (Process, u32, std::path::PathBuf) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "victim", "--nocapture"])
        .env(VICTIM, data);
    let mut process = Process::start(command);
    let begun = Instant::now();
    loop {
        let log = process.log();
        let said = log
            .lines()
            .find_map(|line| Some(line.split_once("server ")?.1.to_owned()));
        if let Some((pid, folder)) = said.as_deref().and_then(|said| said.split_once(' ')) {
            return (process, pid.parse().unwrap(), folder.into());
        }
        assert!(process.ended().is_none(), "{log}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_kill_of_the_starter_ends_the_server_and_removes_its_folder() {
    let (mut process, pid, folder) = victim_with("");
    assert!(lives(pid) && folder.is_dir());
    process.kill();
    wait_for("the server outlives its starter", || !lives(pid));
    wait_for("the folder outlives its server", || !folder.exists());
}

#[tokio::test]
async fn after_a_kill_of_the_starter_the_next_one_waits_and_takes_over() {
    let data = data_folder();
    let (mut process, pid, _) = victim_with(data.path().to_str().unwrap());
    process.kill();
    let server = start(Options {
        data: Some(data.path().to_owned()),
        ..Options::from_env().unwrap()
    })
    .await
    .unwrap();
    wait_for("two servers on one folder", || !lives(pid));
    // Longer than the dead starter's watchdog looks for a server to stop.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let mut connection = connect(&server).await;
    assert_eq!(ask(&mut connection, "SELECT 'alive'").await, "alive");
}

#[tokio::test]
async fn where_none_is_installed_one_is_fetched() {
    let begun = Instant::now();
    let options = Options {
        source: Source::Download,
        pg_bin: None,
        ..Options::from_env().unwrap()
    };
    let server = start(options.clone()).await.unwrap();
    println!("fetched, unpacked and started in {:?}", begun.elapsed());
    assert_eq!(server.version(), "18.6");
    let mut connection = connect(&server).await;
    let one: i32 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(one, 1);
    assert_eq!(ask(&mut connection, "SHOW server_version").await, "18.6");

    // The second time nothing is asked of the network: nobody listens at this address.
    let begun = Instant::now();
    let again = start(Options {
        mirror: Some(format!("http://127.0.0.1:{}", support::free_port())),
        ..options
    })
    .await
    .unwrap();
    println!("started from the cache in {:?}", begun.elapsed());
    let mut connection = connect(&again).await;
    assert_eq!(ask(&mut connection, "SHOW server_version").await, "18.6");
}

#[tokio::test]
async fn an_archive_that_was_tampered_with_is_not_unpacked() {
    let mirror = wiremock::MockServer::start().await;
    let serve = |ending: &'static str, body: String| {
        wiremock::Mock::given(wiremock::matchers::path_regex(format!("{ending}$")))
            .respond_with(wiremock::ResponseTemplate::new(200).set_body_string(body))
            .mount(&mirror)
    };
    serve(
        "maven-metadata[.]xml",
        "<metadata><groupId>io.zonky.test.postgres</groupId><artifactId>embedded-postgres-binaries</artifactId><versioning><latest>18.6.0</latest>\
         <release>18.6.0</release><versions><version>18.6.0</version></versions><lastUpdated>20260101000000</lastUpdated></versioning></metadata>"
            .to_owned(),
    )
    .await;
    serve("[.]jar", "not what was published".to_owned()).await;
    serve("[.]jar[.]sha512", "0".repeat(128)).await;

    let cache = data_folder();
    let refused = start(Options {
        source: Source::Download,
        pg_bin: None,
        cache: Some(cache.path().to_owned()),
        mirror: Some(mirror.uri()),
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(
        matches!(refused, PostgresError::NotInstalled { .. }),
        "{refused}"
    );
    let text = refused.to_string();
    assert!(text.contains("does not match expected hash"), "{text}");
    assert!(text.contains("apt-get install postgresql"), "{text}");
    assert_eq!(unpacked(cache.path()), Vec::<String>::new());
}

fn unpacked(cache: &Path) -> Vec<String> {
    std::fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "download.lock")
        .collect()
}

#[tokio::test]
async fn a_wrong_pg_bin_is_named() {
    let empty = data_folder();
    let refused = start(Options {
        pg_bin: Some(empty.path().to_owned()),
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(matches!(refused, PostgresError::PgBin { .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains(empty.path().to_str().unwrap()), "{text}");
    assert!(text.contains("has no `postgres`"), "{text}");
}

#[tokio::test]
async fn a_folder_that_the_servers_user_cannot_reach_is_named() {
    use std::os::unix::fs::PermissionsExt;
    if !rustix::process::geteuid().is_root() {
        // Everybody but root runs the server as himself, and reaches what he reaches.
        return;
    }
    let closed = tempfile::tempdir().unwrap();
    std::fs::set_permissions(closed.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let data = closed.path().join("data");
    let refused = start(Options {
        data: Some(data.clone()),
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(
        matches!(refused, PostgresError::Unreachable { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains(data.to_str().unwrap()));
    assert!(!data.exists(), "a refused folder was made all the same");
}

fn migrations(statement: &'static str) -> Migrator {
    Migrator::with_migrations(vec![Migration::new(
        1,
        "numbers".into(),
        MigrationType::Simple,
        statement.into_sql_str(),
        false,
    )])
}

#[tokio::test]
async fn test_databases_share_a_schema_and_nothing_else() {
    let schema = migrations("CREATE TABLE numbers (n int PRIMARY KEY)");
    let template = Template::new(&schema).await;
    let begun = Instant::now();
    let first = template.database().await;
    println!("a database for a test takes {:?}", begun.elapsed());
    // A second template of the same migrations is the same one.
    let second = Template::new(&schema).await.database().await;
    sqlx::query("INSERT INTO numbers VALUES (1)")
        .execute(&first.pool)
        .await
        .unwrap();
    let count = "SELECT count(*) FROM numbers";
    let seen: i64 = sqlx::query_scalar(count)
        .fetch_one(&second.pool)
        .await
        .unwrap();
    assert_eq!(seen, 0);
    let mut by_url = PgConnection::connect(&first.url).await.unwrap();
    let seen: i64 = sqlx::query_scalar(AssertSqlSafe(count.to_owned()))
        .fetch_one(&mut by_url)
        .await
        .unwrap();
    assert_eq!(seen, 1);
}

#[tokio::test]
async fn a_process_is_logged_ended_and_waited_for() {
    let shell = |script: &str| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Process::start(command)
    };
    let mut polite =
        shell("trap 'echo drained; exit 3' TERM; echo up; while :; do sleep 0.05; done");
    wait_for("it never spoke", || polite.log().contains("up"));
    assert_eq!(polite.terminate(Duration::from_secs(10)).code(), Some(3));
    assert!(polite.log().contains("drained"));

    let mut stubborn = shell("trap '' TERM; while :; do sleep 0.05; done");
    assert_eq!(stubborn.kill().code(), None, "killed, so no exit code");
    let forgotten = shell("sleep 600");
    let pid = forgotten.pid();
    drop(forgotten);
    assert!(!lives(pid), "a dropped process still runs");
}
