//! The recorded answers again, through the whole client and a real socket.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use stellar_submitter::domain::observation::Cursor;
use stellar_submitter::horizon::{Endpoint, Order};
use wiremock::{MockServer, Request};

use crate::capture::{self, Capture, Question, line, look_up, submitted};
use crate::rude_servers::{as_recorded, horizon, serve};

#[tokio::test]
async fn the_client_asks_as_recorded_and_hears_the_same() {
    let server = MockServer::start().await;
    let root = capture::named("root");
    let mut asked = 0;
    for capture in capture::all() {
        server.reset().await;
        // The first mock that fits answers: a capture of `GET /` itself comes before the usual one.
        serve(&server, &capture.request.path, as_recorded(&capture)).await;
        serve(&server, "/", as_recorded(&root)).await;
        let pool = horizon(&[&server.uri()]);
        let Some(heard) = ask(pool.any(), &capture).await else {
            continue;
        };
        assert_eq!(heard, capture.observed(), "{}", capture.name);
        let requests = server
            .received_requests()
            .await
            .expect("requests are recorded");
        check(requests.last().expect("something was asked"), &capture);
        asked += 1;
    }
    assert!(asked > 110, "only {asked} captures were asked for");
}

/// `None`: nothing that the client can ask.
async fn ask(endpoint: &Endpoint, capture: &Capture) -> Option<String> {
    Some(match capture.question() {
        Question::Root => line(endpoint.root().await, capture::network_status),
        Question::FeeStats => line(endpoint.fee_stats().await, capture::fee_stats),
        Question::Ledger(number) => line(endpoint.ledger(number).await, capture::ledger_header),
        Question::NewestLedger => line(endpoint.latest_ledger().await, capture::ledger_header),
        Question::LedgerTransactions(number) => line(
            endpoint.ledger_transactions(number, None, &|_| true).await,
            capture::page,
        ),
        Question::Account(id) => line(endpoint.account(id).await, capture::account),
        Question::AccountTransactions(id) => {
            let query = |key: &str| {
                capture
                    .request
                    .query
                    .as_ref()
                    .and_then(|query| query.get(key))
            };
            let cursor = match query("cursor").and_then(Value::as_str).map(str::parse) {
                Some(Ok(token)) => Some(Cursor(token)),
                Some(Err(_)) | None => None,
            };
            let order = match query("order").and_then(Value::as_str) {
                Some("desc") => Order::Descending,
                _ => Order::Ascending,
            };
            let page = endpoint
                .account_transactions(id, cursor, order, capture.limit())
                .await;
            line(page, capture::page)
        }
        Question::LookUp(hash) => look_up(endpoint.transaction(hash).await),
        Question::Submit(tx) => submitted(endpoint.submit(&STANDARD.decode(tx).ok()?).await),
        Question::SubmitAsync(tx) => {
            submitted(endpoint.submit_async(&STANDARD.decode(tx).ok()?).await)
        }
        Question::Transactions | Question::Other => return None,
    })
}

fn check(sent: &Request, capture: &Capture) {
    let name = &capture.name;
    assert_eq!(sent.url.path(), capture.request.path, "{name}");
    assert_eq!(sent.method.as_str(), capture.request.method, "{name}");
    let agent = sent.headers.get("user-agent").expect("a user agent");
    assert!(
        agent.as_bytes().starts_with(b"stellar-submitter/"),
        "{name}"
    );
    let query: std::collections::HashMap<_, _> = sent.url.query_pairs().into_owned().collect();
    if capture.request.path.ends_with("/transactions") && capture.request.method == "GET" {
        assert_eq!(query["include_failed"], "true", "{name}");
        assert_eq!(query["limit"], capture.limit().to_string(), "{name}");
    }
    if let Some(tx) = capture
        .request
        .form
        .as_ref()
        .and_then(|form| form.get("tx"))
    {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&sent.body)
            .into_owned()
            .collect();
        let tx = tx.as_str().expect("tx is text").to_owned();
        assert_eq!(form, [("tx".to_owned(), tx)], "{name}");
    }
}
