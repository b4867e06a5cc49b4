//! Programs of this workspace, and what is left of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long anything may take on a machine that builds at the same time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `atelier` itself; the roles lie beside it.
pub fn atelier() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_atelier"))
}

/// A role's program. `./test` builds all of them before the tests run.
pub fn role(name: &str) -> PathBuf {
    let program = atelier().parent().unwrap().join(name);
    assert!(
        program.is_file(),
        "{} is missing: cargo build --workspace --bins",
        program.display()
    );
    program
}

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// `atelier` without any setting of the surroundings.
pub fn command() -> Command {
    let mut command = Command::new(atelier());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ATELIER_") {
            command.env_remove(&name);
        }
    }
    command.current_dir(root());
    command
}

/// Whether a process with this number exists and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let listed = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// Sends a signal to a process that this test started.
pub fn signal(name: &str, pid: u32) {
    let done = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(done.success(), "kill -s {name} {pid}");
}

/// Whether somebody listens on a port of this machine.
pub fn is_listening(url: &str) -> bool {
    let address = url.split("://").nth(1).unwrap();
    let host = address
        .rsplit('@')
        .next()
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    std::net::TcpStream::connect(host).is_ok()
}

/// The folders in `folder`, for comparing before and after.
pub fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
