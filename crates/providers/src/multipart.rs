//! `multipart/form-data`, written so that the same parts give the same bytes.
//!
//! Names and file names are our own constants; nothing here escapes them.

use std::fmt::Write as _;

use bytes::Bytes;
use domain::AttemptId;
use sha2::{Digest, Sha256};

/// A form in the making.
pub(crate) struct Form {
    parts: Vec<Part>,
}

struct Part {
    head: String,
    body: Bytes,
}

/// A form that is ready to be sent.
pub(crate) struct Encoded {
    /// The media type with the boundary.
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

impl Form {
    pub(crate) fn new() -> Self {
        Self { parts: Vec::new() }
    }

    /// Adds a field.
    pub(crate) fn text(&mut self, name: &'static str, value: impl Into<String>) {
        self.parts.push(Part {
            head: format!("content-disposition: form-data; name=\"{name}\"\r\n\r\n"),
            body: Bytes::from(value.into()),
        });
    }

    /// Adds a file.
    pub(crate) fn file(
        &mut self,
        name: &'static str,
        file_name: &str,
        content_type: &str,
        bytes: Bytes,
    ) {
        self.parts.push(Part {
            head: format!(
                "content-disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
                 content-type: {content_type}\r\n\r\n"
            ),
            body: bytes,
        });
    }

    /// The bytes, parted by a boundary that derives from the attempt and occurs in no part.
    pub(crate) fn encode(&self, attempt: AttemptId) -> Encoded {
        let boundary = self.boundary(attempt);
        let size: usize = self
            .parts
            .iter()
            .map(|part| part.head.len() + part.body.len() + boundary.len() + 8)
            .sum();
        let mut body = Vec::with_capacity(size + boundary.len() + 8);
        for part in &self.parts {
            body.extend_from_slice(b"--");
            body.extend_from_slice(boundary.as_bytes());
            body.extend_from_slice(b"\r\n");
            body.extend_from_slice(part.head.as_bytes());
            body.extend_from_slice(&part.body);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--");
        body.extend_from_slice(boundary.as_bytes());
        body.extend_from_slice(b"--\r\n");
        Encoded {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            body: Bytes::from(body),
        }
    }

    fn boundary(&self, attempt: AttemptId) -> String {
        let mut digest = Sha256::digest(attempt.0.as_bytes());
        loop {
            let boundary = digest
                .iter()
                .take(12)
                .fold("atelier-".to_owned(), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                });
            let occurs = self
                .parts
                .iter()
                .any(|part| contains(&part.body, boundary.as_bytes()));
            if !occurs {
                return boundary;
            }
            digest = Sha256::digest(digest);
        }
    }
}

fn contains(within: &[u8], sought: &[u8]) -> bool {
    let Some(first) = sought.first() else {
        return true;
    };
    let mut rest = within;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(sought) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_boundary_that_occurs_in_a_part_is_replaced_by_another() {
        let attempt = AttemptId(Uuid::from_u128(7));
        let mut plain = Form::new();
        plain.text("prompt", "a ring");
        let usual = plain.boundary(attempt);
        assert_eq!(
            usual,
            plain.boundary(attempt),
            "it derives from the attempt"
        );
        let mut hostile = Form::new();
        hostile.text("prompt", format!("aa--{usual}\r\nx"));
        let encoded = hostile.encode(attempt);
        assert!(!encoded.content_type.contains(&usual));
        let own = hostile.boundary(attempt);
        let text = String::from_utf8(encoded.body.to_vec()).unwrap();
        assert_eq!(text.matches(&format!("--{own}\r\n")).count(), 1);
        assert!(text.ends_with(&format!("\r\n--{own}--\r\n")), "{text}");
    }
}
