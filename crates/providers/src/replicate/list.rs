//! Finding out from the list of predictions what became of a creation without an answer.
//!
//! The list is proof both ways. A prediction in it with the attempt's seed, or with the attempt's id
//! in its webhook, is the one. A complete list without it proves that none was created, once enough
//! time has passed by the provider's own clock for a new one to be shown; before that the attempt
//! stays open. A prediction of the same model that shows neither seed nor webhook might be ours: then
//! nobody knows.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::prediction::Prediction;
use super::target::Target;
use super::{ASK_PAUSE, NAME, Replicate, input};
use crate::credential::CallContext;
use crate::error::{ErrorKind, ProviderError};
use crate::provider::{OpenAttempt, Reconciled};
use crate::request::seed_of;

/// The list is read from this long before the submit, for clocks that differ.
const SKEW: TimeDelta = TimeDelta::seconds(5);
/// Most pages that are read, of 100 predictions each.
const MAX_PAGES: usize = 50;

#[derive(Deserialize)]
struct Page {
    results: Vec<Prediction>,
    #[serde(default)]
    next: Option<String>,
}

/// What a list says about an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    It(String),
    /// One that might be it.
    Perhaps,
    Nothing,
}

/// What an attempt's prediction looks like.
struct Marks<'a> {
    target: Target<'a>,
    /// The field that holds the seed, and the seed.
    seed: Option<(&'a str, u64)>,
    /// The attempt's id, in both of its spellings.
    ids: [String; 2],
}

/// See [`Provider::reconcile`](crate::Provider::reconcile).
pub(super) async fn search(
    replicate: &Replicate,
    open: &OpenAttempt,
    call: CallContext<'_>,
) -> Result<Reconciled, ProviderError> {
    let Some(found) = replicate.rows.find(&open.model) else {
        return Ok(Reconciled::Unknown);
    };
    let Some(marks) = Marks::of(open, &found.model) else {
        return Ok(Reconciled::Unknown);
    };
    let since = open.submitted_at - SKEW;
    let mut perhaps = false;
    let mut path = first_page(since);
    for _ in 0..MAX_PAGES {
        let answer = replicate.ask(&path, call).await?;
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|error| keep_open(ASK_PAUSE, "the list cannot be read").because(error))?;
        match marks.look(&page.results, since) {
            Found::It(provider_ref) => return Ok(Reconciled::Accepted { provider_ref }),
            Found::Perhaps => perhaps = true,
            Found::Nothing => {}
        }
        let is_past = page
            .results
            .last()
            .is_some_and(|last| is_before(last, since));
        match page.next.filter(|_| !is_past) {
            Some(next) => path = next_page(replicate.transport.base(), &next)?,
            None if perhaps => return Ok(Reconciled::Unknown),
            None => return nothing(replicate, open, &answer.headers),
        }
    }
    Err(keep_open(
        ASK_PAUSE,
        "the list is longer than is read at once",
    ))
}

/// A complete list without it: proof, once a new prediction must have been shown.
fn nothing(
    replicate: &Replicate,
    open: &OpenAttempt,
    headers: &HeaderMap,
) -> Result<Reconciled, ProviderError> {
    let visible_after = replicate.visible_after;
    let Some(now) = date(headers) else {
        return Err(keep_open(
            ASK_PAUSE,
            "the list does not say when it was made",
        ));
    };
    // The header has whole seconds; one more makes sure of the window.
    let passed = (now - open.submitted_at).to_std().unwrap_or_default();
    match visible_after.checked_sub(passed) {
        None | Some(Duration::ZERO) => Ok(Reconciled::NotAccepted),
        Some(left) => {
            let detail = "it is not in the list, which may not show it yet";
            Err(keep_open(left + Duration::from_secs(1), detail))
        }
    }
}

fn keep_open(after: Duration, detail: &str) -> ProviderError {
    ProviderError::poll_failed(NAME, ErrorKind::BadAnswer, after, detail)
}

fn first_page(since: DateTime<Utc>) -> String {
    let since = since.to_rfc3339_opts(SecondsFormat::Millis, true);
    let since: String = byte_serialize(since.as_bytes()).collect();
    format!("/predictions?created_after={since}")
}

/// The next page's path below the base. A page that lies elsewhere is not asked for: the question
/// carries the key.
fn next_page(base: &Url, next: &str) -> Result<String, ProviderError> {
    let elsewhere = || keep_open(ASK_PAUSE, "the list goes on at another address");
    let next = base.join(next).map_err(|_| elsewhere())?;
    let below = base.path().trim_end_matches('/');
    let path = next.path().strip_prefix(below).ok_or_else(elsewhere)?;
    if next.origin() != base.origin() || path != "/predictions" {
        return Err(elsewhere());
    }
    Ok(format!("{path}?{}", next.query().unwrap_or_default()))
}

fn is_before(prediction: &Prediction, since: DateTime<Utc>) -> bool {
    let created_at = prediction.created_at.as_deref().unwrap_or_default();
    DateTime::parse_from_rfc3339(created_at).is_ok_and(|at| at < since)
}

/// The provider's clock, from the `Date` of its answer.
fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(date).ok()?;
    Some(date.to_utc())
}

impl<'a> Marks<'a> {
    fn of(open: &OpenAttempt, row: &'a crate::models::ModelRow) -> Option<Self> {
        let inputs = row.replicate.as_ref()?;
        Some(Self {
            target: Target::parse(&row.name)?,
            seed: inputs
                .seed
                .as_deref()
                .map(|field| (field, input::seed(seed_of(open.attempt)))),
            ids: [
                open.attempt.0.simple().to_string(),
                open.attempt.0.hyphenated().to_string(),
            ],
        })
    }

    fn look(&self, among: &[Prediction], since: DateTime<Utc>) -> Found {
        let mut perhaps = false;
        for prediction in among.iter().filter(|one| !is_before(one, since)) {
            match self.is_it(prediction) {
                Some(true) => return Found::It(prediction.id.clone()),
                Some(false) => {}
                None => perhaps = true,
            }
        }
        if perhaps {
            Found::Perhaps
        } else {
            Found::Nothing
        }
    }

    /// `None` where it cannot be told.
    fn is_it(&self, prediction: &Prediction) -> Option<bool> {
        let webhook = prediction.webhook.as_deref().unwrap_or_default();
        if self.ids.iter().any(|id| webhook.contains(id)) {
            return Some(true);
        }
        if !self.target.may_have_made(prediction) {
            return Some(false);
        }
        let shown = self
            .seed
            .and_then(|(field, seed)| Some((prediction.input.get(field)?, seed)));
        match shown {
            Some((Value::Number(own), seed)) => Some(own.as_u64() == Some(seed)),
            Some(_) => Some(false),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;
    use domain::AttemptId;
    use serde_json::json;
    use uuid::Uuid;

    const SEEDED: &str = "black-forest-labs/flux-schnell";
    const SEEDLESS: &str = "google/nano-banana";

    fn open(model: &str) -> OpenAttempt {
        OpenAttempt {
            attempt: AttemptId(Uuid::from_u128(0xABCDEF)),
            model: model.to_owned(),
            submitted_at: "2026-11-22T10:00:00Z".parse().unwrap(),
        }
    }

    fn look(model: &str, among: Value) -> Found {
        let rows = Rows::built_in(NAME);
        let open = open(model);
        let found = rows.find(model).unwrap();
        let marks = Marks::of(&open, &found.model).unwrap();
        let among: Vec<Prediction> = serde_json::from_value(among).unwrap();
        marks.look(&among, open.submitted_at - SKEW)
    }

    fn seed() -> u64 {
        input::seed(seed_of(open(SEEDED).attempt))
    }

    #[test]
    fn it_is_known_by_its_seed_and_model_together() {
        let ours = json!({"id": "ours", "model": SEEDED, "input": {"seed": seed()}});
        let other_model = json!({"id": "b", "model": "a/b", "input": {"seed": seed()}});
        let other_seed = json!({"id": "c", "model": SEEDED, "input": {"seed": seed() + 1}});
        let text_seed = json!({"id": "d", "model": SEEDED, "input": {"seed": "7"}});
        let among = json!([other_model, other_seed, text_seed, ours]);
        assert_eq!(look(SEEDED, among), Found::It("ours".into()));
        let others = json!([other_model, other_seed, text_seed]);
        assert_eq!(look(SEEDED, others), Found::Nothing);
        assert_eq!(look(SEEDED, json!([])), Found::Nothing);
    }

    #[test]
    fn it_is_known_by_its_webhook_in_either_spelling_of_the_id() {
        for id in [
            "00000000000000000000000000abcdef",
            "00000000-0000-0000-0000-000000abcdef",
        ] {
            let ours = json!({"id": "ours", "model": SEEDLESS, "input": {},
                "webhook": format!("https://a.example/v1/providers/replicate/webhook/{id}.tok")});
            assert_eq!(look(SEEDLESS, json!([ours])), Found::It("ours".into()));
        }
    }

    #[test]
    fn one_that_shows_no_mark_might_be_it() {
        let removed = json!({"id": "a", "model": SEEDED, "input": {}, "data_removed": true});
        assert_eq!(look(SEEDED, json!([removed])), Found::Perhaps);
        let seedless = json!({"id": "a", "model": SEEDLESS, "input": {"prompt": "x"}});
        assert_eq!(look(SEEDLESS, json!([seedless])), Found::Perhaps);
        let other = json!({"id": "a", "model": SEEDED, "input": {"seed": 1}});
        assert_eq!(look(SEEDLESS, json!([other])), Found::Nothing);
        let older = json!({"id": "a", "model": SEEDLESS, "input": {},
            "created_at": "2026-11-22T09:59:54Z"});
        assert_eq!(look(SEEDLESS, json!([older])), Found::Nothing);
    }

    #[test]
    fn a_page_elsewhere_is_not_asked_with_our_key() {
        let base: Url = "https://api.replicate.com/v1".parse().unwrap();
        let next = |text: &str| next_page(&base, text).ok();
        let good = "https://api.replicate.com/v1/predictions?cursor=abc&created_after=x";
        assert_eq!(
            next(good).as_deref(),
            Some("/predictions?cursor=abc&created_after=x")
        );
        for bad in [
            "https://evil.example/v1/predictions?cursor=abc",
            "http://api.replicate.com/v1/predictions?cursor=abc",
            "https://api.replicate.com/v1/account",
            "https://api.replicate.com/v2/predictions",
            "https://api.replicate.com:444/v1/predictions",
        ] {
            assert_eq!(next(bad), None, "{bad}");
        }
        let path = first_page("2026-11-22T10:00:00Z".parse().unwrap());
        assert_eq!(
            path,
            "/predictions?created_after=2026-11-22T10%3A00%3A00.000Z"
        );
    }
}
