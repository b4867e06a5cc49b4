-- One job in every state, with what each of them leaves in the other tables. The rows keep the system's own rules:
-- a running job has a living session, a done one its pictures and one usage record, an ended one its event, a returned
-- unit of quota is counted in no brand. Brand "Tasse & Co" has five units taken: waiting, retried, running, done, held.

UPDATE "Brand" SET "subscriptionStatus" = 'ACTIVE', "monthlyGenerations" = 5 WHERE "id" = 'clq1brand0001tasseco';

INSERT INTO "Product" ("id", "brandId", "name", "slug", "price", "baseImage", "baseImageUrl", "promptTemplate", "aiProvider",
    "status", "tags", "publishedAt", "createdAt", "updatedAt")
VALUES ('prod_cup', 'clq1brand0001tasseco', 'Espresso cup', 'espresso-cup', 24.00, 'base/0011223344.jpg',
    'https://pictures.example/media/base/0011223344.jpg', 'A motif for a cup', 'synthetic', 'ACTIVE', '{}',
    '2026-01-10 08:00:00', '2026-01-10 08:00:00', '2026-01-10 08:00:00');

INSERT INTO "Generation" ("id", "brandId", "productId", "publicId", "sessionId", "customizations", "finalPrompt",
    "aiProvider", "model", "quality", "status", "outputUrl", "thumbnailUrl", "aiResponse", "processingTime", "cost",
    "errorCode", "errorMessage", "createdAt", "completedAt")
VALUES
    ('019bb4a0-0000-7000-8000-000000000001', 'clq1brand0001tasseco', 'prod_cup', 'gen_00000000000000000000000000000001',
     's1', '{}', '', 'synthetic', 'marble-1', 'standard', 'PENDING', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     '2026-01-12 10:00:00', NULL),
    ('019bb4a0-0000-7000-8000-000000000002', 'clq1brand0001tasseco', 'prod_cup', 'gen_00000000000000000000000000000002',
     's1', '{}', '', 'synthetic', 'marble-1', 'standard', 'PENDING', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     '2026-01-12 10:00:01', NULL),
    ('019bb4a0-0000-7000-8000-000000000003', 'clq1brand0001tasseco', 'prod_cup', 'gen_00000000000000000000000000000003',
     NULL, '{}', '', 'synthetic', 'marble-1', 'standard', 'PROCESSING', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     '2026-01-12 10:00:02', NULL),
    ('019bb4a0-0000-7000-8000-000000000004', 'clq1brand0001tasseco', 'prod_cup', 'gen_00000000000000000000000000000004',
     NULL, '{}', 'A motif for a cup', 'synthetic', 'marble-1', 'standard', 'COMPLETED',
     'https://pictures.example/media/gen_00000000000000000000000000000004/full',
     'https://pictures.example/media/gen_00000000000000000000000000000004/thumbnail', '{"stages_ms": {"provider": 160}}',
     412, 0.040000, NULL, NULL, '2026-01-12 10:00:03', '2026-01-12 10:00:04'),
    ('019bb4a0-0000-7000-8000-000000000005', 'clq1brand0001tasseco', 'prod_cup', 'gen_00000000000000000000000000000005',
     NULL, '{}', 'A motif for a cup', 'synthetic', 'marble-1', 'standard', 'FAILED', NULL, NULL, NULL, NULL, NULL,
     'content_policy', 'refused', '2026-01-12 10:00:04', '2026-01-12 10:00:05'),
    ('019bb4a0-0000-7000-8000-000000000006', 'clq1brand0001tasseco', 'prod_cup', 'gen_00000000000000000000000000000006',
     NULL, '{}', '', 'synthetic', 'marble-1', 'standard', 'FAILED', NULL, NULL, NULL, NULL, NULL,
     'canceled', 'canceled', '2026-01-12 10:00:05', '2026-01-12 10:00:06'),
    ('019bb4a0-0000-7000-8000-000000000007', 'clq1brand0001tasseco', 'prod_cup', 'gen_00000000000000000000000000000007',
     NULL, '{}', '', 'synthetic', 'marble-1', 'standard', 'EXPIRED', NULL, NULL, NULL, NULL, NULL,
     'expired', 'expired', '2026-01-12 10:00:06', '2026-01-12 10:01:06'),
    ('019bb4a0-0000-7000-8000-000000000008', 'clq1brand0001tasseco', 'prod_cup', 'gen_00000000000000000000000000000008',
     NULL, '{}', '', 'synthetic', 'marble-1', 'standard', 'PROCESSING', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     '2026-01-12 10:00:07', NULL);

INSERT INTO atelier.worker_session (id, host, pid, slots, started_at, expires_at, ended_at)
VALUES
    ('019bb49f-0000-7000-8000-00000000000a', 'worker-a', 4711, 16, '2026-01-12 09:00:00+00', '2026-01-12 10:00:20+00', NULL),
    ('019bb49f-0000-7000-8000-00000000000b', 'worker-b', 4712, 16, '2026-01-12 09:00:00+00', '2026-01-12 09:30:15+00',
     '2026-01-12 09:30:16+00');

INSERT INTO atelier.job (id, brand_id, product_id, key_id, lane, priority, state, run_at, start_by, deadline, fence,
    session_id, dispatched_at, tries, crashes, quota, reason, trace_parent, created_at, claimed_at, ended_at)
SELECT ('019bb4a0-0000-7000-8000-00000000000' || n)::uuid, 'clq1brand0001tasseco', 'prod_cup',
    '019bb4a0-0000-7000-8000-00000000000f', lane, 0, state, created_at, start_by, deadline, fence,
    CASE WHEN state = 'running' THEN '019bb49f-0000-7000-8000-00000000000a'::uuid END,
    dispatched_at, tries, crashes, quota, reason, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    created_at, CASE WHEN fence > 0 THEN created_at + interval '50 ms' END, ended_at
FROM (VALUES
    (1, 'starter', 'waiting', '2026-01-12 10:00:00+00'::timestamptz, '2026-01-12 10:10:00+00'::timestamptz,
     '2026-01-12 10:20:00+00'::timestamptz, 0, '2026-01-12 10:00:00.1+00'::timestamptz, 0, 0, 'reserved', NULL, NULL::timestamptz),
    (2, 'retry', 'waiting', '2026-01-12 10:00:01+00', NULL, NULL, 2, NULL, 1, 1, 'reserved', 'unavailable', NULL),
    (3, 'starter', 'running', '2026-01-12 10:00:02+00', NULL, NULL, 1, NULL, 0, 0, 'reserved', NULL, NULL),
    (4, 'starter', 'done', '2026-01-12 10:00:03+00', NULL, NULL, 1, NULL, 0, 0, 'committed', NULL, '2026-01-12 10:00:04+00'),
    (5, 'starter', 'failed', '2026-01-12 10:00:04+00', NULL, NULL, 1, NULL, 0, 0, 'released', 'content_policy', '2026-01-12 10:00:05+00'),
    (6, 'starter', 'canceled', '2026-01-12 10:00:05+00', NULL, NULL, 0, NULL, 0, 0, 'released', 'canceled', '2026-01-12 10:00:06+00'),
    (7, 'starter', 'expired', '2026-01-12 10:00:06+00', '2026-01-12 10:01:06+00', NULL, 0, NULL, 0, 0, 'released', 'expired', '2026-01-12 10:01:06+00'),
    (8, 'retry', 'held', '2026-01-12 10:00:07+00', NULL, NULL, 3, NULL, 0, 3, 'reserved', 'crashed', NULL)
) AS j (n, lane, state, created_at, start_by, deadline, fence, dispatched_at, tries, crashes, quota, reason, ended_at);

INSERT INTO atelier.request_option (job_id, template_id, webhook_url, metadata, widths)
VALUES ('019bb4a0-0000-7000-8000-000000000004', NULL, NULL, '{"order": 17}', '{640}');

-- One attempt in every state of the ledger; only the open ones of waiting, running and held jobs are read again.
INSERT INTO atelier.attempt (id, job_id, fence, provider, model, state, provider_ref, raw_key, cost_micros, error_code,
    opened_at, closed_at)
VALUES
    ('019bb4a1-0000-7000-8000-000000000021', '019bb4a0-0000-7000-8000-000000000002', 1, 'synthetic', 'marble-1',
     'rejected', NULL, NULL, 0, 'unavailable', '2026-01-12 10:00:01.1+00', '2026-01-12 10:00:01.3+00'),
    ('019bb4a1-0000-7000-8000-000000000022', '019bb4a0-0000-7000-8000-000000000002', 2, 'synthetic', 'marble-1',
     'submitting', NULL, NULL, 0, NULL, '2026-01-12 10:00:02.1+00', NULL),
    ('019bb4a1-0000-7000-8000-000000000031', '019bb4a0-0000-7000-8000-000000000003', 1, 'synthetic', 'marble-1',
     'accepted', 'ref_31', NULL, 0, NULL, '2026-01-12 10:00:02.2+00', NULL),
    ('019bb4a1-0000-7000-8000-000000000041', '019bb4a0-0000-7000-8000-000000000004', 1, 'synthetic', 'marble-1',
     'settled', 'ref_41', 'raw/019bb4a0-0000-7000-8000-000000000004/019bb4a1-0000-7000-8000-000000000041', 40000, NULL,
     '2026-01-12 10:00:03.1+00', '2026-01-12 10:00:04+00'),
    ('019bb4a1-0000-7000-8000-000000000051', '019bb4a0-0000-7000-8000-000000000005', 1, 'synthetic', 'marble-1',
     'rejected', NULL, NULL, 0, 'content_policy', '2026-01-12 10:00:04.1+00', '2026-01-12 10:00:05+00'),
    ('019bb4a1-0000-7000-8000-000000000081', '019bb4a0-0000-7000-8000-000000000008', 1, 'synthetic', 'marble-1',
     'fetched', 'ref_81', 'raw/019bb4a0-0000-7000-8000-000000000008/019bb4a1-0000-7000-8000-000000000081', 40000, NULL,
     '2026-01-12 10:00:07.1+00', NULL);

INSERT INTO atelier.asset (job_id, variant, object_key, content_type, width_px, height_px, size_bytes, sha256)
VALUES
    ('019bb4a0-0000-7000-8000-000000000004', 'full', 'out/019bb4a0-0000-7000-8000-000000000004/full.png', 'image/png',
     1024, 1024, 812345, decode(repeat('aa', 32), 'hex')),
    ('019bb4a0-0000-7000-8000-000000000004', 'thumbnail', 'out/019bb4a0-0000-7000-8000-000000000004/thumbnail.jpg',
     'image/jpeg', 300, 300, 18234, decode(repeat('bb', 32), 'hex'));

INSERT INTO "UsageRecord" ("id", "brandId", "type", "count", "metadata", "recordedAt")
VALUES ('generation:019bb4a0-0000-7000-8000-000000000004', 'clq1brand0001tasseco', 'generation', 1,
    '{"generation_id": "019bb4a0-0000-7000-8000-000000000004", "provider_cost_micros": 40000}', '2026-01-12 10:00:04');

INSERT INTO atelier.outbox (id, brand_id, kind, dedupe_key, body, created_at)
VALUES
    ('019bb4a2-0000-7000-8000-000000000001', 'clq1brand0001tasseco', 'generation.completed',
     'generation.completed:019bb4a0-0000-7000-8000-000000000004',
     '{"type":"generation.completed","timestamp":"2026-01-12T10:00:04.000Z","data":{}}', '2026-01-12 10:00:04+00'),
    ('019bb4a2-0000-7000-8000-000000000002', 'clq1brand0001tasseco', 'generation.failed',
     'generation.failed:019bb4a0-0000-7000-8000-000000000005',
     '{"type":"generation.failed","timestamp":"2026-01-12T10:00:05.000Z","data":{}}', '2026-01-12 10:00:05+00'),
    ('019bb4a2-0000-7000-8000-000000000003', 'clq1brand0001tasseco', 'generation.failed',
     'generation.failed:019bb4a0-0000-7000-8000-000000000006',
     '{"type":"generation.failed","timestamp":"2026-01-12T10:00:06.000Z","data":{}}', '2026-01-12 10:00:06+00'),
    ('019bb4a2-0000-7000-8000-000000000004', 'clq1brand0001tasseco', 'generation.failed',
     'generation.failed:019bb4a0-0000-7000-8000-000000000007',
     '{"type":"generation.failed","timestamp":"2026-01-12T10:01:06.000Z","data":{}}', '2026-01-12 10:01:06+00');

INSERT INTO atelier.idempotency_key (scope, key, fingerprint, job_id, public_id, created_at)
VALUES ('019bb4a0-0000-7000-8000-00000000000f', 'order-17', decode(repeat('ab', 32), 'hex'),
    '019bb4a0-0000-7000-8000-000000000004', 'gen_00000000000000000000000000000004', '2026-01-12 10:00:03+00');

INSERT INTO atelier.api_key (id, brand_id, kind, name, hash, prefix, last_four, origins, created_at, revoked_at)
VALUES
    ('019bb4a0-0000-7000-8000-00000000000f', 'clq1brand0001tasseco', 'secret', 'server', decode(repeat('01', 32), 'hex'),
     'sk_sampl', '0001', '{}', '2026-01-10 08:00:00+00', NULL),
    ('019bb4a0-0000-7000-8000-000000000010', 'clq1brand0001tasseco', 'publishable', 'shop', decode(repeat('02', 32), 'hex'),
     'pk_sampl', '0002', '{https://tasse-co.example,https://*.tasse-co.example}', '2026-01-10 08:00:00+00', NULL),
    ('019bb4a0-0000-7000-8000-000000000011', 'clq1brand0001tasseco', 'secret', 'old server',
     decode(repeat('03', 32), 'hex'), 'sk_sampl', '0003', '{}', '2026-01-09 08:00:00+00', '2026-01-10 08:00:00+00');

INSERT INTO atelier.duty_lease (duty, holder, term, expires_at, last_run_at, last_outcome, last_detail)
VALUES ('dispatch', '019bb49e-0000-7000-8000-000000000001', 3, '2026-01-12 10:00:15+00', '2026-01-12 10:00:05+00', 'ok',
    'nothing to do');

INSERT INTO atelier.stream_epoch (shard, epoch, since)
VALUES (0, '019bb49e-0000-7000-8000-0000000000ee', '2026-01-12 08:59:00+00');
