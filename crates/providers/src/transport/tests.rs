//! The transport over raw sockets: each server here misbehaves in one way.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::*;
use crate::error::{Sent, Spent};

struct Server {
    base: Url,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Gives every connection to `serve`.
    fn start(scheme: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base = format!("{scheme}://{}/v1", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let (serve, count) = (Arc::new(serve), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream.unwrap()));
            }
        });
        Self {
            base: Url::parse(&base).unwrap(),
            connections,
        }
    }

    /// Reads one whole request, answers with these bytes and closes.
    fn answering(answer: &'static str) -> Self {
        Self::start("http", move |mut stream| {
            read_request(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads head and body; gives both back.
fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return request;
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    request.extend(body);
    request
}

/// Closes with a reset instead of an end.
fn reset(stream: TcpStream) {
    let socket = tokio_socket(stream);
    drop(socket);
}

fn tokio_socket(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
    stream.set_zero_linger().unwrap();
    stream
}

fn transport(base: &Url) -> Transport {
    // A second installation fails, which only says that another test came first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Transport::new(base.clone()).unwrap()
}

async fn send(transport: &Transport, method: Method, limit: Duration) -> Result<Answer, Broken> {
    let body = match method {
        Method::GET => Bytes::new(),
        _ => Bytes::from_static(b"{\"prompt\":\"a ring\"}"),
    };
    let call = Call {
        method,
        path: "/images",
        headers: HeaderMap::new(),
        body,
    };
    transport.send(call, Instant::now() + limit).await
}

async fn post(base: &Url) -> Result<Answer, Broken> {
    send(&transport(base), Method::POST, Duration::from_secs(20)).await
}

/// Not sent: it may be sent again, and nothing was paid.
async fn expect_not_sent(base: &str, why: NotSent) {
    let broken = post(&Url::parse(base).unwrap()).await.unwrap_err();
    let Broken::NotSent(said, _) = &broken else {
        panic!("{base}: {broken:?}")
    };
    assert_eq!(*said, why, "{base}: {broken:?}");
    let error = broken.at_submit("p");
    assert_eq!((error.sent(), error.spent()), (Sent::No, Spent::None));
    assert!(matches!(error.next(), Next::SameAfter(_)), "{error:?}");
}

#[tokio::test]
async fn a_refused_connection_a_name_without_address_and_failed_tls_are_proof() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let refused = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    expect_not_sent(&refused, NotSent::NoConnection).await;
    expect_not_sent("http://no-such-host.invalid/v1", NotSent::NoConnection).await;
    let no_tls = Server::start("https", |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    expect_not_sent(no_tls.base.as_str(), NotSent::NoConnection).await;
    let closes_in_tls = Server::start("https", |mut stream| {
        let _ = stream.read(&mut [0; 64]);
    });
    expect_not_sent(closes_in_tls.base.as_str(), NotSent::NoConnection).await;
}

#[tokio::test]
async fn a_connection_that_takes_too_long_is_proof() {
    // The handshake never gets its answer.
    let silent = Server::start("https", |mut stream| {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
    });
    expect_not_sent(silent.base.as_str(), NotSent::SlowConnection).await;
}

#[tokio::test]
async fn a_deadline_before_the_connection_stands_is_proof() {
    let silent = Server::start("https", |mut stream| {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
    });
    let transport = transport(&silent.base);
    let broken = send(&transport, Method::POST, Duration::from_millis(50)).await;
    let broken = broken.unwrap_err();
    assert!(
        matches!(broken, Broken::NotSent(NotSent::Late, None)),
        "{broken:?}"
    );
}

/// Maybe sent: to be reconciled, whatever it was.
fn expect_maybe(broken: Broken) {
    let shown = format!("{broken:?}");
    let error = broken.at_submit("p");
    assert_ne!(error.sent(), Sent::No, "{shown}");
    assert_eq!(error.spent(), Spent::Maybe, "{shown}");
    assert_eq!(error.next(), Next::Reconcile, "{shown}");
}

#[tokio::test]
async fn a_connection_that_ends_or_is_reset_after_the_request_leaves_it_open() {
    let ends = Server::start("http", |mut stream| {
        read_request(&mut stream);
    });
    let broken = post(&ends.base).await.unwrap_err();
    assert!(matches!(broken, Broken::NoAnswer(_)), "{broken:?}");
    expect_maybe(broken);
    assert_eq!(ends.connections(), 1, "sent once");

    let resets = Server::start("http", |mut stream| {
        read_request(&mut stream);
        reset(stream);
    });
    let broken = post(&resets.base).await.unwrap_err();
    assert!(matches!(broken, Broken::NoAnswer(_)), "{broken:?}");
    expect_maybe(broken);
    assert_eq!(resets.connections(), 1, "sent once");

    let in_head = Server::answering("HTTP/1.1 200 OK\r\ncontent-le");
    let broken = post(&in_head.base).await.unwrap_err();
    assert!(matches!(broken, Broken::NoAnswer(_)), "{broken:?}");
    expect_maybe(broken);
}

#[tokio::test]
async fn no_answer_by_the_deadline_leaves_it_open() {
    let silent = Server::start("http", |mut stream| {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
    });
    let transport = transport(&silent.base);
    let broken = send(&transport, Method::POST, Duration::from_millis(300)).await;
    let broken = broken.unwrap_err();
    assert!(matches!(broken, Broken::Late), "{broken:?}");
    expect_maybe(broken);
}

#[tokio::test]
async fn a_body_that_is_cut_or_shorter_than_it_says_leaves_it_open() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":[",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{\"data\":\r\n",
        "HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\n{",
    ] {
        let server = Server::answering(answer);
        let broken = post(&server.base).await.unwrap_err();
        assert!(matches!(broken, Broken::Cut { .. }), "{answer}: {broken:?}");
        expect_maybe(broken);
        assert_eq!(server.connections(), 1, "sent once");
    }
}

#[tokio::test]
async fn a_body_longer_than_it_says_ends_where_it_says() {
    let server =
        Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnullHTTP/1.1 200 OK");
    assert_eq!(post(&server.base).await.unwrap().body, "null");
}

#[tokio::test]
async fn a_refusal_is_complete_with_its_status() {
    let server =
        Server::answering("HTTP/1.1 429 Slow\r\nretry-after: 3\r\ncontent-length: 9\r\n\r\n{");
    let answer = post(&server.base).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (429, &b"{"[..]));
    assert_eq!(answer.headers["retry-after"], "3");
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read_to_its_end() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n12345678901");
    let transport = transport(&server.base).with_limit(10);
    let broken = send(&transport, Method::POST, Duration::from_secs(20)).await;
    let broken = broken.unwrap_err();
    assert!(
        matches!(broken, Broken::Cut { source: None, .. }),
        "{broken:?}"
    );
    expect_maybe(broken);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let target = elsewhere.base.to_string();
    let server = Server::start("http", move |mut stream| {
        read_request(&mut stream);
        let head = format!("HTTP/1.1 307 Go\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
    });
    assert_eq!(post(&server.base).await.unwrap().status, 307);
    assert_eq!(elsewhere.connections(), 0);
}

/// The server keeps connections open and closes them a moment after its answer, so that a client with
/// a pool would sometimes write into a closing connection.
#[tokio::test]
async fn a_paid_call_never_takes_a_connection_that_the_server_may_be_closing() {
    let server = Server::start("http", |mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        let _ = stream.read(&mut [0; 1]);
        reset(stream);
    });
    let transport = transport(&server.base);
    for call in 1..=20 {
        let answer = send(&transport, Method::POST, Duration::from_secs(20)).await;
        assert_eq!(answer.unwrap().body, "{}", "call {call}");
        assert_eq!(server.connections(), call);
    }
}

#[tokio::test]
async fn questions_share_a_connection_and_a_failed_one_is_asked_again() {
    let server = Server::start("http", |mut stream| {
        while !read_request(&mut stream).is_empty() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        }
    });
    let asking = transport(&server.base);
    for _ in 0..3 {
        let answer = send(&asking, Method::GET, Duration::from_secs(20)).await;
        assert_eq!(answer.unwrap().body, "{}");
    }
    assert_eq!(server.connections(), 1);
    let gone = Server::answering("");
    let broken = send(&transport(&gone.base), Method::GET, Duration::from_secs(20)).await;
    let error = broken.unwrap_err().at_poll("p");
    assert!(matches!(error.next(), Next::PollAfter(_)), "{error:?}");
}

#[tokio::test]
async fn the_request_has_a_length_one_body_and_the_base_path() {
    let server = Server::start("http", |mut stream| {
        let request = read_request(&mut stream);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            request.len()
        );
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&request);
    });
    let answer = post(&server.base).await.unwrap();
    let request = std::str::from_utf8(&answer.body).unwrap().to_lowercase();
    assert!(
        request.starts_with("post /v1/images http/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("content-length: 19\r\n"), "{request}");
    assert!(!request.contains("transfer-encoding"), "{request}");
    assert!(
        request.ends_with("\r\n\r\n{\"prompt\":\"a ring\"}"),
        "{request}"
    );
}

#[test]
fn a_key_in_a_header_is_never_shown() {
    let value = bearer("sk-very-secret").unwrap();
    assert!(!format!("{value:?}").contains("secret"));
    assert!(bearer("sk\nsecret").is_err());
}
