//! What an AR viewer needs of a finished generation.

use domain::ArSettings;
use serde::Serialize;
use serde_json::Value;

/// AR data as `/v1` shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ArView {
    /// The generation's id.
    pub(crate) id: String,
    /// The picture to lay on the model.
    pub(crate) texture_url: String,
    /// The model; null when the viewer brings its own.
    pub(crate) model_url: Option<String>,
    /// `face`, `body`, `surface` or `hand`.
    #[schema(example = "surface")]
    pub(crate) tracking_type: String,
    /// Scale of the model; 1 is life size.
    pub(crate) scale: f64,
    /// Offset of the model as the brand stored it.
    #[schema(value_type = Option<Object>)]
    pub(crate) offset: Option<Value>,
    /// How to open the session.
    pub(crate) session_config: SessionConfig,
    /// Views so far, this one included.
    pub(crate) views: i32,
}

/// The same for the older platform's widget.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WidgetArView {
    pub(crate) texture_url: String,
    pub(crate) model_url: Option<String>,
    pub(crate) tracking_type: String,
    pub(crate) scale: f64,
    #[schema(value_type = Option<Object>)]
    pub(crate) offset: Option<Value>,
    pub(crate) session_config: SessionConfig,
}

/// How a viewer opens its session. `immersive-ar` is a mode of WebXR and the features are its
/// feature descriptors; `camera` means tracking in the camera's picture, for which WebXR has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionConfig {
    /// `immersive-ar` or `camera`.
    mode: &'static str,
    /// The camera: `user` or `environment`.
    facing_mode: &'static str,
    /// Without these there is no session.
    required_features: &'static [&'static str],
    /// Used where the device has them.
    optional_features: &'static [&'static str],
}

impl SessionConfig {
    /// The session of a product's tracking type. An unknown type is shown on a surface, which needs
    /// least of a device.
    pub(crate) fn of(ar: &ArSettings) -> Self {
        match ar.tracking_type.as_str() {
            "face" => Self::camera("user"),
            "body" => Self::camera("environment"),
            "hand" => Self::immersive(&["hand-tracking"], &["dom-overlay", "light-estimation"]),
            _ => Self::immersive(
                &["hit-test"],
                &["anchors", "dom-overlay", "light-estimation"],
            ),
        }
    }

    fn camera(facing_mode: &'static str) -> Self {
        Self {
            mode: "camera",
            facing_mode,
            required_features: &[],
            optional_features: &[],
        }
    }

    fn immersive(
        required_features: &'static [&'static str],
        optional_features: &'static [&'static str],
    ) -> Self {
        Self {
            mode: "immersive-ar",
            facing_mode: "environment",
            required_features,
            optional_features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tracking_type_has_a_session_of_its_own() {
        let of = |kind: &str| {
            SessionConfig::of(&ArSettings {
                tracking_type: kind.to_owned(),
                ..ArSettings::default()
            })
        };
        let all = ["face", "body", "surface", "hand"].map(of);
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one), "{one:?}");
        }
        assert_eq!(of("wall"), of("surface"));
    }
}
