//! Who may be asked at all, in order.

use std::fmt;

/// The word with which a product or template leaves the choice to somebody else.
const ANY: &str = "auto";

/// Somebody who may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The provider's name.
    pub provider: String,
    /// The model's name; none for the provider's default.
    pub model: Option<String>,
    /// Who named it.
    pub origin: Origin,
}

/// Who named a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The template or product of the request.
    Request,
    /// The brand's default.
    Brand,
    /// The platform's default.
    Platform,
    /// A fallback list.
    Fallback,
}

impl Origin {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Brand => "brand",
            Self::Platform => "platform",
            Self::Fallback => "fallback",
        }
    }
}

impl Candidate {
    /// Reads `provider` or `provider/model`; the model may hold slashes itself. None for an empty
    /// provider.
    pub fn parse(text: &str, origin: Origin) -> Option<Self> {
        let (provider, model) = match text.trim().split_once('/') {
            Some((provider, model)) => (provider, Some(model)),
            None => (text.trim(), None),
        };
        Self::named(provider, model.unwrap_or_default(), origin)
    }

    /// A provider and perhaps a model; `auto` and nothing leave the choice open.
    fn named(provider: &str, model: &str, origin: Origin) -> Option<Self> {
        let said = |word: &&str| !word.is_empty() && *word != ANY;
        Some(Self {
            provider: Some(provider).filter(said)?.to_owned(),
            model: Some(model).filter(said).map(str::to_owned),
            origin,
        })
    }

    /// `provider/model`, or `provider` alone.
    pub fn name(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.provider)?;
        match &self.model {
            Some(model) => write!(f, "/{model}"),
            None => Ok(()),
        }
    }
}

/// The candidates of a request, each once: what the request names, else the brand's default, else the
/// platform's; then the fallback list. A model without a provider belongs to whoever is first.
pub fn candidates(
    request: (&str, &str),
    brand: Option<&str>,
    platform: &str,
    fallback: &[String],
) -> Vec<Candidate> {
    let (provider, model) = request;
    let first = Candidate::named(provider, model, Origin::Request)
        .or_else(|| Candidate::named(brand?, model, Origin::Brand))
        .or_else(|| Candidate::parse(platform, Origin::Platform));
    let others = fallback
        .iter()
        .filter_map(|text| Candidate::parse(text, Origin::Fallback));
    let mut all: Vec<Candidate> = Vec::new();
    for candidate in first.into_iter().chain(others) {
        let known = |known: &Candidate| {
            known.provider == candidate.provider && known.model == candidate.model
        };
        if !all.iter().any(known) {
            all.push(candidate);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[Candidate]) -> Vec<(String, &'static str)> {
        all.iter().map(|c| (c.name(), c.origin.name())).collect()
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_request_goes_before_the_brand_and_the_brand_before_the_platform() {
        let of = |request, brand| names(&candidates(request, brand, "p3/m3", &[]));
        assert_eq!(of(("p1", "m1"), Some("p2")), [("p1/m1".into(), "request")]);
        assert_eq!(of(("auto", "auto"), Some("p2")), [("p2".into(), "brand")]);
        assert_eq!(of(("", ""), None), [("p3/m3".into(), "platform")]);
        assert_eq!(
            of(("auto", "auto"), Some("auto")),
            [("p3/m3".into(), "platform")]
        );
    }

    #[test]
    fn fallbacks_follow_in_their_order_and_nobody_comes_twice() {
        let fallback = list(&["p2/a/b", "p1/m1", " ", "p2/a/b", "p2"]);
        let all = candidates(("p1", "m1"), None, "p9", &fallback);
        let expected = [
            ("p1/m1".to_owned(), "request"),
            ("p2/a/b".to_owned(), "fallback"),
            ("p2".to_owned(), "fallback"),
        ];
        assert_eq!(names(&all), expected);
        assert_eq!(all[1].model.as_deref(), Some("a/b"));
    }
}
