-- A brand in its second period: the first was invoiced and paid in part by credit, usage is counted, some of it late.
INSERT INTO atelier.subscription_change (brand_id, seq, effective_at, plan, status, reason, noted_at)
VALUES ('clq1brand0001tasseco', 1, '2026-01-10T00:00:00Z', 'FREE', 'TRIALING', 'initial', '2026-01-10T08:00:00Z'),
    ('clq1brand0001tasseco', 2, '2026-01-20T09:30:00Z', 'STARTER', 'ACTIVE', 'operator', '2026-01-20T09:30:00Z');
INSERT INTO atelier.billing_period (brand_id, period_start, period_end, anchor_day, fee_from, change_seq, carried_units,
    status, closed_at)
VALUES ('clq1brand0001tasseco', '2026-01-10T00:00:00Z', '2026-02-10T00:00:00Z', 10, '2026-01-10T00:00:00Z', 2, 7,
     'closed', '2026-02-10T01:00:00Z'),
    ('clq1brand0001tasseco', '2026-02-10T00:00:00Z', '2026-03-10T00:00:00Z', 10, '2026-02-10T00:00:00Z', 2, 0,
     'open', NULL);
INSERT INTO atelier.billing_profile (brand_id, buyer, payment_days, updated_at)
VALUES ('clq1brand0001tasseco', '{"name": "Tasse & Co SARL", "address": {"country": "FR", "city": "Lyon"},
    "vat_id": "FR32123456789", "contact": {"email": "compta@tasse-co.example"}, "language": "fr"}', 30,
    '2026-01-11T00:00:00Z');
INSERT INTO atelier.invoice_series (series, next_number) VALUES ('INV-2026', 2), ('CN-2026', 2);
INSERT INTO atelier.invoice (id, brand_id, kind, state, period_start, period_end, currency, net_minor, total_minor,
    created_at, document)
VALUES ('019c4a00-0000-7000-8000-000000000001', 'clq1brand0001tasseco', 'regular', 'draft', '2026-01-10T00:00:00Z',
    '2026-02-10T00:00:00Z', 'EUR', 2058, 2058, '2026-02-10T01:00:00Z', '{}');
INSERT INTO atelier.invoice_line (invoice_id, position, kind, description, metric, of_period, service_start, service_end,
    quantity, unit, unit_price_e10, net_minor, vat_category, vat_rate_bp)
VALUES ('019c4a00-0000-7000-8000-000000000001', 1, 'fee', 'STARTER plan', NULL, NULL, '2026-01-20T00:00:00Z',
     '2026-02-10T00:00:00Z', 22, 'DAY', 9354838710, 2058, 'O', 0),
    ('019c4a00-0000-7000-8000-000000000001', 2, 'included', 'Generations included', 'generation', '2026-01-10T00:00:00Z',
     '2026-01-10T00:00:00Z', '2026-02-10T00:00:00Z', 1, 'C62', 0, 0, 'O', 0);
UPDATE atelier.invoice SET state = 'open', series = 'INV-2026', number = 1, number_text = 'INV-2026-000001',
    issued_at = '2026-02-10T01:00:00Z',
    due_at = '2026-02-24T01:00:00Z'
WHERE id = '019c4a00-0000-7000-8000-000000000001';
INSERT INTO "Invoice" ("id", "brandId", "stripeInvoiceId", "amount", "currency", "status", "periodStart", "periodEnd", "createdAt")
VALUES ('019c4a00-0000-7000-8000-000000000001', 'clq1brand0001tasseco', 'atelier_019c4a00-0000-7000-8000-000000000001',
    20.58, 'eur', 'open', '2026-01-10', '2026-02-10', '2026-02-10 01:00:00');
INSERT INTO atelier.invoice (id, brand_id, kind, state, corrects, currency, net_minor, total_minor, reason, created_at,
    document)
VALUES ('019c4a00-0000-7000-8000-000000000002', 'clq1brand0001tasseco', 'credit_note', 'draft',
    '019c4a00-0000-7000-8000-000000000001', 'EUR', -94, -94, 'one day without service', '2026-02-12T00:00:00Z', '{}');
INSERT INTO atelier.invoice_line (invoice_id, position, kind, description, quantity, unit, unit_price_e10, net_minor,
    vat_category, vat_rate_bp, corrects_position)
VALUES ('019c4a00-0000-7000-8000-000000000002', 1, 'correction', 'STARTER plan', -1, 'DAY', 9354838710, -94, 'O', 0, 1);
UPDATE atelier.invoice SET state = 'paid', paid_at = '2026-02-12T00:00:00Z', series = 'CN-2026', number = 1,
    number_text = 'CN-2026-000001',
    issued_at = '2026-02-12T00:00:00Z',
    due_at = '2026-02-12T00:00:00Z'
WHERE id = '019c4a00-0000-7000-8000-000000000002';
INSERT INTO atelier.usage_bucket (brand_id, period_start, metric, of_period, change_seq, shard, units, sealed_by)
VALUES ('clq1brand0001tasseco', '2026-01-10T00:00:00Z', 'generation', '2026-01-10T00:00:00Z', 1, 0, 1,
     '019c4a00-0000-7000-8000-000000000001'),
    ('clq1brand0001tasseco', '2026-02-10T00:00:00Z', 'generation', '2026-02-10T00:00:00Z', 2, 3, 12, NULL),
    ('clq1brand0001tasseco', '2026-02-10T00:00:00Z', 'generation', '2026-01-10T00:00:00Z', 2, 0, 1, NULL);
INSERT INTO atelier.payment (id, invoice_id, amount_minor, currency, method, reference, received_at, noted_at)
VALUES ('019c4a00-0000-7000-8000-000000000003', '019c4a00-0000-7000-8000-000000000001', 1964, 'EUR', 'transfer',
    'bank:2026-02-20/17', '2026-02-20T00:00:00Z', '2026-02-20T10:00:00Z');
INSERT INTO atelier.audit_log (at, actor, action, brand_id, subject, detail)
VALUES ('2026-02-20T10:00:00Z', 'cli', 'invoice.paid', 'clq1brand0001tasseco',
    'invoice:019c4a00-0000-7000-8000-000000000001', '{"amount_minor": 1964}');
