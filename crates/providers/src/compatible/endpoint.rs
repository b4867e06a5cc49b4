//! One server: what is known of it.

use std::net::IpAddr;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use crate::models::{ControlSyntax, Model, NegativePrompt};
use crate::openai::endpoint::Auth;
use crate::openai::order::Dialect;

/// One server that speaks like OpenAI's picture API, as the operator describes it.
#[derive(Debug, Clone)]
pub struct CompatibleEndpoint {
    pub(crate) name: String,
    pub(crate) base_url: Url,
    pub(crate) auth: Auth,
    pub(crate) keys: Vec<SecretString>,
    pub(crate) needs_key: bool,
    pub(crate) dialect: Dialect,
    pub(crate) answers: Answers,
    pub(crate) fetch_hosts: Vec<String>,
    pub(crate) fetch_cidrs: Vec<IpNet>,
    pub(crate) models: Vec<Model>,
}

impl CompatibleEndpoint {
    /// The same with these keys.
    pub(crate) fn with_keys(self, keys: &[SecretString]) -> Self {
        let is_key = |key: &&SecretString| !key.expose_secret().trim().is_empty();
        let keys: Vec<_> = keys.iter().filter(is_key).cloned().collect();
        Self {
            needs_key: self.needs_key || !keys.is_empty(),
            keys,
            ..self
        }
    }

    /// Whether a picture may be fetched from there.
    pub(crate) fn may_fetch_from(&self, host: &str) -> bool {
        self.fetch_hosts.iter().any(|allowed| {
            let below = host.strip_suffix(allowed.as_str());
            below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
        })
    }
}

/// How a server brings its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answers {
    /// In the answer, in base64.
    B64,
    /// At an address in the answer.
    Url,
}

/// What is known of a kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Preset {
    /// Nothing: only the fields that every server takes are sent.
    #[default]
    Plain,
    /// LocalAI: reads `|` in a prompt as the beginning of the negative prompt.
    Localai,
    /// vllm-omni: base64 only; takes a negative prompt and a seed.
    VllmOmni,
    /// stable-diffusion.cpp: base64 only; reads commands out of the prompt.
    StableDiffusionCpp,
}

impl Preset {
    /// The fields it takes.
    pub(crate) fn dialect(self) -> Dialect {
        let none = Dialect {
            response_format: true,
            quality: false,
            background: false,
            output_format: false,
            safety_identifier: false,
            seed: false,
        };
        match self {
            Self::Plain | Self::Localai => none,
            Self::VllmOmni => Dialect { seed: true, ..none },
            Self::StableDiffusionCpp => Dialect {
                response_format: false,
                output_format: true,
                ..none
            },
        }
    }

    /// What it reads as commands inside a prompt. Of a server that nobody named, the worst is assumed.
    pub(crate) fn control_syntax(self) -> ControlSyntax {
        match self {
            Self::VllmOmni => ControlSyntax::None,
            Self::Plain | Self::Localai | Self::StableDiffusionCpp => ControlSyntax::Tags,
        }
    }

    pub(crate) fn negative_prompt(self) -> NegativePrompt {
        match self {
            Self::VllmOmni => NegativePrompt::Native,
            Self::Plain | Self::Localai | Self::StableDiffusionCpp => NegativePrompt::Folded,
        }
    }
}

/// Whether an address leads to this machine or a network of one's own, as far as it shows: by its
/// number, or by a name that no public name server knows.
pub(crate) fn is_inside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => is_own(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_own(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => {
            let inner = ["localhost", "local", "internal", "lan"];
            let last = name.rsplit('.').next().unwrap_or_default();
            !name.contains('.') || inner.contains(&last)
        }
        None => false,
    }
}

fn is_own(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
