//! A Horizon that does not tell all: it stands before a real one, and leaves out what it is told to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// What it does to the truth.
#[derive(Clone, Debug, Default)]
pub struct Flaws {
    /// Transactions, by inner hash, that no list has.
    pub hides: Vec<String>,
    /// The newest ledger that it knows of, whatever the truth is.
    pub ends_at: Option<u64>,
    /// Whether its root tells of that.
    pub root_admits: bool,
    /// The oldest ledger that it says it has.
    pub elder: Option<u64>,
    /// Whether no transaction is found by its hash.
    pub hides_alone: bool,
    /// So many requests are answered 429, with a wait of a second.
    pub limits: u32,
}

/// It listens while it lives.
pub struct Liar {
    pub url: String,
    pub flaws: Arc<Mutex<Flaws>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    truth: String,
    client: reqwest::Client,
    flaws: Arc<Mutex<Flaws>>,
}

impl Liar {
    /// Before the Horizon at a URL.
    pub async fn before(truth: &str, flaws: Flaws) -> Self {
        let flaws = Arc::new(Mutex::new(flaws));
        let shared = Shared {
            truth: truth.to_owned(),
            client: crate::world::ledger::client(),
            flaws: Arc::clone(&flaws),
        };
        let app = Router::new().fallback(answer).with_state(shared);
        let (url, task) = serve(app).await;
        Self { url, flaws, task }
    }
}

/// Serves on a port of its own.
pub async fn serve(app: Router) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, task)
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let flaws = {
        let mut flaws = shared.flaws.lock().unwrap();
        if flaws.limits > 0 {
            flaws.limits -= 1;
            let problem = r#"{"type":"https://stellar.org/horizon-errors/rate_limit_exceeded","title":"Rate Limit Exceeded","status":429}"#;
            return (
                StatusCode::TOO_MANY_REQUESTS,
                [(header::RETRY_AFTER, "1")],
                problem,
            )
                .into_response();
        }
        flaws.clone()
    };
    let path = request.uri().path().to_owned();
    if flaws.hides_alone && path.starts_with("/transactions/") {
        let problem = r#"{"type":"https://stellar.org/horizon-errors/not_found","title":"Resource Missing","status":404}"#;
        return (StatusCode::NOT_FOUND, problem).into_response();
    }
    let query = request.uri().path_and_query().unwrap().as_str();
    let truth = shared
        .client
        .get(format!("{}{query}", shared.truth))
        .send()
        .await
        .unwrap();
    let status = StatusCode::from_u16(truth.status().as_u16()).unwrap();
    let mut latest = truth.headers().get("latest-ledger").cloned();
    let mut body: Value = truth.json().await.unwrap();
    if let Some(records) = body["_embedded"]["records"].as_array_mut() {
        records.retain(|record| is_shown(record, &flaws));
    }
    if let Some(end) = flaws.ends_at {
        if path == "/" && flaws.root_admits {
            body["history_latest_ledger"] = end.into();
        }
        if !flaws.root_admits {
            // A state as new as the truth's, and lists that lag: as behind a balancer.
        } else if latest.is_some() {
            latest = Some(end.to_string().parse().unwrap());
        }
    }
    if let Some(elder) = flaws.elder.filter(|_| path == "/") {
        body["history_elder_ledger"] = elder.into();
    }
    let mut response = (status, body.to_string()).into_response();
    if let Some(latest) = latest {
        response.headers_mut().insert("latest-ledger", latest);
    }
    response
}

fn is_shown(record: &Value, flaws: &Flaws) -> bool {
    let hash = record["inner_transaction"]["hash"]
        .as_str()
        .or_else(|| record["hash"].as_str())
        .unwrap_or_default();
    let ledger = record["ledger"].as_u64().unwrap_or(0);
    !flaws.hides.iter().any(|hidden| hidden == hash)
        && flaws.ends_at.is_none_or(|end| ledger <= end)
}
