//! A shop whose products are drawn at the doubles of the providers: whole jobs through real programs, and a
//! ledger of what each double was asked for.

use std::fs;
use std::time::Duration;

use imaging::{Format, Picture, encode};
use sandbox::{Entry, Provider, Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::cluster::{Cluster, Role};

/// A product at each provider, and one at OpenAI that must have nothing behind its motif.
const PRODUCTS: [(&str, &str, &str); 4] = [
    ("openai", "openai", ""),
    ("stability", "stability", ""),
    ("replicate", "replicate", ""),
    (
        "clear",
        "openai",
        "[generation]\nbackground = \"transparent\"\n",
    ),
];

pub struct Shop {
    pub cluster: Cluster,
    pub sandbox: Sandbox,
    pub api: Role,
    pub scheduler: Role,
}

impl Shop {
    /// Opens it: servers, double, api-lite and scheduler. Workers come one by one.
    pub async fn open(settings: &[(&str, &str)]) -> Self {
        let mut config = SandboxConfig::default();
        config.timings = config.timings.with_work(Duration::from_millis(20));
        let sandbox = Sandbox::start(config).await.unwrap();
        let mut cluster = Cluster::seeded().await;
        let catalog = cluster.folder.path().join("catalog");
        let pixels = [90, 120, 150].repeat(96 * 96);
        let base = Picture::from_rgb(96, 96, pixels).unwrap();
        let base = encode(&base, Format::Png).unwrap();
        for (name, provider, more) in PRODUCTS {
            let folder = catalog.join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("base.png"), &base).unwrap();
            fs::write(folder.join("product.toml"), product(name, provider, more)).unwrap();
        }
        let catalog = catalog.to_str().unwrap().to_owned();
        cluster.atelier(&["catalog", "apply", &catalog, "--brand", "brand_1"]);
        let api = cluster.start("api-lite", settings).await;
        let scheduler = cluster.start("scheduler", settings).await;
        Self {
            cluster,
            sandbox,
            api,
            scheduler,
        }
    }

    /// A worker that knows the doubles, with the platform's keys.
    pub async fn worker(&mut self, settings: &[(&str, &str)]) -> Role {
        let base = |provider| self.sandbox.base_url(provider);
        let bases = [
            base(Provider::OpenAi),
            base(Provider::Stability),
            base(Provider::Replicate),
        ];
        let mut told = vec![
            ("ATELIER_PUBLIC_URL", self.api.url()),
            ("ATELIER_OPENAI_BASE_URL", bases[0].as_str()),
            ("ATELIER_OPENAI_API_KEY", "sk-shop"),
            ("ATELIER_STABILITY_BASE_URL", bases[1].as_str()),
            ("ATELIER_STABILITY_API_KEY", "sk-shop"),
            ("ATELIER_REPLICATE_BASE_URL", bases[2].as_str()),
            ("ATELIER_REPLICATE_API_TOKEN", "r8_shop"),
            ("ATELIER_REPLICATE_FILE_HOSTS", "127.0.0.1"),
        ];
        // A test's own word replaces the usual one, and nothing leaves it out.
        told.retain(|(name, _)| settings.iter().all(|(own, _)| own != name));
        told.extend(settings.iter().filter(|(_, value)| !value.is_empty()));
        self.cluster.start("worker", &told).await
    }

    /// Asks for `count` pictures of a product at once; gives the public ids.
    pub async fn order(&self, product: &str, count: usize) -> Vec<String> {
        let one = async |number: usize| {
            let body = json!({
                "product_id": format!("prod_{product}"),
                "customizations": {},
                "user_prompt": format!("waves, number {number}"),
            });
            self.cluster.order_of(&self.api, &body).await
        };
        futures::future::join_all((0..count).map(one)).await
    }

    /// What a double was asked for, the oldest first.
    pub fn asked(&self, provider: Provider) -> Vec<Entry> {
        let entries = self.sandbox.ledger().entries();
        let of = entries.into_iter().filter(|e| e.provider == provider);
        of.collect()
    }

    /// How many pictures a double took an order for.
    pub fn accepted(&self, provider: Provider) -> usize {
        self.asked(provider).iter().filter(|e| e.accepted).count()
    }

    /// What was said of each candidate in each attempt at a generation, the last one last.
    pub async fn considered(&self, id: &str) -> Vec<Value> {
        let told = self.cluster.told(&self.api, id).await;
        let attempts = told["attempts"].as_array().cloned().unwrap_or_default();
        attempts
            .into_iter()
            .map(|mut attempt| attempt["considered"].take())
            .collect()
    }
}

fn product(name: &str, provider: &str, more: &str) -> String {
    format!(
        r#"id = "prod_{name}"
slug = "{name}"
name = "Drawn for {name}"
base_image = "base.png"
output_width = 96
output_height = 96
provider = "{provider}"

{more}
[prompt]
template = "A motif.{{% if user_prompt %}} {{{{ user_prompt }}}}{{% endif %}}"

[[zone]]
id = "zone_{name}_motif"
name = "Motif"
type = "PATTERN"
x = 8
y = 8
width = 60
height = 60
render_style = "print"
"#
    )
}
