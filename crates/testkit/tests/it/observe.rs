//! What can be seen of processes and ports from outside.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::wait;
use tokio::net::TcpStream;

/// Long enough for a loaded machine; every wait here ends as soon as its predicate holds.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One process, as the system shows it.
pub struct Seen {
    pub state: String,
    pub parent: u32,
    pub group: u32,
}

/// `None` when there is no such process. Linux is asked through /proc, because a small installation
/// has no `ps`.
pub fn look_at(pid: u32) -> Option<Seen> {
    let line = if cfg!(target_os = "linux") {
        let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the last bracket may hold anything.
        line.rsplit_once(')')?.1.to_owned()
    } else {
        ask_ps(pid, "stat=,ppid=,pgid=")
    };
    let mut words = line.split_whitespace();
    Some(Seen {
        state: words.next()?.to_owned(),
        parent: words.next()?.parse().unwrap(),
        group: words.next()?.parse().unwrap(),
    })
}

fn ask_ps(pid: u32, columns: &str) -> String {
    let output = Command::new("ps")
        .args(["-o", columns, "-p", &pid.to_string()])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A zombie counts as dead: it holds neither port nor file.
pub fn is_alive(pid: u32) -> bool {
    look_at(pid).is_some_and(|seen| !seen.state.starts_with('Z'))
}

/// The number of the user a process runs as.
pub fn user_of(pid: u32) -> u32 {
    if cfg!(target_os = "linux") {
        std::fs::metadata(format!("/proc/{pid}")).unwrap().uid()
    } else {
        ask_ps(pid, "uid=").trim().parse().unwrap()
    }
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
