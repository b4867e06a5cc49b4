//! What is run: an official model, a version of any model, or a deployment.

use super::prediction::Prediction;

/// How a model's name is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `owner/name`.
    Official(&'a str),
    /// 64 hexadecimal digits, alone or after `owner/name:`.
    Version {
        /// `owner/name`, where the name says it.
        model: Option<&'a str>,
        /// The digits.
        version: &'a str,
    },
    /// `deployments/owner/name`.
    Deployment(&'a str),
}

impl<'a> Target<'a> {
    /// Reads a name; `None` where it is none of the three.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        if let Some(deployment) = name.strip_prefix("deployments/") {
            return is_pair(deployment).then_some(Self::Deployment(deployment));
        }
        if is_version(name) {
            return Some(Self::Version {
                model: None,
                version: name,
            });
        }
        match name.split_once(':') {
            Some((model, version)) => {
                let model = Some(model).filter(|model| is_pair(model))?;
                is_version(version).then_some(Self::Version {
                    model: Some(model),
                    version,
                })
            }
            None => is_pair(name).then_some(Self::Official(name)),
        }
    }

    /// Where predictions of it are created.
    pub(super) fn path(self) -> String {
        match self {
            Self::Official(model) => format!("/models/{model}/predictions"),
            Self::Version { .. } => "/predictions".to_owned(),
            Self::Deployment(deployment) => format!("/deployments/{deployment}/predictions"),
        }
    }

    /// Whether a prediction may be one of it. A deployment runs a model that its name does not tell, so
    /// any prediction may be.
    pub(super) fn may_have_made(self, prediction: &Prediction) -> bool {
        match self {
            Self::Official(model) => prediction.model.as_deref().is_none_or(|own| own == model),
            Self::Version { version, .. } => prediction
                .version
                .as_deref()
                .is_none_or(|own| own == version),
            Self::Deployment(_) => true,
        }
    }
}

fn is_version(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `owner/name` of characters that need no escaping in a path.
fn is_pair(text: &str) -> bool {
    let plain = |part: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !part.is_empty() && part.bytes().all(good) && part.bytes().any(|byte| byte != b'.')
    };
    text.split_once('/')
        .is_some_and(|(owner, name)| plain(owner) && plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_to_name_what_is_run() {
        let version = "a".repeat(64);
        let named = format!("stability-ai/sdxl:{version}");
        let path = |name: &str| Target::parse(name).map(Target::path);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(path("a/b-1.1"), some("/models/a/b-1.1/predictions"));
        assert_eq!(path(&version), some("/predictions"));
        assert_eq!(path(&named), some("/predictions"));
        assert_eq!(
            path("deployments/a/b"),
            some("/deployments/a/b/predictions")
        );
        for none in [
            "",
            "flux",
            "a/b/c",
            "a/b:abc",
            "a/..",
            "a/b?x=1",
            "../b",
            "deployments/a",
            "a b/c",
        ] {
            assert_eq!(path(none), None, "{none:?}");
        }
    }
}
