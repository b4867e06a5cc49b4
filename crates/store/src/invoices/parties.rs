//! Who buys, as a document keeps it. Who sells stands in [`crate::sellers`].

use domain::invoice::{Address, Buyer, Contact, Country, Language, Seller, VatId};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::PgConnection;

use crate::error::StoreError;

/// Who buys, and in how many days it pays.
pub(super) struct Party {
    pub(super) buyer: Buyer,
    pub(super) payment_days: u32,
}

/// The buyer of a brand: its billing profile, or what `"Brand"` says.
///
/// A brand without a country that we can read is taken to be in the seller's, so that VAT is charged where it
/// is not known that none is due; a VAT number that is not one is left out, with the same effect. French is
/// written to French addresses, English to all others.
pub(super) async fn read_buyer(
    connection: &mut PgConnection,
    brand: &str,
    seller: &Seller,
) -> Result<Party, StoreError> {
    let profile = sqlx::query!(
        r#"-- store::invoices::billing_profile
        SELECT buyer, payment_days FROM atelier.billing_profile WHERE brand_id = $1"#,
        brand
    )
    .fetch_optional(&mut *connection)
    .await?;
    let usual = seller.terms.payment_days;
    if let Some(row) = profile {
        let days = row.payment_days.and_then(|days| u32::try_from(days).ok());
        return Ok(Party {
            buyer: parsed("atelier.billing_profile", "buyer", brand, row.buyer)?,
            payment_days: days.unwrap_or(usual),
        });
    }
    let row = sqlx::query!(
        r#"-- store::invoices::buyer
        SELECT name, "companyName" AS company, "vatNumber" AS vat_number, address, city, country,
            "postalCode" AS postcode, phone
        FROM "Brand" WHERE id = $1"#,
        brand
    )
    .fetch_optional(connection)
    .await?;
    let home = seller.address.country;
    let buyer = match row {
        None => buyer(brand.to_owned(), home),
        Some(row) => {
            let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
            let code = given(row.country).map(|code| code.trim().to_uppercase());
            let country: Option<Country> = code.and_then(|code| code.parse().ok());
            let mut buyer = buyer(
                given(row.company).unwrap_or(row.name),
                country.unwrap_or(home),
            );
            let lines = given(row.address);
            buyer.address.lines = lines
                .iter()
                .flat_map(|text| text.lines())
                .map(|line| line.trim().to_owned())
                .filter(|line| !line.is_empty())
                .collect();
            buyer.address.city = row.city.unwrap_or_default();
            buyer.address.postcode = row.postcode.unwrap_or_default();
            buyer.contact.phone = given(row.phone);
            let vat_id: Option<VatId> = given(row.vat_number).and_then(|id| id.parse().ok());
            buyer.vat_id = vat_id;
            buyer
        }
    };
    Ok(Party {
        buyer,
        payment_days: usual,
    })
}

fn buyer(name: String, country: Country) -> Buyer {
    Buyer {
        name,
        address: Address {
            lines: Vec::new(),
            postcode: String::new(),
            city: String::new(),
            region: None,
            country,
        },
        registrations: Vec::new(),
        vat_id: None,
        contact: Contact::default(),
        language: match country.vat_territory().as_str() {
            "FR" => Language::Fr,
            _ => Language::En,
        },
        reference: None,
        order_number: None,
    }
}

fn parsed<T: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    id: &str,
    value: Value,
) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|error| StoreError::Inconsistent {
        table,
        column,
        id: id.to_owned(),
        detail: error.to_string(),
    })
}
