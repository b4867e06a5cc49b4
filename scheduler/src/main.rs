//! The scheduler process.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: scheduler::SchedulerArgs = service::parse(scheduler::DEFAULT_ADMIN_LISTEN);
    let common = args.common.clone();
    service::run(scheduler::ROLE, &common, async move |context| {
        scheduler::start(&context, &args).await
    })
}
