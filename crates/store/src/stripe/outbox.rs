//! Taking a step, and writing down what became of it.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::BrandId;
use serde_json::Value;
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;

/// What a step asks of Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A customer for the brand.
    Customer,
    /// A draft invoice.
    Invoice,
    /// One item on the draft.
    Item,
    /// The draft becomes final.
    Finalize,
    /// It was voided here.
    Void,
    /// It was paid here, not through Stripe.
    PayElsewhere,
}

impl StepKind {
    /// The name in the column `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Invoice => "invoice",
            Self::Item => "item",
            Self::Finalize => "finalize",
            Self::Void => "void",
            Self::PayElsewhere => "pay_elsewhere",
        }
    }
}

impl FromStr for StepKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "customer" => Self::Customer,
            "invoice" => Self::Invoice,
            "item" => Self::Item,
            "finalize" => Self::Finalize,
            "void" => Self::Void,
            "pay_elsewhere" => Self::PayElsewhere,
            _ => return Err(()),
        })
    }
}

/// A step that was taken. Whoever has it may send it and write down what became of it, until another takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The idempotency key, which is also what the step is called.
    pub key: String,
    /// What it asks.
    pub kind: StepKind,
    /// Whose it is.
    pub brand_id: BrandId,
    /// Our invoice; none for a customer.
    pub invoice_id: Option<Uuid>,
    /// What Stripe calls the invoice, once it has it.
    pub stripe_invoice_id: Option<String>,
    /// What Stripe calls the customer, once it has it.
    pub stripe_customer_id: Option<String>,
    /// The form's fields, exactly as they are sent each time.
    pub fields: Vec<(String, String)>,
    /// When it was first taken to be sent, if that was before.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// Whether what became of it has to be looked up before it is sent again.
    pub must_look: bool,
    /// How often it was taken, this time included.
    pub tries: i32,
    fence: i64,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stripe has it, under this id.
    Done {
        /// The id of what was made or changed.
        stripe_id: String,
    },
    /// To be tried again.
    Later {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        error: String,
        /// Whether a repeat would be answered with the same error: look first.
        must_look: bool,
    },
    /// Only a person can mend it.
    Stuck {
        /// Why.
        error: String,
    },
}

/// Takes at most `most` steps that are due and whose earlier steps are done, until `lease_seconds` from now by
/// the database's clock. What will be sent is fixed here, before it is sent.
///
/// # Errors
/// [`StoreError::Unavailable`]; what was taken all the same is due again when the lease runs out.
pub async fn claim(
    db: &Database,
    now: DateTime<Utc>,
    lease_seconds: f64,
    most: i64,
) -> Result<Vec<Step>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::stripe::claim
        UPDATE atelier.stripe_op o
        SET fence = o.fence + 1, tries = o.tries + 1,
            lease_until = now() + make_interval(secs => $2), first_sent_at = COALESCE(o.first_sent_at, $1),
            sent = COALESCE(o.sent, o.parameters || CASE o.kind
                WHEN 'invoice' THEN jsonb_build_object('customer', due.customer)
                WHEN 'item' THEN jsonb_build_object('customer', due.customer, 'invoice', due.invoice)
                ELSE '{}' END)
        FROM (
            SELECT w.idempotency_key, w.first_sent_at AS sent_before,
                COALESCE((SELECT c.stripe_id FROM atelier.stripe_op c
                          WHERE c.kind = 'customer' AND c.brand_id = w.brand_id LIMIT 1),
                    (SELECT b."stripeCustomerId" FROM "Brand" b WHERE b.id = w.brand_id)) AS customer,
                (SELECT m.stripe_id FROM atelier.stripe_op m
                 WHERE m.invoice_id = w.invoice_id AND m.kind = 'invoice' LIMIT 1) AS invoice
            FROM atelier.stripe_op w
            WHERE w.state = 'waiting' AND w.next_at <= $1
                AND (w.lease_until IS NULL OR w.lease_until < now())
                AND NOT EXISTS (SELECT 1 FROM atelier.stripe_op e
                    WHERE e.invoice_id = w.invoice_id AND e.seq < w.seq AND e.state <> 'done')
                AND (w.kind = 'customer' OR NOT EXISTS (SELECT 1 FROM atelier.stripe_op c
                    WHERE c.kind = 'customer' AND c.brand_id = w.brand_id AND c.state <> 'done'))
            ORDER BY w.next_at, w.idempotency_key LIMIT $3 FOR UPDATE OF w SKIP LOCKED
        ) due
        WHERE o.idempotency_key = due.idempotency_key
        RETURNING o.idempotency_key, o.kind, o.brand_id, o.invoice_id, o.sent AS "sent!", o.tries,
            o.must_look, o.fence, due.sent_before, due.customer, due.invoice"#,
        now,
        lease_seconds,
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Step {
                kind: row
                    .kind
                    .parse()
                    .map_err(|()| unknown(&row.idempotency_key, &row.kind))?,
                fields: fields(&row.sent),
                key: row.idempotency_key,
                brand_id: BrandId(row.brand_id),
                invoice_id: row.invoice_id,
                stripe_invoice_id: row.invoice,
                stripe_customer_id: row.customer,
                first_sent_at: row.sent_before,
                must_look: row.must_look,
                tries: row.tries,
                fence: row.fence,
            })
        })
        .collect()
}

fn unknown(key: &str, kind: &str) -> StoreError {
    StoreError::Inconsistent {
        table: "atelier.stripe_op",
        column: "kind",
        id: key.to_owned(),
        detail: kind.to_owned(),
    }
}

/// The fields in the order of their names: the same bytes each time.
fn fields(sent: &Value) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = sent
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    fields.sort();
    fields
}

/// Writes down what became of a step, unless another has taken it since. Returns whether it was written.
///
/// # Errors
/// [`StoreError::Unavailable`]; the step is then taken again when its lease runs out, and finds at Stripe what
/// this time has made.
pub async fn record(
    db: &Database,
    now: DateTime<Utc>,
    step: &Step,
    outcome: &Outcome,
) -> Result<bool, StoreError> {
    let mut tx = db.begin("stripe_record").await?;
    let row = Row::of(outcome, now);
    let written = sqlx::query!(
        r#"-- store::stripe::record
        UPDATE atelier.stripe_op SET state = $3, stripe_id = $4, next_at = COALESCE($5, next_at),
            last_error = $6, must_look = must_look OR $7, lease_until = NULL,
            done_at = CASE $3 WHEN 'done' THEN $8::timestamptz END
        WHERE idempotency_key = $1 AND fence = $2 AND state = 'waiting'"#,
        step.key,
        step.fence,
        row.state,
        row.stripe_id,
        row.next_at,
        row.error,
        row.must_look,
        now
    )
    .execute(&mut *tx)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(stripe_id) = row.stripe_id {
        keep_id(&mut tx, step, stripe_id).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// The columns of an outcome.
struct Row<'a> {
    state: &'static str,
    stripe_id: Option<&'a str>,
    next_at: Option<DateTime<Utc>>,
    error: Option<&'a str>,
    must_look: bool,
}

impl<'a> Row<'a> {
    fn of(outcome: &'a Outcome, now: DateTime<Utc>) -> Self {
        let nothing = Self {
            state: "waiting",
            stripe_id: None,
            next_at: None,
            error: None,
            must_look: false,
        };
        match outcome {
            Outcome::Done { stripe_id } => Self {
                state: "done",
                stripe_id: Some(stripe_id),
                ..nothing
            },
            Outcome::Later {
                at,
                error,
                must_look,
            } => Self {
                next_at: Some((*at).max(now)),
                error: Some(error),
                must_look: *must_look,
                ..nothing
            },
            Outcome::Stuck { error } => Self {
                state: "stuck",
                error: Some(error),
                ..nothing
            },
        }
    }
}

/// Puts Stripe's ids where the rest of the house, and the older platform, look for them.
async fn keep_id(tx: &mut Transaction, step: &Step, stripe_id: &str) -> Result<(), StoreError> {
    match (step.kind, step.invoice_id) {
        (StepKind::Customer, _) => {
            sqlx::query!(
                r#"-- store::stripe::keep_customer
                UPDATE "Brand" SET "stripeCustomerId" = $2
                WHERE id = $1 AND "stripeCustomerId" IS NULL"#,
                step.brand_id.as_str(),
                stripe_id
            )
            .execute(&mut **tx)
            .await?;
        }
        (StepKind::Invoice, Some(invoice)) => keep_invoice(tx, invoice, stripe_id).await?,
        _ => {}
    }
    Ok(())
}

/// Notes what Stripe calls an invoice; the first word holds.
pub(super) async fn keep_invoice(
    tx: &mut Transaction,
    invoice: Uuid,
    stripe_id: &str,
) -> Result<(), StoreError> {
    let noted = sqlx::query!(
        r#"-- store::stripe::keep_invoice
        UPDATE atelier.invoice SET stripe_invoice_id = $2
        WHERE id = $1 AND stripe_invoice_id IS NULL"#,
        invoice,
        stripe_id
    )
    .execute(&mut **tx)
    .await?;
    if noted.rows_affected() == 1 {
        sqlx::query!(
            r#"-- store::stripe::keep_public_invoice
            UPDATE "Invoice" SET "stripeInvoiceId" = $2 WHERE id = $1"#,
            invoice.to_string(),
            stripe_id
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// A step that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StuckStep {
    /// Its key.
    pub key: String,
    /// Whose it is.
    pub brand_id: String,
    /// Our invoice.
    pub invoice_id: Option<Uuid>,
    /// What it asks.
    pub kind: String,
    /// What Stripe said.
    pub error: Option<String>,
}

/// The steps that wait for a person, at most `most`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn stuck(db: &Database, most: i64) -> Result<Vec<StuckStep>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        StuckStep,
        r#"-- store::stripe::stuck
        SELECT idempotency_key AS key, brand_id, invoice_id, kind, last_error AS error
        FROM atelier.stripe_op WHERE state = 'stuck' ORDER BY created_at, idempotency_key LIMIT $1"#,
        most
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// Lets a stuck step be tried again, with the same key and parameters, after it was mended at Stripe. Returns
/// whether it was stuck.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn release(db: &Database, now: DateTime<Utc>, key: &str) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let released = sqlx::query!(
        r#"-- store::stripe::release
        UPDATE atelier.stripe_op SET state = 'waiting', next_at = $2, must_look = true
        WHERE idempotency_key = $1 AND state = 'stuck'"#,
        key,
        now
    )
    .execute(&mut *connection)
    .await?;
    Ok(released.rows_affected() == 1)
}

/// How the outbox stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Steps that wait for a person.
    pub stuck: i64,
    /// When the next step that waits is due.
    pub next_at: Option<DateTime<Utc>>,
}

/// How the outbox stands.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn standing(db: &Database) -> Result<Standing, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        Standing,
        r#"-- store::stripe::standing
        SELECT (SELECT count(*) FROM atelier.stripe_op WHERE state = 'stuck') AS "stuck!",
            (SELECT min(w.next_at) FROM atelier.stripe_op w WHERE w.state = 'waiting' AND w.tries > 0
                AND (w.lease_until IS NULL OR w.lease_until < now())) AS next_at"#
    )
    .fetch_one(&mut *connection)
    .await?)
}
