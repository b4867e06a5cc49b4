//! Totals, and the tax of each group of equal category and rate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decimal::{Minor, MoneyError, round_half_up};
use super::line::{Adjustment, AdjustmentKind, Line};
use super::vat::{Exemption, VatCategory, VatRate};

/// One line of the VAT breakdown (BG-23).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VatGroup {
    /// Category (BT-118).
    pub category: VatCategory,
    /// Rate (BT-119).
    pub rate: VatRate,
    /// Why no tax is charged (BT-120, BT-121).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<Exemption>,
    /// Net of the lines of this category and rate, less allowances, plus charges (BT-116).
    pub taxable: Minor,
    /// `taxable × rate`, rounded half up (BT-117, BR-CO-17).
    pub tax: Minor,
}

/// What a document comes to (BG-22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Sum of the lines' nets (BT-106, BR-CO-10).
    pub lines: Minor,
    /// Sum of what is taken off (BT-107, BR-CO-11).
    pub allowances: Minor,
    /// Sum of what is put on (BT-108, BR-CO-12).
    pub charges: Minor,
    /// Without VAT: lines − allowances + charges (BT-109, BR-CO-13).
    pub net: Minor,
    /// Sum of the groups' taxes (BT-110, BR-CO-14).
    pub vat: Minor,
    /// With VAT: net + VAT (BT-112, BR-CO-15).
    pub gross: Minor,
    /// Paid before (BT-113).
    pub paid: Minor,
    /// To be paid: gross − paid (BT-115, BR-CO-16).
    pub due: Minor,
    /// The VAT breakdown, by category and rate.
    pub groups: Vec<VatGroup>,
}

impl Totals {
    /// Adds up a document. The tax of a group is the second of the two places where it is rounded.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn of(lines: &[Line], adjustments: &[Adjustment], paid: Minor) -> Result<Self, MoneyError> {
        let groups = groups(lines, adjustments)?;
        let of_kind = |kind| {
            let amounts = adjustments.iter().filter(move |a| a.kind == kind);
            Minor::sum(amounts.map(|a| a.amount))
        };
        let sum = Minor::sum(lines.iter().map(|line| line.net))?;
        let allowances = of_kind(AdjustmentKind::Allowance)?;
        let charges = of_kind(AdjustmentKind::Charge)?;
        let vat = Minor::sum(groups.iter().map(|group| group.tax))?;
        let amounts = sum
            .checked_sub(allowances)
            .and_then(|rest| rest.checked_add(charges))
            .and_then(|net| Some((net, net.checked_add(vat)?)))
            .and_then(|(net, gross)| Some((net, gross, gross.checked_sub(paid)?)));
        let (net, gross, due) = amounts.ok_or(MoneyError::TooLarge)?;
        Ok(Self {
            lines: sum,
            allowances,
            charges,
            net,
            vat,
            gross,
            paid,
            due,
            groups,
        })
    }
}

fn groups(lines: &[Line], adjustments: &[Adjustment]) -> Result<Vec<VatGroup>, MoneyError> {
    let of_lines = lines.iter().map(|line| (&line.vat, line.net));
    let of_document = adjustments.iter().map(|a| (&a.vat, a.signed()));
    let mut found: BTreeMap<(VatCategory, VatRate), VatGroup> = BTreeMap::new();
    for (vat, amount) in of_lines.chain(of_document) {
        let group = found
            .entry((vat.category, vat.rate))
            .or_insert_with(|| VatGroup {
                category: vat.category,
                rate: vat.rate,
                exemption: vat.exemption.clone(),
                taxable: Minor::ZERO,
                tax: Minor::ZERO,
            });
        group.taxable = group
            .taxable
            .checked_add(amount)
            .ok_or(MoneyError::TooLarge)?;
    }
    for group in found.values_mut() {
        group.tax = tax(group.taxable, group.rate)?;
    }
    Ok(found.into_values().collect())
}

/// `taxable × rate`, where the rate is in hundredths of a percent.
fn tax(taxable: Minor, rate: VatRate) -> Result<Minor, MoneyError> {
    let product = i128::from(taxable.0) * i128::from(rate.as_hundredths());
    round_half_up(product, 10_000)
        .ok_or(MoneyError::TooLarge)?
        .try_into()
}
