//! Requests and whole answers: the gate, the health of the server, and what is counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Answer;
use super::gate::Gate;
use super::line::{Call, Line};
use crate::domain::observation::{Unknown, UnknownKind};

/// What is counted of a kind of server, by the names of its metrics.
#[derive(Clone, Copy, Debug)]
pub struct Meters {
    /// How long requests took, in seconds.
    pub seconds: &'static str,
    /// Requests, by status.
    pub requests: &'static str,
}

/// The way to one server.
pub struct Transport {
    meters: Meters,
    name: String,
    line: Arc<dyn Line>,
    gate: Gate,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Transport").field(&self.name).finish()
    }
}

impl Transport {
    /// The way over this line, for so many requests an hour; 0: any number.
    pub fn new(line: Arc<dyn Line>, requests_per_hour: u32, meters: Meters) -> Self {
        Self {
            meters,
            name: line.name(),
            line,
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

    /// Notes whether the answer was one of a server that works.
    ///
    /// # Errors
    /// The result's own.
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
    ///
    /// # Errors
    /// [`Unknown`] where no whole answer came.
    pub async fn get(
        &self,
        call: &'static str,
        path: &[&str],
        query: &[(&str, String)],
        deadline: Duration,
    ) -> Result<Answer, Unknown> {
        let request = Call {
            path,
            query,
            form: None,
            json: None,
            deadline,
        };
        self.send(call, request).await
    }

    /// A POST of a form.
    ///
    /// # Errors
    /// [`Unknown`] where no whole answer came.
    pub async fn post(
        &self,
        call: &'static str,
        path: &[&str],
        form: &[(&str, &str)],
        deadline: Duration,
    ) -> Result<Answer, Unknown> {
        let request = Call {
            path,
            query: &[],
            form: Some(form),
            json: None,
            deadline,
        };
        self.send(call, request).await
    }

    /// A POST of JSON to the base URL itself.
    ///
    /// # Errors
    /// [`Unknown`] where no whole answer came.
    pub async fn post_json(
        &self,
        call: &'static str,
        json: &[u8],
        deadline: Duration,
    ) -> Result<Answer, Unknown> {
        let request = Call {
            path: &[],
            query: &[],
            form: None,
            json: Some(json),
            deadline,
        };
        self.send(call, request).await
    }

    async fn send(&self, call: &'static str, request: Call<'_>) -> Result<Answer, Unknown> {
        self.gate.admit()?;
        let started = Instant::now();
        let result = self.line.call(request).await;
        self.count(call, started.elapsed(), result.as_ref().ok());
        match &result {
            Ok(answer) if answer.status == 429 => self.gate.pause(answer.retry_after),
            Ok(_) => {}
            Err(unknown) => self.judge(unknown),
        }
        result
    }

    fn count(&self, call: &'static str, took: Duration, answer: Option<&Answer>) {
        let endpoint = self.name.clone();
        let status = answer.map_or_else(|| "none".to_owned(), |answer| answer.status.to_string());
        metrics::histogram!(
            self.meters.seconds,
            "endpoint" => endpoint.clone(), "call" => call
        )
        .record(took.as_secs_f64());
        metrics::counter!(
            self.meters.requests,
            "endpoint" => endpoint, "call" => call, "status" => status
        )
        .increment(1);
    }
}
