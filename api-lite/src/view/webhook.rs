//! Webhook endpoints, their secrets, what they were told and repairs, as `/v1` shows them.

mod delivery;
mod endpoint;
mod job;
mod secret;

pub(crate) use delivery::{DeliveriesPage, DeliveryDetail, Queued};
pub(crate) use endpoint::{WebhookCreated, WebhookView, WebhooksView};
pub(crate) use job::{WebhookJobView, WebhookJobsView};
pub(crate) use secret::{Rotated, SecretsView, public_key};
