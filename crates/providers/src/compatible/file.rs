//! Reading the servers from the operator's file, or one from the environment.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use chrono::NaiveDate;
use http::HeaderName;
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use toml::Value;
use url::Url;

use super::endpoint::{Answers, CompatibleEndpoint, Preset, is_inside};
use crate::config::{CompatibleConfig, ConfigError, base_url};
use crate::models::{
    Charged, ControlSyntax, Model, ModelRow, NegativePrompt, Price, PriceBasis, Recovery, Sizes,
};
use crate::openai::endpoint::Auth;
use crate::openai::order::Dialect;
use crate::request::OperationKind;

/// Names of providers that are no compatible servers.
const TAKEN: &[&str] = &["openai", "stability", "replicate", "synthetic"];
const NAME_CHARS: usize = 32;
/// Until the operator says otherwise.
const MAX_PROMPT_CHARS: u32 = 4_000;
const FROM_ENVIRONMENT: &str = "ATELIER_COMPATIBLE_BASE_URL";

/// One server of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default)]
    preset: Preset,
    base_url: String,
    #[serde(default)]
    path_prefix: String,
    #[serde(default)]
    auth_header: Option<String>,
    /// Read by hand, so that no error can repeat what stands here.
    #[serde(default)]
    api_keys: Option<Value>,
    #[serde(default)]
    needs_key: Option<bool>,
    #[serde(default)]
    allow_http: bool,
    #[serde(default)]
    response_format: Option<bool>,
    #[serde(default)]
    quality: Option<bool>,
    #[serde(default)]
    background: Option<bool>,
    #[serde(default)]
    output_format: Option<bool>,
    #[serde(default)]
    safety_identifier: Option<bool>,
    #[serde(default)]
    seed: Option<bool>,
    #[serde(default)]
    answers: Option<Answers>,
    #[serde(default)]
    fetch_hosts: Vec<String>,
    #[serde(default)]
    fetch_cidrs: Vec<String>,
    #[serde(default)]
    control_syntax: Option<ControlSyntax>,
    #[serde(default)]
    negative_prompt: Option<NegativePrompt>,
    #[serde(rename = "model")]
    models: Vec<ModelLine>,
}

/// One model of a server. The first is its default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelLine {
    name: String,
    #[serde(default = "generate_only")]
    operations: Vec<OperationKind>,
    #[serde(default = "square")]
    sizes: Sizes,
    #[serde(default)]
    transparent: bool,
    #[serde(default)]
    max_prompt_chars: Option<u32>,
    #[serde(default)]
    max_input_images: u32,
    #[serde(default)]
    qualities: Vec<String>,
    /// One picture, in billionths of a US dollar.
    #[serde(default)]
    price_nano: i64,
}

fn generate_only() -> Vec<OperationKind> {
    vec![OperationKind::Generate]
}

fn square() -> Sizes {
    Sizes::List {
        sizes_px: vec![(1024, 1024)],
    }
}

/// All servers of the settings.
///
/// # Errors
/// [`ConfigError::Compatible`] names the file, the server and the field.
pub(crate) fn endpoints(config: &CompatibleConfig) -> Result<Vec<CompatibleEndpoint>, ConfigError> {
    let mut found = Vec::new();
    if let Some(path) = &config.compatible_file {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(&file, "file", &format!("cannot be read: {error}")))?;
        found = of_text(&file, &text)?;
    }
    if let Some(url) = &config.compatible_base_url {
        let row = of_environment(config, url.as_str())?;
        let checked = row
            .check()
            .map_err(|why| wrong(FROM_ENVIRONMENT, &row.name, &why))?;
        found.push(checked.with_keys(&config.compatible_api_key));
    }
    let mut names = BTreeSet::new();
    for endpoint in &found {
        if !names.insert(&endpoint.name) {
            return Err(wrong(
                "compatible servers",
                &endpoint.name,
                "`name` stands twice",
            ));
        }
    }
    Ok(found)
}

pub(super) fn of_text(file: &str, text: &str) -> Result<Vec<CompatibleEndpoint>, ConfigError> {
    let mut whole: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // Never the line itself: it may hold a key.
        let at = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        wrong(file, &format!("line {line}"), error.message())
    })?;
    let rows = match whole.remove("endpoint") {
        Some(Value::Array(rows)) => rows,
        _ => return Err(wrong(file, "file", "holds no [[endpoint]]")),
    };
    if let Some(other) = whole.keys().next() {
        return Err(wrong(file, other, "is not [[endpoint]]"));
    }
    let rows = rows.into_iter().enumerate().map(|(at, row)| {
        let name = row.get("name").and_then(Value::as_str).unwrap_or("?");
        let place = format!("endpoint {} ({name})", at + 1);
        let row: Row = row
            .try_into()
            .map_err(|error: toml::de::Error| wrong(file, &place, error.to_string().trim_end()))?;
        row.check().map_err(|why| wrong(file, &place, &why))
    });
    rows.collect()
}

fn wrong(file: &str, row: &str, message: &str) -> ConfigError {
    ConfigError::Compatible {
        file: file.to_owned(),
        row: row.to_owned(),
        message: message.to_owned(),
    }
}

fn of_environment(config: &CompatibleConfig, url: &str) -> Result<Row, ConfigError> {
    let name = config.compatible_name.clone();
    let preset = Value::String(config.compatible_preset.clone());
    let preset = preset.try_into().map_err(|_| {
        wrong(
            FROM_ENVIRONMENT,
            &name,
            "`preset` is none of plain, localai, vllm-omni, stable-diffusion-cpp",
        )
    })?;
    let Some(model) = config.compatible_model.clone() else {
        return Err(wrong(FROM_ENVIRONMENT, &name, "`model` is missing"));
    };
    Ok(Row {
        name,
        preset,
        base_url: url.to_owned(),
        path_prefix: String::new(),
        auth_header: None,
        api_keys: None,
        needs_key: None,
        allow_http: false,
        response_format: None,
        quality: None,
        background: None,
        output_format: None,
        safety_identifier: None,
        seed: None,
        answers: None,
        fetch_hosts: Vec::new(),
        fetch_cidrs: Vec::new(),
        control_syntax: None,
        negative_prompt: None,
        models: vec![ModelLine {
            name: model,
            operations: generate_only(),
            sizes: square(),
            transparent: false,
            max_prompt_chars: None,
            max_input_images: 0,
            qualities: Vec::new(),
            price_nano: 0,
        }],
    })
}

impl Row {
    fn check(&self) -> Result<CompatibleEndpoint, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = self.name.as_str();
        if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(allowed) {
            return Err(format!(
                "`name` must be 1 to {NAME_CHARS} of a to z, 0 to 9 and -"
            ));
        }
        if TAKEN.contains(&name) {
            return Err(format!("`name`: {name} is a provider of its own"));
        }
        if self.models.is_empty() {
            return Err("`model` is missing".to_owned());
        }
        let base = self.address()?;
        let keys = self.keys()?;
        let answers = self.answers.unwrap_or(Answers::B64);
        let own_host = base.host_str().unwrap_or_default().to_owned();
        let fetch_hosts = match self.fetch_hosts.is_empty() {
            true => vec![own_host],
            false => self.fetch_hosts.clone(),
        };
        let models = self.models.iter().map(|line| self.model(line));
        Ok(CompatibleEndpoint {
            name: self.name.clone(),
            base_url: base,
            auth: self.auth()?,
            needs_key: self.needs_key.unwrap_or(!keys.is_empty()),
            keys,
            dialect: self.dialect(answers),
            answers,
            fetch_hosts,
            fetch_cidrs: self.networks()?,
            models: models.collect::<Result<_, _>>()?,
        })
    }

    fn keys(&self) -> Result<Vec<SecretString>, String> {
        let list = match &self.api_keys {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err("`api_keys` must be a list of texts".to_owned()),
        };
        let keys = list.iter().map(|key| key.as_str().map(SecretString::from));
        let keys: Option<_> = keys.collect();
        keys.ok_or_else(|| "`api_keys` must be a list of texts".to_owned())
    }

    fn networks(&self) -> Result<Vec<IpNet>, String> {
        let networks = self.fetch_cidrs.iter().map(|network| {
            let parsed = network.parse();
            parsed.map_err(|_| format!("`fetch_cidrs`: {network:?} is no network"))
        });
        networks.collect()
    }

    fn address(&self) -> Result<Url, String> {
        let prefix = self.path_prefix.trim_matches('/');
        let whole = match prefix.is_empty() {
            true => self.base_url.clone(),
            false => format!("{}/{prefix}", self.base_url.trim_end_matches('/')),
        };
        let url = base_url(&whole).map_err(|why| format!("`base_url`: {why}"))?;
        if url.scheme() == "http" && !self.allow_http && !is_inside(&url) {
            return Err(
                "`base_url`: http to a public host would show the key and the prompts; use https, \
                 or say `allow_http = true`"
                    .to_owned(),
            );
        }
        Ok(url)
    }

    fn auth(&self) -> Result<Auth, String> {
        let Some(header) = self.auth_header.as_deref() else {
            return Ok(Auth::Bearer);
        };
        if header.eq_ignore_ascii_case("authorization") {
            return Ok(Auth::Bearer);
        }
        let name = HeaderName::try_from(header);
        name.map(Auth::Header)
            .map_err(|_| format!("`auth_header`: {header:?} is no name of a header"))
    }

    fn dialect(&self, answers: Answers) -> Dialect {
        let known = self.preset.dialect();
        Dialect {
            // A server that is to answer with an address must not be asked for base64.
            response_format: self.response_format.unwrap_or(known.response_format)
                && answers == Answers::B64,
            quality: self.quality.unwrap_or(known.quality),
            background: self.background.unwrap_or(known.background),
            output_format: self.output_format.unwrap_or(known.output_format),
            safety_identifier: self.safety_identifier.unwrap_or(known.safety_identifier),
            seed: self.seed.unwrap_or(known.seed),
        }
    }

    fn model(&self, line: &ModelLine) -> Result<Model, String> {
        if line.name.is_empty() || line.price_nano < 0 || line.operations.is_empty() {
            let name = &line.name;
            return Err(format!(
                "`model` {name:?}: `name` and `operations` must not be empty nor `price_nano` negative"
            ));
        }
        let only = [
            OperationKind::Generate,
            OperationKind::Edit,
            OperationKind::Inpaint,
        ];
        if let Some(other) = line.operations.iter().find(|kind| !only.contains(kind)) {
            let (name, other) = (&line.name, other.name());
            return Err(format!(
                "`model` {name:?}: `operations`: no {other} in this API"
            ));
        }
        let preset = self.preset;
        Ok(Model::of(ModelRow {
            name: line.name.clone(),
            operations: line.operations.clone(),
            sizes: line.sizes.clone(),
            transparent: line.transparent,
            negative_prompt: self.negative_prompt.unwrap_or(preset.negative_prompt()),
            max_prompt_chars: line.max_prompt_chars.unwrap_or(MAX_PROMPT_CHARS),
            max_input_images: line.max_input_images,
            qualities: line.qualities.clone(),
            quality_words: BTreeMap::new(),
            control_syntax: self.control_syntax.unwrap_or(preset.control_syntax()),
            recovery: Recovery::Never,
            refusal_charged: Charged::Unknown,
            retires_at: None,
            replaced_by: None,
            mask: crate::models::MaskConvention::default(),
            replicate: None,
            price: Price {
                basis: PriceBasis::PerImage {
                    nano: line.price_nano,
                },
                valid_from: NaiveDate::MIN,
            },
            source: "the operator's settings".to_owned(),
            as_of: NaiveDate::MIN,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [[endpoint]]
        name = "studio"
        preset = "vllm-omni"
        base_url = "http://10.0.0.5:8000"
        path_prefix = "/v1/"
        auth_header = "x-api-key"
        api_keys = ["k-secret"]
        answers = "url"
        fetch_cidrs = ["10.0.0.0/8"]
        [[endpoint.model]]
        name = "flux"
        price_nano = 1000000
    "#;

    #[test]
    fn a_server_is_what_its_preset_and_its_row_say() {
        let found = of_text("mine.toml", GOOD).unwrap();
        let studio = &found[0];
        assert_eq!(studio.base_url.as_str(), "http://10.0.0.5:8000/v1");
        assert_eq!(
            studio.auth,
            Auth::Header(HeaderName::from_static("x-api-key"))
        );
        assert!(studio.needs_key && studio.dialect.seed && !studio.dialect.response_format);
        assert_eq!(studio.models[0].negative_prompt, NegativePrompt::Native);
        assert!(studio.may_fetch_from("10.0.0.5") && !studio.may_fetch_from("110.0.0.5"));
        assert!(!format!("{studio:?}").contains("k-secret"));
    }

    #[test]
    fn a_wrong_row_is_refused_with_file_server_and_field() {
        for (from, to, field) in [
            ("\"studio\"", "\"openai\"", "name"),
            ("\"studio\"", "\"Studio!\"", "name"),
            ("vllm-omni", "vllm", "preset"),
            (
                "http://10.0.0.5:8000",
                "http://pictures.example.com",
                "base_url",
            ),
            ("http://10.0.0.5:8000", "ftp://10.0.0.5", "base_url"),
            ("http://10.0.0.5:8000", "http://k:s@10.0.0.5", "base_url"),
            ("x-api-key", "x api key", "auth_header"),
            ("\"url\"", "\"smoke\"", "answers"),
            ("10.0.0.0/8", "10.0.0.0/99", "fetch_cidrs"),
            ("[\"k-secret\"]", "\"k-secret\"", "api_keys"),
            ("price_nano = 1000000", "price_nano = -1", "price_nano"),
            (
                "price_nano = 1000000",
                "operations = [\"erase\"]",
                "operations",
            ),
            ("price_nano = 1000000", "colour = 3", "colour"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = of_text("mine.toml", &GOOD.replace(from, to)).unwrap_err();
            let shown = error.to_string();
            assert!(
                shown.starts_with("mine.toml: endpoint 1 ("),
                "{to}: {shown}"
            );
            assert!(shown.contains(field), "{to}: {shown}");
            assert!(!shown.contains("k-secret"), "{shown}");
        }
        let public = GOOD.replace(
            "http://10.0.0.5:8000\"",
            "http://pictures.example.com\"\nallow_http = true",
        );
        assert!(of_text("mine.toml", &public).is_ok());
    }
}
