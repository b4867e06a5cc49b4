//! The pure rules of Atelier.
//!
//! Everything here is a value or a function of its arguments: no tokio, no I/O, no clock and no
//! random numbers of its own. Time comes in as a [`Clock`] or an instant, chance as bytes or a
//! fraction. That is what makes every rule testable without a server.

pub mod address;
mod allowed_chars;
mod billing_month;
mod callback;
mod catalog;
mod clock;
mod codes;
mod color;
mod customization;
mod deny_list;
mod events;
mod fair;
mod field_error;
mod generation_options;
mod ids;
pub mod invoice;
mod job;
mod lane;
mod money;
mod policy;
mod product;
mod prompt;
mod quota;
mod render_style;
mod retry;
mod shopper_text;
mod signed_link;
mod slug;
pub mod stripe_signature;
mod target;
mod usage;
pub mod webhook_endpoint;
pub mod webhook_policy;
pub mod webhook_signature;
mod zones;

pub use allowed_chars::{AllowedChars, AllowedCharsError};
pub use billing_month::BillingMonth;
pub use callback::{CallbackSecret, CallbackSecretError};
pub use catalog::{GenerationSpec, ProductSpec, PromptSpec, ZoneSpec, validate};
pub use clock::Clock;
pub use codes::FailureCode;
pub use color::Color;
pub use customization::{
    Customization, Customizations, ImageData, ImageMedia, ImageSource, ImageSourceError,
    MAX_CUSTOMIZATIONS_BYTES, MAX_IMAGE_BYTES, MAX_IMAGE_URL_BYTES, MAX_ZONES, StoredError,
    TextValue, ZoneValue,
};
pub use deny_list::{DenyList, DenyListError};
pub use events::{
    CompletedPayload, Ending, Event, EventKind, InvoiceFinalized, InvoicePastDue, OutputPayload,
    QuotaThreshold, WebhookDisabled, WebhookFailing, WebhookTest, ar_view_data, failed_data,
    started_data,
};
pub use fair::{Candidate, DeficitRoundRobin};
pub use field_error::FieldError;
pub use generation_options::{
    GenerationOptions, OperationInput, ProductBackground, ProductOperation,
};
pub use ids::{AttemptId, BrandId, GenerationId, IdError, KeyId, ProductId, PublicId, SessionId};
pub use job::{Fence, IllegalMove, JobState, MAX_CRASHES, Move};
pub use lane::{Lane, Plan, UnknownName};
pub use money::{Currency, Micros};
pub use policy::{BrandPolicy, Moderation, ModerationDecision, ModerationFailure, UnknownOutcome};
pub use product::{ArSettings, OutputFormat, Product, Template};
pub use prompt::{
    BuiltPrompt, ControlSyntax, DEFAULT_PROMPT_BUDGET_CHARS, DEFAULT_TEMPLATE, NegativePrompt,
    PromptInput, PromptRules, TemplateError, build_prompt, check_template, identifier, neutralise,
};
pub use quota::{Allowance, QuotaPolicy, THRESHOLDS, crossed, grant};
pub use render_style::RenderStyle;
pub use retry::RetryPolicy;
pub use shopper_text::{MAX_USER_PROMPT_GRAPHEMES, TextFault, clean_prompt, clean_text};
pub use signed_link::{LinkFault, LinkSecretError, LinkSecrets};
pub use slug::{MAX_SLUG_BYTES, SlugBook, slug};
pub use target::{Reach, Target, TargetFault};
pub use usage::{Metric, UsageId};
pub use zones::{
    Area, DEFAULT_MAX_LENGTH, PictureFit, TextAlign, TextArc, TextArcSide, TextVerticalAlign,
    ZONE_OPTIONS_KEY, Zone, ZoneOptions, ZoneType,
};
