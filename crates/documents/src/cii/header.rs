//! Parties, payment, tax and totals of the XML.

use domain::invoice::{
    Address, Adjustment, AdjustmentKind, Buyer, Contact, Document, Kind, Registration, Seller,
    SellerVat, VatCategory,
};

use super::xml::Xml;
use super::{amount, lines, outside_scope};
use crate::words;

/// Parties and references (BG-4, BG-7).
pub(super) fn agreement(xml: &mut Xml, document: &Document) {
    let (seller, buyer) = (&document.head.seller, &document.head.buyer);
    let outside = outside_scope(document);
    xml.within("ram:ApplicableHeaderTradeAgreement", |xml| {
        xml.optional("ram:BuyerReference", buyer.reference.as_deref());
        xml.within("ram:SellerTradeParty", |xml| {
            self::seller(xml, seller, outside);
        });
        xml.within("ram:BuyerTradeParty", |xml| {
            self::buyer(xml, buyer, outside);
        });
        if let Some(order) = &buyer.order_number {
            xml.within("ram:BuyerOrderReferencedDocument", |xml| {
                xml.text("ram:IssuerAssignedID", order);
            });
        }
    });
}

fn seller(xml: &mut Xml, seller: &Seller, outside: bool) {
    xml.text("ram:Name", &seller.name);
    xml.optional("ram:Description", seller.legal_form.as_deref());
    organisation(xml, &seller.registrations, seller.trading_name.as_deref());
    contact(xml, &seller.contact);
    address(xml, &seller.address);
    electronic_address(xml, &seller.contact);
    // Outside the scope of VAT the number must not stand as a VAT number (BR-O-02), but the law of the
    // seller's country may want it on the document: it goes where other tax numbers go (BT-32).
    match seller.vat_id() {
        Some(id) if !outside => tax_number(xml, "VA", id.as_str()),
        Some(id) if matches!(seller.vat, SellerVat::Registered { .. }) => {
            tax_number(xml, "FC", id.as_str());
        }
        _ => {}
    }
    if let Some(number) = seller.tax_number() {
        tax_number(xml, "FC", number);
    }
}

fn buyer(xml: &mut Xml, buyer: &Buyer, outside: bool) {
    xml.text("ram:Name", &buyer.name);
    organisation(xml, &buyer.registrations, None);
    contact(xml, &buyer.contact);
    address(xml, &buyer.address);
    electronic_address(xml, &buyer.contact);
    if let Some(id) = buyer.vat_id.as_ref().filter(|_| !outside) {
        tax_number(xml, "VA", id.as_str());
    }
}

fn organisation(xml: &mut Xml, registrations: &[Registration], trading_name: Option<&str>) {
    let legal = registrations.first();
    if legal.is_none() && trading_name.is_none() {
        return;
    }
    xml.within("ram:SpecifiedLegalOrganization", |xml| {
        if let Some(Registration { id, scheme, .. }) = legal {
            match scheme {
                Some(scheme) => xml.text_with("ram:ID", &[("schemeID", scheme)], id),
                None => xml.text("ram:ID", id),
            }
        }
        xml.optional("ram:TradingBusinessName", trading_name);
    });
}

fn contact(xml: &mut Xml, contact: &Contact) {
    if *contact == Contact::default() {
        return;
    }
    xml.within("ram:DefinedTradeContact", |xml| {
        xml.optional("ram:PersonName", contact.name.as_deref());
        if let Some(phone) = &contact.phone {
            xml.within("ram:TelephoneUniversalCommunication", |xml| {
                xml.text("ram:CompleteNumber", phone);
            });
        }
        if let Some(email) = &contact.email {
            xml.within("ram:EmailURIUniversalCommunication", |xml| {
                xml.text("ram:URIID", email);
            });
        }
    });
}

fn address(xml: &mut Xml, address: &Address) {
    xml.within("ram:PostalTradeAddress", |xml| {
        xml.optional("ram:PostcodeCode", Some(&address.postcode));
        let mut lines = address.lines.iter().filter(|line| !line.trim().is_empty());
        for name in ["ram:LineOne", "ram:LineTwo", "ram:LineThree"] {
            xml.optional(name, lines.next().map(String::as_str));
        }
        xml.optional("ram:CityName", Some(&address.city));
        xml.text("ram:CountryID", address.country.as_str());
        xml.optional("ram:CountrySubDivisionName", address.region.as_deref());
    });
}

/// Where the document can be sent (BT-34, BT-49): EM is the scheme of mail addresses.
fn electronic_address(xml: &mut Xml, contact: &Contact) {
    if let Some(email) = &contact.email {
        xml.within("ram:URIUniversalCommunication", |xml| {
            xml.text_with("ram:URIID", &[("schemeID", "EM")], email);
        });
    }
}

fn tax_number(xml: &mut Xml, scheme: &str, id: &str) {
    xml.within("ram:SpecifiedTaxRegistration", |xml| {
        xml.text_with("ram:ID", &[("schemeID", scheme)], id);
    });
}

/// When it was supplied (BT-72): the last day of the period.
pub(super) fn delivery(xml: &mut Xml, document: &Document) {
    xml.within("ram:ApplicableHeaderTradeDelivery", |xml| {
        xml.within("ram:ActualDeliverySupplyChainEvent", |xml| {
            xml.within("ram:OccurrenceDateTime", |xml| {
                xml.date("udt:DateTimeString", document.head.period.to);
            });
        });
    });
}

/// Payment, tax and totals (BG-16, BG-23, BG-22).
pub(super) fn settlement(xml: &mut Xml, document: &Document, number: &str) {
    let head = &document.head;
    xml.within("ram:ApplicableHeaderTradeSettlement", |xml| {
        xml.text("ram:PaymentReference", number);
        xml.text("ram:InvoiceCurrencyCode", head.currency.as_str());
        payment_means(xml, document);
        for group in &document.totals.groups {
            xml.within("ram:ApplicableTradeTax", |xml| {
                xml.text("ram:CalculatedAmount", &amount(document, group.tax));
                xml.text("ram:TypeCode", "VAT");
                let reason = group.exemption.as_ref();
                xml.optional("ram:ExemptionReason", reason.map(|r| r.text.as_str()));
                xml.text("ram:BasisAmount", &amount(document, group.taxable));
                xml.text("ram:CategoryCode", group.category.as_str());
                xml.optional(
                    "ram:ExemptionReasonCode",
                    reason.and_then(|r| r.vatex.as_deref()),
                );
                if group.category != VatCategory::O {
                    xml.text("ram:RateApplicablePercent", &group.rate.to_decimal());
                }
            });
        }
        lines::period(xml, head.period);
        for adjustment in &document.adjustments {
            allowance_or_charge(xml, adjustment, document);
        }
        if let Some(due) = head.due_on.filter(|_| head.kind == Kind::Invoice) {
            xml.within("ram:SpecifiedTradePaymentTerms", |xml| {
                xml.text("ram:Description", &words::terms(document));
                xml.within("ram:DueDateDateTime", |xml| {
                    xml.date("udt:DateTimeString", due);
                });
            });
        }
        summation(xml, document);
        if let Kind::CreditNote { corrects } = &head.kind {
            xml.within("ram:InvoiceReferencedDocument", |xml| {
                xml.text("ram:IssuerAssignedID", &corrects.number);
                xml.within("ram:FormattedIssueDateTime", |xml| {
                    xml.date("qdt:DateTimeString", corrects.issued_on);
                });
            });
        }
    });
}

fn payment_means(xml: &mut Xml, document: &Document) {
    let seller = &document.head.seller;
    let Some(bank) = seller
        .bank
        .as_ref()
        .filter(|_| document.head.kind == Kind::Invoice)
    else {
        return;
    };
    xml.within("ram:SpecifiedTradeSettlementPaymentMeans", |xml| {
        // 58 is a SEPA credit transfer, which is in euro; 30 is any other.
        let sepa = document.head.currency.as_str() == "EUR";
        xml.text("ram:TypeCode", if sepa { "58" } else { "30" });
        xml.within("ram:PayeePartyCreditorFinancialAccount", |xml| {
            xml.text("ram:IBANID", &bank.iban);
            xml.text("ram:AccountName", &seller.name);
        });
        if let Some(bic) = &bank.bic {
            xml.within("ram:PayeeSpecifiedCreditorFinancialInstitution", |xml| {
                xml.text("ram:BICID", bic);
            });
        }
    });
}

fn allowance_or_charge(xml: &mut Xml, adjustment: &Adjustment, document: &Document) {
    xml.within("ram:SpecifiedTradeAllowanceCharge", |xml| {
        xml.within("ram:ChargeIndicator", |xml| {
            let charge = adjustment.kind == AdjustmentKind::Charge;
            xml.text("udt:Indicator", if charge { "true" } else { "false" });
        });
        xml.text("ram:ActualAmount", &amount(document, adjustment.amount));
        xml.text("ram:Reason", &adjustment.reason);
        xml.within("ram:CategoryTradeTax", |xml| {
            lines::category(xml, &adjustment.vat);
        });
    });
}

fn summation(xml: &mut Xml, document: &Document) {
    let totals = &document.totals;
    let currency = [("currencyID", document.head.currency.as_str())];
    let written = |value| amount(document, value);
    xml.within(
        "ram:SpecifiedTradeSettlementHeaderMonetarySummation",
        |xml| {
            xml.text("ram:LineTotalAmount", &written(totals.lines));
            xml.text("ram:ChargeTotalAmount", &written(totals.charges));
            xml.text("ram:AllowanceTotalAmount", &written(totals.allowances));
            xml.text("ram:TaxBasisTotalAmount", &written(totals.net));
            xml.text_with("ram:TaxTotalAmount", &currency, &written(totals.vat));
            xml.text("ram:GrandTotalAmount", &written(totals.gross));
            xml.text("ram:TotalPrepaidAmount", &written(totals.paid));
            xml.text("ram:DuePayableAmount", &written(totals.due));
        },
    );
}
