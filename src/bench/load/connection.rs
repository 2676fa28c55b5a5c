//! One kept-alive connection, one request at a time: as little work a request as there can be.

use std::net::SocketAddr;
use std::ops::Range;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Headers of an answer, at most.
const MAX_HEADERS: usize = 32;
/// Bytes of an answer, at most: that of a bulk of ten thousand rows has about two million.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The connection.
    #[error("the connection: {0}")]
    Io(#[from] std::io::Error),
    /// It ended before the answer was whole.
    #[error("the daemon ended the connection")]
    Closed,
    /// What came is no answer.
    #[error("the answer is not HTTP: {0}")]
    Http(#[from] httparse::Error),
    /// An answer of a kind that we do not read.
    #[error("an answer {0}")]
    Unread(&'static str),
}

/// A connection.
pub struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
}

/// Where the parts of an answer are.
struct Head {
    status: u16,
    /// Bytes of the head.
    length: usize,
    body: Body,
}

#[derive(Clone, Copy)]
enum Body {
    Bytes(usize),
    Chunked,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`ExchangeError::Io`].
    pub async fn open(to: SocketAddr) -> Result<Self, ExchangeError> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            inbox: Vec::with_capacity(READ_BYTES),
        })
    }

    /// Sends a request and reads its answer: status and body.
    ///
    /// # Errors
    /// [`ExchangeError`]: whether the request had an effect is not known, and the connection is of no more use.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(u16, &[u8]), ExchangeError> {
        self.inbox.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            self.read_more().await?;
            if let Some(head) = head(&self.inbox)? {
                break head;
            }
        };
        let body = match head.body {
            Body::Bytes(bytes) => {
                let end = head.length + bytes;
                while self.inbox.len() < end {
                    self.read_more().await?;
                }
                head.length..end
            }
            Body::Chunked => loop {
                if let Some(body) = unchunk(&mut self.inbox, head.length)? {
                    break body;
                }
                self.read_more().await?;
            },
        };
        Ok((head.status, &self.inbox[body]))
    }

    async fn read_more(&mut self) -> Result<(), ExchangeError> {
        if self.inbox.len() > MAX_ANSWER_BYTES {
            return Err(ExchangeError::Unread("of more than 32 MiB"));
        }
        self.inbox.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(ExchangeError::Closed),
            _ => Ok(()),
        }
    }
}

/// The head, once it is whole.
fn head(inbox: &[u8]) -> Result<Option<Head>, ExchangeError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(inbox)? else {
        return Ok(None);
    };
    let mut body = None;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let bytes = std::str::from_utf8(header.value)
                .ok()
                .and_then(|text| text.parse().ok())
                .filter(|bytes| *bytes <= MAX_ANSWER_BYTES);
            body = bytes.map(Body::Bytes);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            body = Some(Body::Chunked);
        }
    }
    Ok(Some(Head {
        status: response.code.unwrap_or(0),
        length,
        body: body.ok_or(ExchangeError::Unread("without a length"))?,
    }))
}

/// Joins the chunks from `from` on, in place, once they are whole.
fn unchunk(inbox: &mut [u8], from: usize) -> Result<Option<Range<usize>>, ExchangeError> {
    let mut chunks = Vec::new();
    let mut at = from;
    loop {
        let size = httparse::parse_chunk_size(&inbox[at..])
            .map_err(|_| ExchangeError::Unread("with a chunk that has no size"))?;
        let httparse::Status::Complete((line, bytes)) = size else {
            return Ok(None);
        };
        let bytes = usize::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes <= MAX_ANSWER_BYTES)
            .ok_or(ExchangeError::Unread("with a chunk of more than 32 MiB"))?;
        let start = at + line;
        // Each chunk ends with a line's end, the empty last one too.
        at = start + bytes + 2;
        if at > inbox.len() {
            return Ok(None);
        }
        if bytes == 0 {
            break;
        }
        chunks.push(start..start + bytes);
    }
    let mut end = from;
    for chunk in chunks {
        let length = chunk.len();
        inbox.copy_within(chunk, end);
        end += length;
    }
    Ok(Some(from..end))
}

#[cfg(test)]
mod tests {
    use super::{Body, head, unchunk};

    #[test]
    fn heads_are_read_once_they_are_whole() {
        let text = b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nabc";
        for end in 0..text.len() - 3 {
            assert!(head(&text[..end]).expect("so far so good").is_none());
        }
        let head = head(text).expect("a head").expect("a whole one");
        assert_eq!((head.status, head.length), (202, text.len() - 3));
        assert!(matches!(head.body, Body::Bytes(3)));
    }

    #[test]
    fn chunks_are_joined_once_they_are_whole() {
        let text = b"HEAD4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n";
        for end in 4..text.len() {
            let mut part = text[..end].to_vec();
            assert!(unchunk(&mut part, 4).expect("so far so good").is_none());
            assert_eq!(part, &text[..end], "nothing is moved before it is whole");
        }
        let mut whole = text.to_vec();
        let body = unchunk(&mut whole, 4).expect("chunks").expect("whole");
        assert_eq!(&whole[body], b"wikipedia");
    }
}
