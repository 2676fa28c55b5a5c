//! What stands between a daemon and Horizon, where a test puts something there.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};

/// The largest body that is passed on.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Listens, and returns the URL.
pub async fn serve(app: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// Stands before a Horizon and changes its answers, each by path and query; returns its URL.
pub async fn changing(
    horizon: &str,
    change: impl Fn(&str, &mut Answer) + Clone + Send + Sync + 'static,
) -> String {
    let (client, horizon) = (super::ledger::client(), horizon.to_owned());
    serve(axum::Router::new().fallback(move |request: Request| {
        let (client, horizon, change) = (client.clone(), horizon.clone(), change.clone());
        async move {
            let target = request.uri().to_string();
            let mut answer = Answer::of(&client, &horizon, request).await;
            change(&target, &mut answer);
            answer.pass_on()
        }
    }))
    .await
}

/// Horizon's answer to a request.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Asks Horizon the same.
    pub async fn of(client: &reqwest::Client, horizon: &str, request: Request) -> Self {
        let url = format!("{horizon}{}", request.uri());
        let kind = request.headers().get("content-type").cloned();
        let (method, body) = (request.method().clone(), request.into_body());
        let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap();
        let mut passed = client.request(method, url).body(body);
        if let Some(kind) = kind {
            passed = passed.header("content-type", kind);
        }
        let answer = passed.send().await.unwrap();
        Self {
            status: answer.status(),
            headers: answer.headers().clone(),
            body: answer.bytes().await.unwrap(),
        }
    }

    /// It is this instead.
    pub fn set(&mut self, status: StatusCode, body: &serde_json::Value) {
        self.status = status;
        self.body = body.to_string().into();
    }

    /// What a client reads of it.
    pub fn pass_on(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        for name in ["content-type", "latest-ledger"] {
            if let Some(value) = self.headers.get(name) {
                let name = HeaderName::from_static(name);
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}
