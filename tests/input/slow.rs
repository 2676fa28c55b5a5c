//! Clients that hold a connection for nothing: others are served meanwhile, and the slow ones are cut in time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use stellar_submitter::api::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::server::{ACME, Ready, Server, payment, send};

/// How long a request of a well-behaved client may take beside the others, on a machine that is busy.
const PROMPT: Duration = Duration::from_secs(5);

/// What the daemon may be late by: it looks twice a second, and the machine is busy.
const LATE: Duration = Duration::from_secs(6);

/// A patience that a test can wait for.
const SHORT: Duration = Duration::from_secs(2);

fn settings(max_connections: usize, patience: Duration) -> Settings {
    Settings {
        max_connections,
        patience,
        ..Settings::default()
    }
}

async fn server(max_connections: usize, patience: Duration) -> Server {
    Server::start_with(settings(max_connections, patience), Arc::new(Ready(true))).await
}

async fn connect(address: SocketAddr) -> TcpStream {
    timeout(PROMPT, TcpStream::connect(address))
        .await
        .expect("the system's queue has room")
        .unwrap()
}

/// Reads to the end, however it ends, and says how much came.
async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> usize {
    let mut buffer = vec![0; 64 * 1024];
    let mut all = 0;
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return all,
            Ok(read) => all += read,
        }
    }
}

/// A new connection, a read and a write, each prompt.
async fn others_are_served(server: &Server, workflow: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let begun = Instant::now();
    let health = send(client.get(format!("{}/healthz", server.base)));
    let health = timeout(PROMPT, health).await.expect("a prompt answer");
    assert_eq!(health.status, 200);
    let post = client
        .post(format!("{}/v1/intents", server.base))
        .bearer_auth(ACME)
        .header("idempotency-key", workflow)
        .json(&payment(workflow, "1"));
    let post = timeout(PROMPT, send(post)).await.expect("a prompt answer");
    post.intent(202);
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn heads_that_come_byte_by_byte_are_cut() {
    let server = server(1000, SHORT).await;
    let slow = |number: usize| {
        let address = server.address;
        async move {
            let (mut read, mut write) = connect(address).await.into_split();
            let begun = Instant::now();
            let dripping = tokio::spawn(async move {
                let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-{number}: ");
                for byte in head.bytes().chain(std::iter::repeat(b'a')) {
                    if write.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            });
            let answered = timeout(SHORT + LATE, read_to_end(&mut read)).await;
            dripping.abort();
            assert_eq!(answered.expect("it is cut in time"), 0, "it has no answer");
            begun.elapsed()
        }
    };
    let slow = join_all((0..200).map(slow));
    let (held, ()) = tokio::join!(slow, async {
        for round in 0..5 {
            others_are_served(&server, &format!("w-{round}")).await;
            sleep(Duration::from_millis(200)).await;
        }
    });
    let soonest = held.iter().min().unwrap();
    assert!(
        *soonest >= SHORT - Duration::from_millis(100),
        "{soonest:?}"
    );
}

#[tokio::test]
async fn thousands_of_idle_connections_make_room() {
    const IDLE: usize = 3000;
    // With the longest patience: they go because others come.
    let server = server(200, Duration::from_secs(3600)).await;
    let mut idle = Vec::new();
    for number in 0..IDLE {
        let mut stream = connect(server.address).await;
        if number % 2 == 0 {
            // Half of them have begun a request, and some of the half have had an answer before.
            let begun: &[u8] = match number % 4 {
                0 => b"POST /v1/intents HTTP/1.1\r\nhost: x\r\n",
                _ => b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
            };
            // One that is cut already does not take it.
            let _ = stream.write_all(begun).await;
        }
        idle.push(stream);
    }
    for round in 0..10 {
        others_are_served(&server, &format!("w-{round}")).await;
    }
    // Those that have made room have read their end; no more than the limit are still there.
    let ends = join_all(
        idle.iter_mut()
            .map(|stream| timeout(Duration::from_secs(3), read_to_end(stream))),
    )
    .await;
    let open = ends.iter().filter(|end| end.is_err()).count();
    assert!(open <= 200, "{open} are still open");
    assert!(
        open > 100,
        "only {open} are still open: they were in nobody's way"
    );
}

#[tokio::test]
async fn a_client_that_never_takes_its_answers_is_cut() {
    let server = server(100, SHORT).await;
    let bundle = server.get("/docs/swagger-ui-bundle.js").await.text.len();
    // More than the system keeps for a socket on its way.
    let asked = (48 << 20) / bundle;
    let mut stream = connect(server.address).await;
    let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n";
    stream
        .write_all(request.repeat(asked).as_bytes())
        .await
        .unwrap();
    let waiting = sleep(SHORT + LATE);
    tokio::join!(waiting, others_are_served(&server, "w"));
    let end = timeout(PROMPT, read_to_end(&mut stream)).await;
    let got = end.expect("the connection has ended");
    assert!(
        got > 0 && got < asked * bundle,
        "{got} of {} bytes came",
        asked * bundle
    );
}

#[tokio::test]
async fn bodies_that_come_byte_by_byte_end_after_thirty_seconds() {
    const ARRIVAL: Duration = Duration::from_secs(30);
    // A patience that is shorter than a body may take: a request that is being answered does not wait.
    let server = server(100, SHORT).await;
    let drip = |path: &'static str, key: &'static str| {
        let address = server.address;
        async move {
            let (mut read, mut write) = connect(address).await.into_split();
            let begun = Instant::now();
            let dripping = tokio::spawn(async move {
                let head = format!(
                    "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nidempotency-key: slow\r\n\
                     content-type: application/json\r\ncontent-length: 1000\r\n\r\n["
                );
                write.write_all(head.as_bytes()).await.unwrap();
                while write.write_all(b" ").await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            });
            let mut answer = Vec::new();
            let ended = timeout(ARRIVAL + LATE, read.read_to_end(&mut answer)).await;
            dripping.abort();
            ended.expect("it ends in time").ok();
            let answer = String::from_utf8_lossy(&answer).into_owned();
            let status = answer.get(9..12).unwrap_or_default().to_owned();
            (status, begun.elapsed())
        }
    };
    let known = join_all((0..20).map(|_| drip("/v1/intents", ACME)));
    let bulk = drip("/v1/intents/bulk", ACME);
    // Who has no key is not waited for at all.
    let unknown = join_all((0..20).map(|_| drip("/v1/intents", "sk_nobody")));
    let (known, bulk, unknown, ()) = tokio::join!(known, bulk, unknown, async {
        for round in 0..10 {
            others_are_served(&server, &format!("w-{round}")).await;
            sleep(Duration::from_secs(2)).await;
        }
    });
    for (status, after) in known.into_iter().chain([bulk]) {
        assert_eq!(status, "408");
        assert!(after >= ARRIVAL, "{after:?}");
    }
    for (status, after) in unknown {
        assert_eq!(status, "401");
        assert!(after < ARRIVAL / 2, "{after:?}");
    }
    assert_eq!(server.count("intents").await, 10);
}

#[tokio::test]
async fn connections_that_wait_do_not_hold_the_drain() {
    let mut server = server(100, Duration::from_secs(3600)).await;
    let mut idle = Vec::new();
    for number in 0..50 {
        let mut stream = connect(server.address).await;
        if number % 2 == 0 {
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200");
        }
        idle.push(stream);
    }
    let health = send(server.request(Method::GET, "/healthz")).await;
    assert_eq!(health.status, 200);
    server.end.take().unwrap().send(()).unwrap();
    let ended = timeout(PROMPT, server.serving.take().unwrap()).await;
    ended.expect("nobody is waited for").unwrap().unwrap();
    for mut stream in idle {
        timeout(PROMPT, read_to_end(&mut stream)).await.unwrap();
    }
}
