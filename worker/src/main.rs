//! The worker process.

use std::process::ExitCode;

/// Pictures are allocations of megabytes, and the system's allocator gives each back to the kernel:
/// faulting them in again was measured to be a fifth of a composed picture's processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args: worker::WorkerArgs = service::parse("127.0.0.1:9102+");
    let common = args.common.clone();
    service::run(worker::ROLE, &common, async move |context| {
        worker::start(context, args).await
    })
}
