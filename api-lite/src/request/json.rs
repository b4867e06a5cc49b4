//! Reading a JSON body within limits of size, time and depth.

use std::cell::Cell;
use std::fmt;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::app::App;
use crate::problem::{Code, Problem};

/// A body that is one JSON value. Objects have no member twice: two readers of such a body could
/// each see another one.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Value);

impl FromRequest<App> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        check_type(request.headers())?;
        let bytes = read_in_time(request.into_body(), app).await?;
        parse(&bytes, app.limits.json_depth).map(Self)
    }
}

/// A body that may be left out, which is the same as an empty object.
#[derive(Debug)]
pub(crate) struct OptionalJsonBody(pub(crate) Value);

impl FromRequest<App> for OptionalJsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_in_time(body, app).await?;
        if bytes.is_empty() {
            return Ok(Self(Value::Object(Map::new())));
        }
        check_type(&parts.headers)?;
        parse(&bytes, app.limits.json_depth).map(Self)
    }
}

async fn read_in_time(body: Body, app: &App) -> Result<Bytes, Problem> {
    let limit_bytes = usize::try_from(app.limits.body_bytes).unwrap_or(usize::MAX);
    // The rest of the request's time is for what is done with the body.
    let time = app.limits.request_time() * 2 / 3;
    let read = tokio::time::timeout(time, read(body, limit_bytes));
    read.await.map_err(|_| Code::RequestTimeout)?
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = || Problem::from(Code::UnsupportedMediaType);
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(refuse().detail("the body must not be compressed"));
    }
    let kind = headers.get(header::CONTENT_TYPE).ok_or_else(refuse)?;
    let kind = kind.to_str().map_err(|_| refuse())?.to_ascii_lowercase();
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| {
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    });
    let mut charset = parts.filter_map(|part| part.strip_prefix("charset="));
    if !is_json || charset.any(|name| !matches!(name.trim_matches('"'), "utf-8" | "utf8")) {
        return Err(refuse());
    }
    Ok(())
}

async fn read(body: Body, limit_bytes: usize) -> Result<Bytes, Problem> {
    let collected = Limited::new(body, limit_bytes).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Problem::from(Code::BodyTooLarge).with("limit_bytes", limit_bytes)
        } else {
            Problem::from(Code::MalformedJson).detail("the body ended early")
        }
    })
}

/// Parses bytes as one strict JSON value of at most `max_depth` nested arrays and objects.
fn parse(bytes: &[u8], max_depth: u8) -> Result<Value, Problem> {
    let too_deep = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let seed = Strict {
        depth_left: max_depth,
        too_deep: &too_deep,
    };
    let value = seed.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        if too_deep.get() {
            return Problem::from(Code::JsonTooDeep).with("limit", max_depth);
        }
        // serde_json names the position, never the content.
        Problem::from(Code::MalformedJson).detail(error.to_string())
    })
}

/// Builds a [`Value`] as serde_json does, but refuses members given twice and deep nesting.
#[derive(Clone, Copy)]
struct Strict<'a> {
    depth_left: u8,
    too_deep: &'a Cell<bool>,
}

impl Strict<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let Some(depth_left) = self.depth_left.checked_sub(1) else {
            self.too_deep.set(true);
            return Err(E::custom("nested too deeply"));
        };
        Ok(Self { depth_left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is given twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_serde_json_reads_is_read_the_same() {
        let text = br#"{"a":[1,-2,1.5,true,null,"x\u00e9"],"b":{"c":18446744073709551615}}"#;
        let expected: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(parse(text, 32).unwrap(), expected);
    }

    #[test]
    fn depth_is_counted_in_containers() {
        assert!(parse(b"[[1]]", 2).is_ok());
        assert_eq!(parse(b"[[[1]]]", 2).unwrap_err().code, Code::JsonTooDeep);
        let bomb = "[".repeat(100_000);
        assert_eq!(
            parse(bomb.as_bytes(), 32).unwrap_err().code,
            Code::JsonTooDeep
        );
    }

    #[test]
    fn what_is_not_exactly_one_value_is_malformed() {
        for bad in [
            "",
            "{",
            "{} {}",
            "nul",
            r#"{"a":1,"a":2}"#,
            "\u{feff}{}",
            "1e999",
        ] {
            let problem = parse(bad.as_bytes(), 32).unwrap_err();
            assert_eq!(problem.code, Code::MalformedJson, "{bad}");
        }
        assert_eq!(
            parse(b"\"\xff\"", 32).unwrap_err().code,
            Code::MalformedJson
        );
    }

    #[test]
    fn only_json_in_utf8_is_a_supported_type() {
        let with = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            check_type(&headers).is_ok()
        };
        assert!(with("application/json"));
        assert!(with("Application/JSON; charset=UTF-8"));
        assert!(with("application/merge-patch+json"));
        assert!(!with("text/json"));
        assert!(!with("application/json; charset=latin1"));
        assert!(!with("multipart/form-data; boundary=x"));
        assert!(check_type(&HeaderMap::new()).is_err());
    }
}
