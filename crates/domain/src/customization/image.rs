//! A shopper's picture: an address to fetch, or the bytes themselves.
//!
//! What is checked here is the writing. Whether an address may be fetched, and whether the bytes
//! are the picture they claim to be, is decided where they are fetched and decoded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use url::Url;

/// Longest address in bytes: what every server and proxy in common use takes.
pub const MAX_IMAGE_URL_BYTES: usize = 2048;

/// Largest inline picture in decoded bytes. Larger ones are to be sent by address.
pub const MAX_IMAGE_BYTES: usize = 2 * 1024 * 1024;

/// The media types an inline picture may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageMedia {
    /// `image/png`.
    Png,
    /// `image/jpeg`.
    Jpeg,
    /// `image/webp`.
    Webp,
}

impl ImageMedia {
    const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// The media type for HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// Where the picture is. Its JSON form is `{"url": …}` or `{"data": "data:image/…;base64,…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub enum ImageSource {
    /// An `https` address, normalised.
    Url(Url),
    /// The bytes, as sent.
    Data(ImageData),
}

/// An inline picture.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageData {
    /// What it claims to be.
    pub media: ImageMedia,
    /// At most [`MAX_IMAGE_BYTES`] bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ImageData {
    /// Image bytes do not belong in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ImageData({}, {} bytes)",
            self.media.media_type(),
            self.bytes.len()
        )
    }
}

/// Why a text is no picture source. The `Display` form says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageSourceError {
    /// Neither an address nor a data URI.
    #[error("an https URL or a data:image/(png|jpeg|webp);base64 URI is allowed")]
    Form,
    /// An address in clear text or of another scheme.
    #[error("only https URLs are allowed")]
    Scheme,
    /// An address with a user name or password.
    #[error("a URL without user name and password is allowed")]
    Userinfo,
    /// An address that is too long.
    #[error("at most {MAX_IMAGE_URL_BYTES} bytes of URL are allowed")]
    UrlTooLong,
    /// A data URI of another media type.
    #[error("data URIs of image/png, image/jpeg and image/webp in base64 are allowed")]
    Media,
    /// Broken base64, or no bytes at all.
    #[error("standard base64 with padding and at least one byte is expected")]
    Base64,
    /// Too many bytes.
    #[error(
        "at most {MAX_IMAGE_BYTES} bytes of inline picture are allowed; send larger ones by URL"
    )]
    TooLarge,
}

impl ImageSourceError {
    /// The stable code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "image_source_form",
            Self::Scheme => "image_url_scheme",
            Self::Userinfo => "image_url_userinfo",
            Self::UrlTooLong => "image_url_too_long",
            Self::Media => "image_media_type",
            Self::Base64 => "image_base64",
            Self::TooLarge => "image_too_large",
        }
    }
}

impl ImageSource {
    /// Reads an address or a data URI, told apart by the scheme.
    ///
    /// # Errors
    /// [`ImageSourceError`] with the first rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, ImageSourceError> {
        let head = text.as_bytes().get(..5).unwrap_or_default();
        if head.eq_ignore_ascii_case(b"data:") {
            return parse_data_uri(text).map(Self::Data);
        }
        parse_url(text).map(Self::Url)
    }
}

fn parse_url(text: &str) -> Result<Url, ImageSourceError> {
    if text.len() > MAX_IMAGE_URL_BYTES {
        return Err(ImageSourceError::UrlTooLong);
    }
    let url = Url::parse(text).map_err(|_| ImageSourceError::Form)?;
    if url.scheme() != "https" {
        return Err(ImageSourceError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ImageSourceError::Userinfo);
    }
    // Percent-encoding may have made it longer, and the stored form must read back.
    if url.as_str().len() > MAX_IMAGE_URL_BYTES {
        return Err(ImageSourceError::UrlTooLong);
    }
    Ok(url)
}

fn parse_data_uri(text: &str) -> Result<ImageData, ImageSourceError> {
    let (head, body) = text.split_once(',').ok_or(ImageSourceError::Form)?;
    let media = ImageMedia::ALL
        .into_iter()
        .find(|media| head.eq_ignore_ascii_case(&format!("data:{};base64", media.media_type())))
        .ok_or(ImageSourceError::Media)?;
    // Refused by its length before anything is decoded: base64 is 4 characters for 3 bytes.
    if body.len() > MAX_IMAGE_BYTES.div_ceil(3) * 4 {
        return Err(ImageSourceError::TooLarge);
    }
    let bytes = BASE64.decode(body).map_err(|_| ImageSourceError::Base64)?;
    match bytes.len() {
        0 => Err(ImageSourceError::Base64),
        len if len > MAX_IMAGE_BYTES => Err(ImageSourceError::TooLarge),
        _ => Ok(ImageData { media, bytes }),
    }
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    Url(String),
    Data(String),
}

impl From<ImageSource> for Written {
    fn from(source: ImageSource) -> Self {
        match source {
            ImageSource::Url(url) => Self::Url(url.into()),
            ImageSource::Data(ImageData { media, bytes }) => Self::Data(format!(
                "data:{};base64,{}",
                media.media_type(),
                BASE64.encode(bytes)
            )),
        }
    }
}

impl TryFrom<Written> for ImageSource {
    type Error = ImageSourceError;

    fn try_from(written: Written) -> Result<Self, ImageSourceError> {
        match written {
            Written::Url(text) => parse_url(&text).map(Self::Url),
            Written::Data(text) => parse_data_uri(&text).map(Self::Data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOT: &str = "data:image/png;base64,iVBORw0KGgo=";

    #[test]
    fn an_address_and_inline_bytes_read_back_from_their_json_form() {
        for text in ["https://cdn.example.com/a b.png?x=1", DOT] {
            let source = ImageSource::parse(text).unwrap();
            let json = serde_json::to_value(&source).unwrap();
            assert_eq!(serde_json::from_value::<ImageSource>(json).unwrap(), source);
        }
    }

    #[test]
    fn each_bad_writing_has_its_own_code() {
        for (text, code) in [
            ("", "image_source_form"),
            ("cat.png", "image_source_form"),
            ("https://", "image_source_form"),
            ("http://example.com/a.png", "image_url_scheme"),
            ("file:///etc/passwd", "image_url_scheme"),
            ("javascript:alert(1)", "image_url_scheme"),
            ("https://user:pw@example.com/a.png", "image_url_userinfo"),
            ("data:text/html;base64,AAAA", "image_media_type"),
            ("data:image/svg+xml;base64,AAAA", "image_media_type"),
            ("data:image/png,AAAA", "image_media_type"),
            ("data:image/png;base64", "image_source_form"),
            ("data:image/png;base64,", "image_base64"),
            ("data:image/png;base64,%%%%", "image_base64"),
        ] {
            assert_eq!(
                ImageSource::parse(text).map_err(ImageSourceError::code),
                Err(code),
                "{text}"
            );
        }
    }

    #[test]
    fn the_size_limits_hold_to_the_byte() {
        let inline = |size: usize| {
            ImageSource::parse(&format!(
                "data:image/webp;base64,{}",
                BASE64.encode(vec![7; size])
            ))
        };
        assert!(inline(MAX_IMAGE_BYTES).is_ok());
        assert_eq!(inline(MAX_IMAGE_BYTES + 1), Err(ImageSourceError::TooLarge));
        let address = |size: usize| {
            let head = "https://example.com/";
            ImageSource::parse(&format!("{head}{}", "a".repeat(size - head.len())))
        };
        assert!(address(MAX_IMAGE_URL_BYTES).is_ok());
        assert_eq!(
            address(MAX_IMAGE_URL_BYTES + 1),
            Err(ImageSourceError::UrlTooLong)
        );
    }

    #[test]
    fn an_address_that_grows_when_encoded_is_measured_encoded() {
        let text = format!("https://example.com/{}", "\u{e9}".repeat(900));
        assert_eq!(ImageSource::parse(&text), Err(ImageSourceError::UrlTooLong));
    }

    #[test]
    fn debug_output_holds_no_image_bytes() {
        let source = ImageSource::parse(DOT).unwrap();
        assert_eq!(format!("{source:?}"), "Data(ImageData(image/png, 8 bytes))");
    }
}
