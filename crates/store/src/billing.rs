//! One round of billing: everything that time makes due, in the order in which it follows from itself.
//!
//! 1. Periods begin, so that what is used from now on has its place and counters start again.
//! 2. What the older platform changed is noticed, and trials end.
//! 3. Periods that are over get their drafts, or are closed with nothing to bill.
//! 4. Drafts get their numbers.
//! 5. Invoices that are not paid come a step further.
//!
//! Each step is transactions of its own, and each of them is right by itself: a round may be cut off anywhere, run
//! twice, or run on two machines at once. A brand that cannot be invoiced is named and passed over.

use chrono::{DateTime, TimeDelta, Utc};
use domain::BrandId;
use serde::Serialize;

use crate::database::Database;
use crate::error::StoreError;
use crate::invoices::{self, Closed, DuePeriod, Dunned, InvoiceError, Issued};
use crate::{periods, subscriptions};

/// What a round is about.
#[derive(Debug, Clone)]
pub struct Scope {
    /// This brand alone.
    pub brand: Option<BrandId>,
    /// How long a period rests before it is closed: what comes meanwhile is not late.
    pub grace: TimeDelta,
    /// How many of each thing one round does at most.
    pub most: i64,
}

/// Where the next round goes on among the periods that are over. It makes rounds fair, not right: a period that
/// cannot be closed does not stand in the way of those behind it.
#[derive(Debug, Clone, Default)]
pub struct Cursor(Option<DuePeriod>);

/// A period that cannot be made into a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unbillable {
    /// Whose.
    pub brand: BrandId,
    /// When the period began.
    pub period_start: DateTime<Utc>,
    /// Why.
    pub why: String,
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Brands whose period began.
    pub begun: u64,
    /// Changes of the older platform that were noticed.
    pub noticed: u64,
    /// Trials that ended.
    pub trials_ended: u64,
    /// Periods that got a draft.
    pub drafted: u64,
    /// Periods that were closed with nothing to bill.
    pub nothing: u64,
    /// Invoices that got their number.
    pub issued: Vec<Issued>,
    /// Dunning.
    pub dunned: Dunned,
    /// Periods that could not be closed.
    pub unbillable: Vec<Unbillable>,
    /// Whether there may be more of anything.
    pub more: bool,
    /// Whether it reached the last of the periods that are over.
    pub is_last_page: bool,
}

impl Round {
    /// How many things were changed.
    pub fn changed(&self) -> u64 {
        let issued = self.issued.len() as u64;
        self.begun
            + self.noticed
            + self.trials_ended
            + self.drafted
            + self.nothing
            + issued
            + self.dunned.steps
    }

    /// What was done, in words.
    pub fn detail(&self) -> String {
        format!(
            "began {} periods, noticed {} changes, ended {} trials, drafted {}, closed {} with nothing, issued {}, \
             dunned {}, could not invoice {}",
            self.begun,
            self.noticed,
            self.trials_ended,
            self.drafted,
            self.nothing,
            self.issued.len(),
            self.dunned.steps,
            self.unbillable.len()
        )
    }
}

/// Runs one round. May be cancelled at any point.
///
/// # Errors
/// What the database says; what was done stays done, and the rest is done by the next round.
pub async fn round(
    db: &Database,
    now: DateTime<Utc>,
    scope: &Scope,
    cursor: &mut Cursor,
) -> Result<Round, InvoiceError> {
    let (brand, most) = (scope.brand.as_ref(), scope.most);
    let full = u64::try_from(most).unwrap_or(u64::MAX);
    let mut round = Round::default();
    let waiting = periods::to_begin(db, now, brand, most).await?;
    round.begun = periods::ensure(db, now, &waiting).await? as u64;
    round.noticed = subscriptions::notice(db, now, brand, most).await?;
    round.trials_ended = subscriptions::end_trials(db, now, brand, most).await?;
    close_page(db, now, scope, cursor, &mut round).await?;
    round.issued = invoices::finalize(db, now, brand, most).await?;
    round.dunned = invoices::dun(db, now, brand, most).await?;
    let issued = round.issued.len() as u64;
    let counts = [
        round.begun,
        round.noticed,
        round.trials_ended,
        issued,
        round.dunned.steps,
    ];
    round.more = !round.is_last_page || counts.into_iter().any(|count| count >= full);
    Ok(round)
}

/// Closes the next page of periods that are over.
async fn close_page(
    db: &Database,
    now: DateTime<Utc>,
    scope: &Scope,
    cursor: &mut Cursor,
    round: &mut Round,
) -> Result<(), InvoiceError> {
    let cut = now.checked_sub_signed(scope.grace).unwrap_or(now);
    let brand = scope.brand.as_ref();
    let page = invoices::due(db, cut, brand, cursor.0.as_ref(), scope.most).await?;
    round.is_last_page = i64::try_from(page.len()).unwrap_or(i64::MAX) < scope.most;
    for due in &page {
        match invoices::close(db, now, due).await {
            Ok(Closed::Drafted(_)) => round.drafted += 1,
            Ok(Closed::Nothing) => round.nothing += 1,
            Ok(Closed::Skipped) => {}
            Err(
                error @ (InvoiceError::Unbillable { .. }
                | InvoiceError::Store(StoreError::Inconsistent { .. })),
            ) => round.unbillable.push(Unbillable {
                brand: due.brand.clone(),
                period_start: due.period_start,
                why: error.to_string(),
            }),
            Err(other) => return Err(other),
        }
    }
    cursor.0 = match round.is_last_page {
        true => None,
        false => page.last().cloned(),
    };
    Ok(())
}
