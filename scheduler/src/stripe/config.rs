//! Settings of Stripe.

use secrecy::SecretString;

/// Where invoices are collected, if an operator wants that.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Stripe")]
pub struct StripeArgs {
    /// Secret or restricted key (`sk_…`, `rk_…`) of the account that collects invoices; it writes customers,
    /// invoices and invoice items. Without it nothing is sent to Stripe and everything else works
    #[arg(
        long,
        env = "ATELIER_STRIPE_SECRET_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub stripe_secret_key: Option<SecretString>,

    /// Where Stripe is, without a slash at the end
    #[arg(
        long,
        env = "ATELIER_STRIPE_BASE_URL",
        value_name = "URL",
        default_value = "https://api.stripe.com"
    )]
    pub stripe_base_url: String,

    /// Milliseconds one request to Stripe may take; one that takes longer is repeated under the same key
    // Stripe's own libraries wait 80 s; its slow answers are those under a lock, which a repeat meets as 409.
    #[arg(long, env = "ATELIER_STRIPE_TIMEOUT_MS", value_name = "MS", default_value_t = 20_000,
          value_parser = clap::value_parser!(u64).range(100..=25_000))]
    pub stripe_timeout_ms: u64,
}
