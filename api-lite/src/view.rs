//! What is shown outside: snake_case in `/v1`, the older platform's camelCase in its own routes.

mod account;
mod ar;
mod generation;
mod invoice;
mod product;
mod webhook;
mod widget;

pub(crate) use account::{QuotaView, UsageView};
pub(crate) use ar::{ArView, SessionConfig, WidgetArView};
pub(crate) use generation::{GenerationView, Page, attempts, describe};
pub(crate) use invoice::{InvoiceDetail, InvoiceLinks, InvoicePage, InvoiceView};
pub(crate) use product::{ProductView, ProductsView};
pub(crate) use webhook::{
    DeliveriesPage, DeliveryDetail, Queued, Rotated, SecretsView, WebhookCreated, WebhookJobView,
    WebhookJobsView, WebhookView, WebhooksView, public_key,
};
pub(crate) use widget::{Pagination, WidgetCreated, WidgetDetail, WidgetPage, WidgetStatus};
