//! Tokens and what they cost.
//!
//! Prices are the published ones of the 2.x models, in micro-dollars a token: 5 for text, 8 for
//! pictures in, 30 for pictures out. Tokens of a picture follow the table of the first generation
//! (272, 1056, 4160 for a square of 1024 pixels), scaled by area; those of later models are not
//! published, so they are the sandbox's own.

use serde_json::{Value, json};

const TEXT_MICROS: i64 = 5;
const PICTURE_IN_MICROS: i64 = 8;
const PICTURE_OUT_MICROS: i64 = 30;
const SQUARE_PIXELS: u64 = 1024 * 1024;
/// A picture that is given, whatever its size.
const PICTURE_IN_TOKENS: u64 = 323;

/// Tokens of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) text: u64,
    pub(crate) pictures_in: u64,
    pub(crate) pictures_out: u64,
}

impl Usage {
    pub(crate) fn of(
        prompt: &str,
        inputs: usize,
        sides: (u32, u32),
        quality: &str,
        n: u32,
    ) -> Self {
        let square = match quality {
            "low" => 272,
            "high" => 4160,
            "xhigh" => 6240,
            "max" => 8320,
            _ => 1056,
        };
        let pixels = u64::from(sides.0) * u64::from(sides.1);
        Self {
            // About four letters make a token.
            text: (prompt.chars().count() as u64).div_ceil(4),
            pictures_in: inputs as u64 * PICTURE_IN_TOKENS,
            pictures_out: (square * pixels).div_ceil(SQUARE_PIXELS) * u64::from(n),
        }
    }

    pub(crate) fn cost_micros(self) -> i64 {
        self.text as i64 * TEXT_MICROS
            + self.pictures_in as i64 * PICTURE_IN_MICROS
            + self.pictures_out as i64 * PICTURE_OUT_MICROS
    }

    pub(crate) fn json(self) -> Value {
        let input = self.text + self.pictures_in;
        json!({
            "input_tokens": input,
            "output_tokens": self.pictures_out,
            "total_tokens": input + self.pictures_out,
            "input_tokens_details": {
                "text_tokens": self.text,
                "image_tokens": self.pictures_in,
            },
            "output_tokens_details": {
                "image_tokens": self.pictures_out,
                "text_tokens": 0,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_medium_square_costs_a_little_over_three_cents() {
        let usage = Usage::of("a brass compass!", 0, (1024, 1024), "medium", 1);
        assert_eq!(usage.cost_micros(), 4 * 5 + 1056 * 30);
        assert_eq!(usage.json()["total_tokens"], 1060);
    }
}
