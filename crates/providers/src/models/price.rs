//! What a call costs: before it as a bound, after it from what the provider reports.
//!
//! Whole numbers only. Amounts are added up in billionths of a US dollar and rounded once, half up, to
//! the millionths that the ledger keeps.

use domain::Micros;

use super::{Price, PriceBasis};

const NANO_PER_MICRO: i128 = 1_000;
const PIXELS_PER_MEGAPIXEL: u64 = 1_000_000;
/// A token of text is about four bytes of English.
const BYTES_PER_TOKEN: u64 = 4;

/// What is to be priced before it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced<'a> {
    /// In the model's own words; one that it does not know is priced as its dearest.
    pub quality: &'a str,
    /// Width in pixels of the picture that is asked for.
    pub width_px: u32,
    /// Its height.
    pub height_px: u32,
    /// How many pictures go with it.
    pub input_images: u32,
    /// Length of the prompt. No tokenizer makes more tokens than bytes.
    pub prompt_bytes: usize,
}

/// What a call will cost, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Most likely.
    pub expected: Micros,
    /// At most, as far as the registry's estimates hold: the budget reserves this.
    pub upper: Micros,
}

/// What a provider reports that a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of text in.
    pub text_in: u64,
    /// Tokens of pictures in.
    pub image_in: u64,
    /// Tokens of text out.
    pub text_out: u64,
    /// Tokens of pictures out.
    pub image_out: u64,
    /// Time computed, in milliseconds.
    pub compute_ms: u64,
    /// Pictures made.
    pub images: u64,
}

impl Usage {
    /// All tokens, for the ledger.
    pub fn tokens(&self) -> Option<i32> {
        let sum = self.text_in + self.image_in + self.text_out + self.image_out;
        i32::try_from(sum).ok().filter(|sum| *sum > 0)
    }
}

impl Price {
    /// The price before the call.
    pub fn quote(&self, of: &Priced<'_>) -> Quote {
        let (expected, upper) = match &self.basis {
            PriceBasis::PerImage { nano } => (i128::from(*nano), i128::from(*nano)),
            PriceBasis::PerSecond {
                nano,
                seconds_at_most,
            } => {
                let most = times(u64::from(*seconds_at_most), *nano);
                (most, most)
            }
            PriceBasis::PerToken {
                text_in_nano,
                image_in_nano,
                image_out_nano,
                image_in_tokens_at_most,
                ..
            } => {
                let bytes = of.prompt_bytes as u64;
                let pictures_in = u64::from(of.input_images) * u64::from(*image_in_tokens_at_most);
                let pictures = times(self.image_out_tokens(of), *image_out_nano)
                    + times(pictures_in, *image_in_nano);
                let text = |tokens| times(tokens, *text_in_nano);
                (
                    pictures + text(bytes.div_ceil(BYTES_PER_TOKEN)),
                    pictures + text(bytes),
                )
            }
        };
        Quote {
            expected: micros(expected),
            upper: micros(upper),
        }
    }

    /// The price after the call.
    pub fn charge(&self, usage: &Usage) -> Micros {
        micros(self.charge_nano(usage))
    }

    /// The same before it is rounded, in billionths, to be added to something else first.
    pub(crate) fn charge_nano(&self, usage: &Usage) -> i128 {
        match &self.basis {
            PriceBasis::PerImage { nano } => times(usage.images, *nano),
            PriceBasis::PerSecond { nano, .. } => times(usage.compute_ms, *nano) / 1_000,
            PriceBasis::PerToken {
                text_in_nano,
                image_in_nano,
                image_out_nano,
                text_out_nano,
                ..
            } => {
                times(usage.text_in, *text_in_nano)
                    + times(usage.image_in, *image_in_nano)
                    + times(usage.image_out, *image_out_nano)
                    + times(usage.text_out, *text_out_nano)
            }
        }
    }

    /// How many tokens the picture will have; of a quality that is not listed as many as the dearest.
    fn image_out_tokens(&self, of: &Priced<'_>) -> u64 {
        let PriceBasis::PerToken {
            image_out_tokens_per_megapixel: by_quality,
            ..
        } = &self.basis
        else {
            return 0;
        };
        let per_megapixel = by_quality
            .get(of.quality)
            .or_else(|| by_quality.values().max())
            .map_or(0, |tokens| u64::from(*tokens));
        let pixels = u64::from(of.width_px) * u64::from(of.height_px);
        (per_megapixel * pixels).div_ceil(PIXELS_PER_MEGAPIXEL)
    }
}

fn times(count: u64, nano: i64) -> i128 {
    i128::from(count) * i128::from(nano)
}

/// Half up, once.
pub(crate) fn micros(nano: i128) -> Micros {
    let rounded = (nano + NANO_PER_MICRO / 2).div_euclid(NANO_PER_MICRO);
    Micros(i64::try_from(rounded).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    fn price(basis: PriceBasis) -> Price {
        Price {
            basis,
            valid_from: NaiveDate::MIN,
        }
    }

    fn by_token() -> Price {
        price(PriceBasis::PerToken {
            text_in_nano: 5_000,
            image_in_nano: 8_000,
            image_out_nano: 30_000,
            text_out_nano: 10_000,
            image_in_tokens_at_most: 1_000,
            image_out_tokens_per_megapixel: [("low".into(), 200), ("high".into(), 6_700)].into(),
        })
    }

    #[test]
    fn rounding_happens_once_and_half_up() {
        for (nano, rounded) in [
            (0, 0),
            (499, 0),
            (500, 1),
            (1_499, 1),
            (1_500, 2),
            (-500, 0),
        ] {
            assert_eq!(micros(nano), Micros(rounded), "{nano}");
        }
        assert_eq!(micros(i128::MAX / 4), Micros(i64::MAX));
    }

    #[test]
    fn a_reported_use_is_charged_to_the_millionth() {
        let usage = Usage {
            text_in: 25,
            image_in: 194,
            text_out: 3,
            image_out: 272,
            ..Usage::default()
        };
        // 25 × 5 + 194 × 8 + 3 × 10 + 272 × 30 thousandths of a cent's tenth.
        assert_eq!(by_token().charge(&usage), Micros(9_867));
        assert_eq!(usage.tokens(), Some(494));
        let seconds = price(PriceBasis::PerSecond {
            nano: 1_400_000,
            seconds_at_most: 60,
        });
        let usage = Usage {
            compute_ms: 1_234,
            ..Usage::default()
        };
        assert_eq!(seconds.charge(&usage), Micros(1_728));
    }

    #[test]
    fn the_quote_bounds_prompt_pictures_and_unknown_qualities() {
        let of = Priced {
            quality: "low",
            width_px: 1_000,
            height_px: 1_000,
            input_images: 0,
            prompt_bytes: 400,
        };
        let low = by_token().quote(&of);
        assert_eq!(low.expected, Micros(6_000 + 500));
        assert_eq!(low.upper, Micros(6_000 + 2_000));
        let high = by_token().quote(&Priced {
            quality: "auto",
            input_images: 2,
            ..of
        });
        assert_eq!(high.upper, Micros(201_000 + 16_000 + 2_000));
    }
}
