//! Files that say who sells and who buys.
//!
//! Reading is strict: a member that nobody reads is a slip of the pen, and on an invoice slips are expensive.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use documents::Logo;
use domain::FieldError;
use domain::invoice::{Bank, Buyer, Seller, plain_iban};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// A seller file that was read and checked.
pub(crate) struct SellerFile {
    pub(crate) seller: Seller,
    pub(crate) invoice_prefix: Option<String>,
    pub(crate) credit_prefix: Option<String>,
    pub(crate) logo: Option<LogoFile>,
}

/// A logo that can be drawn.
pub(crate) struct LogoFile {
    pub(crate) bytes: Bytes,
    pub(crate) extension: &'static str,
    pub(crate) media_type: &'static str,
}

/// A buyer file that was read and checked.
pub(crate) struct BuyerFile {
    pub(crate) buyer: Buyer,
    pub(crate) payment_days: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SellerText {
    invoice_prefix: Option<String>,
    credit_prefix: Option<String>,
    logo: Option<PathBuf>,
    seller: Seller,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuyerText {
    payment_days: Option<u8>,
    buyer: Buyer,
}

/// Longest term of payment, as for sellers.
const MAX_PAYMENT_DAYS: u8 = 180;

pub(crate) fn read_seller(file: &Path) -> anyhow::Result<SellerFile> {
    let text = read(file)?;
    let SellerText {
        invoice_prefix,
        credit_prefix,
        logo,
        mut seller,
    } = parse(&text, file)?;
    let mut faults = unread(&text, "seller", &seller)?;
    if let Some(Bank { iban, .. }) = &mut seller.bank {
        *iban = plain_iban(iban);
    }
    faults.extend(below("/seller", seller.faults()));
    let prefixes = [
        ("/invoice_prefix", &invoice_prefix),
        ("/credit_prefix", &credit_prefix),
    ];
    for (pointer, prefix) in prefixes {
        let shaped = |prefix: &String| {
            (1..=8).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_uppercase())
        };
        if prefix.as_ref().is_some_and(|prefix| !shaped(prefix)) {
            faults.push(FieldError::new(
                pointer,
                "malformed",
                "one to eight letters A to Z",
            ));
        }
    }
    refuse(file, &faults)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let logo = logo.map(|name| {
        let path = folder.join(&name);
        read_logo(&path).with_context(|| format!("{}: /logo {}", file.display(), name.display()))
    });
    Ok(SellerFile {
        seller,
        invoice_prefix,
        credit_prefix,
        logo: logo.transpose()?,
    })
}

pub(crate) fn read_buyer(file: &Path) -> anyhow::Result<BuyerFile> {
    let text = read(file)?;
    let BuyerText {
        payment_days,
        buyer,
    } = parse(&text, file)?;
    let mut faults = unread(&text, "buyer", &buyer)?;
    faults.extend(below("/buyer", buyer.faults()));
    if payment_days.is_some_and(|days| days > MAX_PAYMENT_DAYS) {
        faults.push(FieldError::new(
            "/payment_days",
            "out_of_range",
            "at most 180 days",
        ));
    }
    refuse(file, &faults)?;
    Ok(BuyerFile {
        buyer,
        payment_days,
    })
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn parse<T: DeserializeOwned>(text: &str, file: &Path) -> anyhow::Result<T> {
    toml::from_str(text).with_context(|| format!("{} cannot be read", file.display()))
}

fn refuse(file: &Path, faults: &[FieldError]) -> anyhow::Result<()> {
    let list: Vec<String> = faults
        .iter()
        .map(|fault| format!("\n    {fault}"))
        .collect();
    ensure!(
        faults.is_empty(),
        "{} has {} faults, nothing was changed{}",
        file.display(),
        faults.len(),
        list.concat()
    );
    Ok(())
}

fn below(parent: &str, faults: Vec<FieldError>) -> impl Iterator<Item = FieldError> + '_ {
    faults.into_iter().map(move |fault| FieldError {
        pointer: format!("{parent}{}", fault.pointer),
        ..fault
    })
}

/// Members of the file that what was read from it does not have.
fn unread<T: serde::Serialize>(
    text: &str,
    table: &str,
    read: &T,
) -> anyhow::Result<Vec<FieldError>> {
    let whole: Table = text.parse()?;
    let Some(given) = whole.get(table) else {
        bail!("the table [{table}] is missing");
    };
    let mut faults = Vec::new();
    compare(
        given,
        &Value::try_from(read)?,
        &format!("/{table}"),
        &mut faults,
    );
    Ok(faults)
}

fn compare(given: &Value, read: &Value, at: &str, faults: &mut Vec<FieldError>) {
    match (given, read) {
        (Value::Table(given), Value::Table(read)) => {
            for (name, value) in given {
                let at = format!("{at}/{name}");
                match read.get(name) {
                    Some(read) => compare(value, read, &at, faults),
                    // An empty list is left out when it is written.
                    None if value.as_array().is_some_and(Vec::is_empty) => {}
                    None => faults.push(FieldError::new(at, "unknown", "there is no such member")),
                }
            }
        }
        (Value::Array(given), Value::Array(read)) => {
            for (index, (given, read)) in given.iter().zip(read).enumerate() {
                compare(given, read, &format!("{at}/{index}"), faults);
            }
        }
        _ => {}
    }
}

fn read_logo(path: &Path) -> anyhow::Result<LogoFile> {
    let size = std::fs::metadata(path)?.len();
    ensure!(
        size <= documents::MAX_LOGO_BYTES as u64,
        "it has {size} bytes, {} are the most",
        documents::MAX_LOGO_BYTES
    );
    let bytes = Bytes::from(std::fs::read(path)?);
    Logo::read(&bytes)?;
    let (extension, media_type) = match bytes.first() {
        Some(0x89) => ("png", "image/png"),
        _ => ("jpg", "image/jpeg"),
    };
    Ok(LogoFile {
        bytes,
        extension,
        media_type,
    })
}
