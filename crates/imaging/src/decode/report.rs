//! What was found in a file, beside its pixels.

use crate::SourceFormat;

/// How a file stores its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampleLayout {
    /// One sample a pixel.
    Grey,
    /// Grey and alpha.
    GreyAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
    /// Numbers of colours in a table.
    Palette,
    /// Brightness and two colour differences: usual JPEG and lossy WebP.
    YCbCr,
    /// Four inks.
    Cmyk,
    /// Four inks, three of them as brightness and differences.
    Ycck,
}

impl SampleLayout {
    pub(crate) fn has_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }

    pub(crate) fn is_grey(self) -> bool {
        matches!(self, Self::Grey | Self::GreyAlpha)
    }
}

/// What is known of a file without decoding its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The container, from the content.
    pub format: SourceFormat,
    /// Width in pixels as stored, before the orientation is applied.
    pub stored_width: u32,
    /// Height in pixels as stored.
    pub stored_height: u32,
    /// Bits of one sample: 1, 2, 4, 8 or 16.
    pub bits: u8,
    /// How samples are stored.
    pub layout: SampleLayout,
    /// Whether passes over the whole picture are stored one after another: an interlaced PNG, a
    /// progressive JPEG.
    pub progressive: bool,
    /// The EXIF orientation, 1 (upright) to 8; 1 where the file says none.
    pub orientation: u8,
    /// Whether the file carries C2PA provenance data. It is found, not verified.
    pub c2pa: bool,
}

impl Header {
    /// Width and height once the picture is turned upright.
    #[must_use]
    pub fn upright_size(&self) -> (u32, u32) {
        if self.orientation >= 5 {
            (self.stored_height, self.stored_width)
        } else {
            (self.stored_width, self.stored_height)
        }
    }

    /// Pixels in all.
    #[must_use]
    pub fn pixel_count(&self) -> u64 {
        u64::from(self.stored_width) * u64::from(self.stored_height)
    }
}

/// How the colours of a file came to be sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColorSource {
    /// The file says nothing that could be used; its samples are taken for sRGB (inks without a
    /// usable profile for plain subtractive ones).
    Assumed,
    /// The file says that it is sRGB, or its profile comes out as sRGB to within one level.
    Srgb,
    /// Converted by the embedded ICC profile.
    Icc,
    /// Converted by the code points of a PNG's `cICP` chunk.
    Cicp,
    /// Converted by a PNG's `gAMA` chunk, with the primaries of `cHRM` where there is one.
    Gamma,
}

/// Something about a file that did not keep it from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeNote {
    /// The colour profile is damaged, or of a kind that is not understood; it was ignored.
    ProfileDamaged,
    /// The colour profile is for another kind of samples than the file's; it was ignored.
    ProfileMismatched,
    /// The colour profile is larger than [`crate::DecodeLimits::max_icc_bytes`]; it was ignored.
    ProfileTooLarge,
    /// Colours are stored for high dynamic range (PQ or HLG), or with code points that are not
    /// understood; they were taken as sRGB.
    CodePointsIgnored,
    /// A chunk that is not needed has a wrong checksum; it was ignored.
    ChunkDamaged,
    /// A CMYK JPEG without Adobe's marker: its inks were taken as they are, not inverted.
    InksNotInverted,
}

impl DecodeNote {
    /// The note in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProfileDamaged => "the colour profile is damaged and was ignored",
            Self::ProfileMismatched => {
                "the colour profile is for another kind of picture and was ignored"
            }
            Self::ProfileTooLarge => "the colour profile is too large and was ignored",
            Self::CodePointsIgnored => {
                "the colour code points are not supported and were taken as sRGB"
            }
            Self::ChunkDamaged => "a damaged chunk that is not needed was ignored",
            Self::InksNotInverted => "the inks were taken as stored, not inverted",
        }
    }
}

impl std::fmt::Display for DecodeNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was decoded, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeReport {
    /// What the file says of itself.
    pub header: Header,
    /// How the colours came to be sRGB.
    pub color: ColorSource,
    /// What a JPEG was divided by while it was decoded: 1, 2, 4 or 8.
    pub scale_denominator: u32,
    /// What was passed over, each at most once.
    pub notes: Vec<DecodeNote>,
}

impl DecodeReport {
    pub(crate) fn new(header: Header) -> Self {
        Self {
            header,
            color: ColorSource::Assumed,
            scale_denominator: 1,
            notes: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, note: DecodeNote) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
