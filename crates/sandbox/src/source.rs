//! Pictures that a request brings along.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};

use crate::world::World;

/// The largest picture that is fetched.
const MAX_FETCH_BYTES: usize = 50 << 20;

/// A picture given as `data:` or `http:` URL; the error is a sentence.
pub(crate) async fn from_url(world: &World, url: &str) -> Result<Bytes, String> {
    if let Some(rest) = url.strip_prefix("data:") {
        return data_url(rest).ok_or_else(|| "the data URL is not valid base64".to_owned());
    }
    let uri: http::Uri = url.parse().map_err(|_| "this is no URL".to_owned())?;
    if uri.scheme_str() != Some("http") {
        return Err("the sandbox fetches data: and http: URLs alone".to_owned());
    }
    let failed = |what: String| format!("the picture could not be downloaded: {what}");
    let answer = world
        .http
        .get(uri)
        .await
        .map_err(|error| failed(error.to_string()))?;
    if !answer.status().is_success() {
        return Err(failed(answer.status().to_string()));
    }
    let body = Limited::new(answer.into_body(), MAX_FETCH_BYTES)
        .collect()
        .await;
    body.map(|body| body.to_bytes())
        .map_err(|error| failed(error.to_string()))
}

/// What follows `data:`; only base64.
fn data_url(rest: &str) -> Option<Bytes> {
    let (_, data) = rest.split_once(";base64,")?;
    STANDARD.decode(data.trim()).ok().map(Bytes::from)
}
