//! Python and Node packages that tests run beside Atelier: official clients, other image libraries.
//!
//! Each set of packages is a folder of `setup/foreign`, with pinned versions. It is installed on first
//! use into `target/foreign/NAME`, and again when its files change. Any number of test processes may ask
//! at once: one installs, the others wait for its file lock.
//!
//! Everything here blocks, for a minute or two when something is to be installed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a foreign environment is not there.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// No such folder in `setup/foreign`, or not of this kind.
    #[error("setup/foreign/{name} has no {file}")]
    Unknown {
        /// The environment that was asked for.
        name: String,
        /// The file that makes it one.
        file: &'static str,
    },
    /// A program that installs packages is missing or failed.
    #[error("setting up the foreign environment {name}: `{command}` failed:\n{output}")]
    Install {
        /// The environment that was asked for.
        name: String,
        /// What was run.
        command: String,
        /// The end of what it said.
        output: String,
    },
    /// A system call failed.
    #[error("setting up the foreign environment {name}: {path}")]
    Io {
        /// The environment that was asked for.
        name: String,
        /// What was read or written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Python packages in an environment of their own.
#[derive(Debug, Clone)]
pub struct PythonEnv {
    folder: PathBuf,
}

impl PythonEnv {
    /// The interpreter that sees the packages.
    pub fn python(&self) -> PathBuf {
        self.folder.join("venv/bin/python")
    }

    /// `python SCRIPT`, without the caller's own Python settings.
    pub fn command(&self, script: impl AsRef<Path>) -> Command {
        let mut command = Command::new(self.python());
        command.arg(script.as_ref()).env_remove("PYTHONPATH");
        command
    }
}

/// Node packages in a folder of their own.
#[derive(Debug, Clone)]
pub struct NodeEnv {
    folder: PathBuf,
}

impl NodeEnv {
    /// The folder that holds `node_modules`. Programs that are ES modules must be copied here to see
    /// the packages; CommonJS programs see them from anywhere through [`command`](Self::command).
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `node SCRIPT` that finds the packages by `require`.
    pub fn command(&self, script: impl AsRef<Path>) -> Command {
        let mut command = Command::new("node");
        command
            .arg(script.as_ref())
            .env("NODE_PATH", self.folder.join("node_modules"));
        command
    }
}

/// The Python packages of `setup/foreign/NAME/requirements.txt`.
///
/// # Errors
/// [`ForeignError`] with what the installer said.
pub fn python_env(name: &str) -> Result<PythonEnv, ForeignError> {
    let installed = install(name, &["requirements.txt"], |folder| {
        let venv = folder.join("venv");
        run(
            name,
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&venv),
        )?;
        run(
            name,
            Command::new(venv.join("bin/python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "-r",
                ])
                .arg(folder.join("requirements.txt")),
        )
    })?;
    Ok(PythonEnv { folder: installed })
}

/// The Node packages of `setup/foreign/NAME/package-lock.json`.
///
/// # Errors
/// [`ForeignError`] with what the installer said.
pub fn node_env(name: &str) -> Result<NodeEnv, ForeignError> {
    let installed = install(name, &["package.json", "package-lock.json"], |folder| {
        run(
            name,
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(folder),
        )
    })?;
    Ok(NodeEnv { folder: installed })
}

/// Installs every environment that `setup/foreign` describes, one after the other; `each` is told the
/// name of one before it is set up.
///
/// # Errors
/// The first [`ForeignError`].
pub fn every_env(mut each: impl FnMut(&str)) -> Result<(), ForeignError> {
    let described = described();
    let listed = fs::read_dir(&described).map_err(|source| failed("*", &described, source))?;
    let mut names: Vec<String> = listed
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    for name in names {
        each(&name);
        if described.join(&name).join("requirements.txt").is_file() {
            python_env(&name)?;
        } else {
            node_env(&name)?;
        }
    }
    Ok(())
}

/// Copies `files` into the environment's folder and runs `installer` there, unless that was done with
/// the same files before.
fn install(
    name: &str,
    files: &[&'static str],
    installer: impl FnOnce(&Path) -> Result<(), ForeignError>,
) -> Result<PathBuf, ForeignError> {
    let folder = target().join("foreign").join(name);
    install_into(&folder, &described().join(name), name, files, installer)?;
    Ok(folder)
}

fn install_into(
    folder: &Path,
    source: &Path,
    name: &str,
    files: &[&'static str],
    installer: impl FnOnce(&Path) -> Result<(), ForeignError>,
) -> Result<(), ForeignError> {
    let mut wanted = String::new();
    for file in files {
        let text = fs::read_to_string(source.join(file)).map_err(|_| ForeignError::Unknown {
            name: name.to_owned(),
            file,
        })?;
        wanted.push_str(&text);
    }
    fs::create_dir_all(folder).map_err(|source| failed(name, folder, source))?;
    // Held until the end of this function; the system frees it if this process dies.
    let lock = folder.join("lock");
    let held = File::create(&lock).map_err(|source| failed(name, &lock, source))?;
    held.lock().map_err(|source| failed(name, &lock, source))?;
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    for file in files {
        let copy = folder.join(file);
        fs::copy(source.join(file), &copy).map_err(|source| failed(name, &copy, source))?;
    }
    installer(folder)?;
    fs::write(&stamp, &wanted).map_err(|source| failed(name, &stamp, source))
}

fn run(name: &str, command: &mut Command) -> Result<(), ForeignError> {
    let shown = format!("{command:?}");
    let failed = |output: String| ForeignError::Install {
        name: name.to_owned(),
        command: shown.clone(),
        output,
    };
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let end: Vec<&str> = said.lines().rev().take(20).collect();
    let end: Vec<&str> = end.into_iter().rev().collect();
    Err(failed(end.join("\n")))
}

fn failed(name: &str, path: &Path, source: io::Error) -> ForeignError {
    ForeignError::Io {
        name: name.to_owned(),
        path: path.to_owned(),
        source,
    }
}

fn described() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../setup/foreign")
}

/// Where cargo builds: two folders above a program, three above a test.
fn target() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|program| {
            program
                .ancestors()
                .find(|folder| folder.join("CACHEDIR.TAG").is_file())
                .map(Path::to_owned)
        })
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn an_environment_is_installed_once_and_again_when_its_files_change() {
        let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let runs = Cell::new(0);
        let ask = || {
            install_into(
                folder.path(),
                source.path(),
                "x",
                &["requirements.txt"],
                |at| {
                    assert!(at.join("requirements.txt").is_file());
                    runs.set(runs.get() + 1);
                    Ok(())
                },
            )
        };
        let file = source.path().join("requirements.txt");
        assert!(matches!(ask(), Err(ForeignError::Unknown { .. })));
        fs::write(&file, "one==1").unwrap();
        ask().unwrap();
        ask().unwrap();
        assert_eq!(runs.get(), 1);
        fs::write(&file, "one==2").unwrap();
        ask().unwrap();
        assert_eq!(runs.get(), 2);
    }

    #[test]
    fn a_failed_installation_is_tried_again_and_says_what_the_program_said() {
        let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(source.path().join("requirements.txt"), "").unwrap();
        for _ in 0..2 {
            let error = install_into(
                folder.path(),
                source.path(),
                "x",
                &["requirements.txt"],
                |_| {
                    run(
                        "x",
                        Command::new("sh").args(["-c", "echo no such version >&2; exit 3"]),
                    )
                },
            );
            let error = error.unwrap_err().to_string();
            assert!(error.contains("no such version"), "{error}");
        }
    }
}
