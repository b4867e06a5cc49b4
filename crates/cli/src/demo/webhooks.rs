//! What the demonstration's roles are told so that webhooks can be tried on this machine.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use crate::args::DemoArgs;
use crate::random;

/// Where the demonstration may send to: `atelier webhook listen` beside it.
const THIS_MACHINE: &str = "127.0.0.0/8";

/// A master key, made up where none is given, and the networks that may be sent to.
pub(super) fn settings(args: &DemoArgs) -> anyhow::Result<Vec<(String, String)>> {
    let keys = match &args.sealing_keys {
        Some(keys) => keys.expose_secret().to_owned(),
        None => format!("demo:{}", STANDARD.encode(random::bytes::<32>()?)),
    };
    let allowed = args.webhook_allow_cidrs.as_deref();
    Ok(vec![
        ("ATELIER_SEALING_KEYS".to_owned(), keys),
        (
            "ATELIER_WEBHOOK_ALLOW_CIDRS".to_owned(),
            allowed.unwrap_or(THIS_MACHINE).to_owned(),
        ),
    ])
}
