//! Servers that stall, cut, lie, redirect and refuse: nothing of it may look like a fact.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer, Unknown, UnknownKind};
use stellar_submitter::domain::primitives::{AccountId, LedgerSeq, TxHash};
use stellar_submitter::domain::result_code::TransactionCode;
use stellar_submitter::horizon::{Deadlines, Endpoint, Horizon, HorizonOptions, MAX_BODY_BYTES};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::capture::{Capture, PASSPHRASE, named};

const LANDED: &str = "transaction-success";

pub fn as_recorded(capture: &Capture) -> ResponseTemplate {
    let headers = &capture.response.headers;
    let mut template = ResponseTemplate::new(capture.response.status);
    for (name, value) in headers {
        template = template.insert_header(name.as_str(), value.as_str());
    }
    let kind = headers
        .get("content-type")
        .map_or("text/plain", String::as_str);
    template.set_body_raw(capture.body(), kind)
}

pub async fn serve(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(path(at))
        .respond_with(answer)
        .mount(server)
        .await;
}

fn options(urls: &[&str]) -> HorizonOptions {
    HorizonOptions {
        urls: urls.iter().map(|url| url.parse().expect("a URL")).collect(),
        passphrase: PASSPHRASE.to_owned(),
        requests_per_hour: 0,
        deadlines: Deadlines::default(),
    }
}

pub fn horizon(urls: &[&str]) -> Horizon {
    Horizon::new(&options(urls)).expect("a pool")
}

/// A server that knows its network, as recorded, and nothing else yet.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    serve(&server, "/", as_recorded(&named("root"))).await;
    server
}

fn landed_hash() -> TxHash {
    let path = named(LANDED).request.path;
    path.trim_start_matches("/transactions/")
        .parse()
        .expect("a hash")
}

fn posted(name: &str) -> Vec<u8> {
    let form = named(name).request.form.expect("a form");
    STANDARD
        .decode(form["tx"].as_str().expect("tx"))
        .expect("base64")
}

/// The recorded transaction with some fields changed, under its own path.
async fn tampered(server: &MockServer, change: impl FnOnce(&mut Value)) {
    let mut capture = named(LANDED);
    change(capture.response.body.as_mut().expect("a body"));
    serve(server, &capture.request.path, as_recorded(&capture)).await;
}

fn nothing(found: LookUp) -> Unknown {
    match found {
        LookUp::Unknown(unknown) => unknown,
        other => panic!("taken for a fact: {other:?}"),
    }
}

fn no_fact(answer: SubmitAnswer) -> Unknown {
    match answer {
        SubmitAnswer::Unknown(unknown) => unknown,
        other => panic!("taken for a fact: {other:?}"),
    }
}

/// The whole answer that names our network.
fn network() -> Vec<u8> {
    let body = named("root").body();
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// Answers each connection's first request with these bytes, and closes.
async fn raw_server(root: bool, bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let network = network();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = vec![0; 64 * 1024];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let answer = if root && request[..read].starts_with(b"GET / ") {
                network.clone()
            } else {
                bytes.to_vec()
            };
            // The client may have gone: that is its right.
            drop(stream.write_all(&answer).await);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn an_answer_that_is_cut_is_unknown() {
    for bytes in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"hash\":".as_slice(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
        b"HTTP/1.1 200",
        b"",
    ] {
        let url = raw_server(true, bytes).await;
        let pool = horizon(&[&url]);
        let found = nothing(pool.any().transaction(landed_hash()).await);
        assert_eq!(found.kind, UnknownKind::Cut, "{}", found.detail);
        let answer = no_fact(pool.any().submit(&posted("submit-success")).await);
        assert_eq!(answer.kind, UnknownKind::Cut, "{}", answer.detail);
    }
}

#[tokio::test]
async fn no_server_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let pool = horizon(&[&url]);
    let answer = no_fact(pool.any().submit(&posted("submit-success")).await);
    assert_eq!(answer.kind, UnknownKind::Unreachable);
}

#[tokio::test]
async fn a_server_that_stalls_meets_our_deadline() {
    let server = server().await;
    let slow = as_recorded(&named("submit-success")).set_delay(Duration::from_secs(30));
    serve(&server, "/transactions", slow).await;
    let mut options = options(&[&server.uri()]);
    options.deadlines.submit = Duration::from_millis(300);
    let pool = Horizon::new(&options).expect("a pool");
    let answer = no_fact(pool.any().submit(&posted("submit-success")).await);
    assert_eq!((answer.kind, answer.status), (UnknownKind::Deadline, None));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = server().await;
    let server = server().await;
    let moved = ResponseTemplate::new(307)
        .insert_header("location", format!("{}/transactions", elsewhere.uri()));
    serve(&server, "/transactions", moved).await;
    let pool = horizon(&[&server.uri()]);
    let answer = no_fact(pool.any().submit(&posted("submit-success")).await);
    assert_eq!(
        (answer.kind, answer.status),
        (UnknownKind::Unparsable, Some(307))
    );
    let heard = elsewhere
        .received_requests()
        .await
        .expect("requests are recorded");
    assert!(heard.is_empty());
}

#[tokio::test]
async fn only_horizons_own_404_is_an_absence() {
    let server = server().await;
    let hash = landed_hash();
    let page = ResponseTemplate::new(404).set_body_raw("<html>no such site</html>", "text/html");
    serve(&server, &format!("/transactions/{hash}"), page.clone()).await;
    let id: AccountId = AccountId([7; 32]);
    serve(
        &server,
        &format!("/accounts/{id}"),
        page.insert_header("latest-ledger", "9"),
    )
    .await;
    let pool = horizon(&[&server.uri()]);
    let found = nothing(pool.any().transaction(hash).await);
    assert_eq!(
        (found.kind, found.status),
        (UnknownKind::BadRequest, Some(404))
    );
    pool.any()
        .account(id)
        .await
        .expect_err("a balancer's 404 is no state");
}

#[tokio::test]
async fn an_account_without_its_ledger_is_unknown() {
    for name in ["account", "account-missing"] {
        let server = server().await;
        let mut capture = named(name);
        capture.response.headers.remove("latest-ledger");
        serve(&server, &capture.request.path, as_recorded(&capture)).await;
        let id = capture.request.path.trim_start_matches("/accounts/");
        let pool = horizon(&[&server.uri()]);
        let error = pool.any().account(id.parse().expect("an account")).await;
        assert_eq!(
            error.expect_err("no proof").kind,
            UnknownKind::Unparsable,
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_account_that_was_not_asked_for_is_a_lie() {
    let server = server().await;
    let id = AccountId([7; 32]);
    serve(
        &server,
        &format!("/accounts/{id}"),
        as_recorded(&named("account")),
    )
    .await;
    let error = horizon(&[&server.uri()]).any().account(id).await;
    assert_eq!(error.expect_err("another account").kind, UnknownKind::Lying);
}

#[tokio::test]
async fn an_impossible_sequence_number_is_a_lie() {
    type Change = fn(&mut Value);
    let lies: [(&str, Change); 2] = [
        ("a negative sequence number", |body| {
            body["sequence"] = json!("-1");
        }),
        (
            "a sequence number that was used in a later ledger than Latest-Ledger",
            |body| body["sequence_ledger"] = json!(4_000_000_000_u32),
        ),
    ];
    for (reason, lie) in lies {
        let server = server().await;
        let mut capture = named("account-after");
        lie(capture.response.body.as_mut().expect("a body"));
        serve(&server, &capture.request.path, as_recorded(&capture)).await;
        let id = capture.request.path.trim_start_matches("/accounts/");
        let pool = horizon(&[&server.uri()]);
        let error = pool.any().account(id.parse().expect("an account")).await;
        let error = error.expect_err("no account can be so");
        assert_eq!(
            (error.kind, error.detail.as_str()),
            (UnknownKind::Lying, reason)
        );
    }
}

/// Answers everything but `GET /` with this head, and then with this piece for ever, with a pause before each.
async fn endless_server(head: &'static str, piece: &'static [u8], pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let network = network();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let network = network.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                let read = stream.read(&mut request).await.unwrap_or(0);
                if request[..read].starts_with(b"GET / ") {
                    drop(stream.write_all(&network).await);
                    return;
                }
                drop(stream.write_all(head.as_bytes()).await);
                while stream.write_all(piece).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn an_answer_without_an_end_ends_at_our_limits() {
    let chunk = |bytes: usize| -> &'static [u8] {
        let chunk = format!("{bytes:x}\r\n{}\r\n", " ".repeat(bytes));
        Box::leak(chunk.into_bytes().into_boxed_slice())
    };
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cases = [
        // Bytes without end, in chunks, and as many as were announced.
        (chunked, chunk(1 << 20), Duration::ZERO, UnknownKind::Lying),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
            &[b' '; 64 * 1024],
            Duration::ZERO,
            UnknownKind::Lying,
        ),
        // A byte now and then, of the body and of the head.
        (
            chunked,
            chunk(1),
            Duration::from_millis(50),
            UnknownKind::Deadline,
        ),
        (
            "HTTP/1.1 200 OK\r\nx-slow: ",
            b"a",
            Duration::from_millis(50),
            UnknownKind::Deadline,
        ),
        // Headers without end.
        (
            "HTTP/1.1 200 OK\r\n",
            b"x-more: and more\r\n",
            Duration::ZERO,
            UnknownKind::Cut,
        ),
    ];
    for (number, (head, piece, pause, expected)) in cases.into_iter().enumerate() {
        let url = endless_server(head, piece, pause).await;
        let mut options = options(&[&url]);
        options.deadlines.read = Duration::from_secs(if pause.is_zero() { 60 } else { 2 });
        let pool = Horizon::new(&options).expect("a pool");
        let error = pool.any().fee_stats().await.expect_err("it has no end");
        assert_eq!(error.kind, expected, "{number}: {}", error.detail);
    }
}

#[tokio::test]
async fn a_body_is_not_unpacked() {
    // 20 bytes that would become a thousand: whoever unpacks could be filled with a few.
    let bomb = ResponseTemplate::new(200)
        .insert_header("content-encoding", "gzip")
        .set_body_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xffc\xa0\x000\x00\x00".as_slice());
    let server = server().await;
    serve(&server, "/fee_stats", bomb).await;
    let pool = horizon(&[&server.uri()]);
    let error = pool.any().fee_stats().await.expect_err("no JSON");
    assert_eq!(error.kind, UnknownKind::Unparsable);
    let asked = server.received_requests().await.expect("requests");
    assert!(
        asked
            .iter()
            .all(|request| !request.headers.contains_key("accept-encoding"))
    );
}

#[tokio::test]
async fn a_transaction_is_believed_only_with_its_own_envelope() {
    let other = named("failed-underfunded-lookup")
        .response
        .body
        .expect("a body");
    type Change<'a> = Box<dyn FnOnce(&mut Value) + 'a>;
    let lies: Vec<Change<'_>> = vec![
        Box::new(|body| body["hash"] = other["hash"].clone()),
        Box::new(|body| body["envelope_xdr"] = other["envelope_xdr"].clone()),
        Box::new(|body| body["result_xdr"] = other["result_xdr"].clone()),
        Box::new(|body| body["successful"] = json!(false)),
        Box::new(|body| body["source_account"] = other["source_account"].clone()),
        Box::new(|body| body["source_account_sequence"] = json!("1")),
        Box::new(|body| body["fee_bump_transaction"] = json!({"hash": other["hash"]})),
        Box::new(|body| *body = other.clone()),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let server = server().await;
        tampered(&server, lie).await;
        let pool = horizon(&[&server.uri()]);
        let found = nothing(pool.any().transaction(landed_hash()).await);
        assert_eq!(
            found.kind,
            UnknownKind::Lying,
            "lie {number}: {}",
            found.detail
        );
    }
}

#[tokio::test]
async fn an_unknown_result_does_not_hide_that_it_landed() {
    let server = server().await;
    tampered(&server, |body| {
        body["result_xdr"] = json!("AAAAAAAAAGT///+AAAAAAA==")
    })
    .await;
    let pool = horizon(&[&server.uri()]);
    let LookUp::Landed(landed) = pool.any().transaction(landed_hash()).await else {
        panic!("it landed, whatever its result");
    };
    assert_eq!(landed.outcome.code, TransactionCode::Unrecognised);
}

#[tokio::test]
async fn answers_to_another_envelope_are_lies() {
    let ours = posted("submit-success");
    for (path, name) in [
        ("/transactions", "submit-fee-bump-success"),
        ("/transactions", "failed-underfunded"),
        ("/transactions_async", "async-pending"),
        ("/transactions_async", "async-insufficient-fee"),
    ] {
        let server = server().await;
        serve(&server, path, as_recorded(&named(name))).await;
        let pool = horizon(&[&server.uri()]);
        let answer = match path {
            "/transactions" => pool.any().submit(&ours).await,
            _ => pool.any().submit_async(&ours).await,
        };
        assert_eq!(no_fact(answer).kind, UnknownKind::Lying, "{name}");
    }
}

#[tokio::test]
async fn another_network_is_asked_nothing() {
    let server = MockServer::start().await;
    let mut root = named("root");
    root.response.body.as_mut().expect("a body")["network_passphrase"] = json!("Somewhere else");
    serve(&server, "/", as_recorded(&root)).await;
    let pool = horizon(&[&server.uri()]);
    let error = pool
        .any()
        .check_network()
        .await
        .expect_err("another network");
    let text = error.to_string();
    assert!(
        text.contains("Somewhere else") && text.contains(PASSPHRASE),
        "{text}"
    );
    let answer = no_fact(pool.any().submit(&posted("submit-success")).await);
    assert_eq!(answer.kind, UnknownKind::Lying);
    let account = pool.any().account(AccountId([7; 32])).await;
    assert_eq!(account.expect_err("no proof").kind, UnknownKind::Lying);
    for request in server
        .received_requests()
        .await
        .expect("requests are recorded")
    {
        assert_eq!(request.url.path(), "/");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_hides_no_other() {
    let server = server().await;
    let mut capture = named("ledger-transactions");
    let records = &mut capture.response.body.as_mut().expect("a body")["_embedded"]["records"];
    records[2]["envelope_xdr"] = json!("AAAA////");
    let hash = records[2]["hash"]
        .as_str()
        .expect("a hash")
        .parse()
        .expect("a hash");
    serve(&server, &capture.request.path, as_recorded(&capture)).await;
    let pool = horizon(&[&server.uri()]);
    let page = pool
        .any()
        .ledger_transactions(LedgerSeq(261), None, &|_| true)
        .await;
    let page = page.expect("a page").expect("a ledger that is there");
    assert_eq!((page.transactions.len(), page.unreadable.len()), (7, 1));
    assert_eq!(page.unreadable[0].hash, Some(hash));
}

#[tokio::test]
async fn a_page_of_too_many_bytes_is_asked_for_in_smaller_ones() {
    let server = server().await;
    let capture = named("ledger-transactions");
    let huge = ResponseTemplate::new(200).set_body_bytes(vec![b' '; MAX_BODY_BYTES + 1]);
    Mock::given(path(&*capture.request.path))
        .and(query_param("limit", "200"))
        .respond_with(huge.clone())
        .mount(&server)
        .await;
    Mock::given(path(&*capture.request.path))
        .and(query_param("limit", "50"))
        .respond_with(as_recorded(&capture))
        .mount(&server)
        .await;
    serve(&server, "/fee_stats", huge).await;
    let pool = horizon(&[&server.uri()]);
    let page = pool
        .any()
        .ledger_transactions(LedgerSeq(261), None, &|_| true)
        .await;
    let page = page.expect("a page").expect("a ledger that is there");
    assert!(page.transactions.len() == 8 && page.is_last);
    let error = pool.any().fee_stats().await.expect_err("too large");
    assert_eq!(error.kind, UnknownKind::Lying);
}

async fn requests(server: &MockServer) -> usize {
    server
        .received_requests()
        .await
        .expect("requests are recorded")
        .len()
}

#[tokio::test]
async fn a_429_pauses_every_call_to_that_url() {
    let limited = server().await;
    let other = server().await;
    let answer = as_recorded(&named("rate-limited")).insert_header("retry-after", "60");
    serve(&limited, "/fee_stats", answer).await;
    let pool = horizon(&[&limited.uri(), &other.uri()]);
    let first: &Endpoint = &pool.endpoints()[0];
    let error = first.fee_stats().await.expect_err("limited");
    assert_eq!(error.kind, UnknownKind::RateLimited);
    assert_eq!(error.retry_after, Some(Duration::from_secs(60)));
    let sent = requests(&limited).await;
    let paused = no_fact(first.submit(&posted("submit-success")).await);
    assert_eq!((paused.kind, paused.status), (UnknownKind::Budget, None));
    assert!(
        paused
            .retry_after
            .is_some_and(|wait| wait > Duration::from_secs(55))
    );
    assert_eq!(requests(&limited).await, sent, "nothing was sent");
    for _ in 0..4 {
        assert_eq!(pool.any().name(), pool.endpoints()[1].name());
    }
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let server = server().await;
    let limited = as_recorded(&named("rate-limited"))
        .insert_header("date", "Sun, 22 Nov 2026 04:45:00 GMT")
        .insert_header("retry-after", "Sun, 22 Nov 2026 04:46:30 GMT");
    serve(&server, "/fee_stats", limited).await;
    let pool = horizon(&[&server.uri()]);
    let error = pool.any().fee_stats().await.expect_err("limited");
    assert_eq!(error.retry_after, Some(Duration::from_secs(90)));
}

#[tokio::test]
async fn our_own_budget_is_kept() {
    let server = server().await;
    serve(&server, "/fee_stats", as_recorded(&named("fee-stats"))).await;
    let mut options = options(&[&server.uri()]);
    options.requests_per_hour = 3;
    let pool = Horizon::new(&options).expect("a pool");
    pool.any()
        .fee_stats()
        .await
        .expect("the first, after the network's name");
    pool.any()
        .fee_stats()
        .await
        .expect("the third request of three");
    let error = pool
        .any()
        .fee_stats()
        .await
        .expect_err("the budget is used up");
    assert_eq!(error.kind, UnknownKind::Budget);
    let wait = error.retry_after.expect("a wait");
    assert!(
        wait > Duration::from_secs(1100) && wait <= Duration::from_secs(1200),
        "{wait:?}"
    );
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn an_endpoint_that_fails_or_takes_no_transactions_is_passed_over() {
    let healthy = server().await;
    let closed = server().await;
    let problem = json!({"type": "https://stellar.org/horizon-errors/transaction_submission_disabled", "title": "Transaction Submission Disabled", "status": 403});
    let body = serde_json::to_vec(&problem).expect("JSON");
    let refusal = ResponseTemplate::new(403).set_body_raw(body, "application/problem+json");
    serve(&closed, "/transactions_async", refusal).await;
    let pool = horizon(&["http://127.0.0.1:9", &closed.uri(), &healthy.uri()]);
    let [dead, shut, good] = pool.endpoints() else {
        panic!("three endpoints");
    };
    dead.root().await.expect_err("nobody listens there");
    let answer = no_fact(shut.submit_async(&posted("async-pending")).await);
    assert_eq!(answer.kind, UnknownKind::SubmissionDisabled);
    let read: std::collections::BTreeSet<_> = (0..6).map(|_| pool.any().name()).collect();
    assert_eq!(read, [shut.name(), good.name()].into());
    for _ in 0..4 {
        assert_eq!(pool.for_submission().name(), good.name());
    }
}

#[tokio::test]
async fn a_providers_key_in_the_url_is_used_and_not_shown() {
    let server = MockServer::start().await;
    serve(&server, "/v1/s3cretkey/", as_recorded(&named("root"))).await;
    serve(
        &server,
        "/v1/s3cretkey/fee_stats",
        as_recorded(&named("fee-stats")),
    )
    .await;
    for url in [
        format!("{}/v1/s3cretkey", server.uri()),
        format!("{}/v1/s3cretkey/", server.uri()),
    ] {
        let pool = horizon(&[&url]);
        pool.any().fee_stats().await.expect("the path is kept");
        assert!(!format!("{pool:?}").contains("s3cretkey"));
    }
}
