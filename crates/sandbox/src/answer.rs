//! Answers, and how a fault spoils one on its way out.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::Frame;
use serde_json::Value;

use crate::fault::{Fired, Mode};
use crate::ledger::EntryNumber;
use crate::socket::{Connection, Receipt};

/// Between the last byte of a body that is cut short and the end of its connection, so that the
/// bytes leave before the end is seen.
const CUT_PAUSE: Duration = Duration::from_millis(5);

/// An answer before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body in pieces; each leaves before the pause after it.
    pub(crate) pieces: Vec<(Bytes, Duration)>,
    /// Whose picture this answer delivers, if it is written out completely.
    pub(crate) delivers: Option<EntryNumber>,
    /// Whether the body has a length that is told before it.
    pub(crate) sized: bool,
}

/// Why there is no good answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection is to be reset.
    Reset,
    /// The service says no.
    Answer(Box<Answer>),
}

impl From<Answer> for Failure {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

pub(crate) type Outcome = Result<Answer, Failure>;

impl Answer {
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::bytes(status, "application/json", body.to_string().into())
    }

    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(crate) fn bytes(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            pieces: vec![(body, Duration::ZERO)],
            delivers: None,
            sized: true,
        }
    }

    /// Server-sent events: no length, one piece per event.
    pub(crate) fn events(events: Vec<Bytes>, pause: Duration) -> Self {
        let mut answer = Self::bytes(
            StatusCode::OK,
            "text/event-stream; charset=utf-8",
            Bytes::new(),
        );
        answer.pieces = events.into_iter().map(|event| (event, pause)).collect();
        answer.sized = false;
        answer
    }

    /// Adds a header; one whose text cannot stand in a header is left out.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        self.set(name, value.as_ref());
        self
    }

    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    #[must_use]
    pub(crate) fn delivering(mut self, entry: EntryNumber) -> Self {
        self.delivers = Some(entry);
        self
    }

    fn len(&self) -> usize {
        self.pieces.iter().map(|(piece, _)| piece.len()).sum()
    }

    fn joined(&self) -> Bytes {
        match self.pieces.as_slice() {
            [(one, _)] => one.clone(),
            many => many
                .iter()
                .flat_map(|(piece, _)| piece.to_vec())
                .collect::<Vec<_>>()
                .into(),
        }
    }

    /// Breaks a good answer as the faults say. A broken one delivers nothing.
    pub(crate) fn spoil(&mut self, fired: &Fired) -> Spoiled {
        let mut spoiled = Spoiled {
            length: self.sized.then(|| self.len()),
            cut: false,
        };
        if fired.has(Mode::InvalidJson) {
            self.delivers = None;
            self.headers
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let text = Bytes::from_static(b"{\"created\": 1764000000, \"data\": [{\"b64_js");
            self.pieces = vec![(text, Duration::ZERO)];
            spoiled.length = Some(self.len());
        }
        if let Some(fault) = fired.get(Mode::WrongContentLength) {
            self.delivers = None;
            let wrong = self.len() as i64 + fault.bytes.unwrap_or(64);
            spoiled.length = Some(usize::try_from(wrong).unwrap_or(0));
            spoiled.cut = wrong > self.len() as i64;
        }
        if let Some(fault) = fired.get(Mode::Truncate) {
            self.delivers = None;
            let whole = self.joined();
            let keep = fault.bytes.and_then(|bytes| usize::try_from(bytes).ok());
            let keep = keep.unwrap_or(whole.len() / 2).min(whole.len());
            self.pieces = vec![(whole.slice(..keep), Duration::ZERO)];
            spoiled.cut = true;
        }
        if let Some(fault) = fired.get(Mode::Slow)
            && let Some(size) = fault.bytes.and_then(|bytes| usize::try_from(bytes).ok())
        {
            let pause = Duration::from_millis(fault.window_ms.unwrap_or(10));
            let whole = self.joined();
            let drip = whole
                .chunks(size.max(1))
                .map(|part| (whole.slice_ref(part), pause));
            self.pieces = drip.collect();
        }
        spoiled
    }

    /// Makes the response; `receipt` is redeemed when it has left completely.
    pub(crate) fn into_response(
        self,
        spoiled: &Spoiled,
        connection: &Connection,
        receipt: Option<Receipt>,
    ) -> Response {
        let mut pieces: VecDeque<_> = self.pieces.into();
        if let Some((_, pause)) = pieces.back_mut() {
            *pause = if spoiled.cut {
                CUT_PAUSE
            } else {
                Duration::ZERO
            };
        }
        let payload = Payload {
            pieces,
            pause: None,
            receipt: receipt.map(|receipt| (receipt, connection.clone())),
        };
        let mut response = Response::new(Body::new(payload));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(length) = spoiled.length {
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }
}

/// What is wrong with the frame of an answer.
#[derive(Debug)]
pub(crate) struct Spoiled {
    /// What `content-length` says; `None` for a body in chunks.
    length: Option<usize>,
    /// Whether the body ends before its length.
    cut: bool,
}

/// A body in pieces with pauses.
struct Payload {
    pieces: VecDeque<(Bytes, Duration)>,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    receipt: Option<(Receipt, Connection)>,
}

impl hyper::body::Body for Payload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        let next = self.pieces.pop_front();
        if let Some((_, pause)) = &next
            && !pause.is_zero()
        {
            self.pause = Some(Box::pin(tokio::time::sleep(*pause)));
        }
        if self.pieces.is_empty()
            && let Some((receipt, connection)) = self.receipt.take()
        {
            connection.hand_in(receipt);
        }
        Poll::Ready(next.map(|(piece, _)| Ok(Frame::data(piece))))
    }
}
