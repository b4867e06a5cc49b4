-- Stripe, where an operator uses it: what is to be done there, and what it has told. docs/adr/0037 has the reasons.

-- An outbox: one row per writing request. An invoice's steps are done in the order of seq; a customer's one
-- step (invoice_id NULL, seq 0) comes before those of all its invoices. The key derives from what the step is
-- for and never changes: Stripe answers a repeat under the same key with what it answered first.
CREATE TABLE atelier.stripe_op (
    idempotency_key text PRIMARY KEY CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    brand_id text NOT NULL,
    invoice_id uuid REFERENCES atelier.invoice (id),
    seq integer NOT NULL CHECK (seq >= 0),
    kind text NOT NULL CHECK (kind IN ('customer', 'invoice', 'item', 'finalize', 'void', 'pay_elsewhere')),
    -- What the request says; ids that Stripe gave in earlier steps are added when it is sent.
    parameters jsonb NOT NULL,
    -- The parameters exactly as they were sent first: a repeat under the same key must not differ.
    sent jsonb,
    first_sent_at timestamptz,
    -- A 500 was answered: Stripe repeats it under this key, so what became of the step is looked up.
    must_look boolean NOT NULL DEFAULT false,
    -- stuck waits for a person: Stripe refused it in a way that a repeat cannot mend.
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'stuck')),
    -- What Stripe calls what it made.
    stripe_id text,
    tries integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    -- Raised by each claim; only the claim that raised it last may write. The lease runs by the database's clock.
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    last_error text,
    created_at timestamptz NOT NULL,
    done_at timestamptz,
    -- Of a finalize step: the invoice is paid or void here and there, so nothing is left to be told.
    closed_at timestamptz,
    CHECK ((state = 'done') = (done_at IS NOT NULL)),
    CHECK (state <> 'done' OR stripe_id IS NOT NULL),
    CHECK ((sent IS NULL) = (first_sent_at IS NULL)),
    CHECK ((kind = 'customer') = (invoice_id IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX stripe_op_due ON atelier.stripe_op (next_at) WHERE state = 'waiting';
CREATE INDEX stripe_op_stuck ON atelier.stripe_op (created_at) WHERE state = 'stuck';
CREATE INDEX stripe_op_of_invoice ON atelier.stripe_op (invoice_id, seq);
CREATE INDEX stripe_op_open ON atelier.stripe_op (invoice_id) WHERE kind = 'finalize' AND state = 'done' AND closed_at IS NULL;
CREATE INDEX stripe_op_customer ON atelier.stripe_op (brand_id) WHERE kind = 'customer';

CREATE INDEX invoice_to_stripe ON atelier.invoice (issued_at)
    WHERE state = 'open' AND kind <> 'credit_note' AND stripe_invoice_id IS NULL;

-- Events that came from Stripe. The row is written in the transaction of what the event changes here, so that
-- an event that comes twice changes nothing the second time.
CREATE TABLE atelier.stripe_event (
    id text PRIMARY KEY,
    kind text NOT NULL,
    invoice_id uuid,
    stripe_invoice_id text,
    -- What it changed: the word of store::stripe::Effect.
    effect text NOT NULL,
    happened_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX stripe_event_age ON atelier.stripe_event (received_at);
CREATE INDEX stripe_event_by_invoice ON atelier.stripe_event (invoice_id) WHERE invoice_id IS NOT NULL;
