//! Further headers of a brand's endpoint: for a gateway that wants a token, or to tell systems apart.
//!
//! They are shown to whoever may read the endpoint, so they are no place for what a signature does
//! better. None of them can change how the message is framed, who it seems to come from, or its signature.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most headers of one endpoint.
const MAX_HEADERS: usize = 10;
const MAX_NAME_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 1024;

/// Names that are ours, or that say how the message is framed and where it goes.
const RESERVED: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];
const RESERVED_PREFIXES: &[&str] = &["webhook-", "x-luneo-", "proxy-", "x-forwarded-", "sec-"];

/// Checked headers, by their names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookHeaders(BTreeMap<String, String>);

/// Why headers are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookHeadersFault {
    /// More than ten.
    #[error("at most {MAX_HEADERS} headers are allowed")]
    TooMany,
    /// The name is no header's.
    #[error("{0:?} is no header name: 1 to {MAX_NAME_BYTES} of a-z, 0-9, - and _ are expected")]
    Name(String),
    /// The name stands twice, in different capitals.
    #[error("{0:?} is given twice")]
    Twice(String),
    /// The name is not a brand's to set.
    #[error("{0:?} cannot be set: it is ours, or says how the message is sent")]
    Reserved(String),
    /// The value has other characters than a header may, or is too long.
    #[error(
        "the value of {0:?} must be 1 to {MAX_VALUE_BYTES} visible ASCII characters and inner spaces"
    )]
    Value(String),
}

impl WebhookHeaders {
    /// Checks every name and value.
    ///
    /// # Errors
    /// The first fault.
    pub fn new(
        given: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, WebhookHeadersFault> {
        let mut headers = BTreeMap::new();
        for (given, value) in given {
            let name = given.to_ascii_lowercase();
            let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(known) {
                return Err(WebhookHeadersFault::Name(given));
            }
            let ours = RESERVED_PREFIXES
                .iter()
                .any(|start| name.starts_with(start));
            if ours || RESERVED.contains(&name.as_str()) {
                return Err(WebhookHeadersFault::Reserved(name));
            }
            let visible = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if value.is_empty()
                || value.len() > MAX_VALUE_BYTES
                || !visible
                || value.trim() != value
            {
                return Err(WebhookHeadersFault::Value(name));
            }
            if headers.insert(name.clone(), value).is_some() {
                return Err(WebhookHeadersFault::Twice(name));
            }
        }
        if headers.len() > MAX_HEADERS {
            return Err(WebhookHeadersFault::TooMany);
        }
        Ok(Self(headers))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Result<WebhookHeaders, WebhookHeadersFault> {
        WebhookHeaders::new([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_brands_own_headers_are_taken_in_lower_case() {
        let headers = one("X-Shop", "a b").unwrap();
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("x-shop", "a b")]);
        assert!(one("Authorization", "Bearer x").is_ok());
    }

    #[test]
    fn what_frames_signs_or_smuggles_is_refused() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "webhook-signature",
            "Webhook-Id",
            "X-Luneo-Signature",
            "proxy-authorization",
            "x-forwarded-for",
            "connection",
        ] {
            let fault = one(name, "x").unwrap_err();
            assert!(matches!(fault, WebhookHeadersFault::Reserved(_)), "{name}");
        }
        for name in ["", "a b", "a:b", "a\r\nb", "ä", &"x".repeat(65)] {
            let fault = one(name, "x").unwrap_err();
            assert!(matches!(fault, WebhookHeadersFault::Name(_)), "{name:?}");
        }
        for value in [
            "",
            " x",
            "x ",
            "a\r\nb: c",
            "ä",
            "\u{7f}",
            &"x".repeat(1025),
        ] {
            let fault = one("x-a", value).unwrap_err();
            assert!(matches!(fault, WebhookHeadersFault::Value(_)), "{value:?}");
        }
    }

    #[test]
    fn there_are_at_most_ten_and_none_twice() {
        let many = (0..11).map(|n| (format!("x-{n}"), "v".to_owned()));
        assert_eq!(WebhookHeaders::new(many), Err(WebhookHeadersFault::TooMany));
        let twice = ["X-A", "x-a"].map(|name| (name.to_owned(), "v".to_owned()));
        let fault = WebhookHeaders::new(twice).unwrap_err();
        assert_eq!(fault, WebhookHeadersFault::Twice("x-a".to_owned()));
    }
}
