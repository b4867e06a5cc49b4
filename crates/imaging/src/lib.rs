//! Pictures: decode, compose, draw text, resize, encode.
//!
//! Synchronous and CPU only: bytes and a plan in, bytes and a report out. Nothing here reads a
//! file, opens a connection or looks at a clock, so the same input always gives the same bytes.
//!
//! The way through the crate:
//!
//! 1. [`decode`] turns untrusted bytes into a [`Picture`], within [`DecodeLimits`] that hold before
//!    anything of the picture's size is allocated.
//! 2. [`compose`] draws a [`Composition`]: a base photograph and one [`Layer`] per zone of the
//!    product. Text is drawn from [`Fonts`], exactly as given, and the [`Report`] says what was
//!    drawn and how.
//! 3. [`variants`] makes the smaller ones (from [`resize`]), [`encode`] writes PNG, JPEG or WebP.
//! 4. [`Pool`] runs such work on threads of its own, admitted by the pixels it touches.
//!
//! Deliberately not here: animation, vector files, high dynamic range, AVIF.

mod cache;
mod color;
mod compose;
mod cost;
mod decode;
mod encode;
mod error;
mod mask;
mod picture;
mod pool;
mod resize;
mod stop;
mod text;
mod variants;
mod zigzag;

pub use cache::{ContentHash, PictureCache};
pub use compose::{
    Align, Arc, ArcSide, Area, Base, Blend, Color, Composition, Content, Fit, Layer, LayerReport,
    PictureLayer, Relief, RenderStyle, Report, TextLayer, TextReport, VerticalAlign, compose,
};
pub use cost::Cost;
pub use decode::{
    ColorSource, DecodeLimits, DecodeNote, DecodeReport, Decoded, Header, SampleLayout,
    SourceFormat, decode, decode_at_least, decode_reporting, probe, sniff,
};
pub use encode::{Format, Origin, WebpMethod, encode, encode_with_origin};
pub use error::{ImagingError, PoolError};
pub use mask::Mask;
pub use picture::{Picture, Samples};
pub use pool::{Pool, PoolConfig, PoolLoad};
pub use resize::{THUMBNAIL_SIDE_PX, resize, resize_straight_rgba, thumbnail};
pub use stop::Stop;
pub use text::{BrandFont, BrandFontFault, BrandFontLimits, Fonts, PACK, PackFont};
pub use variants::{Variant, VariantKind, VariantPlan, variants};
