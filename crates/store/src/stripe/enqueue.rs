//! From issued invoices to the steps that bring them to Stripe.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;

/// What one round found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// Invoices that got their steps.
    pub invoices: u64,
    /// Invoices that were paid or voided here, which Stripe is to be told.
    pub follow_ups: u64,
    /// Open invoices that wait because nobody knows the buyer's mail address, without which Stripe sends none.
    pub without_address: i64,
}

/// An open invoice without steps.
struct Due {
    id: Uuid,
    brand_id: String,
    number_text: String,
    currency: String,
    total_minor: i64,
    vat_minor: i64,
    due_at: DateTime<Utc>,
    buyer: String,
    email: Option<String>,
    customer: Option<String>,
}

/// A step to be written.
struct NewStep {
    key: String,
    brand_id: String,
    invoice_id: Option<Uuid>,
    seq: i32,
    kind: &'static str,
    parameters: Value,
}

/// Makes the steps of at most `most` open invoices, and of what changed here since. Two rounds at once, or a
/// round that died, do no harm: keys derive from the invoice.
///
/// # Errors
/// [`StoreError::Unavailable`]; nothing or everything of this round was written.
pub async fn enqueue(db: &Database, now: DateTime<Utc>, most: i64) -> Result<Enqueued, StoreError> {
    let mut tx = db.begin("stripe_enqueue").await?;
    let invoices = due(&mut tx, most).await?;
    let mut steps = Vec::new();
    for invoice in &invoices {
        steps.extend(steps_of(&mut tx, now, invoice).await?);
    }
    write(&mut tx, now, &steps).await?;
    let follow_ups = follow_up(&mut tx, now, most).await?;
    let without_address = without_address(&mut tx).await?;
    tx.commit().await?;
    Ok(Enqueued {
        invoices: invoices.len() as u64,
        follow_ups,
        without_address,
    })
}

async fn due(tx: &mut Transaction, most: i64) -> Result<Vec<Due>, StoreError> {
    Ok(sqlx::query_as!(
        Due,
        r#"-- store::stripe::due
        SELECT i.id, i.brand_id, i.number_text AS "number_text!", i.currency, i.total_minor,
            i.vat_minor, i.due_at AS "due_at!", COALESCE(i.document #>> '{buyer,name}', b.name, i.brand_id) AS "buyer!",
            i.document #>> '{buyer,contact,email}' AS email, b."stripeCustomerId" AS customer
        FROM atelier.invoice i LEFT JOIN "Brand" b ON b.id = i.brand_id
        WHERE i.state = 'open' AND i.kind <> 'credit_note' AND i.stripe_invoice_id IS NULL
            AND i.total_minor > 0
            AND (i.document #>> '{buyer,contact,email}' IS NOT NULL OR b."stripeCustomerId" IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM atelier.stripe_op o WHERE o.invoice_id = i.id)
        ORDER BY i.issued_at, i.id LIMIT $1 FOR SHARE OF i SKIP LOCKED"#,
        most
    )
    .fetch_all(&mut **tx)
    .await?)
}

async fn without_address(tx: &mut Transaction) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"-- store::stripe::without_address
        SELECT count(*) AS "count!" FROM atelier.invoice i LEFT JOIN "Brand" b ON b.id = i.brand_id
        WHERE i.state = 'open' AND i.kind <> 'credit_note' AND i.stripe_invoice_id IS NULL
            AND i.total_minor > 0 AND i.document #>> '{buyer,contact,email}' IS NULL
            AND b."stripeCustomerId" IS NULL"#
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Customer, invoice, one item per line, VAT and what is taken off as items of their own, finalize.
async fn steps_of(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    invoice: &Due,
) -> Result<Vec<NewStep>, StoreError> {
    let lines = sqlx::query!(
        r#"-- store::stripe::lines
        SELECT position, description, net_minor FROM atelier.invoice_line
        WHERE invoice_id = $1 ORDER BY position"#,
        invoice.id
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut steps = vec![];
    if invoice.customer.is_none() {
        steps.push(customer(invoice));
    }
    steps.push(invoice.step(1, "invoice", "invoice", invoice_parameters(invoice, now)));
    let mut items: Vec<(String, i64)> = lines
        .into_iter()
        .map(|line| (line.description, line.net_minor))
        .collect();
    let of_lines: i64 = items.iter().map(|(_, amount)| amount).sum();
    let others = [
        (
            "Adjustments",
            invoice.total_minor - invoice.vat_minor - of_lines,
        ),
        ("VAT", invoice.vat_minor),
    ];
    let others = others.into_iter().filter(|(_, amount)| *amount != 0);
    items.extend(others.map(|(name, amount)| (name.to_owned(), amount)));
    let mut seq = 1;
    for (description, amount) in items {
        seq += 1;
        let parameters = json!({
            "amount": amount.to_string(),
            "currency": invoice.currency.to_lowercase(),
            "description": description,
            "metadata[item]": seq.to_string(),
            "metadata[invoice_id]": invoice.id.to_string(),
        });
        steps.push(invoice.step(seq, "item", &format!("item:{seq}"), parameters));
    }
    let finalize = json!({ "auto_advance": "false" });
    steps.push(invoice.step(seq + 1, "finalize", "finalize", finalize));
    Ok(steps)
}

fn customer(invoice: &Due) -> NewStep {
    let mut parameters = json!({
        "name": invoice.buyer,
        "metadata[brand_id]": invoice.brand_id,
    });
    if let Some(email) = &invoice.email {
        parameters["email"] = email.clone().into();
    }
    NewStep {
        key: format!("atelier:customer:{}:v1", invoice.brand_id),
        brand_id: invoice.brand_id.clone(),
        invoice_id: None,
        seq: 0,
        kind: "customer",
        parameters,
    }
}

/// It carries our number, and Stripe collects nothing by itself before the last step.
fn invoice_parameters(invoice: &Due, now: DateTime<Utc>) -> Value {
    let days = (invoice.due_at - now).num_days().clamp(1, 365);
    json!({
        "auto_advance": "false",
        "collection_method": "send_invoice",
        "currency": invoice.currency.to_lowercase(),
        "days_until_due": days.to_string(),
        "metadata[invoice_id]": invoice.id.to_string(),
        "metadata[brand_id]": invoice.brand_id,
        "number": invoice.number_text,
        "pending_invoice_items_behavior": "exclude",
    })
}

impl Due {
    fn step(&self, seq: i32, kind: &'static str, name: &str, parameters: Value) -> NewStep {
        NewStep {
            key: key(name, self.id),
            brand_id: self.brand_id.clone(),
            invoice_id: Some(self.id),
            seq,
            kind,
            parameters,
        }
    }
}

fn key(name: &str, invoice: Uuid) -> String {
    format!("atelier:{name}:{invoice}:v1")
}

async fn write(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    steps: &[NewStep],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::stripe::write
        INSERT INTO atelier.stripe_op (idempotency_key, brand_id, invoice_id, seq, kind, parameters,
            next_at, created_at)
        SELECT u.key, u.brand_id, u.invoice_id, u.seq, u.kind, u.parameters, $7, $7
        FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int[], $5::text[], $6::jsonb[])
            AS u (key, brand_id, invoice_id, seq, kind, parameters)
        ORDER BY u.key
        ON CONFLICT (idempotency_key) DO NOTHING"#,
        &column(steps, |s| s.key.clone()),
        &column(steps, |s| s.brand_id.clone()),
        &column(steps, |s| s.invoice_id) as &[Option<Uuid>],
        &column(steps, |s| s.seq),
        &column(steps, |s| s.kind.to_owned()),
        &column(steps, |s| s.parameters.clone()),
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Invoices that stand open at Stripe and were paid or voided here: one more step each. What Stripe itself
/// has told needs none.
async fn follow_up(tx: &mut Transaction, now: DateTime<Utc>, most: i64) -> Result<u64, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::stripe::follow_up
        UPDATE atelier.stripe_op f SET closed_at = $1
        FROM (
            SELECT o.idempotency_key, i.id, i.state
            FROM atelier.stripe_op o JOIN atelier.invoice i ON i.id = o.invoice_id
            WHERE o.kind = 'finalize' AND o.state = 'done' AND o.closed_at IS NULL
                AND i.state IN ('paid', 'void')
            ORDER BY o.idempotency_key LIMIT $2 FOR UPDATE OF o SKIP LOCKED
        ) due
        WHERE f.idempotency_key = due.idempotency_key
        RETURNING f.brand_id, due.id, due.state, f.seq,
            EXISTS (SELECT 1 FROM atelier.stripe_event e WHERE e.invoice_id = due.id
                AND e.effect IN ('paid', 'overpaid', 'voided')) AS "told!""#,
        now,
        most
    )
    .fetch_all(&mut **tx)
    .await?;
    let steps: Vec<NewStep> = rows
        .into_iter()
        .filter(|row| !row.told)
        .map(|row| {
            let (kind, parameters) = match row.state.as_str() {
                "void" => ("void", json!({})),
                _ => ("pay_elsewhere", json!({ "paid_out_of_band": "true" })),
            };
            NewStep {
                key: key(kind, row.id),
                brand_id: row.brand_id,
                invoice_id: Some(row.id),
                seq: row.seq + 1,
                kind,
                parameters,
            }
        })
        .collect();
    write(tx, now, &steps).await?;
    Ok(steps.len() as u64)
}

fn column<T>(steps: &[NewStep], of: impl Fn(&NewStep) -> T) -> Vec<T> {
    steps.iter().map(of).collect()
}
