-- One that was let through, and one that was refused.
INSERT INTO atelier.moderation (job_id, decision, categories, decided_at)
SELECT id, 'passed', '{}', '2026-11-02T00:00:00Z' FROM atelier.job ORDER BY id LIMIT 1;
INSERT INTO atelier.moderation (job_id, decision, categories, decided_at)
SELECT id, 'flagged', '{violence}', '2026-11-02T00:00:00Z' FROM atelier.job ORDER BY id OFFSET 1 LIMIT 1;
