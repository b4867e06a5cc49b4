//! Multipart forms.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// One part of a form.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) is_file: bool,
    pub(crate) data: Bytes,
}

/// A form that was read completely.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    parts: Vec<Part>,
}

impl Form {
    /// Reads a form; the error is a sentence.
    pub(crate) async fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, String> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let boundary = multer::parse_boundary(content_type.unwrap_or_default())
            .map_err(|_| "content-type must be multipart/form-data".to_owned())?;
        let whole = futures::stream::iter([Ok::<_, std::convert::Infallible>(body.clone())]);
        let mut reader = multer::Multipart::new(whole, boundary);
        let mut parts = Vec::new();
        loop {
            let field = match reader.next_field().await {
                Ok(Some(field)) => field,
                Ok(None) => return Ok(Self { parts }),
                Err(error) => return Err(format!("the form cannot be read: {error}")),
            };
            let name = field.name().unwrap_or_default().to_owned();
            let is_file = field.file_name().is_some();
            let data = field
                .bytes()
                .await
                .map_err(|error| format!("{name}: {error}"))?;
            parts.push(Part {
                name,
                is_file,
                data,
            });
        }
    }

    /// The text of the first part of this name; `None` if there is none or it is no UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let part = self.parts.iter().find(|part| part.name == name)?;
        std::str::from_utf8(&part.data).ok()
    }

    /// The bytes of the first part of this name.
    pub(crate) fn bytes(&self, name: &str) -> Option<&Bytes> {
        self.parts
            .iter()
            .find(|part| part.name == name)
            .map(|part| &part.data)
    }

    /// All parts of this name, also written `name[]`.
    pub(crate) fn all(&self, name: &str) -> Vec<Bytes> {
        let many = format!("{name}[]");
        let named = self
            .parts
            .iter()
            .filter(|part| part.name == name || part.name == many);
        named.map(|part| part.data.clone()).collect()
    }

    /// All parts.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}
