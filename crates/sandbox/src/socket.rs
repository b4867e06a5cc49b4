//! A connection that can be reset, and that knows when an answer has left it.
//!
//! A receipt is handed in when the last byte of an answer goes to the HTTP library, and is redeemed
//! by the next flush that succeeds: the library flushes only what it has written completely.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use service::CancellationToken;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Runs when the answer has left.
pub(crate) type Receipt = Box<dyn FnOnce() + Send>;

/// What a handler may do to the connection that its request came by.
#[derive(Clone, Default)]
pub(crate) struct Connection {
    reset: CancellationToken,
    receipts: Arc<Mutex<Vec<Receipt>>>,
}

impl Connection {
    /// Cuts the connection with a TCP reset; an answer given afterwards goes nowhere.
    pub(crate) fn reset(&self) {
        self.reset.cancel();
    }

    /// Cancelled when somebody asked for a reset.
    pub(crate) fn resets(&self) -> CancellationToken {
        self.reset.clone()
    }

    /// Redeems `receipt` once everything written so far has left.
    pub(crate) fn hand_in(&self, receipt: Receipt) {
        let mut receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.push(receipt);
    }

    fn redeem(&self) {
        let mut receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        for receipt in receipts.drain(..) {
            receipt();
        }
    }
}

/// The socket under the HTTP library.
pub(crate) struct Socket {
    stream: TcpStream,
    connection: Connection,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, connection: Connection) -> Self {
        Self { stream, connection }
    }

    /// Ends the connection with RST instead of FIN.
    pub(crate) fn reset(self) {
        // If the option cannot be set the client sees an orderly end in the middle of its request,
        // which is as broken for it.
        let _ = self.stream.set_zero_linger();
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = flushed {
            self.connection.redeem();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
