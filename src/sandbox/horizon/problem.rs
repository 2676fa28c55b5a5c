//! Horizon's problems, word for word.

use serde_json::{Map, Value, json};

/// Where the types of Horizon's problems live.
const TYPE_BASE: &str = "https://stellar.org/horizon-errors/";

/// A problem that a request ends in.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    extras: Map<String, Value>,
}

impl Problem {
    fn new(kind: &'static str, title: &'static str, status: u16, detail: &str) -> Self {
        Self {
            kind,
            title,
            status,
            detail: detail.to_owned(),
            extras: Map::new(),
        }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extras.insert(name.to_owned(), value.into());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "type": format!("{TYPE_BASE}{}", self.kind),
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        });
        if !self.extras.is_empty() {
            body["extras"] = self.extras.clone().into();
        }
        body
    }

    /// 400: a parameter is wrong.
    pub fn bad_request(field: &str, reason: &str) -> Self {
        Self::new(
            "bad_request",
            "Bad Request",
            400,
            "The request you sent was invalid in some way.",
        )
        .with("invalid_field", field)
        .with("reason", reason)
    }

    /// 404: nothing there.
    pub fn not_found() -> Self {
        Self::new(
            "not_found",
            "Resource Missing",
            404,
            "The resource at the url requested was not found.  This usually occurs for one of two reasons:  The url \
             requested is not valid, or no data in our database could be found with the parameters provided.",
        )
    }

    /// 406: the client takes nothing that there is.
    pub fn not_acceptable() -> Self {
        Self::new(
            "not_acceptable",
            "An acceptable response content-type could not be provided for this request",
            406,
            "Please check the `Accept` header of your request: this resource is served as application/hal+json.",
        )
    }

    /// 410: before the elder ledger.
    pub fn before_history() -> Self {
        Self::new(
            "before_history",
            "Data Requested Is Before Recorded History",
            410,
            "This horizon instance is configured to only track a portion of the stellar network's latest history. \
             This request is asking for results prior to the recorded history known to this horizon instance.",
        )
    }

    /// 415: not a form.
    pub fn unsupported_media_type() -> Self {
        Self::new(
            "unsupported_media_type",
            "Unsupported Media Type",
            415,
            "The request has an unsupported content type. Presently, the only supported content type is \
             application/x-www-form-urlencoded.",
        )
    }

    /// 400: no envelope.
    pub fn malformed(envelope: &str) -> Self {
        Self::new(
            "transaction_malformed",
            "Transaction Malformed",
            400,
            "Horizon could not decode the transaction envelope in this request. A transaction should be an XDR \
             TransactionEnvelope struct encoded using base64.  The envelope read from this request is echoed in the \
             `extras.envelope_xdr` field of this response for your convenience.",
        )
        .with("envelope_xdr", envelope)
    }

    /// The same on `/transactions_async`, where an error is there but says nothing.
    pub fn malformed_async(envelope: &str) -> Self {
        Self::malformed(envelope).with("error", json!({}))
    }

    /// 400: core refused it, or it landed and failed.
    pub fn failed(envelope: &str, result: &str, result_codes: Value) -> Self {
        Self::new(
            "transaction_failed",
            "Transaction Failed",
            400,
            "The transaction failed when submitted to the stellar network. The `extras.result_codes` field on this \
             response contains further details.  Descriptions of each code can be found at: \
             https://developers.stellar.org/api/errors/http-status-codes/horizon-specific/transaction-failed/",
        )
        .with("envelope_xdr", envelope)
        .with("result_codes", result_codes)
        .with("result_xdr", result)
    }

    /// 504: nothing is known after the wait.
    pub fn timeout(hash: &str, envelope: &str) -> Self {
        Self::new(
            "transaction_submission_timeout",
            "Transaction Submission Timeout",
            504,
            "Your transaction submission request has timed out. This does not necessarily mean the submission has \
             failed. Before resubmitting, please use the transaction hash provided in `extras.hash` to poll the GET \
             /transactions endpoint for sometime and check if it was included in a ledger.",
        )
        .with("envelope_xdr", envelope)
        .with("hash", hash)
    }

    /// 503: no state yet.
    pub fn still_ingesting() -> Self {
        Self::new(
            "still_ingesting",
            "Still Ingesting",
            503,
            "Data cannot be presented because it's still being ingested. Please wait for several minutes before \
             trying your request again.",
        )
    }

    /// 503: further behind than it may be.
    pub fn stale_history(history_latest: u32, core_latest: u32) -> Self {
        Self::new(
            "stale_history",
            "Historical DB Is Too Stale",
            503,
            "This horizon instance is configured to reject client requests when it can determine that the history \
             database is lagging too far behind the connected instance of Stellar-Core or read replica. It's also \
             possible that Stellar-Core is out of sync. Please try again later.",
        )
        .with("core_latest_ledger", core_latest)
        .with("history_latest_ledger", history_latest)
    }

    /// 503: the database, say.
    pub fn service_unavailable() -> Self {
        Self::new(
            "service_unavailable",
            "Service Unavailable",
            503,
            "The request cannot be serviced at this time.",
        )
    }

    /// 429: too many requests.
    pub fn rate_limited() -> Self {
        Self::new(
            "rate_limit_exceeded",
            "Rate Limit Exceeded",
            429,
            "The rate limit for the requesting IP address is over its alloted limit.  The allowed limit and requests \
             left per time period are communicated to clients via the http response headers 'X-RateLimit-*' headers.",
        )
    }

    /// 501, which no Horizon says: the network could do it, the sandbox cannot.
    pub fn not_supported(what: &str) -> Self {
        Self::new(
            "not_supported_by_sandbox",
            "Not Supported By The Sandbox",
            501,
            &format!("The sandbox does not support {what}. Nothing was submitted."),
        )
        .with("unsupported", what)
    }
}
