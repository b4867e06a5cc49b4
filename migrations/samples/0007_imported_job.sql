INSERT INTO atelier.imported_job (source, former_id, job_id, payload, imported_at)
VALUES ('bull:generation:42', 'clqgen0000000000000000001', '019bb4a0-0000-7000-8000-000000000001', '{"name": "generate"}',
    '2026-02-01T09:00:00Z');
