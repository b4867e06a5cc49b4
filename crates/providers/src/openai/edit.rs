//! `POST /images/edits`: a picture from pictures, a prompt and perhaps a mask, as a form.

use domain::AttemptId;

use super::order::{Dialect, Order};
use crate::multipart::{Encoded, Form};
use crate::picture::media_type;
use crate::request::InputImage;

pub(crate) const PATH: &str = "/images/edits";

/// The form. The order of its fields is that of OpenAI's own client for Node.
pub(crate) fn form(order: &Order<'_>, dialect: &Dialect, attempt: AttemptId) -> Encoded {
    let mut form = Form::new();
    form.text("model", order.model.name.as_str());
    for (at, image) in order.images.iter().enumerate() {
        add(&mut form, "image[]", &format!("image-{}", at + 1), image);
    }
    if let Some(mask) = order.mask {
        add(&mut form, "mask", "mask", mask);
    }
    form.text("prompt", order.prompt.as_str());
    form.text("n", "1");
    form.text("size", order.size());
    let mut optional = |sent: bool, name: &'static str, value: Option<&str>| {
        if let (true, Some(value)) = (sent, value) {
            form.text(name, value);
        }
    };
    optional(dialect.quality, "quality", order.quality.as_deref());
    optional(dialect.background, "background", order.background);
    optional(dialect.output_format, "output_format", Some("png"));
    optional(dialect.response_format, "response_format", Some("b64_json"));
    optional(true, "negative_prompt", order.negative_prompt);
    optional(dialect.seed, "seed", Some(&order.seed.to_string()));
    optional(
        dialect.safety_identifier,
        "safety_identifier",
        order.shopper,
    );
    form.encode(attempt)
}

/// The media type is that of the bytes, whatever the caller says it is.
fn add(form: &mut Form, name: &'static str, stem: &str, image: &InputImage) {
    let content_type = media_type(&image.bytes).unwrap_or(image.content_type);
    let ending = content_type.rsplit('/').next().unwrap_or("bin");
    let file_name = format!("{stem}.{ending}");
    form.file(name, &file_name, content_type, image.bytes.clone());
}
