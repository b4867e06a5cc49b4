//! Who sells and who buys, as a document keeps them.
//!
//! These are snapshots: an issued document holds the seller and the buyer as they were, whatever becomes
//! of them later.

use serde::{Deserialize, Serialize};

use super::country::Country;
use super::notes::Language;
use super::vat_id::VatId;

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street and number, building, floor: three lines at most reach the XML.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Post code.
    #[serde(default)]
    pub postcode: String,
    /// City.
    #[serde(default)]
    pub city: String,
    /// State or province, where an address needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Country.
    pub country: Country,
}

/// An entry in a public register, such as a SIREN or a UID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// What it is called on paper: `SIREN`, `UID`, `HRB`.
    pub label: String,
    /// The identifier.
    pub id: String,
    /// Its scheme of ISO/IEC 6523, such as `0002` for SIREN; without one it is on paper only, but for
    /// the first, which is the legal registration (BT-30, BT-47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contact {
    /// A person or a department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// An account to pay into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bank {
    /// The IBAN, without spaces.
    pub iban: String,
    /// The BIC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bic: Option<String>,
    /// The bank's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How the seller stands to VAT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "regime", rename_all = "snake_case")]
pub enum SellerVat {
    /// Charges VAT.
    Registered {
        /// Its number.
        vat_id: VatId,
        /// Whether it declares consumers' VAT of all member states through the one-stop shop. Without it
        /// a consumer elsewhere in the Union is charged the seller's own rate, which is right up to
        /// 10,000 EUR a year (Directive 2006/112/EC art. 59c).
        #[serde(default)]
        oss: bool,
    },
    /// Is not subject to VAT, such as a Swiss company with a turnover below 100,000 CHF: category O, and
    /// no VAT number on the document (BR-O-02).
    NotSubject {
        /// Another number that the tax office knows it by (BT-32).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tax_number: Option<String>,
    },
    /// Exempt as a small business of a member state: category E at home.
    SmallBusiness {
        /// The number the tax office knows it by (BT-32).
        tax_number: String,
        /// What the law wants said, such as `TVA non applicable, art. 293 B du CGI`.
        text: String,
        /// The code, such as `VATEX-FR-FRANCHISE`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vatex: Option<String>,
        /// A VAT number, which it needs to sell to businesses elsewhere in the Union.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vat_id: Option<VatId>,
    },
}

/// What the seller asks of those who pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Days from issue until payment is due.
    pub payment_days: u32,
    /// More sentences for the foot of the page, as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Who sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seller {
    /// Legal name (BT-27).
    pub name: String,
    /// The name it trades under, where another (BT-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trading_name: Option<String>,
    /// Legal form and capital, as some laws want them on paper (BT-33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_form: Option<String>,
    /// Where its logo lies, under a key made of the logo's content: a document keeps the logo of its day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// Where it is established.
    pub address: Address,
    /// Registers it stands in; the first is the legal one.
    #[serde(default)]
    pub registrations: Vec<Registration>,
    /// How it stands to VAT.
    pub vat: SellerVat,
    /// Whom to ask.
    #[serde(default)]
    pub contact: Contact,
    /// Where to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<Bank>,
    /// What it asks of those who pay.
    pub terms: Terms,
}

impl Seller {
    /// Its VAT number, where it has one.
    pub fn vat_id(&self) -> Option<&VatId> {
        match &self.vat {
            SellerVat::Registered { vat_id, .. } => Some(vat_id),
            SellerVat::SmallBusiness { vat_id, .. } => vat_id.as_ref(),
            SellerVat::NotSubject { .. } => None,
        }
    }

    /// Another number that the tax office knows it by, where it has one.
    pub fn tax_number(&self) -> Option<&str> {
        match &self.vat {
            SellerVat::Registered { .. } => None,
            SellerVat::NotSubject { tax_number } => tax_number.as_deref(),
            SellerVat::SmallBusiness { tax_number, .. } => Some(tax_number),
        }
    }
}

/// Who buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    /// Legal name (BT-44).
    pub name: String,
    /// Where it is established.
    pub address: Address,
    /// Registers it stands in; the first is the legal one (BT-47).
    #[serde(default)]
    pub registrations: Vec<Registration>,
    /// Its VAT number: with one it is a business to us (BT-48).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<VatId>,
    /// Who receives the document.
    #[serde(default)]
    pub contact: Contact,
    /// The language of the document.
    #[serde(default)]
    pub language: Language,
    /// A reference the buyer wants to see (BT-10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The buyer's order number (BT-13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
}

impl Buyer {
    /// Whether it has a VAT number of a member state, which is how we know a business in the Union.
    pub fn is_eu_business(&self) -> bool {
        self.vat_id
            .as_ref()
            .is_some_and(|id| id.country().in_eu_vat_area())
    }
}
