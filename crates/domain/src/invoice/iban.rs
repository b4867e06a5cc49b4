//! Account numbers.

/// Shortest IBAN in use (Norway's) and the longest that ISO 13616 allows.
const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// An IBAN as documents keep it: upper case, without spaces.
pub fn plain_iban(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_whitespace());
    kept.map(|c| c.to_ascii_uppercase()).collect()
}

/// Whether the check digits of a plain IBAN are right (ISO 13616, by the remainder to 97 of ISO 7064): a digit
/// that is wrong or two that changed places are found.
pub fn is_iban(plain: &str) -> bool {
    let bytes = plain.as_bytes();
    let (Some(country), Some(digits)) = (bytes.get(..2), bytes.get(2..4)) else {
        return false;
    };
    let shaped = LENGTHS.contains(&bytes.len())
        && country.iter().all(u8::is_ascii_uppercase)
        && digits.iter().all(u8::is_ascii_digit)
        && bytes
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let turned = bytes.iter().skip(4).chain(bytes.iter().take(4));
    let remainder = turned.fold(0_u32, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        letter => (sum * 100 + u32::from(letter.saturating_sub(b'A')) + 10) % 97,
    });
    shaped && remainder == 1
}

/// Whether it has the shape of a BIC (ISO 9362): eight or eleven characters.
pub fn is_bic(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.len(), 8 | 11)
        && bytes.iter().take(6).all(u8::is_ascii_uppercase)
        && bytes
            .iter()
            .skip(6)
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_find_what_people_mistype() {
        // Examples of the IBAN registry of SWIFT.
        for good in [
            "CH9300762011623852957",
            "FR1420041010050500013M02606",
            "DE89370400440532013000",
            "GB29NWBK60161331926819",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            assert!(is_iban(good), "{good}");
        }
        for bad in [
            "",
            "CH",
            "CH9300762011623852975",
            "CH9400762011623852957",
            "CH93 0076 2011 6238 5295 7",
            "ch9300762011623852957",
            "DE8937040044053201300é",
            "0089370400440532013000",
        ] {
            assert!(!is_iban(bad), "{bad}");
        }
        assert_eq!(
            plain_iban("ch93 0076 2011 6238 5295 7"),
            "CH9300762011623852957"
        );
    }

    #[test]
    fn a_bic_has_eight_or_eleven_characters() {
        for good in ["AGRIFRPP", "POFICHBEXXX", "DEUTDEFF500"] {
            assert!(is_bic(good), "{good}");
        }
        for bad in ["", "AGRIFRP", "AGRIFRPPX", "agrifrpp", "AGR1FRPP"] {
            assert!(!is_bic(bad), "{bad}");
        }
    }
}
