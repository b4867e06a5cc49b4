-- A sealed secret and the one before it, an endpoint with everything set, a host that requests name, a
-- delivery in every state with a try, a wake and a repair that is under way.
UPDATE atelier.webhook_endpoint
SET operational = '{quota.threshold,invoice.finalized}', payload_format = 'standard',
    headers = '{"x-shop": "1"}', max_in_flight = 1, rate_per_s = 2.5, ordered = true
WHERE webhook_id = 'clq1hook0000000000000001';
INSERT INTO "Webhook" ("id", "brandId", "name", "url", "secret", "events", "updatedAt")
VALUES ('whr_0011', 'clq1brand0001tasseco', 'Requests to shop.example', 'https://shop.example', 'sealed', '{}',
    '2026-11-01 00:00:00');
INSERT INTO atelier.webhook_endpoint (webhook_id, brand_id, kind, payload_format)
VALUES ('whr_0011', 'clq1brand0001tasseco', 'request', 'standard');
INSERT INTO atelier.webhook_lane (webhook_id, due_at, breaker, breaker_until, failures, first_failure_at)
VALUES ('whr_0011', '2026-11-01T00:01:00Z', 'open', '2026-11-01T00:02:00Z', 6, '2026-11-01T00:00:00Z');
INSERT INTO atelier.webhook_secret (id, brand_id, webhook_id, kind, sealed, sealed_with, created_at, expires_at)
VALUES
    ('0198f3a0-0000-7000-8000-000000000101', 'clq1brand0000maisondore', 'clq1hook0000000000000001', 'hmac', '\x00', 'k1',
     '2026-11-01T00:00:00Z', NULL),
    ('0198f3a0-0000-7000-8000-000000000102', 'clq1brand0000maisondore', 'clq1hook0000000000000001', 'hmac', '\x01', 'k1',
     '2026-10-01T00:00:00Z', '2026-11-02T00:00:00Z'),
    ('0198f3a0-0000-7000-8000-000000000103', 'clq1brand0001tasseco', NULL, 'hmac', '\x02', 'k1', '2026-11-01T00:00:00Z',
     NULL);
INSERT INTO atelier.outbox (id, brand_id, kind, dedupe_key, body, created_at)
SELECT ('0198f3a0-0000-7000-8000-00000000020' || n)::uuid, 'clq1brand0000maisondore', 'generation.completed',
    'generation.completed:sample-' || n, '{"type":"generation.completed","timestamp":"2026-11-01T00:00:00.000Z","data":{}}',
    '2026-11-01T00:00:00Z'
FROM generate_series(1, 4) AS n;
INSERT INTO atelier.webhook_delivery (event_id, webhook_id, status, trigger, attempt, tries, next_at, last_status_code,
    last_error, created_at, delivered_at)
SELECT ('0198f3a0-0000-7000-8000-00000000020' || n)::uuid, 'clq1hook0000000000000001',
    (ARRAY['pending', 'delivered', 'exhausted', 'skipped'])[n], 'event', 1, 1, '2026-11-01T00:05:00Z',
    CASE n WHEN 2 THEN 200 ELSE 500 END, CASE n WHEN 2 THEN NULL ELSE 'status' END, '2026-11-01T00:00:00Z',
    CASE n WHEN 2 THEN '2026-11-01T00:00:01Z'::timestamptz END
FROM generate_series(1, 4) AS n;
INSERT INTO atelier.webhook_wake (webhook_id) VALUES ('clq1hook0000000000000001');
INSERT INTO atelier.webhook_attempt (log_id, event_id, webhook_id, attempt, trigger, url, remote_ip, dns_ms, connect_ms,
    first_byte_ms, created_at)
VALUES ('clq1log00000000000000001', '0198f3a0-0000-7000-8000-000000000202', 'clq1hook0000000000000001', 1, 'event',
    'https://maison-doree.example/hooks', '203.0.113.7', 3, 20, 61, '2026-11-01T00:00:01Z');
INSERT INTO atelier.bulk_job (id, brand_id, webhook_id, kind, state, since, until, cursor_at, cursor_seq, looked_at, queued,
    created_at, updated_at)
VALUES ('0198f3a0-0000-7000-8000-000000000301', 'clq1brand0000maisondore', 'clq1hook0000000000000001', 'recover',
    'running', '2026-10-25T00:00:00Z', '2026-11-01T00:00:00Z', '2026-10-26T00:00:00Z', 17, 17, 5, '2026-11-01T00:00:00Z',
    '2026-11-01T00:00:05Z');
