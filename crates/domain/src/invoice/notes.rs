//! Sentences the law wants on a document, in English and French.

use serde::{Deserialize, Serialize};

use super::party::{Buyer, Seller};

/// The language of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Language {
    /// The language we write for a tag such as `fr-CH`; English where we do not know it.
    pub fn of_tag(tag: &str) -> Self {
        let first = tag.split(['-', '_']).next().unwrap_or_default();
        if first.eq_ignore_ascii_case("fr") {
            Self::Fr
        } else {
            Self::En
        }
    }

    /// The one of two texts that is in this language.
    pub fn pick<T>(self, english: T, french: T) -> T {
        match self {
            Self::En => english,
            Self::Fr => french,
        }
    }

    /// The tag of BCP 47.
    pub fn tag(self) -> &'static str {
        self.pick("en", "fr")
    }
}

/// What must be said about payment between these two, besides the due date.
///
/// With a party in France: that there is no discount for early payment, the rate of the penalties, and
/// the 40 EUR for recovery (code de commerce, art. L441-9, L441-10 II and D441-5). Then the seller's own
/// sentences. Why a line bears no VAT stands in its [`Exemption`](super::Exemption).
pub fn legal_notes(seller: &Seller, buyer: &Buyer) -> Vec<String> {
    let mut notes = Vec::new();
    let french = [seller.address.country, buyer.address.country]
        .into_iter()
        .any(|country| country.vat_territory().as_str() == "FR");
    if french {
        notes.push(
            buyer
                .language
                .pick(
                    "No discount for early payment. Late payment bears penalties at the European \
                     Central Bank's refinancing rate plus 10 points, and a fixed sum of EUR 40 for \
                     recovery costs (French code de commerce, art. L441-10 and D441-5).",
                    "Pas d’escompte pour paiement anticipé. Tout retard de paiement entraîne des \
                     pénalités au taux de refinancement de la Banque centrale européenne majoré de 10 \
                     points, et une indemnité forfaitaire de 40 € pour frais de recouvrement (code de \
                     commerce, art. L441-10 et D441-5).",
                )
                .to_owned(),
        );
    }
    notes.extend(seller.terms.notes.iter().cloned());
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_any_region_is_its_language() {
        for (tag, language) in [
            ("fr", Language::Fr),
            ("FR_be", Language::Fr),
            ("fr-CH", Language::Fr),
            ("en", Language::En),
            ("de", Language::En),
            ("", Language::En),
            ("fro", Language::En),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
    }
}
