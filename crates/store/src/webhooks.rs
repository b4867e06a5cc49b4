//! Webhooks that are sent: endpoints, secrets, what they are told, and repairs.
//!
//! An event and its deliveries are written with their fact (`store::outbox`). `"Webhook"` says what an
//! endpoint is called, where it is, whether it is active and which of Prisma's events it wants;
//! everything else about it stands in `atelier.webhook_endpoint`, the moving part in
//! `atelier.webhook_lane`.
//!
//! | module | owns |
//! |---|---|
//! | `adopt`, `endpoints`, `request_hosts`, `secrets` | endpoints and what they are signed with |
//! | `lanes` | who may send to an endpoint, and when it is looked at |
//! | `recipients`, `due`, `tries` | what a sender reads, claims and records |
//! | `deliveries`, `bulk` | lists, being told again, repairs of many |
//! | `retention`, `measure` | what is forgotten, and how sending stands |

pub mod adopt;
pub mod bulk;
pub mod deliveries;
pub mod due;
pub mod endpoints;
pub mod lanes;
pub mod measure;
pub mod recipients;
pub(crate) mod request_hosts;
pub mod retention;
pub mod secrets;
pub mod tries;
