//! What a step says on the wire, and how it is found again.
//!
//! A step is looked for before it is sent once more when its first sending is so old that Stripe may have
//! forgotten the key, or when Stripe keeps a 500 under the key; and after a refusal that may only mean that it was
//! done before. Lists are asked, never the search, which lags behind by up to a minute.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use store::stripe::{Step, StepKind};

use super::client::{Answer, StripeClient};
use super::verdict::Verdict;

/// Stripe keeps keys for 24 hours at least; beyond this one is not relied on.
const KEYS_ARE_SURE: TimeDelta = TimeDelta::hours(20);
/// The largest page that Stripe gives.
const PAGE: &str = "100";
/// Pages that are looked through: 5,000 of one customer's invoices are more than a brand gets in its life.
const MAX_PAGES: usize = 50;

/// What a look came to.
enum Found {
    /// It was done: what Stripe calls it.
    Yes(String),
    /// It was not.
    No,
    /// Stripe did not say.
    Unknown(Answer),
}

/// Carries a step out, as far as that goes now. May be cancelled; the step's lease then runs out.
pub(crate) async fn carry_out(client: &StripeClient, step: &Step, now: DateTime<Utc>) -> Verdict {
    let old = step
        .first_sent_at
        .is_some_and(|first| now - first >= KEYS_ARE_SURE);
    if step.must_look || old {
        match look(client, step).await {
            Found::Yes(id) => return Verdict::done(id),
            Found::No => {}
            Found::Unknown(answer) => return unanswered(answer, now, step),
        }
    }
    let answer = match path(step) {
        Some(path) => client.post(&path, &step.key, &step.fields).await,
        None => return Verdict::stuck("the step's invoice has no id at Stripe"),
    };
    match answer {
        Answer::Done(object) => match object["id"].as_str() {
            Some(id) => Verdict::done(id),
            None => Verdict::lost("an answer without an id".to_owned(), now, step.tries),
        },
        Answer::Lost(error) => Verdict::lost(error, now, step.tries),
        Answer::Refused(refusal) => match Verdict::of_refusal(&refusal, now, step.tries) {
            Some(verdict) => verdict,
            None => match look(client, step).await {
                Found::Yes(id) => Verdict::done(id),
                Found::No => Verdict::stuck(refusal.to_string()),
                Found::Unknown(answer) => unanswered(answer, now, step),
            },
        },
    }
}

fn unanswered(answer: Answer, now: DateTime<Utc>, step: &Step) -> Verdict {
    match answer {
        Answer::Refused(refusal) => Verdict::of_refusal(&refusal, now, step.tries)
            .unwrap_or_else(|| Verdict::stuck(refusal.to_string())),
        Answer::Lost(error) => Verdict::lost(error, now, step.tries),
        Answer::Done(_) => Verdict::lost("a list that cannot be read".to_owned(), now, step.tries),
    }
}

/// Where a step is posted; none where it needs an id that is not there.
fn path(step: &Step) -> Option<String> {
    let of_invoice = |what: &str| {
        let id = step.stripe_invoice_id.as_ref()?;
        Some(format!("/v1/invoices/{id}/{what}"))
    };
    match step.kind {
        StepKind::Customer => Some("/v1/customers".to_owned()),
        StepKind::Invoice => Some("/v1/invoices".to_owned()),
        StepKind::Item => Some("/v1/invoiceitems".to_owned()),
        StepKind::Finalize => of_invoice("finalize"),
        StepKind::Void => of_invoice("void"),
        StepKind::PayElsewhere => of_invoice("pay"),
    }
}

/// Whether a step was done.
async fn look(client: &StripeClient, step: &Step) -> Found {
    let field = |name: &str| {
        let mut fields = step.fields.iter();
        fields
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.clone())
    };
    let (list, filter, mark) = match step.kind {
        StepKind::Customer => ("/v1/customers", "email", "brand_id"),
        StepKind::Invoice => ("/v1/invoices", "customer", "invoice_id"),
        StepKind::Item => ("/v1/invoiceitems", "invoice", "item"),
        StepKind::Finalize | StepKind::Void | StepKind::PayElsewhere => {
            return look_at_invoice(client, step).await;
        }
    };
    let wanted = field(&format!("metadata[{mark}]"));
    let filter = field(filter).map(|value| (filter.to_owned(), value));
    look_through(client, list, filter, |object| {
        object["metadata"][mark].as_str() == wanted.as_deref()
    })
    .await
}

/// Whether the invoice stands as the step wants it.
async fn look_at_invoice(client: &StripeClient, step: &Step) -> Found {
    let Some(id) = &step.stripe_invoice_id else {
        return Found::No;
    };
    let invoice = match client.get(&format!("/v1/invoices/{id}"), &[]).await {
        Answer::Done(invoice) => invoice,
        answer => return Found::Unknown(answer),
    };
    let status = invoice["status"].as_str().unwrap_or_default();
    let done = match step.kind {
        StepKind::Void => status == "void",
        StepKind::PayElsewhere => status == "paid",
        // Open, or whatever came after that.
        _ => !matches!(status, "draft" | ""),
    };
    match done {
        true => Found::Yes(id.clone()),
        false => Found::No,
    }
}

/// Goes through a list, the newest first.
async fn look_through(
    client: &StripeClient,
    path: &str,
    filter: Option<(String, String)>,
    is_it: impl Fn(&Value) -> bool,
) -> Found {
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut query = vec![("limit".to_owned(), PAGE.to_owned())];
        query.extend(filter.clone());
        query.extend(after.map(|id| ("starting_after".to_owned(), id)));
        let page = match client.get(path, &query).await {
            Answer::Done(page) => page,
            answer => return Found::Unknown(answer),
        };
        let Some(objects) = page["data"].as_array() else {
            return Found::Unknown(Answer::Done(page));
        };
        let id_of = |object: &Value| object["id"].as_str().map(str::to_owned);
        if let Some(id) = objects.iter().find(|object| is_it(object)).and_then(id_of) {
            return Found::Yes(id);
        }
        after = objects.last().and_then(id_of);
        if page["has_more"] != true || after.is_none() {
            return Found::No;
        }
    }
    // A list without end is no proof that it is not there.
    Found::Unknown(Answer::Lost(format!(
        "more than {MAX_PAGES} pages of {path}"
    )))
}
