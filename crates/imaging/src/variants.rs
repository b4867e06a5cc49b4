//! The files of one picture: full size, further widths, thumbnail.
//!
//! One composition, the largest first, the smaller ones from it: a picture that was made already is
//! taken as the source of a smaller one where it is at least twice as wide, so that a row of widths
//! costs little more than its largest, and Lanczos always has enough to shrink from. Resizing is
//! here and encoding apart, so that a caller can encode on several threads.

use std::sync::Arc;

use crate::resize::inside;
use crate::{Format, ImagingError, Origin, Picture, encode_with_origin, resize};

/// What files are wanted of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantPlan {
    /// Format of the full picture; smaller widths are written as its previews
    /// ([`Format::for_previews`]).
    pub full: Format,
    /// Further widths in pixels; never enlarged, the proportions kept.
    pub widths: Vec<u32>,
    /// Longest side of the thumbnail, which is a JPEG at quality 85; `None` for none.
    pub thumbnail_px: Option<u32>,
    /// The note that every file carries.
    pub origin: Option<Origin>,
}

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VariantKind {
    /// The whole picture at its own size.
    Full,
    /// A further width, as it was asked for: the picture may be narrower.
    Width(u32),
    /// The thumbnail.
    Thumbnail,
}

/// Pixels that only need encoding.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Which file this becomes.
    pub kind: VariantKind,
    /// Its pixels.
    pub picture: Arc<Picture>,
    /// Its format.
    pub format: Format,
    /// Its note.
    pub origin: Option<Origin>,
}

impl Variant {
    /// The file.
    ///
    /// # Errors
    ///
    /// As [`crate::encode`].
    pub fn encode(&self) -> Result<Vec<u8>, ImagingError> {
        encode_with_origin(&self.picture, self.format, self.origin)
    }
}

/// Makes the pixels of every file, each kind once, the full picture first.
///
/// # Errors
///
/// [`ImagingError::Empty`] for a width or a thumbnail of zero pixels.
///
/// ```
/// use imaging::{Format, Picture, VariantKind, VariantPlan, variants};
///
/// let picture = Picture::from_rgb(400, 200, vec![90; 400 * 200 * 3])?;
/// let plan = VariantPlan {
///     full: Format::Png,
///     widths: vec![100, 800],
///     thumbnail_px: Some(300),
///     origin: None,
/// };
/// let made = variants(picture.into(), &plan)?;
/// let widths: Vec<_> = made.iter().map(|v| (v.kind, v.picture.width())).collect();
/// assert_eq!(
///     widths,
///     [
///         (VariantKind::Full, 400),
///         (VariantKind::Width(800), 400),
///         (VariantKind::Thumbnail, 300),
///         (VariantKind::Width(100), 100),
///     ]
/// );
/// # Ok::<(), imaging::ImagingError>(())
/// ```
pub fn variants(picture: Arc<Picture>, plan: &VariantPlan) -> Result<Vec<Variant>, ImagingError> {
    let mut wanted = wanted(&picture, plan)?;
    wanted.sort_by_key(|wish| (std::cmp::Reverse(wish.width), wish.kind));
    wanted.dedup_by_key(|wish| wish.kind);
    let mut made = vec![Variant {
        kind: VariantKind::Full,
        picture,
        format: plan.full,
        origin: plan.origin,
    }];
    for wish in wanted {
        let picture = sized(&made, &wish)?;
        made.push(Variant {
            kind: wish.kind,
            picture,
            format: wish.format,
            origin: plan.origin,
        });
    }
    Ok(made)
}

struct Wish {
    kind: VariantKind,
    width: u32,
    height: u32,
    format: Format,
}

fn wanted(picture: &Picture, plan: &VariantPlan) -> Result<Vec<Wish>, ImagingError> {
    let mut wanted = Vec::with_capacity(plan.widths.len() + 1);
    for &asked in &plan.widths {
        // Never enlarged: there is nothing to be seen that the full picture does not have.
        let width = asked.min(picture.width());
        let scale = f64::from(width) / f64::from(picture.width());
        wanted.push(Wish {
            kind: VariantKind::Width(asked),
            width,
            height: ((f64::from(picture.height()) * scale).round() as u32).max(1),
            format: plan.full.for_previews(),
        });
    }
    if let Some(max_side_px) = plan.thumbnail_px {
        let (width, height) = inside(picture.width(), picture.height(), max_side_px)?;
        wanted.push(Wish {
            kind: VariantKind::Thumbnail,
            width,
            height,
            format: Format::JPEG_85,
        });
    }
    Ok(wanted)
}

/// From the smallest picture so far that is large enough to shrink from; the same pixels where the
/// size is the same.
fn sized(made: &[Variant], wish: &Wish) -> Result<Arc<Picture>, ImagingError> {
    let same = |picture: &Picture| (picture.width(), picture.height()) == (wish.width, wish.height);
    if let Some(variant) = made.iter().find(|variant| same(&variant.picture)) {
        return Ok(Arc::clone(&variant.picture));
    }
    let full = made.first();
    let large_enough = |variant: &&Variant| variant.picture.width() / 2 >= wish.width;
    let source = made.iter().rev().find(large_enough).or(full);
    let source = source.ok_or(ImagingError::Internal {
        what: "choosing a picture to shrink",
        source: None,
    })?;
    resize(&source.picture, wish.width, wish.height).map(Arc::new)
}
