//! What a provider says about how fast it may be called.

use std::time::Duration;

use chrono::DateTime;
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// A provider that asks for a longer pause than this has not understood the question, or we have not
/// understood its answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);

/// The rate headers of one answer, by dimension. Every part is optional, because providers leave them
/// out at will; an empty value says nothing, and never "unlimited".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateHints {
    /// Wait this long before the next call (`retry-after-ms`, `Retry-After`, or the number in the
    /// message).
    pub retry_after: Option<Duration>,
    /// What is left of each dimension.
    pub windows: Vec<RateWindow>,
}

/// One limited dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateWindow {
    /// What is counted: `requests`, `tokens` or `images`.
    pub dimension: &'static str,
    /// How many the window allows.
    pub limit: Option<u64>,
    /// How many are left in it.
    pub remaining: Option<u64>,
    /// When it is full again.
    pub reset_after: Option<Duration>,
}

impl RateHints {
    /// Reads `retry-after-ms`, else `Retry-After` (seconds, also broken ones, or a date), and
    /// `x-ratelimit-{limit,remaining,reset}-{requests,tokens,images}`.
    ///
    /// A date is compared with the answer's own `Date`, so that our clock has no part in it; without
    /// one it says nothing.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let windows = ["requests", "tokens", "images"]
            .into_iter()
            .filter_map(|dimension| window(headers, dimension))
            .collect();
        Self {
            retry_after: retry_after(headers),
            windows,
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let in_ms = text(headers, "retry-after-ms").and_then(|text| number(text, 0.001));
    let pause = in_ms.or_else(|| {
        let text = text(headers, RETRY_AFTER.as_str())?;
        number(text, 1.0).or_else(|| until(text, headers))
    })?;
    Some(pause.min(LONGEST_PAUSE))
}

/// A number of units of so many seconds.
fn number(text: &str, unit_seconds: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(number * unit_seconds).ok()
}

/// From the answer's date to the date that is named; nothing where that is past.
fn until(named: &str, headers: &HeaderMap) -> Option<Duration> {
    let then = DateTime::parse_from_rfc2822(named).ok()?;
    let now = DateTime::parse_from_rfc2822(text(headers, DATE.as_str())?).ok()?;
    Some((then - now).to_std().unwrap_or(Duration::ZERO))
}

fn window(headers: &HeaderMap, dimension: &'static str) -> Option<RateWindow> {
    let of = |what: &str| text(headers, &format!("x-ratelimit-{what}-{dimension}"));
    let count = |what: &str| of(what).and_then(|text| text.parse().ok());
    let window = RateWindow {
        dimension,
        limit: count("limit"),
        remaining: count("remaining"),
        reset_after: of("reset").and_then(span),
    };
    let says_something =
        window.limit.is_some() || window.remaining.is_some() || window.reset_after.is_some();
    says_something.then_some(window)
}

/// A span such as `1s`, `6m0s`, `120ms` or `1h2m`; a bare number is seconds.
pub(crate) fn span(text: &str) -> Option<Duration> {
    if let Some(seconds) = number(text, 1.0) {
        return Some(seconds);
    }
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = rest.split_at(unit_at);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(number(digits, seconds)?)?;
        rest = next;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn hints(headers: &[(&'static str, &str)]) -> RateHints {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(value).unwrap();
                (HeaderName::from_static(name), value)
            })
            .collect();
        RateHints::from_headers(&headers)
    }

    #[test]
    fn the_pause_is_read_from_every_form_of_it_milliseconds_first() {
        let date = ("date", "Sun, 22 Nov 2026 10:00:00 GMT");
        type Row<'a> = (&'a [(&'static str, &'a str)], Option<u64>);
        let rows: &[Row<'_>] = &[
            (&[], None),
            (&[("retry-after", "3")], Some(3_000)),
            (&[("retry-after", "0.25")], Some(250)),
            (
                &[("retry-after", "7"), ("retry-after-ms", "1500")],
                Some(1_500),
            ),
            (
                &[("retry-after", "7"), ("retry-after-ms", "soon")],
                Some(7_000),
            ),
            (
                &[("retry-after", "Sun, 22 Nov 2026 10:00:42 GMT"), date],
                Some(42_000),
            ),
            (
                &[("retry-after", "Sun, 22 Nov 2026 09:00:00 GMT"), date],
                Some(0),
            ),
            (&[("retry-after", "Sun, 22 Nov 2026 10:00:42 GMT")], None),
            (&[("retry-after", "-4")], None),
            (&[("retry-after", "NaN")], None),
            (&[("retry-after", "1e300")], None),
            (&[("retry-after", "9999999")], Some(86_400_000)),
        ];
        for (headers, pause_ms) in rows {
            let pause = hints(headers).retry_after;
            assert_eq!(pause, pause_ms.map(Duration::from_millis), "{headers:?}");
        }
    }

    #[test]
    fn windows_are_read_by_dimension_and_left_out_where_nothing_is_said() {
        let read = hints(&[
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "499"),
            ("x-ratelimit-reset-requests", "120ms"),
            ("x-ratelimit-reset-tokens", "6m0s"),
            ("x-ratelimit-remaining-images", "many"),
        ]);
        let requests = RateWindow {
            dimension: "requests",
            limit: Some(500),
            remaining: Some(499),
            reset_after: Some(Duration::from_millis(120)),
        };
        let tokens = RateWindow {
            dimension: "tokens",
            limit: None,
            remaining: None,
            reset_after: Some(Duration::from_secs(360)),
        };
        assert_eq!(read.windows, [requests, tokens]);
        assert_eq!(span("1h2m3.5s"), Some(Duration::from_millis(3_723_500)));
        assert_eq!(span("5 parsecs"), None);
    }
}
