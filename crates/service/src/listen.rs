//! Where the admin port listens.

use std::fmt;
use std::io;
use std::net::{AddrParseError, SocketAddr};
use std::str::FromStr;

use tokio::net::TcpListener;

/// An address, written `127.0.0.1:9102`; with a trailing `+`, any free port of the same host if that one
/// is taken. The defaults have the `+`, so that a second worker on a machine needs no setting; an
/// address that somebody chose is taken at its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminListen {
    /// The address to try.
    pub address: SocketAddr,
    /// Whether any free port will do instead.
    pub or_any_port: bool,
}

impl AdminListen {
    /// Listens.
    pub(crate) async fn bind(self) -> io::Result<TcpListener> {
        match TcpListener::bind(self.address).await {
            Err(error) if self.or_any_port && error.kind() == io::ErrorKind::AddrInUse => {
                TcpListener::bind((self.address.ip(), 0)).await
            }
            bound => bound,
        }
    }
}

impl From<SocketAddr> for AdminListen {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            or_any_port: false,
        }
    }
}

impl FromStr for AdminListen {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        let (address, or_any_port) = match text.strip_suffix('+') {
            Some(address) => (address, true),
            None => (text, false),
        };
        Ok(Self {
            address: address.parse()?,
            or_any_port,
        })
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.or_any_port { "+" } else { "" };
        write!(f, "{}{plus}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_back() {
        for text in ["127.0.0.1:9102", "[::1]:9102+"] {
            assert_eq!(text.parse::<AdminListen>().unwrap().to_string(), text);
        }
        assert!("localhost".parse::<AdminListen>().is_err());
    }

    #[tokio::test]
    async fn a_taken_port_is_replaced_only_where_that_was_allowed() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut listen = AdminListen::from(taken.local_addr().unwrap());
        let refused = listen.bind().await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        listen.or_any_port = true;
        let other = listen.bind().await.unwrap().local_addr().unwrap();
        assert_eq!(other.ip(), listen.address.ip());
        assert_ne!(other.port(), listen.address.port());
    }
}
