//! Writes an invoice, one of several pages, and a credit note into a folder: `docs/invoice.png` is the
//! first of them. `docs/invoices.md` has the command.

#![allow(clippy::unwrap_used, reason = "an example")]

#[path = "../tests/it/samples.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
mod samples;

use std::path::PathBuf;

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
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
        let files = documents::render(&document).unwrap();
        std::fs::write(folder.join(format!("{name}.pdf")), files.pdf).unwrap();
        std::fs::write(folder.join(format!("{name}.xml")), files.xml).unwrap();
    }
}
