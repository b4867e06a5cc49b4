//! A TCP proxy that breaks the network on command.
//!
//! It stands between a client and a real server and knows no protocol: the "request" is what the
//! client sends, the "answer" what the server sends. A change of [`Mode`] takes effect at once, for
//! connections that are open as well as for new ones. Dropping the proxy cuts everything.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

const BUFFER_BYTES: usize = 16 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// What happens to traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It passes.
    Pass,
    /// Nobody listens: open connections are cut, new ones are refused by the kernel (or, in the very
    /// moment of the change, accepted and cut before a byte has passed).
    Refuse,
    /// Every piece of the answer is held back this long.
    Delay(Duration),
    /// After this many further bytes of answer on a connection, that connection is cut.
    CutAnswerAfter(u64),
    /// Requests arrive; the first byte of an answer is swallowed and its connection cut. The client
    /// cannot know whether its request was carried out (it was).
    DropReply,
    /// Connections stay open and nothing moves, until the mode changes.
    Freeze,
}

/// A running proxy.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    modes: watch::Sender<Mode>,
    cuts: Arc<AtomicU64>,
    /// Dropped with the proxy, which aborts the accepting task and, with it, every connection's.
    _accepting: JoinSet<()>,
}

impl ChaosProxy {
    /// Starts a proxy in front of `upstream` (`host:port`), in [`Mode::Pass`].
    ///
    /// # Errors
    /// When no port of the loopback interface can be had.
    pub async fn start(upstream: impl Into<String>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (modes, receiver) = watch::channel(Mode::Pass);
        let cuts = Arc::new(AtomicU64::new(0));
        let link = Link {
            upstream: upstream.into(),
            modes: receiver,
            cuts: Arc::clone(&cuts),
        };
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, address, link));
        Ok(Self {
            address,
            modes,
            cuts,
            _accepting: accepting,
        })
    }

    /// Where clients connect instead of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `url` with host and port replaced by the proxy's; `None` when it is not an address with a host.
    pub fn url(&self, url: &str) -> Option<String> {
        let mut url = url::Url::parse(url).ok()?;
        url.set_ip_host(self.address.ip()).ok()?;
        url.set_port(Some(self.address.port())).ok()?;
        Some(url.into())
    }

    /// Changes what happens to traffic. Counting for [`Mode::CutAnswerAfter`] starts anew.
    pub fn set(&self, mode: Mode) {
        self.modes.send_replace(mode);
    }

    /// How many connections were cut on purpose so far: a test asserts that its fault took place.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

/// What every connection needs.
#[derive(Debug, Clone)]
struct Link {
    upstream: String,
    modes: watch::Receiver<Mode>,
    cuts: Arc<AtomicU64>,
}

async fn accept(mut listener: TcpListener, address: SocketAddr, mut link: Link) {
    let mut connections = JoinSet::new();
    loop {
        if *link.modes.borrow_and_update() == Mode::Refuse {
            drop(listener);
            let Some(reserved) = reserve(address).await else {
                return;
            };
            if link
                .modes
                .wait_for(|mode| *mode != Mode::Refuse)
                .await
                .is_err()
            {
                return;
            }
            let Ok(listening) = reserved.listen(BACKLOG) else {
                return;
            };
            listener = listening;
        }
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(connect(client, link.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            changed = link.modes.changed() => if changed.is_err() { return },
        }
    }
}

/// Holds the port without listening: the kernel refuses connections, and nobody else gets the port.
async fn reserve(address: SocketAddr) -> Option<TcpSocket> {
    loop {
        let socket = TcpSocket::new_v4().ok()?;
        socket.set_reuseaddr(true).ok()?;
        if socket.bind(address).is_ok() {
            return Some(socket);
        }
        sleep(Duration::from_millis(1)).await;
    }
}

async fn connect(client: TcpStream, link: Link) {
    let Ok(server) = TcpStream::connect(&link.upstream).await else {
        return;
    };
    // Small requests must not wait for one another here: that would hide or invent delays.
    if client
        .set_nodelay(true)
        .and_then(|()| server.set_nodelay(true))
        .is_err()
    {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let request = pump(
        from_client,
        to_server,
        link.modes.clone(),
        Direction::Request,
    );
    let answer = pump(from_server, to_client, link.modes, Direction::Answer);
    // Both directions end with the first fault; a plain end of one leaves the other open.
    if let Err(Broken::OnPurpose) = tokio::try_join!(request, answer) {
        link.cuts.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

enum Broken {
    OnPurpose,
    ByPeer,
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
    direction: Direction,
) -> Result<(), Broken> {
    let mut buffer = vec![0; BUFFER_BYTES];
    // Bytes of answer that had passed when the present mode was set.
    let mut passed: u64 = 0;
    loop {
        if modes.has_changed().map_err(|_| Broken::ByPeer)? {
            passed = 0;
        }
        let mode = *modes.borrow_and_update();
        if mode == Mode::Refuse {
            return Err(Broken::OnPurpose);
        }
        let size = tokio::select! {
            biased;
            () = change_of(&modes) => continue,
            read = from.read(&mut buffer), if mode != Mode::Freeze => {
                read.map_err(|_| Broken::ByPeer)?
            }
        };
        if size == 0 {
            return to.shutdown().await.map_err(|_| Broken::ByPeer);
        }
        let pass = match (direction, mode) {
            (Direction::Answer, Mode::DropReply) => 0,
            (Direction::Answer, Mode::CutAnswerAfter(limit)) => {
                size.min(usize::try_from(limit.saturating_sub(passed)).unwrap_or(size))
            }
            (Direction::Answer, Mode::Delay(delay)) => {
                tokio::select! { () = sleep(delay) => {}, () = change_of(&modes) => {} }
                size
            }
            _ => size,
        };
        to.write_all(&buffer[..pass])
            .await
            .map_err(|_| Broken::ByPeer)?;
        passed += pass as u64;
        if pass < size {
            return Err(Broken::OnPurpose);
        }
    }
}

/// Ends at the next change of mode, and leaves it to the caller to take note of it.
async fn change_of(modes: &watch::Receiver<Mode>) {
    // An error means that the proxy is gone, and this task with it.
    let _ = modes.clone().changed().await;
}
