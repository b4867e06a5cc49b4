//! OpenAI's errors: `{"error": {message, type, param, code}}`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Refusal;
use crate::fault::RetryAfter;

/// One error.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) code: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) message: String,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: (!code.is_empty()).then(|| code.to_owned()),
            param: None,
            message: message.into(),
        }
    }

    /// 400 `invalid_request_error` about one parameter.
    pub(crate) fn invalid(param: &str, code: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            code,
            message,
        );
        error.param = (!param.is_empty()).then(|| param.to_owned());
        error
    }

    /// 400 `image_generation_user_error`.
    pub(crate) fn image(param: &str, code: &str, message: impl Into<String>) -> Self {
        let mut error = Self::invalid(param, code, message);
        error.kind = "image_generation_user_error";
        error
    }

    /// 404 for a model that does not exist or was shut down.
    pub(crate) fn no_model(model: &str) -> Self {
        let message =
            format!("The model `{model}` does not exist or you do not have access to it.");
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            "model_not_found",
            message,
        )
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", "", message)
    }

    pub(crate) fn body(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer::json(self.status, &self.body())
    }
}

impl From<ApiError> for crate::answer::Failure {
    fn from(error: ApiError) -> Self {
        error.answer().into()
    }
}

/// 400 `moderation_blocked`, at the stage `input` or `output`.
pub(crate) fn moderated(stage: &str, category: &str) -> Answer {
    let message = format!(
        "Your request was rejected by the safety system. If you believe this is an error, contact \
         us at help.openai.com. safety_violations=[{category}]."
    );
    let mut body = ApiError::image("", "moderation_blocked", message).body();
    if let Some(error) = body.get_mut("error") {
        error["moderation_details"] = json!({"moderation_stage": stage, "categories": [category]});
    }
    Answer::json(StatusCode::BAD_REQUEST, &body)
}

/// OpenAI's words for a refusal.
pub(crate) fn refuse(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::NoKey => {
            let message = "You didn't provide an API key. You need to provide your API key in an \
                           Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "invalid_request_error",
                "",
                message,
            )
            .answer()
        }
        Refusal::BadKey => {
            let message = "Incorrect API key provided. You can find your API key at \
                           https://platform.openai.com/account/api-keys.";
            let code = "invalid_api_key";
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "invalid_request_error",
                code,
                message,
            )
            .answer()
        }
        Refusal::RateLimited(retry) => {
            let mut message =
                "Rate limit reached for images per minute in organization org-sandbox.".to_owned();
            if retry.says != RetryAfter::None {
                let ms = retry.after.as_millis();
                message += &format!(" Please try again in {ms}ms.");
            }
            let status = StatusCode::TOO_MANY_REQUESTS;
            let error = ApiError::new(status, "requests", "rate_limit_exceeded", message);
            retry.dress(error.answer())
        }
        Refusal::Quota { code } => {
            let message =
                "You exceeded your current quota, please check your plan and billing details.";
            let code = code.as_deref().unwrap_or("insufficient_quota");
            let status = StatusCode::TOO_MANY_REQUESTS;
            ApiError::new(status, "insufficient_quota", code, message).answer()
        }
        Refusal::ServerError { status } => {
            let message =
                "The server had an error while processing your request. Sorry about that!";
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            ApiError::new(status, "server_error", "", message).answer()
        }
        Refusal::Overloaded(retry) => {
            let message =
                "The server is currently overloaded with other requests. Please try again later.";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let code = "server_is_overloaded";
            let error = ApiError::new(status, "service_unavailable_error", code, message);
            retry.dress(error.answer())
        }
        Refusal::ModelGone { model } => ApiError::no_model(model).answer(),
        Refusal::TooLarge => {
            let message = "The request is larger than the largest that is taken.";
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            ApiError::new(
                status,
                "invalid_request_error",
                "request_too_large",
                message,
            )
            .answer()
        }
    }
}
