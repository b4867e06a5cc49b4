//! Query strings.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::FieldError;
use url::form_urlencoded;

use crate::problem::{Code, Problem};

/// The parameters of a query. Each is taken once, with its faults noted; [`Query::finish`] reports
/// them, and those that nobody asked for.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    faults: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    fn of(text: &str) -> Self {
        Self {
            pairs: form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
            faults: Vec::new(),
        }
    }

    /// A parameter's value. Control characters are a fault, for no parameter of ours has any.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let mut values = Vec::new();
        self.pairs.retain(|(found, value)| {
            let taken = found == name;
            if taken {
                values.push(value.clone());
            }
            !taken
        });
        if values.len() > 1 {
            self.fault(name, "duplicate", "it may be given once");
            return None;
        }
        let value = values.pop()?;
        if value.chars().any(char::is_control) {
            self.fault(name, "malformed", "control characters are not allowed");
            return None;
        }
        Some(value)
    }

    /// A parameter of some type; `expected` describes it.
    pub(crate) fn parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.fault(name, "malformed", format!("{expected} is expected"));
        }
        value
    }

    /// A whole number within bounds, or its default.
    pub(crate) fn number(&mut self, name: &str, low: i64, high: i64, default: i64) -> i64 {
        let expected = format!("a whole number from {low} to {high}");
        match self.parsed::<i64>(name, &expected) {
            Some(number) if (low..=high).contains(&number) => number,
            Some(_) => {
                self.fault(name, "out_of_range", format!("{expected} is expected"));
                default
            }
            None => default,
        }
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.faults
            .push(FieldError::new(format!("?{name}"), code, detail));
    }

    /// Reports every fault and every parameter that was not taken.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.fault(
                &name,
                "unknown_parameter",
                "there is no such parameter here",
            );
        }
        self.finish_lenient()
    }

    /// Reports every fault but leaves unknown parameters alone.
    pub(crate) fn finish_lenient(self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let problem = Problem::from(Code::InvalidParameter);
        Err(self.faults.into_iter().fold(problem, Problem::field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_decoded_bounded_and_given_once() {
        let mut query = Query::of("limit=20&product=a%20b");
        assert_eq!(query.number("limit", 1, 100, 20), 20);
        assert_eq!(query.text("product").as_deref(), Some("a b"));
        assert!(query.finish().is_ok());
        for bad in [
            "limit=0",
            "limit=101",
            "limit=x",
            "limit=1&limit=2",
            "other=1",
            "limit=%00",
        ] {
            let mut query = Query::of(bad);
            query.number("limit", 1, 100, 20);
            assert_eq!(
                query.finish().unwrap_err().code,
                Code::InvalidParameter,
                "{bad}"
            );
        }
    }
}
