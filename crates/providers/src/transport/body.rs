//! A request's body that knows whether it was ever asked for.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Whether a body was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Arc<State>);

#[derive(Debug, Default)]
struct State {
    has_bytes: AtomicBool,
    asked_for: AtomicBool,
}

impl Taken {
    /// Whether there were bytes to send and none was asked for: then none left, and a server that
    /// waits for them cannot have begun.
    pub(super) fn is_proved_not(&self) -> bool {
        self.0.has_bytes.load(Ordering::Acquire) && !self.was_asked_for()
    }

    pub(super) fn was_asked_for(&self) -> bool {
        self.0.asked_for.load(Ordering::Acquire)
    }
}

/// The body. Its length is known, so it is sent with a `content-length`.
pub(super) struct Watched {
    bytes: Option<Bytes>,
    taken: Taken,
}

impl Watched {
    pub(super) fn new(bytes: Bytes, taken: Taken) -> Self {
        let bytes = Some(bytes).filter(|bytes| !bytes.is_empty());
        taken.0.has_bytes.store(bytes.is_some(), Ordering::Release);
        Self { bytes, taken }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.taken.0.asked_for.store(true, Ordering::Release);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
