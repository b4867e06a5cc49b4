//! The closed list of error codes. A code, once published, keeps its meaning and its status.

use std::fmt::Write;

use axum::http::StatusCode;

macro_rules! codes {
    ($($name:ident, $id:literal, $status:ident, $title:literal, $meaning:literal;)+) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $name,)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable name: the member `code` of the document.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// The HTTP status it always comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// The member `title`: the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// When it is given and what to do about it.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }
        }
    };
}

codes! {
    MalformedJson, "malformed_json", BAD_REQUEST, "The body is not JSON",
        "The body cannot be read as one JSON value in UTF-8, or an object in it has a member twice.";
    JsonTooDeep, "json_too_deep", BAD_REQUEST, "The body is nested too deeply",
        "Arrays and objects in the body stand inside each other more often than allowed (32 by default).";
    InvalidParameter, "invalid_parameter", BAD_REQUEST, "A query parameter is not valid",
        "A query parameter is unknown, given twice, or out of its bounds; `errors` names each as `?name`.";
    InvalidCursor, "invalid_cursor", BAD_REQUEST, "The cursor is not valid",
        "`cursor` is not the `next_cursor` of an earlier answer.";
    InvalidHeader, "invalid_header", BAD_REQUEST, "A header is not valid",
        "A header such as `Idempotency-Key` or `Prefer` cannot be used; `errors` names it.";
    InvalidSignature, "invalid_signature", BAD_REQUEST, "The signature is not valid",
        "An event that says it is Stripe's carries no signature under our endpoint's secret, or an old one; `detail` says which.";
    ConflictingCredentials, "conflicting_credentials", BAD_REQUEST, "Two different keys were sent",
        "`Authorization` and `X-API-Key` are both there and differ. Send one of them.";
    MissingCredentials, "missing_credentials", UNAUTHORIZED, "No key was sent",
        "Send `Authorization: Bearer sk_…` or `X-API-Key: …`.";
    InvalidKey, "invalid_key", UNAUTHORIZED, "The key is not valid",
        "The key is unknown, revoked or expired, or its brand was deleted.";
    InvalidToken, "invalid_token", UNAUTHORIZED, "The token is not valid",
        "The dashboard's token is not an HS256 token of ours with `brandId` and an `exp` to come.";
    DashboardDisabled, "dashboard_disabled", UNAUTHORIZED, "The dashboard is not set up",
        "The operator has set no secret for dashboard tokens, so none can be valid.";
    QuotaExceeded, "quota_exceeded", PAYMENT_REQUIRED, "The quota is used up",
        "The brand has used what its plan gives in a period: see `metric`, `limit` and `used`. Failed and canceled generations give theirs back; at `reset_at`, and after `Retry-After`, the count begins anew.";
    ApiQuotaExceeded, "api_quota_exceeded", TOO_MANY_REQUESTS, "The plan's API calls are used up",
        "The brand has made the calls that its plan gives in a period: see `limit` and `used`. At `reset_at`, and after `Retry-After`, the count begins anew.";
    OriginNotAllowed, "origin_not_allowed", FORBIDDEN, "The key may not be used from this origin",
        "A publishable key works only in pages of the origins on its list.";
    NotPermitted, "not_permitted", FORBIDDEN, "The key may not do this",
        "A publishable key may create generations and read those of its own session, nothing else.";
    InvalidLink, "invalid_link", FORBIDDEN, "The link is not valid",
        "A signed address of a file has expired, or was not made by us; ask for the invoice again to get a new one.";
    SessionRequired, "session_required", FORBIDDEN, "A session is required",
        "With a publishable key, name the shopper's session: `?session_id=` or the header `X-Session-Id`.";
    BrandClosed, "brand_closed", FORBIDDEN, "The brand may not order",
        "The brand is suspended, its subscription was canceled, or it was deleted; `detail` says which.";
    ArDisabled, "ar_disabled", FORBIDDEN, "There is no AR view",
        "Augmented reality is switched off for this product or for the whole brand; `detail` says which.";
    NotFound, "not_found", NOT_FOUND, "There is no such thing",
        "The generation, product or picture does not exist, or does not belong to the key's brand or session.";
    UnknownRoute, "unknown_route", NOT_FOUND, "There is no such address",
        "The path is none of the API's; `/openapi.json` lists them.";
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed here",
        "The header `Allow` lists the methods of this address.";
    RequestTimeout, "request_timeout", REQUEST_TIMEOUT, "The body came too slowly",
        "The body was not complete in time. Nothing was done; send it again.";
    AlreadyEnded, "already_ended", CONFLICT, "The generation has ended",
        "A generation that succeeded, failed, expired or was canceled cannot be canceled; `state` says which.";
    NotFinished, "not_finished", CONFLICT, "The generation is not finished",
        "There is nothing to show yet, or there will never be; `state` says where it stands.";
    ChangedMeanwhile, "changed_meanwhile", CONFLICT, "Somebody changed it at the same time",
        "Others changed the same thing again and again while this change was made. Nothing was done; read it and try again.";
    LimitReached, "limit_reached", CONFLICT, "There are as many as there may be",
        "The brand has as many of them as it may have, see `limit`; `detail` says what makes room.";
    WebhookDisabled, "webhook_disabled", CONFLICT, "The endpoint is switched off",
        "Nothing would be sent to an endpoint that is switched off. `POST /v1/webhooks/{id}/enable` first.";
    RequestHost, "request_host", CONFLICT, "The endpoint stands for a host that requests name",
        "An endpoint made for the host of `webhook_url` has no address of its own: it cannot be removed, tested or told what it was never told. Switch it off instead.";
    BodyTooLarge, "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "The body is longer than allowed (4 MiB by default). Send large pictures by URL.";
    UnsupportedMediaType, "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body's type is not supported",
        "Send `Content-Type: application/json` in UTF-8 and no `Content-Encoding`.";
    ValidationFailed, "validation_failed", UNPROCESSABLE_ENTITY, "The request is not valid",
        "`errors` lists every fault with a JSON pointer to its field, a code, and what is allowed there.";
    IdempotencyKeyReused, "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The idempotency key was used for another request",
        "The same `Idempotency-Key` came with another body before. Use a new key for a new request.";
    Internal, "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side",
        "A fault of ours; `request_id` finds it in our logs. A creation may have been accepted: repeat it with the same `Idempotency-Key`.";
    SecretsUnavailable, "secrets_unavailable", NOT_IMPLEMENTED, "This installation cannot keep secrets",
        "The operator has set no `ATELIER_SEALING_KEYS` for api-lite, so no secret can be made or replaced. Nothing was done.";
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "The service is not available",
        "A part that we need did not answer. Try again after `Retry-After`, a creation with the same `Idempotency-Key`.";
    Overloaded, "overloaded", SERVICE_UNAVAILABLE, "Too many requests wait",
        "More requests wait to be accepted than allowed. Nothing was done; try again after `Retry-After`.";
    ShuttingDown, "shutting_down", SERVICE_UNAVAILABLE, "The process is stopping",
        "This process takes no more work. Nothing was done; try again, another one will answer.";
    TimedOut, "timed_out", SERVICE_UNAVAILABLE, "The request took too long",
        "The answer was not ready in time. A creation may have been accepted: repeat it with the same `Idempotency-Key`.";
}

/// The text of `docs/errors.md`.
pub fn errors_markdown() -> String {
    let mut text = String::from(
        "# Errors\n\n\
         Generated from the list in `api-lite/src/problem/code.rs`; a test compares the two.\n\n\
         Every error is an `application/problem+json` document (RFC 9457) with `type`, `title`, `status`,\n\
         `instance`, `code` and `request_id`, mostly with `detail`, and with `errors` where fields are at\n\
         fault: `[{\"pointer\", \"code\", \"detail\"}]`. A pointer is a JSON pointer into the body, `?name` for a\n\
         query parameter, or a header's name.\n\n\
         | code | status | meaning |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {}. {} |",
            code.id(),
            code.status().as_u16(),
            code.title(),
            code.meaning()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_snake_case_and_every_status_is_an_error() {
        let ids: BTreeSet<&str> = Code::ALL.iter().map(|code| code.id()).collect();
        assert_eq!(ids.len(), Code::ALL.len());
        for code in Code::ALL {
            let snake = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(code.id().chars().all(snake), "{}", code.id());
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error());
            assert!(code.meaning().ends_with('.'), "{}", code.id());
        }
    }

    #[test]
    fn the_documentation_lists_every_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, errors_markdown()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            written,
            errors_markdown(),
            "run the test with UPDATE_SNAPSHOTS=1"
        );
    }
}
