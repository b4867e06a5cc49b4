//! The `api-lite` process: HTTP intake and reads.

use std::process::ExitCode;

fn main() -> ExitCode {
    let config: api_lite::Config = service::parse(api_lite::DEFAULT_ADMIN_LISTEN);
    service::run(api_lite::ROLE, &config.common, async |context| {
        Ok(api_lite::start(&context, &config).await?.ready())
    })
}
