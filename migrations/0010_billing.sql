-- Billing: what things cost, what was used, and the invoices that follow. Rules in words: docs/billing.md.
-- Nothing here refers to "Brand" by a foreign key but the profile: what a brand owes outlives its row.
-- Amounts of invoices are whole minor units (cents); prices have ten decimals; nothing is a float.

-- What a unit of a metric costs in a plan, from a date on. The price in force when a period begins holds for
-- the whole period. A metric without a row is unlimited and free. atelier.plan keeps the fee, and its copy
-- of the generations' price for processes from before.
CREATE TABLE atelier.plan_price (
    plan text NOT NULL,
    metric text NOT NULL CHECK (metric IN ('generation', 'ar_view', 'api_call', 'storage', 'webhook_delivery')),
    valid_from timestamptz NOT NULL,
    currency text NOT NULL,
    -- In a whole period; NULL is without end.
    included_units bigint CHECK (included_units >= 0),
    -- In units of 0.0000000001 of the currency: 0.75 EUR is 7500000000.
    unit_price_e10 bigint NOT NULL CHECK (unit_price_e10 >= 0),
    quota_policy text NOT NULL CHECK (quota_policy IN ('block', 'charge', 'charge_capped')),
    -- The most units in a period, included ones counted; only where the policy is charge_capped.
    cap_units bigint CHECK (cap_units >= 0),
    PRIMARY KEY (plan, metric, valid_from),
    CHECK ((cap_units IS NOT NULL) = (quota_policy = 'charge_capped'))
);
INSERT INTO atelier.plan_price
SELECT plan, 'generation', valid_from, currency, included_generations, overage_unit_micros * 10000, quota_policy,
    CASE quota_policy WHEN 'charge_capped' THEN included_generations END
FROM atelier.plan;
INSERT INTO atelier.plan_price
SELECT plan, metric, valid_from, currency, NULL, 0, 'charge', NULL
FROM atelier.plan, unnest(ARRAY['ar_view', 'api_call', 'storage', 'webhook_delivery']) AS metric;

-- What a brand was subscribed to, and since when. seq counts from 1 per brand; the last row is what holds,
-- and "Brand"."subscriptionPlan" and "subscriptionStatus" say the same. Rows are only added.
CREATE TABLE atelier.subscription_change (
    brand_id text NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    effective_at timestamptz NOT NULL,
    plan text NOT NULL CHECK (plan IN ('FREE', 'STARTER', 'PROFESSIONAL', 'ENTERPRISE')),
    status text NOT NULL CHECK (status IN ('ACTIVE', 'PAST_DUE', 'CANCELED', 'TRIALING')),
    -- Who changed it: platform is the older platform's own write to "Brand", noticed by the duty.
    reason text NOT NULL CHECK (reason IN ('initial', 'operator', 'platform', 'trial', 'dunning', 'payment')),
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (brand_id, seq)
);

-- A brand's months, from midnight UTC of its own day to the same day a month later, or to that month's end.
-- Whoever records usage holds the row FOR SHARE until its commit; whoever begins the next period, changes
-- the plan or closes, updates it and so waits for those. That is what makes each of these cuts exact.
CREATE TABLE atelier.billing_period (
    brand_id text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL CHECK (period_end > period_start),
    -- 1 to 31: the day the brand began, kept through shorter months.
    anchor_day smallint NOT NULL CHECK (anchor_day BETWEEN 1 AND 31),
    -- The fee is charged from here: later than the start where the older platform has invoiced a part.
    fee_from timestamptz NOT NULL,
    -- Which change of the subscription usage is counted under now.
    change_seq integer NOT NULL,
    -- Generations in "Brand"."monthlyGenerations" that are not jobs of ours: the older platform's.
    carried_units bigint NOT NULL DEFAULT 0,
    -- open takes usage; closing takes none and awaits its invoice; closed has it, or had nothing to bill.
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closing', 'closed')),
    closed_at timestamptz,
    PRIMARY KEY (brand_id, period_start),
    FOREIGN KEY (brand_id, change_seq) REFERENCES atelier.subscription_change (brand_id, seq),
    CHECK ((status = 'closed') = (closed_at IS NOT NULL))
);
CREATE INDEX billing_period_due ON atelier.billing_period (period_end, brand_id) WHERE status <> 'closed';

-- The seller is data: one row. A seller below its country's threshold charges no VAT and has no VAT number.
CREATE TABLE atelier.seller (
    id text PRIMARY KEY DEFAULT 'default' CHECK (id = 'default'),
    -- domain::invoice::Seller.
    profile jsonb NOT NULL,
    invoice_prefix text NOT NULL DEFAULT 'INV' CHECK (invoice_prefix ~ '^[A-Z]{1,8}$'),
    credit_prefix text NOT NULL DEFAULT 'CN' CHECK (credit_prefix ~ '^[A-Z]{1,8}$'),
    -- NULL: nobody has set it yet.
    updated_at timestamptz,
    CHECK (invoice_prefix <> credit_prefix)
);
INSERT INTO atelier.seller (profile) VALUES ('{"name": "Atelier", "address": {"country": "CH"},
    "registrations": [{"label": "UID", "id": "not set"}], "vat": {"regime": "not_subject"}, "terms": {"payment_days": 14}}');

-- Who stands on a brand's invoices as the buyer, where that is another than "Brand" says.
CREATE TABLE atelier.billing_profile (
    brand_id text PRIMARY KEY,
    -- domain::invoice::Buyer.
    buyer jsonb NOT NULL,
    -- Where the brand has other terms than the seller's.
    payment_days smallint CHECK (payment_days BETWEEN 0 AND 180),
    updated_at timestamptz NOT NULL
);

-- The next number of a series such as INV-2026. Given by an update of the row in the transaction that issues
-- the document: a rollback gives the number back, so there are no gaps; a sequence would leave them.
CREATE TABLE atelier.invoice_series (
    series text PRIMARY KEY,
    next_number bigint NOT NULL CHECK (next_number > 0)
);

-- Invoices and credit notes. What was issued cannot be changed: the triggers below refuse it to anybody.
-- Amounts of a credit note are negative, so that documents add up.
CREATE TABLE atelier.invoice (
    id uuid PRIMARY KEY,
    brand_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('regular', 'credit_note', 'one_off')),
    state text NOT NULL CHECK (state IN ('draft', 'open', 'paid', 'void', 'uncollectible')),
    series text REFERENCES atelier.invoice_series (series),
    number bigint CHECK (number > 0),
    -- As it is printed: INV-2026-000042.
    number_text text UNIQUE,
    period_start timestamptz,
    period_end timestamptz,
    -- The invoice that a credit note takes back, in whole or in part.
    corrects uuid REFERENCES atelier.invoice (id),
    -- domain::invoice::Document: what it says, with both parties as they were when it was issued. There,
    -- a credit note's amounts are positive.
    document jsonb NOT NULL,
    currency text NOT NULL,
    net_minor bigint NOT NULL DEFAULT 0,
    vat_minor bigint NOT NULL DEFAULT 0,
    total_minor bigint NOT NULL DEFAULT 0,
    -- Why it is, where a person asked for it.
    reason text,
    created_at timestamptz NOT NULL,
    issued_at timestamptz,
    -- The first moment at which it is overdue: midnight UTC after the day by which it is to be paid.
    due_at timestamptz,
    paid_at timestamptz,
    voided_at timestamptz,
    -- How far dunning has come: 0 not due, 1 at the due date, 2 to 4 after 3, 7 and 14 days.
    dunning_step smallint NOT NULL DEFAULT 0 CHECK (dunning_step BETWEEN 0 AND 4),
    -- When it came there: the next step keeps its distance, however late the last one was.
    dunned_at timestamptz,
    stripe_invoice_id text UNIQUE,
    pdf_key text,
    pdf_sha256 bytea,
    xml_key text,
    xml_sha256 bytea,
    rendered_at timestamptz,
    UNIQUE (series, number),
    CHECK ((state = 'draft') = (number IS NULL)),
    CHECK ((number IS NULL) = (series IS NULL) AND (number IS NULL) = (number_text IS NULL)
        AND (number IS NULL) = (issued_at IS NULL)),
    CHECK (state = 'draft' OR due_at IS NOT NULL),
    CHECK ((state = 'paid') = (paid_at IS NOT NULL)),
    CHECK ((state = 'void') = (voided_at IS NOT NULL)),
    CHECK (kind <> 'regular' OR (period_start IS NOT NULL AND period_end IS NOT NULL)),
    CHECK ((kind = 'credit_note') = (corrects IS NOT NULL)),
    CHECK (total_minor = net_minor + vat_minor),
    CHECK (CASE kind WHEN 'credit_note' THEN net_minor <= 0 AND vat_minor <= 0 ELSE net_minor >= 0 AND vat_minor >= 0 END)
);
-- A period is invoiced once, whoever closes it and how often.
CREATE UNIQUE INDEX invoice_of_period ON atelier.invoice (brand_id, period_start) WHERE kind = 'regular' AND state <> 'void';
CREATE INDEX invoice_by_brand ON atelier.invoice (brand_id, created_at DESC);
CREATE INDEX invoice_drafts ON atelier.invoice (period_end, brand_id) WHERE state = 'draft';
CREATE INDEX invoice_due ON atelier.invoice (due_at) WHERE state = 'open';
CREATE INDEX invoice_to_render ON atelier.invoice (issued_at) WHERE state <> 'draft' AND rendered_at IS NULL;
CREATE INDEX invoice_corrections ON atelier.invoice (corrects) WHERE corrects IS NOT NULL;

CREATE TABLE atelier.invoice_line (
    invoice_id uuid NOT NULL REFERENCES atelier.invoice (id) ON DELETE CASCADE,
    position integer NOT NULL CHECK (position > 0),
    kind text NOT NULL CHECK (kind IN ('fee', 'included', 'overage', 'correction')),
    description text NOT NULL,
    -- What a usage line counts, and the period it was used in: another than the invoice's is late usage.
    metric text,
    of_period timestamptz,
    -- The days a fee is for; the period for usage.
    service_start timestamptz,
    service_end timestamptz,
    quantity bigint NOT NULL,
    -- UN/ECE recommendation 20: MON a month, DAY a day, C62 one of what is counted, E34 a gigabyte.
    unit text NOT NULL CHECK (unit IN ('MON', 'DAY', 'C62', 'E34')),
    unit_price_e10 bigint NOT NULL CHECK (unit_price_e10 >= 0),
    -- quantity times price, rounded half up to the minor unit, once.
    net_minor bigint NOT NULL,
    -- domain::invoice::VatCategory.
    vat_category text NOT NULL CHECK (vat_category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O')),
    -- Hundredths of a percent: 8.1 % is 810.
    vat_rate_bp integer NOT NULL CHECK (vat_rate_bp BETWEEN 0 AND 10000),
    -- On a credit note, the line that it takes back.
    corrects_position integer,
    PRIMARY KEY (invoice_id, position),
    CHECK ((kind IN ('included', 'overage')) = (metric IS NOT NULL AND of_period IS NOT NULL)
        OR kind = 'correction'),
    CHECK ((kind = 'correction') = (corrects_position IS NOT NULL)),
    CHECK (CASE kind WHEN 'correction' THEN quantity <= 0 AND net_minor <= 0 ELSE quantity >= 0 AND net_minor >= 0 END)
);

-- Units used. of_period differs from period_start where the usage came after its own period was closed: it is
-- billed with the next, as late. A brand's usage is spread over a few shards, so that two transactions that
-- settle for one brand need not wait for each other.
CREATE TABLE atelier.usage_bucket (
    brand_id text NOT NULL,
    period_start timestamptz NOT NULL,
    metric text NOT NULL CHECK (metric IN ('generation', 'ar_view', 'api_call', 'storage', 'webhook_delivery')),
    of_period timestamptz NOT NULL,
    change_seq integer NOT NULL,
    shard smallint NOT NULL,
    units bigint NOT NULL CHECK (units >= 0),
    -- The invoice that bills it; once set, nothing is added.
    sealed_by uuid REFERENCES atelier.invoice (id),
    PRIMARY KEY (brand_id, period_start, metric, of_period, change_seq, shard),
    FOREIGN KEY (brand_id, period_start) REFERENCES atelier.billing_period (brand_id, period_start),
    CHECK (of_period <= period_start)
) WITH (fillfactor = 50);
CREATE INDEX usage_bucket_sealed ON atelier.usage_bucket (sealed_by) WHERE sealed_by IS NOT NULL;
CREATE INDEX usage_bucket_late ON atelier.usage_bucket (brand_id, of_period) WHERE of_period <> period_start;

-- Money that came in. Only added to; reference says what it was, so that it is booked once.
CREATE TABLE atelier.payment (
    id uuid PRIMARY KEY,
    invoice_id uuid NOT NULL REFERENCES atelier.invoice (id),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    method text NOT NULL,
    reference text NOT NULL UNIQUE,
    received_at timestamptz NOT NULL,
    noted_at timestamptz NOT NULL
);
CREATE INDEX payment_by_invoice ON atelier.payment (invoice_id);

-- Who changed what that concerns money. Only added to.
CREATE TABLE atelier.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    -- A duty, a command or a person: 'duty:billing', 'cli'.
    actor text NOT NULL,
    action text NOT NULL,
    brand_id text,
    -- The row it is about, such as 'invoice:<id>'.
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_by_subject ON atelier.audit_log (subject, id);
CREATE INDEX audit_log_by_brand ON atelier.audit_log (brand_id, id);

-- An issued invoice changes in what happens to it (state, dunning, documents), never in what it says, and a
-- state only goes forward. A document's hash is written once: rendering again must give the same bytes.
CREATE FUNCTION atelier.keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moving CONSTANT text[] := ARRAY['state', 'paid_at', 'voided_at', 'dunning_step', 'dunned_at', 'stripe_invoice_id', 'pdf_key',
        'pdf_sha256', 'xml_key', 'xml_sha256', 'rendered_at'];
BEGIN
    IF OLD.state = 'draft' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'invoice % was issued and cannot be deleted', OLD.number_text USING ERRCODE = 'restrict_violation';
    END IF;
    IF to_jsonb(OLD) - moving <> to_jsonb(NEW) - moving THEN
        RAISE EXCEPTION 'invoice % was issued and cannot be changed', OLD.number_text USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (('open', 'paid'), ('open', 'void'),
        ('open', 'uncollectible'), ('uncollectible', 'paid')) THEN
        RAISE EXCEPTION 'invoice % cannot become % from %', OLD.number_text, NEW.state, OLD.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.pdf_sha256 <> NEW.pdf_sha256 OR OLD.xml_sha256 <> NEW.xml_sha256 THEN
        RAISE EXCEPTION 'the documents of invoice % cannot be replaced', OLD.number_text
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_invoice BEFORE UPDATE OR DELETE ON atelier.invoice
    FOR EACH ROW EXECUTE FUNCTION atelier.keep_invoice();

CREATE FUNCTION atelier.keep_invoice_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_invoice CONSTANT uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END;
BEGIN
    IF EXISTS (SELECT 1 FROM atelier.invoice WHERE id = of_invoice AND state <> 'draft')
        OR (TG_OP = 'UPDATE' AND OLD.invoice_id <> NEW.invoice_id) THEN
        RAISE EXCEPTION 'the lines of an issued invoice cannot be changed (invoice %)', of_invoice
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER keep_invoice_line BEFORE INSERT OR UPDATE OR DELETE ON atelier.invoice_line
    FOR EACH ROW EXECUTE FUNCTION atelier.keep_invoice_line();

CREATE FUNCTION atelier.keep_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are only added', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER keep_added BEFORE UPDATE OR DELETE OR TRUNCATE ON atelier.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION atelier.keep_added();
CREATE TRIGGER keep_added BEFORE UPDATE OR DELETE OR TRUNCATE ON atelier.payment
    FOR EACH STATEMENT EXECUTE FUNCTION atelier.keep_added();
CREATE TRIGGER keep_added BEFORE UPDATE OR DELETE OR TRUNCATE ON atelier.subscription_change
    FOR EACH STATEMENT EXECUTE FUNCTION atelier.keep_added();
CREATE TRIGGER keep_invoice_all BEFORE TRUNCATE ON atelier.invoice
    FOR EACH STATEMENT EXECUTE FUNCTION atelier.keep_added();
CREATE TRIGGER keep_invoice_line_all BEFORE TRUNCATE ON atelier.invoice_line
    FOR EACH STATEMENT EXECUTE FUNCTION atelier.keep_added();

-- How many units of its quota a brand holds for jobs under way, when its next period begins. Made while
-- atelier.job is locked: one pass over the table.
CREATE INDEX job_reserved ON atelier.job (brand_id) WHERE quota = 'reserved';
