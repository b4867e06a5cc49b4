//! What a picture costs, and the shape of a model's output.
//!
//! Official models are priced per picture, as their pages say; a model that is not listed here costs
//! as much as the dearest community runs, one cent.

/// Micro-dollars for one picture of a model, `owner/name`.
pub(crate) fn per_picture_micros(model: &str) -> i64 {
    match model {
        "black-forest-labs/flux-schnell" => 3_000,
        "black-forest-labs/flux-dev" => 25_000,
        "black-forest-labs/flux-1.1-pro"
        | "black-forest-labs/flux-pro"
        | "black-forest-labs/flux-kontext-pro" => 40_000,
        "black-forest-labs/flux-1.1-pro-ultra" => 60_000,
        "black-forest-labs/flux-kontext-max" => 80_000,
        _ => 10_000,
    }
}

/// Whether a model gives one address instead of a list of them.
pub(crate) fn gives_one(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or_default();
    [
        "pro",
        "kontext",
        "ideogram",
        "recraft",
        "imagen",
        "nano-banana",
        "seedream",
        "remove",
    ]
    .iter()
    .any(|part| name.contains(part))
}
