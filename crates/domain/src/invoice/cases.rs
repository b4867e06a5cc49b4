//! `cases.txt` against the engine, and laws that hold for any document.

use proptest::prelude::*;

use super::samples::{buyer_in, head, seller_in};
use super::*;

/// One document of the file.
struct Case<'t> {
    name: &'t str,
    currency: Currency,
    credit: bool,
    rows: Vec<&'t str>,
}

fn cases() -> Vec<Case<'static>> {
    include_str!("cases.txt")
        .split("\n\n")
        .skip(1)
        .map(|block| {
            let mut rows: Vec<&str> = block.trim().lines().collect();
            let name = rows.remove(0).trim_start_matches("# ");
            let kind = rows.remove(0);
            let code = kind.trim_start_matches("credit ");
            Case {
                name,
                currency: code.parse().unwrap(),
                credit: kind != code,
                rows,
            }
        })
        .collect()
}

/// `S5.5`, `AE`: a category and its rate, with a reason where it needs one.
fn vat(text: &str) -> Vat {
    let code = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let category: VatCategory = code.parse().unwrap();
    let rate = text.strip_prefix(code).unwrap();
    Vat {
        category,
        rate: if rate.is_empty() {
            VatRate::ZERO
        } else {
            rate.parse().unwrap()
        },
        exemption: category.needs_reason().then(|| Exemption {
            text: "because".into(),
            vatex: None,
        }),
    }
}

/// `29.00` in minor units; the file has exactly the currency's decimals.
fn minor(text: &str, currency: Currency) -> Minor {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    let amount = Minor(digits.parse().unwrap());
    assert_eq!(amount.to_decimal(currency), text);
    amount
}

fn input(quantity: &str, price: &str, vat: Vat) -> LineInput {
    LineInput {
        description: "Pictures".into(),
        metric: None,
        period: None,
        quantity: quantity.parse().unwrap(),
        unit: Unit::Piece,
        unit_price: price.parse().unwrap(),
        vat,
    }
}

fn built(case: &Case<'_>) -> Document {
    let (mut lines, mut adjustments, mut paid) = (vec![], vec![], Minor::ZERO);
    for row in &case.rows {
        let words: Vec<&str> = row.split(' ').collect();
        match words.as_slice() {
            ["line", quantity, "×", price, taxed, ..] => {
                lines.push(input(quantity, price, vat(taxed)));
            }
            [kind @ ("allowance" | "charge"), amount, taxed] => adjustments.push(Adjustment {
                kind: match *kind {
                    "allowance" => AdjustmentKind::Allowance,
                    _ => AdjustmentKind::Charge,
                },
                reason: (*kind).into(),
                amount: minor(amount, case.currency),
                vat: vat(taxed),
            }),
            ["total", _, "+", _, "=", _, "−", part, "=", _] => paid = minor(part, case.currency),
            ["tax" | "total", ..] => {}
            other => panic!("{}: {other:?}", case.name),
        }
    }
    let mut head = head();
    head.currency = case.currency;
    if case.credit {
        head.kind = Kind::CreditNote {
            corrects: Reference {
                number: "INV-2026-000001".into(),
                issued_on: head.issued_on,
            },
        };
    }
    Document::new(head, lines, adjustments, paid)
        .unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

#[test]
fn every_case_comes_out_as_it_is_written() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    for case in &cases {
        let document = built(case);
        let (totals, is) = (&document.totals, |text| minor(text, case.currency));
        let (mut lines, mut groups) = (document.lines.iter(), totals.groups.iter());
        for row in &case.rows {
            let at = format!("{}: {row}", case.name);
            let words: Vec<&str> = row.split(' ').collect();
            match words.as_slice() {
                ["line", .., net] => assert_eq!(lines.next().unwrap().net, is(net), "{at}"),
                ["tax", taxed, taxable, .., tax] => {
                    let group = groups.next().unwrap();
                    let vat = vat(taxed);
                    assert_eq!(
                        (group.category, group.rate),
                        (vat.category, vat.rate),
                        "{at}"
                    );
                    assert_eq!((group.taxable, group.tax), (is(taxable), is(tax)), "{at}");
                }
                ["total", net, "+", vat, "=", gross, rest @ ..] => {
                    let found = (totals.net, totals.vat, totals.gross);
                    assert_eq!(found, (is(net), is(vat), is(gross)), "{at}");
                    let due = rest.last().map_or(totals.gross, |due| is(due));
                    assert_eq!(totals.due, due, "{at}");
                }
                _ => {}
            }
        }
        assert!(
            lines.next().is_none() && groups.next().is_none(),
            "{}",
            case.name
        );
        let json = serde_json::to_string(&document).unwrap();
        assert!(
            !json.contains("e-") && !json.contains("E-"),
            "a float: {json}"
        );
        assert_eq!(serde_json::from_str::<Document>(&json).unwrap(), document);
    }
}

/// Breaks a document.
type Change = fn(&mut Document);

#[test]
fn a_number_that_was_changed_is_named_by_its_rule() {
    let changes: [(&str, Change); 16] = [
        ("BR-CO-10", |d| d.totals.lines.0 += 1),
        ("BR-CO-11", |d| d.totals.allowances.0 += 1),
        ("BR-CO-12", |d| d.totals.charges.0 += 1),
        ("BR-CO-13", |d| d.totals.net.0 -= 1),
        ("BR-CO-14", |d| d.totals.vat.0 += 1),
        ("BR-CO-15", |d| d.totals.gross.0 += 1),
        ("BR-CO-16", |d| d.totals.due.0 += 1),
        ("BR-CO-17", |d| d.totals.groups[0].tax.0 += 1),
        ("BT-131", |d| d.lines[0].net.0 += 1),
        ("BR-16", |d| d.lines.clear()),
        ("BR-25", |d| d.lines[0].description.clear()),
        ("BR-06", |d| d.head.seller.name = " ".into()),
        ("BR-07", |d| d.head.buyer.name.clear()),
        ("BR-CO-25", |d| d.head.due_on = None),
        ("BR-29", |d| {
            std::mem::swap(&mut d.head.period.from, &mut d.head.period.to)
        }),
        ("BR-S-05", |d| d.lines[0].vat.rate = VatRate::ZERO),
    ];
    let lines = vec![input("3", "0.335", vat("S20"))];
    let sound = Document::new(head(), lines, vec![], Minor::ZERO).unwrap();
    for (rule, change) in changes {
        let mut broken = sound.clone();
        change(&mut broken);
        let found = broken.violations();
        assert!(found.iter().any(|v| v.rule == rule), "{rule}: {found:?}");
    }
}

#[test]
fn a_document_that_breaks_a_rule_is_not_made() {
    let refused =
        |head: Head, lines: Vec<LineInput>| match Document::new(head, lines, vec![], Minor::ZERO) {
            Err(DocumentError::Rules(broken)) => {
                broken.into_iter().map(|v| v.rule).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
    let one = |taxed: &str| vec![input("1", "1", vat(taxed))];
    assert_eq!(refused(head(), vec![]), ["BR-16"]);
    assert_eq!(
        refused(head(), vec![input("1", "-1", vat("S20"))]),
        ["BR-27"]
    );
    let mixed = vec![input("1", "1", vat("O")), input("1", "1", vat("S20"))];
    assert_eq!(refused(head(), mixed), ["BR-O-11"]);
    let mut unsaid = one("AE");
    unsaid[0].vat.exemption = None;
    assert_eq!(refused(head(), unsaid), ["BR-AE-10"]);
    let mut two_reasons = [one("E"), one("E")].concat();
    two_reasons[1].vat.exemption = Some(Exemption {
        text: "other".into(),
        vatex: None,
    });
    assert_eq!(refused(head(), two_reasons), ["BR-E-10"]);
    let mut unregistered = head();
    unregistered.seller.vat = SellerVat::NotSubject { tax_number: None };
    assert_eq!(refused(unregistered, one("S20")), ["BR-S-02"]);
    let mut consumer = head();
    consumer.buyer = buyer_in("DE", None);
    assert_eq!(refused(consumer, one("AE")), ["BR-AE-02"]);
    let mut nobody = head();
    nobody.seller = Seller {
        registrations: vec![],
        ..seller_in("FR")
    };
    assert_eq!(refused(nobody, one("O")), ["BR-CO-26"]);
}

prop_compose! {
    fn any_line()(
        quantity in -10_i128.pow(12)..10_i128.pow(12),
        price in 0_u64..10_u64.pow(13),
        rate in prop::sample::select(vec!["S20", "S5.5", "S25.5", "S8.1", "Z", "E"]),
    ) -> LineInput {
        let mut line = input("1", "0", vat(rate));
        line.quantity = Quantity::from_millionths(quantity).unwrap();
        line.unit_price = format!("{}.{:010}", price / 10_u64.pow(10), price % 10_u64.pow(10)).parse().unwrap();
        line
    }
}

proptest! {
    #[test]
    fn any_document_adds_up(mut lines in prop::collection::vec(any_line(), 1..20), currency in prop::sample::select(vec!["EUR", "JPY", "BHD"])) {
        let mut head = head();
        head.currency = currency.parse().unwrap();
        let document = Document::new(head.clone(), lines.clone(), vec![], Minor::ZERO).unwrap();
        let totals = &document.totals;
        // The net is the sum of the lines, and of the groups; the tax of each group is within half a unit.
        let sum = |amounts: Vec<i64>| amounts.into_iter().sum::<i64>();
        prop_assert_eq!(totals.net.0, sum(document.lines.iter().map(|l| l.net.0).collect()));
        prop_assert_eq!(totals.net.0, sum(totals.groups.iter().map(|g| g.taxable.0).collect()));
        prop_assert_eq!(totals.gross.0 - totals.net.0, sum(totals.groups.iter().map(|g| g.tax.0).collect()));
        for group in &totals.groups {
            let exact = i128::from(group.taxable.0) * i128::from(group.rate.as_hundredths());
            prop_assert!((i128::from(group.tax.0) * 10_000 - exact).abs() * 2 <= 10_000);
        }
        // The order of lines does not matter, and taking everything back leaves nothing.
        lines.reverse();
        let reversed = Document::new(head.clone(), lines.clone(), vec![], Minor::ZERO).unwrap();
        prop_assert_eq!(&reversed.totals, totals);
        for line in &mut lines {
            line.quantity = Quantity::from_millionths(-line.quantity.millionths()).unwrap();
        }
        let mirror = Document::new(head, lines, vec![], Minor::ZERO).unwrap();
        prop_assert_eq!(mirror.totals.gross.0, -totals.gross.0);
        prop_assert_eq!(mirror.totals.vat.0, -totals.vat.0);
    }
}
