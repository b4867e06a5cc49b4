//! Standard output carries data, standard error everything else.

use std::io::Write;

use serde::Serialize;

/// A line of data. A closed pipe is not an error: the reader has seen enough.
pub(crate) fn data(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A value as data, in readable JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    data(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A line about what is going on.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
