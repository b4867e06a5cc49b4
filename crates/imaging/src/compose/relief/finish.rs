//! What each style does, and how deep and how far it goes.

use super::{Relief, RenderStyle};

/// What a style does with the layer and its edges; strengths from 0 to 1, lengths in depths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish {
    /// 1 raised, -1 cut in.
    pub(super) raised: f32,
    /// Width of the slope along the edge.
    pub(super) bevel: f32,
    /// Height of the slope against its width.
    pub(super) steepness: f32,
    /// How much of the layer's own colour shows; the rest is the product's.
    pub(super) body: f32,
    /// Sparkle on slopes that face the light.
    pub(super) gloss: f32,
    /// Darkening where wall and floor meet.
    pub(super) corner: f32,
    /// Darkness of the shadow on the product, or of the wall's shadow on the floor of a cut.
    pub(super) cast: f32,
    /// How far that shadow falls.
    pub(super) cast_distance: f32,
    /// How soft it is.
    pub(super) cast_blur: f32,
    /// Thickness of the visible side, for what stands on the product.
    pub(super) side: f32,
}

/// The finish of a style; `None` for print, which has no relief.
pub(super) fn finish(style: RenderStyle) -> Option<Finish> {
    let raised = Finish {
        raised: 1.0,
        bevel: 1.3,
        steepness: 0.95,
        body: 0.96,
        gloss: 0.5,
        corner: 0.3,
        cast: 0.5,
        cast_distance: 1.1,
        cast_blur: 0.9,
        side: 0.0,
    };
    match style {
        RenderStyle::Print => None,
        RenderStyle::Engraved => Some(Finish {
            raised: -1.0,
            bevel: 1.4,
            steepness: 1.15,
            body: 0.88,
            gloss: 0.42,
            corner: 0.34,
            cast: 0.46,
            cast_distance: 1.0,
            cast_blur: 0.6,
            ..raised
        }),
        RenderStyle::Embossed => Some(raised),
        RenderStyle::Shadow3d => Some(Finish {
            bevel: 0.5,
            steepness: 0.6,
            body: 1.0,
            gloss: 0.3,
            corner: 0.45,
            cast: 0.5,
            cast_distance: 2.2,
            cast_blur: 1.3,
            side: 0.75,
            ..raised
        }),
    }
}

/// Depth of letters: small against their size, so that thin strokes keep a floor.
pub(in super::super) fn text_depth_px(size_px: f32, relief: Relief) -> f32 {
    (size_px / 26.0).clamp(0.8, 8.0) * relief.depth
}

/// Depth of plates and pictures by their shorter side.
pub(in super::super) fn shape_depth_px(shorter_side_px: f32, relief: Relief) -> f32 {
    (shorter_side_px / 60.0).clamp(1.0, 8.0) * relief.depth
}

/// Room that text leaves on every side, in ems, so that its relief stays inside the area as well.
/// The letters always do; of small text the soft edge, and of a 3D shadow the faint end, may reach
/// a little beyond.
pub(in super::super) fn padding_em(style: RenderStyle, relief: Relief) -> f32 {
    let usual = match style {
        RenderStyle::Print => 0.0,
        RenderStyle::Engraved => 0.06,
        RenderStyle::Embossed => 0.1,
        RenderStyle::Shadow3d => 0.16,
    };
    usual * relief.depth
}

/// How far a style paints beyond the layer's own pixels.
pub(in super::super) fn reach_px(style: RenderStyle, depth_px: f32) -> f32 {
    finish(style).map_or(0.0, |finish| {
        let cast = finish.cast_distance + finish.side + 2.0 * finish.cast_blur;
        let beyond = if finish.raised > 0.0 { cast } else { 1.0 };
        (depth_px * beyond).ceil() + 3.0
    })
}
