//! Webhooks that are sent: endpoints, secrets, what they are told, and repairs.
//!
//! An event and its deliveries are written with their fact (`store::outbox`). `"Webhook"` says what an
//! endpoint is called, where it is, whether it is active and which of Prisma's events it wants;
//! everything else about it stands in `atelier.webhook_endpoint`, the moving part in
//! `atelier.webhook_lane`.

pub mod adopt;
pub mod bulk;
pub mod deliveries;
pub mod endpoints;
pub(crate) mod request_hosts;
pub mod retention;
pub mod secrets;
