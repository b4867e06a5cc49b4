//! Where this command takes its chance from: the operating system's generator.

use rand::TryRngCore;
use rand::rngs::OsRng;

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

/// A key of 128 random bits behind `prefix`.
pub(crate) fn key(prefix: &str) -> anyhow::Result<String> {
    Ok(format!("{prefix}{:032x}", u128::from_be_bytes(bytes()?)))
}
