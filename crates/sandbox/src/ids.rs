//! Ids as the providers make them. Random, so that two sandboxes never share one.

use uuid::Uuid;

/// OpenAI's and Stability's request id.
pub(crate) fn request() -> String {
    format!("req_{}", Uuid::new_v4().simple())
}

/// A response of OpenAI's background mode.
pub(crate) fn response() -> String {
    format!("resp_{}", Uuid::new_v4().simple())
}

/// An item of a response's output.
pub(crate) fn output_item() -> String {
    format!("ig_{}", Uuid::new_v4().simple())
}

/// Stability's id of asynchronous work and of an error: 64 hexadecimal digits and 32.
pub(crate) fn stability_work() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// An id in an error of Stability's.
pub(crate) fn stability_error() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A prediction: 26 digits of Crockford's base 32, lower case.
pub(crate) fn prediction() -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut rest = Uuid::new_v4().as_u128();
    let mut id = String::with_capacity(26);
    for _ in 0..26 {
        id.push(char::from(DIGITS[(rest & 31) as usize]));
        rest >>= 5;
    }
    id
}

/// The part of a file's address that cannot be guessed.
pub(crate) fn file() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A message of a webhook.
pub(crate) fn webhook_message() -> String {
    format!("msg_{}", Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_prediction_id_has_twenty_six_digits_and_is_new_each_time() {
        let id = super::prediction();
        assert_eq!(id.len(), 26);
        assert!(
            id.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        );
        assert_ne!(id, super::prediction());
    }
}
