//! Writes an invoice, one of several pages, one for abroad and a credit note into a folder: `docs/invoice.png` is
//! the first of them. `docs/billing.md` has the command.

#![allow(clippy::unwrap_used, reason = "an example")]

#[path = "../tests/it/samples.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
mod samples;

use std::path::PathBuf;

use documents::Logo;

const LOGO: &[u8] = include_bytes!("../tests/logo.png");

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let logo = Logo::read(LOGO).unwrap();
    for (name, document) in [
        ("invoice", samples::french_invoice()),
        ("invoice-long", samples::long_invoice(60)),
        (
            "invoice-abroad",
            samples::invoice(
                samples::swiss_seller(),
                samples::buyer("GB", Some("GB123456789")),
            ),
        ),
        ("credit-note", samples::credit_note()),
    ] {
        // A seller without a logo has a mark of its name.
        let logo = (name != "invoice-abroad").then_some(&logo);
        let files = documents::render(&document, logo).unwrap();
        std::fs::write(folder.join(format!("{name}.pdf")), files.pdf).unwrap();
        std::fs::write(folder.join(format!("{name}.xml")), files.xml).unwrap();
    }
}
