//! Which VAT applies between a seller and a buyer.
//!
//! What Atelier sells is an electronically supplied service, so:
//!
//! | seller | buyer | treatment |
//! |---|---|---|
//! | not subject to VAT | anyone | O |
//! | small business | at home, or a consumer in the Union | E with its reason |
//! | registered | in the seller's territory | S at the territory's standard rate |
//! | registered in the Union | a business elsewhere in the Union | AE (Directive 2006/112/EC art. 44, 196) |
//! | registered in the Union | a consumer elsewhere in the Union | S at the consumer's rate with the one-stop shop (art. 58), else at the seller's (art. 59c) |
//! | registered in the Union | outside the Union | O: the place of supply is outside (art. 44, 59) |
//! | registered elsewhere | a consumer in the Union, with the one-stop shop | S at the consumer's rate (art. 58, 358a) |
//! | registered elsewhere | anyone else abroad | O |
//!
//! A business is who has a VAT number of a member state. Whether the number exists is not asked here.

use chrono::NaiveDate;

use super::country::Country;
use super::notes::Language;
use super::party::{Buyer, Seller, SellerVat};
use super::vat::{Vat, VatCategory};
use super::vat_rates::standard_rate;

/// Why no treatment can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreatmentError {
    /// The table of rates has no row.
    #[error("no standard VAT rate of {country} on {date} is known")]
    NoRate {
        /// Whose rate.
        country: Country,
        /// On which day.
        date: NaiveDate,
    },
    /// A small business sells to a business elsewhere in the Union and has no VAT number.
    #[error("the seller needs a VAT number to sell to a business elsewhere in the Union")]
    SellerNeedsVatId,
}

/// How what `seller` sells to `buyer` on `date`, the day of supply, is taxed.
///
/// # Errors
/// [`TreatmentError`]; an invoice cannot be made then.
pub fn vat_treatment(
    seller: &Seller,
    buyer: &Buyer,
    date: NaiveDate,
) -> Result<Vat, TreatmentError> {
    let home = seller.address.country.vat_territory();
    let there = buyer.address.country.vat_territory();
    let abroad_in_eu = there != home && there.in_eu_vat_area();
    match &seller.vat {
        SellerVat::NotSubject { .. } => Ok(not_subject(buyer.language)),
        SellerVat::SmallBusiness {
            text,
            vatex,
            vat_id,
            ..
        } => {
            if abroad_in_eu && buyer.is_eu_business() {
                return match vat_id {
                    Some(_) => Ok(reverse_charge(buyer.language)),
                    None => Err(TreatmentError::SellerNeedsVatId),
                };
            }
            if there == home || abroad_in_eu {
                return Ok(Vat::without(VatCategory::E, text.clone(), vatex.as_deref()));
            }
            Ok(outside(home, buyer))
        }
        SellerVat::Registered { oss, .. } => {
            if there == home {
                return standard(home, date);
            }
            match (home.in_eu_vat_area(), abroad_in_eu, buyer.is_eu_business()) {
                (true, true, true) => Ok(reverse_charge(buyer.language)),
                (true, true, false) => standard(if *oss { there } else { home }, date),
                (false, true, false) if *oss => standard(there, date),
                _ => Ok(outside(home, buyer)),
            }
        }
    }
}

fn standard(country: Country, date: NaiveDate) -> Result<Vat, TreatmentError> {
    standard_rate(country, date)
        .map(Vat::standard)
        .ok_or(TreatmentError::NoRate { country, date })
}

fn reverse_charge(language: Language) -> Vat {
    // Directive 2006/112/EC art. 226 point 11a wants these very words, in the language of the document.
    let text = language.pick(
        "Reverse charge: VAT is due by the recipient (Directive 2006/112/EC, art. 196)",
        "Autoliquidation : TVA due par le preneur (directive 2006/112/CE, art. 196)",
    );
    Vat::without(VatCategory::Ae, text, Some("VATEX-EU-AE"))
}

fn not_subject(language: Language) -> Vat {
    let text = language.pick(
        "Not subject to VAT: the seller is not registered for VAT",
        "Non soumis à la TVA : le vendeur n’est pas assujetti",
    );
    Vat::without(VatCategory::O, text, Some("VATEX-EU-O"))
}

fn outside(home: Country, buyer: &Buyer) -> Vat {
    let language = buyer.language;
    let whose = match (home.as_str(), home.in_eu_vat_area()) {
        (_, true) => language.pick("EU VAT", "la TVA de l’Union européenne"),
        ("CH", _) => language.pick("Swiss VAT", "la TVA suisse"),
        ("GB", _) => language.pick("UK VAT", "la TVA britannique"),
        _ => language.pick("VAT", "la TVA"),
    };
    let mut text = match language {
        Language::En => format!(
            "Outside the scope of {whose}: the service is supplied where the recipient is established"
        ),
        Language::Fr => {
            format!("Hors du champ de {whose} : prestation réputée fournie au lieu du preneur")
        }
    };
    // The recipient's own law makes it account for the tax: the Union's, or the United Kingdom's.
    let accounts = (buyer.is_eu_business() && buyer.address.country.in_eu_vat_area())
        || (buyer.address.country.vat_territory().as_str() == "GB" && buyer.vat_id.is_some());
    if accounts {
        text.push_str(language.pick(
            "; reverse charge by the recipient",
            " ; autoliquidation par le preneur",
        ));
    }
    Vat::without(VatCategory::O, text, Some("VATEX-EU-O"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{buyer_in, seller_in};
    use super::*;
    use VatCategory::{Ae, E, O, S};

    fn told(seller: &Seller, buyer: &Buyer) -> (VatCategory, String, String) {
        let vat = vat_treatment(seller, buyer, "2026-11-22".parse().unwrap()).unwrap();
        let why = vat.exemption.map(|e| e.text).unwrap_or_default();
        (vat.category, vat.rate.to_decimal(), why)
    }

    /// Home, the seller's regime, where the buyer is, its VAT number; category, rate, words of the reason.
    type Case = (
        &'static str,
        &'static str,
        &'static str,
        Option<&'static str>,
        VatCategory,
        &'static str,
        &'static str,
    );

    const CASES: &[Case] = &[
        // A Swiss company below the threshold charges nobody.
        ("CH", "none", "CH", None, O, "0", "not registered"),
        (
            "CH",
            "none",
            "FR",
            Some("FR40303265045"),
            O,
            "0",
            "not registered",
        ),
        ("CH", "none", "US", None, O, "0", "not registered"),
        // At home.
        ("FR", "registered", "FR", Some("FR40303265045"), S, "20", ""),
        ("FR", "registered", "FR", None, S, "20", ""),
        ("FR", "registered", "MC", None, S, "20", ""),
        ("CH", "registered", "LI", None, S, "8.1", ""),
        ("GB", "registered", "IM", None, S, "20", ""),
        // Within the Union.
        (
            "FR",
            "registered",
            "DE",
            Some("DE123456789"),
            Ae,
            "0",
            "Reverse charge",
        ),
        ("FR", "registered", "FI", None, S, "20", ""),
        ("FR", "oss", "FI", None, S, "25.5", ""),
        (
            "FR",
            "oss",
            "GR",
            Some("EL123456789"),
            Ae,
            "0",
            "Reverse charge",
        ),
        // Out of the Union.
        (
            "FR",
            "registered",
            "US",
            None,
            O,
            "0",
            "Outside the scope of EU VAT",
        ),
        (
            "FR",
            "oss",
            "CH",
            Some("CHE123456788MWST"),
            O,
            "0",
            "EU VAT",
        ),
        (
            "FR",
            "registered",
            "GB",
            Some("GB123456789"),
            O,
            "0",
            "reverse charge by the recipient",
        ),
        // Northern Ireland is the United Kingdom for services.
        (
            "FR",
            "registered",
            "GB",
            Some("XI123456789"),
            O,
            "0",
            "reverse charge by the recipient",
        ),
        // Into the Union.
        (
            "CH",
            "registered",
            "DE",
            Some("DE123456789"),
            O,
            "0",
            "Outside the scope of Swiss VAT",
        ),
        ("CH", "oss", "DE", None, S, "19", ""),
        ("CH", "registered", "DE", None, O, "0", "Swiss VAT"),
        (
            "GB",
            "registered",
            "IE",
            Some("IE6388047V"),
            O,
            "0",
            "UK VAT",
        ),
        // Small businesses.
        ("FR", "small", "FR", None, E, "0", "art. 293 B"),
        ("FR", "small", "DE", None, E, "0", "art. 293 B"),
        ("FR", "small", "US", None, O, "0", "Outside"),
    ];

    fn seller_of(home: &str, regime: &str) -> Seller {
        let mut seller = seller_in(home);
        match (regime, &mut seller.vat) {
            ("registered", _) => {}
            ("oss", SellerVat::Registered { oss, .. }) => *oss = true,
            ("none", vat) => *vat = SellerVat::NotSubject { tax_number: None },
            (_, vat) => {
                *vat = SellerVat::SmallBusiness {
                    tax_number: "303265045".into(),
                    text: "TVA non applicable, art. 293 B du CGI".into(),
                    vatex: Some("VATEX-FR-FRANCHISE".into()),
                    vat_id: None,
                }
            }
        }
        seller
    }

    #[test]
    fn every_row_of_the_table() {
        for (home, regime, there, buyers_id, category, rate, says) in CASES {
            let buyer = buyer_in(there, *buyers_id);
            let (is, at, why) = told(&seller_of(home, regime), &buyer);
            let case = format!("{home} {regime} to {there} {buyers_id:?}");
            assert_eq!((is, at.as_str()), (*category, *rate), "{case}");
            assert!(why.contains(says), "{case}: {why}");
            assert_eq!(is.needs_reason(), !why.is_empty(), "{case}");
        }
    }

    #[test]
    fn a_small_business_needs_a_number_for_a_business_abroad() {
        let mut seller = seller_in("FR");
        seller.vat = SellerVat::SmallBusiness {
            tax_number: "1".into(),
            text: "TVA non applicable, art. 293 B du CGI".into(),
            vatex: None,
            vat_id: None,
        };
        let buyer = buyer_in("DE", Some("DE123456789"));
        let date = "2026-11-22".parse().unwrap();
        assert_eq!(
            vat_treatment(&seller, &buyer, date),
            Err(TreatmentError::SellerNeedsVatId)
        );
        if let SellerVat::SmallBusiness { vat_id, .. } = &mut seller.vat {
            *vat_id = Some("FR40303265045".parse().unwrap());
        }
        assert_eq!(
            vat_treatment(&seller, &buyer, date).unwrap().category,
            VatCategory::Ae
        );
    }

    #[test]
    fn the_rate_is_that_of_the_day_of_supply() {
        let (seller, buyer) = (seller_in("RO"), buyer_in("RO", None));
        let rate = |date: &str| {
            vat_treatment(&seller, &buyer, date.parse().unwrap()).map(|vat| vat.rate.to_decimal())
        };
        assert_eq!(rate("2025-07-31").as_deref(), Ok("19"));
        assert_eq!(rate("2025-08-01").as_deref(), Ok("21"));
        assert!(matches!(
            rate("1999-01-01"),
            Err(TreatmentError::NoRate { .. })
        ));
    }
}
