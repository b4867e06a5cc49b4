//! Addresses at which a provider may announce that a call has ended.
//!
//! The address names the attempt and carries a code that only we can make, so that whoever forges an
//! announcement needs both this address and the provider's signing secret. The attempt's id stands in
//! it in plain, because a lost call is found again in the provider's list by it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::AttemptId;

/// Shortest secret.
const MIN_BYTES: usize = 32;
/// 128 bits of the code: far beyond guessing over a network.
const CODE_BYTES: usize = 16;
const PURPOSE: &[u8] = b"atelier provider callback:";

/// The secret that the codes are made with. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackSecret(Vec<u8>);

/// A text that is too short to be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a callback secret has at least {MIN_BYTES} bytes")]
pub struct CallbackSecretError;

impl CallbackSecret {
    /// Takes any text that is long enough.
    ///
    /// # Errors
    /// Shorter than 32 bytes.
    pub fn new(text: &str) -> Result<Self, CallbackSecretError> {
        if text.len() < MIN_BYTES {
            return Err(CallbackSecretError);
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// The address for an attempt below `base`, which has no slash at its end.
    pub fn address(&self, base: &str, provider: &str, attempt: AttemptId) -> String {
        format!(
            "{base}/v1/providers/{provider}/webhook/{}",
            self.segment(attempt)
        )
    }

    /// The last part of the address: `{attempt}.{code}`.
    pub fn segment(&self, attempt: AttemptId) -> String {
        let code = self.code(attempt).finalize().into_bytes();
        let code = code.iter().take(CODE_BYTES);
        let hex: String = code.map(|byte| format!("{byte:02x}")).collect();
        format!("{}.{hex}", attempt.0.simple())
    }

    /// The attempt of a last part that we made; `None` for any other. Compared in constant time.
    pub fn attempt(&self, segment: &str) -> Option<AttemptId> {
        let (id, hex) = segment.split_once('.')?;
        let attempt: AttemptId = id.parse().ok()?;
        let is_ours = id.len() == 32 && hex.len() == 2 * CODE_BYTES && hex.is_ascii();
        let given: Option<Vec<u8>> = (0..CODE_BYTES)
            .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
            .collect();
        let given = given.filter(|_| is_ours)?;
        self.code(attempt).verify_truncated_left(&given).ok()?;
        Some(attempt)
    }

    fn code(&self, attempt: AttemptId) -> Hmac<Sha256> {
        #[expect(
            clippy::expect_used,
            reason = "INVARIANT: HMAC takes keys of any length"
        )]
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        code.update(PURPOSE);
        code.update(attempt.0.as_bytes());
        code
    }
}

impl fmt::Debug for CallbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn secret(text: &str) -> CallbackSecret {
        CallbackSecret::new(text).unwrap()
    }

    #[test]
    fn only_what_we_made_names_its_attempt() {
        let ours = secret("a secret of at least 32 bytes, yes");
        let other = secret("another secret of 32 bytes or more");
        let attempt = AttemptId(Uuid::from_u128(7));
        let segment = ours.segment(attempt);
        assert_eq!(segment.len(), 65);
        assert_eq!(ours.attempt(&segment), Some(attempt));
        assert_eq!(other.attempt(&segment), None);
        let of_another = ours.segment(AttemptId(Uuid::from_u128(8)));
        let code = of_another.split_once('.').unwrap().1;
        assert_eq!(
            ours.attempt(&format!("{}.{code}", attempt.0.simple())),
            None
        );
        for wrong in [
            "",
            ".",
            &segment[..64],
            &segment[..33],
            &format!("{segment}0"),
            "x.y",
            "é.é",
        ] {
            assert_eq!(ours.attempt(wrong), None, "{wrong:?}");
        }
        let address = ours.address("https://shop.example", "replicate", attempt);
        let start =
            "https://shop.example/v1/providers/replicate/webhook/0000000000000000000000000000";
        assert!(address.starts_with(start), "{address}");
    }

    #[test]
    fn a_secret_is_long_and_never_shown() {
        assert_eq!(CallbackSecret::new("short"), Err(CallbackSecretError));
        let shown = format!("{:?}", secret("a secret of at least 32 bytes, yes"));
        assert_eq!(shown, "CallbackSecret(…)");
    }
}
