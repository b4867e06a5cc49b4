//! Text, drawn exactly.
//!
//! A line is put in visual order (Unicode's bidirectional algorithm), split into stretches of one
//! script that one font can draw, shaped with harfrust, outlined with skrifa and fitted into its area,
//! straight or along an arc. Letters are never cut and never replaced by boxes: text shrinks until it
//! fits, and a character no font has is an error.
//!
//! Deliberately not here: vertical writing, hyphenation, and colour glyphs in vector form (COLR);
//! emoji are drawn from bitmaps.

mod arc;
mod art;
mod brand;
mod breaks;
mod bundled;
mod fit;
mod fonts;
mod itemise;
mod pack;
mod shape;

pub use brand::{BrandFont, BrandFontFault, BrandFontLimits};
pub use fonts::Fonts;
pub use pack::{PACK, PackFont};

pub(crate) use fit::{PlacedImage, TextBlock, layout};
