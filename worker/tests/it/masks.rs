//! Edits of one zone, as whole jobs: each provider reads a mask in its own way, and what comes of it is the
//! same.

use imaging::{DecodeLimits, Picture, decode};
use providers::Providers;
use sandbox::{Provider, Sandbox, SandboxConfig};
use serde_json::json;
use store::objects::{base_image_key, output_key};

use crate::world::{World, product};

/// The base photograph's one colour.
const BASE: [u8; 4] = [90, 120, 150, 255];

fn differs(picture: &Picture, x: u32, y: u32) -> bool {
    picture.pixel(x, y).unwrap() != BASE
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_provider_draws_the_zone_anew_and_nothing_else_of_the_photograph() {
    let mut world = World::new().await;
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let base = |provider| sandbox.base_url(provider).parse().unwrap();
    let providers = &mut world.args.providers;
    providers.openai.openai_base_url = base(Provider::OpenAi);
    providers.openai.openai_api_key = vec!["sk-test".into()];
    providers.stability.stability_base_url = base(Provider::Stability);
    providers.stability.stability_api_key = vec!["sk-test".into()];
    providers.replicate.replicate_base_url = base(Provider::Replicate);
    providers.replicate.replicate_api_token = vec!["r8_test".into()];
    providers.replicate.replicate_file_hosts = vec!["127.0.0.1".to_owned()];
    let mut spec = product();
    spec["generation"] = json!({"operation": "edit", "input": "base", "mask": "zone_pattern"});
    world
        .product(spec, Some(&base_image_key("0123", "png")))
        .await;
    let built = Providers::from_config(&world.args.providers).unwrap();
    let worker = world.worker_of(world.args.clone(), built).await;
    for (provider, model) in [
        ("openai", "gpt-image-2"),
        ("stability", "inpaint"),
        ("replicate", "black-forest-labs/flux-fill-pro"),
    ] {
        sandbox.ledger().clear();
        let mut request = world.request(provider);
        model.clone_into(&mut request.model);
        let id = world.submit(&request).await;
        world.until_state(id, "done").await;
        let entries = sandbox.ledger().entries();
        assert_eq!(entries.len(), 1, "{provider}: {entries:?}");
        assert!(entries[0].billed, "{provider}: {entries:?}");

        let key = output_key(id, "full", "png");
        let full = world.objects.get(&key).await.unwrap().unwrap();
        let full = decode(&full, &DecodeLimits::default()).unwrap();
        for (x, y) in [(2, 2), (52, 20), (20, 45), (93, 93), (50, 40)] {
            assert!(!differs(&full, x, y), "{provider}: {x},{y} is another");
        }
        let zone = (9..47).flat_map(|x| (9..37).map(move |y| (x, y)));
        let changed = zone.filter(|(x, y)| differs(&full, *x, *y)).count();
        assert!(
            changed > 500,
            "{provider}: {changed} pixels of 1,064 were drawn anew"
        );
        // What the model itself drew keeps to the mask too, in its own size.
        let raw = std::fs::read_dir(world.folder().join("raw").join(id.as_text()))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let raw = decode(
            &std::fs::read(raw.path()).unwrap(),
            &DecodeLimits::default(),
        )
        .unwrap();
        assert!(
            !differs(&raw, 2, 2),
            "{provider}: the mask was read the wrong way"
        );
        assert!(
            !differs(&raw, raw.width() - 3, raw.height() - 3),
            "{provider}"
        );
    }
    worker.stop().await;
}
