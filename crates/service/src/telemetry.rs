//! Log lines: one JSON object per line on standard error, or text for people.
//!
//! Every line carries the fields of the spans it is in, so a line written deep inside a provider
//! call still has its job's `trace_id`. Nothing is exported elsewhere: collecting standard error is
//! the platform's task. Prompts, keys, image bytes and signed URLs never go into a log line.

use tracing::Subscriber;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::args::LogFormat;

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The log level is not in the syntax of `tracing_subscriber::EnvFilter`.
    #[error("the log level {level:?} is not a valid filter")]
    Filter {
        /// What was given.
        level: String,
        /// What is wrong with it.
        #[source]
        source: ParseError,
    },
    /// The process already has a subscriber.
    #[error("logging has already been set up")]
    AlreadySet(#[source] TryInitError),
}

/// Sets up logging for the whole process, panics included.
///
/// # Errors
/// When the filter does not parse, or when logging was set up before.
pub fn init(format: LogFormat, level: &str) -> Result<(), TelemetryError> {
    subscriber(format, level, std::io::stderr)?
        .try_init()
        .map_err(TelemetryError::AlreadySet)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// The subscriber [`init`] installs, writing to `writer`; tests read what it wrote.
///
/// # Errors
/// When the filter does not parse.
pub fn subscriber<W>(
    format: LogFormat,
    level: &str,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(level).map_err(|source| TelemetryError::Filter {
        level: level.to_owned(),
        source,
    })?;
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_filter(filter)
            .boxed(),
        LogFormat::Text => layer.with_ansi(false).with_filter(filter).boxed(),
    };
    Ok(tracing_subscriber::registry().with(layer))
}

/// A panic becomes one log line in the configured format instead of raw text between JSON lines.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        panic = panic_text(info.payload()),
        place,
        thread = std::thread::current().name().unwrap_or_default(),
        "panicked"
    );
}

/// The message of a panic, as far as it was text.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a payload that is not text")
}

/// An error and everything that caused it, on one line.
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn capture(format: LogFormat, level: &str, work: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(format, level, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, work);
        captured.text()
    }

    #[test]
    fn a_json_line_carries_the_trace_id_of_an_outer_span() {
        let context = crate::TraceContext::generate([5; 24]);
        let text = capture(LogFormat::Json, "info", || {
            let _work = context.span("job").entered();
            let _inner = tracing::info_span!("stage", stage = "compose").entered();
            tracing::info!(outputs = 2, "composed");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "composed");
        assert_eq!(line["outputs"], 2);
        assert_eq!(line["spans"][0]["trace_id"], context.trace_id());
        assert_eq!(line["spans"][1]["stage"], "compose");
    }

    #[test]
    fn a_text_line_carries_the_trace_id_too() {
        let context = crate::TraceContext::generate([5; 24]);
        let text = capture(LogFormat::Text, "info", || {
            context.span("job").in_scope(|| tracing::info!("composed"));
        });
        assert!(text.contains(&context.trace_id()), "{text}");
    }

    #[test]
    fn lines_below_the_level_are_not_written() {
        let text = capture(LogFormat::Json, "warn", || tracing::info!("quiet"));
        assert_eq!(text, "");
    }

    #[test]
    fn a_level_that_does_not_parse_is_refused_with_its_text() {
        let error = subscriber(LogFormat::Json, "service=loudest", std::io::sink)
            .err()
            .unwrap();
        assert!(error.to_string().contains("service=loudest"), "{error}");
    }

    #[test]
    fn the_chain_names_every_cause_once() {
        let inner = std::io::Error::other("inner");
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        assert_eq!(error_chain(&Outer(inner)), "outer: inner");
    }
}
