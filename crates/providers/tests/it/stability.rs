//! What goes to Stability, byte for byte.

use providers::{
    Background, ErrorKind, ImageRequest, ModelRegistry, Next, Operation, Provider, Stability,
    StabilityConfig,
};

use crate::wire::{attempt, png, text_of};

const GRAY: u8 = 0;
const WITH_ALPHA: u8 = 6;

fn stability() -> Stability {
    Stability::new(
        &StabilityConfig::default(),
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
    text_of(&stability().prepare(request).unwrap())
}

#[test]
fn a_picture_from_a_prompt_by_core_with_everything() {
    let request = ImageRequest {
        negative_prompt: Some("text, watermark".into()),
        style: "Realistic".into(),
        shopper: Some("5f2a".into()),
        ..request("core", Operation::Generate)
    };
    insta::assert_snapshot!(wire(&request));
}

#[test]
fn a_picture_from_a_prompt_by_sd3_names_its_model() {
    insta::assert_snapshot!(wire(&request("sd3.5-large-turbo", Operation::Generate)));
}

#[test]
fn an_older_name_an_unknown_style_and_a_far_ratio_are_told() {
    let request = ImageRequest {
        style: "baroque".into(),
        quality: "hd".into(),
        width_px: 1200,
        height_px: 900,
        ..request("stable-diffusion-xl-1024-v1-0", Operation::Generate)
    };
    insta::assert_snapshot!(wire(&request));
}

#[test]
fn a_picture_drawn_anew_by_ultra_and_by_sd3() {
    let edit = || Operation::Edit {
        images: vec![png(WITH_ALPHA)],
        mask: None,
    };
    let both = ["ultra", "sd3.5-medium"].map(|model| wire(&request(model, edit())));
    insta::assert_snapshot!(both.join("----\n"));
}

#[test]
fn a_part_of_a_picture_drawn_anew() {
    let edit = Operation::Edit {
        images: vec![png(WITH_ALPHA)],
        mask: Some(png(GRAY)),
    };
    insta::assert_snapshot!(wire(&request("inpaint", edit)));
}

#[test]
fn a_part_of_a_picture_taken_out() {
    let erase = Operation::Erase {
        image: png(WITH_ALPHA),
        mask: png(GRAY),
    };
    insta::assert_snapshot!(wire(&request("erase", erase)));
}

#[test]
fn a_picture_drawn_on_beyond_its_edges() {
    let outpaint = Operation::Outpaint {
        image: png(GRAY),
        margins_px: [0, 10, 200, 0],
    };
    insta::assert_snapshot!(wire(&request("outpaint", outpaint)));
}

#[test]
fn a_subject_cut_out() {
    let cut = Operation::RemoveBackground { image: png(GRAY) };
    let request = ImageRequest {
        background: Background::Transparent,
        ..request("remove-background", cut)
    };
    insta::assert_snapshot!(wire(&request));
}

#[test]
fn what_it_cannot_do_is_refused_before_anything_is_sent() {
    let edit = |images: Vec<_>, mask| Operation::Edit { images, mask };
    let transparent = ImageRequest {
        background: Background::Transparent,
        ..request("core", Operation::Generate)
    };
    let long = ImageRequest {
        prompt: "ä".repeat(10_001),
        ..request("core", Operation::Generate)
    };
    let empty = ImageRequest {
        prompt: String::new(),
        ..request("core", Operation::Generate)
    };
    let outpaint = |margins_px| Operation::Outpaint {
        image: png(GRAY),
        margins_px,
    };
    for (why, request) in [
        ("no such model", request("dall-e-3", Operation::Generate)),
        (
            "core takes no picture",
            request("core", edit(vec![png(GRAY)], None)),
        ),
        ("erase draws nothing", request("erase", Operation::Generate)),
        ("no transparency", transparent),
        ("too long", long),
        ("no prompt", empty),
        (
            "two pictures",
            request("ultra", edit(vec![png(GRAY), png(GRAY)], None)),
        ),
        (
            "a mask in the other convention",
            request("inpaint", edit(vec![png(GRAY)], Some(png(WITH_ALPHA)))),
        ),
        ("no margin", request("outpaint", outpaint([0; 4]))),
        (
            "a margin too wide",
            request("outpaint", outpaint([2_001, 0, 0, 0])),
        ),
    ] {
        let error = stability().prepare(&request).unwrap_err();
        assert_eq!(
            (error.kind(), error.next()),
            (ErrorKind::InvalidRequest, Next::Stop),
            "{why}"
        );
    }
}

#[test]
fn the_same_request_gives_the_same_bytes_and_another_attempt_others() {
    let first = request("core", Operation::Generate);
    let again = stability().prepare(&first).unwrap();
    assert_eq!(stability().prepare(&first).unwrap(), again);
    let other = ImageRequest {
        attempt: domain::AttemptId(uuid::Uuid::from_u128(2)),
        ..first
    };
    assert_ne!(
        stability().prepare(&other).unwrap().content_type,
        again.content_type
    );
}

#[test]
fn every_older_name_leads_to_a_live_model() {
    let stability = stability();
    for name in [
        "stable-diffusion-v1-6",
        "stable-diffusion-xl-1024-v1-0",
        "sdxl",
        "sd3-medium",
    ] {
        assert!(stability.model(name).is_some(), "{name}");
    }
    assert!(stability.model(stability.default_model()).is_some());
    assert!(stability.model("stable-diffusion-9").is_none());
}
