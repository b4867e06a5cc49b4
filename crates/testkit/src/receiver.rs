//! A receiver of webhooks: a real socket, scripted answers, and a memory of what came.
//!
//! The script is asked for every request that has fully arrived, and says what is answered and how badly.
//! What came is remembered before the answer begins, so that a request whose answer is cut counts too.

mod http;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Longer than any test: what is not meant to come does not come.
const NEVER: Duration = Duration::from_secs(3_600);

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `POST`, mostly.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in small letters, values as they came, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Vec<u8>,
}

impl Received {
    /// A header's first value; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// The `webhook-id`.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }
}

/// How an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// Whole, and the connection is kept.
    #[default]
    Whole,
    /// Whole, and the connection is closed.
    Close,
    /// The head and then one byte of the body at a time, with this pause.
    Drip(Duration),
    /// The head promises the body, half of it comes, and the connection is cut.
    Cut,
    /// The request is read and the connection cut without a byte.
    Swallow,
    /// The request is read and nothing ever comes.
    Silence,
    /// Only the body's bytes are written, as they are: no head.
    Raw,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait before the first byte.
    pub delay: Duration,
    /// How it is given.
    pub manner: Manner,
}

impl Reply {
    /// An empty answer, given whole and at once.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
            manner: Manner::Whole,
        }
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Given in this manner.
    #[must_use]
    pub fn manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// Given after a while.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Script = dyn Fn(&Received) -> Reply + Send + Sync;

struct Shared {
    script: Mutex<Arc<Script>>,
    received: Mutex<Vec<Received>>,
    keeps: bool,
    connections: AtomicU64,
    requests: AtomicU64,
    under_way: AtomicU64,
}

/// A running receiver. Dropping it cuts everything.
pub struct WebhookReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

impl WebhookReceiver {
    /// Starts one on a free port of the loopback address.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::bind(script, true).await
    }

    /// One that counts and does not remember, for many requests.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn counting(
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::bind(script, false).await
    }

    async fn bind(
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
        keeps: bool,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            received: Mutex::default(),
            keeps,
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            _accepting: accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An address of it over plain HTTP.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers otherwise from the next request on.
    pub fn script(&self, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// Everything that has come, in the order in which it had arrived.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// How many requests have come.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many requests have come whose answer has not ended.
    pub fn under_way(&self) -> u64 {
        self.shared.under_way.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection until it ends.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    loop {
        let request = loop {
            match http::take_request(&mut buffer) {
                Some(request) => break request,
                None => match stream.read_buf(&mut buffer).await {
                    Ok(1..) => {}
                    _ => return,
                },
            }
        };
        let script = Arc::clone(&lock(&shared.script));
        let reply = script(&request);
        shared.requests.fetch_add(1, Ordering::SeqCst);
        if shared.keeps {
            lock(&shared.received).push(request);
        }
        let _under_way = UnderWay::begin(&shared.under_way);
        if !matches!(give(&mut stream, reply).await, Ok(true)) {
            return;
        }
    }
}

/// Gives an answer; whether the connection goes on.
async fn give(stream: &mut TcpStream, reply: Reply) -> io::Result<bool> {
    if !reply.delay.is_zero() {
        sleep(reply.delay).await;
    }
    let head = http::head(&reply);
    match reply.manner {
        Manner::Whole | Manner::Close => {
            stream.write_all(&[head, reply.body].concat()).await?;
        }
        Manner::Drip(pause) => {
            stream.write_all(&head).await?;
            for byte in reply.body {
                stream.write_all(&[byte]).await?;
                sleep(pause).await;
            }
        }
        Manner::Cut => {
            stream.write_all(&head).await?;
            stream
                .write_all(&reply.body[..reply.body.len() / 2])
                .await?;
        }
        Manner::Swallow => {}
        Manner::Silence => {
            // The client leaves at some time; whatever else comes is not answered either.
            let _ = tokio::time::timeout(NEVER, stream.read(&mut [0])).await;
        }
        Manner::Raw => stream.write_all(&reply.body).await?,
    }
    Ok(matches!(reply.manner, Manner::Whole | Manner::Drip(_)))
}

/// Counts a request as under way until it is dropped.
struct UnderWay<'a>(&'a AtomicU64);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
