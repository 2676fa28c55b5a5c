//! The REST API, asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use indicatif::ProgressBar;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use reqwest::{Client, Method, StatusCode, header, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::problem::{CallError, Passing, Problem};
use crate::retry::{RetryLimits, RetrySchedule};

/// How long a connection may take to open.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a whole answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// The most bytes of an answer: a page of 200 intents, each with a large signed transaction.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The most seconds of a Retry-After that are believed.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// How long one request is tried for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    away: RetryLimits,
    busy: RetryLimits,
}

impl Patience {
    /// For a person who waits: a second or two.
    pub const SHORT: Self = Self {
        away: RetryLimits {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(1),
            longest_asked: Duration::from_secs(5),
            attempts: 3,
        },
        busy: RetryLimits {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(1),
            longest_asked: Duration::from_secs(5),
            attempts: 5,
        },
    };

    /// For work of hours: about a minute for an API that is away, as long as a restart takes; many more tries while it only
    /// has too much to do, for many who ask at once are let in one by one.
    pub const LONG: Self = Self {
        away: RetryLimits {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(15),
            longest_asked: LONGEST_ASKED,
            attempts: 12,
        },
        busy: RetryLimits {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(2),
            longest_asked: LONGEST_ASKED,
            attempts: 1000,
        },
    };
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    idempotency_key: Option<String>,
    known: Option<String>,
    body: Option<String>,
}

impl Request {
    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            idempotency_key: None,
            known: None,
            body: None,
        }
    }

    /// A POST without a body.
    pub fn post(path: impl Into<String>) -> Self {
        Self {
            method: Method::POST,
            ..Self::get(path)
        }
    }

    /// A POST of JSON that may be repeated with this key.
    pub fn post_json(path: impl Into<String>, key: String, body: String) -> Self {
        Self {
            idempotency_key: Some(key),
            body: Some(body),
            ..Self::post(path)
        }
    }

    /// With a parameter.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Only if it is no longer this version.
    pub fn unless(mut self, etag: Option<&str>) -> Self {
        self.known = etag.map(str::to_owned);
        self
    }
}

/// An answer that is a success.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 2xx, or 304 without a body.
    pub status: StatusCode,
    /// It was given, or the intent was there, before.
    pub replayed: bool,
    /// The version.
    pub etag: Option<String>,
    /// What was answered; null for 304.
    pub body: Value,
}

/// The API at one URL.
#[derive(Debug)]
pub struct Api {
    client: Client,
    base: Url,
    key: SecretString,
    /// It has been said that the API is away.
    away: AtomicBool,
    /// Where it is said: above the progress.
    pub bar: ProgressBar,
    /// Ends the pauses before asking again.
    pub stop: CancellationToken,
}

impl Api {
    /// The API at `base`.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(base: Url, key: SecretString, local: bool) -> anyhow::Result<Self> {
        let mut client = Client::builder()
            .user_agent(concat!("stellar-submitter/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            // A redirected POST would become a GET, and look like an answer.
            .redirect(redirect::Policy::none());
        if local {
            client = client.no_proxy();
        }
        Ok(Self {
            client: client.build().context("the HTTP client")?,
            base,
            key,
            away: AtomicBool::new(false),
            bar: ProgressBar::hidden(),
            stop: CancellationToken::new(),
        })
    }

    /// Where it is, for people.
    pub fn name(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether the API is there and takes the key, asked once.
    ///
    /// # Errors
    /// [`CallError`], but none for what may pass.
    pub async fn reach(&self) -> Result<(), CallError> {
        match self
            .once(&Request::get("/v1/intents").with("limit", "1"))
            .await
        {
            Ok(_) => Ok(()),
            // It may only post: that will show.
            Err(error) if error.code() == Some("forbidden") => Ok(()),
            Err(CallError::Problem { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks until there is an answer, or until patience ends. Only for what may be repeated.
    ///
    /// # Errors
    /// [`CallError`]: the last one.
    pub async fn ask(&self, request: &Request, patience: Patience) -> Result<Answer, CallError> {
        let schedule = |limits| RetrySchedule::new(limits, StdRng::seed_from_u64(rand::random()));
        let mut away = schedule(patience.away);
        let mut busy = schedule(patience.busy);
        loop {
            let error = match self.once(request).await {
                Ok(answer) => {
                    self.away.store(false, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let delay = match error.passing() {
                None => return Err(error),
                Some(Passing::Busy(after)) => busy.next_delay(after),
                Some(Passing::Away(after)) => away.next_delay(after),
            };
            let Some(delay) = delay else {
                return Err(error);
            };
            if matches!(error.passing(), Some(Passing::Away(_))) {
                self.say_away(&error);
            }
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.stop.cancelled() => return Err(CallError::Stopped),
            }
        }
    }

    /// Once an outage, however many requests it meets.
    fn say_away(&self, error: &CallError) {
        if !self.away.swap(true, Ordering::Relaxed) {
            self.bar.suspend(|| eprintln!("{error}; trying again …"));
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn once(&self, request: &Request) -> Result<Answer, CallError> {
        let url = format!("{}{}", self.name(), request.path);
        let mut builder = self
            .client
            .request(request.method.clone(), url)
            .query(&request.query)
            .bearer_auth(self.key.expose_secret());
        if let Some(key) = &request.idempotency_key {
            builder = builder.header("Idempotency-Key", key);
        }
        if let Some(etag) = &request.known {
            builder = builder.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(body) = &request.body {
            builder = builder
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let response = builder.send().await.map_err(|error| self.lost(&error))?;
        let status = response.status();
        let head = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let replayed = head("idempotent-replayed").is_some();
        let etag = head("etag");
        let retry_after = head("retry-after")
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs);
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Answer {
                status,
                replayed,
                etag,
                body: Value::Null,
            });
        }
        let bytes = self.body(response).await?;
        if !status.is_success() {
            return Err(self.problem(status, retry_after, &bytes));
        }
        let body = serde_json::from_slice(&bytes)
            .map_err(|_| self.strange(status, "a body that is not JSON"))?;
        Ok(Answer {
            status,
            replayed,
            etag,
            body,
        })
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(&error))? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.strange(response.status(), "a body that does not end"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn problem(
        &self,
        status: StatusCode,
        retry_after: Option<Duration>,
        bytes: &[u8],
    ) -> CallError {
        let api = self.name().to_owned();
        match serde_json::from_slice::<Box<Problem>>(bytes) {
            Err(_) => self.strange(status, "no problem document"),
            Ok(problem) if status == StatusCode::UNAUTHORIZED => CallError::Key { api, problem },
            Ok(problem) => CallError::Problem {
                status,
                retry_after,
                problem,
            },
        }
    }

    /// An answer that this API would not give.
    pub fn strange(&self, status: StatusCode, what: &'static str) -> CallError {
        CallError::Strange {
            api: self.name().to_owned(),
            status,
            what,
        }
    }

    fn lost(&self, error: &reqwest::Error) -> CallError {
        let api = self.name().to_owned();
        let cause = if error.is_timeout() {
            "the time is over".to_owned()
        } else {
            innermost(error)
        };
        if error.is_connect() {
            CallError::Unreachable { api, cause }
        } else {
            CallError::Cut { api, cause }
        }
    }
}

/// What the system said, without the wrapping of each layer above.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
