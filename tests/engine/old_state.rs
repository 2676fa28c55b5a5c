//! The records are lost, and Horizon shows an old state: nothing begins on it, and nobody is paid twice.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::world::relay::{Answer, serve};
use crate::world::{Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, ledger, payment};

/// How many seconds before its time a ledger seems to have closed that is no beginning.
const AGE_SECONDS: i64 = 600;
/// And one that is.
const SMALL_AGE_SECONDS: i64 = 30;
/// Ledgers within which what is signed can land.
const VALIDITY_LEDGERS: i64 = 12;

/// What is old of a Horizon's answers.
#[derive(Clone)]
enum Old {
    Nothing,
    /// The newest ledger has closed so many seconds before its time.
    Ledgers(i64),
    /// Accounts and what they did are shown as of this ledger, in which there were none but the source: so it was then.
    Accounts(String, Bytes),
}

#[derive(Clone)]
struct Replica {
    horizon: String,
    client: reqwest::Client,
    old: Arc<Mutex<Old>>,
}

impl Replica {
    /// One in front of the ledger's Horizon, and its URL.
    async fn before(horizon: &str) -> (Self, String) {
        let replica = Self {
            horizon: horizon.to_owned(),
            client: ledger::client(),
            old: Arc::new(Mutex::new(Old::Nothing)),
        };
        let app = axum::Router::new()
            .fallback(pass)
            .with_state(replica.clone());
        let url = serve(app).await;
        (replica, url)
    }

    fn shows(&self, old: Old) {
        *self.old.lock().unwrap() = old;
    }

    /// The source as it is now.
    async fn source(&self) -> Old {
        let url = format!("{}/accounts/{}", self.horizon, account("source"));
        let answer = self.client.get(url).send().await.unwrap();
        let ledger = answer.headers()["latest-ledger"].to_str().unwrap();
        Old::Accounts(ledger.to_owned(), answer.bytes().await.unwrap())
    }
}

async fn pass(State(replica): State<Replica>, request: Request) -> Response {
    let old = replica.old.lock().unwrap().clone();
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    if let Old::Accounts(as_of, source) = &old
        && method == Method::GET
        && path.starts_with("/accounts/")
    {
        let is_source = path == format!("/accounts/{}", account("source"));
        let as_of = [(HeaderName::from_static("latest-ledger"), as_of.clone())];
        return if is_source {
            (StatusCode::OK, as_of, source.clone()).into_response()
        } else {
            (StatusCode::NOT_FOUND, as_of, r#"{"status": 404}"#).into_response()
        };
    }
    let mut answer = Answer::of(&replica.client, &replica.horizon, request).await;
    if let Old::Ledgers(seconds) = old
        && path == "/ledgers"
    {
        answer.body = aged(&answer.body, seconds);
    }
    answer.pass_on()
}

/// The same ledgers, closed long before.
fn aged(body: &[u8], seconds: i64) -> Bytes {
    use time::format_description::well_known::Rfc3339;
    let mut page: serde_json::Value = serde_json::from_slice(body).unwrap();
    for record in page["_embedded"]["records"].as_array_mut().unwrap() {
        let closed = record["closed_at"].as_str().unwrap();
        let closed = time::OffsetDateTime::parse(closed, &Rfc3339).unwrap();
        let before = closed - time::Duration::seconds(seconds);
        record["closed_at"] = before.format(&Rfc3339).unwrap().into();
    }
    page.to_string().into()
}

/// Pays once, loses the records, and lets another daemon begin while this much is old; what it waits for is returned once it has said
/// so for long enough. Then the Horizon shows what there is, and everything is posted again.
async fn begins_on(old: impl FnOnce(Old) -> Old) -> String {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    let (replica, url) = Replica::before(&world.ledger.url).await;
    world.setup.channels(2).set("HORIZON__URLS", &url);
    let early = replica.source().await;
    let mut daemon = Daemon::start_ready(&world.setup).await;
    let body = payment("once", account("bob"), 1);
    let id = daemon.client.post(&body).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert!(daemon.terminate().success());
    world.ledger.pass(12).await;
    world.database.lose().await;

    replica.shows(old(early));
    let mut daemon = Daemon::start(&world.setup).await;
    let id = daemon.client.post(&body).await;
    let said = eventually("it says what it waits for", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        (said.contains("closed") || said.contains("is waited for")).then_some(said)
    })
    .await;
    world.ledger.pass(6).await;
    assert_eq!(daemon.client.readiness().await.0, 503, "{said}");
    assert_eq!(daemon.client.intent(&id).await["status"], "queued");

    replica.shows(Old::Nothing);
    daemon.wait_until_ready().await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    world.audit().each_once(&daemon.client, &[(id, body)]).await;
    said
}

#[tokio::test]
async fn a_ledger_that_closed_long_ago_is_no_beginning() {
    let said = begins_on(|_| Old::Ledgers(AGE_SECONDS)).await;
    assert!(
        said.contains("the clock of this machine is wrong"),
        "{said}"
    );
}

#[tokio::test]
async fn accounts_of_long_ago_are_no_beginning() {
    let said = begins_on(|accounts| accounts).await;
    let source = account("source").to_string();
    assert!(
        said.contains(&source) && said.contains("as of ledger"),
        "{said}"
    );
}

#[tokio::test]
async fn what_a_horizon_may_be_behind_is_waited_for_too() {
    // The chain's clock must be the wall's: faster ledgers run ahead of it.
    let mut world = World::new(&["--ledger-seconds", "1"]).await;
    world.ledger.fund(account("source")).await;
    let mut daemon = Daemon::start_ready(&world.setup).await;
    assert!(daemon.terminate().success());
    let copy = world.database.copy().await;
    world.database.restore(&copy).await;
    let (replica, url) = Replica::before(&world.ledger.url).await;
    replica.shows(Old::Ledgers(SMALL_AGE_SECONDS));
    world.setup.set("HORIZON__URLS", &url);
    let daemon = Daemon::start(&world.setup).await;
    let said = eventually("it says what it waits for", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("nothing is signed before").then_some(said)
    })
    .await;
    let numbers: Vec<i64> = said
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    let [until, now] = numbers[..] else {
        panic!("{said}");
    };
    assert!(
        until - now >= VALIDITY_LEDGERS + SMALL_AGE_SECONDS,
        "{said}"
    );
}
