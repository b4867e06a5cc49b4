//! Whose pictures the demonstration shows: drawn in this process, by a real service, or by the sandbox
//! that speaks like one.

use anyhow::Context;
use sandbox::{Provider, Sandbox, SandboxConfig};
use secrecy::{ExposeSecret, SecretString};

use super::seed::Products;
use crate::args::{DemoKeys, DemoProvider};
use crate::{output, random};

/// Where the workers' provider is.
pub(super) struct Studio {
    /// The provider's name in products.
    name: &'static str,
    /// What the workers are told.
    pub(super) settings: Vec<(String, String)>,
    /// Ends with the demonstration.
    sandbox: Option<Sandbox>,
    /// Whether pictures cost money and take their time.
    pub(super) is_real: bool,
}

/// One service, as far as the demonstration goes.
struct Service<'a> {
    provider: Provider,
    key_setting: &'static str,
    key: &'a Option<SecretString>,
    url_setting: &'static str,
    url: &'a Option<String>,
}

impl<'a> Service<'a> {
    fn of(provider: DemoProvider, keys: &'a DemoKeys) -> Option<Self> {
        match provider {
            DemoProvider::Synthetic => None,
            DemoProvider::Openai => Some(Self {
                provider: Provider::OpenAi,
                key_setting: "ATELIER_OPENAI_API_KEY",
                key: &keys.openai_api_key,
                url_setting: "ATELIER_OPENAI_BASE_URL",
                url: &keys.openai_base_url,
            }),
            DemoProvider::Stability => Some(Self {
                provider: Provider::Stability,
                key_setting: "ATELIER_STABILITY_API_KEY",
                key: &keys.stability_api_key,
                url_setting: "ATELIER_STABILITY_BASE_URL",
                url: &keys.stability_base_url,
            }),
            DemoProvider::Replicate => Some(Self {
                provider: Provider::Replicate,
                key_setting: "ATELIER_REPLICATE_API_TOKEN",
                key: &keys.replicate_api_token,
                url_setting: "ATELIER_REPLICATE_BASE_URL",
                url: &keys.replicate_base_url,
            }),
        }
    }
}

impl Studio {
    /// The real service where there is a key for it, else the sandbox.
    pub(super) async fn open(provider: DemoProvider, keys: &DemoKeys) -> anyhow::Result<Self> {
        let Some(service) = Service::of(provider, keys) else {
            return Ok(Self {
                name: "synthetic",
                settings: Vec::new(),
                sandbox: None,
                is_real: false,
            });
        };
        let name = service.provider.name();
        let key_setting = service.key_setting;
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        if let Some(key) = service.key {
            output::note(&format!(
                "{key_setting} is set: {name} itself is called, which costs money"
            ));
            let mut settings = vec![setting(key_setting, key.expose_secret())];
            settings.extend(
                service
                    .url
                    .as_ref()
                    .map(|url| setting(service.url_setting, url)),
            );
            return Ok(Self {
                name,
                settings,
                sandbox: None,
                is_real: true,
            });
        }
        let sandbox = Sandbox::start(SandboxConfig::default())
            .await
            .context("the sandbox cannot start")?;
        output::note(&format!(
            "{key_setting} is not set: {name} is played by a sandbox on {}",
            sandbox.url()
        ));
        let mut settings = vec![
            setting(key_setting, "sandbox"),
            setting(service.url_setting, &sandbox.base_url(service.provider)),
        ];
        if service.provider == Provider::Replicate {
            // The sandbox hands its files out itself.
            settings.push(setting("ATELIER_REPLICATE_FILE_HOSTS", "127.0.0.1"));
            // It announces the ends of its work, signed, to an address that only we can make.
            settings.push(setting(
                "ATELIER_CALLBACK_SECRET",
                &random::key("callback_")?,
            ));
            let signing = sandbox.webhook_secret();
            settings.push(setting("ATELIER_REPLICATE_WEBHOOK_SECRET", signing));
        }
        Ok(Self {
            name,
            settings,
            sandbox: Some(sandbox),
            is_real: false,
        })
    }

    /// Makes the products ask for this provider.
    pub(super) fn direct(&self, products: &mut Products) {
        for product in products.iter_mut() {
            self.name.clone_into(&mut product.spec.provider);
            // Which model is the provider's own choice.
            product.spec.model = None;
        }
    }

    /// What the sandbox would have billed, where there is one.
    pub(super) fn bill(&self) -> Option<Bill> {
        let ledger = self.sandbox.as_ref()?.ledger();
        Some(Bill {
            accepted: ledger.accepted(),
            billed: ledger.billed(),
            delivered: ledger.delivered(),
            cost_micros: ledger.cost_micros(),
        })
    }

    /// The provider, and where the sandbox that plays it keeps its ledger.
    pub(super) fn address(&self) -> String {
        match &self.sandbox {
            Some(sandbox) => format!("{}   ledger {}/_ledger", self.name, sandbox.url()),
            None => self.name.to_owned(),
        }
    }

    /// Where the sandbox answers, where there is one.
    pub(super) fn sandbox_url(&self) -> Option<String> {
        self.sandbox.as_ref().map(Sandbox::url)
    }

    /// The provider's name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

/// The sandbox's ledger in numbers.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(super) struct Bill {
    accepted: usize,
    billed: usize,
    delivered: usize,
    cost_micros: i64,
}
