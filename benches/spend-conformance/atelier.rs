//! Atelier as a client: the whole system, started anew for each case so that no breaker remembers the case
//! before, with its own defaults. It is the programs an operator runs, in front of the same sandbox.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use benches::http::Connection;
use sandbox::{Provider, Sandbox};
use serde_json::{Value, json};
use testkit::{GuardSpec, Guarded, Log, wait};

use crate::case::Case;

/// How long the demonstration may take until every role is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long one generation may take: its own retries, with the pauses set below, end long before.
const END_WITHIN: Duration = Duration::from_secs(60);
/// How often its state is asked for.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How Atelier is set up.
pub(crate) struct Manner {
    /// Its name in the table.
    pub(crate) name: &'static str,
    pub(crate) provider: Provider,
    /// Settings beyond the defaults.
    settings: &'static [(&'static str, &'static str)],
    /// Whether the provider gives an id at once and is polled by it.
    polls: bool,
}

impl Manner {
    /// Whether a case can strike it.
    pub(crate) fn meets(&self, case: &Case) -> bool {
        self.provider == case.provider && (self.polls || !case.is_about_polls())
    }
}

/// Atelier as it is by default, and with OpenAI's recoverable mode chosen.
pub(crate) const MANNERS: &[Manner] = &[
    Manner {
        name: "Atelier",
        provider: Provider::OpenAi,
        settings: &[],
        polls: false,
    },
    Manner {
        name: "Atelier (background)",
        provider: Provider::OpenAi,
        settings: &[("ATELIER_OPENAI_BACKGROUND_MODELS", "*")],
        polls: true,
    },
    Manner {
        name: "Atelier",
        provider: Provider::Stability,
        settings: &[],
        polls: false,
    },
    Manner {
        name: "Atelier",
        provider: Provider::Replicate,
        settings: &[
            ("ATELIER_REPLICATE_FILE_HOSTS", "127.0.0.1"),
            ("ATELIER_REPLICATE_VISIBLE_AFTER_SECONDS", "1"),
        ],
        polls: true,
    },
];

/// One running system.
struct System {
    api: SocketAddr,
    key: String,
    product: Value,
    process: Guarded,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

/// Asks for one picture; gives how many the shop's page can fetch in the end.
pub(crate) async fn ask(manner: &Manner, sandbox: &Sandbox, case: &Case) -> anyhow::Result<u64> {
    let system = System::start(manner, sandbox, case).await?;
    let ended = system.order().await;
    ended.with_context(|| tail(&system.log))
}

impl System {
    async fn start(manner: &Manner, sandbox: &Sandbox, case: &Case) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("atelier");
        ensure!(
            program.is_file(),
            "{} is not there; benches/spend-conformance/run builds it",
            program.display()
        );
        let folder = tempfile::tempdir()?;
        let ready_file = folder.path().join("ready.json");
        let log = folder.path().join("demo.log");
        let base_url = sandbox.base_url(manner.provider);
        let (prefix, key) = match manner.provider {
            Provider::OpenAi => ("OPENAI", "ATELIER_OPENAI_API_KEY"),
            Provider::Stability => ("STABILITY", "ATELIER_STABILITY_API_KEY"),
            Provider::Replicate => ("REPLICATE", "ATELIER_REPLICATE_API_TOKEN"),
        };
        let mut spec = GuardSpec::new(program)
            .args([
                "demo",
                "--workers",
                "1",
                "--provider",
                manner.provider.name(),
            ])
            .args([
                "--catalog",
                concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/demo/catalog"),
            ])
            .args([OsString::from("--ready-file"), ready_file.clone().into()])
            .env(key, "sandbox")
            .env(format!("ATELIER_{prefix}_BASE_URL"), base_url)
            .env("ATELIER_RETRY_BASE_MS", "100")
            .env("ATELIER_RETRY_CAP_MS", "500");
        for (name, value) in manner.settings {
            spec = spec.env(*name, *value);
        }
        if case.timeout_s.is_some() {
            // Whole seconds are the finest there is; the fault takes longer still.
            spec = spec.env("ATELIER_PROVIDER_TIMEOUT_SECONDS", "1");
        }
        spec.log = Log::File(log.clone());
        let process = Guarded::spawn(&spec)?;
        let ready = wait::until_some("the demonstration is ready", READY_WITHIN, async || {
            let text = std::fs::read_to_string(&ready_file).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        })
        .await
        .with_context(|| tail(&log))?;
        let text = |name: &str| {
            let found = ready[name].as_str();
            found.with_context(|| format!("a ready file without {name}"))
        };
        Ok(Self {
            api: text("api_url")?.trim_start_matches("http://").parse()?,
            key: text("secret_key")?.to_owned(),
            product: ready["products"][0].clone(),
            process,
            log,
            _folder: folder,
        })
    }

    async fn order(&self) -> anyhow::Result<u64> {
        let mut api = Connection::open(self.api).await?;
        let texts = self.product["zones"].as_array().into_iter().flatten();
        let customizations: serde_json::Map<String, Value> = texts
            .filter(|zone| zone["type"] == "TEXT" && zone["required"] == true)
            .filter_map(|zone| Some((zone["id"].as_str()?.to_owned(), json!({"text": "Ada"}))))
            .collect();
        let order = json!({
            "product_id": self.product["id"],
            "customizations": customizations,
            "user_prompt": "a brass compass rose on blue enamel",
        });
        let (status, body) = api.order(&self.key, order.to_string().into()).await?;
        ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        let accepted: Value = serde_json::from_slice(&body)?;
        let id = accepted["id"].as_str().context("an answer without id")?;
        let began = Instant::now();
        loop {
            ensure!(self.process.exit().is_none(), "the demonstration ended");
            let (_, body) = api
                .get_as(&self.key, &format!("/v1/generations/{id}"))
                .await?;
            let now: Value = serde_json::from_slice(&body)?;
            match now["state"].as_str() {
                Some("succeeded") => return Ok(u64::from(now["outputs"]["full"].is_object())),
                Some("queued" | "processing") if began.elapsed() < END_WITHIN => {
                    tokio::time::sleep(ASK_EVERY).await;
                }
                // Not lost: it waits for a person, or for its next try.
                Some("queued" | "processing") => return Ok(0),
                Some("failed" | "canceled" | "expired") => return Ok(0),
                _ => bail!("an unknown state: {now}"),
            }
        }
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
