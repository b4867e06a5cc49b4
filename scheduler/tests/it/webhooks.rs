//! Webhooks, from the fact to the receiver's socket.

mod arrival;
mod faults;
mod hooks;
mod limits;
mod outage;
mod refused;
