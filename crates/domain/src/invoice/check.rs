//! The rules of EN 16931 that a document can break, checked on the document itself.
//!
//! These are the business rules that concern amounts, VAT categories and what must be there; the rules
//! about code lists and syntax are kept by the types and by the writer of the XML. The official
//! Schematron judges the XML in the tests of the crate that writes it.

use std::fmt;

use super::document::{Document, Kind};
use super::line::Line;
use super::totals::{Totals, VatGroup};
use super::vat::{VatCategory, VatRate};

/// A rule that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name in EN 16931.
    pub rule: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

struct Found(Vec<Violation>);

impl Found {
    fn unless(&mut self, holds: bool, rule: impl Into<String>, what: impl Into<String>) {
        if !holds {
            self.0.push(Violation {
                rule: rule.into(),
                what: what.into(),
            });
        }
    }
}

impl Document {
    /// Every rule this document breaks; none for a document that was made by [`Document::new`].
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Found(Vec::new());
        self.check_head(&mut found);
        for (index, line) in self.lines.iter().enumerate() {
            self.check_line(index + 1, line, &mut found);
        }
        self.check_adjustments(&mut found);
        self.check_totals(&mut found);
        for group in &self.totals.groups {
            self.check_group(group, &mut found);
        }
        found.0
    }

    fn check_head(&self, found: &mut Found) {
        let head = &self.head;
        let named = |text: &str| !text.trim().is_empty();
        if let Some(number) = &head.number {
            found.unless(named(number), "BR-02", "the number is empty");
        }
        found.unless(named(&head.seller.name), "BR-06", "the seller has no name");
        found.unless(named(&head.buyer.name), "BR-07", "the buyer has no name");
        found.unless(!self.lines.is_empty(), "BR-16", "there are no lines");
        found.unless(
            head.period.from <= head.period.to,
            "BR-29",
            "the period ends before it begins",
        );
        if let Kind::CreditNote { corrects } = &head.kind {
            found.unless(
                named(&corrects.number),
                "BR-55",
                "the corrected invoice has no number",
            );
        }
        found.unless(
            self.totals.due.0 <= 0 || head.due_on.is_some(),
            "BR-CO-25",
            "something is to be paid, and no day is given",
        );
        // Where VAT does not apply, no VAT number may stand for the seller (BR-O-02).
        let outside = |group: &VatGroup| group.category == VatCategory::O;
        let by_vat_id = head.seller.vat_id().is_some() && !self.totals.groups.iter().any(outside);
        found.unless(
            by_vat_id || !head.seller.registrations.is_empty(),
            "BR-CO-26",
            "the seller has neither a registration nor a VAT number that may stand here",
        );
    }

    fn check_line(&self, number: usize, line: &Line, found: &mut Found) {
        let Line {
            description,
            period,
            quantity,
            unit_price,
            net,
            vat,
            metric: _,
            unit: _,
        } = line;
        found.unless(
            !description.trim().is_empty(),
            "BR-25",
            format!("line {number} has no description"),
        );
        found.unless(
            !unit_price.is_negative(),
            "BR-27",
            format!("line {number} has a negative price"),
        );
        found.unless(
            period.is_none_or(|period| period.from <= period.to),
            "BR-30",
            format!("the period of line {number} ends before it begins"),
        );
        found.unless(
            unit_price.times(*quantity, self.head.currency) == Ok(*net),
            "BT-131",
            format!("the net of line {number} is not quantity times price"),
        );
        rate_fits(
            vat.category,
            vat.rate,
            "05",
            &format!("line {number}"),
            found,
        );
    }

    fn check_adjustments(&self, found: &mut Found) {
        for adjustment in &self.adjustments {
            found.unless(
                !adjustment.reason.trim().is_empty(),
                "BR-CO-21",
                "an allowance or charge has no reason",
            );
            found.unless(
                adjustment.amount.0 >= 0,
                "BT-92",
                "an allowance or charge is negative",
            );
            let vat = &adjustment.vat;
            rate_fits(vat.category, vat.rate, "06", &adjustment.reason, found);
        }
    }

    /// BR-CO-10 to BR-CO-17: the totals are those of the lines.
    fn check_totals(&self, found: &mut Found) {
        let Ok(expected) = Totals::of(&self.lines, &self.adjustments, self.totals.paid) else {
            return found.unless(false, "BR-CO-10", "the lines cannot be added up");
        };
        let (is, should) = (&self.totals, &expected);
        let sums = [
            ("BR-CO-10", is.lines, should.lines),
            ("BR-CO-11", is.allowances, should.allowances),
            ("BR-CO-12", is.charges, should.charges),
            ("BR-CO-13", is.net, should.net),
            ("BR-CO-14", is.vat, should.vat),
            ("BR-CO-15", is.gross, should.gross),
            ("BR-CO-16", is.due, should.due),
        ];
        for (rule, is, should) in sums {
            let what = format!("{} where {} is right, in minor units", is.0, should.0);
            found.unless(is == should, rule, what);
        }
        let same = is.groups == should.groups;
        found.unless(
            same,
            "BR-CO-17",
            "the VAT breakdown is not that of the lines",
        );
    }

    fn check_group(&self, group: &VatGroup, found: &mut Found) {
        let (category, rules) = (group.category, group.category.rules());
        let told = group.exemption.is_some();
        found.unless(
            told == category.needs_reason(),
            format!("BR-{rules}-10"),
            "a reason for charging no VAT is missing, or given where there is VAT",
        );
        // The reason stands once per group, so lines of a group cannot have different ones.
        let all = self.lines.iter().map(|line| &line.vat);
        let one_reason = all
            .chain(self.adjustments.iter().map(|a| &a.vat))
            .filter(|vat| (vat.category, vat.rate) == (category, group.rate))
            .all(|vat| vat.exemption == group.exemption);
        found.unless(
            one_reason,
            format!("BR-{rules}-10"),
            "lines of one category give different reasons",
        );
        let (seller, buyer) = (&self.head.seller, &self.head.buyer);
        let has_vat_id = seller.vat_id().is_some();
        let seller_known = match category {
            VatCategory::O => true,
            VatCategory::K | VatCategory::G => has_vat_id,
            _ => has_vat_id || seller.tax_number().is_some(),
        };
        found.unless(
            seller_known,
            format!("BR-{rules}-02"),
            "the seller has no VAT number",
        );
        let buyer_known = match category {
            VatCategory::Ae => buyer.vat_id.is_some() || !buyer.registrations.is_empty(),
            VatCategory::K => buyer.vat_id.is_some(),
            _ => true,
        };
        found.unless(
            buyer_known,
            format!("BR-{rules}-02"),
            "the buyer has no VAT number",
        );
        found.unless(
            category != VatCategory::O || self.totals.groups.len() == 1,
            "BR-O-11",
            "what is outside the scope of VAT stands beside what is not",
        );
    }
}

/// S has a rate above zero, every other category the rate zero.
fn rate_fits(category: VatCategory, rate: VatRate, rule: &str, where_: &str, found: &mut Found) {
    found.unless(
        (category == VatCategory::S) == (rate > VatRate::ZERO),
        format!("BR-{}-{rule}", category.rules()),
        format!("{where_} has {rate} % in category {category}"),
    );
}
