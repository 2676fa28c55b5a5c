//! Bad input: one clear error that names the field; nothing stored; no secret repeated or logged.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{ACME, Answer, Server, account, logs, payment, seed, send};

/// Posts a body that must be refused, and returns the one error.
async fn refused(server: &Server, body: &Value) -> (String, String) {
    let answer = server.post("k", body).await;
    one_error(&answer)
}

#[track_caller]
fn one_error(answer: &Answer) -> (String, String) {
    let problem = answer.problem(400, "invalid-request");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{problem}");
    let text = |name: &str| errors[0][name].as_str().unwrap().to_owned();
    (text("pointer"), text("detail"))
}

#[tokio::test]
async fn each_wrong_amount_is_named_with_its_reason() {
    let server = Server::start().await;
    for (amount, reason) in [
        (json!(""), "is empty"),
        (json!("abc"), "is not a decimal number"),
        (json!("1e3"), "is not a decimal number"),
        (json!("1,5"), "is not a decimal number"),
        (json!(" 1"), "is not a decimal number"),
        (json!("1."), "is not a decimal number"),
        (json!("+1"), "is not a decimal number"),
        (json!("0.00000001"), "has more than 7 decimal places"),
        (
            json!("922337203685.4775808"),
            "is larger than 922337203685.4775807",
        ),
        (json!("-1"), "is negative"),
        (json!("0"), "must be more than 0"),
        (json!("0.0000000"), "must be more than 0"),
        (json!(12.5), "must be a string, not a number"),
        (Value::Null, "is required"),
    ] {
        let mut body = payment("w", "1");
        body["operations"][0]["amount"] = amount.clone();
        let (pointer, detail) = refused(&server, &body).await;
        assert_eq!(pointer, "/operations/0/amount", "{amount}");
        assert!(detail.starts_with(reason), "{amount}: {detail}");
    }
    let mut most = payment("w", "922337203685.4775807");
    most["operations"][0]["amount"] = json!("922337203685.4775807");
    server.post("k", &most).await.intent(202);
    assert_eq!(server.count("intents").await, 1);
}

#[tokio::test]
async fn each_wrong_field_is_named() {
    let server = Server::start().await;
    let good = account(9);
    let mut typo = good.clone();
    let last = if typo.pop() == Some('A') { 'B' } else { 'A' };
    typo.push(last);
    let contract = stellar_strkey::Contract([3; 32]).to_string();
    let usd = |issuer: &str| format!("USD:{issuer}");
    let cases: Vec<(&str, Value, &str)> = vec![
        (
            "/operations/0/destination",
            json!(typo),
            "checksum does not match",
        ),
        (
            "/operations/0/destination",
            json!("GABC"),
            "is not a Stellar address",
        ),
        (
            "/operations/0/destination",
            json!(contract.as_str()),
            "is a C… (contract) address",
        ),
        (
            "/operations/0/destination",
            json!(""),
            "is not a Stellar address",
        ),
        ("/operations/0/destination", json!(7), "must be a string"),
        ("/operations/0/asset", json!("XLM"), ""),
        (
            "/operations/0/asset",
            json!(usd(&typo)),
            "checksum does not match",
        ),
        (
            "/operations/0/asset",
            json!(format!("TOOLONGASSETCODE:{good}")),
            "",
        ),
        ("/operations/0/asset", json!(format!(":{good}")), ""),
        ("/operations/0/asset", json!(format!("U$D:{good}")), ""),
        ("/operations/0/type", json!("paymnet"), "must be payment, "),
        (
            "/operations/0/type",
            json!("invoke_contract"),
            "contract operation",
        ),
        (
            "/operations/0",
            json!("payment"),
            "must be an object, not a string",
        ),
        ("/operations", json!([]), "must have 1 to 100 items, not 0"),
        ("/operations", json!({}), "must be an array"),
        (
            "/workflow_id",
            json!(""),
            "must have 1 to 255 characters, not 0",
        ),
        (
            "/workflow_id",
            json!("w".repeat(256)),
            "must have 1 to 255 characters, not 256",
        ),
        ("/workflow_id", json!("a\nb"), "control character"),
        ("/workflow_id", json!("a\u{0}b"), "NUL"),
        ("/workflow_id", json!(1), "must be a string, not a number"),
        (
            "/method",
            json!("m".repeat(256)),
            "must have 1 to 255 characters",
        ),
        (
            "/source",
            json!(account(200)),
            "is not an account that is configured here",
        ),
        ("/source", json!(typo), "checksum does not match"),
        ("/memo", json!("text"), "must be an object"),
        (
            "/memo/type",
            json!({"type": "txt", "value": "x"}),
            "must be text, id, hash or return",
        ),
        (
            "/memo/value",
            json!({"type": "text", "value": "ä".repeat(15)}),
            "is 30 bytes long",
        ),
        (
            "/memo/value",
            json!({"type": "id", "value": "18446744073709551616"}),
            "decimal number",
        ),
        (
            "/memo/value",
            json!({"type": "hash", "value": "abcd"}),
            "64 hexadecimal digits",
        ),
        (
            "/memo/extra",
            json!({"type": "id", "value": "1", "extra": 1}),
            "not a field",
        ),
        ("/not_before", json!("tomorrow"), "RFC 3339"),
        ("/not_before", json!("1969-12-31T23:59:59Z"), "1970"),
        ("/valid_until", json!("2026-02-30T00:00:00Z"), "RFC 3339"),
        ("/on_state_error", json!("retry"), "must be fail or park"),
        ("/metadata", json!([1]), "must be an object"),
        ("/metadata", json!({"a": "x".repeat(4096)}), "at most 4096"),
        ("/metadata", json!({"a": "\u{0}"}), "NUL"),
        ("/surprise", json!(1), "is not a field that is known here"),
        (
            "/operations/0/memo",
            json!("x"),
            "is not a field that is known here",
        ),
        ("/transaction_xdr", json!("AAAA"), ""),
    ];
    for (pointer, value, reason) in cases {
        let mut body = payment("w", "1");
        if pointer == "/transaction_xdr" {
            body.as_object_mut().unwrap().remove("operations");
        }
        let place = match pointer {
            "/memo/type" | "/memo/value" | "/memo/extra" => "/memo",
            other => other,
        };
        let (parent, name) = place.rsplit_once('/').unwrap();
        match body.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[name] = value.clone(),
        }
        let (at, detail) = refused(&server, &body).await;
        assert_eq!(at, pointer, "{value}: {detail}");
        assert!(detail.contains(reason), "{pointer} {value}: {detail}");
    }
    assert_eq!(server.count("intents").await, 0);
    assert_eq!(server.count("idempotency_keys").await, 0);
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once_up_to_a_limit() {
    let server = Server::start().await;
    let operation = json!({"type": "payment", "destination": "x", "asset": "y", "amount": "z"});
    let body = json!({"operations": vec![operation; 100], "memo": 1, "extra~/": null});
    let problem = server
        .post("k", &body)
        .await
        .problem(400, "invalid-request");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 100);
    assert_eq!(errors[0]["pointer"], "/workflow_id");
    let few = json!({"operations": [], "memo": 1, "extra~/": null});
    let problem = server.post("k", &few).await.problem(400, "invalid-request");
    let pointers: Vec<&Value> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["pointer"])
        .collect();
    assert_eq!(
        pointers,
        ["/workflow_id", "/memo", "/operations", "/extra~0~1"]
    );
    let mut many = payment("w", "1");
    let operation = many["operations"][0].clone();
    many["operations"] = json!(vec![operation; 101]);
    let (pointer, detail) = refused(&server, &many).await;
    assert_eq!(
        (pointer.as_str(), detail.as_str()),
        ("/operations", "must have 1 to 100 items, not 101")
    );
}

#[tokio::test]
async fn a_secret_key_is_refused_and_never_repeated_nor_logged() {
    let server = Server::start().await;
    let secret = seed(42);
    let mut places: Vec<Value> = Vec::new();
    for pointer in [
        "workflow_id",
        "method",
        "source",
        "ordering_key",
        "on_state_error",
        "not_before",
    ] {
        let mut body = payment("w", "1");
        body[pointer] = json!(secret);
        places.push(body);
    }
    for field in ["type", "destination", "asset", "amount"] {
        let mut body = payment("w", "1");
        body["operations"][0][field] = json!(secret);
        places.push(body);
    }
    let mut issuer = payment("w", "1");
    issuer["operations"][0]["asset"] = json!(format!("USD:{secret}"));
    places.push(issuer);
    let mut deep = payment("w", "1");
    deep["metadata"] = json!({"a": [{"b": secret}]});
    places.push(deep);
    let mut name = payment("w", "1");
    name[secret.as_str()] = json!(1);
    places.push(name);
    let mut memo = payment("w", "1");
    memo["memo"] = json!({"type": "text", "value": secret});
    places.push(memo);
    for body in places {
        let answer = server.post("k", &body).await;
        answer.problem(400, "invalid-request");
        assert!(!answer.text.contains(&secret), "repeated for {body}");
    }
    let mut destination = payment("w", "1");
    destination["operations"][0]["destination"] = json!(secret);
    let answer = server.post("k", &destination).await;
    assert!(answer.text.contains("secret key"), "{}", answer.text);
    // Nor where it has no business at all: paths, parameters, keys, broken JSON.
    let get = |path: String| send(server.request(Method::GET, &path));
    for path in [
        format!("/v1/intents/{secret}"),
        format!("/{secret}"),
        format!("/v1/intents?source={secret}"),
        format!("/v1/intents?{secret}=1"),
        format!("/v1/events?types={secret}"),
    ] {
        let answer = get(path).await;
        assert!(answer.status.is_client_error());
        assert!(!answer.text.contains(&secret), "{}", answer.text);
    }
    let broken = server
        .request(Method::POST, "/v1/intents")
        .header("idempotency-key", format!("{secret} {secret}"))
        .header("x-request-id", &secret)
        .header("content-type", "application/json")
        .body(format!("{{\"{secret}\":1,\"{secret}\":{secret}}}"));
    let answer = send(broken).await;
    assert!(answer.status.is_client_error());
    assert!(!answer.text.contains(&secret));
    let wrong = server.client.get(format!("{}/v1/intents", server.base));
    let answer = send(wrong.bearer_auth(&secret)).await;
    answer.problem(401, "unauthorized");
    assert!(!answer.text.contains(&secret));
    assert_eq!(server.count("intents").await, 0);
    let logs = logs();
    assert!(
        logs.contains("/v1/intents"),
        "nothing was logged, so nothing was tested"
    );
    for (name, value) in [("a secret key", secret.as_str()), ("an API key", ACME)] {
        let line = logs.lines().find(|line| line.contains(value));
        assert!(line.is_none(), "{name} was logged: {line:?}");
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_kind_are_refused() {
    let server = Server::start().await;
    let post = |media: Option<&str>, body: String| {
        let mut request = server
            .request(Method::POST, "/v1/intents")
            .header("idempotency-key", "k");
        if let Some(media) = media {
            request = request.header("content-type", media);
        }
        send(request.body(body))
    };
    let good = payment("w", "1").to_string();
    for media in [
        None,
        Some("text/plain"),
        Some("application/xml"),
        Some("application/jsonp"),
    ] {
        let answer = post(media, good.clone()).await;
        answer.problem(415, "unsupported-media-type");
    }
    let json = Some("application/json");
    for (body, pointer, reason) in [
        (String::new(), "", "is not JSON at line 1"),
        ("{".to_owned(), "", "is not JSON at line 1"),
        (format!("{good}x"), "", "is not JSON at line 1"),
        (
            "{\n\"workflow_id\": nope}".to_owned(),
            "",
            "is not JSON at line 2, column",
        ),
        ("[]".to_owned(), "", "must be an object, not an array"),
        ("null".to_owned(), "", "must be an object, not null"),
        ("\u{feff}{}".to_owned(), "", "is not JSON"),
        (
            good.replace("\"amount\":\"1\"", "\"amount\":\"1\",\"amount\":\"1000\""),
            "/operations/0/amount",
            "is given twice",
        ),
    ] {
        let (at, detail) = one_error(&post(json, body.clone()).await);
        assert_eq!(at, pointer, "{body}");
        assert!(detail.contains(reason), "{body}: {detail}");
    }
    // Levels without end are neither followed nor stored.
    for depth in [40, 127, 5_000, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = good.replacen('{', &format!("{{\"metadata\":{{\"a\":{nested}}},"), 1);
        let problem = post(json, body).await.problem(400, "invalid-request");
        assert!(!problem["errors"].as_array().unwrap().is_empty());
    }
    assert_eq!(server.count("intents").await, 0);
    let charset = post(Some("application/json; charset=utf-8"), good).await;
    charset.intent(202);
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_with_an_answer_that_arrives() {
    let server = Server::start().await;
    let limit = 256 * 1024;
    for size in [limit, 1_000_000, 5_000_000] {
        let mut body = payment("w", "1");
        body["metadata"] = json!({"a": "x".repeat(size)});
        server.post("k", &body).await.problem(413, "body-too-large");
    }
    // A client that writes all of it before it reads, as many do, hears the answer as well.
    let (address, length) = (server.address, 5_000_000);
    let spoken = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /v1/intents HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ACME}\r\nidempotency-key: k\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; length]).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let text = spoken.await.unwrap();
    assert!(
        text.starts_with("HTTP/1.1 413") && text.contains("body-too-large"),
        "{text}"
    );
    // Without a length beforehand, too.
    let chunks = (0..64).map(|_| Ok::<_, std::io::Error>("x".repeat(64 * 1024)));
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = server
        .request(Method::POST, "/v1/intents")
        .header("idempotency-key", "k")
        .header("content-type", "application/json")
        .body(stream);
    if let Ok(response) = request.send().await {
        assert_eq!(response.status(), 413);
    }
    let huge: Vec<u32> = (0..40_000).collect();
    let mut body = payment("w", "1");
    body["operations"] = json!(huge);
    let (pointer, detail) = refused(&server, &body).await;
    assert_eq!(pointer, "/operations");
    assert!(detail.contains("1 to 100"), "{detail}");
    assert_eq!(server.count("intents").await, 0);
}
