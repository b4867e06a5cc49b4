//! The endpoints: one file per group.

mod account;
mod answers;
mod ar;
mod callback;
mod cancel;
mod create;
mod dashboard;
mod generations;
mod invoices;
mod made;
mod media;
mod paging;
mod products;
mod stripe;
mod webhooks;
mod widget;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::layer;
use crate::problem::{Code, Problem};

/// Every route's pattern: the closed set of metric labels. A test compares it with the router.
pub(crate) const PATHS: &[&str] = &[
    "/api/v1/generation",
    "/api/v1/generation/create",
    "/api/v1/generation/dashboard/create",
    "/api/v1/generation/{public_id}",
    "/api/v1/generation/{public_id}/ar",
    "/api/v1/generation/{public_id}/status",
    "/media/base/{file}",
    "/media/{public_id}/{variant}",
    "/openapi.json",
    "/v1/generations",
    "/v1/generations/{id}",
    "/v1/generations/{id}/ar",
    "/v1/generations/{id}/cancel",
    "/v1/invoices",
    "/v1/invoices/{id}",
    "/v1/invoices/{id}/pdf",
    "/v1/invoices/{id}/xml",
    "/v1/products",
    "/v1/products/{id}",
    "/v1/quota",
    "/v1/usage",
    "/v1/webhooks",
    "/v1/webhooks/{id}",
    "/v1/webhooks/{id}/deliveries",
    "/v1/webhooks/{id}/deliveries/{message}",
    "/v1/webhooks/{id}/deliveries/{message}/resend",
    "/v1/webhooks/{id}/disable",
    "/v1/webhooks/{id}/enable",
    "/v1/webhooks/{id}/jobs",
    "/v1/webhooks/{id}/jobs/{job}",
    "/v1/webhooks/{id}/jobs/{job}/cancel",
    "/v1/webhooks/{id}/recover",
    "/v1/webhooks/{id}/replay",
    "/v1/webhooks/{id}/replay-missing",
    "/v1/webhooks/{id}/rotate",
    "/v1/webhooks/{id}/secrets",
    "/v1/webhooks/{id}/signing-key",
    "/v1/webhooks/{id}/test",
    CALLBACK,
    STRIPE_WEBHOOK,
];

/// Where Replicate announces; no part of the API for brands, so it is not documented with it.
const CALLBACK: &str = "/v1/providers/replicate/webhook/{attempt}";

/// Where Stripe tells; no part of the API for brands either.
const STRIPE_WEBHOOK: &str = "/v1/stripe/webhook";

/// The documented routes, and their description.
pub(crate) fn documented() -> (Router<App>, OpenApi) {
    OpenApiRouter::new()
        .routes(routes!(
            create::create_generation,
            generations::list_generations
        ))
        .routes(routes!(generations::get_generation))
        .routes(routes!(cancel::cancel_generation))
        .routes(routes!(ar::get_ar))
        .routes(routes!(products::list_products))
        .routes(routes!(products::get_product))
        .routes(routes!(account::get_quota))
        .routes(routes!(account::get_usage))
        .merge(documented_webhooks())
        .routes(routes!(invoices::list_invoices))
        .routes(routes!(invoices::get_invoice))
        .routes(routes!(invoices::get_invoice_pdf))
        .routes(routes!(invoices::get_invoice_xml))
        .routes(routes!(media::get_media))
        .routes(routes!(media::get_base_image))
        .routes(routes!(widget::create))
        .routes(routes!(widget::get_status))
        .routes(routes!(widget::get_detail))
        .routes(routes!(widget::get_ar))
        .routes(routes!(dashboard::create))
        .routes(routes!(dashboard::list))
        .split_for_parts()
}

fn documented_webhooks() -> OpenApiRouter<App> {
    use webhooks::{deliveries, endpoints, repairs, secrets};
    OpenApiRouter::new()
        .routes(routes!(endpoints::create_webhook, endpoints::list_webhooks))
        .routes(routes!(
            endpoints::get_webhook,
            endpoints::update_webhook,
            endpoints::delete_webhook
        ))
        .routes(routes!(endpoints::enable_webhook))
        .routes(routes!(endpoints::disable_webhook))
        .routes(routes!(secrets::list_secrets))
        .routes(routes!(secrets::rotate_secret))
        .routes(routes!(secrets::delete_signing_key))
        .routes(routes!(deliveries::test_webhook))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(deliveries::get_delivery))
        .routes(routes!(deliveries::resend_delivery))
        .routes(routes!(repairs::recover_deliveries))
        .routes(routes!(repairs::replay_deliveries))
        .routes(routes!(repairs::replay_missing))
        .routes(routes!(repairs::list_webhook_jobs))
        .routes(routes!(repairs::get_webhook_job))
        .routes(routes!(repairs::cancel_webhook_job))
}

/// Everything the API's port answers.
pub(crate) fn router(app: App) -> Router {
    let (router, _) = documented();
    router
        .route("/openapi.json", get(crate::openapi::serve))
        .route(CALLBACK, post(callback::replicate))
        .route(STRIPE_WEBHOOK, post(stripe::webhook))
        .fallback(async || Problem::from(Code::UnknownRoute))
        .layer(from_fn_with_state(app.clone(), layer::observe))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_of_paths_is_the_routers() {
        let (_, document) = documented();
        let mut routed: BTreeSet<&str> = document.paths.paths.keys().map(String::as_str).collect();
        routed.insert("/openapi.json");
        routed.insert(CALLBACK);
        routed.insert(STRIPE_WEBHOOK);
        assert_eq!(routed, PATHS.iter().copied().collect());
    }
}
