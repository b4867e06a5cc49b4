//! Standard VAT rates, dated: the 27 member states, the United Kingdom and Switzerland.
//!
//! A rate holds from its first day until the next row of the same country. Each row names its source.
//! The member states' rows were read on 22 November 2026 from the Commission's own records; no change
//! that had been enacted by then is missing to our knowledge. Reduced rates are not here: what Atelier
//! sells is taxed at the standard rate everywhere.

use chrono::{Datelike, NaiveDate};

use super::country::Country;
use super::vat::VatRate;

/// European Commission, DG TAXUD, "VAT rates applied in the Member States of the European Union",
/// section VIII, June 2021, the last edition.
const EC_TO_2021: &str =
    "European Commission, VAT rates applied in the Member States, June 2021, section VIII";
/// The Commission's database, which replaced that document.
const TEDB: &str = "European Commission, Taxes in Europe Database (TEDB)";
/// Germany's half-year cut, which neither of the two records.
const DE_2020: &str = "Zweites Corona-Steuerhilfegesetz, art. 3 (§ 28 UStG), BGBl. 2020 I 1512";
/// United Kingdom.
const GB_2010: &str = "Value Added Tax Act 1994 s. 2(1); Finance (No. 2) Act 2010 s. 3";
/// Switzerland, with Liechtenstein.
const CH_25: &str = "MWSTG (SR 641.20) art. 25 and its transitional rates; AHV 21 from 2024";

/// A country's standard rate from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateRow {
    /// ISO 3166-1 code.
    pub country: &'static str,
    /// First day, as year, month and day.
    pub from: (i32, u32, u32),
    /// The rate.
    pub rate: VatRate,
    /// Where it stands.
    pub source: &'static str,
}

const fn row(
    country: &'static str,
    from: (i32, u32, u32),
    hundredths: u32,
    source: &'static str,
) -> RateRow {
    RateRow {
        country,
        from,
        rate: VatRate::hundredths(hundredths),
        source,
    }
}

/// Every row, by country and then by date.
pub const STANDARD_RATES: &[RateRow] = &[
    row("AT", (1984, 1, 1), 2_000, EC_TO_2021),
    row("BE", (1996, 1, 1), 2_100, EC_TO_2021),
    row("BG", (1999, 1, 1), 2_000, EC_TO_2021),
    row("CY", (2013, 1, 14), 1_800, EC_TO_2021),
    row("CY", (2014, 1, 13), 1_900, EC_TO_2021),
    row("CZ", (2010, 1, 1), 2_000, EC_TO_2021),
    row("CZ", (2013, 1, 1), 2_100, EC_TO_2021),
    row("DE", (2007, 1, 1), 1_900, EC_TO_2021),
    row("DE", (2020, 7, 1), 1_600, DE_2020),
    row("DE", (2021, 1, 1), 1_900, DE_2020),
    row("DK", (1992, 1, 1), 2_500, EC_TO_2021),
    row("EE", (2009, 7, 1), 2_000, EC_TO_2021),
    row("EE", (2024, 1, 1), 2_200, TEDB),
    row("EE", (2025, 7, 1), 2_400, TEDB),
    row("ES", (2010, 7, 1), 1_800, EC_TO_2021),
    row("ES", (2012, 9, 1), 2_100, EC_TO_2021),
    row("FI", (2013, 1, 1), 2_400, EC_TO_2021),
    row("FI", (2024, 9, 1), 2_550, TEDB),
    row("FR", (2000, 4, 1), 1_960, EC_TO_2021),
    row("FR", (2014, 1, 1), 2_000, EC_TO_2021),
    row("GR", (2010, 7, 1), 2_300, EC_TO_2021),
    row("GR", (2016, 6, 1), 2_400, EC_TO_2021),
    row("HR", (2009, 8, 1), 2_300, EC_TO_2021),
    row("HR", (2012, 3, 1), 2_500, EC_TO_2021),
    row("HU", (2009, 7, 1), 2_500, EC_TO_2021),
    row("HU", (2012, 1, 1), 2_700, EC_TO_2021),
    row("IE", (2012, 1, 1), 2_300, EC_TO_2021),
    row("IE", (2020, 9, 1), 2_100, TEDB),
    row("IE", (2021, 3, 1), 2_300, TEDB),
    row("IT", (2011, 9, 17), 2_100, EC_TO_2021),
    row("IT", (2013, 10, 1), 2_200, EC_TO_2021),
    row("LT", (2009, 9, 1), 2_100, EC_TO_2021),
    row("LU", (2015, 1, 1), 1_700, EC_TO_2021),
    row("LU", (2023, 1, 1), 1_600, TEDB),
    row("LU", (2024, 1, 1), 1_700, TEDB),
    row("LV", (2011, 1, 1), 2_200, EC_TO_2021),
    row("LV", (2012, 7, 1), 2_100, EC_TO_2021),
    row("MT", (2004, 1, 1), 1_800, EC_TO_2021),
    row("NL", (2001, 1, 1), 1_900, EC_TO_2021),
    row("NL", (2012, 10, 1), 2_100, EC_TO_2021),
    row("PL", (2011, 1, 1), 2_300, EC_TO_2021),
    row("PT", (2011, 1, 1), 2_300, EC_TO_2021),
    row("RO", (2016, 1, 1), 2_000, EC_TO_2021),
    row("RO", (2017, 1, 1), 1_900, TEDB),
    row("RO", (2025, 8, 1), 2_100, TEDB),
    row("SE", (1990, 7, 1), 2_500, EC_TO_2021),
    row("SI", (2002, 1, 1), 2_000, EC_TO_2021),
    row("SI", (2013, 7, 1), 2_200, EC_TO_2021),
    row("SK", (2011, 1, 1), 2_000, EC_TO_2021),
    row("SK", (2025, 1, 1), 2_300, TEDB),
    row("GB", (2010, 1, 1), 1_750, GB_2010),
    row("GB", (2011, 1, 4), 2_000, GB_2010),
    row("CH", (2011, 1, 1), 800, CH_25),
    row("CH", (2018, 1, 1), 770, CH_25),
    row("CH", (2024, 1, 1), 810, CH_25),
];

/// The standard rate of `country`'s VAT territory on `date`; `None` where the table has none.
pub fn standard_rate(country: Country, date: NaiveDate) -> Option<VatRate> {
    let territory = country.vat_territory();
    let day = (date.year(), date.month(), date.day());
    STANDARD_RATES
        .iter()
        .rfind(|row| row.country == territory.as_str() && row.from <= day)
        .map(|row| row.rate)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rate(country: &str, date: &str) -> Option<String> {
        standard_rate(country.parse().unwrap(), date.parse().unwrap()).map(VatRate::to_decimal)
    }

    #[test]
    fn a_rate_holds_from_its_day_on() {
        for (country, day_before, old, first_day, new) in [
            ("FI", "2024-08-31", "24", "2024-09-01", "25.5"),
            ("SK", "2024-12-31", "20", "2025-01-01", "23"),
            ("EE", "2023-12-31", "20", "2024-01-01", "22"),
            ("EE", "2025-06-30", "22", "2025-07-01", "24"),
            ("RO", "2025-07-31", "19", "2025-08-01", "21"),
            ("LU", "2023-12-31", "16", "2024-01-01", "17"),
            ("CH", "2023-12-31", "7.7", "2024-01-01", "8.1"),
            ("LI", "2023-12-31", "7.7", "2024-01-01", "8.1"),
            ("DE", "2020-06-30", "19", "2020-07-01", "16"),
            ("DE", "2020-12-31", "16", "2021-01-01", "19"),
            ("IE", "2021-02-28", "21", "2021-03-01", "23"),
            ("GB", "2011-01-03", "17.5", "2011-01-04", "20"),
            ("FR", "2013-12-31", "19.6", "2014-01-01", "20"),
        ] {
            assert_eq!(rate(country, day_before).as_deref(), Some(old), "{country}");
            assert_eq!(rate(country, first_day).as_deref(), Some(new), "{country}");
        }
    }

    #[test]
    fn the_rates_of_today() {
        let today = [
            ("AT", "20"),
            ("BE", "21"),
            ("BG", "20"),
            ("CY", "19"),
            ("CZ", "21"),
            ("DE", "19"),
            ("DK", "25"),
            ("EE", "24"),
            ("ES", "21"),
            ("FI", "25.5"),
            ("FR", "20"),
            ("GR", "24"),
            ("HR", "25"),
            ("HU", "27"),
            ("IE", "23"),
            ("IT", "22"),
            ("LT", "21"),
            ("LU", "17"),
            ("LV", "21"),
            ("MT", "18"),
            ("NL", "21"),
            ("PL", "23"),
            ("PT", "23"),
            ("RO", "21"),
            ("SE", "25"),
            ("SI", "22"),
            ("SK", "23"),
            ("GB", "20"),
            ("CH", "8.1"),
            ("MC", "20"),
        ];
        for (country, expected) in today {
            assert_eq!(
                rate(country, "2026-11-22").as_deref(),
                Some(expected),
                "{country}"
            );
        }
        assert_eq!(rate("US", "2026-11-22"), None);
        assert_eq!(rate("FR", "1999-12-31"), None);
    }

    #[test]
    fn the_table_is_in_order_and_every_row_is_a_change() {
        for pair in STANDARD_RATES.windows(2) {
            if let [a, b] = pair
                && a.country == b.country
            {
                assert!(a.from < b.from && a.rate != b.rate, "{a:?} {b:?}");
            }
        }
        let countries: BTreeSet<_> = STANDARD_RATES.iter().map(|row| row.country).collect();
        assert_eq!(countries.len(), 29);
        for row in STANDARD_RATES {
            let (year, month, day) = row.from;
            assert!(
                NaiveDate::from_ymd_opt(year, month, day).is_some(),
                "{row:?}"
            );
            assert!(!row.source.is_empty());
        }
    }
}
