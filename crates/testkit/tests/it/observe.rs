//! What can be seen of processes and ports from outside.

use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::wait;
use tokio::net::TcpStream;

/// Long enough for a loaded machine; every wait here ends as soon as its predicate holds.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn is_alive(pid: u32) -> bool {
    // A zombie counts as dead: it holds neither port nor file.
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let state = String::from_utf8(output.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

pub fn owner_of(pid: u32) -> String {
    let output = Command::new("ps")
        .args(["-o", "user=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub async fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}

pub async fn wait_until_dead(pid: u32) {
    wait::until(&format!("process {pid} is gone"), PATIENCE, async || {
        !is_alive(pid)
    })
    .await
    .unwrap();
}
