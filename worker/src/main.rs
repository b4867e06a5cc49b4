//! The worker process.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: worker::WorkerArgs = service::parse("127.0.0.1:9102+");
    let common = args.common.clone();
    service::run(worker::ROLE, &common, async move |context| {
        worker::start(context, args).await
    })
}
