//! What can go wrong with Redis, by what the caller should do about it.

use deadpool_redis::PoolError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Redis is away, full, loading or failing over: go on without it and try again later.
    Unavailable,
    /// Settings or rights are wrong, or a key holds a foreign type: a person has to act.
    Misuse,
    /// Redis answered with something this version does not understand.
    BadData,
}

impl ErrorClass {
    /// The name in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Misuse => "misuse",
            Self::BadData => "bad_data",
        }
    }
}

/// An error of the Redis side. None of them means that a job is lost.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis did not do it in time.
    #[error("Redis did not answer {during} within {after_ms} ms")]
    Timeout {
        /// The command.
        during: &'static str,
        /// The deadline that passed, in milliseconds.
        after_ms: u64,
    },
    /// A connection could not be had from the pool.
    #[error("no connection to Redis for {during}")]
    Connection {
        /// The command.
        during: &'static str,
        /// Why not.
        #[source]
        source: Box<PoolError>,
    },
    /// Redis, or the way to it, refused a command.
    #[error("Redis refused {during}")]
    Redis {
        /// The command.
        during: &'static str,
        /// Its answer.
        #[source]
        source: RedisError,
    },
    /// A stored value is not what this version writes.
    #[error("the value of {during} is not readable")]
    Value {
        /// The command.
        during: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// The URL is not one of a Redis server. It is not repeated here: it may hold a password.
    #[error("the Redis URL is not valid; it must look like redis://host:6379/0 or rediss://…")]
    Url,
    /// The server is one that Atelier must not run on.
    #[error("{0}")]
    Unsuitable(String),
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(&'static str),
    /// Two queues registered their metrics at one registry.
    #[error("the queue's metrics could not be registered")]
    Metrics(#[source] prometheus::Error),
}

impl QueueError {
    pub(crate) fn redis(during: &'static str) -> impl FnOnce(RedisError) -> Self {
        move |source| Self::Redis { during, source }
    }

    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Timeout { .. } => ErrorClass::Unavailable,
            Self::Connection { source, .. } => match source.as_ref() {
                PoolError::Backend(error) => classify(error),
                _ => ErrorClass::Unavailable,
            },
            Self::Redis { source, .. } => classify(source),
            Self::Value { .. } => ErrorClass::BadData,
            Self::Url | Self::Unsuitable(_) | Self::Setting(_) | Self::Metrics(_) => {
                ErrorClass::Misuse
            }
        }
    }
}

/// Whether the server answered with this code, alone or for one command of a pipeline.
pub(crate) fn has_code(error: &RedisError, code: &str) -> bool {
    error
        .clone()
        .into_server_errors()
        .is_some_and(|errors| errors.iter().any(|(_, error)| error.code() == code))
}

/// The stream or its group is gone: after `FLUSHALL`, or on a new server. `UNBLOCKED` is what
/// Redis 7.0 tells a reader that was blocked while the stream was deleted.
pub(crate) fn group_is_gone(error: &RedisError) -> bool {
    has_code(error, "NOGROUP") || has_code(error, "UNBLOCKED")
}

fn classify(error: &RedisError) -> ErrorClass {
    match error.kind() {
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => ErrorClass::BadData,
        ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::RESP3NotSupported
        | ErrorKind::Client
        | ErrorKind::Server(
            ServerErrorKind::ResponseError
            | ServerErrorKind::NoPerm
            | ServerErrorKind::CrossSlot
            | ServerErrorKind::ExecAbort,
        ) => ErrorClass::Misuse,
        ErrorKind::Extension if has_code(error, "OOM") || has_code(error, "MISCONF") => {
            ErrorClass::Unavailable
        }
        ErrorKind::Extension if group_is_gone(error) => ErrorClass::Unavailable,
        ErrorKind::Extension => ErrorClass::Misuse,
        _ => ErrorClass::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use redis::make_extension_error;

    use super::*;

    fn of(code: &str) -> ErrorClass {
        let source = make_extension_error(code.to_owned(), Some("details".to_owned()));
        QueueError::Redis {
            during: "XADD",
            source,
        }
        .class()
    }

    #[test]
    fn a_full_server_is_unavailable_and_a_foreign_key_is_misuse() {
        assert_eq!(of("OOM"), ErrorClass::Unavailable);
        assert_eq!(of("NOGROUP"), ErrorClass::Unavailable);
        assert_eq!(of("WRONGTYPE"), ErrorClass::Misuse);
        assert_eq!(of("NOAUTH"), ErrorClass::Misuse);
    }

    #[test]
    fn a_refused_connection_is_unavailable() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = QueueError::Redis {
            during: "XADD",
            source: refused.into(),
        };
        assert_eq!(error.class(), ErrorClass::Unavailable);
    }

    #[test]
    fn a_code_is_not_looked_for_in_the_text() {
        let error = make_extension_error("ERR".to_owned(), Some("NOGROUP".to_owned()));
        assert!(!group_is_gone(&error));
    }
}
