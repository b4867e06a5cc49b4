//! What is wrong with a seller or a buyer before it stands on a document.
//!
//! Reading has checked the shapes already: countries, VAT numbers, languages. Here is what parts have to do with
//! each other, and what a document will want of them.

use super::country::Country;
use super::iban::{is_bic, is_iban};
use super::party::{Address, Bank, Buyer, Contact, Registration, Seller, SellerVat};
use super::vat_id::VatId;
use super::vat_rates::STANDARD_RATES;
use crate::field_error::FieldError;

/// Longest term of payment, in days: the law of the Union allows 60 between businesses (Directive 2011/7/EU
/// art. 3), others more; what is longer is a slip of the pen.
const MAX_PAYMENT_DAYS: u32 = 180;
/// Lines of an address that reach the XML (BT-35, BT-36, BT-162).
const MAX_ADDRESS_LINES: usize = 3;
/// Longest of any text here; a page has little room.
const MAX_TEXT_CHARS: usize = 200;

struct Faults(Vec<FieldError>);

impl Faults {
    fn unless(&mut self, holds: bool, pointer: &str, code: &'static str, detail: &str) {
        if !holds {
            self.0.push(FieldError::new(pointer, code, detail));
        }
    }

    fn text(&mut self, pointer: &str, text: &str) {
        let named = !text.trim().is_empty();
        self.unless(named, pointer, "required", "it must not be empty");
        let short = text.chars().count() <= MAX_TEXT_CHARS;
        self.unless(short, pointer, "too_long", "at most 200 characters");
        let plain = !text.chars().any(char::is_control);
        self.unless(plain, pointer, "malformed", "no control characters");
    }

    fn optional(&mut self, pointer: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(pointer, text);
        }
    }

    fn address(&mut self, address: &Address) {
        let Address {
            lines,
            postcode,
            city,
            region,
            country: _,
        } = address;
        let few = lines.len() <= MAX_ADDRESS_LINES;
        self.unless(few, "/address/lines", "too_many", "at most three lines");
        for (at, line) in lines.iter().enumerate() {
            self.text(&format!("/address/lines/{at}"), line);
        }
        if !postcode.is_empty() {
            self.text("/address/postcode", postcode);
        }
        self.text("/address/city", city);
        self.optional("/address/region", region.as_deref());
    }

    fn registrations(&mut self, registrations: &[Registration]) {
        for (at, Registration { label, id, scheme }) in registrations.iter().enumerate() {
            self.text(&format!("/registrations/{at}/label"), label);
            self.text(&format!("/registrations/{at}/id"), id);
            let shaped = scheme
                .as_deref()
                .is_none_or(|s| s.len() == 4 && s.bytes().all(|b| b.is_ascii_digit()));
            let pointer = format!("/registrations/{at}/scheme");
            let detail = "a code of four digits of ISO/IEC 6523, such as 0002 for SIREN";
            self.unless(shaped, &pointer, "malformed", detail);
        }
    }

    fn contact(&mut self, contact: &Contact) {
        let Contact { name, email, phone } = contact;
        self.optional("/contact/name", name.as_deref());
        self.optional("/contact/phone", phone.as_deref());
        let address = email.as_deref().unwrap_or("a@b");
        let mail = address
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        let mail = mail && !address.contains(char::is_whitespace);
        self.unless(mail, "/contact/email", "malformed", "name@host is expected");
    }

    fn bank(&mut self, bank: &Bank) {
        let Bank { iban, bic, name } = bank;
        let detail = "the check digits of this IBAN are wrong; write it without spaces";
        self.unless(is_iban(iban), "/bank/iban", "malformed", detail);
        let right = bic.as_deref().is_none_or(is_bic);
        let detail = "eight or eleven letters and digits";
        self.unless(right, "/bank/bic", "malformed", detail);
        self.optional("/bank/name", name.as_deref());
    }
}

fn has_rate(country: Country) -> bool {
    let territory = country.vat_territory();
    let mut rows = STANDARD_RATES.iter();
    rows.any(|row| row.country == territory.as_str())
}

fn belongs(id: &VatId, country: Country) -> bool {
    id.country().vat_territory() == country.vat_territory()
}

impl Seller {
    /// Everything that would keep this seller from issuing a document. Pointers begin at the seller.
    pub fn faults(&self) -> Vec<FieldError> {
        let mut faults = Faults(Vec::new());
        faults.text("/name", &self.name);
        faults.optional("/trading_name", self.trading_name.as_deref());
        faults.optional("/legal_form", self.legal_form.as_deref());
        faults.address(&self.address);
        // A document must name the seller by a number (BR-CO-26), and where a sale is outside VAT it must not be
        // the VAT number (BR-O-02).
        let named = !self.registrations.is_empty();
        let detail = "one registration at least, such as a SIREN or a UID";
        faults.unless(named, "/registrations", "required", detail);
        faults.registrations(&self.registrations);
        faults.contact(&self.contact);
        if let Some(bank) = &self.bank {
            faults.bank(bank);
        }
        let short = self.terms.payment_days <= MAX_PAYMENT_DAYS;
        let detail = "at most 180 days";
        faults.unless(short, "/terms/payment_days", "out_of_range", detail);
        for (at, note) in self.terms.notes.iter().enumerate() {
            let plain = !note.trim().is_empty() && !note.chars().any(char::is_control);
            let pointer = format!("/terms/notes/{at}");
            faults.unless(plain, &pointer, "malformed", "a sentence on one line");
        }
        self.check_vat(&mut faults);
        faults.0
    }

    fn check_vat(&self, faults: &mut Faults) {
        let country = self.address.country;
        if let Some(id) = self.vat_id() {
            let detail = "the number is of another country than the address";
            faults.unless(belongs(id, country), "/vat/vat_id", "contradiction", detail);
        }
        match &self.vat {
            SellerVat::Registered { .. } => {
                let detail = "no standard rate of this country is known; \
                              the table has the EU, the United Kingdom and Switzerland";
                let known = has_rate(country);
                faults.unless(known, "/address/country", "unknown_rate", detail);
            }
            SellerVat::NotSubject { .. } => {}
            SellerVat::SmallBusiness {
                tax_number, text, ..
            } => {
                faults.text("/vat/tax_number", tax_number);
                faults.text("/vat/text", text);
                let eu = country.in_eu_vat_area();
                let detail =
                    "the scheme for small businesses is the Union's; elsewhere use not_subject";
                faults.unless(eu, "/vat/regime", "contradiction", detail);
            }
        }
    }
}

impl Buyer {
    /// Everything that would keep this buyer off a document. Pointers begin at the buyer.
    pub fn faults(&self) -> Vec<FieldError> {
        let mut faults = Faults(Vec::new());
        faults.text("/name", &self.name);
        faults.address(&self.address);
        faults.registrations(&self.registrations);
        faults.contact(&self.contact);
        faults.optional("/reference", self.reference.as_deref());
        faults.optional("/order_number", self.order_number.as_deref());
        if let Some(id) = &self.vat_id {
            // A business of a member state buys with its own number; which one decides who owes the tax.
            let right = belongs(id, self.address.country);
            let detail = "the number is of another country than the address";
            faults.unless(right, "/vat_id", "contradiction", detail);
        }
        faults.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{buyer_in, seller_in};
    use super::super::*;

    /// Breaks a party.
    type Change<T> = fn(&mut T);

    fn pointers(faults: Vec<crate::FieldError>) -> Vec<String> {
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn sound_parties_have_no_faults() {
        for country in ["FR", "RO", "CH", "GB", "DE"] {
            assert_eq!(seller_in(country).faults(), [], "{country}");
        }
        assert_eq!(buyer_in("DE", Some("DE123456789")).faults(), []);
        assert_eq!(buyer_in("MC", Some("FR40303265045")).faults(), []);
        assert_eq!(buyer_in("US", None).faults(), []);
    }

    #[test]
    fn each_fault_of_a_seller_is_named_where_it_is() {
        let changes: [(&str, Change<Seller>); 11] = [
            ("/name", |s| s.name = " ".into()),
            ("/address/city", |s| s.address.city.clear()),
            ("/address/lines", |s| s.address.lines = vec!["x".into(); 4]),
            ("/registrations/0/scheme", |s| {
                s.registrations[0].scheme = Some("SIREN".into())
            }),
            ("/contact/email", |s| s.contact.email = Some("x y@z".into())),
            ("/bank/iban", |s| {
                s.bank = Some(Bank {
                    iban: "FR7630006000011234567890188".into(),
                    bic: None,
                    name: None,
                })
            }),
            ("/terms/payment_days", |s| s.terms.payment_days = 181),
            ("/terms/notes/0", |s| s.terms.notes = vec!["a\nb".into()]),
            ("/vat/vat_id", |s| s.address.country = "DE".parse().unwrap()),
            ("/registrations", |s| s.registrations.clear()),
            ("/trading_name", |s| s.trading_name = Some("x".repeat(201))),
        ];
        for (pointer, change) in changes {
            let mut seller = seller_in("FR");
            change(&mut seller);
            assert_eq!(pointers(seller.faults()), [pointer]);
        }
        let mut abroad = seller_in("FR");
        abroad.address.country = "US".parse().unwrap();
        assert_eq!(
            pointers(abroad.faults()),
            ["/vat/vat_id", "/address/country"]
        );
    }

    #[test]
    fn a_buyer_with_a_number_of_another_country_is_told() {
        let buyer = buyer_in("FR", Some("DE123456789"));
        assert_eq!(pointers(buyer.faults()), ["/vat_id"]);
    }
}
