//! A request as the exact bytes that go to a provider.

use std::fmt;
use std::fmt::Write as _;

use bytes::Bytes;
use domain::{AttemptId, Micros};
use http::Method;
use sha2::{Digest, Sha256};

use crate::request::InputImage;

/// A call that is ready to be sent: what [`Provider::prepare`](crate::Provider::prepare) makes.
///
/// It holds no key: the adapter adds the key as it sends, so a prepared call can be compared, hashed
/// and kept in a golden file. `Debug` shows the size of the body and not the body, which holds the
/// prompt.
#[derive(Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The ledger entry this call is paid under.
    pub attempt: AttemptId,
    /// The model, by the provider's own name for it.
    pub model: String,
    /// The most the call is expected to cost, in millionths of a US dollar: the budget reserves this.
    pub price: Micros,
    /// The HTTP method.
    pub method: Method,
    /// Path and query, below the provider's base URL.
    pub path: String,
    /// The media type of the body, with a multipart boundary that derives from the attempt.
    pub content_type: String,
    /// Every other header that the provider's own protocol asks for, lower-case name first. Never a
    /// key.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// Pictures that go to the provider before the body does, which is then told where each of them is.
    pub uploads: Vec<Upload>,
    /// What was changed or left out of the request, for the generation's record: the adapter hands it
    /// on in [`Finished::notes`](crate::Finished::notes). No shopper text stands here.
    pub notes: Vec<String>,
}

/// A picture that is uploaded first, because it is too large to go along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Where its address goes in the body, as a JSON pointer. The picture's SHA-256 stands there until then.
    pub pointer: String,
    /// The picture.
    pub file: InputImage,
}

impl Prepared {
    /// The SHA-256 of method, path and body in hexadecimal: tells in the ledger what was sent
    /// without holding the prompt.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in [
            self.method.as_str().as_bytes(),
            self.path.as_bytes(),
            &self.body,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize()
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("attempt", &self.attempt)
            .field("model", &self.model)
            .field("price", &self.price)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("content_type", &self.content_type)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .field("uploads", &self.uploads.len())
            .finish()
    }
}
