//! The seller's logo.

use krilla::Data;
use krilla::geom::Size;
use krilla::image::Image;
use krilla::page::PageSettings;

use crate::error::RenderError;

/// Largest file: every document carries a copy.
pub const MAX_LOGO_BYTES: usize = 512 * 1024;
/// Largest side, in pixels: ten times what a printer shows at this size.
const MAX_SIDE_PX: u32 = 4_000;

/// A picture for the top of the page: PNG or JPEG, known to be readable.
#[derive(Debug, Clone)]
pub struct Logo(Image);

impl Logo {
    /// Reads a logo to its end.
    ///
    /// # Errors
    /// [`RenderError::Logo`] with what is wrong: another kind of file, one that is too large, or broken.
    pub fn read(bytes: &[u8]) -> Result<Self, RenderError> {
        let refused = |why: String| RenderError::Logo(why);
        if bytes.len() > MAX_LOGO_BYTES {
            let size = bytes.len();
            return Err(refused(format!(
                "it has {size} bytes, {MAX_LOGO_BYTES} are the most"
            )));
        }
        let data: Data = bytes.to_vec().into();
        // PDF/A forbids that a reader smooths it.
        let image = match bytes {
            [0x89, b'P', b'N', b'G', ..] => Image::from_png(data, false),
            [0xff, 0xd8, 0xff, ..] => Image::from_jpeg(data, false),
            _ => Err("it is neither PNG nor JPEG".to_owned()),
        };
        let logo = Self(image.map_err(refused)?);
        let (width, height) = logo.0.size();
        if width.max(height) > MAX_SIDE_PX || width.min(height) == 0 {
            return Err(refused(format!(
                "it is {width} by {height} pixels, {MAX_SIDE_PX} a side are the most"
            )));
        }
        logo.try_out()?;
        Ok(logo)
    }

    /// Pixels are read when a page is written; this writes one, so that a broken file is found now.
    fn try_out(&self) -> Result<(), RenderError> {
        let mut pdf = krilla::Document::new();
        let settings = PageSettings::from_wh(10.0, 10.0).ok_or(RenderError::Font)?;
        let size = Size::from_wh(10.0, 10.0).ok_or(RenderError::Font)?;
        let mut page = pdf.start_page_with(settings);
        let mut surface = page.surface();
        surface.draw_image(self.0.clone(), size);
        surface.finish();
        page.finish();
        match pdf.finish() {
            Ok(_) => Ok(()),
            Err(error) => Err(RenderError::Logo(format!("it cannot be read: {error:?}"))),
        }
    }

    pub(crate) fn image(&self) -> &Image {
        &self.0
    }

    /// Its width and height where it fills a box of these sides.
    pub(crate) fn fitted(&self, width: f32, height: f32) -> (f32, f32) {
        let (own_width, own_height) = self.0.size();
        let (own_width, own_height) = (own_width as f32, own_height as f32);
        let scale = (width / own_width).min(height / own_height);
        (own_width * scale, own_height * scale)
    }
}
