use std::io::ErrorKind;
use std::time::Duration;

use testkit::{ChaosProxy, Mode, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::observe::PATIENCE;

/// Answers every 4 bytes of request with 8 bytes, and tells which requests arrived.
struct Upstream {
    address: String,
    arrived: mpsc::UnboundedReceiver<[u8; 4]>,
    _serving: JoinSet<()>,
}

impl Upstream {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, arrived) = mpsc::unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let tell = tell.clone();
                connections.spawn(async move {
                    let mut request = [0; 4];
                    while stream.read_exact(&mut request).await.is_ok() {
                        tell.send(request).unwrap();
                        if stream.write_all(b"answered").await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            address,
            arrived,
            _serving: serving,
        }
    }
}

async fn request(stream: &mut TcpStream) -> Vec<u8> {
    stream.write_all(b"ping").await.unwrap();
    let mut answer = vec![0; 8];
    let mut size = 0;
    while size < answer.len() {
        match stream.read(&mut answer[size..]).await {
            Ok(0) | Err(_) => break,
            Ok(read) => size += read,
        }
    }
    answer.truncate(size);
    answer
}

async fn setup() -> (Upstream, ChaosProxy, TcpStream) {
    let upstream = Upstream::start().await;
    let proxy = ChaosProxy::start(upstream.address.clone()).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(request(&mut stream).await, b"answered");
    (upstream, proxy, stream)
}

#[tokio::test]
async fn refuse_cuts_open_connections_and_refuses_new_ones_until_it_is_lifted() {
    let (_upstream, proxy, mut stream) = setup().await;
    proxy.set(Mode::Refuse);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0);
    wait::until("connections are refused", PATIENCE, async || {
        TcpStream::connect(proxy.address())
            .await
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    })
    .await
    .unwrap();
    proxy.set(Mode::Pass);
    let mut stream = wait::until_some("connections are accepted", PATIENCE, async || {
        TcpStream::connect(proxy.address()).await.ok()
    })
    .await
    .unwrap();
    assert_eq!(request(&mut stream).await, b"answered");
}

#[tokio::test]
async fn delay_holds_an_answer_back() {
    let (_upstream, proxy, mut stream) = setup().await;
    proxy.set(Mode::Delay(Duration::from_millis(80)));
    let start = Instant::now();
    assert_eq!(request(&mut stream).await, b"answered");
    assert!(start.elapsed() >= Duration::from_millis(80));
    assert_eq!(proxy.cuts(), 0);
}

#[tokio::test]
async fn cut_lets_exactly_so_many_bytes_of_the_answer_pass() {
    let (_upstream, proxy, mut stream) = setup().await;
    proxy.set(Mode::CutAnswerAfter(11));
    assert_eq!(request(&mut stream).await, b"answered");
    assert_eq!(request(&mut stream).await, b"ans");
    wait::until("the cut is counted", PATIENCE, async || proxy.cuts() == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn drop_reply_delivers_the_request_and_swallows_the_answer() {
    let (mut upstream, proxy, mut stream) = setup().await;
    upstream.arrived.recv().await.unwrap();
    proxy.set(Mode::DropReply);
    assert_eq!(request(&mut stream).await, b"");
    assert_eq!(&upstream.arrived.recv().await.unwrap(), b"ping");
    wait::until("the cut is counted", PATIENCE, async || proxy.cuts() == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn freeze_holds_everything_and_lets_it_go_on_later() {
    let (mut upstream, proxy, mut stream) = setup().await;
    upstream.arrived.recv().await.unwrap();
    proxy.set(Mode::Freeze);
    stream.write_all(b"ping").await.unwrap();
    let arrived = timeout(Duration::from_millis(100), upstream.arrived.recv()).await;
    assert!(arrived.is_err(), "nothing passes a frozen proxy");
    proxy.set(Mode::Pass);
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"answered");
}

#[tokio::test]
async fn an_address_is_rewritten_to_the_proxy() {
    let (_upstream, proxy, _stream) = setup().await;
    let url = proxy
        .url("postgres://user@db.example:5432/shop?sslmode=disable")
        .unwrap();
    let port = proxy.address().port();
    assert_eq!(
        url,
        format!("postgres://user@127.0.0.1:{port}/shop?sslmode=disable")
    );
}
