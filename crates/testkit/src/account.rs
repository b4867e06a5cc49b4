//! The account servers run under.
//!
//! PostgreSQL refuses to run as root, and a root Redis reachable from the loopback interface would be
//! a gift to every other account of the machine. As root, servers therefore run as `postgres` or, where
//! that account does not exist, as `nobody`. Otherwise they run as we do.

use std::process::{Command, Stdio};

use crate::error::ServerError;

/// Numbers of a user and its main group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// User number.
    pub uid: u32,
    /// Number of the user's main group.
    pub gid: u32,
}

impl Account {
    /// The account servers must switch to: `None` when we are not root.
    ///
    /// # Errors
    /// [`ServerError::NoAccount`] when we are root and neither `postgres` nor `nobody` exists.
    pub fn for_servers() -> Result<Option<Self>, ServerError> {
        // `id` is asked because the standard library has no name look-up, and macOS keeps its
        // accounts outside /etc/passwd.
        if id(&["-u"]) != Some(0) {
            return Ok(None);
        }
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| {
                Some(Self {
                    uid: id(&["-u", name])?,
                    gid: id(&["-g", name])?,
                })
            })
            .map_or(Err(ServerError::NoAccount), |account| Ok(Some(account)))
    }
}

fn id(args: &[&str]) -> Option<u32> {
    let output = Command::new("id")
        .args(args)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
