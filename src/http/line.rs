//! The line to one server: HTTP, or whatever stands in for it where whole histories are played.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response};
use url::Url;

use super::answer::{Answer, MAX_BODY_BYTES};
use crate::domain::observation::{Unknown, UnknownKind};

/// The kind of a body that is JSON.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The segments of its path, behind the base URL's.
    pub path: &'a [&'a str],
    /// The query's parameters.
    pub query: &'a [(&'a str, String)],
    /// The form of a POST.
    pub form: Option<&'a [(&'a str, &'a str)]>,
    /// The JSON of a POST; what has neither form nor JSON is a GET.
    pub json: Option<&'a [u8]>,
    /// How long the whole answer may take.
    pub deadline: Duration,
}

/// A line to one server.
#[async_trait]
pub trait Line: Send + Sync {
    /// Names it for people, without anything secret.
    fn name(&self) -> String;

    /// Asks once.
    ///
    /// # Errors
    /// [`Unknown`] where no whole answer came.
    async fn call(&self, call: Call<'_>) -> Result<Answer, Unknown>;
}

/// HTTP.
pub struct Http {
    /// The base URL.
    pub base: Url,
    /// Shared by all base URLs.
    pub client: Client,
}

impl Http {
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // What goes to the base URL itself keeps its last slash: without it, some servers redirect.
        if path.is_empty() {
            return url;
        }
        url.path_segments_mut()
            .expect("http and https URLs have a path")
            .pop_if_empty()
            .extend(path);
        url
    }
}

#[async_trait]
impl Line for Http {
    fn name(&self) -> String {
        // A provider's key may be in the path or before the host: only host and port are ever shown.
        let host = self.base.host_str().unwrap_or("?");
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    async fn call(&self, call: Call<'_>) -> Result<Answer, Unknown> {
        let url = self.url(call.path);
        let request = match (call.form, call.json) {
            (Some(form), _) => self.client.post(url).form(form),
            (None, Some(json)) => self
                .client
                .post(url)
                .header(CONTENT_TYPE, JSON)
                .body(json.to_vec()),
            (None, None) => self.client.get(url).query(call.query),
        };
        let answer = match request.timeout(call.deadline).send().await {
            Ok(response) => whole(response).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| lost(&error))
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
