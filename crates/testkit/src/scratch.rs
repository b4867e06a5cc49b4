//! Temporary folders that disappear with us, and free ports.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::account::Account;
use crate::error::ServerError;
use crate::guard::{GuardSpec, Guarded};

/// A new temporary folder owned by `account`, with the guard that removes it.
///
/// The guard makes the folder itself, so there is no moment at which our death would leave it behind.
pub(crate) fn folder(
    name: &str,
    account: Option<Account>,
) -> Result<(PathBuf, Guarded), ServerError> {
    let base = base(account)?;
    let dir = base.join(format!("atelier-{name}-{}", Uuid::new_v4().simple()));
    let mut spec = GuardSpec::new("true");
    spec.account = account;
    spec.current_dir = Some(base);
    spec.dir = Some(dir.clone());
    let guard = Guarded::spawn(&spec)?;
    Ok((dir, guard))
}

/// The folder for temporary files. Another account may not be able to enter our own (`TMPDIR` of root
/// is often private), so then the first one open to everybody is taken.
fn base(account: Option<Account>) -> Result<PathBuf, ServerError> {
    let own = std::env::temp_dir();
    if account.is_none() {
        return Ok(own);
    }
    [own, PathBuf::from("/tmp"), PathBuf::from("/var/tmp")]
        .into_iter()
        .find(|folder| is_open_to_all(folder))
        .ok_or(ServerError::NoScratch)
}

fn is_open_to_all(folder: &Path) -> bool {
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.mode());
    mode(folder) & 0o007 == 0o007 && folder.ancestors().all(|above| mode(above) & 0o001 == 0o001)
}

/// A TCP port of the loopback interface that is free at this moment. Somebody else may take it before
/// it is used; whoever starts a server on it must be ready to try another.
pub(crate) fn free_port() -> Result<u16, ServerError> {
    let io = |source| ServerError::Io {
        doing: "looking for a free port",
        source,
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(io)?;
    Ok(listener.local_addr().map_err(io)?.port())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_below_a_private_one_is_not_open_to_all() {
        let private = tempfile::tempdir().unwrap();
        let inner = private.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::set_permissions(&inner, PermissionsExt::from_mode(0o1777)).unwrap();
        std::fs::set_permissions(private.path(), PermissionsExt::from_mode(0o700)).unwrap();
        assert!(!is_open_to_all(&inner));
        std::fs::set_permissions(private.path(), PermissionsExt::from_mode(0o755)).unwrap();
        assert!(is_open_to_all(&inner));
    }
}
