//! JSON-RPC: whose answer it is, and its result, or why there is none.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use stellar_xdr::{Limits, ReadXdr};

use super::wire;
use crate::domain::observation::{Unknown, UnknownKind};
use crate::http::Answer;

/// How deep XDR may nest, in levels: core allows less, and our stack more.
const MAX_XDR_DEPTH: u32 = 500;
/// The longest text of a server that is passed on, in characters.
const MAX_TEXT: usize = 200;

/// JSON-RPC: the parameters are wrong.
pub(super) const INVALID_PARAMS: i64 = -32602;
/// JSON-RPC: no such method.
const METHOD_NOT_FOUND: i64 = -32601;
/// JSON-RPC: the request is wrong. This server says it also of a ledger that it no longer has.
const INVALID_REQUEST: i64 = -32600;

/// The result of the request with this id.
pub(super) fn result<T: DeserializeOwned>(
    id: u64,
    answer: &Answer,
    what: &str,
) -> Result<T, Unknown> {
    reply(id, answer, what)?.map_err(|fault| refused(answer, &fault))
}

/// The result, or the server's error.
pub(super) fn reply<T: DeserializeOwned>(
    id: u64,
    answer: &Answer,
    what: &str,
) -> Result<Result<T, wire::RpcFault>, Unknown> {
    if answer.status != 200 {
        return Err(no_answer(answer));
    }
    // Whose answer it is, before what it says.
    let reply: wire::Reply<Box<RawValue>> = answer.json(what)?;
    if reply.jsonrpc != "2.0" {
        return Err(answer.unknown(
            UnknownKind::Unparsable,
            "an answer that is not JSON-RPC 2.0",
        ));
    }
    if let Some(fault) = reply.error {
        // Of a request that it could not even read, a server may not know the id.
        return match reply.id {
            Some(other) if other != id => Err(lying(answer, "the answer to another request")),
            _ => Ok(Err(fault)),
        };
    }
    if reply.id != Some(id) {
        return Err(lying(answer, "the answer to another request"));
    }
    let unfit = |what: String| answer.unknown(UnknownKind::Unparsable, what);
    let Some(result) = reply.result else {
        return Err(unfit("an answer with neither result nor error".to_owned()));
    };
    // The parser's own message may quote the body, so only where it stopped is told.
    serde_json::from_str(result.get()).map(Ok).map_err(|error| {
        unfit(format!(
            "the result is not {what}: column {}",
            error.column()
        ))
    })
}

/// An error of the server, which says nothing of what was asked.
pub(super) fn refused(answer: &Answer, fault: &wire::RpcFault) -> Unknown {
    let kind = match fault.code {
        INVALID_PARAMS | METHOD_NOT_FOUND | INVALID_REQUEST => UnknownKind::BadRequest,
        _ => UnknownKind::ServerError,
    };
    let detail = format!("error {}: {}", fault.code, tidy(&fault.message));
    answer.unknown(kind, detail)
}

/// A status that says nothing of what was asked.
pub(super) fn no_answer(answer: &Answer) -> Unknown {
    let kind = match answer.status {
        408 | 504 => UnknownKind::Timeout,
        429 => UnknownKind::RateLimited,
        503 => UnknownKind::Unavailable,
        499..=599 => UnknownKind::ServerError,
        400..=498 => UnknownKind::BadRequest,
        _ => UnknownKind::Unparsable,
    };
    answer.unknown(kind, format!("status {}", answer.status))
}

pub(super) fn lying(answer: &Answer, what: &str) -> Unknown {
    answer.unknown(UnknownKind::Lying, what)
}

pub(super) fn decode<T: ReadXdr>(answer: &Answer, text: &str, what: &str) -> Result<T, Unknown> {
    let limits = Limits {
        depth: MAX_XDR_DEPTH,
        len: text.len(),
    };
    T::from_xdr_base64(text, limits).map_err(|_| {
        answer.unknown(
            UnknownKind::Unparsable,
            format!("{what} that does not decode"),
        )
    })
}

/// A short text of a server's, on one line.
pub(super) fn tidy(text: &str) -> String {
    let letters = text.chars().map(|letter| match letter {
        letter if letter.is_control() => ' ',
        letter => letter,
    });
    letters.take(MAX_TEXT).collect()
}
