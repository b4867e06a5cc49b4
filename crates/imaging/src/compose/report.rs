//! What was drawn, for the record kept beside a picture.

/// One entry per layer, in the plan's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The layers.
    pub layers: Vec<LayerReport>,
}

/// How one layer came out.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// The layer's id.
    pub id: String,
    /// Whether part of the area lies outside the output, so that part of the layer does not show.
    pub outside_output: bool,
    /// For text layers.
    pub text: Option<TextReport>,
}

/// How a text came out. Nothing is ever left out of it: text shrinks until it fits.
#[derive(Clone, Debug, PartialEq)]
pub struct TextReport {
    /// The text as given.
    pub text: String,
    /// Family that drew it.
    pub font: String,
    /// Families that drew characters the first one does not have.
    pub fallback_fonts: Vec<String>,
    /// Pixels per em.
    pub size_px: f32,
    /// The lines as they stand.
    pub lines: Vec<String>,
    /// Whether it had to be smaller than the plan's smallest size.
    pub below_min_size: bool,
}
