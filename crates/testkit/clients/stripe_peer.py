"""Stripe's official client, driven by lines of JSON: {"call", …} in, {"ok": …} or {"error": …} out."""

import json
import sys

import stripe

stripe.max_network_retries = 0


def call(ask):
    key = {"idempotency_key": ask["key"]} if "key" in ask else {}
    name = ask["call"]
    given = ask.get("given", {})
    if name == "setup":
        stripe.api_base = ask["url"]
        stripe.api_key = "sk_test_of_nobody"
        return stripe.VERSION
    if name == "customer":
        return stripe.Customer.create(**given, **key).to_dict()
    if name == "invoice":
        return stripe.Invoice.create(**given, **key).to_dict()
    if name == "item":
        return stripe.InvoiceItem.create(**given, **key).to_dict()
    if name == "finalize":
        return stripe.Invoice.finalize_invoice(ask["id"], **key).to_dict()
    if name == "void":
        return stripe.Invoice.void_invoice(ask["id"], **key).to_dict()
    if name == "retrieve":
        return stripe.Invoice.retrieve(ask["id"]).to_dict()
    if name == "list":
        return [one.id for one in stripe.Invoice.list(**given).data]
    if name == "items":
        return [one.id for one in stripe.InvoiceItem.list(**given).data]
    if name == "search":
        return [one.id for one in stripe.Invoice.search(query=ask["query"]).data]
    if name == "event":
        event = stripe.Webhook.construct_event(ask["body"], ask["signature"], ask["secret"], tolerance=None)
        return {"id": event.id, "type": event.type, "invoice": event.data.object.id,
                "of": event.data.object.metadata["invoice_id"]}
    raise ValueError(name)


for line in sys.stdin:
    try:
        told = {"ok": call(json.loads(line))}
    except stripe.StripeError as error:
        told = {"error": type(error).__name__, "code": error.code, "status": error.http_status}
    except stripe.SignatureVerificationError as error:
        told = {"error": type(error).__name__}
    print(json.dumps(told, default=str), flush=True)
