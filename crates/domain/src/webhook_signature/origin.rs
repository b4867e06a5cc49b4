//! The signature that the platform before Atelier sent: the body's HMAC-SHA256 in hexadecimal.
//!
//! It holds no time, so whoever recorded a message can send it again; it exists beside the standard one
//! for receivers that have not moved yet.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header it stands in.
pub const ORIGIN_HEADER: &str = "x-luneo-signature";

/// The value of [`ORIGIN_HEADER`]. The key is the secret's text as the brand knows it, prefix and all: that
/// platform knew no other form.
pub fn origin_signature(secret: &str, body: &[u8]) -> String {
    #[expect(
        clippy::expect_used,
        reason = "INVARIANT: HMAC takes keys of any length"
    )]
    let mut code = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key");
    code.update(body);
    let mut text = String::with_capacity(64);
    for byte in code.finalize().into_bytes() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hexadecimal_hmac_of_the_body() {
        // RFC 4231, test case 2.
        assert_eq!(
            origin_signature("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
