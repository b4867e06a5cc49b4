//! OpenAI's adapter: the exact bytes it prepares, and whole calls over real sockets.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use clap::Parser;
use domain::AttemptId;
use providers::{
    Background, ImageRequest, InputImage, ModelRegistry, OpenAi, OpenAiConfig, Operation, Prepared,
    Provider,
};
use uuid::Uuid;

/// Every golden file is of this attempt.
const ATTEMPT: AttemptId = AttemptId(Uuid::from_u128(0x0192_f0aa_0000_7000_8000_0000_0000_0001));

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    openai: OpenAiConfig,
}

pub(crate) fn config(arguments: &[&str]) -> OpenAiConfig {
    let arguments = std::iter::once("test").chain(arguments.iter().copied());
    Settings::try_parse_from(arguments).unwrap().openai
}

pub(crate) fn openai(arguments: &[&str]) -> OpenAi {
    // A second installation fails, which only says that another test came first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let models = ModelRegistry::load(None).unwrap();
    OpenAi::new(&config(arguments), &models).unwrap()
}

pub(crate) fn request(model: &str, size_px: (u32, u32)) -> ImageRequest {
    ImageRequest::generate(
        ATTEMPT,
        model,
        "A silver ring, engraved “Für Zoë”.",
        size_px,
    )
}

/// The head of a PNG: as much as is looked at before a picture is sent.
pub(crate) fn png(width_px: u32, height_px: u32) -> InputImage {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width_px.to_be_bytes());
    bytes.extend(height_px.to_be_bytes());
    bytes.extend(b"\x08\x06\0\0\0");
    InputImage {
        bytes: Bytes::from(bytes),
        content_type: "image/png",
    }
}

/// The request as it goes over the wire, bytes that are no text escaped.
fn wire(prepared: &Prepared) -> String {
    let mut text = format!("{} {}\n", prepared.method, prepared.path);
    for (name, value) in &prepared.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    let _ = writeln!(text, "content-type: {}", prepared.content_type);
    let _ = writeln!(text, "content-length: {}\n", prepared.body.len());
    for chunk in prepared.body.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\r', "\\r").replace('\0', "\\0"));
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('\n');
    for note in &prepared.notes {
        let _ = writeln!(text, "# {note}");
    }
    let _ = writeln!(text, "# at most ${}", prepared.price);
    text
}

/// Compares with the file; `ATELIER_GOLDEN=write` in the environment writes it anew.
#[track_caller]
pub(crate) fn expect_golden(name: &str, prepared: &Prepared) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.http"));
    let wire = wire(prepared);
    if std::env::var_os("ATELIER_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&file, &wire).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    assert_eq!(wire, golden, "{name}");
}

#[test]
fn a_picture_from_a_prompt_is_these_bytes() {
    let provider = openai(&[
        "--openai-organization=org-atelier",
        "--openai-project=proj_rings",
    ]);
    let full = ImageRequest {
        quality: "hd".into(),
        style: "vivid".into(),
        negative_prompt: Some("text, watermark".into()),
        shopper: Some("5e884898da280471".into()),
        ..request("gpt-image-2", (1000, 1000))
    };
    expect_golden("openai-generate", &provider.prepare(&full).unwrap());
    let plain = openai(&[]);
    let transparent = ImageRequest {
        background: Background::Transparent,
        quality: "low".into(),
        ..request("gpt-image-2.6-flare", (1024, 1024))
    };
    expect_golden("openai-transparent", &plain.prepare(&transparent).unwrap());
}

#[test]
fn every_size_is_moved_to_one_that_the_model_draws() {
    let provider = openai(&[]);
    for (name, model, size) in [
        ("square", "gpt-image-2", (1024, 1024)),
        ("wide", "gpt-image-2", (1920, 1080)),
        ("tall", "gpt-image-2", (600, 2400)),
        ("tiny", "gpt-image-2", (64, 64)),
        ("huge", "gpt-image-2", (8000, 8000)),
        ("list-square", "gpt-image-1.5", (900, 1000)),
        ("list-wide", "gpt-image-1.5", (1920, 1080)),
        ("list-tall", "gpt-image-1-mini", (400, 900)),
    ] {
        let prepared = provider.prepare(&request(model, size)).unwrap();
        expect_golden(&format!("openai-size-{name}"), &prepared);
    }
}

#[test]
fn a_retired_name_is_sent_as_a_living_model_and_its_quality_in_the_words_of_today() {
    let provider = openai(&[]);
    for (name, quality) in [
        ("dall-e-2", "standard"),
        ("dall-e-3", "hd"),
        ("gpt-image-1", "high"),
    ] {
        let legacy = ImageRequest {
            quality: quality.into(),
            ..request(name, (1024, 1024))
        };
        let prepared = provider.prepare(&legacy).unwrap();
        assert_eq!(prepared.model, "gpt-image-2");
        expect_golden(&format!("openai-legacy-{name}"), &prepared);
    }
}

#[test]
fn an_edit_is_a_form_of_these_bytes() {
    let provider = openai(&[]);
    let masked = ImageRequest {
        operation: Operation::Edit {
            images: vec![png(640, 480)],
            mask: Some(png(640, 480)),
        },
        quality: "medium".into(),
        background: Background::Opaque,
        shopper: Some("5e884898da280471".into()),
        ..request("gpt-image-2", (1024, 1024))
    };
    let prepared = provider.prepare(&masked).unwrap();
    expect_golden("openai-edit-mask", &prepared);
    let again = provider.prepare(&masked).unwrap();
    assert_eq!(prepared, again, "the same request gives the same bytes");
    let sixteen = ImageRequest {
        operation: Operation::Edit {
            images: (1..=16).map(|side| png(side, side)).collect(),
            mask: None,
        },
        ..request("gpt-image-2.5-sunburst", (1536, 1024))
    };
    expect_golden("openai-edit-16", &provider.prepare(&sixteen).unwrap());
}

#[test]
fn what_the_provider_would_refuse_is_refused_before_it_is_sent() {
    let provider = openai(&[]);
    let edit = |images: Vec<InputImage>, mask| ImageRequest {
        operation: Operation::Edit { images, mask },
        ..request("gpt-image-2", (1024, 1024))
    };
    let of_size = |size_bytes: usize| {
        let mut bytes = png(8, 8).bytes.to_vec();
        bytes.resize(size_bytes, 0);
        InputImage {
            bytes: bytes.into(),
            content_type: "image/png",
        }
    };
    let text = InputImage {
        bytes: Bytes::from_static(b"<html>"),
        content_type: "image/png",
    };
    let erase = Operation::RemoveBackground { image: png(8, 8) };
    let rows = [
        (edit(vec![], None), "0 pictures"),
        (edit(vec![png(8, 8); 17], None), "17 pictures"),
        (edit(vec![png(8, 8), of_size(50 << 20)], None), "picture 2"),
        (edit(vec![text.clone()], None), "picture 1 is no PNG"),
        (edit(vec![png(8, 8)], Some(text)), "mask is no PNG"),
        (edit(vec![png(8, 8)], Some(png(8, 9))), "8x9"),
        (
            edit(vec![png(8, 8)], Some(of_size(4 << 20))),
            "mask is not below",
        ),
        (
            ImageRequest {
                operation: erase,
                ..request("gpt-image-2", (8, 8))
            },
            "remove-background",
        ),
        (request("gpt-image-99", (8, 8)), "gpt-image-99"),
        (
            ImageRequest {
                prompt: "x".repeat(32_001),
                ..request("gpt-image-2", (8, 8))
            },
            "32001 characters",
        ),
        (
            ImageRequest {
                prompt: String::new(),
                ..request("gpt-image-2", (8, 8))
            },
            "0 characters",
        ),
    ];
    for (request, why) in rows {
        let error = provider.prepare(&request).unwrap_err();
        assert_eq!(error.next(), providers::Next::Stop);
        assert!(error.detail().contains(why), "{why}: {error}");
    }
}

#[test]
fn words_that_a_model_does_not_know_are_left_out_with_a_note_that_does_not_repeat_them() {
    let provider = openai(&[]);
    let odd = ImageRequest {
        quality: "for Aurelia".into(),
        ..request("gpt-image-2", (1024, 1024))
    };
    let prepared = provider.prepare(&odd).unwrap();
    assert!(!wire(&prepared).contains("Aurelia"));
    assert_eq!(prepared.notes.len(), 1, "{:?}", prepared.notes);
}
