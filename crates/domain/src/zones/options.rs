//! How a zone's content is drawn, beyond what a row of `"CustomizationZone"` can say.
//!
//! Kept in `"Product"."customizationOptions"` under `zoneOptions`, keyed by zone id, and written in a
//! product file as `[zone.options]`. Every field has a default, so a zone without options is drawn as
//! ever.

use serde::{Deserialize, Serialize};

use crate::zones::Zone;

/// The key in `"Product"."customizationOptions"`.
pub const ZONE_OPTIONS_KEY: &str = "zoneOptions";

/// The options of one zone.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZoneOptions {
    /// TEXT: where lines stand from left to right; the middle if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<TextAlign>,
    /// TEXT: where the lines together stand from top to bottom; the middle if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vertical_align: Option<TextVerticalAlign>,
    /// TEXT: added between letters, in ems; -0.2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub letter_spacing: Option<f64>,
    /// TEXT: a curved baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arc: Option<TextArc>,
    /// IMAGE and PATTERN: how the picture fills the zone; it covers it if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<PictureFit>,
    /// How much of the content shows, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opacity: Option<f64>,
    /// Styles with relief: where the light comes from, in degrees clockwise from the top; 315 (upper
    /// left) if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub light: Option<f64>,
    /// Styles with relief: times the usual depth, 0.1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<f64>,
}

/// Where lines stand from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum TextAlign {
    Left,
    Center,
    Right,
}

/// Where lines stand from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum TextVerticalAlign {
    Top,
    Middle,
    Bottom,
}

/// How a picture fills a zone of other proportions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFit {
    /// All of it shows.
    Contain,
    /// The zone is full; what sticks out is cut.
    Cover,
    /// It is stretched.
    Fill,
}

/// A curved baseline, by its radius or by the part of a circle that the zone's width spans.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextArc {
    /// Of the circle on which the middle of the letters stands, in output pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius: Option<f64>,
    /// Degrees of the circle between the zone's left and right edge; 1 to 180.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub angle: Option<f64>,
    /// `outside`: on the upper half, heads outwards; `inside`: on the lower half, heads inwards.
    #[serde(default)]
    pub side: TextArcSide,
}

/// On which side of its circle a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextArcSide {
    /// The text rises in its middle.
    #[default]
    Outside,
    /// The text sinks in its middle.
    Inside,
}

impl TextArc {
    /// The radius in a zone of that width, in output pixels.
    pub fn radius_px(&self, zone_width: f64) -> f64 {
        let by_angle = |angle: f64| zone_width / 2.0 / (angle.to_radians() / 2.0).sin();
        self.radius
            .or_else(|| self.angle.map(by_angle))
            .unwrap_or(zone_width)
    }
}

impl Zone {
    /// The faults of the options: field below the options, code, detail.
    pub(crate) fn option_faults(&self) -> Vec<(&'static str, &'static str, String)> {
        let ZoneOptions {
            align: _,
            vertical_align: _,
            letter_spacing,
            arc,
            fit: _,
            opacity,
            light,
            depth,
        } = self.options;
        let mut faults = Vec::new();
        let mut bound = |field, value: Option<f64>, least: f64, most: f64| {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                let detail = format!("{least} to {most} is allowed");
                faults.push((field, "option_out_of_range", detail));
            }
        };
        bound("letter_spacing", letter_spacing, -0.2, 2.0);
        bound("opacity", opacity, 0.0, 1.0);
        bound("light", light, -360.0, 360.0);
        bound("depth", depth, 0.1, 5.0);
        if let Some(arc) = arc {
            bound("arc/radius", arc.radius, 1.0, 100_000.0);
            bound("arc/angle", arc.angle, 1.0, 180.0);
            if arc.radius.is_some() == arc.angle.is_some() {
                let detail = "either radius or angle is expected".to_owned();
                faults.push(("arc", "arc_form", detail));
            } else if faults.is_empty() {
                faults.extend(self.arc_fault(&arc));
            }
        }
        faults
    }

    /// An arc must leave room for letters between the zone's upper and lower edge.
    fn arc_fault(&self, arc: &TextArc) -> Option<(&'static str, &'static str, String)> {
        let (half, height) = (self.area.width / 2.0, self.area.height);
        let radius = arc.radius_px(self.area.width);
        // A circle narrower than the zone takes its room from the zone's width.
        let rise = if radius > half {
            radius - (radius * radius - half * half).sqrt()
        } else {
            0.0
        };
        let no_room =
            rise + 4.0 > height || (2.0 * radius < 2.0 * half && 2.0 * half - 2.0 * radius < 4.0);
        no_room.then(|| {
            let least = (half * half + height * height) / (2.0 * height);
            let detail = format!(
                "an arc of radius {radius:.0} rises {rise:.0} pixels in a zone {height} high; \
                 a radius above {least:.0}, or a higher zone, leaves room for letters"
            );
            ("arc", "arc_too_strong", detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_angle_is_a_radius_by_the_chord() {
        let arc = |angle| TextArc {
            radius: None,
            angle: Some(angle),
            side: TextArcSide::Outside,
        };
        assert!((arc(180.0).radius_px(200.0) - 100.0).abs() < 1e-9);
        assert!((arc(60.0).radius_px(200.0) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn options_are_written_without_what_is_not_given() {
        let options: ZoneOptions =
            serde_json::from_str(r#"{"align":"left","arc":{"angle":90.0,"side":"inside"}}"#)
                .unwrap();
        assert_eq!(
            serde_json::to_string(&options).unwrap(),
            r#"{"align":"left","arc":{"angle":90.0,"side":"inside"}}"#
        );
        assert!(serde_json::from_str::<ZoneOptions>(r#"{"aling":"left"}"#).is_err());
    }
}
