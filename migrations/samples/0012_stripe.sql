-- An invoice that is half way to Stripe, and the event of another one's payment.
INSERT INTO atelier.stripe_op (idempotency_key, brand_id, invoice_id, seq, kind, parameters, sent, first_sent_at, state,
    stripe_id, tries, next_at, fence, created_at, done_at)
VALUES ('atelier:customer:clq1brand0001tasseco:v1', 'clq1brand0001tasseco', NULL, 0, 'customer', '{"name": "Tasse & Co"}',
    '{"name": "Tasse & Co"}', '2026-02-10T01:00:01Z', 'done', 'cus_1', 1, '2026-02-10T01:00:00Z', 1,
    '2026-02-10T01:00:00Z', '2026-02-10T01:00:02Z');
INSERT INTO atelier.stripe_op (idempotency_key, brand_id, invoice_id, seq, kind, parameters, next_at, created_at)
VALUES ('atelier:invoice:019c4a00-0000-7000-8000-000000000001:v1', 'clq1brand0001tasseco',
    '019c4a00-0000-7000-8000-000000000001', 1, 'invoice', '{"currency": "eur"}', '2026-02-10T01:00:00Z',
    '2026-02-10T01:00:00Z');
INSERT INTO atelier.stripe_event (id, kind, stripe_invoice_id, effect, happened_at, received_at)
VALUES ('evt_1', 'invoice.paid', 'in_other', 'not_ours', '2026-02-20T00:00:00Z', '2026-02-20T00:00:01Z');
