//! What charges are called on a document, in the buyer's language.

use super::line::Unit;
use super::notes::Language;
use super::statement::{Charge, ChargeKind};
use crate::lane::Plan;
use crate::usage::Metric;

/// The description of a charge (BT-153).
pub fn describe(charge: &Charge, language: Language) -> String {
    let metric = charge.metric.map_or("", |metric| name(metric, language));
    let plan = charge.plan.map_or("", title);
    let mut text = match charge.kind {
        ChargeKind::Fee => language.pick(format!("{plan} plan"), format!("Abonnement {plan}")),
        ChargeKind::Included => {
            language.pick(format!("{metric}, included"), format!("{metric}, compris"))
        }
        ChargeKind::Overage => language.pick(
            format!("{metric} beyond those included, {plan} plan"),
            format!("{metric} au-delà du forfait {plan}"),
        ),
    };
    if charge.unit == Unit::Day {
        let (days, of_days) = (charge.quantity, charge.of_days);
        text.push_str(&language.pick(
            format!(", {days} of {of_days} days"),
            format!(", {days} jours sur {of_days}"),
        ));
    }
    if charge.late {
        text.push_str(&language.pick(
            format!(", reported late, period from {}", charge.from),
            format!(", déclarées après la période commencée le {}", charge.from),
        ));
    }
    text
}

fn title(plan: Plan) -> &'static str {
    match plan {
        Plan::Free => "Free",
        Plan::Starter => "Starter",
        Plan::Professional => "Professional",
        Plan::Enterprise => "Enterprise",
    }
}

fn name(metric: Metric, language: Language) -> &'static str {
    match metric {
        Metric::Generation => language.pick("Generations", "Générations"),
        Metric::ArView => language.pick("Views in augmented reality", "Vues en réalité augmentée"),
        Metric::ApiCall => language.pick("API calls", "Appels de l’API"),
        Metric::Storage => language.pick(
            "Stored pictures, in megabytes per day",
            "Images stockées, en mégaoctets par jour",
        ),
        Metric::WebhookDelivery => language.pick("Webhooks delivered", "Webhooks livrés"),
    }
}
