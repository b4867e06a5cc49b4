//! Colours to sRGB, by what a file says of them.
//!
//! Profiles come from strangers: they are read by a parser in safe Rust, within bounds of its own,
//! and one that cannot be used is a note in the report, never an error. A profile that comes out as
//! sRGB to within one level is found by trying it on a grid of colours, and then costs nothing more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace,
    Layout, MatrixCoefficients, ParsingOptions, ToneReprCurve, TransferCharacteristics,
    Transform8BitExecutor, TransformOptions, XyY,
};

use crate::{DecodeNote, ImagingError};

/// Samples converted at a time, whole pixels of three or four: they stay in the nearest cache.
const SAMPLES_AT_ONCE: usize = 12 * 1024;
/// Largest colour table of a profile. A grid of 17 steps for four inks in 16 bits has 500 kB.
const MAX_TABLE_BYTES: usize = 8 << 20;

/// What the samples of a picture are, which a profile must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// Red, green and blue.
    Rgb,
    /// Red, green, blue and alpha, which is left alone.
    Rgba,
    /// Grey, spread over red, green and blue.
    Grey,
    /// Grey, spread over red, green and blue, and alpha.
    GreyAlpha,
    /// Four inks, 255 meaning full ink.
    Inks,
}

/// A way from a picture's samples to sRGB.
pub(crate) struct Conversion {
    by: By,
    has_alpha: bool,
}

enum By {
    /// Of as many samples as there are.
    Transform(Arc<Transform8BitExecutor>),
    Grey(Box<[[u8; 3]; 256]>),
}

/// `None` where the colours already are sRGB.
pub(crate) type Found = Result<Option<Conversion>, DecodeNote>;

impl Conversion {
    /// By an ICC profile.
    pub(crate) fn from_icc(icc: &[u8], model: Model) -> Found {
        let options = ParsingOptions {
            max_allowed_clut_size: MAX_TABLE_BYTES,
            ..ParsingOptions::default()
        };
        guarded(|| {
            let profile = ColorProfile::new_from_slice_with_options(icc, options)
                .map_err(|_unreadable| DecodeNote::ProfileDamaged)?;
            Self::from_profile(&profile, model)
        })
    }

    /// By the code points of ITU-T H.273: primaries and transfer.
    pub(crate) fn from_code_points(primaries: u8, transfer: u8, model: Model) -> Found {
        const SRGB: (u8, u8) = (1, 13);
        if (primaries, transfer) == SRGB {
            return Ok(None);
        }
        let unknown = DecodeNote::CodePointsIgnored;
        // 16 and 18 are PQ and HLG: without a display to map tones for, they would come out dark.
        // 2 says that nothing is said; 3, 7, 11, 12 and 17 have no curve in the library.
        if !matches!(transfer, 1 | 4 | 5 | 6 | 8 | 9 | 10 | 13 | 14 | 15) {
            return Err(unknown);
        }
        guarded(|| {
            let code_points = CicpProfile {
                color_primaries: CicpColorPrimaries::try_from(primaries).map_err(|_| unknown)?,
                transfer_characteristics: TransferCharacteristics::try_from(transfer)
                    .map_err(|_| unknown)?,
                matrix_coefficients: MatrixCoefficients::Identity,
                full_range: true,
            };
            let mut profile = ColorProfile::new_srgb();
            // The library's answer says nothing (it is `false` either way in 0.9.2); what it leaves in
            // the profile does.
            profile.cicp = None;
            profile.update_rgb_colorimetry_from_cicp(code_points);
            if profile.cicp.is_none() {
                return Err(unknown);
            }
            Self::from_profile(&profile, model)
        })
        .map_err(|_any| unknown)
    }

    /// By a PNG's `gAMA` and, where there is one, `cHRM`; both in units of 1 / 100,000.
    pub(crate) fn from_gamma(gamma: u32, primaries: Option<[u32; 8]>, model: Model) -> Found {
        // 1.0 to 5.0 as a display's exponent; encoders that mean nothing by it write 0 or 1.
        if !(20_000..=100_000).contains(&gamma) {
            return Err(DecodeNote::ProfileDamaged);
        }
        let curve = ToneReprCurve::Parametric(vec![100_000.0 / gamma as f32]);
        guarded(|| {
            // An exponent of 1 / 2.2 is what programs write that mean sRGB.
            let means_srgb = gamma.abs_diff(45_455) <= 500;
            let mut profile = ColorProfile::new_srgb();
            if !means_srgb {
                profile.cicp = None;
                profile.red_trc = Some(curve.clone());
                profile.green_trc = Some(curve.clone());
                profile.blue_trc = Some(curve);
            }
            if let Some(words) = primaries {
                let [white, red, green, blue] = points(words).ok_or(DecodeNote::ProfileDamaged)?;
                let white = XyY {
                    x: f64::from(white.x),
                    y: f64::from(white.y),
                    yb: 1.0,
                };
                profile.update_rgb_colorimetry(white, ColorPrimaries { red, green, blue });
            }
            Self::from_profile(&profile, model)
        })
    }

    fn from_profile(profile: &ColorProfile, model: Model) -> Found {
        let damaged = |_refused| DecodeNote::ProfileDamaged;
        let is_rgb = profile.color_space == DataColorSpace::Rgb;
        let (space, layout, out) = match model {
            Model::Rgb => (DataColorSpace::Rgb, Layout::Rgb, Layout::Rgb),
            Model::Rgba => (DataColorSpace::Rgb, Layout::Rgba, Layout::Rgba),
            // A grey picture's samples stand in all three channels, so an RGB profile serves too.
            Model::Grey | Model::GreyAlpha if is_rgb => {
                (DataColorSpace::Rgb, Layout::Rgb, Layout::Rgb)
            }
            Model::Grey | Model::GreyAlpha => (DataColorSpace::Gray, Layout::Gray, Layout::Rgb),
            Model::Inks => (DataColorSpace::Cmyk, Layout::Rgba, Layout::Rgb),
        };
        if profile.color_space != space {
            return Err(DecodeNote::ProfileMismatched);
        }
        let srgb = ColorProfile::new_srgb();
        let transform = profile
            .create_transform_8bit(layout, &srgb, out, TransformOptions::default())
            .map_err(damaged)?;
        let has_alpha = matches!(model, Model::Rgba | Model::GreyAlpha);
        let by = match model {
            Model::Inks => By::Transform(transform),
            Model::Rgb | Model::Rgba => {
                if changes_nothing(transform.as_ref(), has_alpha)? {
                    return Ok(None);
                }
                By::Transform(transform)
            }
            Model::Grey | Model::GreyAlpha => {
                let table = grey_table(transform.as_ref(), layout)?;
                let mut same = (0..=255).zip(table.iter());
                if same.all(|(grey, rgb)| is_near([grey; 3], *rgb)) {
                    return Ok(None);
                }
                By::Grey(table)
            }
        };
        Ok(Some(Self { by, has_alpha }))
    }

    /// Converts samples in place: three a pixel, or four with straight alpha, as the model said.
    pub(crate) fn apply(&self, samples: &mut [u8]) -> Result<(), ImagingError> {
        let transform = match (&self.by, self.has_alpha) {
            (By::Grey(table), true) => {
                for pixel in samples.as_chunks_mut::<4>().0 {
                    let [r, g, b] = table[usize::from(pixel[0])];
                    (pixel[0], pixel[1], pixel[2]) = (r, g, b);
                }
                return Ok(());
            }
            (By::Grey(table), false) => {
                for pixel in samples.as_chunks_mut::<3>().0 {
                    *pixel = table[usize::from(pixel[0])];
                }
                return Ok(());
            }
            (By::Transform(transform), _) => transform,
        };
        let mut source = vec![0; SAMPLES_AT_ONCE];
        for part in samples.chunks_mut(SAMPLES_AT_ONCE) {
            let source = &mut source[..part.len()];
            source.copy_from_slice(part);
            transform
                .transform(source, part)
                .map_err(|error| ImagingError::internal("converting colours", error))?;
        }
        Ok(())
    }

    /// Converts four inks a pixel into RGB.
    pub(crate) fn inks_to_rgb(&self, inks: &[u8], rgb: &mut [u8]) -> Result<(), ImagingError> {
        let By::Transform(transform) = &self.by else {
            return Ok(());
        };
        transform
            .transform(inks, rgb)
            .map_err(|error| ImagingError::internal("converting inks", error))
    }
}

/// A parser that meets what its author did not think of must not take the picture with it.
fn guarded(find: impl FnOnce() -> Found) -> Found {
    catch_unwind(AssertUnwindSafe(find)).unwrap_or(Err(DecodeNote::ProfileDamaged))
}

fn points(words: [u32; 8]) -> Option<[Chromaticity; 4]> {
    let unit = |word: u32| word as f32 / 100_000.0;
    let [wx, wy, rx, ry, gx, gy, bx, by] = words.map(unit);
    let points = [(wx, wy), (rx, ry), (gx, gy), (bx, by)];
    // Anything with y near zero divides by it.
    let sane = |&(x, y): &(f32, f32)| (0.0..=1.0).contains(&x) && (0.01..=1.0).contains(&y);
    let area = (gx - rx) * (by - ry) - (bx - rx) * (gy - ry);
    (points.iter().all(sane) && area.abs() > 0.001)
        .then(|| points.map(|(x, y)| Chromaticity::new(x, y)))
}

fn is_near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 1)
}

/// Tries 9 × 9 × 9 colours and all greys.
fn changes_nothing(transform: &Transform8BitExecutor, alpha: bool) -> Result<bool, DecodeNote> {
    const STEPS: [u8; 9] = [0, 16, 48, 80, 112, 144, 176, 216, 255];
    let mut colors: Vec<[u8; 3]> = (0..=255).map(|grey| [grey; 3]).collect();
    for r in STEPS {
        for g in STEPS {
            colors.extend(STEPS.map(|b| [r, g, b]));
        }
    }
    let source: Vec<u8> = match alpha {
        true => colors
            .iter()
            .flat_map(|&[r, g, b]| [r, g, b, 255])
            .collect(),
        false => colors.into_flattened(),
    };
    let mut out = vec![0; source.len()];
    transform
        .transform(&source, &mut out)
        .map_err(|_refused| DecodeNote::ProfileDamaged)?;
    let mut pairs = source.iter().zip(&out);
    Ok(pairs.all(|(a, b)| a.abs_diff(*b) <= 1))
}

fn grey_table(
    transform: &Transform8BitExecutor,
    layout: Layout,
) -> Result<Box<[[u8; 3]; 256]>, DecodeNote> {
    let samples = if layout == Layout::Gray { 1 } else { 3 };
    let source: Vec<u8> = (0..=255)
        .flat_map(|grey| std::iter::repeat_n(grey, samples))
        .collect();
    let mut table = Box::new([[0; 3]; 256]);
    transform
        .transform(&source, table.as_flattened_mut())
        .map_err(|_refused| DecodeNote::ProfileDamaged)?;
    Ok(table)
}
