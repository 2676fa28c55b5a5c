//! Lists as server-sent events, in Horizon's own dialect.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::Instant;

use super::ask::Ask;
use super::list::{Owner, Subject, records};
use super::reply::Reply;
use crate::sandbox::clock::monotonic;
use crate::sandbox::horizon::page::{PageQuery, Record};
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::node::Node;

/// After so long Horizon says goodbye.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(55);
const HELLO: &str = "retry: 1000\nevent: open\ndata: \"hello\"\n\n";
const GOODBYE: &str = "retry: 10\nevent: close\ndata: \"byebye\"\n\n";

struct Feed {
    node: Arc<Node>,
    ask: Ask,
    subject: Subject,
    owner: Owner,
    query: PageQuery,
    deadline: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Hello,
    Records,
    Over,
}

/// Answers with a stream; what is wrong with the request is still an ordinary problem.
pub fn stream(node: Arc<Node>, ask: Ask, subject: Subject, owner: Owner) -> Response {
    let query = node
        .read(ask.draw, |_, head| ask.page(head))
        .map(|mut query| {
            query.descending = false;
            query
        });
    let checked =
        query.and_then(|query| records(&node, &ask, subject, &owner, &query).map(|_| query));
    let query = match checked {
        Ok(query) => query,
        Err(problem) => return Reply::from(problem).into_response(),
    };
    let deadline = monotonic() + CONNECTION_TIMEOUT;
    let feed = Feed {
        node,
        ask,
        subject,
        owner,
        query,
        deadline,
        stage: Stage::Hello,
    };
    let body = stream::unfold(feed, |mut feed| async move {
        let chunk = feed.next().await?;
        Some((Ok::<_, Infallible>(chunk), feed))
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    response
}

impl Feed {
    /// The next piece of the stream; none when it is over.
    async fn next(&mut self) -> Option<String> {
        match self.stage {
            Stage::Hello => {
                self.stage = Stage::Records;
                Some(HELLO.to_owned())
            }
            Stage::Records => Some(self.records().await),
            Stage::Over => None,
        }
    }

    /// Waits for records that are new; says goodbye after as many as were asked for, or when time is up.
    async fn records(&mut self) -> String {
        loop {
            // Made before it is looked, so that no ledger is missed.
            let node = Arc::clone(&self.node);
            let closed = node.next_close();
            match records(
                &self.node,
                &self.ask,
                self.subject,
                &self.owner,
                &self.query,
            ) {
                Ok(found) if found.is_empty() => {}
                Ok(found) => return self.told(&found),
                Err(problem) => return self.broken(&problem),
            }
            tokio::select! {
                () = closed => {}
                () = tokio::time::sleep_until(self.deadline) => return self.goodbye(),
                () = self.node.stop.cancelled() => return self.goodbye(),
            }
        }
    }

    fn told(&mut self, found: &[Record]) -> String {
        let mut text = String::new();
        for record in found {
            self.query.cursor = Some(record.token);
            // Writing to a string cannot fail.
            let _ = write!(text, "id: {}\ndata: {}\n\n", record.token.0, record.text);
        }
        self.query.limit = self.query.limit.saturating_sub(found.len());
        if self.query.limit == 0 {
            text.push_str(&self.goodbye());
        }
        text
    }

    fn goodbye(&mut self) -> String {
        self.stage = Stage::Over;
        GOODBYE.to_owned()
    }

    fn broken(&mut self, problem: &Problem) -> String {
        self.stage = Stage::Over;
        let kind = problem.body()["type"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        format!("event: error\ndata: problem: {kind}\n\n")
    }
}
