//! Requests and whole answers: deadlines, the body's limit, the gate, and what is counted.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use tokio::time::Instant;
use url::Url;

use super::answer::{Answer, MAX_BODY_BYTES};
use super::gate::Gate;
use crate::domain::observation::{Unknown, UnknownKind};

/// The wire to one base URL.
pub struct Transport {
    base: Url,
    name: String,
    http: Client,
    gate: Gate,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Transport").field(&self.name).finish()
    }
}

impl Transport {
    /// The wire to this URL, for so many requests an hour; 0: any number.
    pub fn new(base: Url, http: Client, requests_per_hour: u32) -> Self {
        // A provider's key may be in the path or before the host: only host and port are ever shown.
        let host = base.host_str().unwrap_or("?");
        let name = match base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Self {
            base,
            name,
            http,
            gate: Gate::new(requests_per_hour),
        }
    }

    /// Host and port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long until it should be asked again.
    pub fn ready_in(&self) -> Duration {
        self.gate.ready_in()
    }

    /// It answered as one that works.
    pub fn worked(&self) {
        self.gate.worked();
    }

    /// It did not: others are preferred for a while.
    pub fn failed(&self) {
        self.gate.failed();
    }

    /// Notes whether the answer was one of an endpoint that works.
    pub fn judged<T>(&self, result: Result<T, Unknown>) -> Result<T, Unknown> {
        match &result {
            Ok(_) => self.worked(),
            Err(unknown) => self.judge(unknown),
        }
        result
    }

    /// What an answer that says nothing tells of the endpoint's health.
    pub fn judge(&self, unknown: &Unknown) {
        use UnknownKind as K;
        match unknown.kind {
            K::Unreachable
            | K::Cut
            | K::Deadline
            | K::Unavailable
            | K::ServerError
            | K::Unparsable
            | K::Lying => self.failed(),
            // A 504 of a POST is about that transaction; the others are about the question, or paused already.
            K::Timeout
            | K::RateLimited
            | K::SubmissionDisabled
            | K::BadRequest
            | K::Gone
            | K::Budget => {}
        }
    }

    /// A GET.
    pub async fn get(
        &self,
        call: &'static str,
        path: &[&str],
        query: &[(&str, String)],
        deadline: Duration,
    ) -> Result<Answer, Unknown> {
        let request = self.http.get(self.url(path)).query(query);
        self.send(call, request, deadline).await
    }

    /// A POST of a form.
    pub async fn post(
        &self,
        call: &'static str,
        path: &[&str],
        form: &[(&str, &str)],
        deadline: Duration,
    ) -> Result<Answer, Unknown> {
        let request = self.http.post(self.url(path)).form(form);
        self.send(call, request, deadline).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("http and https URLs have a path")
            .pop_if_empty()
            .extend(path);
        url
    }

    async fn send(
        &self,
        call: &'static str,
        request: RequestBuilder,
        deadline: Duration,
    ) -> Result<Answer, Unknown> {
        self.gate.admit()?;
        let started = Instant::now();
        let result = match request.timeout(deadline).send().await {
            Ok(response) => whole(response).await,
            Err(error) => Err(error),
        };
        self.count(call, started.elapsed(), result.as_ref().ok());
        match result {
            Ok(answer) => {
                if answer.status == 429 {
                    self.gate.pause(answer.retry_after);
                }
                Ok(answer)
            }
            Err(error) => {
                let unknown = lost(&error);
                self.judge(&unknown);
                Err(unknown)
            }
        }
    }

    fn count(&self, call: &'static str, took: Duration, answer: Option<&Answer>) {
        let endpoint = self.name.clone();
        let status = answer.map_or_else(|| "none".to_owned(), |answer| answer.status.to_string());
        metrics::histogram!(
            "submitter_horizon_request_seconds",
            "endpoint" => endpoint.clone(), "call" => call
        )
        .record(took.as_secs_f64());
        metrics::counter!(
            "submitter_horizon_requests_total",
            "endpoint" => endpoint, "call" => call, "status" => status
        )
        .increment(1);
    }
}

/// Reads the body to its end, or to its limit.
async fn whole(mut response: Response) -> Result<Answer, reqwest::Error> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Ok(Answer::new(status, response.headers(), None));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer::new(status, response.headers(), Some(body)))
}

/// An error without a whole answer. The library's own text may hold the URL, and that a provider's key.
fn lost(error: &reqwest::Error) -> Unknown {
    let (kind, detail) = if error.is_connect() {
        (UnknownKind::Unreachable, "no connection")
    } else if error.is_timeout() {
        (UnknownKind::Deadline, "no whole answer before our deadline")
    } else if error.is_builder() {
        (UnknownKind::BadRequest, "the request could not be built")
    } else {
        (
            UnknownKind::Cut,
            "the connection ended before the answer was whole",
        )
    };
    Unknown {
        kind,
        status: None,
        detail: detail.to_owned(),
        retry_after: None,
    }
}
