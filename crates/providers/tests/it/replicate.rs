//! What goes to Replicate, byte for byte.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use providers::{
    Background, ErrorKind, ImageRequest, InputImage, ModelRegistry, Next, Operation, Provider,
    Replicate, ReplicateConfig,
};

use crate::wire::{attempt, png, text_of};

const GRAY: u8 = 0;
const WITH_ALPHA: u8 = 6;

fn replicate() -> Replicate {
    Replicate::new(
        &ReplicateConfig::default(),
        &ModelRegistry::load(None).unwrap(),
    )
    .unwrap()
}

fn request(model: &str, operation: Operation) -> ImageRequest {
    ImageRequest {
        operation,
        ..ImageRequest::generate(attempt(), model, "a ring named Zoë", (1920, 1080))
    }
}

fn wire(request: &ImageRequest) -> String {
    text_of(&replicate().prepare(request).unwrap())
}

fn edit(images: usize, mask: Option<InputImage>) -> Operation {
    Operation::Edit {
        images: vec![png(WITH_ALPHA); images],
        mask,
    }
}

#[test]
fn a_picture_by_an_official_model_with_everything() {
    let request = ImageRequest {
        callback_url: Some(
            "https://shop.example/v1/providers/replicate/webhook/a"
                .parse()
                .unwrap(),
        ),
        start_within: Some(Duration::from_secs(90)),
        negative_prompt: Some("text".into()),
        style: "vivid".into(),
        ..request("black-forest-labs/flux-schnell", Operation::Generate)
    };
    insta::assert_snapshot!(wire(&request));
}

#[test]
fn a_picture_by_a_version_that_is_asked_for_by_an_older_name() {
    let request = ImageRequest {
        negative_prompt: Some("text".into()),
        start_within: Some(Duration::from_millis(10)),
        ..request("sdxl", Operation::Generate)
    };
    insta::assert_snapshot!(wire(&request));
}

#[test]
fn a_picture_by_a_deployment_of_an_operators_own() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let row = r#"
        [[model]]
        provider = "replicate"
        name = "deployments/shop/rings"
        like = "black-forest-labs/flux-schnell"
        source = "the operator"
        as_of = "2026-11-29"
    "#;
    file.write_all(row.as_bytes()).unwrap();
    let models = ModelRegistry::load(Some(file.path())).unwrap();
    let replicate = Replicate::new(&ReplicateConfig::default(), &models).unwrap();
    let request = request("deployments/shop/rings", Operation::Generate);
    insta::assert_snapshot!(text_of(&replicate.prepare(&request).unwrap()));
}

#[test]
fn a_picture_drawn_anew_from_one_and_from_several() {
    let both = [
        request("black-forest-labs/flux-kontext-pro", edit(1, None)),
        request("google/nano-banana", edit(2, None)),
    ];
    insta::assert_snapshot!(both.map(|request| wire(&request)).join("----\n"));
}

#[test]
fn a_part_of_a_picture_drawn_anew() {
    let inpaint = edit(1, Some(png(GRAY)));
    insta::assert_snapshot!(wire(&request("black-forest-labs/flux-fill-pro", inpaint)));
}

fn zeros(count: usize) -> InputImage {
    InputImage {
        bytes: Bytes::from(vec![0; count]),
        content_type: "image/png",
    }
}

#[test]
fn pictures_too_large_to_go_along_stand_for_themselves_until_they_are_uploaded() {
    // 191,982 bytes are just short enough as base64 behind `data:image/png;base64,`.
    let both = Operation::Edit {
        images: vec![png(WITH_ALPHA), zeros(191_983)],
        mask: None,
    };
    let one = Operation::Edit {
        images: vec![zeros(191_983)],
        mask: Some(png(GRAY)),
    };
    let calls = [
        wire(&request("google/nano-banana", both)),
        wire(&request("black-forest-labs/flux-fill-pro", one)),
    ];
    insta::assert_snapshot!(calls.join("----\n"));
    let whole = Operation::Edit {
        images: vec![zeros(191_982)],
        mask: None,
    };
    let whole = request("black-forest-labs/flux-kontext-pro", whole);
    let whole = replicate().prepare(&whole).unwrap();
    assert!(whole.uploads.is_empty() && whole.body.len() > 255_000);
}

#[test]
fn every_model_of_the_registry_makes_a_call() {
    let lines: Vec<String> = [
        "black-forest-labs/flux-dev",
        "black-forest-labs/flux-1.1-pro",
        "black-forest-labs/flux-1.1-pro-ultra",
        "black-forest-labs/flux-2-pro",
        "stability-ai/stable-diffusion-3.5-large",
        "ideogram-ai/ideogram-v3-turbo",
        "qwen/qwen-image",
        "recraft-ai/recraft-v3",
        "bytedance/seedream-4",
        "google/imagen-4-fast",
    ]
    .map(|model| {
        let prepared = replicate()
            .prepare(&request(model, Operation::Generate))
            .unwrap();
        let body = String::from_utf8(prepared.body.to_vec()).unwrap();
        format!("{} {} {body}", prepared.path, prepared.price)
    })
    .to_vec();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_it_cannot_do_is_refused_before_anything_is_sent() {
    let schnell = "black-forest-labs/flux-schnell";
    let fill = "black-forest-labs/flux-fill-pro";
    let large = Operation::Edit {
        images: vec![zeros(100_000_001)],
        mask: None,
    };
    let generate = || request(schnell, Operation::Generate);
    for (why, request) in [
        (
            "no such model",
            request("nobody/nothing", Operation::Generate),
        ),
        ("takes no picture", request(schnell, edit(1, None))),
        (
            "two pictures",
            request("black-forest-labs/flux-kontext-pro", edit(2, None)),
        ),
        (
            "too many pictures",
            request("google/nano-banana", edit(4, None)),
        ),
        (
            "too large a picture",
            request("black-forest-labs/flux-kontext-pro", large),
        ),
        (
            "a mask in the other convention",
            request(fill, edit(1, Some(png(WITH_ALPHA)))),
        ),
        (
            "no prompt",
            ImageRequest {
                prompt: String::new(),
                ..generate()
            },
        ),
        (
            "too long",
            ImageRequest {
                prompt: "ä".repeat(10_001),
                ..generate()
            },
        ),
        (
            "a seed that finds nothing again",
            ImageRequest {
                seed: 7,
                ..generate()
            },
        ),
        (
            "no transparency",
            ImageRequest {
                background: Background::Transparent,
                ..generate()
            },
        ),
    ] {
        let error = replicate().prepare(&request).unwrap_err();
        assert_eq!(
            (error.kind(), error.next()),
            (ErrorKind::InvalidRequest, Next::Stop),
            "{why}"
        );
    }
}
