//! Where documents become files: one thread beside the async ones.
//!
//! A page takes some milliseconds of processor time, and ten thousand of them come at the beginning of a month;
//! the duties that send jobs must not wait for it.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use documents::{Logo, RenderError, Rendered};
use domain::invoice::Document;
use tokio::sync::oneshot;

/// Documents that wait for the thread.
const QUEUE: usize = 16;
/// How long one waits before it asks for a place again.
const RETRY: Duration = Duration::from_millis(5);

struct Sheet {
    document: Document,
    logo: Option<Logo>,
    reply: oneshot::Sender<Result<Rendered, RenderError>>,
}

/// The thread ends with this value.
pub(crate) struct Press {
    sheets: SyncSender<Sheet>,
}

impl Press {
    /// # Errors
    /// When the operating system refuses a thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (sheets, queue) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("press".to_owned())
            .spawn(move || print(&queue))?;
        Ok(Self { sheets })
    }

    /// Makes the files of a document. May be cancelled: one that has not begun never does.
    ///
    /// # Errors
    /// [`RenderError`]; the thread being gone is one, and a defect.
    pub(crate) async fn render(
        &self,
        document: Document,
        logo: Option<Logo>,
    ) -> Result<Rendered, RenderError> {
        let gone = || RenderError::Page("the thread that writes pages has ended".to_owned());
        let (reply, rendered) = oneshot::channel();
        let mut sheet = Sheet {
            document,
            logo,
            reply,
        };
        loop {
            match self.sheets.try_send(sheet) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Err(gone()),
                Err(TrySendError::Full(back)) => sheet = back,
            }
            tokio::time::sleep(RETRY).await;
        }
        rendered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn print(queue: &Receiver<Sheet>) {
    while let Ok(sheet) = queue.recv() {
        if !sheet.reply.is_closed() {
            // The caller may leave meanwhile; then nobody wants it.
            let _ = sheet
                .reply
                .send(documents::render(&sheet.document, sheet.logo.as_ref()));
        }
    }
}
