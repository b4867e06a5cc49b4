//! The clients, each with its own defaults.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use sandbox::Provider;
use serde_json::{Value, json};
use testkit::LineProgram;
use testkit::foreign::{node_env, python_env};

use crate::case::Case;

/// A client and what it is asked with.
pub(crate) struct Client {
    /// Its name, without its version.
    label: &'static str,
    pub(crate) provider: Provider,
    /// The call of `peer.py` or `peer.cjs`.
    call: &'static str,
    /// The package that is called.
    package: Package,
}

/// A package of `setup/foreign` that is measured, and with it the program it lives in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Package {
    Python(&'static str),
    LiteLlm,
    Node(&'static str),
}

const fn client(
    label: &'static str,
    provider: Provider,
    call: &'static str,
    package: Package,
) -> Client {
    Client {
        label,
        provider,
        call,
        package,
    }
}

const OPENAI: Provider = Provider::OpenAi;
const STABILITY: Provider = Provider::Stability;
const REPLICATE: Provider = Provider::Replicate;

/// All peers.
#[rustfmt::skip]
pub(crate) const PEERS: &[Client] = &[
    client("openai-python", OPENAI, "openai.generate", Package::Python("openai")),
    client("openai-node", OPENAI, "openai.generate", Package::Node("openai")),
    client("Vercel AI SDK", OPENAI, "ai.generate", Package::Node("ai")),
    client("LiteLLM", OPENAI, "litellm.image", Package::LiteLlm),
    client("LiteLLM Router", OPENAI, "litellm.router", Package::LiteLlm),
    client("openai-python (background)", OPENAI, "openai.background", Package::Python("openai")),
    client("openai-node (background)", OPENAI, "openai.background", Package::Node("openai")),
    client("LiteLLM", STABILITY, "litellm.image", Package::LiteLlm),
    client("LiteLLM Router", STABILITY, "litellm.router", Package::LiteLlm),
    client("replicate-python", REPLICATE, "replicate.run", Package::Python("replicate")),
    client("replicate-js", REPLICATE, "replicate.run", Package::Node("replicate")),
];

impl Package {
    /// The version that `setup/foreign` pins.
    fn version(self) -> anyhow::Result<String> {
        let file = |name: &str| {
            let path = format!("{}/../setup/foreign/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
        };
        let pinned = |requirements: String, package: &str| {
            let lines = requirements.lines();
            let mut pins = lines.filter_map(|line| line.split_once("=="));
            pins.find(|(name, _)| *name == package)
                .map(|(_, version)| version.to_owned())
        };
        let found = match self {
            Self::Python(package) => pinned(file("clients-python/requirements.txt")?, package),
            Self::LiteLlm => pinned(file("clients-litellm/requirements.txt")?, "litellm"),
            Self::Node(package) => {
                let described: Value = serde_json::from_str(&file("clients-node/package.json")?)?;
                let version = described["dependencies"][package].as_str();
                version.map(str::to_owned)
            }
        };
        found.context("setup/foreign does not pin a client that is to be measured")
    }
}

impl Client {
    /// Its name with its version.
    pub(crate) fn name(&self) -> anyhow::Result<String> {
        Ok(format!("{} {}", self.label, self.package.version()?))
    }

    /// Whether a case can strike it: faults of polls strike nobody who is answered with the picture.
    pub(crate) fn meets(&self, case: &Case) -> bool {
        self.provider == case.provider
            && (!case.is_about_polls()
                || self.call == "openai.background"
                || self.provider == REPLICATE)
    }

    /// The question for one picture under a fault.
    pub(crate) fn question(&self, url: &str, case: &Case) -> Value {
        // `run` polls only when waiting did not bring the picture; a fault of polls needs polls.
        let call = match self.provider {
            Provider::Replicate if case.is_about_polls() => "replicate.poll",
            _ => self.call,
        };
        let prompt = "a brass compass rose on blue enamel";
        let mut question = json!({"call": call, "url": url, "args": {"prompt": prompt}});
        let lite = self.package == Package::LiteLlm;
        match self.provider {
            Provider::OpenAi if lite => question["model"] = "openai/gpt-image-2".into(),
            Provider::OpenAi => question["args"]["model"] = "gpt-image-2".into(),
            Provider::Stability => question["model"] = "stability/core".into(),
            Provider::Replicate => question["model"] = "black-forest-labs/flux-schnell".into(),
        }
        if let Some(timeout_s) = case.timeout_s {
            question["timeout_s"] = timeout_s.into();
        }
        question
    }
}

/// The programs that hold the clients, each installed and started when it is first needed.
#[derive(Default)]
pub(crate) struct Programs {
    python: Option<LineProgram>,
    litellm: Option<LineProgram>,
    node: Option<LineProgram>,
}

impl Programs {
    /// Asks a client; gives the number of pictures that its caller holds.
    pub(crate) fn ask(&mut self, client: &Client, question: &Value) -> anyhow::Result<u64> {
        let answer = self.program(client)?.ask(&question.to_string())?;
        let answer: Value = serde_json::from_str(&answer)?;
        let pictures = answer["pictures"].as_array().map_or(0, Vec::len);
        Ok(pictures as u64)
    }

    fn program(&mut self, client: &Client) -> anyhow::Result<&mut LineProgram> {
        let scripts = PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../crates/sandbox/clients"
        ));
        let start =
            |command: Command| LineProgram::start(command).context("a client cannot be started");
        let (place, command): (_, fn(PathBuf) -> anyhow::Result<Command>) = match client.package {
            Package::Python(_) => (&mut self.python, |scripts| {
                Ok(python_env("clients-python")?.command(scripts.join("peer.py")))
            }),
            Package::LiteLlm => (&mut self.litellm, |scripts| {
                Ok(python_env("clients-litellm")?.command(scripts.join("peer.py")))
            }),
            Package::Node(_) => (&mut self.node, |scripts| {
                Ok(node_env("clients-node")?.command(scripts.join("peer.cjs")))
            }),
        };
        match place {
            Some(program) => Ok(program),
            None => Ok(place.insert(start(command(scripts)?)?)),
        }
    }
}
