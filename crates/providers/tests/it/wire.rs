//! A prepared call as text, for golden files.

use bytes::Bytes;
use domain::AttemptId;
use providers::{InputImage, Prepared};
use uuid::Uuid;

/// The attempt of every golden file.
pub fn attempt() -> AttemptId {
    AttemptId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

/// The head of a PNG of this colour type, enough to be told as one.
pub fn png(colour_type: u8) -> InputImage {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x08\0\0\0\x08\x08".to_vec();
    bytes.extend([colour_type, 0, 0, 0]);
    InputImage {
        bytes: Bytes::from(bytes),
        content_type: "image/png",
    }
}

/// Everything that would be sent, byte for byte: what is not printable ASCII is escaped.
pub fn text_of(prepared: &Prepared) -> String {
    let mut text = format!("{} {}\n", prepared.method, prepared.path);
    text += &format!("content-type: {}\n", prepared.content_type);
    for (name, value) in &prepared.headers {
        text += &format!("{name}: {value}\n");
    }
    text += "\n";
    for byte in &prepared.body {
        match byte {
            b'\n' => text += "\\n\n",
            b'\r' => text += "\\r",
            0x20..0x7f => text.push(char::from(*byte)),
            other => text += &format!("\\x{other:02x}"),
        }
    }
    text += &format!("\n\nprice: {}\n", prepared.price);
    for upload in &prepared.uploads {
        let (pointer, bytes) = (&upload.pointer, upload.file.bytes.len());
        text += &format!(
            "upload: {pointer} {} of {bytes} bytes\n",
            upload.file.content_type
        );
    }
    for note in &prepared.notes {
        text += &format!("note: {note}\n");
    }
    text
}
