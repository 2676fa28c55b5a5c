//! Keys, and an API that is away, busy or another one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wiremock::matchers::{header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::dev::{dev, unfunded};
use crate::program::{Files, Ran, run};

fn one_row(files: &Files) -> String {
    let text = format!("workflow_id,destination,amount\nw,{},1\n", unfunded());
    files.write("one.csv", text)
}

/// On a thread of its own, so that a server in this process can answer.
async fn ask(api: &str, arguments: &[&str]) -> Ran {
    let api = api.to_owned();
    let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
    tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&arguments, &[("SUBMITTER_API_URL", &api)])
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_wrong_key_is_one_clear_line() {
    let dev = dev().await;
    let files = Files::new();
    let row = one_row(&files);
    let wrong = [("SUBMITTER_API_KEY", "sk_wrong_one")];
    for arguments in [
        &["list", "--api", &dev.api][..],
        &["get", "x", "--api", &dev.api],
        &["submit", &row, "--api", &dev.api],
        &["--api", &dev.api, "watch", "x"],
    ] {
        let ran = run(arguments, &wrong);
        let complaint = ran.complaint(1);
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
        for word in [
            &dev.api[..],
            "refuses the key",
            "unknown or revoked",
            "SUBMITTER_API_KEY",
        ] {
            assert!(complaint.contains(word), "{word:?}: {ran:?}");
        }
        assert!(!ran.err.contains("sk_wrong_one"), "{ran:?}");
        assert_eq!(ran.out, "");
    }
    // A file of a key goes before the variable.
    let file = files.write("key", "sk_dev\n");
    run(&["list", "--api", &dev.api, "--key-file", &file], &wrong).fine();
    let file = files.write("key", "two words");
    let ran = run(&["list", "--api", &dev.api, "--key-file", &file], &[]);
    assert!(ran.complaint(2).contains("not one"), "{ran:?}");
    assert!(!ran.err.contains("two words"), "{ran:?}");
}

#[test]
fn elsewhere_than_on_this_machine_a_key_is_needed() {
    let ran = run(&["list", "--api", "https://submitter.example.org"], &[]);
    assert!(ran.complaint(2).contains("SUBMITTER_API_KEY"), "{ran:?}");
    for url in [
        "localhost:8080",
        "http://user:hunter2@localhost",
        "ftp://localhost",
    ] {
        let ran = run(&["list", "--api", url], &[]);
        assert!(ran.complaint(2).starts_with("--api"), "{ran:?}");
        assert!(!ran.err.contains("hunter2"), "{ran:?}");
    }
}

#[test]
fn an_api_that_is_away_is_one_clear_line() {
    // A port that no other test is given meanwhile.
    let api = "http://127.0.0.1:1".to_owned();
    let files = Files::new();
    let row = one_row(&files);
    for arguments in [&["submit", &row][..], &["cancel", "x"], &["list", "--json"]] {
        let begun = Instant::now();
        let ran = run(&[arguments, &["--api", &api]].concat(), &[]);
        let expected = format!("the API at {api} cannot be reached: Connection refused");
        assert!(ran.complaint(1).starts_with(&expected), "{ran:?}");
        assert_eq!(
            ran.err.lines().last(),
            ran.err.lines().find(|line| line.starts_with("error: "))
        );
        assert_eq!(ran.out, "", "{ran:?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

fn intent(status: &str) -> Value {
    json!({
        "id": "0190c5d2-7b1e-7000-8000-000000000001", "workflow_id": "w", "method": "payment",
        "status": status, "transaction": null, "reason": null,
    })
}

fn problem(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({
        "type": format!("urn:stellar-submitter:problem:{code}"), "title": "x", "status": status,
        "detail": "said so", "instance": "/v1/intents",
    });
    ResponseTemplate::new(status).set_body_json(body)
}

/// An API whose list is empty, which answers the first posts as told, and then accepts.
async fn api_that_answers(first: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let page = json!({"items": [], "next": null});
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&server)
        .await;
    for answer in first {
        Mock::given(method("POST"))
            .and(path("/v1/intents"))
            .respond_with(answer)
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    Mock::given(method("POST"))
        .and(header_exists("idempotency-key"))
        .respond_with(ResponseTemplate::new(202).set_body_json(intent("queued")))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn an_api_that_is_busy_or_restarts_is_asked_again_with_the_same_key() {
    let server = api_that_answers(vec![
        problem(503, "database-unavailable"),
        problem(429, "too-many-requests").insert_header("retry-after", "1"),
        problem(409, "request-in-flight").insert_header("retry-after", "1"),
        // A proxy in front of an API that is away.
        ResponseTemplate::new(502).set_body_string("<html>bad gateway</html>"),
    ])
    .await;
    let files = Files::new();
    let begun = Instant::now();
    let ran = ask(&server.uri(), &["submit", &one_row(&files), "--json"]).await;
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "it was asked for two"
    );
    let ran = ran.fine();
    assert_eq!(ran.json()["new"], 1);
    assert_eq!(ran.err.matches("trying again").count(), 1, "{ran:?}");
    let requests = server.received_requests().await.unwrap();
    let keys: Vec<&str> = requests
        .iter()
        .filter(|request| request.method.as_str() == "POST")
        .map(|request| request.headers["idempotency-key"].to_str().unwrap())
        .collect();
    assert_eq!(keys.len(), 5);
    assert!(
        keys[0].len() > 64 && keys.iter().all(|key| *key == keys[0]),
        "{keys:?}"
    );
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_a_row_ends_the_run() {
    for (answer, words) in [
        (problem(401, "unauthorized"), &["refuses the key"][..]),
        (problem(403, "forbidden"), &["403 forbidden"]),
        (
            ResponseTemplate::new(404).set_body_string("not here"),
            &["answers 404", "is that the API"],
        ),
        (
            ResponseTemplate::new(200).set_body_json(json!({"hello": "world"})),
            &["answers 200", "no intent"],
        ),
        (
            ResponseTemplate::new(307).insert_header("location", "http://elsewhere/"),
            &["answers 307"],
        ),
    ] {
        let server = api_that_answers(vec![answer]).await;
        let files = Files::new();
        let mut text = "workflow_id,destination,amount\n".to_owned();
        for index in 0..50 {
            text.push_str(&format!("w{index},{},1\n", unfunded()));
        }
        let file = files.write("rows.csv", text);
        let submit = ["submit", &file, "--concurrency", "1"];
        let ran = ask(&server.uri(), &submit).await;
        let complaint = ran.complaint(1);
        for word in ["50 not posted", "the same command goes on"]
            .iter()
            .chain(words)
        {
            assert!(complaint.contains(word), "{word:?}: {ran:?}");
        }
        let requests = server.received_requests().await.unwrap();
        let posts = requests.iter().filter(|one| one.method.as_str() == "POST");
        assert_eq!(posts.count(), 1);
    }
}
