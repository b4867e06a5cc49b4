//! The error answers of the endpoints, for the description of the API.

use utoipa::IntoResponses;

use crate::problem::ProblemDocument;

/// What any request with a key may meet.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; nothing is made of it")]
pub(super) enum KeyProblems {
    /// A parameter or header is not valid.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(ProblemDocument),
    /// No valid key.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemDocument),
    /// The key may not do this here.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemDocument),
    /// A fault of ours.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemDocument),
    /// Try again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemDocument),
}

/// What any request without a key may meet.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; nothing is made of it")]
pub(super) enum OpenProblems {
    /// A fault of ours.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemDocument),
    /// Try again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemDocument),
}

/// There is no such thing for this key.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json")]
#[expect(dead_code, reason = "describes answers; nothing is made of it")]
pub(super) struct Missing(ProblemDocument);

/// Its state does not allow it.
#[derive(IntoResponses)]
#[response(status = 409, content_type = "application/problem+json")]
#[expect(dead_code, reason = "describes answers; nothing is made of it")]
pub(super) struct Conflict(ProblemDocument);

/// What a request with a body may meet besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; nothing is made of it")]
pub(super) enum BodyProblems {
    /// The quota is used up.
    #[response(status = 402, content_type = "application/problem+json")]
    Quota(ProblemDocument),
    /// The body came too slowly.
    #[response(status = 408, content_type = "application/problem+json")]
    Slow(ProblemDocument),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemDocument),
    /// The body is not JSON by its type.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(ProblemDocument),
    /// Fields are at fault, or the idempotency key was used for another request.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemDocument),
}

/// No secret can be kept here.
#[derive(IntoResponses)]
#[response(status = 501, content_type = "application/problem+json")]
#[expect(dead_code, reason = "describes answers; nothing is made of it")]
pub(super) struct NoSecrets(ProblemDocument);
