//! New work is announced: to the own engine at once, to others through the database, and not for each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use stellar_submitter::api::{self, Settings};
use tokio::net::TcpListener;

use crate::server::{Ready, Server, payment, send};

/// The longest that an announcement may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves with a counter in the place of the engine.
async fn counted(server: &mut Server) -> Arc<AtomicU64> {
    let woken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&woken);
    let mut app = server.app(Settings::default(), Arc::new(Ready(true)));
    app.wake = Arc::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    server.base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(api::serve(listener, app, std::future::pending()));
    woken
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn new_work_wakes_engines_now_and_then_and_the_last_of_it_always() {
    let mut server = Server::start().await;
    let woken = counted(&mut server).await;
    let heard = Arc::new(AtomicU64::new(0));
    let mut wakes = server.store.listen().await.unwrap();
    let counter = Arc::clone(&heard);
    tokio::spawn(async move {
        while wakes.next().await.is_ok() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });

    let begun = Instant::now();
    for round in 0..5 {
        let names: Vec<String> = (0..40)
            .map(|number| format!("w-{round}-{number}"))
            .collect();
        let bodies: Vec<_> = names.iter().map(|name| payment(name, "1")).collect();
        let posts = names.iter().zip(&bodies);
        for answer in join_all(posts.map(|(name, body)| server.post(name, body))).await {
            answer.intent(202);
        }
    }
    let pauses = begun.elapsed().as_millis() as u64 / 20;
    let counts = || (woken.load(Ordering::Relaxed), heard.load(Ordering::Relaxed));
    until("nothing was announced", || counts().0 > 0 && counts().1 > 0).await;
    let (woken_now, heard_now) = counts();
    assert!(woken_now <= pauses + 2, "{woken_now} in {pauses} pauses");
    assert!(heard_now <= pauses + 2, "{heard_now} in {pauses} pauses");

    // One that comes while the last announcement is being made has another after it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let quiet = counts();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(counts(), quiet, "nothing new, nothing announced");
    server.accepted("last").await;
    until("the last was not announced", || {
        counts().0 > quiet.0 && counts().1 > quiet.1
    })
    .await;

    // What changes nothing is nobody's work.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let quiet = counts();
    let id = server.post("last", &payment("last", "1")).await.intent(202)["id"].clone();
    server
        .post("other", &payment("last", "1"))
        .await
        .intent(200);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(counts(), quiet);

    // A bulk, and changes that users ask for.
    let rows = [payment("bulk", "1")];
    send(server.request(Method::POST, "/v1/intents/bulk").json(&rows)).await;
    until("the bulk was not announced", || counts().1 > quiet.1).await;
    let parked = id.as_str().unwrap().parse().unwrap();
    server.park(parked).await;
    for change in ["retry", "cancel"] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let before = counts();
        let path = format!("/v1/intents/{parked}/{change}");
        let answer = send(server.request(Method::POST, &path)).await;
        assert!(answer.status.is_success(), "{change}: {}", answer.text);
        until(change, || counts().0 > before.0 && counts().1 > before.1).await;
    }
}
