//! Lines of the XML (BG-25).

use domain::invoice::{Document, Line, Period, Vat, VatCategory};

use super::amount;
use super::xml::Xml;

pub(super) fn line(xml: &mut Xml, number: usize, line: &Line, document: &Document) {
    let least_decimals = document.head.currency.exponent();
    xml.within("ram:IncludedSupplyChainTradeLineItem", |xml| {
        xml.within("ram:AssociatedDocumentLineDocument", |xml| {
            xml.text("ram:LineID", &number.to_string());
        });
        xml.within("ram:SpecifiedTradeProduct", |xml| {
            xml.text("ram:Name", &line.description);
        });
        xml.within("ram:SpecifiedLineTradeAgreement", |xml| {
            xml.within("ram:NetPriceProductTradePrice", |xml| {
                let price = line.unit_price.to_decimal(least_decimals);
                xml.text("ram:ChargeAmount", &price);
            });
        });
        xml.within("ram:SpecifiedLineTradeDelivery", |xml| {
            let unit = [("unitCode", line.unit.code())];
            xml.text_with("ram:BilledQuantity", &unit, &line.quantity.to_decimal());
        });
        xml.within("ram:SpecifiedLineTradeSettlement", |xml| {
            xml.within("ram:ApplicableTradeTax", |xml| category(xml, &line.vat));
            if let Some(of) = line.period {
                period(xml, of);
            }
            xml.within("ram:SpecifiedTradeSettlementLineMonetarySummation", |xml| {
                xml.text("ram:LineTotalAmount", &amount(document, line.net))
            });
        });
    });
}

/// Tax of a line or of an allowance; without a rate outside the scope of VAT (BR-O-05, BR-O-06).
pub(super) fn category(xml: &mut Xml, vat: &Vat) {
    xml.text("ram:TypeCode", "VAT");
    xml.text("ram:CategoryCode", vat.category.as_str());
    if vat.category != VatCategory::O {
        xml.text("ram:RateApplicablePercent", &vat.rate.to_decimal());
    }
}

pub(super) fn period(xml: &mut Xml, period: Period) {
    xml.within("ram:BillingSpecifiedPeriod", |xml| {
        xml.within("ram:StartDateTime", |xml| {
            xml.date("udt:DateTimeString", period.from);
        });
        xml.within("ram:EndDateTime", |xml| {
            xml.date("udt:DateTimeString", period.to);
        });
    });
}
