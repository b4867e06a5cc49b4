//! The ways to misbehave.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::provider::Provider;

/// What kind of request an endpoint takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Asks for a picture and is answered with it.
    Sync,
    /// Asks for a picture that is polled for.
    Polled,
    /// Reads or cancels; costs nothing.
    Read,
}

/// Which requests a mode meets when the fault names no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Every request, reading ones too.
    Everything,
    /// Requests for pictures; with an endpoint, reading ones too.
    Work,
    /// Requests for pictures that are polled for.
    PolledWork,
}

/// One row of the table of modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ModeInfo {
    /// The name in JSON.
    pub name: &'static str,
    /// What happens.
    pub summary: &'static str,
    /// The parameters it takes.
    pub params: &'static [&'static str],
    /// For whom it exists.
    pub providers: &'static [Provider],
    #[serde(skip)]
    pub(crate) reach: Reach,
}

const ALL: &[Provider] = &[Provider::OpenAi, Provider::Stability, Provider::Replicate];
const OPENAI: &[Provider] = &[Provider::OpenAi];
const REPLICATE: &[Provider] = &[Provider::Replicate];
const POLLED: &[Provider] = &[Provider::OpenAi, Provider::Replicate];

macro_rules! modes {
    ($($variant:ident $name:literal $reach:ident $providers:ident [$($param:literal)*] $summary:literal;)*) => {
        /// A way to misbehave.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Mode {
            $(#[doc = $summary] $variant,)*
        }

        impl Mode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its row of the table.
            pub fn info(self) -> &'static ModeInfo {
                match self {
                    $(Self::$variant => &ModeInfo {
                        name: $name,
                        summary: $summary,
                        params: &[$($param),*],
                        providers: $providers,
                        reach: Reach::$reach,
                    },)*
                }
            }
        }
    };
}

modes! {
    ResetBeforeAccept "reset_before_accept" Work ALL []
        "The connection is reset; nothing was accepted.";
    ResetAfterAccept "reset_after_accept" Work ALL ["ms"]
        "Accepted and billed; after ms the connection is reset without an answer.";
    LostAck "lost_ack" Work ALL ["ms"]
        "The work is accepted and goes on, and its answer is lost: the connection is reset after ms.";
    ErrorBefore "500_before" Work ALL ["status"]
        "A server error; nothing was accepted.";
    ErrorAfterBill "500_after_bill" Work ALL ["status" "ms"]
        "Accepted and billed; after ms a server error instead of the picture.";
    Overloaded "503" Work ALL ["ms" "retry_after"]
        "The provider's words for overload; nothing was accepted; retry_after speaks of ms.";
    Slow "slow" Work ALL ["ms" "bytes" "window_ms"]
        "The first byte comes after ms; with bytes and window_ms, the rest drips: so many bytes each window.";
    Truncate "truncate" Work ALL ["bytes"]
        "The answer ends after so many bytes of its body, half of it by default; billed.";
    EmptyData "empty_data" Work ALL []
        "A good answer without a picture in it; billed.";
    WrongContentLength "wrong_content_length" Work ALL ["bytes"]
        "The content-length is wrong by so many bytes, 64 too many by default; billed.";
    InvalidJson "invalid_json" Work ALL []
        "A good status with a body that is no JSON; billed.";
    ModeratedIn "moderated_in" Work ALL ["code"]
        "Refused by content policy before any work; on Replicate the prediction fails, not billed.";
    ModeratedOut "moderated_out" Work ALL ["code" "billed"]
        "The picture is made and withheld by content policy: an error at OpenAI, CONTENT_FILTERED with a blurred picture at Stability, failed at Replicate; billed unless billed is false.";
    Quota "quota" Work ALL ["code"]
        "No money left: insufficient_quota (or code) at OpenAI, 402 elsewhere.";
    RateLimit "rate_limit" Work ALL ["requests" "window_ms" "retry_after"]
        "So many requests pass in each window, the others get 429.";
    AuthInvalid "auth_invalid" Everything ALL []
        "The key is refused.";
    ModelGone "model_gone" Work ALL []
        "The model does not exist (any more).";
    ProcessingAfterWait "processing_after_wait" PolledWork REPLICATE ["ms"]
        "`Prefer: wait` is answered with the prediction still processing, after ms.";
    Aborted "aborted" PolledWork REPLICATE []
        "The prediction is aborted before it starts; not billed.";
    Failed "failed" PolledWork POLLED ["code" "billed"]
        "The work fails with code as the error; not billed unless billed is true.";
    NeverFinishes "never_finishes" PolledWork POLLED []
        "The work stays in processing for ever.";
    ListLag "list_lag_ms" PolledWork REPLICATE ["ms"]
        "Listings do not show the prediction before ms have passed.";
    ExpiredUrl "expired_url" PolledWork REPLICATE ["ms"]
        "The picture's address answers 404, from ms after the picture was made.";
    WebhookDuplicate "webhook_duplicate" PolledWork REPLICATE ["copies"]
        "Each webhook is sent copies times, twice by default.";
    WebhookLate "webhook_late" PolledWork REPLICATE ["ms"]
        "Webhooks come ms late.";
    WebhookForged "webhook_forged" PolledWork REPLICATE []
        "Each webhook comes a first time with a wrong signature and a picture that is not ours.";
    WebhookNone "webhook_none" PolledWork REPLICATE []
        "No webhook is sent.";
    Incomplete "incomplete" PolledWork OPENAI ["code"]
        "The response ends incomplete, without a picture; billed.";
    Expired "expired" PolledWork OPENAI ["ms"]
        "The response is gone ms after it was made.";
    Outage "outage" Everything ALL []
        "Every connection is reset as soon as a request has come.";
}

impl Mode {
    /// Whether the mode can meet a request of this kind.
    pub(crate) fn meets(self, provider: Provider, kind: Kind, endpoint_named: bool) -> bool {
        let info = self.info();
        info.providers.contains(&provider)
            && match (info.reach, kind) {
                (Reach::Everything, _) | (Reach::Work, Kind::Sync | Kind::Polled) => true,
                (Reach::Work, Kind::Read) => endpoint_named,
                (Reach::PolledWork, kind) => kind == Kind::Polled,
            }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|mode| mode.info().name == text);
        found.copied().ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|mode| mode.info().name).collect();
            format!("no mode is called `{text}`; there are {}", known.join(", "))
        })
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.info().name)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
