//! What the crate promises, on real and on hostile pictures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod blending;
mod bombs;
mod cache;
mod catalog;
mod color;
mod decode;
mod draw;
mod encode;
mod foreign;
mod forge;
mod fuzz;
mod hostile;
mod ink;
mod layers;
mod orientation;
mod pool;
mod reference;
mod resize;
mod scripts;
mod setting;
mod text;
mod variants;
