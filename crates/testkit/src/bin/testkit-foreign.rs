//! Installs every Python and Node environment that `setup/foreign` describes, so that no test has to
//! wait for it.

use std::io::{self, Write};

use testkit::foreign::{ForeignError, every_env};

fn main() -> Result<(), ForeignError> {
    let told = every_env(|name| {
        // Progress for whoever runs ./test; without a reader it goes nowhere.
        let _ = writeln!(io::stderr(), "testkit-foreign: {name}");
    });
    if let Err(error) = &told {
        let _ = writeln!(io::stderr(), "testkit-foreign: {error}");
    }
    told
}
