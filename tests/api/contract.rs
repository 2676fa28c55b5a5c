//! The OpenAPI document against what the server really answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use stellar_submitter::api::{self, Settings};
use uuid::Uuid;

use crate::post::{operations, presigned};
use crate::read::attempt;
use crate::server::{Answer, Ready, Server, account, payment, send};

/// Static files of the page under /docs, and what the router keeps for paths that nothing has: no part of the API.
const NO_PART: [&str; 4] = [
    "/docs",
    "/docs/",
    "/docs/{*rest}",
    "/{*__private__axum_fallback}",
];

struct Contract {
    document: Value,
    /// Every (operation, status) that was seen.
    seen: BTreeSet<(String, u16)>,
}

impl Contract {
    /// Asserts that the document describes this answer to this operation: status, media type, body, headers.
    #[track_caller]
    fn check(&mut self, method: &str, path: &str, answer: &Answer) {
        let operation = &self.document["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not described");
        let status = answer.status.as_u16();
        let described = &operation["responses"][status.to_string()];
        assert!(
            described.is_object(),
            "{method} {path}: {status} is not described: {}",
            answer.text
        );
        self.seen.insert((format!("{method} {path}"), status));
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let optional = header["schema"]["type"] != "string";
            assert!(
                optional || answer.header(name).is_some(),
                "{method} {path}: no {name}"
            );
        }
        let Some(content) = described["content"].as_object() else {
            assert_eq!(answer.text, "", "{method} {path} {status} has a body");
            return;
        };
        let media = answer.header("content-type").unwrap();
        let media = media.split(';').next().unwrap();
        let schema = content
            .get(media)
            .unwrap_or_else(|| panic!("{method} {path} {status}: {media} is not described"));
        if media.ends_with("json") {
            self.conforms(&schema["schema"], &answer.json());
        }
    }

    /// Asserts that a value conforms to a schema of the document.
    #[track_caller]
    fn conforms(&self, schema: &Value, value: &Value) {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap();
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
    }

    #[track_caller]
    fn refuses(&self, schema: &Value, value: &Value) {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        assert!(!jsonschema::is_valid(&whole, value), "{value}");
    }
}

/// A comparison with a finding, as it is on record.
const RECONCILIATION: &str = r#"insert into submitter.reconciliations (started_at, watermark, complete, findings, balances, report)
    values (now(), 9, false, 1, '{}', '{"status": "findings", "horizon": "h", "from_ledger": 3, "to_ledger": 9, "watermark": 9,
      "complete": false, "incomplete": ["a page was skipped"], "accounts": 2, "idle_channels": 0, "transactions": 2, "matched": 1,
      "pending": 0, "unclaimed": 0, "unexplained": 1, "of_others": 0, "by_kind": {"channel_drift": 1},
      "findings": {"count": 1, "items": [{"kind": "channel_drift", "detail": "ahead", "ledger": 9, "account": "G"}]},
      "balances": [{"account": "G", "asset": "native", "from_ledger": null, "start": null, "to_ledger": 9, "end": "7",
        "change": null, "unexplained": null, "inexact": 0}]}')"#;

#[tokio::test]
async fn every_operation_answers_as_it_is_described() {
    let server = Server::start().await;
    let document = server.get("/openapi.json").await.json();
    let mut contract = Contract {
        document,
        seen: BTreeSet::new(),
    };
    let request = contract.document["paths"]["/v1/intents"]["post"]["requestBody"]["content"]["application/json"]["schema"].clone();

    // Posts of every kind, each as the document lets it be written.
    let mut bodies: Vec<Value> = operations()
        .into_iter()
        .map(|(given, _)| json!({"operations": [given]}))
        .collect();
    bodies.push(json!({"transaction_xdr": presigned(), "method": "sponsor"}));
    bodies.push(json!({
        "operations": payment("w", "1")["operations"], "memo": {"type": "id", "value": "7"}, "not_before": "2030-01-01T00:00:00Z",
        "valid_until": "2030-01-02T00:00:00Z", "ordering_key": "o", "on_state_error": "park",
        "max_fee_per_operation": "1000", "metadata": {"a": 1}, "source": account(2),
    }));
    for (number, mut body) in bodies.into_iter().enumerate() {
        let name = format!("w-{number}");
        body["workflow_id"] = json!(name);
        contract.conforms(&request, &body);
        let answer = server.post(&name, &body).await;
        answer.intent(202);
        contract.check("POST", "/v1/intents", &answer);
        let replay = server.post(&name, &body).await;
        assert_eq!((replay.status, &replay.text), (answer.status, &answer.text));
        contract.check("POST", "/v1/intents", &replay);
    }
    for bad in [
        json!({}),
        json!({"workflow_id": "w", "surprise": 1}),
        json!({"workflow_id": 7}),
        json!({"workflow_id": "w", "operations": [{"type": "paymnet"}]}),
        json!({"workflow_id": "w", "operations": [{"type": "payment", "destination": "x", "asset": "native", "amount": 1}]}),
    ] {
        contract.refuses(&request, &bad);
        contract.check("POST", "/v1/intents", &server.post("bad", &bad).await);
    }

    // The rest of the table.
    let post = |key: &str, body: &Value| send(server.posting(key, body));
    let same = post(
        "other",
        &json!({"workflow_id": "w-0", "operations": [operations()[0].0]}),
    )
    .await;
    same.intent(200);
    contract.check("POST", "/v1/intents", &same);
    let conflict = post("third", &payment("w-0", "1")).await;
    contract.check("POST", "/v1/intents", &conflict);
    contract.check(
        "POST",
        "/v1/intents",
        &post("w-0", &payment("w-1", "1")).await,
    );
    let waited = server
        .posting("wait", &payment("wait", "1"))
        .header("prefer", "wait=0");
    contract.check("POST", "/v1/intents", &send(waited).await);
    let mut large = payment("w", "1");
    large["metadata"] = json!({"a": "x".repeat(300_000)});
    contract.check("POST", "/v1/intents", &post("large", &large).await);
    let text = server
        .request(Method::POST, "/v1/intents")
        .header("idempotency-key", "k")
        .body("x");
    contract.check("POST", "/v1/intents", &send(text).await);

    // Bulks, each as the document lets it be written.
    let bulk = "/v1/intents/bulk";
    let rows = &contract.document["paths"][bulk]["post"]["requestBody"]["content"]["application/json"]
        ["schema"];
    let rows = rows.clone();
    let good = json!([payment("bulk-1", "1"), payment("bulk-2", "1")]);
    contract.conforms(&rows, &good);
    contract.refuses(&rows, &payment("bulk-1", "1"));
    let post = |body: &Value| send(server.request(Method::POST, bulk).json(body));
    contract.check("POST", bulk, &post(&good).await);
    let mixed = json!([
        payment("bulk-1", "1"),
        payment("bulk-1", "2"),
        payment("bulk-3", "-1")
    ]);
    contract.check("POST", bulk, &post(&mixed).await);
    let many = json!(vec![0; 10_001]);
    contract.check("POST", bulk, &post(&many).await);
    let text = server.request(Method::POST, bulk).body("x");
    contract.check("POST", bulk, &send(text).await);

    // Previews, also of a network that cannot be asked.
    let preview = "/v1/intents/preview";
    let post = |body: &Value| send(server.request(Method::POST, preview).json(body));
    let seen = post(&payment("seen", "1")).await;
    contract.check("POST", preview, &seen);
    assert_eq!(seen.status.as_u16(), 200, "{}", seen.text);
    let away = post(&payment("preview-1", "1")).await;
    contract.check("POST", preview, &away);
    assert_eq!(away.status.as_u16(), 503, "{}", away.text);
    assert!(away.header("retry-after").is_some());
    assert!(!away.text.contains("secret"), "{}", away.text);
    contract.check("POST", preview, &post(&json!({"workflow_id": 1})).await);
    contract.check("POST", preview, &post(&large).await);
    let text = server.request(Method::POST, preview).body("x");
    contract.check("POST", preview, &send(text).await);

    // Intents in every state.
    let [succeeded, failed, parked, flying, queued] = [
        server.accepted("succeeded").await,
        server.accepted("failed").await,
        server.accepted("parked").await,
        server.accepted("flying").await,
        server.accepted("queued").await,
    ];
    server.fail(failed).await;
    server.park(parked).await;
    server.fly(flying).await;
    attempt(&server, succeeded).await;
    server
        .sql(format!(
            "update submitter.intents set status = 'succeeded', finished_at = now(), due_at = null, transaction =
             '{{\"hash\": \"{0}\", \"fee_bump_hash\": \"{0}\", \"ledger\": 7, \"closed_at\": \"2026-11-22T12:00:00Z\",
               \"successful\": true, \"fee_charged\": \"100\", \"channel\": \"{1}\", \"sequence\": \"7\"}}' where id = '{succeeded}';
             insert into submitter.channels (account, kind, sequence) values ('{1}', 'source', 7)",
            "cd".repeat(32),
            account(1)
        ))
        .await;
    for id in [succeeded, failed, parked, flying, queued] {
        let answer = server.get(&format!("/v1/intents/{id}")).await;
        contract.check("GET", "/v1/intents/{id}", &answer);
        for part in ["attempts", "events", "explain", "receipt"] {
            let answer = server.get(&format!("/v1/intents/{id}/{part}")).await;
            contract.check("GET", &format!("/v1/intents/{{id}}/{part}"), &answer);
        }
    }
    let tag = server.get(&format!("/v1/intents/{queued}")).await;
    let known = server
        .request(Method::GET, &format!("/v1/intents/{queued}"))
        .header("if-none-match", tag.header("etag").unwrap());
    contract.check("GET", "/v1/intents/{id}", &send(known).await);
    let pages = [
        "/v1/intents",
        "/v1/events",
        "/v1/channels",
        "/v1/reconciliation",
        "/v1/receipts/key",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/",
    ];
    for path in pages {
        contract.check("GET", path, &server.get(path).await);
    }
    server.sql(RECONCILIATION.to_owned()).await;
    let answer = server.get("/v1/reconciliation").await;
    contract.check("GET", "/v1/reconciliation", &answer);
    assert_eq!(answer.json()["findings"]["count"], 1);
    for (id, what) in [
        (parked, "retry"),
        (queued, "cancel"),
        (flying, "cancel"),
        (failed, "cancel"),
        (failed, "retry"),
        (Uuid::now_v7(), "cancel"),
        (Uuid::now_v7(), "retry"),
    ] {
        let path = format!("/v1/intents/{id}/{what}");
        let answer = send(server.request(Method::POST, &path)).await;
        contract.check("POST", &format!("/v1/intents/{{id}}/{what}"), &answer);
    }

    // Everything that asks for a key, without one, with one that allows nothing, and with parameters nobody knows.
    server
        .store
        .add_api_key(Uuid::now_v7(), "acme", "none", "sk_none", &[])
        .await
        .unwrap();
    let keyed: Vec<(String, String)> = operations_of(&contract.document)
        .into_iter()
        .filter(|(method, path)| {
            contract.document["paths"][path][method.to_lowercase()]["security"].is_array()
        })
        .collect();
    assert_eq!(keyed.len(), 16);
    for (method, path) in &keyed {
        let url = format!(
            "{}{}",
            server.base,
            path.replace("{id}", &Uuid::now_v7().to_string())
        );
        let ask = |key: Option<&str>, query: &str| {
            let request = server
                .client
                .request(method.parse().unwrap(), format!("{url}{query}"));
            send(match key {
                Some(key) => request.bearer_auth(key),
                None => request,
            })
        };
        contract.check(method, path, &ask(None, "").await);
        contract.check(method, path, &ask(Some("sk_none"), "").await);
        contract.check(
            method,
            path,
            &ask(Some(crate::server::ACME), "?surprise=1").await,
        );
    }
    let lagging = Server::start_with(Settings::default(), Arc::new(Ready(false))).await;
    contract.check("GET", "/readyz", &lagging.get("/readyz").await);

    // Every operation was called, and was seen to answer what it is for.
    for (method, path) in operations_of(&contract.document) {
        let name = format!("{method} {path}");
        let good = contract
            .seen
            .iter()
            .any(|(seen, status)| *seen == name && *status < 300);
        assert!(good, "{name} was never seen to answer well");
    }
    // What is described and was not seen here: failures of the database and of ours, limits, slow clients. Other tests see them.
    let unseen: BTreeSet<u16> = described(&contract.document)
        .difference(&contract.seen)
        .map(|(_, status)| *status)
        .collect();
    assert_eq!(
        unseen,
        BTreeSet::from([404, 408, 429, 500, 503]),
        "{:?}",
        described(&contract.document).difference(&contract.seen)
    );
}

/// Every (method, path) of a document.
fn operations_of(document: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.insert((method.to_uppercase(), path.clone()));
        }
    }
    all
}

/// Every (operation, status) of a document.
fn described(document: &Value) -> BTreeSet<(String, u16)> {
    let mut all = BTreeSet::new();
    for (method, path) in operations_of(document) {
        let responses = &document["paths"][&path][method.to_lowercase()]["responses"];
        for status in responses.as_object().unwrap().keys() {
            all.insert((format!("{method} {path}"), status.parse().unwrap()));
        }
    }
    all
}

/// The router's own list of its paths, which it shows for debugging alone; no path at all fails the test.
fn paths_of(router: &axum::Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let quoted: BTreeSet<String> = shown
        .split('"')
        .filter(|text| text.starts_with('/'))
        .map(str::to_owned)
        .collect();
    assert!(
        !quoted.is_empty(),
        "the router does not show its paths any more: {shown}"
    );
    quoted
}

#[tokio::test]
async fn what_is_routed_is_described_and_what_is_described_is_routed() {
    let server = Server::start().await;
    let router = api::router(server.app(Settings::default(), Arc::new(Ready(true))));
    let document: Value = serde_json::from_str(&api::description()).unwrap();
    assert_eq!(document, server.get("/openapi.json").await.json());
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path) in operations_of(&document) {
        described.entry(path).or_default().insert(method);
    }
    let mut routed = BTreeMap::new();
    for path in paths_of(&router) {
        if NO_PART.contains(&path.as_str()) {
            continue;
        }
        // A method that nothing has: the answer names those that the path has.
        let method = Method::from_bytes(b"SURPRISE").unwrap();
        let url = path.replace("{id}", "x");
        let answer = send(server.request(method, &url)).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.header("allow").unwrap().split(',');
        let methods: BTreeSet<String> = allowed
            .map(|method| method.trim().to_owned())
            .filter(|method| method != "HEAD")
            .collect();
        routed.insert(path, methods);
    }
    assert_eq!(routed, described);
}
