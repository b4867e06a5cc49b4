//! What is counted, and the ids that keep anything from being counted twice.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{BrandId, GenerationId};
use crate::lane::UnknownName;

/// What a `"UsageRecord"` counts: its `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// One finished generation.
    Generation,
    /// One view in augmented reality.
    ArView,
    /// One call of the API.
    ApiCall,
    /// Megabytes of pictures stored on a day: a megabyte kept for a month is about thirty.
    Storage,
    /// One delivered webhook.
    WebhookDelivery,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 5] = [
        Self::Generation,
        Self::ArView,
        Self::ApiCall,
        Self::Storage,
        Self::WebhookDelivery,
    ];

    /// The name in `"UsageRecord".type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::ArView => "ar_view",
            Self::ApiCall => "api_call",
            Self::Storage => "storage",
            Self::WebhookDelivery => "webhook_delivery",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Metric {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.as_str() == text)
            .ok_or_else(|| UnknownName(text.to_owned()))
    }
}

/// The id of a `"UsageRecord"`: derived from the fact it records, so that the primary key itself
/// refuses to bill the fact a second time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct UsageId(String);

impl UsageId {
    /// The record of a finished generation: `generation:<id>`.
    pub fn generation(id: GenerationId) -> Self {
        Self(format!("{}:{}", Metric::Generation, id.as_text()))
    }

    /// The record of the `n`-th view of a generation in augmented reality: `ar_view:<id>:<n>`. The
    /// number is the row's `arViewCount` after the view.
    pub fn ar_view(id: GenerationId, n: u64) -> Self {
        Self(format!("{}:{}:{n}", Metric::ArView, id.as_text()))
    }

    /// The record of the API calls of a brand that one process counted in one of its intervals:
    /// `api_call:<brand>:<process>:<interval>`. Writing an interval again writes the same record.
    pub fn api_calls(brand: &BrandId, process: Uuid, interval: u64) -> Self {
        Self(format!("{}:{brand}:{process}:{interval}", Metric::ApiCall))
    }

    /// The record of what a brand had stored on a day: `storage:<brand>:<day>`.
    pub fn storage(brand: &BrandId, day: NaiveDate) -> Self {
        Self(format!("{}:{brand}:{day}", Metric::Storage))
    }

    /// The record of a webhook that was delivered: `webhook_delivery:<event>:<endpoint>`. A delivery that is
    /// sent again by hand is the same delivery.
    pub fn webhook_delivery(event: Uuid, endpoint: &str) -> Self {
        Self(format!("{}:{event}:{endpoint}", Metric::WebhookDelivery))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UsageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_derived_from_the_fact_alone() {
        let id = GenerationId(Uuid::from_u128(1));
        let text = "00000000-0000-0000-0000-000000000001";
        assert_eq!(
            UsageId::generation(id).as_str(),
            format!("generation:{text}")
        );
        assert_eq!(
            UsageId::ar_view(id, 3).as_str(),
            format!("ar_view:{text}:3")
        );
        assert_ne!(UsageId::ar_view(id, 3), UsageId::ar_view(id, 4));
        let (brand, process) = (BrandId::from("b"), Uuid::from_u128(1));
        assert_eq!(
            UsageId::api_calls(&brand, process, 7).as_str(),
            format!("api_call:b:{text}:7")
        );
        let day = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        assert_eq!(
            UsageId::storage(&brand, day).as_str(),
            "storage:b:2026-03-01"
        );
        assert_eq!(
            UsageId::webhook_delivery(process, "w").as_str(),
            format!("webhook_delivery:{text}:w")
        );
    }

    #[test]
    fn metric_names_read_back() {
        for metric in Metric::ALL {
            assert_eq!(metric.as_str().parse::<Metric>().unwrap(), metric);
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.as_str());
        }
    }
}
