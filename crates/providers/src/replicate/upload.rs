//! Pictures that are too large to go along with a prediction: they are uploaded as files first, and the
//! prediction names them by their addresses.
//!
//! An upload is neither a prediction nor charged, and a file that no prediction names is removed after a
//! day. So whatever goes wrong here went wrong before anything was ordered: every failure is "not sent".
//! The address is the one thing that [`prepare`](crate::Provider::prepare) cannot know; until it is known,
//! the body holds the picture's SHA-256 in its place.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::{NAME, Replicate, refusal};
use crate::credential::CallContext;
use crate::error::{ErrorKind, Next, ProviderError};
use crate::multipart::Form;
use crate::request::InputImage;
use crate::transport::{self, Answer, Call};
use crate::wire::{Prepared, Upload};

/// Largest file that Replicate takes (its documentation of `POST /files`).
pub(super) const MAX_FILE_BYTES: usize = 100_000_000;
/// Longest address that is taken over into a prediction.
const MAX_URL_BYTES: usize = 2_048;

/// What stands for a picture until its address is known.
pub(super) fn placeholder(picture: &InputImage) -> String {
    let digest = Sha256::digest(&picture.bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Replicate {
    /// The body of a prediction, once every picture in it has an address.
    ///
    /// May be cancelled: nothing has been ordered.
    pub(super) async fn uploaded(
        &self,
        prepared: &Prepared,
        call: &CallContext<'_>,
    ) -> Result<Bytes, ProviderError> {
        if prepared.uploads.is_empty() {
            return Ok(prepared.body.clone());
        }
        let unreadable = || ProviderError::invalid(NAME, "the prediction's body is no JSON");
        let mut body: Value = serde_json::from_slice(&prepared.body).map_err(|_| unreadable())?;
        for upload in &prepared.uploads {
            let address = self.upload(prepared, upload, call).await?;
            let place = body.pointer_mut(&upload.pointer).ok_or_else(unreadable)?;
            *place = Value::String(address);
        }
        Ok(Bytes::from(body.to_string()))
    }

    async fn upload(
        &self,
        prepared: &Prepared,
        upload: &Upload,
        call: &CallContext<'_>,
    ) -> Result<String, ProviderError> {
        let file = &upload.file;
        let extension = file.content_type.rsplit('/').next().unwrap_or("png");
        let mut form = Form::new();
        let name = format!("picture.{extension}");
        form.file("content", &name, file.content_type, file.bytes.clone());
        let form = form.encode(prepared.attempt);
        let mut headers = transport::authorized(NAME, call)?;
        if let Ok(value) = HeaderValue::from_str(&form.content_type) {
            headers.insert(CONTENT_TYPE, value);
        }
        let order = Call {
            method: Method::POST,
            path: "/files",
            headers,
            body: form.body,
        };
        let sent = self.transport.send(order, call.deadline).await;
        let answer = sent.map_err(|broken| not_uploaded(broken.at_poll(NAME)))?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => address(&answer).ok_or_else(|| {
                let detail = "the answer names no file";
                let next = Next::OtherProvider;
                ProviderError::not_sent(NAME, ErrorKind::BadAnswer, next, detail)
            }),
            status => {
                let error = refusal::of_question(status, &answer.headers, &answer.body);
                Err(not_uploaded(error))
            }
        }
    }
}

/// The same failure of a question, seen from the call that it belongs to: that one was not sent.
fn not_uploaded(asked: ProviderError) -> ProviderError {
    let next = match (asked.kind(), asked.next()) {
        (ErrorKind::Auth, _) => Next::OtherKey,
        (ErrorKind::QuotaExhausted | ErrorKind::BadAnswer, _) => Next::OtherProvider,
        (_, Next::PollAfter(after)) => Next::SameAfter(after),
        (_, next) => next,
    };
    let rate = asked.rate().clone();
    let detail = "a picture could not be uploaded";
    ProviderError::not_sent(NAME, asked.kind(), next, detail)
        .with_rate(rate)
        .because(asked)
}

fn address(answer: &Answer) -> Option<String> {
    let file: Value = serde_json::from_slice(&answer.body).ok()?;
    let address = file.pointer("/urls/get")?.as_str()?;
    let usable = address.len() <= MAX_URL_BYTES && Url::parse(address).is_ok();
    usable.then(|| address.to_owned())
}
