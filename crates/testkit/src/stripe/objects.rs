//! Customers, invoices and their items, and what each request makes of them.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::events;

/// Parameters of a request.
pub(super) type Parameters = Map<String, Value>;

/// What was made or found, or the error that Stripe would answer.
pub(super) type Outcome = Result<Value, Refused>;

/// An error before anything began.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) error: Value,
}

impl Refused {
    pub(super) fn invalid(code: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self {
            status: 400,
            error: json!({"type": "invalid_request_error", "code": code, "message": message}),
        }
    }

    pub(super) fn missing(what: &str) -> Self {
        Self {
            status: 404,
            ..Self::invalid("resource_missing", format!("No such {what}"))
        }
    }
}

/// Everything there is, in the order of making.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) customers: Vec<Value>,
    pub(super) invoices: Vec<Value>,
    pub(super) items: Vec<Value>,
    pub(super) events: Vec<Value>,
    made: u64,
}

const CUSTOMER: &[&str] = &[
    "name",
    "email",
    "metadata",
    "description",
    "address",
    "phone",
    "preferred_locales",
];
const INVOICE: &[&str] = &[
    "customer",
    "auto_advance",
    "collection_method",
    "days_until_due",
    "due_date",
    "currency",
    "metadata",
    "number",
    "description",
    "footer",
    "pending_invoice_items_behavior",
];
const ITEM: &[&str] = &[
    "customer",
    "invoice",
    "amount",
    "currency",
    "description",
    "metadata",
];
const FINALIZE: &[&str] = &["auto_advance"];
const PAY: &[&str] = &["paid_out_of_band"];

impl Objects {
    /// Carries one writing request out.
    pub(super) fn write(&mut self, path: &str, given: &Parameters, now: DateTime<Utc>) -> Outcome {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["v1", "customers"] => self.make_customer(given, now),
            ["v1", "invoices"] => self.make_invoice(given, now),
            ["v1", "invoiceitems"] => self.make_item(given, now),
            ["v1", "invoices", id, "finalize"] => {
                known(given, FINALIZE)?;
                self.change(id, "open", now)
            }
            ["v1", "invoices", id, "void"] => self.change(id, "void", now),
            ["v1", "invoices", id, "pay"] => {
                known(given, PAY)?;
                if given.get("paid_out_of_band") == Some(&json!("true")) {
                    self.mark_out_of_band(id);
                }
                self.change(id, "paid", now)
            }
            ["v1", "invoices", id, "mark_uncollectible"] => self.change(id, "uncollectible", now),
            _ => Err(Refused::missing("route")),
        }
    }

    /// Answers one reading request.
    pub(super) fn read(&self, path: &str, given: &Parameters) -> Outcome {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["v1", "customers", "search"] => search(&self.customers, path, given),
            ["v1", "invoices", "search"] => search(&self.invoices, path, given),
            ["v1", "customers"] => Ok(list(&self.customers, path, given, &["email"])),
            ["v1", "invoices"] => Ok(list(&self.invoices, path, given, &["customer", "status"])),
            ["v1", "invoiceitems"] => Ok(list(&self.items, path, given, &["customer", "invoice"])),
            ["v1", "customers", id] => find(&self.customers, id, "customer").cloned(),
            ["v1", "invoices", id] => find(&self.invoices, id, "invoice").cloned(),
            ["v1", "invoiceitems", id] => find(&self.items, id, "invoiceitem").cloned(),
            _ => Err(Refused::missing("route")),
        }
    }

    fn make_customer(&mut self, given: &Parameters, now: DateTime<Utc>) -> Outcome {
        known(given, CUSTOMER)?;
        let mut customer = json!({
            "id": self.id("cus"), "object": "customer", "created": now.timestamp(),
            "livemode": false, "name": null, "email": null, "metadata": {},
        });
        fill(&mut customer, given);
        self.customers.push(customer.clone());
        self.tell("customer.created", &customer, now);
        Ok(customer)
    }

    fn make_invoice(&mut self, given: &Parameters, now: DateTime<Utc>) -> Outcome {
        known(given, INVOICE)?;
        find(&self.customers, text(given, "customer")?, "customer")?;
        let mut invoice = json!({
            "id": self.id("in"), "object": "invoice", "created": now.timestamp(),
            "livemode": false, "status": "draft", "metadata": {}, "total": 0, "amount_due": 0,
            "amount_paid": 0, "amount_remaining": 0, "attempt_count": 0, "number": null,
            "hosted_invoice_url": null, "billing_reason": "manual", "paid_out_of_band": false,
            "status_transitions": {
                "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null,
                "voided_at": null,
            },
        });
        fill(&mut invoice, given);
        invoice["auto_advance"] = (given.get("auto_advance") == Some(&json!("true"))).into();
        self.invoices.push(invoice.clone());
        self.tell("invoice.created", &invoice, now);
        Ok(invoice)
    }

    fn make_item(&mut self, given: &Parameters, now: DateTime<Utc>) -> Outcome {
        known(given, ITEM)?;
        find(&self.customers, text(given, "customer")?, "customer")?;
        let amount: i64 = text(given, "amount")?.parse().map_err(|_| {
            Refused::invalid("parameter_invalid_integer", "Invalid integer: amount")
        })?;
        let id = self.id("ii");
        let invoice = text(given, "invoice")?;
        let invoice = self
            .invoices
            .iter_mut()
            .find(|found| found["id"] == invoice);
        let invoice = invoice.ok_or_else(|| Refused::missing("invoice"))?;
        if invoice["status"] != "draft" {
            return Err(Refused::invalid(
                "invoice_not_editable",
                "This invoice is no longer editable",
            ));
        }
        if invoice["currency"] != given.get("currency").cloned().unwrap_or_default() {
            return Err(Refused::invalid(
                "parameter_invalid",
                "The currencies differ",
            ));
        }
        for sum in ["total", "amount_due", "amount_remaining"] {
            invoice[sum] = (invoice[sum].as_i64().unwrap_or(0) + amount).into();
        }
        let mut item = json!({
            "id": id, "object": "invoiceitem", "date": now.timestamp(), "livemode": false,
            "metadata": {}, "description": null, "quantity": 1, "proration": false,
        });
        fill(&mut item, given);
        item["amount"] = amount.into();
        self.items.push(item.clone());
        self.tell("invoiceitem.created", &item, now);
        Ok(item)
    }

    /// Moves an invoice, if its state allows that.
    pub(super) fn change(&mut self, id: &str, status: &str, now: DateTime<Utc>) -> Outcome {
        let number = format!("FAKE-{:04}", self.made);
        let invoice = self.invoices.iter_mut().find(|found| found["id"] == id);
        let invoice = invoice.ok_or_else(|| Refused::missing("invoice"))?;
        let before = invoice["status"].as_str().unwrap_or_default();
        let (stamp, kind) = match (before, status) {
            ("draft", "open") => ("finalized_at", "invoice.finalized"),
            ("open" | "uncollectible", "paid") => ("paid_at", "invoice.paid"),
            ("open" | "uncollectible", "void") => ("voided_at", "invoice.voided"),
            ("open", "uncollectible") => {
                ("marked_uncollectible_at", "invoice.marked_uncollectible")
            }
            _ => {
                let message = format!("This invoice is {before} and cannot become {status}");
                return Err(Refused::invalid("invoice_not_editable", message));
            }
        };
        // As Stripe does: what is owed nothing for is paid as soon as it is final.
        let settled = status == "open" && invoice["total"] == 0;
        invoice["status"] = if settled { "paid" } else { status }.into();
        invoice["status_transitions"][stamp] = now.timestamp().into();
        if status == "open" && invoice["number"].is_null() {
            invoice["number"] = number.into();
        }
        if status == "paid" {
            invoice["amount_paid"] = invoice["total"].clone();
            invoice["amount_remaining"] = 0.into();
        }
        let changed = invoice.clone();
        self.tell(kind, &changed, now);
        if settled {
            self.tell("invoice.paid", &changed, now);
        }
        Ok(changed)
    }

    /// What the event of a payment then says.
    fn mark_out_of_band(&mut self, id: &str) {
        let payable = |found: &&mut Value| {
            found["id"] == id && (found["status"] == "open" || found["status"] == "uncollectible")
        };
        if let Some(invoice) = self.invoices.iter_mut().find(payable) {
            invoice["paid_out_of_band"] = true.into();
        }
    }

    /// A payment that fails leaves the invoice open.
    pub(super) fn fail_payment(&mut self, id: &str, now: DateTime<Utc>) -> bool {
        let found = self.invoices.iter_mut().find(|found| found["id"] == id);
        let Some(invoice) = found.filter(|found| found["status"] == "open") else {
            return false;
        };
        let attempts = invoice["attempt_count"].as_i64().unwrap_or(0) + 1;
        invoice["attempt_count"] = attempts.into();
        let changed = invoice.clone();
        self.tell("invoice.payment_failed", &changed, now);
        true
    }

    fn tell(&mut self, kind: &str, object: &Value, now: DateTime<Utc>) {
        let id = self.id("evt");
        self.events.push(events::event(id, kind, object, now));
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_Fake{:06}", self.made)
    }
}

/// Refuses parameters that Stripe would not know.
fn known(given: &Parameters, names: &[&str]) -> Result<(), Refused> {
    let unknown = given
        .keys()
        .find(|name| !names.contains(&name.as_str()) && *name != "expand");
    match unknown {
        Some(name) => {
            let message = format!("Received unknown parameter: {name}");
            Err(Refused::invalid("parameter_unknown", message))
        }
        None => Ok(()),
    }
}

fn text<'a>(given: &'a Parameters, name: &str) -> Result<&'a str, Refused> {
    let value = given.get(name).and_then(Value::as_str);
    value.ok_or_else(|| {
        Refused::invalid(
            "parameter_missing",
            format!("Missing required param: {name}."),
        )
    })
}

fn find<'a>(all: &'a [Value], id: &str, what: &str) -> Result<&'a Value, Refused> {
    let found = all.iter().find(|one| one["id"] == id);
    found.ok_or_else(|| Refused::missing(what))
}

fn fill(object: &mut Value, given: &Parameters) {
    for (name, value) in given {
        object[name.as_str()] = value.clone();
    }
}

/// The newest first, at most `limit`, as Stripe's lists are.
fn list(all: &[Value], path: &str, given: &Parameters, filters: &[&str]) -> Value {
    let matching = all.iter().rev().filter(|one| {
        let mut filters = filters.iter();
        filters.all(|name| given.get(*name).is_none_or(|wanted| &one[*name] == wanted))
    });
    page("list", path, given, matching)
}

/// `metadata['name']:'value'`, the one kind of query that is understood.
fn search(all: &[Value], path: &str, given: &Parameters) -> Outcome {
    let query = text(given, "query")?;
    let parsed = query.strip_prefix("metadata['").and_then(|rest| {
        let (name, rest) = rest.split_once("']:'")?;
        Some((name, rest.strip_suffix('\'')?))
    });
    let (name, value) = parsed.ok_or_else(|| {
        Refused::invalid("parameter_invalid", "We could not parse your search query.")
    })?;
    let matching = all
        .iter()
        .rev()
        .filter(|one| one["metadata"][name] == value);
    Ok(page("search_result", path, given, matching))
}

fn page<'a>(
    object: &str,
    path: &str,
    given: &Parameters,
    matching: impl Iterator<Item = &'a Value>,
) -> Value {
    let limit = given.get("limit").and_then(Value::as_str);
    let limit: usize = limit.and_then(|limit| limit.parse().ok()).unwrap_or(10);
    let mut data: Vec<&Value> = matching.collect();
    if let Some(after) = given.get("starting_after") {
        let skipped = data.iter().take_while(|one| one["id"] != *after).count();
        data.drain(..data.len().min(skipped + 1));
    }
    let has_more = data.len() > limit;
    data.truncate(limit);
    json!({"object": object, "url": path, "has_more": has_more, "data": data})
}
