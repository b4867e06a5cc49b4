//! The image models, as of November 2026.

/// An image model that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// Whether it takes any size within its rules, and not three alone.
    pub(crate) free_sizes: bool,
    /// Whether the qualities `xhigh` and `max`, and `complexity` and `markup`, exist.
    pub(crate) planned: bool,
    /// Whether `input_fidelity` exists.
    pub(crate) fidelity: bool,
}

const fn model(name: &'static str, free_sizes: bool, planned: bool, fidelity: bool) -> Model {
    Model {
        name,
        free_sizes,
        planned,
        fidelity,
    }
}

/// Models that answer. DALL-E 2 and 3 were retired in May 2026, gpt-image-1 in October.
pub(crate) const LIVE: &[Model] = &[
    model("gpt-image-1-mini", false, false, true),
    model("gpt-image-1.5", false, false, true),
    model("chatgpt-image-latest", false, false, true),
    model("gpt-image-2", true, false, false),
    model("gpt-image-2-2026-04-21", true, false, false),
    model("gpt-image-2.5-sunburst", true, true, false),
    model("gpt-image-2.5-flare", true, true, false),
    model("gpt-image-2.5-sunburst-2026-09-08", true, true, false),
    model("gpt-image-2.5-flare-2026-09-08", true, true, false),
    model("gpt-image-2.6-sunburst", true, true, false),
    model("gpt-image-2.6-flare", true, true, false),
];

/// Models that listings show beside the image models.
pub(crate) const OTHERS: &[&str] = &["gpt-5.2", "omni-moderation-latest"];

/// Finds a model that answers.
pub(crate) fn find(name: &str) -> Option<Model> {
    LIVE.iter().find(|model| model.name == name).copied()
}
