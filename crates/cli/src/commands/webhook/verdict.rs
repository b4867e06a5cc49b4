//! Whether a message's signature is right, and if not, why: what a library says in one word, in the words
//! of somebody who has to mend it.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::webhook_signature::{
    SignatureFault, SignedHeaders, TOLERANCE, WebhookPublicKey, WebhookSecret, verify,
    verify_public,
};

/// What a receiver knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) secrets: Vec<WebhookSecret>,
    pub(super) public_keys: Vec<WebhookPublicKey>,
}

/// What is to be said of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its time is good; nothing was known to check the rest with.
    Unchecked,
    /// Signed by somebody who knows this: "secret 1 of 2".
    Right(String),
    /// Not to be believed, for this reason.
    Wrong(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchecked => f.write_str("not checked: give --secret"),
            Self::Right(with) => write!(f, "signature right ({with})"),
            Self::Wrong(why) => write!(f, "NOT VERIFIED: {why}"),
        }
    }
}

impl Verdict {
    /// Looks at a message as a receiver should. Empty headers are missing ones.
    pub(super) fn of(
        known: &Known,
        headers: SignedHeaders<'_>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Self {
        if let Some(why) = missing(headers).or_else(|| untimely(headers.timestamp, now)) {
            return Self::Wrong(why);
        }
        let mut fault = None;
        for (place, secret) in known.secrets.iter().enumerate() {
            match verify(std::slice::from_ref(secret), headers, body, now) {
                Ok(()) => return Self::Right(nth("secret", place, known.secrets.len())),
                Err(found) => fault = Some(found),
            }
        }
        for (place, key) in known.public_keys.iter().enumerate() {
            match verify_public(std::slice::from_ref(key), headers, body, now) {
                Ok(()) => return Self::Right(nth("public key", place, known.public_keys.len())),
                Err(found) => fault = Some(found),
            }
        }
        match fault {
            None => Self::Unchecked,
            Some(SignatureFault::Malformed) => Self::Wrong(format!(
                "webhook-signature holds no signature of a version that was asked for: {:?}",
                headers.signature
            )),
            Some(fault) => Self::Wrong(explain(known, headers, fault)),
        }
    }
}

fn nth(what: &str, place: usize, of: usize) -> String {
    format!("{what} {} of {of}", place + 1)
}

fn missing(headers: SignedHeaders<'_>) -> Option<String> {
    let SignedHeaders {
        id,
        timestamp,
        signature,
    } = headers;
    let missing: Vec<&str> = [
        ("webhook-id", id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signature),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.is_empty().then_some(name))
    .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "there is no header {}: not one of ours, or something in between takes headers away",
            missing.join(", ")
        )
    })
}

fn untimely(timestamp: &str, now: DateTime<Utc>) -> Option<String> {
    let Some(signed_at) = timestamp
        .parse()
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
    else {
        return Some(format!(
            "webhook-timestamp is {timestamp:?} and not seconds since 1970"
        ));
    };
    let (age, most) = ((now - signed_at).num_seconds(), TOLERANCE.num_seconds());
    if (now - signed_at).abs() <= TOLERANCE {
        return None;
    }
    Some(match age > 0 {
        true => format!(
            "it was signed {age} s ago and {most} s are allowed: a message that somebody recorded, or a wrong clock"
        ),
        false => format!(
            "it is signed for {} s ahead and {most} s are allowed: a wrong clock",
            -age
        ),
    })
}

fn explain(known: &Known, headers: SignedHeaders<'_>, fault: SignatureFault) -> String {
    match fault {
        SignatureFault::Wrong => {
            let given = headers.signature.split(' ').count();
            let known = known.secrets.len() + known.public_keys.len();
            format!(
                "none of its {given} signatures is right under the {known} secrets given: the secret of another \
                 endpoint, or the body was changed on the way (a framework that parses and writes JSON anew)"
            )
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use domain::webhook_signature::WebhookSigningKey;

    use super::*;

    const ID: &str = "msg_1";
    const BODY: &[u8] = "{\"name\":\"Zoë\"}".as_bytes();

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn secret(byte: u8) -> WebhookSecret {
        WebhookSecret::from_bytes([byte; 32])
    }

    fn known(bytes: &[u8]) -> Known {
        Known {
            secrets: bytes.iter().map(|byte| secret(*byte)).collect(),
            public_keys: Vec::new(),
        }
    }

    fn judge(known: &Known, timestamp: &str, signature: &str, now: i64) -> String {
        let headers = SignedHeaders {
            id: ID,
            timestamp,
            signature,
        };
        Verdict::of(known, headers, BODY, at(now)).to_string()
    }

    #[test]
    fn a_right_signature_names_the_secret() {
        let signature = secret(2).sign(ID, at(1000), BODY);
        let said = judge(&known(&[1, 2]), "1000", &signature, 1300);
        assert_eq!(said, "signature right (secret 2 of 2)");
        let key = WebhookSigningKey::from_seed([3; 32]);
        let with_key = Known {
            secrets: vec![secret(1)],
            public_keys: vec![key.public()],
        };
        let both = format!("{signature} {}", key.sign(ID, at(1000), BODY));
        let said = judge(&with_key, "1000", &both, 1000);
        assert_eq!(said, "signature right (public key 1 of 1)");
        let unchecked = judge(&Known::default(), "1000", &signature, 1000);
        assert!(unchecked.contains("give --secret"), "{unchecked}");
    }

    #[test]
    fn each_fault_is_told_apart() {
        let right = secret(1).sign(ID, at(1000), BODY);
        for (timestamp, signature, now, words) in [
            ("1000", right.as_str(), 1301, "signed 301 s ago"),
            ("1000", right.as_str(), 699, "signed for 301 s ahead"),
            ("soon", right.as_str(), 1000, "not seconds since 1970"),
            ("", right.as_str(), 1000, "no header webhook-timestamp:"),
            ("1000", "", 1000, "no header webhook-signature:"),
            ("1000", "v2,AAAA", 1000, "no signature of a version"),
            (
                "1001",
                right.as_str(),
                1001,
                "none of its 1 signatures is right under the 1 secrets",
            ),
        ] {
            let said = judge(&known(&[1]), timestamp, signature, now);
            assert!(
                said.starts_with("NOT VERIFIED") && said.contains(words),
                "{said}"
            );
        }
    }
}
