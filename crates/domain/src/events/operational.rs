//! What the events about a brand's account tell.
//!
//! Fields stand in alphabetical order, which is the order in the body.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// A moment as it stands in every body: UTC with milliseconds.
fn moment<S: serde::Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

macro_rules! payload {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])+ $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        pub struct $name { $($(#[$field_doc])+ pub $field: $type,)+ }

        impl $name {
            /// The `data` of the event.
            pub fn to_data(&self) -> Value {
                // Texts, numbers and moments: this cannot fail.
                serde_json::to_value(self).unwrap_or_default()
            }
        }
    };
}

payload! {
    /// The `data` of `quota.threshold`.
    QuotaThreshold {
        /// The units that the plan allows in the period.
        limit: u64,
        /// What is counted: `generation`, ….
        metric: String,
        /// Which share was reached: 50, 75, 90 or 100.
        percent: u8,
        /// When the period ends and the count begins anew.
        #[serde(serialize_with = "moment")]
        period_end: DateTime<Utc>,
        /// When the period began.
        #[serde(serialize_with = "moment")]
        period_start: DateTime<Utc>,
        /// The units used when it was reached.
        used: u64,
    }
}

payload! {
    /// The `data` of `invoice.finalized`.
    InvoiceFinalized {
        /// The currency of the amounts, in capitals.
        currency: String,
        /// The last day for paying, as `YYYY-MM-DD`.
        due_date: String,
        /// Names the invoice in the API.
        invoice_id: String,
        /// The number on the invoice.
        number: String,
        /// When the period ends, not itself part of it.
        #[serde(serialize_with = "moment")]
        period_end: DateTime<Utc>,
        /// When the period began.
        #[serde(serialize_with = "moment")]
        period_start: DateTime<Utc>,
        /// What is to be paid with taxes, in hundredths.
        total_cents: i64,
    }
}

payload! {
    /// The `data` of `invoice.past_due`.
    InvoicePastDue {
        /// The currency of the amounts, in capitals.
        currency: String,
        /// Whole days since the due date.
        days_overdue: u32,
        /// The last day for paying, as `YYYY-MM-DD`.
        due_date: String,
        /// Names the invoice in the API.
        invoice_id: String,
        /// The number on the invoice.
        number: String,
        /// What is to be paid with taxes, in hundredths.
        total_cents: i64,
    }
}

payload! {
    /// The `data` of `webhook.disabled`.
    WebhookDisabled {
        /// Since when it has failed, if it did.
        failing_since: Option<String>,
        /// The endpoint's name.
        name: String,
        /// `gone`: it answered 410. `failing`: no success for five days.
        reason: String,
        /// Where it is.
        url: String,
        /// Names the endpoint in the API.
        webhook_id: String,
    }
}

payload! {
    /// The `data` of `webhook.failing`.
    WebhookFailing {
        /// When it will be disabled if no delivery succeeds.
        #[serde(serialize_with = "moment")]
        disables_at: DateTime<Utc>,
        /// Since when no delivery has succeeded.
        #[serde(serialize_with = "moment")]
        failing_since: DateTime<Utc>,
        /// The endpoint's name.
        name: String,
        /// How much of the time until then is over: 50, 70 or 90.
        percent: u8,
        /// Where it is.
        url: String,
        /// Names the endpoint in the API.
        webhook_id: String,
    }
}

payload! {
    /// The `data` of `webhook.test`.
    WebhookTest {
        /// That it means nothing.
        message: String,
        /// The endpoint's name.
        name: String,
        /// Names the endpoint in the API.
        webhook_id: String,
    }
}

impl WebhookTest {
    /// The test of an endpoint.
    pub fn of(webhook_id: &str, name: &str) -> Self {
        Self {
            message: "Nothing has happened: somebody asked for a test of this endpoint.".to_owned(),
            name: name.to_owned(),
            webhook_id: webhook_id.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_reads_exactly_so() {
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        let data = QuotaThreshold {
            limit: 100,
            metric: "generation".to_owned(),
            percent: 90,
            period_end: at(1_764_547_200),
            period_start: at(1_761_955_200),
            used: 90,
        }
        .to_data();
        let expected = concat!(
            r#"{"limit":100,"metric":"generation","percent":90,"#,
            r#""period_end":"2025-12-01T00:00:00.000Z","period_start":"2025-11-01T00:00:00.000Z","#,
            r#""used":90}"#
        );
        assert_eq!(data.to_string(), expected);
    }
}
