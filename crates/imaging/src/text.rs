//! Text, drawn exactly.
//!
//! Shaped with harfrust, outlined with skrifa, fitted into its area. Letters are never cut and
//! never replaced by boxes: text shrinks until it fits, and a character no font has is an error.
//!
//! Left to right only: no bundled font covers a script that runs the other way.

mod fit;
mod fonts;
mod shape;

pub use fonts::Fonts;

pub(crate) use fit::{TextBlock, layout};
