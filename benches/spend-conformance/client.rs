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
    /// Its name with its version.
    pub(crate) name: &'static str,
    pub(crate) provider: Provider,
    /// The call of `peer.py` or `peer.cjs`.
    call: &'static str,
    /// Which program it lives in.
    home: Home,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    Python,
    LiteLlm,
    Node,
}

const fn client(name: &'static str, provider: Provider, call: &'static str, home: Home) -> Client {
    Client {
        name,
        provider,
        call,
        home,
    }
}

/// All peers. Versions are those of `setup/foreign`.
pub(crate) const PEERS: &[Client] = &[
    client(
        "openai-python 3.54.0",
        Provider::OpenAi,
        "openai.generate",
        Home::Python,
    ),
    client(
        "openai-node 6.49.0",
        Provider::OpenAi,
        "openai.generate",
        Home::Node,
    ),
    client(
        "Vercel AI SDK 6.0.326",
        Provider::OpenAi,
        "ai.generate",
        Home::Node,
    ),
    client(
        "LiteLLM 1.106.2",
        Provider::OpenAi,
        "litellm.image",
        Home::LiteLlm,
    ),
    client(
        "LiteLLM Router 1.106.2",
        Provider::OpenAi,
        "litellm.router",
        Home::LiteLlm,
    ),
    client(
        "LiteLLM 1.106.2",
        Provider::Stability,
        "litellm.image",
        Home::LiteLlm,
    ),
    client(
        "LiteLLM Router 1.106.2",
        Provider::Stability,
        "litellm.router",
        Home::LiteLlm,
    ),
    client(
        "replicate-python 1.0.7",
        Provider::Replicate,
        "replicate.run",
        Home::Python,
    ),
    client(
        "replicate-js 1.4.0",
        Provider::Replicate,
        "replicate.run",
        Home::Node,
    ),
];

impl Client {
    /// The question for one picture under a fault.
    pub(crate) fn question(&self, url: &str, case: &Case) -> Value {
        // `run` polls only when waiting did not bring the picture; a fault of polls needs polls.
        let polls = case
            .fault
            .as_ref()
            .is_some_and(|fault| fault.endpoint.is_some());
        let call = if polls { "replicate.poll" } else { self.call };
        let prompt = "a brass compass rose on blue enamel";
        let mut question = json!({"call": call, "url": url, "args": {"prompt": prompt}});
        let lite = self.home == Home::LiteLlm;
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

/// The three programs that hold the clients.
pub(crate) struct Programs {
    python: LineProgram,
    litellm: LineProgram,
    node: LineProgram,
}

impl Programs {
    /// Installs what is missing and starts them.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let scripts = PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../crates/sandbox/clients"
        ));
        let start =
            |command: Command| LineProgram::start(command).context("a client cannot be started");
        Ok(Self {
            python: start(python_env("clients-python")?.command(scripts.join("peer.py")))?,
            litellm: start(python_env("clients-litellm")?.command(scripts.join("peer.py")))?,
            node: start(node_env("clients-node")?.command(scripts.join("peer.cjs")))?,
        })
    }

    /// Asks a client; gives the number of pictures that its caller holds.
    pub(crate) fn ask(&mut self, client: &Client, question: &Value) -> anyhow::Result<u64> {
        let program = match client.home {
            Home::Python => &mut self.python,
            Home::LiteLlm => &mut self.litellm,
            Home::Node => &mut self.node,
        };
        let answer = program.ask(&question.to_string())?;
        let answer: Value = serde_json::from_str(&answer)?;
        let pictures = answer["pictures"].as_array().map_or(0, Vec::len);
        Ok(pictures as u64)
    }
}
