//! The guarded fetch over real sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use providers::{FetchConfig, FetchError, Fetcher};

/// A server that gives every connection to `answer` after reading the head of its request.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (answer, count) = (Arc::new(answer), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let answer = Arc::clone(&answer);
                thread::spawn(move || {
                    let head = read_head(&mut stream);
                    answer(&head, &mut stream);
                });
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// A server that always answers with these bytes and closes.
    fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| {
            let _ = stream.write_all(&answer);
        })
    }

    fn url(&self) -> String {
        format!("http://{}/a.png?signature=s3cret", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).to_lowercase()
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn fetcher_with(max_bytes: u64, timeout_ms: u64) -> Fetcher {
    // A second installation fails, which only says that another test came first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Fetcher::new(&FetchConfig {
        fetch_max_bytes: max_bytes,
        fetch_timeout_ms: timeout_ms,
        fetch_allow_cidrs: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
    })
    .unwrap()
}

fn fetcher() -> Fetcher {
    fetcher_with(1_000, 10_000)
}

fn guarded() -> Fetcher {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Fetcher::new(&FetchConfig::default()).unwrap()
}

async fn refused(fetcher: &Fetcher, url: &str) -> FetchError {
    let error = fetcher.fetch(url).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("s3cret"), "a signed URL shows: {shown}");
    error
}

#[tokio::test]
async fn the_bytes_arrive_whatever_the_server_calls_them() {
    let server = Server::saying(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 3\r\n\r\nPNG",
    );
    assert_eq!(fetcher().fetch(&server.url()).await.unwrap(), "PNG");
}

#[tokio::test]
async fn the_request_carries_no_cookie_no_referrer_and_asks_for_no_compression() {
    let server = Server::start(|head, stream| {
        let _ = stream.write_all(ok(head).as_bytes());
    });
    let head = fetcher().fetch(&server.url()).await.unwrap();
    let head = std::str::from_utf8(&head).unwrap();
    assert!(
        head.starts_with("get /a.png?signature=s3cret http/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    for header in ["cookie:", "referer:", "authorization:"] {
        assert!(!head.contains(header), "{head}");
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_a_listed_address_is_fetched() {
    let server = Server::saying(ok("PNG"));
    let url = format!("http://localhost:{}/", server.address.port());
    assert_eq!(fetcher().fetch(&url).await.unwrap(), "PNG");
}

#[tokio::test]
async fn without_a_list_nothing_inside_is_connected_to() {
    let server = Server::saying(ok("PNG"));
    let port = server.address.port();
    for url in [
        server.url(),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
    ] {
        let error = refused(&guarded(), &url).await;
        assert!(
            matches!(error, FetchError::Scheme(_) | FetchError::Port(_)),
            "{url}: {error}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_resolves_inside_is_refused_by_its_address() {
    let error = refused(&guarded(), "https://localhost/a.png").await;
    assert!(matches!(&error, FetchError::Address(refused) if refused.address.is_loopback()));
    assert_eq!(error.code(), "image_url_address");
    assert!(!error.may_pass());
}

#[tokio::test]
async fn a_name_without_an_address_is_told_apart() {
    // Longer than a label of a name may be, so that no name server is needed to say no.
    let url = format!("http://{}.example/a.png?signature=s3cret", "a".repeat(64));
    let error = refused(&fetcher(), &url).await;
    assert_eq!(error.code(), "image_host_unresolved");
    assert!(error.may_pass());
}

#[tokio::test]
async fn a_redirect_is_an_error_that_names_where_it_points() {
    let second = Server::saying(ok("secret"));
    let location = format!("http://localhost:{}/admin", second.address.port());
    for status in [301, 302, 303, 307, 308] {
        let first = Server::saying(format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ));
        let error = refused(&fetcher(), &first.url()).await;
        let FetchError::Redirect {
            status: seen,
            target,
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!((*seen, target.as_str()), (status, "localhost"));
    }
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn other_statuses_are_errors_and_say_whether_they_may_pass() {
    for (status, may_pass) in [
        (204, false),
        (206, false),
        (403, false),
        (404, false),
        (429, true),
        (503, true),
    ] {
        let server = Server::saying(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"));
        let error = refused(&fetcher(), &server.url()).await;
        assert_eq!(error.code(), "image_status");
        assert_eq!(error.may_pass(), may_pass, "{status}");
        assert_eq!(server.connections(), 1, "{status} must not be asked again");
    }
}

#[tokio::test]
async fn a_picture_at_the_limit_passes_and_one_byte_more_does_not() {
    let at = Server::saying(ok(&"x".repeat(1_000)));
    assert_eq!(fetcher().fetch(&at.url()).await.unwrap().len(), 1_000);
    let over = Server::saying(ok(&"x".repeat(1_001)));
    assert_eq!(
        refused(&fetcher(), &over.url()).await.code(),
        "image_too_large"
    );
}

#[tokio::test]
async fn a_size_announced_too_large_is_refused_before_the_body() {
    let server = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n");
        // Holds the connection until the client leaves.
        let _ = stream.read(&mut [0]);
    });
    assert_eq!(
        refused(&fetcher(), &server.url()).await.code(),
        "image_too_large"
    );
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    for head in ["transfer-encoding: chunked", "connection: close"] {
        let chunk = match head {
            "connection: close" => "x".repeat(100),
            _ => format!("64\r\n{}\r\n", "x".repeat(100)),
        };
        let server = Server::start(move |_, stream| {
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes());
            while stream.write_all(chunk.as_bytes()).is_ok() {}
        });
        assert_eq!(
            refused(&fetcher(), &server.url()).await.code(),
            "image_too_large",
            "{head}"
        );
    }
}

#[tokio::test]
async fn one_deadline_covers_silence_and_dripping() {
    let silent = Server::start(|_, stream| {
        let _ = stream.read(&mut [0]);
    });
    let dripping = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n");
        // Every byte is in time; only the sum is late. The pause is the server's misbehaviour, not
        // a way to wait for something.
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    for server in [silent, dripping] {
        let start = Instant::now();
        let error = refused(&fetcher_with(1_000, 200), &server.url()).await;
        assert_eq!(error.code(), "image_timeout");
        assert!((200..5_000).contains(&start.elapsed().as_millis()));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_apart_from_a_small_picture() {
    let half = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    assert_eq!(
        refused(&fetcher(), &half.url()).await.code(),
        "image_broken_off"
    );
    let nonsense = Server::saying("220 smtp ready\r\n");
    assert_eq!(
        refused(&fetcher(), &nonsense.url()).await.code(),
        "image_broken_off"
    );
    let empty = Server::saying(ok(""));
    assert_eq!(
        refused(&fetcher(), &empty.url()).await.code(),
        "image_empty"
    );
}

#[tokio::test]
async fn a_closed_port_and_a_server_without_tls_are_unreachable() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let error = refused(&fetcher(), &format!("http://{closed}/?s3cret")).await;
    assert_eq!(error.code(), "image_host_unreachable");

    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = plain.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        let _ = stream.read(&mut [0; 4_096]);
        let _ = stream.write_all(ok("PNG").as_bytes());
    });
    let error = refused(&fetcher(), &format!("https://{address}/?s3cret")).await;
    assert_eq!(error.code(), "image_host_unreachable");
}

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    fetch: FetchConfig,
}

#[test]
fn settings_are_read_from_flags_and_wrong_ones_refused() {
    let parse = |args: &[&str]| Command::try_parse_from([&["worker"], args].concat());
    let defaults = parse(&[]).ok().unwrap().fetch;
    assert_eq!(
        (defaults.fetch_max_bytes, defaults.fetch_timeout_ms),
        (10_000_000, 10_000)
    );
    assert!(defaults.fetch_allow_cidrs.is_empty());

    let two = parse(&["--fetch-allow-cidrs", "127.0.0.0/8,fd00::/8"])
        .ok()
        .unwrap()
        .fetch;
    assert_eq!(two.fetch_allow_cidrs.len(), 2);

    for wrong in [
        ["--fetch-allow-cidrs", "localhost"],
        ["--fetch-allow-cidrs", "127.0.0.0/33"],
        ["--fetch-max-bytes", "0"],
        ["--fetch-timeout-ms", "0"],
    ] {
        let error = parse(&wrong).err().unwrap().to_string();
        assert!(
            error.contains(wrong[0]) && error.contains(wrong[1]),
            "{error}"
        );
    }
}
